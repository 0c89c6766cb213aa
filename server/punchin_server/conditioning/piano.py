"""Piano reduction: one piano part out of a multi-track score.

Knows notes, programs and a 10 ms grid; knows nothing about files or audio. Source: AIRGen's piano condition.
"""

from __future__ import annotations

from collections.abc import Iterable

from punchin_wire.messages import Note

GRID = 100  # cells per second


def plays_harmony(program: int) -> bool:
    """Whether a General MIDI program (0-based) takes part: keys, mallets, organs, guitars, acoustic bass,
    plucked folk instruments, steel drums' neighbour 115."""
    return program < 33 or 105 <= program <= 109 or program == 115


def reduce(notes: Iterable[Note]) -> list[Note]:
    """Program-0 notes whose cells (10 ms by pitch) are still free, taken in the order given.

    Order matters: the published covers were made in file order, track by track.
    """
    taken: set[tuple[int, int]] = set()
    cover: list[Note] = []
    for note in notes:
        if note.drum or not plays_harmony(note.program):
            continue
        cells = {(cell, note.pitch) for cell in range(int(note.start * GRID), int(note.end * GRID))}
        if taken.isdisjoint(cells):
            taken |= cells
            cover.append(Note(note.start, note.end, note.pitch, note.velocity))
    return cover
