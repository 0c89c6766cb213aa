"""Notes to audio through a General MIDI soundfont.

Knows notes and samples; knows nothing about chords, songs or models. The default soundfont is the one
pretty_midi ships (TimGM6mb, GPL-2), used where it lies and never copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import symusic
from numpy.typing import NDArray
from punchin_wire.messages import Note

LAYERS = 16  # velocity layers


def default_soundfont() -> Path:
    """The General MIDI soundfont that comes with pretty_midi."""
    return Path(str(files("pretty_midi") / "TimGM6mb.sf2"))


def render(
    notes: Iterable[Note], seconds: float, sample_rate: int = 32_000, soundfont: Path | None = None
) -> NDArray[np.float32]:
    """Mono float32 [round(seconds * sample_rate)]; notes beyond the end are cut, a note before 0 starts at 0."""
    length = round(seconds * sample_rate)
    audio = np.zeros(length, np.float32)
    synthesizer = _synthesizer(str(soundfont or default_soundfont()), sample_rate)
    # symusic 0.5.8 plays every note at full velocity, so each velocity layer is rendered on its own and scaled
    # by the soundfont standard's default curve, amplitude ~ (velocity / 127)^2.
    for layer, members in _layers(notes, seconds).items():
        score = symusic.Score(480, ttype="second")
        for (program, drum), track_notes in members.items():
            track = symusic.Track(program=program, is_drum=drum, ttype="second")
            for note in track_notes:
                start, end = max(note.start, 0.0), min(note.end, seconds)
                track.notes.append(symusic.Note(start, end - start, note.pitch, 127, ttype="second"))
            score.tracks.append(track)
        mono = np.asarray(synthesizer.render(score, stereo=True)).mean(axis=0)[:length]
        audio[: len(mono)] += mono * np.float32(((layer + 0.5) / LAYERS) ** 2)
    return audio


def _layers(notes: Iterable[Note], seconds: float) -> dict[int, dict[tuple[int, bool], list[Note]]]:
    """Audible notes by velocity layer, then by instrument."""
    layers: dict[int, dict[tuple[int, bool], list[Note]]] = defaultdict(lambda: defaultdict(list))
    for note in notes:
        if note.velocity > 0 and note.start < seconds and note.end > max(note.start, 0.0):
            layers[note.velocity * LAYERS // 128][note.program, note.drum].append(note)
    return layers


@lru_cache(maxsize=4)
def _synthesizer(soundfont: str, sample_rate: int) -> Any:
    return symusic.Synthesizer(soundfont, sample_rate, 0)
