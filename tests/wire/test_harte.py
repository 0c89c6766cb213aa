"""Labels mean what mir_eval's encoder says they mean, and nothing else is a label."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_wire.errors import UnknownChord
from punchin_wire.harte import QUALITIES, parse

ROOTS = ["C", "F#", "Bb", "Cb", "E##", "A"]
DEGREES = ["", "(9)", "(2)", "(*5)", "(b9,#11)", "(*3,4)"]
BASSES = ["", "/3", "/b7", "/2", "/5", "/11"]


@pytest.mark.parametrize("root", ROOTS)
def test_it_means_what_mir_eval_says(root: str) -> None:
    from mir_eval.chord import encode

    for quality, degrees, bass in itertools.product(QUALITIES, DEGREES, BASSES):
        label = f"{root}:{quality}{degrees}{bass}"
        number, bitmap, bass_number = encode(label)
        assert parse(label) == (number, tuple(bitmap.nonzero()[0]), bass_number), label


def test_a_bare_root_is_major_and_degrees_alone_are_only_those() -> None:
    assert parse("Eb") == (3, (0, 4, 7), 0)
    assert parse("Eb/3") == (3, (0, 4, 7), 4)
    assert parse("C:(3,5)") == (0, (0, 4, 7), 0)
    assert parse("N") is None
    assert parse("X") is None


@pytest.mark.parametrize(
    "label",
    ["", "H:maj", "C:major", "Am7", "C:", "C:maj/", "C:maj/0", "C:maj/14", "c:maj", "C:maj ", "C:(", "N:maj", "C#b:maj",
     "C:aug7", "C:maj(", "C:maj()", "C:maj(14)", "C/E", "\x00", "C:maj\n"],
)  # fmt: skip
def test_anything_else_is_an_unknown_chord(label: str) -> None:
    with pytest.raises(UnknownChord, match="is not a chord label"):
        parse(label)


@given(st.text(alphabet="ABCDEFGNX#b:/()*,0123456789majinsudg ", max_size=14))
def test_any_text_is_a_chord_or_an_unknown_chord(text: str) -> None:
    try:
        found = parse(text)
    except UnknownChord:
        return
    assert found is None or (0 <= found.root < 12 and found.bass in found.intervals)
