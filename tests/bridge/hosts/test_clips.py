"""Clips sound at the sample where their host plays them: copied where nothing is stretched, else at their pitch."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from fakes.songs import RATE, write_song
from hypothesis import given, settings
from hypothesis import strategies as st
from punchin_bridge.hosts import clips
from punchin_bridge.hosts.protocol import Clip, WarpPoint
from punchin_bridge.music.region import Region
from punchin_bridge.music.tempo_map import Tempo, TempoMap, steady
from punchin_wire.errors import BadAudio, BadSetting, FileMissing, TooLarge

Q120 = steady(120)


def write(path: Path, audio: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> str:
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return str(path)


def noise(seconds: float, channels: int = 2, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(channels).normal(0, 0.1, (channels, round(seconds * rate))).astype(np.float32)


def beats(seconds: float, every: float = 0.5, rate: int = RATE) -> np.ndarray:
    """A click of 2 ms each `every` seconds, from 0 on."""
    line = np.zeros(round(seconds * rate), np.float32)
    click = np.hanning(round(0.002 * rate)) * np.sin(np.arange(round(0.002 * rate)))
    for index in range(math.floor(seconds / every)):
        at = round(index * every * rate)
        line[at : at + len(click)] = click[: len(line) - at]
    return line[None]


def tone(seconds: float, hertz: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)[None]


def heard(folder: Path, played: list[Clip], span: Region, grid: TempoMap = Q120, channels: int = 1) -> np.ndarray:
    """What was written, `[channels, samples]`."""
    clips.compose(played, grid, span, RATE, channels, folder / "out.wav")
    audio, rate = soundfile.read(folder / "out.wav", dtype="float32", always_2d=True)
    assert rate == RATE
    assert len(audio) == span.samples
    return audio.T


def onsets(audio: np.ndarray, quiet: float = 0.1) -> list[float]:
    """Seconds at which it gets loud after 100 ms of less."""
    loud = np.flatnonzero(np.abs(audio[0]) > quiet * np.abs(audio).max())
    return [float(at) / RATE for at, before in zip(loud, [-RATE, *loud[:-1]], strict=True) if at - before > RATE / 10]


def hertz(audio: np.ndarray) -> float:
    """Of the loudest partial."""
    line = audio[0][RATE // 4 : -RATE // 4]
    spectrum = np.abs(np.fft.rfft(line * np.hanning(len(line)), 8 * len(line)))
    return float(np.argmax(spectrum)) * RATE / (8 * len(line))


def test_what_is_wrong_with_a_clips_file_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, noise(8.0))
    path.write_bytes(path.read_bytes() + b"\1\2\3\4\5\6\7\x80")
    played = [Clip(str(path), start, start + 2, 0.0) for start in (0, 4)]
    [note] = clips.compose(played, Q120, Region(0, 4 * RATE), RATE, 1, tmp_path / "out.wav")
    assert note.startswith("About a.wav: 8 bytes at its end are no part of a WAV file")


# ---- copied --------------------------------------------------------------------------------------------------


def test_an_unwarped_clip_is_copied_sample_for_sample(tmp_path: Path) -> None:
    song = write_song(tmp_path)
    whole, _ = soundfile.read(song, dtype="float32")
    audio = heard(tmp_path, [Clip(str(song), 4, 12, 1.5)], Region(0, 8 * RATE), channels=2)
    assert np.array_equal(audio[:, 2 * RATE : 6 * RATE], whole.T[:, round(1.5 * RATE) : round(5.5 * RATE)])
    assert not audio[:, : 2 * RATE].any()
    assert not audio[:, 6 * RATE :].any()


def test_a_clip_that_is_warped_to_the_projects_own_tempo_is_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", source := noise(60))
    warp = tuple(WarpPoint(beat, 0.25 + beat / 2) for beat in (0, 1, 7, 64))
    notes = clips.compose([Clip(path, 8, 104, 2, warp)], Q120, Region(0, 50 * RATE), RATE, 2, tmp_path / "out.wav")
    audio, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert np.array_equal(audio.T[:, 4 * RATE : 50 * RATE], source[:, round(1.25 * RATE) : round(47.25 * RATE)])
    assert notes == ()


def test_any_part_of_it_is_the_same_audio(tmp_path: Path) -> None:
    """Wherever the span begins, also before the project and in the middle of a sample's time of the clip."""
    path = write(tmp_path / "a.wav", source := noise(4))
    clip = Clip(path, -3.3333, 5, 0.1)
    whole = heard(tmp_path, [clip], Region(-2 * RATE, 4 * RATE))
    first = round(-3.3333 / 2 * RATE) + 2 * RATE
    assert np.array_equal(whole[:, first : first + RATE], source[:, RATE // 10 : RATE // 10 + RATE])
    assert np.array_equal(heard(tmp_path, [clip], Region(-12345, RATE)), whole[:, 2 * RATE - 12345 : 3 * RATE])


@pytest.mark.parametrize("rate", [8000, 44099, 48000, 96000])
def test_another_rate_is_resampled_and_not_shifted(tmp_path: Path, rate: int) -> None:
    source = soxr.resample(noise(6, rate=8000).T, 8000, rate, quality="VHQ").T
    path = write(tmp_path / "a.wav", source, rate)
    whole = soxr.resample(source.T, rate, RATE, quality="VHQ").T
    audio = heard(tmp_path, [Clip(path, 1, 11, 0.123)], Region(RATE, 5 * RATE))
    first = round(0.123 * RATE) + RATE // 2
    assert np.abs(audio - whole[:, first : first + 4 * RATE]).max() < 1e-5


def test_a_loop_goes_round_to_the_sample(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", source := noise(4))
    audio = heard(tmp_path, [Clip(path, 0, 12, 0.5, (), (1.0, 2.5))], Region(0, 6 * RATE))
    lap = source[:, RATE : round(2.5 * RATE)]
    expected = np.concatenate([source[:, RATE // 2 : round(2.5 * RATE)], lap, lap, lap], axis=1)
    assert np.array_equal(audio, expected[:, : 6 * RATE])


def test_gain_gaps_ends_and_widths(tmp_path: Path) -> None:
    """Mono is heard on both channels, a file that ends is silent, the later clip covers the earlier."""
    wide, slim = write(tmp_path / "w.wav", stereo := noise(4)), write(tmp_path / "m.wav", mono := noise(1, 1))
    played = [Clip(wide, 0, 4, 0, gain=0.5), Clip(slim, 2, 8, 0.25), Clip(wide, 10, 12, 1)]
    audio = heard(tmp_path, played, Region(0, 7 * RATE))
    assert np.array_equal(audio[:, :RATE], stereo[:, :RATE] * np.float32(0.5))
    rest = mono[:, RATE // 4 :]
    assert np.array_equal(audio[:, RATE : RATE + rest.shape[1]], np.repeat(rest, 2, axis=0))
    assert not audio[:, RATE + rest.shape[1] : 5 * RATE].any()
    assert np.array_equal(audio[:, 5 * RATE : 6 * RATE], stereo[:, RATE : 2 * RATE])
    assert not heard(tmp_path, [], Region(0, RATE), channels=2).any()


def test_a_long_copy_has_no_seam(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", source := noise(95, 1))
    audio = heard(tmp_path, [Clip(path, 0.00001, 190)], Region(0, 95 * RATE))
    assert np.array_equal(audio[:, 10:], source[:, 10:])


# ---- stretched -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [0.5, 0.8, 0.99, 1.25, 2.0])
def test_beats_fall_on_the_projects_beats_and_the_pitch_stays(tmp_path: Path, speed: float) -> None:
    """The clip has a beat each half second, the project at another tempo."""
    grid = steady(120 * speed, downbeat=0.1)
    warp = (WarpPoint(0, 0), WarpPoint(8, 4))
    clicks = write(tmp_path / "clicks.wav", beats(10))
    audio = heard(tmp_path, [Clip(clicks, 2, 17.5, 2, warp)], Region(0, 8 * RATE), grid)
    expected = [grid.seconds(beat) for beat in range(2, 18) if grid.seconds(beat) < 7.99]
    assert onsets(audio) == pytest.approx(expected, abs=0.004)
    sine = write(tmp_path / "sine.wav", tone(10, 440))
    assert hertz(heard(tmp_path, [Clip(sine, 0, 16, 0, warp)], Region(RATE, 5 * RATE), grid)) == pytest.approx(
        440, abs=1
    )


@pytest.mark.parametrize("curve", ["time", "quarters"])
def test_a_clip_follows_a_tempo_ramp(tmp_path: Path, curve: str) -> None:
    grid = TempoMap((Tempo(0, 80, curve), Tempo(12, 160)))  # type: ignore[arg-type]
    path = write(tmp_path / "a.wav", beats(10))
    audio = heard(tmp_path, [Clip(path, 0, 16, 0, (WarpPoint(0, 0), WarpPoint(2, 1)))], Region(0, 7 * RATE), grid)
    expected = [grid.seconds(beat) for beat in range(16) if grid.seconds(beat) < 6.99]
    assert onsets(audio) == pytest.approx(expected, abs=0.004)


def test_every_warp_marker_holds(tmp_path: Path) -> None:
    """A drummer who rushes and drags, put straight by a marker on each beat."""
    played = np.cumsum([0.3, 0.45, 0.55, 0.5, 0.48, 0.6, 0.42, 0.5])
    line = np.zeros(5 * RATE, np.float32)
    click = beats(1)[0, :88]
    for second in played:
        line[round(second * RATE) : round(second * RATE) + 88] = click
    path = write(tmp_path / "a.wav", line[None])
    warp = tuple(WarpPoint(beat, float(second)) for beat, second in enumerate(played))
    audio = heard(tmp_path, [Clip(path, 0, 8, 0, warp)], Region(0, 4 * RATE))
    assert onsets(audio) == pytest.approx([beat / 2 for beat in range(8)], abs=0.004)


def test_joints_of_stretched_pieces_do_not_click(tmp_path: Path) -> None:
    """A tone through many markers: no sample-to-sample step is larger than the tone's own."""
    path = write(tmp_path / "a.wav", tone(10, 220))
    warp = tuple(WarpPoint(beat, beat * 0.5 + 0.02 * (beat % 3)) for beat in range(16))
    audio = heard(tmp_path, [Clip(path, 1, 12, 1, warp)], Region(RATE, 5 * RATE))[:, RATE // 10 :]
    assert np.abs(np.diff(audio)).max() < 1.5 * 0.5 * 2 * np.pi * 220 / RATE


def test_copied_pieces_between_stretched_ones_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", source := noise(10, 1))
    warp = tuple(WarpPoint(beat, second) for beat, second in [(0, 0), (4, 1), (8, 3), (12, 6)])
    audio = heard(tmp_path, [Clip(path, 0, 12, 0, warp)], Region(0, 6 * RATE))
    assert np.array_equal(audio[:, 2 * RATE : 4 * RATE], source[:, RATE : 3 * RATE])
    assert not np.array_equal(audio[:, :RATE], source[:, :RATE])


def test_transposition_and_tape(tmp_path: Path) -> None:
    path, warp = write(tmp_path / "a.wav", tone(10, 440)), (WarpPoint(0, 0), WarpPoint(4, 1.6))
    span = Region(0, 4 * RATE)
    up = clips.compose([Clip(path, 0, 8, transpose=3)], Q120, span, RATE, 1, tmp_path / "out.wav")
    assert "transposed by +3 semitones" in up[0]
    assert hertz(heard(tmp_path, [Clip(path, 0, 8, transpose=3)], span)) == pytest.approx(440 * 2**0.25, abs=2)
    assert hertz(heard(tmp_path, [Clip(path, 0, 8, 0, warp, transpose=-12)], span)) == pytest.approx(220, abs=2)
    tape = heard(tmp_path, [Clip(path, 0, 8, 0, warp, transpose=-12, repitch=True)], span)
    assert hertz(tape) == pytest.approx(440 * 0.8, abs=0.5)


def test_tape_is_resampled_from_its_first_sample_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", wrote := beats(10, rate=48000), 48000)
    warp = (WarpPoint(0, 0), WarpPoint(4, 1.6))
    audio = heard(tmp_path, [Clip(path, 0.5, 16, 1, warp, repitch=True)], Region(0, 8 * RATE))
    expected = soxr.resample(wrote.T, 48000 * 0.8, RATE, quality="VHQ").T
    first = round(0.4 / 0.8 * RATE)
    assert np.abs(audio[:, RATE // 4 : 4 * RATE] - expected[:, first : first + 4 * RATE - RATE // 4]).max() < 0.02


def test_it_says_what_is_stretched(tmp_path: Path) -> None:
    path, warp = write(tmp_path / "a.wav", noise(4, 1)), (WarpPoint(0, 0), WarpPoint(4, 1.6))
    played = [Clip(path, 0, 4, 0, warp), Clip(path, 4, 8, 0), Clip(path, 8, 9, 0, warp)]
    notes = clips.compose(played, Q120, Region(0, 5 * RATE), RATE, 1, tmp_path / "out.wav")
    assert notes == ("a.wav is heard at 0.8 times its speed: Punchin stretched it, not its host.",)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.1, 3), min_size=2, max_size=6), st.floats(30, 300), st.integers(-RATE, RATE))
def test_any_map_fills_its_clip_exactly(
    tmp_path_factory: pytest.TempPathFactory, steps: list[float], bpm: float, first: int
) -> None:
    """Noise through any map is noise from the clip's first sample to its last, and nothing outside."""
    folder = tmp_path_factory.mktemp("map")
    path = write(folder / "a.wav", noise(30, 1, 8000), 8000)
    seconds = np.cumsum(steps).tolist()
    clip = Clip(path, 1, 5, 0, tuple(WarpPoint(beat, second) for beat, second in enumerate(seconds)))
    audio = heard(folder, [clip], Region(first, first + 2 * RATE), steady(bpm))
    begin, end = (round(beat * 60 / bpm * RATE) - first for beat in (1, 5))
    inside = np.zeros(2 * RATE, bool)
    inside[max(begin, 0) : max(end, 0)] = True
    assert not audio[0][~inside].any()
    blocks = audio[0][inside][: len(audio[0][inside]) // 441 * 441].reshape(-1, 441)
    assert (np.abs(blocks).max(axis=1, initial=1.0) > 0.001).all()


# ---- what is wrong -------------------------------------------------------------------------------------------


def test_nothing_is_written_where_a_clip_cannot_be_played(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a.wav", noise(1)), noise(1)
    bad[0, 10] = np.nan
    hole = write(tmp_path / "nan.wav", bad)
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    fast = (WarpPoint(0, 0), WarpPoint(1, 100))
    for clip, error in [
        (Clip(str(tmp_path / "gone.wav"), 0, 1), FileMissing),
        (Clip("a.wav", 0, 1), FileMissing),
        (Clip(str(tmp_path / "x.wav"), 0, 1), BadAudio),
        (Clip(hole, 0, 1), BadAudio),
        (Clip(good, 0, 1, 0, fast), BadAudio),
        (Clip(good, 0, 1, 0, fast[:1]), BadSetting),
    ]:
        with pytest.raises(error):
            clips.compose([clip], Q120, Region(0, RATE), RATE, 2, tmp_path / "out.wav")
    with pytest.raises(TooLarge):
        clips.compose([], Q120, Region(0, 2**30), RATE, 2, tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_clips_that_are_not_heard_are_not_asked_for(tmp_path: Path) -> None:
    gone = Clip(str(tmp_path / "gone.wav"), 8, 9)
    assert not heard(tmp_path, [gone], Region(0, 4 * RATE)).any()
