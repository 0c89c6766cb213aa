"""Chord labels must spell as the published chord condition does."""

import itertools

import pytest
from punchin_server.conditioning import chords
from punchin_wire.errors import UnknownChord

TABLE = {
    "C:maj": (60, 64, 67),
    "A:min": (69, 72, 76),
    "B:min/5": (83, 86, 78),
    "F#:7": (66, 70, 73, 76),
    "C:maj/3": (72, 64, 67),
    "C:maj/2": (72, 62, 64, 67),
    "C:maj/b7": (72, 76, 79, 70),
    "N": (),
    "X": (),
}


@pytest.mark.parametrize(("label", "pitches"), TABLE.items())
def test_the_published_table(label: str, pitches: tuple[int, ...]) -> None:
    assert chords.spell(label) == pitches


@pytest.mark.parametrize("label", ["H:maj", "C:major", "c:maj", "", "C:", "C:maj/", "C:maj/14", "C:maj(", "N:maj"])
def test_what_is_no_chord_is_refused_by_name(label: str) -> None:
    with pytest.raises(UnknownChord) as caught:
        chords.spell(label)
    assert caught.value.next_step


def test_every_quality_and_inversion_agrees_with_mir_eval() -> None:
    """Interval sets and basses are those of the library the published weights were rendered with."""
    reference = pytest.importorskip("mir_eval.chord")
    qualities = [
        *(
            [
                "maj",
                "min",
                "aug",
                "dim",
                "sus2",
                "sus4",
                "maj6",
                "min6",
                "7",
                "maj7",
                "min7",
                "minmaj7",
                "dim7",
                "hdim7",
                "1",
                "5",
            ]
        ),
        *(
            [
                "9",
                "11",
                "13",
                "maj9",
                "maj13",
                "min9",
                "min11",
                "min13",
                "maj(9)",
                "min(b7)",
                "7(*5)",
                "7(#9,b13)",
                "(3,5)",
                "(1,b3,b7)",
            ]
        ),
    ]
    basses = ["", "/3", "/b3", "/5", "/b7", "/2", "/6", "/9"]
    roots = ["C", "F#", "Bb", "E", "Cb", "G##"]
    for root, quality, bass in itertools.product(roots, qualities, basses):
        label = f"{root}:{quality}{bass}"
        number, bitmap, lowest = reference.encode(label)
        expected = [60 + number + i + (12 if i < lowest else 0) for i in range(12) if bitmap[i]]
        assert list(chords.spell(label)) == expected, label


def test_labels_as_a_recogniser_writes_them_are_spelled() -> None:
    """Those of a song of 267 s, recognised from its audio."""
    found = "A:maj A:min B:min B:min/5 B:min7 B:min7/5 E:min F#:7 F#:maj F#:min F#:min7 G:maj G:maj7"
    assert all(len(chords.spell(label)) >= 3 for label in found.split())
    assert chords.spell("N") == ()
