"""A take laid in a song: the right samples, finite, never clipped, at the song's level, its joins measured."""

import json
import math

import msgspec
import numpy as np
import pytest
import scipy.signal
import soxr
from fakes import instruments
from hypothesis import given, settings
from hypothesis import strategies as st
from punchin_bridge.splice.lay import Excerpt, SpliceSettings, Take, lay
from punchin_bridge.splice.level import FULL_SCALE
from punchin_bridge.splice.seam import SeamReport, table, weights
from punchin_wire.errors import BadAudio, BadMessage, BadRegion

MODEL = 32_000
RATE = 44_100


def music(samples: int, rate: int = RATE, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Chords and hits below 10 kHz, `[channels, samples]`, stereo by pan and by unrelated noise."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / rate
    tones = sum(
        np.sin(2 * np.pi * hz * time + p) / 6 for hz, p in zip((110, 220, 277, 330, 880), range(5), strict=True)
    )
    hits = np.exp(-(time % 0.25) * 30) * random.standard_normal(samples)
    pans = random.uniform(0.5, 1.5, (channels, 1))
    return 0.2 * (pans * (tones + 0.3 * hits) + 0.05 * random.standard_normal((channels, samples)))


def codec(song: np.ndarray, rate: int = RATE, gain_db: float = 0.0, error: float = 1.0, seed: int = 7) -> np.ndarray:
    """What a neural codec makes of a song: mono, 32 kHz, at another level, its spectrum coarse by `error` times 3 dB
    and 0.5 rad. The error follows the music, as a codec's does."""
    mono = song.mean(axis=0)
    mono = mono if rate == MODEL else soxr.resample(mono, rate, MODEL, quality="VHQ")
    random = np.random.default_rng(seed)
    window = scipy.signal.get_window("hann", 1024)
    transform = scipy.signal.ShortTimeFFT(window, 256, MODEL)
    padded = np.pad(mono, (1024, 1024))
    spectrum = transform.stft(padded)
    wrong = random.normal(0, 3 * error, spectrum.shape) / 20 * np.log(10) + 1j * random.normal(
        0, 0.5 * error, spectrum.shape
    )
    back = transform.istft(spectrum * np.exp(wrong), k1=len(padded))[1024:-1024]
    return back * (mono.std() / max(back.std(), 1e-12)) * 10 ** (gain_db / 20)


@pytest.mark.slow
@given(
    rate=st.sampled_from([11_025, 16_000, 32_000, 44_100, 48_000, 96_000]),
    channels=st.integers(1, 6),
    kind=st.sampled_from(["music", "silence", "offset", "loud"]),
    integer=st.booleans(),
    edges=st.tuples(st.booleans(), st.booleans()),
    width=st.sampled_from(["context", "mono"]),
    data=st.data(),
)
@settings(max_examples=50, deadline=None)
def test_any_song_any_hole(rate, channels, kind, integer, edges, width, data) -> None:  # type: ignore[no-untyped-def]
    samples = data.draw(st.integers(rate // 10, rate))
    count = data.draw(st.integers(1, 3))
    points = sorted(data.draw(st.lists(st.integers(0, samples), min_size=2 * count, max_size=2 * count, unique=True)))
    holes = list(zip(points[::2], points[1::2], strict=True))
    song = {
        "music": music(samples, rate, channels),
        "silence": np.zeros((channels, samples)),
        "offset": np.full((channels, samples), 0.5),
        "loud": np.clip(20 * music(samples, rate, channels), -1, 1),
    }[kind]
    take = codec(music(samples, rate, channels, seed=1), rate, data.draw(st.floats(-40, 40)))
    before = song.copy()
    laid = lay(Excerpt(song, rate, integer=integer, edges=edges), holes, Take(take, MODEL), SpliceSettings(width=width))

    assert np.array_equal(song, before)
    assert [part.hole for part in laid] == holes
    for (start, end), audio, report in laid:
        assert audio.shape == (channels, end - start)
        assert np.isfinite(audio).all()
        assert not integer or np.max(np.abs(audio)) <= max(FULL_SCALE, np.max(np.abs(song))) + 1e-12
        assert (report.left is None) == (start == 0 and edges[0])
        assert (report.right is None) == (end == samples and edges[1])
        text = msgspec.json.encode(report)
        assert msgspec.json.decode(text, type=SeamReport) == report
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert len(table(report)) == 8


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_perfect_take_is_the_song(rate: int, channels: int) -> None:
    """The song itself, band-limited and given back as a take, lands on itself: in mono nothing can be told apart."""
    song = music(2 * rate, rate, channels)
    clean = soxr.resample(soxr.resample(song.mean(axis=0), rate, 15_000, quality="VHQ"), 15_000, rate, quality="VHQ")
    song = song - song.mean(axis=0) + clean[: 2 * rate]
    take = soxr.resample(song.mean(axis=0), rate, MODEL, quality="VHQ")[6000:55_000]
    start, end = rate // 2, 3 * rate // 2
    (part,) = lay(Excerpt(song, rate, integer=False), [(start, end)], Take(take, MODEL, 6000))
    error = part.audio.mean(axis=0) - song.mean(axis=0)[start:end]
    assert 10 * np.log10(np.mean(error**2) / np.mean(song.mean(axis=0) ** 2)) < -48


@pytest.mark.parametrize("gain_db", [-9.0, -3.0, 0.0, 4.0])
def test_the_take_sits_at_the_songs_level(gain_db: float) -> None:
    song = music(6 * RATE)
    take = codec(song, gain_db=gain_db)
    (part,) = lay(Excerpt(song, RATE), [(2 * RATE, 4 * RATE)], Take(take, MODEL))
    report = part.report
    assert report.gain.left_db == pytest.approx(-gain_db, abs=0.5)
    assert report.left is not None
    assert report.right is not None
    for join in (report.left, report.right):
        assert join.level_step_lu == pytest.approx(join.song_step_lu, abs=0.7)
    for mine, theirs in zip(part.audio, song[:, 2 * RATE : 4 * RATE], strict=True):
        assert 20 * np.log10(mine.std() / theirs.std()) == pytest.approx(0, abs=0.7)


@pytest.mark.slow
def test_a_bad_seam_is_seen() -> None:
    """The report can fail: a take four times too loud shows a step, a take cut in shows flux."""
    song = 0.2 * music(6 * RATE, channels=1)
    song[:, ::] += 0.001 * np.random.default_rng(1).standard_normal(song.shape)
    take = codec(song, gain_db=12)
    setting = SpliceSettings(max_gain_db=0.0)
    (loud,) = lay(Excerpt(song, RATE), [(2 * RATE, 4 * RATE)], Take(take, MODEL), setting)
    assert loud.report.gain.clamped
    assert loud.report.left is not None
    assert loud.report.left.level_step_lu == pytest.approx(12, abs=1)

    tone = 0.1 * np.sin(2 * np.pi * 220 * np.arange(6 * RATE) / RATE)[None]
    tone = tone + 0.0001 * np.random.default_rng(1).standard_normal(tone.shape)
    (good,) = lay(Excerpt(tone, RATE), [(2 * RATE, 4 * RATE)], Take(codec(tone, error=0.01), MODEL))
    (bad,) = lay(
        Excerpt(tone, RATE), [(2 * RATE, 4 * RATE)], Take(-codec(tone, error=0.01), MODEL), SpliceSettings(crossfade=0)
    )
    assert good.report.left is not None
    assert bad.report.left is not None
    assert good.report.left.flux_ratio is not None
    assert bad.report.left.flux_ratio is not None
    assert good.report.left.flux_ratio < 3
    assert bad.report.left.flux_ratio > 10 * good.report.left.flux_ratio
    assert bad.report.left.flux_percentile == 100.0
    assert ", 0 % of the song around it changes more abruptly, " in dict(table(bad.report))["left join"]


@pytest.mark.parametrize("side", [0.0, 0.25, 0.8])
def test_the_report_says_how_wide_the_take_is(side: float) -> None:
    middle, apart = np.random.default_rng(2).standard_normal((2, 6 * RATE)) * 0.1
    song = np.stack([middle + side * apart, middle - side * apart])
    (part,) = lay(Excerpt(song, RATE), [(2 * RATE, 4 * RATE)], Take(codec(song), MODEL))
    assert part.report.width == "from the context"
    if side:
        assert part.report.side_db == pytest.approx(20 * np.log10(side), abs=0.7)
    else:
        assert part.report.side_db is None
    (flat,) = lay(Excerpt(song, RATE), [(2 * RATE, 4 * RATE)], Take(codec(song), MODEL), SpliceSettings(width="mono"))
    assert (flat.report.width, flat.report.side_db) == ("mono, as set", None)
    assert np.array_equal(*flat.audio[:, 882:-882])


def test_silence_has_no_steps_and_no_gain() -> None:
    (part,) = lay(Excerpt(np.zeros((2, RATE)), RATE), [(RATE // 4, RATE // 2)], Take(np.zeros(MODEL), MODEL))
    assert not part.audio.any()
    report = part.report
    assert report.left is not None
    assert report.left.level_step_lu is report.left.flux_ratio is report.peak_dbfs is report.true_peak_dbtp is None
    assert report.gain.source == "nothing"


def test_a_loud_take_is_turned_down_and_the_song_is_not() -> None:
    """A take 10 dB above full scale goes into an integer file whole: lower, not squared off."""
    song, take = 0.01 * music(2 * RATE), codec(music(2 * RATE, seed=1)) * 20
    flat = SpliceSettings(max_gain_db=0.0)
    hole = (RATE // 2, RATE)
    (clean,) = lay(Excerpt(song, RATE), [hole], Take(take, MODEL), flat)
    (free,) = lay(Excerpt(song, RATE, integer=False), [hole], Take(take, MODEL), flat)
    assert clean.report.reduction_db > 3
    assert clean.report.true_peak_dbtp is not None
    assert clean.report.true_peak_dbtp < 0.1
    assert free.report.reduction_db == 0
    assert free.report.true_peak_dbtp is not None
    assert free.report.true_peak_dbtp > 3
    inside = slice(2000, -2000)
    ratio = 10 ** (-clean.report.reduction_db / 20)
    assert np.allclose(clean.audio[:, inside], ratio * free.audio[:, inside])


def test_a_hot_crossfade_does_not_clip() -> None:
    """Song and take at full scale and in phase at the join: the fade becomes equal-gain."""
    song = np.sign(np.sin(2 * np.pi * 50 * np.arange(2 * RATE) / RATE))[None] * 0.999
    take = np.sign(np.random.default_rng(0).standard_normal(2 * MODEL)) * 0.5
    (part,) = lay(Excerpt(song, RATE), [(RATE // 2, RATE)], Take(take, MODEL))
    assert np.max(np.abs(part.audio)) <= FULL_SCALE


@pytest.mark.parametrize("seconds", [0.001, 0.1])
def test_a_tiny_hole(seconds: float) -> None:
    song = music(3 * RATE)
    hole = (RATE, RATE + round(seconds * RATE))
    (part,) = lay(Excerpt(song, RATE), [hole], Take(codec(song), MODEL))
    assert part.audio.shape == (2, hole[1] - hole[0])
    assert part.report.left is not None
    assert part.report.left.fade == min(882, (hole[1] - hole[0]) // 2)


def test_one_sample_is_a_hole() -> None:
    song = music(RATE)
    (part,) = lay(Excerpt(song, RATE), [(500, 501)], Take(codec(song), MODEL))
    assert part.audio.shape == (2, 1)


def test_the_crossfade_lies_inside_and_begins_as_the_song() -> None:
    """The first sample inside is nearly the song's, and after the fade there is nothing of the song."""
    song = np.ones((1, RATE))
    (part,) = lay(Excerpt(song, RATE), [(10_000, 30_000)], Take(np.zeros(MODEL), MODEL))
    assert part.audio[0, 0] == pytest.approx(1, abs=1e-5)
    assert not part.audio[0, 882:-882].any()
    assert np.all(np.diff(part.audio[0, :882]) < 0)
    assert np.allclose(part.audio[0], part.audio[0, ::-1])


def test_at_the_ends_of_the_song_there_is_a_fade_of_2_ms() -> None:
    song, take = np.zeros((1, RATE)), np.full(MODEL, 0.5)
    (part,) = lay(Excerpt(song, RATE), [(0, RATE)], Take(take, MODEL))
    assert part.report.left is part.report.right is None
    assert abs(part.audio[0, 0]) < 0.01
    assert part.audio[0, 88 : 2 * RATE // 3] == pytest.approx(0.5, abs=1e-3)
    (part,) = lay(Excerpt(song, RATE, edges=(False, True)), [(0, RATE)], Take(take, MODEL))
    assert part.report.left is not None
    assert part.report.left.fade == 882


@pytest.mark.parametrize("r", [0.0, 0.3, 1.0])
def test_crossfades_keep_the_power(r: float) -> None:
    out, into = weights(1000, r)
    assert np.allclose(out**2 + into**2 + 2 * r * out * into, 1)
    assert np.allclose(out, into[::-1])
    if r == 1.0:
        assert np.allclose(out + into, 1)


def test_holes_that_touch_are_one() -> None:
    song = music(2 * RATE)
    (part,) = lay(Excerpt(song, RATE), [(20_000, 30_000), (10_000, 20_000)], Take(codec(song), MODEL))
    assert part.hole == (10_000, 30_000)


def test_several_holes_share_one_take() -> None:
    """Each hole has its own level; context between holes is used, other holes are not."""
    song = music(6 * RATE)
    laid = lay(Excerpt(song, RATE), [(RATE, 2 * RATE), (4 * RATE, 5 * RATE)], Take(codec(song, gain_db=-6), MODEL))
    for part in laid:
        assert part.report.gain.left_db == pytest.approx(6, abs=0.6)
        assert part.report.gain.source == "context"


def test_what_cannot_be_laid() -> None:
    song, take = music(RATE), np.zeros(MODEL)
    for holes in ([], [(5, 5)], [(-1, 5)], [(0, RATE + 1)], [(9, 5)]):
        with pytest.raises(BadRegion):
            lay(Excerpt(song, RATE), holes, Take(take, MODEL))
    with pytest.raises(BadMessage, match="covers"):
        lay(Excerpt(song, RATE), [(10_000, 20_000)], Take(take[:1000], MODEL))
    with pytest.raises(BadMessage, match="covers"):
        lay(Excerpt(song, RATE), [(10_000, 20_000)], Take(take, MODEL, 20_000))
    with pytest.raises(BadAudio):
        lay(Excerpt(song, RATE), [(10_000, 20_000)], Take(np.full(MODEL, math.nan), MODEL))


@pytest.mark.slow
@pytest.mark.parametrize("name", instruments.PLAYERS)
def test_instruments_keep_their_level(name: str) -> None:
    """Holes in recorded instruments, filled with what a codec 4 dB too quiet makes of what was there: the steps at
    their edges become the clip's own within 0.5 LU (the median), where without the level match they are 4 LU off."""
    song = instruments.clip(name)[None]
    take = codec(song, RATE, -4.0)
    errors: dict[float, list[float]] = {12.0: [], 0.0: []}
    for second in (0.5, 1.2, 1.9, 2.6, 3.3):
        for limit, found in errors.items():
            hole = (int(second * RATE), int((second + 1) * RATE))
            (part,) = lay(Excerpt(song, RATE), [hole], Take(take, MODEL), SpliceSettings(max_gain_db=limit))
            for join in (part.report.left, part.report.right):
                if join and join.level_step_lu is not None and join.song_step_lu is not None:
                    found.append(abs(join.level_step_lu - join.song_step_lu))
    assert np.median(errors[12.0]) < 0.5
    assert np.median(errors[0.0]) > 3
