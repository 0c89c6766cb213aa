"""A take is as loud as what it replaces, measured by another meter, and steps at its edges as the song does."""

import math
from functools import cache

import numpy as np
import pyloudnorm
import pytest
from punchin_bridge.splice.fit import level
from punchin_bridge.splice.lay import Excerpt, LaidTake, SpliceSettings, Take, lay
from punchin_bridge.splice.level import EDGE_SECONDS, Gain
from punchin_bridge.splice.seam import table

RATE, MODEL = 44_100, 32_000
SONG = SpliceSettings(level="song", max_gain_db=60.0)
HOLE = (4 * RATE, 7 * RATE)


def plucks(seconds: float, rate: int = RATE, seed: int = 0, channels: int = 2) -> np.ndarray:
    """Notes of changing loudness, two a second, `[channels, samples]`."""
    return _plucks(seconds, rate, seed, channels).copy()


@cache
def _plucks(seconds: float, rate: int, seed: int, channels: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    audio = np.zeros((channels, len(time)))
    for at in np.arange(0, seconds, 0.5):
        since = time - at
        decay = np.exp(-4 * np.maximum(since, 0)) * (since >= 0)
        note = decay * np.sin(2 * np.pi * random.choice([196, 262, 330, 440, 523]) * since)
        audio += random.uniform(0.1, 1.0) * note * random.uniform(0.4, 1.0, (channels, 1))
    return 0.1 * (audio + 1e-3 * random.standard_normal(audio.shape))


def lufs(audio: np.ndarray, rate: int = RATE) -> float:
    return float(pyloudnorm.Meter(rate).integrated_loudness(audio.T))


def laid(song: np.ndarray, take: np.ndarray, hole: tuple[int, int] = HOLE, integer: bool = False) -> LaidTake:
    (part,) = lay(Excerpt(song, RATE, integer=integer), [hole], Take(take, MODEL), SONG)
    return part


def replaced(song: np.ndarray, hole: tuple[int, int] = HOLE) -> np.ndarray:
    return song[:, slice(*hole)]


@pytest.mark.parametrize("rate", [11_025, 44_100, 96_000])
def test_the_level_is_pyloudnorms(rate: int) -> None:
    audio = plucks(3, rate)
    assert level(audio, rate) == pytest.approx(lufs(audio, rate), abs=0.1)
    assert level(1e-4 * audio, rate) == pytest.approx(lufs(audio, rate) - 80, abs=0.1)  # and no song is too quiet
    assert level(np.zeros((2, rate)), rate) == level(np.zeros((2, 0)), rate) == -math.inf


@pytest.mark.parametrize("song_db", [-40.0, -20.0, 0.0, 14.0])
@pytest.mark.parametrize("take_db", [-40.0, 0.0, 20.0])
def test_a_take_is_as_loud_as_what_it_replaces(song_db: float, take_db: float) -> None:
    """Whatever the model made of the music around the hole, at any input level, in a wide song."""
    song = plucks(12) * 10 ** (song_db / 20)
    part = laid(song, 10 ** (take_db / 20) * plucks(12, MODEL, seed=5, channels=1)[0])
    assert lufs(part.audio) == pytest.approx(lufs(replaced(song)), abs=1.0)
    assert part.report.level_error_db == pytest.approx(0.0, abs=1.0)
    assert part.report.gain.source == "replaced"
    assert "LU off" in dict(table(part.report))["gain"]


def test_a_quiet_passage_stays_one() -> None:
    song = plucks(12)
    song[:, slice(*HOLE)] *= 0.1
    assert lufs(laid(song, plucks(12, MODEL, 5, 1)[0]).audio) == pytest.approx(lufs(replaced(song)), abs=1.0)


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.39])
def test_a_short_region_has_the_power_of_what_it_replaces(seconds: float) -> None:
    song, hole = plucks(12), (4 * RATE, round((4 + seconds) * RATE))
    part = laid(song, 4 * plucks(12, MODEL, 5, 1)[0], hole)
    assert 20 * np.log10(part.audio.std() / replaced(song, hole).std()) == pytest.approx(0.0, abs=2.0)


@pytest.mark.slow
def test_the_steps_at_the_joins_are_the_songs() -> None:
    """With the same gain throughout, half of them would be off by more than 2 LU."""
    off: dict[float, list[float]] = {0.0: [], 6.0: []}
    for seed in range(8):
        song, take = plucks(12, seed=seed), plucks(12, MODEL, seed=100 + seed, channels=1)[0]
        for edge, found in off.items():
            splice = SpliceSettings(level="song", edge_gain_db=edge)
            (part,) = lay(Excerpt(song, RATE, integer=False), [HOLE], Take(take, MODEL), splice)
            for join in (part.report.left, part.report.right):
                assert join is not None
                assert join.level_step_lu is not None
                assert join.song_step_lu is not None
                found.append(abs(join.level_step_lu - join.song_step_lu))
    assert np.median(off[6.0]) < 0.7
    assert np.median(off[0.0]) > 2 * np.median(off[6.0])


def test_a_late_first_note_is_not_blown_up() -> None:
    take = plucks(12, MODEL, 5, 1)[0]
    take[4 * MODEL : 4 * MODEL + MODEL // 2] *= 0.05
    gain = laid(plucks(12), take).report.gain
    assert gain.middle_db is not None
    assert gain.left_db - gain.middle_db == pytest.approx(6.0)
    take[4 * MODEL : 4 * MODEL + MODEL // 2] *= 0.01  # silence has no level to be corrected
    gain = laid(plucks(12), take).report.gain
    assert gain.left_db == gain.middle_db


def test_a_take_for_silence_is_as_loud_as_the_song_around() -> None:
    song = plucks(12)
    song[:, slice(*HOLE)] *= 1e-3
    part = laid(song, plucks(12, MODEL, 5, 1)[0] / 8)
    beside = np.concatenate([song[:, : HOLE[0]], song[:, HOLE[1] :]], axis=1)
    assert part.report.gain.source == "context"
    assert part.report.gain.left_db == part.report.gain.right_db
    assert lufs(part.audio) == pytest.approx(lufs(beside), abs=1.0)


def test_what_replaces_a_clip_alone_stays_as_quiet_as_the_clip() -> None:
    """A transfer hears nothing around its clip, so that says nothing of its level."""
    song = plucks(12)
    song[:, slice(*HOLE)] *= 1e-3
    take = Take(plucks(3, MODEL, 5, 1)[0], MODEL, origin=HOLE[0])
    (part,) = lay(Excerpt(song, RATE, integer=False), [HOLE], take, SONG)
    assert part.report.gain.source == "replaced"
    assert level(part.audio, RATE) == pytest.approx(level(replaced(song), RATE), abs=1.0)


def test_silence_everywhere_is_no_gain() -> None:
    silent, take = np.zeros((2, 12 * RATE)), plucks(12, MODEL, 5, 1)[0]
    for song, made in [(silent, take), (plucks(12), np.zeros(12 * MODEL))]:
        report = laid(song, made).report
        assert (report.gain, report.level_error_db) == (Gain(), None)


def test_a_take_that_is_turned_down_says_what_it_lacks() -> None:
    """A clipped master is denser than any take: nothing is limited to be as loud."""
    song = 0.99 * np.tanh(300 * plucks(12))
    part = laid(song, plucks(12, MODEL, 5, 1)[0], integer=True)
    assert np.max(np.abs(part.audio)) <= 1.0
    assert part.report.level_error_db is not None
    assert part.report.level_error_db < -3
    assert part.report.level_error_db == pytest.approx(-part.report.reduction_db, abs=1.5)


def test_the_gain_turns_within_a_second_of_the_edge() -> None:
    seconds = 5
    ramp = 20 * np.log10(Gain(-6.0, 4.0, "replaced", middle_db=1.0).ramp(seconds * RATE, 7, 9, rate=RATE))
    edge = round(EDGE_SECONDS * RATE)
    assert len(ramp) == seconds * RATE + 16
    assert np.allclose(ramp[: RATE // 3], -6)
    assert np.allclose(ramp[edge + 7 : -edge - 9], 1)
    assert np.allclose(ramp[-RATE // 3 :], 4)
    short = 20 * np.log10(Gain(-6.0, 4.0, "replaced", middle_db=1.0).ramp(RATE, rate=RATE))
    assert np.allclose(short[RATE // 2 - 1 : RATE // 2 + 1], 1, atol=0.01)
