"""How takes of the built-in pack sound, by the whole path: as loud as what they replace, and throughout."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.machine import machine, punchin

pytestmark = [pytest.mark.e2e, pytest.mark.model]

CHORDS = ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62))


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with machine(tmp_path_factory.mktemp("home")) as found:
        yield found


def chords(seconds: float, rate: int, peak: float) -> np.ndarray:
    """A decaying chord every second, of three partials a note, `[samples, 2]`."""
    time = np.arange(round(seconds * rate)) / rate
    sound = np.random.RandomState(0).randn(len(time), 2) * 0.01
    for second in range(int(seconds)):
        here = (time >= second) & (time < second + 1)
        for number, note in enumerate(CHORDS[second % 4]):
            turns = 2 * np.pi * 440 * 2 ** ((note - 69) / 12) * (time[here] - second)
            tone = sum(np.sin(k * turns + number) / k for k in (1, 2, 3)) * np.exp(-1.5 * (time[here] - second))
            sound[here] += tone[:, None] * (0.6 + 0.4 * np.cos(np.array([0, 1.7]) + number))
    return sound * peak / np.max(np.abs(sound))


def decibels(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio**2) + 1e-20))


@pytest.mark.parametrize("peak", [0.35, 0.11, 0.035, 0.011])
def test_a_song_has_takes_as_loud_as_what_they_replace(env: dict[str, str], tmp_path: Path, peak: float) -> None:
    """However quiet it is."""
    rate, song = 44_100, tmp_path / "song.wav"
    soundfile.write(song, chords(20, rate, peak), rate, subtype="PCM_24")
    words = [song, "--start", 8, "--end", 12, "--seed", 11, "--takes", 3, "--full", "--out", tmp_path / "out"]
    report = punchin(env, "inpaint", *words)
    hole = slice(8 * rate, 12 * rate)
    replaced = decibels(soundfile.read(song)[0][hole])
    for take in report["takes"]:
        assert decibels(soundfile.read(take["path"])[0][hole]) == pytest.approx(replaced, abs=2.0)
    assert report["notes"] == []


def test_a_second_of_a_clip_sounds_throughout(env: dict[str, str], tmp_path: Path) -> None:
    rate, clip = 96_000, tmp_path / "clip.wav"
    soundfile.write(clip, chords(5, rate, 0.35), rate, subtype="FLOAT")
    words = [
        clip,
        "--start",
        1,
        "--end",
        2.0833,
        "--to",
        "violin",
        "--seed",
        9,
        "--takes",
        3,
        "--out",
        tmp_path / "out",
    ]
    report = punchin(env, "transfer", *words)
    replaced = decibels(soundfile.read(clip)[0][rate : round(2.0833 * rate)])
    for number, take in enumerate(report["takes"], start=1):
        sound = soundfile.read(take["path"])[0]
        pieces = np.array_split(sound, len(sound) // (rate // 50))
        assert np.mean([decibels(piece) < -70 for piece in pieces]) < 0.5
        assert decibels(sound) == pytest.approx(replaced, abs=3.0)
        above = [note for note in report["notes"] if note.startswith(f"Take {number} goes")]
        assert len(above) == (np.max(np.abs(sound)) > 1.0)
