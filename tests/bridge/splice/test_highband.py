"""Sound above the model's band: only where the take sounds, only above the band, and nearer to the truth than none."""

import numpy as np
import pytest
import soxr
from fakes import instruments
from punchin_bridge.splice import highband
from punchin_bridge.splice.lay import Excerpt, SpliceSettings, Take, lay
from punchin_bridge.splice.place import place

RATE, MODEL = 44_100, 16_000
PLAYERS = ("piano", "violin", "guitar")  # a flute has no such band


def plucks(samples: int, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Struck noise with a falling spectrum: attacks, decays, silence between them."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / rate
    noise = np.cumsum(random.standard_normal(samples))
    noise -= np.convolve(noise, np.ones(101) / 101, "same")
    return 0.02 * noise * np.exp(-12 * (time % 0.5)) * (time % 0.5 < 0.4)


def of_the_model(audio: np.ndarray, rate: int = RATE) -> np.ndarray:
    """What a model of 16 kHz can make of it, at the project's rate."""
    return place(soxr.resample(audio, rate, MODEL, quality="VHQ"), 0, MODEL, rate, len(audio))


def power(audio: np.ndarray, low: float, high: float, rate: int = RATE) -> float:
    """Of a band of Hz, in dB."""
    spectrum = np.abs(np.fft.rfft(audio)) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / rate)
    return 10 * np.log10(np.sum(spectrum[(frequency >= low) & (frequency < high)]) / len(audio) ** 2 + 1e-30)


def distance(audio: np.ndarray, true: np.ndarray) -> float:
    """Log-spectral distance in 8-16 kHz: bands of 500 Hz in frames of 46 ms, dB, floor at -115 dBFS."""

    def bands(x: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(x, 2048)[::512] * np.hanning(2048)
        spectra = np.abs(np.fft.rfft(frames)[:, 372:740]) ** 2  # 8.0 to 15.9 kHz
        return 10 * np.log10(spectra.reshape(len(spectra), 16, 23).mean(axis=2) / 2048**2 * 10.7 + 10**-11.5)

    return float(np.mean(np.sqrt(np.mean((bands(audio) - bands(true)) ** 2, axis=1))))


def likeness(audio: np.ndarray, true: np.ndarray) -> float:
    """Correlation of the level of 8-16 kHz over time."""

    def level(x: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(x, 2048)[::512] * np.hanning(2048)
        return 10 * np.log10(np.mean(np.abs(np.fft.rfft(frames)[:, 372:740]) ** 2, axis=1) / 2048**2 * 10.7 + 1e-10)

    return float(np.corrcoef(level(audio), level(true))[0, 1])


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000, 192_000])
def test_extension_lies_above_the_band_and_below_the_top(rate: int) -> None:
    take = of_the_model(plucks(2 * rate, rate=rate), rate)
    added = highband.extend(take, rate, 8000.0)
    top = min(15_500.0, 0.49 * rate)
    assert added.shape == take.shape
    assert power(added, 0, 6800, rate) < power(added, 7600, top, rate) - 40
    assert power(added, 8000, top, rate) < power(take, 4000, 7600, rate) - 6
    if rate > 40_000:
        assert power(added, 16_000, rate / 2, rate) < power(added, 8000, 15_200, rate) - 40


def test_pieces_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    take = of_the_model(plucks(RATE))
    whole = highband.extend(take, RATE, 8000.0)
    monkeypatch.setattr(highband, "PIECE", 10_000)
    assert np.allclose(highband.extend(take, RATE, 8000.0), whole, atol=1e-12)


def test_a_tone_is_moved_not_mirrored() -> None:
    """5 and 6 kHz come again 3.8 and 7.6 kHz higher, in the same order, each 15 dB an octave lower than it was."""
    time = np.arange(RATE) / RATE
    added = highband.extend(np.sin(2 * np.pi * 5000 * time) + 0.1 * np.sin(2 * np.pi * 6000 * time), RATE, 8000.0)
    spectrum = np.abs(np.fft.rfft(added * np.hanning(RATE))) / (RATE / 4)
    for low, size in ((5000, 1.0), (6000, 0.1)):
        for shift in (3800, 7600):
            expected = size * 10 ** (-15 * np.log2((low + shift) / low) / 20)
            assert spectrum[low + shift] == pytest.approx(expected, rel=0.1)
    mirrored = [7600 + 7600 - 5000, 7600 + 7600 - 6000]
    assert max(spectrum[mirrored]) < 1e-3


def test_silence_in_the_take_stays_silent_and_attacks_stay_attacks() -> None:
    take, replaced = of_the_model(plucks(2 * RATE)), plucks(2 * RATE, seed=1) + 0.01 * plucks(2 * RATE, seed=2)[::-1]
    for added in (highband.extend(take, RATE, 8000.0), highband.source(take, replaced, RATE, MODEL)):
        quiet = np.concatenate([added[round((at + 0.43) * RATE) : round((at + 0.48) * RATE)] for at in (0, 0.5, 1)])
        struck = np.concatenate([added[round(at * RATE) : round((at + 0.05) * RATE)] for at in (0.5, 1, 1.5)])
        assert np.mean(quiet**2) < 1e-5 * np.mean(struck**2)
    assert not highband.extend(np.zeros(RATE), RATE, 8000.0).any()
    assert not highband.source(np.zeros(RATE), plucks(RATE), RATE, MODEL).any()


def test_a_perfect_take_with_the_sources_highband_is_the_source() -> None:
    """The band that is added is exactly the one that the model's rate leaves out."""
    clip = plucks(2 * RATE)
    whole = of_the_model(clip) + highband.source(of_the_model(clip), clip, RATE, MODEL)
    inside = slice(RATE // 2, 3 * RATE // 2)
    error = np.mean((whole - clip)[inside] ** 2) / np.mean((clip - of_the_model(clip))[inside] ** 2)
    assert 10 * np.log10(error) < -20


def test_the_sources_highband_follows_the_take() -> None:
    clip, half = plucks(2 * RATE), np.where(np.arange(2 * RATE) < RATE, 1.0, 0.25)
    added = highband.source(of_the_model(clip * half), clip, RATE, MODEL)
    own = clip - of_the_model(clip)
    before, after = slice(RATE // 4, 3 * RATE // 4), slice(5 * RATE // 4, 7 * RATE // 4)
    ratio = (np.std(added[after]) / np.std(own[after])) / (np.std(added[before]) / np.std(own[before]))
    assert 20 * np.log10(ratio) == pytest.approx(-12, abs=1)


@pytest.mark.parametrize("way", ["none", "source", "extend"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_mono_mix_is_the_take_and_its_highband(way: highband.Highband, channels: int) -> None:
    song = np.stack([plucks(2 * RATE, seed) for seed in range(channels)])
    take = soxr.resample(plucks(2 * RATE, 9), RATE, MODEL, quality="VHQ")
    settings = SpliceSettings(level="own", width="replaced", highband=way)
    (part,) = lay(Excerpt(song, RATE, integer=False), [(0, 2 * RATE)], Take(take, MODEL), settings)
    line = place(take, 0, MODEL, RATE, 2 * RATE)
    whole = (
        line
        + {
            "none": np.zeros(2 * RATE),
            "source": highband.source(line, song.mean(axis=0), RATE, MODEL),
            "extend": highband.extend(line, RATE, 8000.0),
        }[way]
    )
    inside = slice(200, -200)  # the ends are faded
    assert np.max(np.abs(part.audio.mean(axis=0) - whole)[inside]) < 1e-12
    assert part.report.highband == highband.HOW[way]
    assert (part.report.highband_db is None) == (way == "none")
    assert part.report.bandwidth_hz == 8000.0


@pytest.mark.parametrize("way", ["source", "extend"])
def test_a_file_that_ends_with_the_model_gets_no_highband(way: highband.Highband) -> None:
    song, take = plucks(2 * MODEL, rate=MODEL)[None], plucks(2 * MODEL, seed=1, rate=MODEL)
    plain, whole = (
        lay(Excerpt(song, MODEL), [(0, 2 * MODEL)], Take(take, MODEL), SpliceSettings(highband=setting))[0]
        for setting in ("none", way)
    )
    assert np.array_equal(plain.audio, whole.audio)
    assert whole.report.highband == "nothing"


def test_a_loud_take_with_highband_does_not_clip() -> None:
    song, take = plucks(RATE)[None], np.clip(20 * soxr.resample(plucks(RATE, 1), RATE, MODEL), -1, 1)
    (part,) = lay(Excerpt(song, RATE), [(0, RATE)], Take(take, MODEL), SpliceSettings(level="own", highband="extend"))
    assert np.max(np.abs(part.audio)) < 1.0
    assert part.report.reduction_db > 0


@pytest.mark.parametrize("name", PLAYERS)
def test_instruments_gain_by_extension(name: str) -> None:
    """Recorded instruments that end at 8 kHz and are extended: nearer to what they were than without, and their high
    band moves with the take's. The other clips' highs, fitted to them, does not: the default is `extend`."""
    clips = {player: instruments.clip(player) for player in PLAYERS}
    true = clips.pop(name)
    take = of_the_model(true)
    extended = take + highband.extend(take, RATE, 8000.0)
    foreign = [take + highband.source(take, clip * true.std() / clip.std(), RATE, MODEL) for clip in clips.values()]
    assert distance(extended, true) < 0.5 * distance(take, true)
    assert likeness(extended, true) > 0.75
    assert likeness(extended, true) > 0.1 + max(likeness(audio, true) for audio in foreign)
