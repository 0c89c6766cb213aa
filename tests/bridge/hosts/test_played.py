"""Notes of a host are named as the chords that takes would follow, on its own clock."""

from __future__ import annotations

from typing import Any

import msgspec
from fakes.room import SUBMIT, Room, hello
from punchin_bridge.hosts.played import named
from punchin_bridge.hosts.presence import CHORDS_SECONDS
from punchin_bridge.hosts.protocol import MidiNote, NameChords, NamedChord, PedalMove

RATE = SUBMIT.timeline.rate
HALF = RATE // 2
"""A quarter, at 120 bpm."""
A_MINOR_7, F = (57, 60, 64, 67), (53, 57, 60)


def played(*chords: tuple[float, float, tuple[int, ...]], **more: Any) -> NameChords:
    notes = tuple(MidiNote(start, end, pitch) for start, end, pitches in chords for pitch in pitches)
    return NameChords("fake-1", "ask", SUBMIT.timeline, notes, **more)


def test_notes_become_the_names_that_musicians_write() -> None:
    found = named(played((4.0, 8.0, A_MINOR_7), (8.0, 10.0, F)))
    assert found.ask == "ask"
    assert found.chords == (
        NamedChord(4 * HALF, 8 * HALF, "Am7"),  # the silence before is no chord
        NamedChord(8 * HALF, 10 * HALF, "F"),
    )


def test_a_pedal_holds_the_chord_and_the_song_begins_where_the_host_says() -> None:
    timeline = msgspec.structs.replace(SUBMIT.timeline, origin=RATE)
    asked = played((0.0, 1.0, F), pedals=(PedalMove(0.0, 127), PedalMove(4.0, 0)))
    assert named(msgspec.structs.replace(asked, timeline=timeline)).chords == (NamedChord(RATE, RATE + 4 * HALF, "F"),)


def test_the_answer_is_told_for_some_seconds() -> None:
    room = Room()
    room.say(hello())
    room.say(played((0.0, 4.0, F)))
    told = room.told["fake-1"].chords
    assert told == named(played((0.0, 4.0, F)))
    room.now += CHORDS_SECONDS
    room.tell()
    assert room.told["fake-1"].chords is None
