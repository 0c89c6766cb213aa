"""Measures must hear what is there, or the figures mean nothing."""

import numpy as np
import pytest
import torch
from punchin_train import measures
from punchin_train.inpaint.windows import UNLABELLED, chord_frames
from punchin_wire.messages import ChordSegment

pytestmark = pytest.mark.torch

RATE = 32_000


def tones(*pitches: int, seconds: float = 2.0) -> torch.Tensor:
    time = torch.arange(int(seconds * RATE)) / RATE
    return sum(torch.sin(2 * torch.pi * 440 * 2 ** ((p - 69) / 12) * time) for p in pitches)[None] / len(pitches)


@pytest.mark.parametrize(("pitches", "triad"), [((60, 64, 67), 0), ((69, 72, 76), 19), ((66, 70, 73), 12)])
def test_triads_are_named(pitches: tuple[int, ...], triad: int) -> None:
    assert set(measures.triads(tones(*pitches), RATE)[0, 8:-8]) == {triad}


def test_chroma_is_one_for_the_same_and_low_for_other_tones() -> None:
    same = measures.chroma_cosine(tones(60, 72), tones(60), RATE).mean()
    other = measures.chroma_cosine(tones(66), tones(60), RATE).mean()
    assert same > 0.98
    assert other < 0.2


def test_clicks_are_onsets() -> None:
    audio = torch.zeros(2 * RATE)
    times = [0.3, 0.75, 1.2, 1.65]
    for time in times:
        audio[int(time * RATE) : int(time * RATE) + 200] = torch.randn(200, generator=torch.Generator().manual_seed(0))
    assert measures.onset_f1(measures.onsets(audio, RATE), np.array(times)) == 1.0


def test_onset_f1_matches_one_to_one() -> None:
    expected = np.array([1.0, 2.0, 3.0])
    assert measures.onset_f1(np.array([1.04, 2.0, 3.0]), expected) == 1.0
    assert measures.onset_f1(np.array([1.0, 1.01]), expected) == pytest.approx(2 / 5)
    assert measures.onset_f1(np.array([1.06]), expected) == 0.0
    assert measures.onset_f1(np.array([]), expected) == 0.0


def test_si_sdr_ignores_scale_and_counts_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(1, 40_000, generator=generator)
    noise = torch.randn(1, 40_000, generator=generator)
    assert measures.si_sdr(0.3 * target, target).item() > 60
    assert measures.si_sdr(target + 0.1 * noise, target).item() == pytest.approx(20, abs=0.3)


def test_intervals_hold_the_mean_and_leave_out_what_was_not_measured() -> None:
    values = [*np.random.default_rng(1).normal(5, 1, 200), float("nan")]
    mean, low, high = measures.interval(values)
    assert low < mean < high
    assert high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.2)


def test_chord_frames_name_triads_and_leave_the_rest_unlabelled() -> None:
    segments = [ChordSegment(0.0, 0.2, "C:maj7"), ChordSegment(0.2, 0.4, "A:min"), ChordSegment(0.4, 0.6, "D:sus4")]
    assert chord_frames(segments, 30).tolist() == [0] * 10 + [19] * 10 + [UNLABELLED] * 10
