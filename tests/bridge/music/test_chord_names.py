"""Chords as musicians write them are read; other names are left alone; mistakes are said."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.hosts.protocol import ChordName
from punchin_bridge.music import chords
from punchin_bridge.music.chord_names import read, segments, written
from punchin_bridge.music.tempo_map import steady
from punchin_wire import harte
from punchin_wire.errors import UnknownChord
from punchin_wire.messages import ChordSegment

TONES = {
    "C": "0 4 7", "Cmaj": "0 4 7", "CM": "0 4 7", "Am": "9: 0 3 7", "A-": "9: 0 3 7", "Amin": "9: 0 3 7",
    "C7": "0 4 7 10", "Cdom7": "0 4 7 10", "Cmaj7": "0 4 7 11", "CM7": "0 4 7 11", "CMA7": "0 4 7 11",
    "C△7": "0 4 7 11", "CΔ": "0 4 7 11", "CΔ9": "0 4 7 11", "Am7": "9: 0 3 7 10", "A-7": "9: 0 3 7 10",
    "CMI7": "0 3 7 10", "Dm(maj7)": "2: 0 3 7 11", "DmM7": "2: 0 3 7 11", "Dm△7": "2: 0 3 7 11",
    "D-Δ7": "2: 0 3 7 11", "C6": "0 4 7 9", "C6/9": "0 4 7 9", "C69": "0 4 7 9", "Cm6": "0 3 7 9",
    "F#m7b5": "6: 0 3 6 10", "F♯m7♭5": "6: 0 3 6 10", "Bø": "11: 0 3 6 10", "Bø7": "11: 0 3 6 10",
    "Bhdim7": "11: 0 3 6 10", "Cdim": "0 3 6", "C°": "0 3 6", "C°7": "0 3 6 9", "Co7": "0 3 6 9", "Cdim7": "0 3 6 9",
    "C+": "0 4 8", "Caug": "0 4 8", "C#5": "1: 0 7", "C7#5": "0 4 8 10", "C+7": "0 4 8 10", "C7+": "0 4 8 10",
    "C7b5": "0 4 6 10", "C7-5": "0 4 6 10", "C7alt": "0 4 8 10", "Cmaj7#5": "0 4 8 11", "Csus4": "0 5 7",
    "Csus": "0 5 7", "Csus2": "0 2 7", "C7sus4": "0 5 7 10", "C9sus": "0 5 7 10", "G7b9": "7: 0 4 7 10",
    "G7(b9,#11)": "7: 0 4 7 10", "G13": "7: 0 4 7 10", "E5": "4: 0 7", "C(no3)": "0 7", "Cadd9": "0 4 7",
    "Cm(add9)": "0 3 7", "Bb/D": "10: 0 4 7 /4", "Bb/d": "10: 0 4 7 /4", "Am/G": "9: 0 3 7 10 /10",
    "C/B": "0 4 7 11 /11", "C/G#": "0 4 7 8 /8", "C/C": "0 4 7", "Am7/G": "9: 0 3 7 10 /10",
    "A:min7/b3": "9: 0 3 7 10 /3",
    "C/3": "0 4 7 /4", "Ebmaj7/G": "3: 0 4 7 11 /4", "C maj7": "0 4 7 11", " Am7 ": "9: 0 3 7 10", "Cb": "11: 0 4 7",
}  # fmt: skip
"""What each name means: root, intervals above it, and bass if that is another tone."""


@pytest.mark.parametrize("name", TONES)
def test_names_mean_the_tones_that_musicians_mean(name: str) -> None:
    tones, _, bass = TONES[name].partition("/")
    root, _, intervals = tones.rpartition(":")
    found = harte.parse(read(name))
    assert found == harte.Harte(int(root or 0), tuple(map(int, intervals.split())), int(bass or 0))


@pytest.mark.parametrize("name", ["N", "N.C.", "NC", "n.c.", "X"])
def test_no_chord_is_silence(name: str) -> None:
    assert harte.parse(read(name)) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "H7",
        "Cmja7",
        "Verse",
        "c",
        "C/H",
        "C7b",
        "C#b",
        "Cm7(b",
        "Am7 Dm7",
        "1",
        "C" * 60,
        "C:(1,2,3,4,5,6,7,8,9,10,11,12,13,1,2,3,4,5,6)",
    ],
)
def test_anything_else_is_no_chord_and_says_what_is(name: str) -> None:
    with pytest.raises(UnknownChord) as caught:
        read(name)
    assert "Am7" in caught.value.next_step


@given(st.text("ABCDEFGHabmjdisugo#/(),M79+-△ø 1365♭", max_size=12))
def test_no_name_makes_trouble(name: str) -> None:
    """Whatever is read is a Harte label that the engine reads, too."""
    with contextlib.suppress(UnknownChord):
        harte.parse(read(name))


# ---- which names are chords ----------------------------------------------------------------------------------

GRID = steady(120)


def labels(*names: str) -> list[str]:
    return [found.label for found in segments([ChordName(4 * i, 4 * i + 4, n) for i, n in enumerate(names)], GRID)]


def test_other_names_are_passed_over() -> None:
    assert labels("Verse 1", "Am", "C", "Bridge", "F", "Emotional", "Drop") == ["A:min", "C:maj", "F:maj"]
    assert labels("Intro", "Verse", "Outro", "X") == []
    assert labels("Am", "C#9 " + "and so on, as we said at the last rehearsal " * 5) == ["A:min"]
    assert labels() == []


def test_letters_among_other_names_are_rehearsal_marks() -> None:
    assert labels("Intro", "A", "B", "A2", "C") == []
    assert labels("C", "F", "G", "C") == ["C:maj", "F:maj", "G:maj", "C:maj"]
    assert labels("Intro", "A", "E7") == ["A:maj", "E:7"]


@pytest.mark.parametrize("name", ["Cmja7", "Hm", "H7", "Gm7x5", "F#m7b"])
def test_a_misspelt_chord_is_said(name: str) -> None:
    with pytest.raises(UnknownChord, match=name):
        labels("Am", name)


# ---- when they sound -----------------------------------------------------------------------------------------


def test_a_marker_lasts_until_the_next_chord() -> None:
    marks = [ChordName(8, 8, "F"), ChordName(0, 0, "Am"), ChordName(4, 4, "Verse 1"), ChordName(12, 14, "C")]
    assert segments(marks, GRID) == (
        ChordSegment(0, 4, "A:min"), ChordSegment(4, 6, "F:maj"), ChordSegment(6, 7, "C:maj")
    )  # fmt: skip
    assert segments(marks[:2], GRID)[-1] == ChordSegment(4, math.inf, "F:maj")


def test_overlapping_regions_follow_each_other() -> None:
    assert segments([ChordName(0, 9, "Am"), ChordName(8, 12, "F"), ChordName(8, 16, "G")], GRID) == (
        ChordSegment(0, 4, "A:min"), ChordSegment(4, 8, "G:maj")
    )  # fmt: skip


# ---- written -------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(chords.ROOTS),
    st.sampled_from(sorted(chords._QUALITIES)),
    st.sampled_from(["", "/b2", "/2", "/b3", "/3", "/4", "/b5", "/5", "/b6", "/6", "/b7", "/7"]),
)
def test_a_name_that_is_written_is_read_as_the_same_chord(root: str, quality: str, bass: str) -> None:
    label = f"{root}:{quality}{bass}"
    assert harte.parse(read(written(label))) == harte.parse(label)


@pytest.mark.parametrize(
    ("label", "name"),
    [("C:maj", "C"), ("Bb:min7", "Bbm7"), ("C:maj/b3", "C/Eb"), ("F#:maj/3", "F#/A#"), ("D:min(9)", "Dmadd9")],
)
def test_labels_are_written_as_musicians_write_them(label: str, name: str) -> None:
    assert written(label) == name
