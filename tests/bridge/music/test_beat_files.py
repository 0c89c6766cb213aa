"""A beat file becomes a tempo map on which every beat falls where the file says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.music import beat_files
from punchin_bridge.music.tempo_map import TimeSignature
from punchin_wire.errors import FileMissing, InputError


@given(
    st.lists(st.floats(0.05, 5), min_size=6, max_size=60),
    st.lists(st.integers(1, 7), min_size=30, max_size=30),
    st.integers(0, 3),
)
def test_every_beat_and_every_bar_comes_back(gaps: list[float], bars: list[int], pickup: int) -> None:
    times = [sum(gaps[:i]) for i in range(len(gaps))]
    numbers = [9] * pickup + [beat + 1 for bar in bars for beat in range(bar)]
    text = "\n".join(f"{time!r} {number}" for time, number in zip(times, numbers, strict=False))
    found = beat_files.parse(text)
    beats = list(found.beats(times[pickup] - 1e-9, times[-1] + 1e-9))
    assert [beat.time for beat in beats] == pytest.approx(times[pickup:])
    whole = sum(1 for i, n in enumerate(numbers[: len(times)]) if n == 1)
    starts = [time for time, number in zip(times, numbers, strict=False) if number == 1]
    assert [found.seconds(found.bar(i + 1)) for i in range(whole)] == pytest.approx(starts)


def test_a_decimal_comma_is_a_point() -> None:
    assert beat_files.parse("0,5 1\n1,25 2\n") == beat_files.parse("0.5 1\n1.25 2\n")


def test_times_alone_are_four_four() -> None:
    found = beat_files.parse("1\n1.5\n\n2\n2.5\n3\n3.5\n")
    assert found.time_signatures == (TimeSignature(0, 4, 4),)
    assert found.seconds(found.bar(2)) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "two beats"),
        ("1 1", "two beats"),
        ("2 1\n1 2", "two beats"),
        ("1 1\n1 2", "two beats"),
        ("1 2\n2 3\n3 4", "no downbeat"),
        ("1 2\n2 1", "no downbeat"),
        ("1 1\nx 2", "line 2"),
        ("1 1\n2 1.5", "line 2"),
        ("1 1\nnan 2", "line 2"),
        ("-1 1\n2 2", "line 1"),
        ("1 1\n200 2", "tempo"),
        ("1 1\n1.001 2", "tempo"),
    ],
)
def test_what_holds_no_beats_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        beat_files.parse(text)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        beat_files.read(tmp_path / "no.txt")


def test_a_song_as_a_tracker_writes_it(tmp_path: Path) -> None:
    """267 s at 124 BPM on a grid of 10 ms, a pickup of three beats: exact from the first downbeat on."""
    times = [round(0.9 + 60 / 124 * beat, 2) for beat in range(550)]
    path = tmp_path / "beats.txt"
    path.write_text("".join(f"{time}\t{(beat + 1) % 4 + 1}.0\n" for beat, time in enumerate(times)))
    found = beat_files.read(path)
    assert found.origin == times[3]
    beats = [beat.time for beat in found.beats(0.5, times[-1] + 0.01)]
    assert beats == pytest.approx(times, abs=0.03)
    assert beats[3:] == pytest.approx(times[3:])
