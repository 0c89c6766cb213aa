"""Chords played live become the chords of the next job, where they were played or evenly over its region."""

from __future__ import annotations

import msgspec
from fakes.room import submit
from punchin_bridge.hosts.protocol import Span, TempoPoint, Timeline, TimeSignaturePoint
from punchin_bridge.surfaces.actions import Place
from punchin_bridge.surfaces.chords import Chord, LiveChords, laid
from punchin_wire.params import TransferParams

JOB = msgspec.structs.replace(
    submit(),
    timeline=Timeline(48_000, (TempoPoint(0.0, 120.0),), (TimeSignaturePoint(0.0),)),
    region=Span(8 * 48_000, 16 * 48_000),  # bars 5 to 8
)
C, F, G, AM = (60, 64, 67), (60, 65, 69), (59, 62, 67), (57, 60, 64)


def starts(played: list[Chord]) -> list[tuple[float, float]]:
    return sorted({(note.start, note.end) for note in laid(played, JOB)})


def test_chords_without_a_clock_are_laid_evenly_over_the_region() -> None:
    chords = [Chord(pitches, None) for pitches in (C, F, G, AM)]
    assert starts(chords) == [(16.0, 20.0), (20.0, 24.0), (24.0, 28.0), (28.0, 32.0)]
    assert starts(chords[:1]) == [(16.0, 32.0)]
    assert starts(chords[:3]) == [(16.0, 21.0), (21.0, 27.0), (27.0, 32.0)]
    assert {note.pitch for note in laid(chords, JOB) if note.start == 20.0} == set(F)
    assert len(starts(chords * 20)) == 16  # no more than there are beats


def test_chords_with_a_clock_begin_at_the_nearest_beat() -> None:
    chords = [Chord(C, Place(16.2, "quarters")), Chord(F, Place(10.02, "seconds")), Chord(G, Place(23.7, "quarters"))]
    assert starts(chords) == [(16.0, 20.0), (20.0, 24.0), (24.0, 32.0)]


def played(*what: tuple[float, str, int]) -> list[tuple[int, ...]]:
    """Chords of moves (seconds, `down`, `up` or a pedal, key or value)."""
    live = LiveChords()
    for when, kind, value in what:
        if kind in ("sustain", "sostenuto"):
            live.pedal(kind, value)  # type: ignore[arg-type]
        else:
            live.key(value, 100 if kind == "down" else 0, when, None)
    return [chord.pitches for chord in live.played]


def struck(when: float, pitches: tuple[int, ...], length: float = 0.4) -> list[tuple[float, str, int]]:
    return [*((when, "down", p) for p in pitches), *((when + length, "up", p) for p in pitches)]


def broken(when: float, pitches: tuple[int, ...]) -> list[tuple[float, str, int]]:
    return [move for i, pitch in enumerate(pitches) for move in struck(when + i / 2, (pitch,), 0.2)]


def test_a_broken_chord_under_the_pedal_is_one_chord() -> None:
    """And the next one another, once the pedal has changed."""
    moves = [(0.0, "sustain", 127), *broken(0.0, C), (2.0, "sustain", 0), (2.0, "sustain", 127), *broken(2.0, F)]
    assert played(*moves) == [C, F]
    assert len(played(*broken(0.0, C))) == 3


def test_chords_under_a_pedal_that_changes_after_them_keep_their_own_tones() -> None:
    change = [("sustain", 0), ("sustain", 127)]
    moves = [move for i, pitches in enumerate((C, F, G)) for move in
             (*struck(2.0 * i, pitches), *((2.0 * i + 0.6, *pedal) for pedal in change))]  # fmt: skip
    assert played(*moves) == [C, F, G]


def test_sostenuto_holds_a_bass_under_chords() -> None:
    moves = [*struck(0.0, (36,), 1.0)[:1], (0.5, "sostenuto", 127), (0.8, "up", 36), *struck(1.0, C), *struck(2.0, F)]
    assert played(*moves, (3.0, "sostenuto", 0), *struck(4.0, G)) == [(36,), (36, *C), (36, *F), G]


def test_a_transfer_does_not_use_them_up() -> None:
    live = LiveChords()
    live.key(60, 100, 0.0, None)
    job = msgspec.structs.replace(JOB, params=TransferParams("violin"))
    assert live.complete(job) is job
    assert live.played


def test_they_stand_in_place_of_what_was_typed_or_played_on_another_track() -> None:
    live = LiveChords()
    live.key(60, 100, 0.0, None)
    made = live.complete(msgspec.structs.replace(JOB, chord_line="Am | F", follow=("chord", "drums")))
    assert {note.pitch for note in made.chords} == {60}
    assert (made.chord_line, made.follow) == ("", ("drums",))
