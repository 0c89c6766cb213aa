"""A song in the fake REAPER: drums, keys, a chord track, a tempo that glides, a bar of 3/4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from punchin_bridge.music.tempo_map import Tempo, TimeSignature

from fakes.reaper_project import Project, audio_item, midi_item

RATE = 12_000
SECONDS = 10.0


def write(path: Path, channels: int, seconds: float = SECONDS, rate: int = RATE, seed: int = 0) -> Path:
    sound = np.random.default_rng(seed).uniform(-0.3, 0.3, (round(seconds * rate), channels))
    soundfile.write(path, sound, rate, subtype="FLOAT")
    return path


def song(folder: Path, rate: int = RATE) -> Project:
    """[2, 4) s of `Keys` are selected; its files are noise, so every sample counts."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Project(folder, rate)
    made.add("Drums", audio_item(write(folder / "drums.wav", 1, rate=rate, seed=1), 0.0))
    made.add("Keys", audio_item(write(folder / "keys.wav", 2, rate=rate), 0.0)).selected = True
    made.add("Chords", midi_item(0.0, SECONDS, *((0.0, 4.0, pitch) for pitch in (60, 64, 67)), quarters=4.0))
    made.tempos = (Tempo(0.0, 120.0), Tempo(8.0, 120.0, "time"), Tempo(12.0, 90.0))
    made.time_signatures = (TimeSignature(0.0), TimeSignature(8.0, 3, 4))
    made.selection = (2.0, 4.0)
    return made
