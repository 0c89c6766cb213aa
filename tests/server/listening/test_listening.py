"""What is heard: a synthesised melody's notes at their time, its tempo, and how far another plays them, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from punchin_server.listening import notes, rhythm
from punchin_server.listening.agreement import frame_f1, note_f1, onset_f1
from punchin_server.listening.likeness import Likeness
from punchin_server.listening.notes import Transcriber
from punchin_server.packs import registry
from punchin_wire.errors import BadCheckpoint
from punchin_wire.frames import Audio

RATE = 16_000
MELODY = (60, 64, 67, 72, 71, 67, 65, 62, 60, 67, 64, 62, 60, 64, 67, 72)


def play(pitches: Sequence[int], beat: float = 0.5, seconds: float = 8.0, rate: int = RATE, late: float = 0.0) -> Audio:
    """`[N]`: a note each beat, of six partials that die away."""
    sound = np.zeros(round(seconds * rate))
    for number, pitch in enumerate(pitches):
        start = round((number * beat + late) * rate)
        time = np.arange(len(sound) - start)[: round(beat * rate)] / rate
        tone = sum(0.6**k * np.sin(2 * np.pi * k * 440 * 2 ** ((pitch - 69) / 12) * time) for k in range(1, 7))
        sound[start : start + len(time)] += 0.3 * tone * np.exp(-4 * time) * np.minimum(1, (beat - time) / 0.02)
    return sound.astype(np.float32)


@pytest.fixture(scope="module")
def transcriber() -> Transcriber:
    return notes.installed()


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_notes_are_heard_at_their_time_and_pitch(transcriber: Transcriber, rate: int) -> None:
    """Over several windows of the model, and at whatever rate."""
    times, pitches = transcriber.hear(play(MELODY, rate=rate), rate).onsets
    found = note_f1(times, pitches, 0.5 * np.arange(len(MELODY)), np.array(MELODY))
    assert found > 0.85
    assert (np.diff(times) >= 0).all()


def test_what_is_heard_lies_on_the_time_line_of_the_sound(transcriber: Transcriber) -> None:
    early, late = (transcriber.hear(play(MELODY, late=delay, seconds=9.0), RATE) for delay in (0.0, 0.5))
    assert len(early.begins) == len(early.sounds) == 9 * notes.RATE // notes.HOP + 1
    shift = late.onsets[0][0] - early.onsets[0][0]
    assert shift == pytest.approx(0.5, abs=0.013)
    assert onset_f1(early, late) < 0.4 < 0.9 < onset_f1(early, early)


@pytest.mark.parametrize("samples", [1, 800, 36_000])
def test_any_length_is_heard(transcriber: Transcriber, samples: int) -> None:
    heard = transcriber.hear(np.zeros(samples, np.float32), RATE)
    assert len(heard.begins) == -(-samples * notes.RATE // RATE) // notes.HOP + 1
    assert not len(heard.onsets[0])
    assert np.isnan(onset_f1(heard, heard))
    assert np.isnan(frame_f1(heard, heard))


def test_another_octave_is_another_note(transcriber: Transcriber) -> None:
    """Which chroma does not hear."""
    clip, octave = (transcriber.hear(play([p + up for p in MELODY]), RATE) for up in (0, 12))
    assert onset_f1(octave, clip) < 0.3
    assert frame_f1(octave, clip) < 0.3


@pytest.mark.parametrize("bpm", [72.0, 96.0, 120.0, 137.0])
def test_a_tempo_is_found_to_a_hundredth(transcriber: Transcriber, bpm: float) -> None:
    sound = play(MELODY * 2, beat=60 / bpm, seconds=10.0)
    for envelope in (rhythm.struck(transcriber.hear(sound, RATE)), rhythm.flux(sound, RATE)):
        found = rhythm.pulse(envelope)
        assert found.steady
        assert rhythm.same_tempo(found.tempo, bpm, 0.01)
        expected = np.arange(0, 10, 60 / bpm)
        near = np.abs(found.beats[:, None] - np.append(expected, expected + 30 / bpm)).min(1)
        assert np.median(near) < 0.04


@pytest.mark.parametrize("seconds", [0.01, 0.3, 3.9, 4.0, 4.1, 6.0])
def test_short_sounds_have_a_pulse_or_none(transcriber: Transcriber, seconds: float) -> None:
    """Slow ones, too, whose beats are further apart than half of the sound is long."""
    sound = play(MELODY, beat=1.45, seconds=seconds)
    for envelope in (rhythm.struck(transcriber.hear(sound, RATE)), rhythm.flux(sound, RATE)):
        beats = rhythm.pulse(envelope).beats
        assert ((beats >= 0) & (beats <= seconds)).all()
        assert not len(beats) or seconds >= rhythm.LEAST_SECONDS
    likeness = Likeness(transcriber, sound, RATE).of(sound)
    assert likeness.get("notes", 1.0) == likeness.get("beats", 1.0) == 1.0


def test_what_has_no_pulse() -> None:
    """Silence, a few seconds, and hits that keep no time: the tempo of those is not called steady."""
    random = np.random.default_rng(4)
    assert not rhythm.pulse(np.zeros(900)).steady
    assert not rhythm.pulse(random.uniform(size=200)).steady
    hits = np.zeros(862)
    hits[np.cumsum(random.integers(12, 130, 12)).clip(max=861)] = 1.0
    found = rhythm.pulse(hits)
    assert np.isnan(rhythm.tempo_kept(found, rhythm.NO_PULSE))
    assert rhythm.tempo_kept(rhythm.NO_PULSE, rhythm.Pulse(120.0, True, np.empty(0))) == 0.0


def test_tempos_are_the_same_at_any_metrical_level() -> None:
    assert rhythm.same_tempo(60.5, 120.0, 0.02)
    assert rhythm.same_tempo(180.0, 60.0, 0.02)
    assert not rhythm.same_tempo(90.0, 120.0, 0.02)
    assert not rhythm.same_tempo(124.0, 120.0, 0.02)


def test_how_like_a_clip_a_take_plays(transcriber: Transcriber) -> None:
    """The clip itself, the clip at another speed, another melody in time, and silence."""
    like = Likeness(transcriber, play(MELODY), RATE)
    same, slower = like.of(play(MELODY)), like.of(play(MELODY, beat=0.58, seconds=8.0))
    other, silent = like.of(play([p + 5 for p in MELODY])), like.of(np.zeros(8 * RATE, np.float32))
    assert same == {"notes": 1.0, "frames": 1.0, "tempo": 1.0, "beats": 1.0}
    assert slower["notes"] < 0.4
    assert slower["tempo"] == 0.0
    assert other["notes"] < 0.3
    assert (other["tempo"], other["beats"] > 0.9) == (1.0, True)
    assert silent == {"notes": 0.0, "frames": 0.0, "tempo": 0.0, "beats": 0.0}
    assert Likeness(transcriber, np.zeros(RATE, np.float32), RATE).of(play(MELODY)[:RATE]).keys() == {"notes", "frames"}


def test_the_model_came_with_its_licence() -> None:
    pack = registry.read_pack(registry.EMBEDDED / notes.PACK)
    registry.verify(pack)
    assert pack.manifest.licence == "Apache-2.0"
    assert "Apache License" in (pack.folder / "LICENSE").read_text()
    assert "Spotify" in (pack.folder / "NOTICE").read_text()


def test_a_file_that_hears_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "nmp.onnx").write_bytes(b"no model")
    with pytest.raises(BadCheckpoint, match="no ONNX model"):
        Transcriber(tmp_path / "nmp.onnx")
