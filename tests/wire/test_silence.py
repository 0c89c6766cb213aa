"""When a take is mostly silent where what it replaces is not."""

import numpy as np
import pytest
from punchin_wire.silence import silent_share

RATE = 16_000


def tone(seconds: float, sounds: float = 1.0, level: float = 0.1) -> np.ndarray:
    """A stereo tone that sounds for the last share of its time."""
    time = np.arange(round(seconds * RATE)) / RATE
    return level * np.array([np.sin(time * 2000), np.cos(time * 2000)]) * (time >= (1 - sounds) * seconds - 1e-9)


def struck(every: float, seconds: float = 4.0) -> np.ndarray:
    """A short dry sound again and again."""
    time = np.arange(round(seconds * RATE)) / RATE % every
    return np.exp(-time / 0.02) * np.sin(time * 2000)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.08, 8.0])
@pytest.mark.parametrize("sounds", [0.0, 0.1, 0.4, 0.8, 1.0])
def test_a_burst_is_silence_for_the_rest(seconds: float, sounds: float) -> None:
    """However short the clip is, and at any level."""
    for level in (1e-4, 3.0):
        share = silent_share(tone(seconds), tone(seconds, sounds, level), RATE)
        assert share == pytest.approx(1 - sounds, abs=0.11)


def test_an_offset_is_no_sound() -> None:
    assert silent_share(tone(2) + 0.3, tone(2, 0.3) - 0.5, RATE) == pytest.approx(0.7, abs=0.06)
    assert silent_share(tone(2), np.full((2, 2 * RATE), 0.2), RATE) == 1.0


def test_a_take_may_be_silent_where_the_song_is() -> None:
    assert silent_share(tone(2, 0.5), tone(2, 0.5), RATE) == 0.0
    assert silent_share(tone(2, 0.5), tone(2, 0.25), RATE) == pytest.approx(0.5, abs=0.06)
    assert silent_share(np.zeros((2, RATE)), tone(1), RATE) is None
    assert silent_share(np.zeros((2, 0)), np.zeros((2, 0)), RATE) is None


def test_a_phrase_may_come_at_another_time() -> None:
    assert silent_share(tone(4, 0.5)[:, ::-1], tone(4, 0.5), RATE) == 0.0


def test_a_rhythm_is_no_silence() -> None:
    """Dry notes in the place of a pad, every half second; every two seconds they leave it empty."""
    for often in (0.25, 0.5):
        share = silent_share(tone(4), struck(often), RATE)
        assert share is not None
        assert share < 0.2
    rare = silent_share(tone(4), struck(2.0), RATE)
    assert rare is not None
    assert rare > 0.7


def test_a_noise_floor_beside_a_song_is_silence() -> None:
    """So that a hole where nothing was played may be filled with single notes."""
    floor = np.random.default_rng(0).normal(0, 1e-4, (2, 2 * RATE))
    assert silent_share(floor, tone(2, 0.2), RATE, around=np.concatenate([tone(4), floor], axis=1)) is None
    assert silent_share(floor, tone(2, 0.2), RATE) == pytest.approx(0.8, abs=0.06)  # alone it is what there is
