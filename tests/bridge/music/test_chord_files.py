"""A chord file is read as it is commonly written; what is wrong with it is said with its line."""

import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from punchin_bridge.music import chord_files
from punchin_wire.errors import FileMissing, InputError, PunchinError, UnknownChord
from punchin_wire.messages import ChordSegment

PLAIN = (ChordSegment(0.0, 0.5, "N"), ChordSegment(0.5, 4.25, "B:min"), ChordSegment(4.25, 6.1, "A:maj/3"))


@pytest.mark.parametrize(
    "text",
    [
        "0.0\t0.5\tN\n0.5\t4.25\tB:min\n4.25\t6.10\tA:maj/3\n",
        "0.0 0.5 N\r\n0.5   4.25 B:min\r\n\r\n4.25 6.10 A:maj/3",
        "\ufeff# start end chord\n0 0.5 N\n0.5 4.25 ii B:min\n4.2500 6.1 A:maj/3\n6.1 6.1 C:maj\n",
        "0.0 0.5 N\n0.5 4.26 B:min\n4.25 6.10 A:maj/3\n",
    ],
)
def test_layouts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.lab"
    path.write_text(text, newline="")
    assert chord_files.read(path) == PLAIN


def test_an_unknown_chord_is_named_with_its_line() -> None:
    with pytest.raises(UnknownChord, match="'H:maj' is not a chord label") as caught:
        chord_files.parse("0 1 C:maj\n1 2 H:maj", "song.lab")
    assert "song.lab, line 2" in caught.value.next_step


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Am7", "A:min7"),
        ("F/A", "F:maj/3"),
        ("NC", "N"),
        ("N.C.", "N"),
        ("C♯", "C#:maj"),
        ("C maj7", "C:maj7"),
        ("IV F", "F:maj"),
        ("D:maj/3", "D:maj/3"),
    ],
)
def test_chords_are_named_as_in_projects(name: str, label: str) -> None:
    assert chord_files.parse(f"0 2 {name}\n2 4 G") == (ChordSegment(0, 2, label), ChordSegment(2, 4, "G:maj"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("# für Élise\r\n0,5 2,25 Am\r\n2,25 4 E7\r\n".encode(encoding))
    assert chord_files.read(path) == (ChordSegment(0.5, 2.25, "A:min"), ChordSegment(2.25, 4.0, "E:7"))


def test_points_last_until_the_next_one() -> None:
    """As Audacity writes labels that are points, with a line more for those of some frequencies only."""
    text = "0.000000\t0.000000\tC\n2.000000\t2.000000\tAm\n\\\t100.0\t200.0\n4.000000\t4.000000\tF\n"
    assert chord_files.parse(text) == (
        ChordSegment(0, 2, "C:maj"),
        ChordSegment(2, 4, "A:min"),
        ChordSegment(4, math.inf, "F:maj"),
    )
    assert chord_files.parse("0 2 C\n2 2 Am\n4 6 F")[1] == ChordSegment(2, 4, "A:min")


def test_times_of_htk_are_in_100_nanoseconds() -> None:
    assert chord_files.parse("0 20000000 C:maj\n20000000 45000000 A:min") == (
        ChordSegment(0, 2, "C:maj"),
        ChordSegment(2, 4.5, "A:min"),
    )
    assert chord_files.parse("0 2 C\n2 900 G")[1] == ChordSegment(2, 900, "G:maj")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "holds no chords"),
        ("# nothing\n", "holds no chords"),
        ("0 1", "line 1"),
        ("0 1 C\nzero 2 G", "line 2"),
        ("0 nan C", "line 1"),
        ("0 inf C", "line 1"),
        ("2 1 C", "line 1"),
        ("-1 1 C", "line 1"),
        ("0 2 C\n1 3 G", "line 2"),
        ("0 2 C\n0.5 1 G", "line 2"),
    ],
)
def test_other_lines_are_refused(text: str, where: str) -> None:
    with pytest.raises(InputError, match=where):
        chord_files.parse(text)


def test_a_missing_file_is_missing_and_a_picture_is_no_chord_file(tmp_path: Path) -> None:
    for path in (tmp_path / "no.lab", tmp_path):
        with pytest.raises(FileMissing):
            chord_files.read(path)
    picture = tmp_path / "a.lab"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(InputError, match="not a text file"):
        chord_files.read(picture)


def test_times_of_a_recogniser_keep_every_digit() -> None:
    text = "0.0\t0.5108390022675737\tN\n0.5108390022675737\t6.199727891156463\tB:min\n6.199727891156463\t9.5\tB:min/5\n"
    assert chord_files.parse(text, "song.lab") == (
        ChordSegment(0.0, 0.5108390022675737, "N"),
        ChordSegment(0.5108390022675737, 6.199727891156463, "B:min"),
        ChordSegment(6.199727891156463, 9.5, "B:min/5"),
    )


TIMES, CHORDS = ["0", "2.5", "4,0", "1e308", "-1", "nan", "20000000"], ["Am7", "F/A", "C♯:maj", "N.C.", "H", "(", "#"]
FIELDS = st.sampled_from([*TIMES, *CHORDS])


@example("0 0 Am7")
@given(st.lists(st.lists(FIELDS | st.text(max_size=6), max_size=5).map(" ".join), max_size=6).map("\n".join))
def test_any_text_is_chords_that_follow_each_other_or_is_refused(text: str) -> None:
    try:
        found = chord_files.parse(text, "any.lab")
    except PunchinError:
        return
    times = [time for chord in found for time in (chord.start, chord.end)]
    assert times == sorted(times)
    assert all(map(math.isfinite, times[:-1]))  # the last of chords that have no ends lasts as long as the song
