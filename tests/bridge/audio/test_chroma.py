"""Fidelity orders takes as librosa's chroma does: by the notes they play, not by how they sound."""

import numpy as np
import pytest
from fakes.melodies import FLUTE, OTHER, PIANO, RATE, REED, TUNE, play
from punchin_bridge.audio.chroma import fidelity

CLIP = play(TUNE, PIANO)


def of(take: np.ndarray, clip: np.ndarray = CLIP, rate: int = RATE) -> float:
    found = fidelity(clip[None], take[None], rate)
    assert found is not None
    return found


def shifted(by: int) -> list[int]:
    return [pitch + by for pitch in TUNE]


def half_wrong() -> list[int]:
    return [a if n % 2 else b for n, (a, b) in enumerate(zip(TUNE, OTHER, strict=True))]


TAKES = {
    "itself": CLIP,
    "flute": play(TUNE, FLUTE, 0.5),
    "reed": play(TUNE, REED, 1.0),
    "octave": play(shifted(12), FLUTE),
    "half": play(half_wrong(), FLUTE),
    "fifth": play(shifted(7), FLUTE),
    "other": play(OTHER, REED),
    "semitone": play(shifted(1), PIANO),
}


def test_the_same_notes_are_the_same_on_any_instrument_at_any_level() -> None:
    assert of(CLIP) == pytest.approx(1.0)
    assert of(0.001 * CLIP) == pytest.approx(1.0)
    for name in ("flute", "reed", "octave"):
        assert of(TAKES[name]) > 0.85
    for name in ("fifth", "semitone", "other"):
        assert of(TAKES[name]) < 0.4
    assert 0.4 < of(TAKES["half"]) < 0.75


@pytest.mark.peer
def test_takes_are_ordered_as_by_librosas_constant_q_chroma() -> None:
    """librosa's extractor (CQT, 12 bins), unit frames, their mean cosine."""
    librosa = pytest.importorskip("librosa")
    from scipy.stats import spearmanr

    def chroma(audio: np.ndarray) -> np.ndarray:
        found = librosa.feature.chroma_cqt(y=audio.astype(np.float32), sr=RATE, hop_length=1024)
        return found / np.maximum(np.linalg.norm(found, axis=0), 1e-9)

    theirs = [float(np.mean(np.sum(chroma(CLIP) * chroma(take), axis=0))) for take in TAKES.values()]
    ours = [of(take) for take in TAKES.values()]
    assert spearmanr(ours, theirs).statistic > 0.85
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
    assert np.argmax(ours) == np.argmax(theirs) == 0
    assert max(ours[4:]) < min(ours[:4])
    assert max(theirs[4:]) < min(theirs[:4])


def test_silence_in_the_clip_does_not_count_and_in_the_take_it_does() -> None:
    silent = np.zeros(5 * RATE)
    clip, take = np.concatenate([CLIP, silent]), TAKES["flute"]
    assert of(np.concatenate([take, silent]), clip) == pytest.approx(of(take), abs=0.02)
    assert of(np.concatenate([take, 0.1 * TAKES["other"][: len(silent)]]), clip) == pytest.approx(of(take), abs=0.02)
    half = take.copy()
    half[len(half) // 2 :] = 0
    assert of(half) == pytest.approx(of(take) / 2, abs=0.05)
    assert of(np.zeros_like(CLIP)) == 0.0
    assert fidelity(np.zeros((1, RATE)), CLIP[None], RATE) is None


def test_a_shorter_take_is_silent_from_its_end() -> None:
    assert of(CLIP[: len(CLIP) // 2]) == pytest.approx(0.5, abs=0.05)
    assert of(np.concatenate([CLIP, CLIP])) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000, 192_000])
def test_at_any_rate_and_channel_count(rate: int) -> None:
    clip, take = play(TUNE, PIANO, rate=rate), play(TUNE, FLUTE, 0.5, rate=rate)
    stereo = np.stack([1.5 * clip, 0.5 * clip]).astype(np.float32)
    assert fidelity(stereo, take[None], rate) == pytest.approx(of(TAKES["flute"]), abs=0.02)


@pytest.mark.parametrize("samples", [1, 100, 800, 4096])
def test_the_shortest_clips(samples: int) -> None:
    found = of(CLIP[1000 : 1000 + samples], CLIP[1000 : 1000 + samples])
    assert 0.0 <= found <= 1.0 + 1e-9
