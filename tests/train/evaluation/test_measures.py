"""Measures on sounds whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from punchin_train.evaluation import masks
from punchin_train.evaluation.embeddings import frechet
from punchin_train.evaluation.excerpts import Excerpt
from punchin_train.evaluation.listening import Listener, chord_accuracy
from punchin_train.evaluation.recogniser import chroma, cosine, recognise
from punchin_train.evaluation.table import Table
from punchin_wire.messages import ChordSegment, Note

pytestmark = pytest.mark.torch

RATE = 32_000
C, F, AM = (60, 64, 67), (60, 65, 69), (57, 60, 64)


def tone(pitches: tuple[int, ...], seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    voices = [np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * k * time) / k for p in pitches for k in (1, 2, 3)]
    return (0.1 * np.sum(voices, axis=0)).astype(np.float32)


def clicks(times: tuple[float, ...], seconds: float) -> np.ndarray:
    sound = np.zeros(round(seconds * RATE), np.float32)
    burst = np.random.default_rng(0).uniform(-0.8, 0.8, 800) * np.exp(-np.arange(800) / 150)
    for at in times:
        start = round(at * RATE)
        sound[start : start + 800] += burst[: len(sound) - start]
    return sound


def excerpt(hits: tuple[float, ...] = (1.5, 2.0, 2.5)) -> Excerpt:
    """Two seconds of C, two of F, with drums."""
    drums = clicks(hits, 4.0)
    mix = np.concatenate([tone(C, 2.0), tone(F, 2.0)]) + drums
    chords = (ChordSegment(0.0, 2.0, "C:maj"), ChordSegment(2.0, 4.0, "F:maj"))
    piano = tuple(Note(a, a + 2, p) for a, chord in ((0.0, C), (2.0, F)) for p in chord)
    return Excerpt("two chords", mix, drums, chords, (), piano, hits)


HOLE = masks.Mask("hole", 4 * RATE, ((RATE, 3 * RATE),))
OTHER = Excerpt(
    "a minor", tone(AM, 4.0), np.zeros(4 * RATE, np.float32), (ChordSegment(0.0, 4.0, "A:min"),), (), (), ()
)


def test_triads_are_recognised_where_they_sound() -> None:
    times, labels = recognise(chroma(excerpt().mix, RATE))
    assert labels == ["C:maj", "F:maj"]
    assert times[0][1] == pytest.approx(2.0, abs=0.15)


def test_noise_is_no_chord() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)
    times, labels = recognise(chroma(noise, RATE))
    assert chord_accuracy(times, labels, (ChordSegment(0.0, 3.0, "C:maj"),), 0.0, 3.0) < 0.3


def test_chord_accuracy_is_a_share_of_time() -> None:
    times, labels = np.array([[0.0, 3.0], [3.0, 4.0]]), ["C:maj", "A:min"]
    chords = (ChordSegment(0.0, 2.0, "C:maj7"), ChordSegment(2.0, 4.0, "A:min"))
    assert chord_accuracy(times, labels, chords, 0.0, 4.0) == pytest.approx(0.75)
    assert chord_accuracy(times, labels, chords, 2.0, 4.0) == pytest.approx(0.5)
    assert np.isnan(chord_accuracy(times, labels, (ChordSegment(0.0, 4.0, "C:sus4"),), 0.0, 4.0))
    assert np.isnan(chord_accuracy(times, labels, (), 0.0, 4.0))


def test_the_song_itself_scores_the_ceiling_and_another_the_floor() -> None:
    listener, song = Listener(RATE), excerpt()
    own = listener.measure(song.mix, song, OTHER, HOLE)
    foreign = listener.measure(
        np.concatenate([song.mix[:RATE], OTHER.mix[RATE : 3 * RATE], song.mix[3 * RATE :]]), song, OTHER, HOLE
    )
    assert own["chords"] > 0.9
    assert foreign["chords"] < 0.2
    assert (own["foreign chords"], foreign["foreign chords"] > 0.8) == (0.0, True)
    assert own["chroma"] == pytest.approx(1.0, abs=1e-3)
    assert foreign["chroma"] < 0.8
    assert own["drum onsets"] == 1.0
    assert foreign["drum onsets"] == 0.0
    assert own["drum SDR"] > 10 > 0 > foreign["drum SDR"]
    assert own["piano chroma"] > 0.75 > foreign["piano chroma"]
    assert own["piano notes"] > foreign["piano notes"]
    assert own["loudness"] == 0.0
    assert set(own) == set(listener.measures)


def test_a_louder_hole_is_as_many_units_off() -> None:
    """Either way, however quiet the song; silence has no loudness."""
    song = replace(excerpt(()), mix=0.001 * excerpt(()).mix)
    for gain, off in ((4.0, 12.04), (0.25, 12.04), (0.0, float("nan"))):
        filled = song.mix.copy()
        filled[RATE : 3 * RATE] *= np.float32(gain)
        found = Listener(RATE).measure(filled, song, OTHER, HOLE)["loudness"]
        assert found == pytest.approx(off, abs=0.05, nan_ok=True)


def test_beats_of_a_hole_are_the_scores() -> None:
    """Ten seconds of clicks: where the hole goes on in time, and where it is half a beat late."""
    beats = tuple(np.arange(0.25, 10.0, 0.5))
    song = Excerpt("clicks", clicks(beats, 10.0), clicks(beats, 10.0), (), beats, (), beats)
    hole = masks.Mask("hole", 10 * RATE, ((3 * RATE, 7 * RATE),))
    late = song.mix.copy()
    late[3 * RATE : 7 * RATE] = clicks(tuple(np.array(beats) + 0.25), 10.0)[3 * RATE : 7 * RATE]
    in_time, off = (Listener(RATE).measure(each, song, OTHER, hole)["beats"] for each in (song.mix, late))
    assert in_time > 0.9
    assert off < 0.5


def test_what_cannot_be_measured_is_not() -> None:
    measured = Listener(RATE).measure(OTHER.mix, OTHER, excerpt(), HOLE)
    for name in ("drum onsets", "drum SDR", "beats", "piano notes", "piano chroma"):
        assert np.isnan(measured[name]), name


def test_a_louder_hole_is_a_step() -> None:
    song = excerpt(())
    louder = song.mix.copy()
    louder[RATE : 3 * RATE] *= 2
    step = (
        Listener(RATE).measure(louder, song, OTHER, HOLE)["seam step"]
        - Listener(RATE).measure(song.mix, song, OTHER, HOLE)["seam step"]
    )
    assert step == pytest.approx(6.02, abs=0.7)


def test_short_holes_are_heard_too() -> None:
    short = masks.Mask("short", 4 * RATE, ((RATE, RATE + RATE // 2), (2 * RATE, 2 * RATE + RATE // 3)))
    measured = Listener(RATE).measure(excerpt().mix, excerpt(), OTHER, short)
    assert measured["chroma"] == pytest.approx(1.0, abs=1e-3)


def test_cosine_does_not_depend_on_the_level() -> None:
    ours, theirs = chroma(tone(C, 2.0), RATE), chroma(0.1 * tone(C, 2.0), RATE)
    assert cosine(ours, theirs) == pytest.approx(1.0, abs=1e-2)


def test_the_frechet_distance_of_shifted_gaussians_is_the_shift() -> None:
    points = np.random.default_rng(0).normal(size=(4000, 4))
    assert frechet(points, points) == pytest.approx(0.0, abs=1e-6)
    assert frechet(points, points + np.array([3.0, 0, 0, 0])) == pytest.approx(9.0, rel=1e-6)
    assert frechet(points, 2 * points) == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("name", masks.GAPS)
def test_masks_scale_to_the_window(name: str) -> None:
    mask = masks.scaled(name, 250, 640)
    assert mask.samples == 2 * 250 * 640
    assert all(250 * 640 <= start < end <= mask.samples for start, end in mask.holes)
    published = masks.scaled(name, 750, 640)
    assert [(a // 640 - 750, b // 640 - 750) for a, b in published.holes] == list(masks.GAPS[name])


def test_a_long_mask_is_ten_seconds() -> None:
    [(start, end)] = masks.long(250, 640, RATE).holes
    assert end - start == 10 * RATE


def test_tables_say_how_sure_they_are() -> None:
    table = Table("Test", ("a", "b"), {"b": "dB"})
    for value in (0.0, 1.0, float("nan"), 1.0):
        table.add("row", {"a": value, "b": float("nan")})
    table.set("row", "b", 3.0)
    mean, low, high = table.interval("row", "a") or (0, 0, 0)
    assert mean == pytest.approx(2 / 3)
    assert low < mean < high
    assert table.interval("row", "b") is None
    assert "| row | 4 | 0.667 ± " in table.markdown()
    assert table.json()["rows"]["row"]["b"] == 3.0
