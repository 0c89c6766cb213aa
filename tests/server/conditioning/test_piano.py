"""The piano cover must take and drop the notes that the published one does."""

import tracemalloc
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_server.conditioning import piano
from punchin_wire.messages import Note


def test_an_occupied_pitch_refuses_later_notes() -> None:
    first = Note(0.0, 1.0, 60)
    assert piano.reduce([first, Note(0.5, 1.5, 60), Note(0.5, 1.5, 64), Note(1.0, 2.0, 60)]) == [
        first,
        Note(0.5, 1.5, 64),
        Note(1.0, 2.0, 60),
    ]


@pytest.mark.parametrize(
    ("program", "kept"), [(0, 1), (32, 1), (33, 0), (104, 0), (105, 1), (109, 1), (110, 0), (115, 1)]
)
def test_which_programs_take_part(program: int, kept: int) -> None:
    cover = piano.reduce([Note(0.0, 1.0, 60, 80, program)])
    assert len(cover) == kept
    assert all(note.program == 0 and note.velocity == 80 for note in cover)


def test_drums_never_take_part() -> None:
    assert piano.reduce([Note(0.0, 1.0, 60, drum=True)]) == []


@pytest.mark.slow
def test_the_most_notes_that_a_request_may_have_cost_little() -> None:
    """65,536 notes of 15 minutes, on every pitch: one a pitch is kept, in memory of one bit of time a cell."""
    notes = [Note(-1.0, 900.0, pitch % 128) for pitch in range(65_536)]
    tracemalloc.start()
    assert len(piano.reduce(notes)) == 128
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


NOTES = st.builds(
    lambda start, length, pitch: Note(start, start + length, pitch),
    st.integers(0, 200).map(lambda cell: cell / 100),
    st.integers(1, 60).map(lambda cell: cell / 100),
    st.integers(60, 64),
)


@given(st.lists(NOTES, max_size=60))
def test_what_is_kept_never_overlaps_and_what_is_dropped_always_does(notes: list[Note]) -> None:
    def meet(one: Note, other: Note) -> bool:
        shared = min(int(one.end * 100), int(other.end * 100)) - max(int(one.start * 100), int(other.start * 100))
        return one.pitch == other.pitch and shared > 0

    cover = piano.reduce(notes)
    kept: list[Note] = []
    for note in notes:
        if not any(meet(note, before) for before in kept):
            kept.append(note)
    assert cover == kept
    assert not any(meet(one, other) for one, other in combinations(cover, 2))
