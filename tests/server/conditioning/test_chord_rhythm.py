"""The chord track must strike where the published condition does ("compat"), or where it should ("clean")."""

import pytest
from punchin_server.conditioning import chord_rhythm
from punchin_wire.messages import ChordSegment, Note

SEGMENTS = [ChordSegment(0.0, 0.5, "N"), ChordSegment(0.5, 2.5, "C:maj"), ChordSegment(2.5, 4.5, "A:min")]
BEATS = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def spans(notes: list[Note]) -> list[tuple[float, float]]:
    return list(dict.fromkeys((note.start, note.end) for note in notes))


def test_clean_strikes_every_beat_and_lets_go_at_the_next() -> None:
    notes = chord_rhythm.place(SEGMENTS, BEATS, "clean")
    assert spans(notes) == [(0.5, 1.0), (1.0, 1.5), (1.5, 2.0), (2.0, 2.5), (2.5, 3.0), (3.0, 4.5)]
    assert [note.pitch for note in notes[:3]] == [60, 64, 67]
    assert {(note.velocity, note.program, note.drum) for note in notes} == {(100, 0, False)}


def test_a_beat_beside_the_change_is_the_change() -> None:
    notes = chord_rhythm.place([ChordSegment(1.0, 2.0, "C:maj")], [1.03, 1.5], "clean")
    assert spans(notes) == [(1.0, 1.5), (1.5, 2.0)]


def test_without_beats_each_chord_is_struck_once() -> None:
    assert spans(chord_rhythm.place(SEGMENTS, [], "clean")) == [(0.5, 2.5), (2.5, 4.5)]
    assert chord_rhythm.place([], BEATS, "compat") == chord_rhythm.place([], BEATS, "clean") == []


def test_compat_keeps_the_published_defects() -> None:
    """Strikes hold to the chord's end, the first beat inside is lost, late chords stay silent."""
    segments = [*SEGMENTS, ChordSegment(4.5, 6.0, "F:maj")]
    # Beat 0.5 ends the N and is consumed; 1.0 is taken for the start of C; 2.5 ends C; 3.0 strikes A once more.
    assert spans(chord_rhythm.place(segments, BEATS, "compat")) == [
        *((0.5, 2.5), (1.0, 2.5), (1.5, 2.5), (2.0, 2.5)),
        *((2.5, 4.5), (3.0, 4.5)),
    ]


def test_compat_on_recognised_chords_and_beats() -> None:
    """The strikes that the reference prints for the beginning of its own demo input."""
    segments = [
        ChordSegment(0.0, 0.5108390022675737, "N"),
        ChordSegment(0.5108390022675737, 6.199727891156463, "B:min"),
        ChordSegment(6.199727891156463, 10.077460317460318, "A:maj"),
        ChordSegment(10.077460317460318, 12.004716553287983, "G:maj7"),
    ]
    written = """
    0.9 1.38 1.84 2.33 2.81 3.28 3.78 4.26 4.74 5.24 5.71 6.21 6.68
    7.15 7.64 8.14 8.62 9.11 9.58 10.07 10.55 11.03 11.52 12.0 12.49 12.95
    """
    beats = [float(time) for time in written.split()]
    found = spans(chord_rhythm.place(segments, beats, "compat"))
    assert [start for start, _ in found[:4]] == pytest.approx([0.511, 1.38, 1.84, 2.33], abs=1e-3)
    assert {round(end, 2) for start, end in found if start < 6.1} == {6.20}
    second = [span for span in found if 6.1 < span[0] < 10.07]
    assert second[0][0] == pytest.approx(6.1997, abs=1e-3)
    assert second[1][0] == pytest.approx(6.68, abs=1e-3)
    assert {round(end, 2) for _, end in second} == {10.08}
