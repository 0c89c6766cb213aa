"""The new part is taken out of known mixtures: the clip much quieter, the part nearly whole, and the mix safe."""

import numpy as np
import pytest
import scipy.signal
from fakes.melodies import FLUTE, PIANO, RATE, REED, TUNE, play
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.splice import separate
from punchin_bridge.splice.level import FULL_SCALE

CLIP = play(TUNE, PIANO)
LINE = (76, 76, 79, 79, 74, 74, 77, 77, 72, 72, 81, 81, 79, 79, 84)
BASS = (36, 36, 43, 43, 41, 41, 38, 38, 45, 45, 40, 40, 43, 43, 36)


def played_anew(audio: np.ndarray, error: float, seed: int = 3) -> np.ndarray:
    """As a model gives it back: other phases, magnitudes wrong by `error` times 3 dB, duller by `error` times 3 dB."""
    transform = scipy.signal.ShortTimeFFT(scipy.signal.get_window("hann", 1024), 256, RATE)
    random = np.random.default_rng(seed)
    spectrum = transform.stft(np.pad(audio, 1024))
    wrong = random.normal(0, 0.35 * error, spectrum.shape) + 1j * random.normal(0, 0.8 * error, spectrum.shape)
    dull = np.linspace(0, -0.35 * error, len(spectrum))[:, None]
    back = transform.istft(spectrum * np.exp(wrong + dull), k1=len(audio) + 2048)[1024:-1024]
    return back * audio.std() / back.std()


def db(ratio: float) -> float:
    return float(10 * np.log10(max(ratio, 1e-30)))


def sdr(found: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB."""
    scaled = truth * (found @ truth) / (truth @ truth)
    return db(np.sum(scaled**2) / np.sum((found - scaled) ** 2))


@pytest.mark.parametrize("error", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("line", "partials"), [(LINE, FLUTE), (LINE, REED), (BASS, PIANO)])
def test_the_part_comes_out_of_known_mixtures(error: float, line: tuple[int, ...], partials: tuple[float, ...]) -> None:
    """Whatever level the model gave the take, the clip in it sinks by 10 dB at least beside the part, and the part is
    nearer to the truth than the take."""
    part = play(line, partials, 0.5, seed=5)
    part *= CLIP.std() / part.std()
    clips = played_anew(CLIP, error)
    take = 0.3 * (clips + part)
    found = separate.part(take, CLIP, RATE)
    assert found.audio.shape == take.shape
    assert sdr(found.audio, part) > sdr(take, part) + 6

    basis = np.stack([clips, part], axis=1)
    before, after = (np.linalg.lstsq(basis, audio, rcond=None)[0] for audio in (take, found.audio))
    assert db((after[0] / after[1]) ** 2) - db((before[0] / before[1]) ** 2) < -10
    assert 0.3 < found.explained < 0.7


@pytest.mark.parametrize("level", [0.05, 0.5, 4.0])
def test_the_part_stands_beside_the_clip_as_in_the_take(level: float) -> None:
    part = 0.5 * play(LINE, FLUTE, 0.5, seed=5)
    found = separate.part(level * (played_anew(CLIP, 0.5) + part), CLIP, RATE)
    assert found.clip_db == pytest.approx(20 * np.log10(level), abs=2)
    assert db(np.sum(found.audio**2) / np.sum(part**2)) == pytest.approx(0, abs=2.5)
    assert found.part_db == pytest.approx(db(np.sum(part**2) / np.sum(CLIP**2)), abs=2.5)


def test_a_take_that_is_only_the_clip_leaves_next_to_nothing() -> None:
    found = separate.part(0.5 * played_anew(CLIP, 0.5), CLIP, RATE)
    assert found.explained > 0.95
    assert found.part_db is not None
    assert found.part_db < -13


def test_a_take_without_the_clip_is_the_part_and_no_louder_than_the_clip() -> None:
    part = play(LINE, FLUTE, 0.5, seed=5)
    found = separate.part(part, CLIP, RATE)
    assert sdr(found.audio, part) > 8
    assert np.sum(found.audio**2) <= np.sum(CLIP**2) * 1.0001


@pytest.mark.parametrize("samples", [1, 100, 801, 5000])
def test_short_and_silent_ones(samples: int) -> None:
    clip, take = CLIP[2000 : 2000 + samples], play(LINE, FLUTE)[2000 : 2000 + samples]
    for a, b in [(take, clip), (0 * take, clip), (take, 0 * clip), (0 * take, 0 * clip)]:
        found = separate.part(a, b, RATE)
        assert found.audio.shape == (samples,)
        assert np.isfinite(found.audio).all()
        assert 0.0 <= found.explained <= 1.0


# ---- the mix -------------------------------------------------------------------------------------------------


def test_where_there_is_room_the_mix_is_the_sum() -> None:
    clip, part = np.stack([CLIP, 0.5 * CLIP]), 0.1 * np.stack([CLIP[::-1], CLIP[::-1]])
    found = separate.mix(clip, part, RATE, integer=True)
    assert np.array_equal(found.audio, clip + part)
    assert (found.ducked_db, found.ducked) == (0.0, 0.0)


def test_the_part_ducks_and_the_clip_does_not() -> None:
    """Where the clip is at full scale already there is no room; a hundredth of a second away there is."""
    clip, part = np.zeros((2, RATE)), np.full((2, RATE), 0.25)
    clip[0, 8000:8010] = FULL_SCALE
    clip[1, 8005] = -0.9
    found = separate.mix(clip, part, RATE, integer=True)
    assert np.max(np.abs(found.audio)) <= FULL_SCALE
    assert np.array_equal(found.audio[0, 8000:8010], clip[0, 8000:8010])
    added = found.audio - clip
    assert np.allclose(added[:, :7500], 0.25)
    assert np.allclose(added[:, 8500:], 0.25)
    assert np.max(np.abs(np.diff(added[0]))) < 0.01
    assert np.allclose(added[0], added[1])
    assert found.ducked_db > 60
    assert 0.01 < found.ducked < 0.05
    assert np.array_equal(separate.mix(clip, part, RATE, integer=False).audio, clip + part)


@given(st.integers(0, 10**6), st.floats(0.01, 1.0), st.floats(0.0, 2.0))
def test_a_mix_never_clips_where_the_clip_does_not(seed: int, loud: float, added: float) -> None:
    random = np.random.default_rng(seed)
    clip = np.clip(loud * random.standard_normal((2, 2000)), -1, FULL_SCALE)
    found = separate.mix(clip, added * random.standard_normal((2, 2000)), 8000, integer=True)
    assert np.all(np.abs(found.audio) <= np.maximum(FULL_SCALE, np.abs(clip)) + 1e-12)
    assert np.isfinite(found.audio).all()
    assert 0.0 <= found.ducked_db <= 100.0
