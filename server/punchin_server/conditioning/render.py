"""Notes to audio through a General MIDI soundfont.

Knows notes and samples; knows nothing about chords, songs or models. What is played here is plain: samples, loops,
volume envelopes, velocity; no filters or vibrato. :mod:`.fluidsynth` plays as FluidSynth does. Both are mono, as the
model hears, and dry. The default soundfont is the one pretty_midi ships (TimGM6mb, GPL-2), used where it lies and
never copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from punchin_wire.messages import Note

from . import Style
from .soundfont import FULL_SCALE, Soundfont, Zone

LONGEST_RELEASE = 1.0  # seconds
SILENT_DB = 100.0  # decay and release times are given for a fall of 100 dB
MASTER = 0.5


def default_soundfont() -> Path:
    """The General MIDI soundfont that comes with pretty_midi."""
    return Path(str(files("pretty_midi") / "TimGM6mb.sf2"))


def render(
    notes: Iterable[Note],
    seconds: float,
    sample_rate: int = 32_000,
    soundfont: Path | None = None,
    *,
    style: Style = "plain",
    origin: float = 0.0,
) -> NDArray[np.float32]:
    """Mono float32 [round(seconds * sample_rate)] of the music from `origin` seconds on.

    Notes beyond the end are cut, a note before `origin` starts there. Raises FileMissing, PackCorrupt for a soundfont
    that cannot be read.
    """
    font = _load(soundfont or default_soundfont())
    audio = np.zeros(round(seconds * sample_rate), np.float32)
    if style == "published":
        from .fluidsynth import perform  # brings scipy

        return perform(font, notes, origin, len(audio), sample_rate) * np.float32(MASTER)
    for note in notes:
        start = round(max(note.start - origin, 0.0) * sample_rate)
        length = min(round((note.end - origin) * sample_rate), len(audio)) - start
        if start >= len(audio) or length <= 0:
            continue
        loudness = MASTER * (note.velocity / 127) ** 2  # the format's default velocity curve
        for zone in font.zones(note.program, note.drum, note.pitch, note.velocity):
            gain = np.float32(loudness * zone.gain)
            for at, part in _voice(zone, note.pitch, length, sample_rate):
                audible = part[: max(0, len(audio) - start - at)]
                audio[start + at : start + at + len(audible)] += audible * gain
    return audio


def _voice(zone: Zone, pitch: int, length: int, sample_rate: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """A key held for `length` samples, and its release: each with where it begins."""
    release = _release(zone.release, sample_rate)
    # Lengths rounded up to powers of two let notes of one key share a waveform.
    held = _held(zone, pitch, 1 << (length + len(release) - 1).bit_length(), sample_rate)
    yield 0, held[:length]
    tail = held[length : length + len(release)]
    yield length, tail * release[: len(tail)]


@lru_cache(maxsize=128)
def _release(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """The fall after a key is let go, until it ends or is cut. Powers are slow, and few releases are in one font."""
    passed = np.arange(int(min(seconds, LONGEST_RELEASE) * sample_rate), dtype=np.float32)
    curve: NDArray[np.float32] = 10 ** (-SILENT_DB / 20 / (seconds * sample_rate) * passed)
    return curve


@lru_cache(maxsize=512)
def _held(zone: Zone, pitch: int, length: int, sample_rate: int) -> NDArray[np.float32]:
    """A key held for at most `length` samples; shorter where the sample ends and does not loop."""
    ratio = 2 ** ((pitch - zone.root) * zone.scale / 12) * zone.rate / sample_rate
    position = np.arange(length) * ratio
    if zone.loop is None:
        position = position[: int((len(zone.samples) - 2) / ratio) + 1]
    else:
        start, end = zone.loop
        position = np.where(position < end, position, start + (position - start) % (end - start))
    whole = position.astype(np.int64)
    part = (position - whole).astype(np.float32)
    wave = (zone.samples[whole] * (1 - part) + zone.samples[whole + 1] * part) / FULL_SCALE
    return (wave * _envelope(zone, len(wave), sample_rate)).astype(np.float32)


def _envelope(zone: Zone, length: int, sample_rate: int) -> NDArray[np.float32]:
    """Linear attack, hold, then a fall in decibels to the sustain level. [length]"""
    time = np.arange(length, dtype=np.float32) / sample_rate
    fall = np.clip((time - zone.attack - zone.hold) / zone.decay * SILENT_DB, 0, zone.sustain_db)
    return (np.minimum(time / zone.attack, 1) * 10 ** (-fall / 20)).astype(np.float32)


@lru_cache(maxsize=4)
def _load(path: Path) -> Soundfont:
    return Soundfont(path)
