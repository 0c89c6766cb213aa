"""Notes as FluidSynth plays them from a MIDI file: when keys go down and up, which sound ends which.

Knows notes, presets of a soundfont and samples; :mod:`.voice` is one key's sound. The reference of AIRGen writes its
notes by pretty_midi and plays them by midi2audio: FluidSynth with its defaults. Its reverb and chorus are left out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from punchin_wire.messages import Note

from .soundfont import Soundfont, Zone
from .voice import BLOCK, play

TICK = 500 / 220
"""Milliseconds: pretty_midi writes 220 ticks a beat at 120 BPM."""
SHORTEST = 0.01
"""Seconds that FluidSynth holds a key at least."""


@dataclass
class Voice:
    """A sound of a note: struck at block `start`, held for `held` blocks; ended by another at block `killed`."""

    note: Note
    zone: Zone
    start: int
    held: int
    killed: int | None = None


def perform(font: Soundfont, notes: Iterable[Note], origin: float, samples: int, rate: int) -> NDArray[np.float32]:
    """`samples` of the music from `origin` seconds on; a key that is down then is struck then. Raises PackCorrupt."""
    audio = np.zeros(samples, np.float32)
    before = round(origin * rate)
    first, last = max(before, 0) // BLOCK, -(-(before + samples) // BLOCK)
    for voice in _voices(font, notes, rate):
        start = max(voice.start, first)
        end = min(voice.start + voice.held, last)
        if end <= start:
            continue
        killed = None if voice.killed is None else max(voice.killed - start, 0)
        note = voice.note
        sound = play(voice.zone, note.pitch, note.velocity, end - start, rate, last - start, killed)
        at = start * BLOCK - before
        sound = sound[max(-at, 0) : samples - at]
        audio[max(at, 0) :][: len(sound)] += sound
    return audio


def _voices(font: Soundfont, notes: Iterable[Note], rate: int) -> list[Voice]:
    voices = [
        Voice(note, zone, start, held)
        for note, start, held in sorted(_struck(notes, rate), key=lambda struck: struck[1])
        for zone in font.zones(note.program, note.drum, note.pitch, note.velocity)
    ]
    sounding: dict[tuple[int, bool, int], list[Voice]] = defaultdict(list)
    for voice in voices:
        if not voice.zone.exclusive:
            continue
        rivals = sounding[voice.note.program, voice.note.drum, voice.zone.exclusive]
        for rival in [other for other in rivals if other.note is not voice.note]:
            rival.killed = voice.start
            rivals.remove(rival)
        rivals.append(voice)
    return voices


def _struck(notes: Iterable[Note], rate: int) -> Iterator[tuple[Note, int, int]]:
    """Notes with the block of their strike and the blocks they are held.

    On one key, whatever comes next ends what sounds: a strike, or the end of any note. A note without length is left
    out: in a MIDI file its end would come before its strike, and the key hang.
    """
    keys: dict[tuple[int, bool, int], list[tuple[int, int, Note]]] = defaultdict(list)
    for note in notes:
        start, end = _block(note.start, rate), _block(note.end, rate)
        if end > start:
            keys[note.program, note.drum, note.pitch].append((start, end, note))
    shortest = math.ceil(SHORTEST * rate / BLOCK)
    for same in keys.values():
        same.sort(key=lambda struck: struck[0])
        ends = sorted(end for _, end, _ in same)
        strikes = [start for start, _, _ in same]
        for (start, _, note), following in zip(same, [*strikes[1:], math.inf], strict=True):
            held = min(ends[bisect_right(ends, start)], following) - start
            yield note, start, max(int(held), shortest)


def _block(seconds: float, rate: int) -> int:
    """The block before which FluidSynth reads an event of a MIDI file: it counts whole milliseconds."""
    tick = round(max(seconds, 0.0) * 1000 / TICK)
    return math.ceil(math.ceil((tick - 0.5) * TICK) * rate / (1000 * BLOCK)) + 1
