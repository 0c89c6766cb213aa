"""A pack of random weights in the published formats, with MusicGen's true frame rate: real work, small numbers."""

from __future__ import annotations

from pathlib import Path

import torch
from punchin_server.models.musicgen import weights
from punchin_server.models.musicgen.airgen import AdapterWeights
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_server.packs.registry import Base, Manifest, PackFile, SamplingDefaults, sha256, write_manifest

from fakes.codec_files import TINY, random_model, save_audiocraft

CONFIG = LMConfig(layers=2, width=32, heads=4, card=32, text_width=8)
XP_CFG = "transformer_lm: {n_q: 4, card: 32, dim: 32, num_heads: 4, num_layers: 2}"
CONTROLS = ("chord", "drums", "piano")


def write(folder: Path) -> Path:
    """The pack `mini` in `folder`: windows of 2 s, 50 frames a second, three controls."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    state = weights.scatter(MusicGen(CONFIG, 4).state_dict(), weights.audiocraft_pieces(CONFIG))
    torch.save({"best_state": state, "xp.cfg": XP_CFG}, folder / "state_dict.bin")
    codec = random_model(TINY | {"upsampling_ratios": [8, 5, 4, 4]})
    save_audiocraft(codec, folder / "compression_state_dict.bin")
    for control in CONTROLS:
        adapter = AdapterWeights(torch.randn(2, 4, 3, 32), torch.randn(2, 4))
        torch.save(adapter._asdict(), folder / f"{control}.pth")
    files = tuple(PackFile(p.name, p.stat().st_size, sha256(p)) for p in sorted(folder.iterdir()))
    manifest = Manifest(
        name="mini",
        version="1",
        licence="CC0-1.0",
        source="random numbers",
        created="2026-01-01",
        base=Base("state_dict.bin", "compression_state_dict.bin"),
        adapters={control: f"{control}.pth" for control in CONTROLS},
        window_frames=100,
        sampling=SamplingDefaults(1.0, 16, 1.0),
        chord_rhythm="clean",
        loudness=-20.0,
        files=files,
    )
    write_manifest(folder, manifest)
    return folder
