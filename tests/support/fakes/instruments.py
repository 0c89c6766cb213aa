"""Clips of instruments that were recorded: short melodies through the General MIDI soundfont, always the same."""

from __future__ import annotations

from functools import cache

import numpy as np
from punchin_server.conditioning.render import render
from punchin_wire.messages import Note

RATE = 44_100
SECONDS = 5.0
SCALE = (57, 60, 62, 64, 67, 69, 72, 74, 76)
PLAYERS = {"piano": (0, 0.25, 2), "violin": (40, 0.3, 1), "guitar": (25, 0.2, 2), "flute": (73, 0.25, 1)}
"""General MIDI program, seconds of its shortest note, voices."""


@cache
def clip(name: str) -> np.ndarray:
    """One of PLAYERS alone, mono `[samples]` of 44.1 kHz, with the sound above 8 kHz that its samples have."""
    program, shortest, voices = PLAYERS[name]
    random = np.random.default_rng(list(PLAYERS).index(name))
    notes, now = [], 0.0
    while now < SECONDS - 0.2:
        length = shortest * random.choice((1, 1, 2, 3))
        for _ in range(voices):
            held = length * random.uniform(0.6, 1.0)
            pitch, velocity = int(random.choice(SCALE)), int(random.integers(60, 120))
            notes.append(Note(now, now + held, pitch, velocity, program))
        now += length
    return render(notes, SECONDS, RATE).astype(float)
