"""The piano cover must take and drop the notes that the published one does."""

import pytest
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


@pytest.mark.filterwarnings("ignore")
def test_the_real_score_shrinks_from_1835_to_1754_notes(shared_eval) -> None:
    pretty_midi = pytest.importorskip("pretty_midi")
    score = pretty_midi.PrettyMIDI(str(shared_eval / "airgen/100.mid"))
    notes = [
        Note(note.start, note.end, note.pitch, note.velocity, instrument.program, instrument.is_drum)
        for instrument in score.instruments
        for note in instrument.notes
    ]
    assert (len(notes), len(piano.reduce(notes))) == (1835, 1754)
