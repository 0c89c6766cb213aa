"""Pedals make notes last as they do on a piano."""

from __future__ import annotations

import pytest
from punchin_bridge.music.pedals import Move, hold
from punchin_wire.messages import Note


def held(notes: list[tuple[float, float, int]], *moves: Move, until: float = 10.0) -> list[tuple[float, float]]:
    return [(note.start, note.end) for note in hold([Note(*note) for note in notes], moves, until)]


def sustain(time: float, value: int) -> Move:
    return Move(time, "sustain", value)


def sostenuto(time: float, value: int) -> Move:
    return Move(time, "sostenuto", value)


def test_a_note_lasts_until_the_pedal_comes_up() -> None:
    assert held([(0, 1, 60)], sustain(0.5, 127), sustain(3, 0)) == [(0, 3)]


def test_a_pedal_that_comes_down_later_or_came_up_before_holds_nothing() -> None:
    assert held([(0, 1, 60)], sustain(1, 127), sustain(3, 0)) == [(0, 1)]
    assert held([(2, 3, 60)], sustain(0, 127), sustain(3, 0), sustain(3, 127)) == [(2, 3)]
    assert held([(2, 3, 60)], sustain(0, 127), sustain(2.5, 0)) == [(2, 3)]


def test_a_change_of_pedal_ends_what_was_let_go_before() -> None:
    """As pianists do: the new chord is struck, then the pedal changes; at one time, up comes first."""
    notes = [(0.0, 1.5, 60), (2.0, 2.5, 62)]
    assert held(notes, sustain(0.2, 127), sustain(2.1, 0), sustain(2.2, 127), sustain(4, 0)) == [(0, 2.1), (2, 4)]
    assert held(notes, sustain(0.2, 127), sustain(2, 0), sustain(2, 127), sustain(4, 0)) == [(0, 2), (2, 4)]


def test_a_key_that_is_struck_again_ends_its_older_sound() -> None:
    notes = [(0, 1, 60), (0, 1, 64), (2, 2.5, 60)]
    assert held(notes, sustain(0, 127), sustain(4, 0)) == [(0, 2), (0, 4), (2, 4)]
    assert held([(0, 3, 60), (2, 4, 60)], sustain(1, 127), sustain(5, 0)) == [(0, 3), (2, 5)]


@pytest.mark.parametrize(("value", "end"), [(63, 1), (64, 3)])
def test_half_a_pedal_is_a_pedal_from_64_on(value: int, end: float) -> None:
    assert held([(0, 1, 60)], sustain(0, value), sustain(3, 0)) == [(0, end)]
    assert held([(0, 1, 60)], sustain(0, 127), sustain(0.5, value), sustain(3, 0)) == [(0, end)]


def test_a_pedal_that_never_comes_up_does_so_in_the_end() -> None:
    assert held([(0, 1, 60)], sustain(0, 127), until=7) == [(0, 7)]
    assert held([(0, 9, 60)], sustain(8, 127), until=7) == [(0, 9)]


def test_sostenuto_holds_the_keys_that_were_down() -> None:
    notes = [(0, 1, 48), (2, 3, 60), (0, 0.4, 50)]
    assert held(notes, sostenuto(0.5, 127), sostenuto(4, 0)) == [(0, 4), (2, 3), (0, 0.4)]


def test_the_sustain_pedal_goes_on_where_sostenuto_ends() -> None:
    moves = sostenuto(0.5, 127), sostenuto(4, 0), sustain(3, 127), sustain(6, 0)
    assert held([(0, 1, 48)], *moves) == [(0, 6)]
