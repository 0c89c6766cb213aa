"""A folder of short clips with captions, and the random models that learn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from diffusers import AutoencoderKL

from fakes.audioldm2 import seeded, vae, write_audiomae, write_folder

LEVELS = {
    "block_out_channels": (8, 8, 8, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}


def write_clips(folder: Path, seconds: tuple[float, ...] = (1.0, 2.0, 11.0, 0.5, 3.0), rate: int = 22_050) -> Path:
    """`clipN.wav`, stereo tones of different pitch, each with its caption."""
    folder.mkdir(parents=True)
    for number, length in enumerate(seconds):
        tone = np.sin(2 * np.pi * 110 * (number + 2) * np.arange(round(length * rate)) / rate)
        soundfile.write(folder / f"clip{number}.wav", np.stack([0.4 * tone, 0.1 * tone], 1), rate)
        (folder / f"clip{number}.txt").write_text(f"a recording of a {('violin', 'piano')[number % 2]} solo\n")
    return folder


def write_models(folder: Path) -> None:
    """`audioldm2` and `audiomae.pth` of the smallest sizes, a latent frame being 8 mel frames: a sixteenth of the
    attention of the published 4."""
    write_folder(folder / "audioldm2", audio_tower=False)
    with seeded(0):
        coarse = AutoencoderKL.from_config(dict(vae().config) | LEVELS)
        coarse.save_pretrained(folder / "audioldm2" / "vae")
    write_audiomae(folder / "audiomae.pth")
