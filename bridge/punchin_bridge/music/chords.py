"""Notes to chord labels: any voicing, block or broken, played straight or humanised. Knows no files.

Two steps. *Where chords change*: onsets closer than :data:`TOGETHER` are one onset; between onsets lie slots; a
dynamic programme groups slots into segments so that one chord explains each, paying for tones that sound and do not
belong, for tones of the chord that a struck chord lacks, for rich chords, and for every change, most of all off the
beat. So an arpeggio is one chord, a suspension that resolves is two, a short passing tone is none. *What they are
called*: the template that explains the segment's tones best, with the bass as degree after the slash.

Where the notes leave it open:

- the same tones as two chords (C E G A is C6 and Am7/C): the one whose root is the bass; if neither, the commoner one;
- symmetric chords (aug, dim7): the bass is the root;
- no third: `5`, never major; a lone third without fifth: `maj` or `min`; one pitch class alone: `1`;
- a missing fifth is not held against a chord, any other missing tone is;
- a foreign tone that only the bass plays is a slash chord (D under C E G: `C:maj/2`), not an extension;
- a rest of up to four quarter notes holds the chord, a longer one is `N`;
- ninths and beyond are named, though the published vocabulary sounds their seventh chord.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from punchin_wire.messages import ChordSegment, Note

from .tempo_map import TempoMap

TOGETHER = 0.07
"""Seconds within which notes count as struck together, and by which a released note may hang over."""
REST = 4.0
"""Quarters of silence that a chord outlasts."""

# Prices, in quarters of one foreign tone.
_CHANGE = {"downbeat": 0.3, "beat": 0.4, "off": 0.6}
_RICH = 0.15  # of each tone beyond a triad, per quarter
_LACK = 0.5  # of a chord tone that is not there, per quarter
_LACK_FIFTH = 0.2
_LOOKBACK = 32  # slots in one segment at most; a longer chord is found in parts and joined
ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_DEGREES = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
_QUALITIES = {  # commoner first: order decides between equals
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "min7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "hdim7": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "minmaj7": (0, 3, 7, 11),
    "sus4(b7)": (0, 5, 7, 10),
    "maj(9)": (0, 2, 4, 7),
    "min(9)": (0, 2, 3, 7),
    "9": (0, 2, 4, 7, 10),
    "min9": (0, 2, 3, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "7(b9)": (0, 1, 4, 7, 10),
    "7(#9)": (0, 3, 4, 7, 10),
    "11": (0, 2, 4, 5, 7, 10),
    "min11": (0, 2, 3, 5, 7, 10),
    "13": (0, 2, 4, 7, 9, 10),
    "maj13": (0, 2, 4, 7, 9, 11),
    "5": (0, 7),
    "1": (0,),
}

Floats = npt.NDArray[np.float64]


class _Template(NamedTuple):
    root: int
    quality: str


_TEMPLATES = [_Template(root, quality) for quality in _QUALITIES for root in range(12)]


def _templates() -> tuple[Floats, Floats]:
    """Tones of every template `[K, 12]`, and what it costs to lack each of them `[K, 12]`."""
    tones = np.zeros((len(_TEMPLATES), 12))
    lack = np.zeros_like(tones)
    for row, (root, quality) in enumerate(_TEMPLATES):
        for interval in _QUALITIES[quality]:
            pitch_class = (root + interval) % 12
            spare = interval == 7 and not quality.startswith(("sus", "5"))
            tones[row, pitch_class] = 1.0
            lack[row, pitch_class] = _LACK_FIFTH if spare else _LACK
    return tones, lack


_TONES, _LACKS = _templates()
_SIZES = _TONES.sum(axis=1)
_ORDER = 0.002 * (np.arange(len(_TEMPLATES)) // 12)


@dataclass(frozen=True)
class _Slot:
    """What sounds from one onset to the next: `weights` `[12]` quarters of each pitch class, the lowest pitch, whether
    it was struck as a chord (then the tones it lacks count), and whether no other voice doubles the lowest."""

    start: float
    end: float
    weights: Floats
    lowest: int
    struck: bool
    bass_alone: bool


def label_notes(
    notes: Sequence[Note], tempo_map: TempoMap = TempoMap(), until: float = math.inf
) -> tuple[ChordSegment, ...]:
    """The chords that `notes` (seconds) play, from time 0 to the last release without a gap; silence is `N`.

    `tempo_map` says how long a beat is and where it falls. What sounds from `until` on, the end of the song, is not
    read: a note may hang for years. Drum notes are ignored. No notes, no segments.
    """
    notes = [msgspec.structs.replace(note, end=min(note.end, until)) for note in notes if not note.drum]
    found: list[ChordSegment] = []

    def add(start: float, end: float, label: str) -> None:
        if found and found[-1].label == label and start <= found[-1].end:
            start = found.pop().start
        if end > start:
            found.append(ChordSegment(start, end, label))

    time = 0.0
    for phrase in _phrases(_slots([n for n in notes if n.end > n.start], tempo_map), tempo_map):
        add(time, phrase[0].start, "N")
        for segment in _segments(phrase, _change_prices(phrase, tempo_map)):
            add(segment[0].start, segment[-1].end, _name_slots(segment))
        time = phrase[-1].end
    return tuple(found)


# ---- slots ---------------------------------------------------------------------------------------------------


def _slots(notes: Sequence[Note], tempo_map: TempoMap) -> list[_Slot]:
    notes = sorted(notes, key=lambda note: note.start)
    onsets: list[float] = []
    for note in notes:
        if not onsets or note.start > onsets[-1] + TOGETHER:
            onsets.append(note.start)
    if not notes:
        return []
    struck: list[list[Note]] = [[] for _ in onsets]
    for note in notes:
        struck[bisect_right(onsets, note.start) - 1].append(note)
    found: list[_Slot] = []
    ringing: dict[int, Note] = {}  # of each pitch the note that lasts longest: thousands may sound at a time
    for here, (start, end) in zip(struck, pairwise([*onsets, max(note.end for note in notes)]), strict=True):
        ringing = {pitch: note for pitch, note in ringing.items() if note.end - TOGETHER > start}
        speed = (tempo_map.quarters(end) - tempo_map.quarters(start)) / (end - start)
        found.append(_slot(start, end, speed, [*ringing.values(), *here]))
        for note in here:
            if note.pitch not in ringing or note.end > ringing[note.pitch].end:
                ringing[note.pitch] = note
    return found


def _slot(start: float, end: float, speed: float, notes: Sequence[Note]) -> _Slot:
    weights = np.zeros(12)
    for note in notes:
        quarters = (min(note.end, end) - max(note.start, start)) * speed
        weights[note.pitch % 12] = max(weights[note.pitch % 12], quarters)
    lowest = min(note.pitch for note in notes)
    struck = {note.pitch % 12 for note in notes if note.start >= start}
    return _Slot(
        start,
        min(end, max(note.end for note in notes)),
        weights,
        lowest,
        len(struck) >= 2 or int(np.count_nonzero(weights)) >= 3,
        not any(note.pitch != lowest and note.pitch % 12 == lowest % 12 for note in notes),
    )


def _phrases(slots: Sequence[_Slot], tempo_map: TempoMap) -> Iterator[list[_Slot]]:
    """Runs of slots without a rest between them; within a run, each slot lasts until the next."""
    phrase: list[_Slot] = []
    for slot in slots:
        if phrase and tempo_map.quarters(slot.start) - tempo_map.quarters(phrase[-1].end) > REST:
            yield phrase
            phrase = []
        if phrase:
            phrase.append(replace(phrase.pop(), end=slot.start))
        phrase.append(slot)
    if phrase:
        yield phrase


# ---- where chords change -------------------------------------------------------------------------------------


def _change_prices(phrase: Sequence[_Slot], tempo_map: TempoMap) -> Floats:
    """What it costs to let a segment start at each slot, `[slots]`."""
    beats = list(tempo_map.beats(phrase[0].start - TOGETHER, phrase[-1].end + TOGETHER))
    times = [beat.time for beat in beats]
    prices = np.full(len(phrase), _CHANGE["off"])
    for index, slot in enumerate(phrase):
        near = int(np.searchsorted(times, slot.start - TOGETHER))
        if near < len(beats) and times[near] <= slot.start + TOGETHER:
            prices[index] = _CHANGE["downbeat" if beats[near].number == 1 else "beat"]
    return prices


def _segments(phrase: Sequence[_Slot], prices: Floats) -> list[Sequence[_Slot]]:
    """The phrase cut where chords change: the cheapest cut over all segments and templates."""
    costs = np.cumsum([np.zeros(len(_TEMPLATES)), *map(_slot_costs, phrase)], axis=0)  # [slots + 1, K]
    best, cut = [0.0], [0]
    for end in range(1, len(phrase) + 1):
        low = max(0, end - _LOOKBACK)
        totals = np.array(best[low:end]) + prices[low:end] + (costs[end] - costs[low:end]).min(axis=1)
        # Among equals the latest change: a broken chord's shared tones end the old chord, its bass begins the new one.
        choice = end - 1 - int(np.round(totals[::-1], 9).argmin())
        best.append(float(totals[choice - low]))
        cut.append(choice)
    segments: list[Sequence[_Slot]] = []
    end = len(phrase)
    while end:
        segments.append(phrase[cut[end] : end])
        end = cut[end]
    return segments[::-1]


def _slot_costs(slot: _Slot) -> Floats:
    """What each template pays for a slot, `[K]`."""
    weights = slot.weights
    length = weights.max()
    costs = (1 - _TONES) @ weights + _RICH * np.maximum(_SIZES - 3, 0) * length
    if slot.struck:
        costs += _LACKS @ (weights == 0) * length
    return np.asarray(costs)


# ---- what they are called ------------------------------------------------------------------------------------


def _name_slots(segment: Sequence[_Slot]) -> str:
    """The label of a segment. Its bass is the first chord's lowest tone; an arpeggio's, the lowest of all."""
    first = next((slot for slot in segment if slot.struck), None)
    weights = np.sum([slot.weights for slot in segment], axis=0)
    lowest = first.lowest if first else min(slot.lowest for slot in segment)
    alone = all(slot.bass_alone for slot in segment if slot.lowest == lowest)
    return name(weights, lowest % 12, alone)


def name(weights: Floats, bass: int, bass_alone: bool = False) -> str:
    """The Harte label of pitch classes that sound for `weights` `[12]` (any unit) over pitch class `bass`.

    `bass_alone` says that no other voice doubles the bass, so that it may be foreign to the chord above it.

    >>> name(np.array([1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0.0]), 4)
    'C:maj/3'
    """
    share = weights / weights.max()
    foreign = share.copy()
    if bass_alone:
        foreign[bass] *= 0.4
    costs = (1 - _TONES) @ foreign + _LACKS @ (share == 0) + _ORDER
    for row, (root, quality) in enumerate(_TEMPLATES):
        if root != bass:
            # Inverted suspensions and lone tones are other chords in root position.
            costs[row] += 0.3 if quality.startswith(("sus", "1")) else 0.05
    root, quality = _TEMPLATES[int(costs.argmin())]
    if quality in ("maj(9)", "min(9)") and bass == (root + 2) % 12 and bass_alone:
        quality = quality[:3]
    roots = _MINOR_ROOTS if quality.startswith(("min", "dim", "hdim")) else ROOTS
    slash = f"/{degree(quality, (bass - root) % 12)}" if bass != root else ""
    return f"{roots[root]}:{quality}{slash}"


def degree(quality: str, semitones: int) -> str:
    """A bass `semitones` above the root as the degree it has in a chord of `quality`: an augmented fifth is #5, a
    diminished seventh bb7."""
    if (quality, semitones) == ("aug", 8):
        return "#5"
    if (quality, semitones) == ("dim7", 9):
        return "bb7"
    return _DEGREES[semitones]
