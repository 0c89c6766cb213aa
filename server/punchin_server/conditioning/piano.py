"""Piano reduction: one piano part out of a multi-track score.

Knows notes, programs and a 10 ms grid; knows nothing about files or audio. Source: AIRGen's piano condition.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
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
    players = [note for note in notes if not note.drum and plays_harmony(note.program)]
    cells = [slice(int(note.start * GRID), int(note.end * GRID)) for note in players]
    first, last = min((cell.start for cell in cells), default=0), max((cell.stop for cell in cells), default=0)
    taken = np.zeros((128, last - first), bool)
    cover: list[Note] = []
    for note, cell in zip(players, cells, strict=True):
        here = taken[note.pitch, cell.start - first : cell.stop - first]
        if not here.any():
            here[:] = True
            cover.append(Note(note.start, note.end, note.pitch, note.velocity))
    return cover
