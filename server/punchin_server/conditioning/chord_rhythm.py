"""Chord strikes: which notes the chord track plays, and when.

Knows chords and beats in seconds; knows nothing about audio. Two rules: "compat" is what the published
AIRGen chord weights were trained with, defects included; "clean" says what was meant.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from punchin_wire.messages import ChordSegment, Note
from punchin_wire.params import ChordRhythm

from .chords import spell

VELOCITY = 100
COINCIDENT = 0.08  # seconds; a beat this close after a chord change is the change itself


def place(segments: Sequence[ChordSegment], beats: Sequence[float], rule: ChordRhythm = "clean") -> list[Note]:
    """Notes of the chord track, program 0, velocity 100; times in seconds, in the order they are struck.

    `segments` follow each other in time, `beats` ascend. Under "clean" a chord is struck at its start and on
    every later beat inside it, each strike held until the next. Under "compat" it is held to the chord's end,
    the first beat inside each chord is lost, and chords that begin after the last beat stay silent.
    Raises UnknownChord.
    """
    spans = _compat(segments, beats) if rule == "compat" else _clean(segments, beats)
    return [
        Note(start=start, end=end, pitch=pitch, velocity=VELOCITY)
        for start, end, label in spans
        if end > start
        for pitch in spell(label)
    ]


def _clean(segments: Sequence[ChordSegment], beats: Sequence[float]) -> Iterator[tuple[float, float, str]]:
    for segment in segments:
        inside = beats[bisect_right(beats, segment.start + COINCIDENT) : bisect_left(beats, segment.end)]
        starts = [segment.start, *inside]
        for start, end in zip(starts, [*inside, segment.end], strict=True):
            yield start, end, segment.label


def _compat(segments: Sequence[ChordSegment], beats: Sequence[float]) -> Iterator[tuple[float, float, str]]:
    if not segments:
        return
    index, struck = 0, segments[0].start
    for beat in beats:
        if beat < segments[index].end:
            yield struck, segments[index].end, segments[index].label
            struck = beat
            continue
        while beat >= segments[index].end:
            yield struck, segments[index].end, segments[index].label
            index += 1
            if index == len(segments):
                return
            struck = segments[index].start
    yield struck, segments[index].end, segments[index].label
