"""From clips in Live to what the bridge hears of them: to the sample where nothing is stretched."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.live_set import RATE, Stage, clip, in_slot, wav
from punchin_bridge.hosts import timeline
from punchin_bridge.hosts.clips import compose
from punchin_bridge.hosts.protocol import Clips, Submit
from punchin_bridge.music.region import Region

from .conftest import Song

pytestmark = pytest.mark.slow


def heard(on: Stage, folder: Path) -> np.ndarray:
    """What the bridge puts together of the target, from sample 0 of the project, `[samples, channels]`."""
    assert on.bridge is not None
    on.act("inpaint")
    submit = on.bridge.of(Submit)[-1]
    audio = submit.target.audio
    assert isinstance(audio, Clips)
    path = folder / "heard.wav"
    span = Region(audio.span.start, audio.span.end)
    compose(audio.clips, timeline.tempo_map(submit.timeline), span, submit.timeline.rate, 2, path)
    made, rate = soundfile.read(path)
    assert rate == submit.timeline.rate
    return np.pad(made, ((audio.span.start, 0), (0, 0)))


def filed(song: Song) -> np.ndarray:
    audio: np.ndarray = soundfile.read(song.clip.file_path)[0]
    return audio


def same(a: np.ndarray, b: np.ndarray) -> None:
    assert a.shape == b.shape
    assert np.max(np.abs(a - b)) < 1e-6


def test_a_clip_warped_at_its_own_tempo(on: Stage, song: Song, tmp_path: Path) -> None:
    same(heard(on, tmp_path)[: 32 * RATE], filed(song))


@pytest.mark.parametrize("warped", [True, False])
def test_a_clip_cut_at_both_ends(on: Stage, song: Song, tmp_path: Path, warped: bool) -> None:
    song.clip.start_time, song.clip.end_time = 20.0, 28.0
    song.clip.warping_ = warped
    song.clip.loop_start_, song.clip.loop_end_ = (10.0, 18.0) if warped else (5.0, 9.0)
    sound = heard(on, tmp_path)
    same(sound[10 * RATE : 14 * RATE], filed(song)[5 * RATE : 9 * RATE])
    assert not sound[: 10 * RATE].any()
    assert not sound[14 * RATE :].any()


def test_a_loop_that_begins_in_its_middle(on: Stage, song: Song, tmp_path: Path) -> None:
    song.clip.looping_, song.clip.loop_start_, song.clip.loop_end_, song.clip.start_marker_ = True, 8.0, 16.0, 12.0
    sound, file = heard(on, tmp_path), filed(song)
    same(sound[: 2 * RATE], file[6 * RATE : 8 * RATE])
    for turn in range(3):
        at = (2 + 4 * turn) * RATE
        same(sound[at : at + 4 * RATE], file[4 * RATE : 8 * RATE])


def test_gain_and_half_speed_on_tape(on: Stage, song: Song, tmp_path: Path) -> None:
    song.clip.decibels = -12.0
    same(heard(on, tmp_path)[: 32 * RATE], filed(song) * 10 ** (-12 / 20))
    seconds = np.arange(32 * RATE) / RATE
    tone = np.stack([np.sin(2 * np.pi * 440 * seconds)] * 2, axis=1) * 0.3
    soundfile.write(song.clip.file_path, tone, RATE, subtype="PCM_24")
    song.clip.decibels, song.clip.pitch_coarse, song.clip.warping_, song.clip.loop_end_ = 0.0, -12, False, 32.0
    sound = heard(on, tmp_path)[8 * RATE : 16 * RATE, 0]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) / 8 == pytest.approx(220, abs=0.2)


def test_a_slot_is_its_loop_around_the_region(on: Stage, song: Song, tmp_path: Path) -> None:
    song.live.application.view.focused_document_view = "Session"
    loop = in_slot(song.clip, song.bass.clip_slots[0])
    loop.looping_, loop.loop_start_, loop.loop_end_ = True, 8.0, 16.0
    song.live.song.view.highlighted_clip_slot = song.bass.clip_slots[0]
    sound, file = heard(on, tmp_path), filed(song)
    for start in (8, 28, 32, 36):  # the region lies from 32 to 36 seconds
        same(sound[start * RATE : (start + 4) * RATE], file[4 * RATE : 8 * RATE])


def test_files_of_several_rates(make_song: Callable[[str], Song], play: Callable[..., Stage], tmp_path: Path) -> None:
    song = make_song("12.0.5")
    song.bass.arrangement_clips.clear()
    clip(song.bass, wav(tmp_path / "a.wav", 8.0, 48_000), 0.0, 16.0)
    clip(song.bass, wav(tmp_path / "b.wav", 8.0, 96_000), 16.0, 16.0)
    sound = heard(play(song), tmp_path)
    assert len(sound) == 46 * 96_000
    same(sound[8 * 96_000 : 16 * 96_000], soundfile.read(tmp_path / "b.wav")[0])
