"""The chord track must strike where the published condition does ("compat"), or where it should ("clean")."""

import pytest
from punchin_server.conditioning import strikes
from punchin_wire.messages import ChordSegment, Note

SEGMENTS = [ChordSegment(0.0, 0.5, "N"), ChordSegment(0.5, 2.5, "C:maj"), ChordSegment(2.5, 4.5, "A:min")]
BEATS = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def spans(notes: list[Note]) -> list[tuple[float, float]]:
    return list(dict.fromkeys((note.start, note.end) for note in notes))


def test_clean_strikes_every_beat_and_lets_go_at_the_next() -> None:
    notes = strikes.place(SEGMENTS, BEATS, "clean")
    assert spans(notes) == [(0.5, 1.0), (1.0, 1.5), (1.5, 2.0), (2.0, 2.5), (2.5, 3.0), (3.0, 4.5)]
    assert [note.pitch for note in notes[:3]] == [60, 64, 67]
    assert {(note.velocity, note.program, note.drum) for note in notes} == {(100, 0, False)}


def test_a_beat_beside_the_change_is_the_change() -> None:
    notes = strikes.place([ChordSegment(1.0, 2.0, "C:maj")], [1.03, 1.5], "clean")
    assert spans(notes) == [(1.0, 1.5), (1.5, 2.0)]


def test_without_beats_each_chord_is_struck_once() -> None:
    assert spans(strikes.place(SEGMENTS, [], "clean")) == [(0.5, 2.5), (2.5, 4.5)]
    assert strikes.place([], BEATS, "compat") == strikes.place([], BEATS, "clean") == []


def test_compat_keeps_the_published_defects() -> None:
    """Strikes hold to the chord's end, the first beat inside is lost, late chords stay silent."""
    segments = [*SEGMENTS, ChordSegment(4.5, 6.0, "F:maj")]
    # Beat 0.5 ends the N and is consumed; 1.0 is taken for the start of C; 2.5 ends C; 3.0 strikes A once more.
    assert spans(strikes.place(segments, BEATS, "compat")) == [
        *((0.5, 2.5), (1.0, 2.5), (1.5, 2.5), (2.0, 2.5)),
        *((2.5, 4.5), (3.0, 4.5)),
    ]


def test_compat_on_the_real_chords_and_beats(shared_eval) -> None:
    """The strike list that the reference prints for its own demo input."""
    folder = shared_eval / "airgen"
    chord_rows = [line.split("\t") for line in (folder / "chord_audio.txt").read_text().splitlines()]
    segments = [ChordSegment(float(row[0]), float(row[1]), row[-1]) for row in chord_rows]
    beats = [float(line.split("\t")[0]) for line in (folder / "beat_audio.txt").read_text().splitlines()]
    found = spans(strikes.place(segments, beats, "compat"))
    assert [start for start, _ in found[:4]] == pytest.approx([0.511, 1.38, 1.84, 2.33], abs=1e-3)
    assert {round(end, 2) for start, end in found if start < 6.1} == {6.20}
    second = [span for span in found if 6.1 < span[0] < 10.07]
    assert second[0][0] == pytest.approx(6.1997, abs=1e-3)
    assert second[1][0] == pytest.approx(6.68, abs=1e-3)
    assert {round(end, 2) for _, end in second} == {10.08}
