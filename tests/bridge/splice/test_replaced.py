"""A take that replaces a whole region is laid by what it replaces: its level, its width, its place in the clip."""

import numpy as np
import pytest
import soxr
from punchin_bridge.splice.lay import Excerpt, SpliceSettings, Take, lay
from punchin_bridge.splice.level import PIECE_SECONDS, loudness
from punchin_bridge.splice.width import FRAMES_AT_ONCE, measure

RATE, MODEL = 44_100, 16_000
REPLACED = SpliceSettings(level="replaced", width="replaced", max_gain_db=40.0)


def clip(samples: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Noise that leans left, with unrelated sides."""
    random = np.random.default_rng(seed)
    middle, sides = random.standard_normal(samples), random.standard_normal((channels, samples))
    pans = np.linspace(1.4, 0.6, channels)[:, None]
    return 0.05 * (pans * middle + 0.4 * (sides - sides.mean(axis=0)))


def take_of(samples: int, rate: int = RATE, seed: int = 1) -> np.ndarray:
    """What the engine sends: the next whole number of its samples."""
    return 0.1 * np.random.default_rng(seed).standard_normal(-(-samples * MODEL // rate))


@pytest.mark.parametrize("rate", [11_025, 16_000, 22_050, 44_056, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("gain_db", [-30.0, 0.0, 12.0])
def test_a_region_is_as_loud_as_it_was(rate: int, gain_db: float) -> None:
    """Inside a longer clip, too, where the take ends a fraction of a sample behind the region: that scrap is no
    context, and the music around is none that the model made."""
    song = clip(3 * rate)
    song[:, : rate // 2] *= 0.01
    hole = (rate, 2 * rate + 7)
    take = take_of(hole[1] - hole[0], rate) * 10 ** (gain_db / 20)
    (part,) = lay(Excerpt(song, rate, integer=False), [hole], Take(take, MODEL, origin=hole[0]), REPLACED)
    assert part.report.gain.source == "replaced"
    band = 0.95 * min(rate, MODEL) / 2
    mine, theirs = (loudness(x.mean(axis=0), rate, (0, x.shape[1]), band) for x in (part.audio, song[:, slice(*hole)]))
    assert mine == pytest.approx(theirs, abs=0.3)


def test_its_own_level_is_left_alone() -> None:
    song, take = clip(RATE), take_of(RATE)
    (part,) = lay(
        Excerpt(song, RATE, integer=False), [(0, RATE)], Take(take, MODEL), SpliceSettings(level="own", width="mono")
    )
    line = soxr.resample(take, MODEL, RATE, quality="VHQ")
    assert (part.report.gain.source, part.report.gain.left_db) == ("own", 0.0)
    assert np.std(part.audio[0]) == pytest.approx(np.std(line), rel=0.01)


def test_a_gain_is_limited_and_says_so() -> None:
    (part,) = lay(Excerpt(clip(RATE), RATE), [(0, RATE)], Take(1e-4 * take_of(RATE), MODEL), REPLACED)
    assert part.report.gain.clamped
    assert part.report.gain.left_db == 40.0


def test_a_very_quiet_clip_has_a_very_quiet_take() -> None:
    (part,) = lay(
        Excerpt(1e-3 * clip(RATE), RATE, integer=False), [(0, RATE)], Take(1e-2 * take_of(RATE), MODEL), REPLACED
    )
    assert 20 * np.log10(np.std(part.audio)) == pytest.approx(-90, abs=1)  # below 8 kHz as loud as the clip


def test_silence_has_no_level() -> None:
    for song, take in [(np.zeros((1, RATE)), take_of(RATE)), (clip(RATE), np.zeros(MODEL))]:
        (part,) = lay(Excerpt(song, RATE), [(0, RATE)], Take(take, MODEL), REPLACED)
        assert part.report.gain.source == "nothing"


def test_the_width_is_that_of_what_is_replaced() -> None:
    """A wide region between mono ones is wide again; by its context it would be mono."""
    song = clip(3 * RATE)
    song[:, :RATE] = song[:, :RATE].mean(axis=0)
    song[:, 2 * RATE :] = song[:, 2 * RATE :].mean(axis=0)
    hole, take = (RATE, 2 * RATE), take_of(RATE)

    def side(audio: np.ndarray) -> float:
        return float(np.std(audio[0] - audio[1]) / np.std(audio.mean(axis=0)))

    (replaced,) = lay(Excerpt(song, RATE), [hole], Take(take, MODEL, origin=RATE), REPLACED)
    (context,) = lay(Excerpt(song, RATE), [hole], Take(take, MODEL, origin=RATE), SpliceSettings(level="replaced"))
    inside = slice(2000, -2000)
    assert replaced.report.width == "from what the take replaces"
    assert side(replaced.audio[:, inside]) == pytest.approx(side(song[:, RATE : 2 * RATE]), rel=0.1)
    assert context.report.width == "from the context"
    assert side(context.audio[:, inside]) < 0.01


@pytest.mark.parametrize("origin", [0, 1, 12_345, RATE])
def test_the_models_time_begins_where_the_region_does(origin: int) -> None:
    """A click in the take sounds where it was heard, to the sample, wherever the region begins."""
    take = np.zeros(MODEL)
    take[8000] = 1.0
    song = 1e-3 * clip(3 * RATE)
    settings = SpliceSettings(level="own", width="mono")
    (part,) = lay(
        Excerpt(song, RATE, integer=False), [(origin, origin + RATE)], Take(take, MODEL, origin=origin), settings
    )
    assert np.argmax(np.abs(part.audio[0])) == RATE // 2


def test_long_regions_measure_as_short_ones() -> None:
    """Loudness and width are taken piece by piece; the pieces add up."""
    rate = 1000
    audio = clip(round(2.5 * PIECE_SECONDS * rate))
    power = [10 ** (loudness(audio, rate, (at, at + 15_000)) / 10) for at in range(0, audio.shape[1], 15_000)]
    assert loudness(audio, rate, (0, audio.shape[1])) == pytest.approx(10 * np.log10(np.mean(power)), abs=0.01)
    assert loudness(audio, rate, (500, 500)) == -np.inf
    frame = 32
    long = clip(frame // 2 * (2 * FRAMES_AT_ONCE + 100))
    whole, first = measure(long, rate), measure(long[:, : frame * FRAMES_AT_ONCE // 2], rate)
    assert np.allclose(whole.pan, first.pan, atol=0.05)
    assert np.allclose(whole.spread, first.spread, atol=0.05)
