"""Rendered songs must hold what training and the demo say they hold."""

import json
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from punchin_server.daemon.settings import Settings
from punchin_train.songs.demo_song import write_song
from punchin_train.songs.rendering import MIX_RMS, TRACKS, render_corpus, render_song
from punchin_train.songs.songs import EDITIONS, Song, compose


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio))))


@pytest.fixture(scope="module")
def rendered():
    return render_song(compose(5, 6.0))


def test_the_mix_is_the_sum_of_its_stems(rendered) -> None:
    stems = sum(rendered.track(name) for name in ("drums", "bass", "comp", "melody"))
    np.testing.assert_allclose(rendered.track("mix"), stems, atol=1e-5)
    assert rendered.audio.shape == (len(TRACKS) - 1, 6 * 32_000)  # without pads
    assert 0.5 * MIX_RMS < rms(rendered.track("mix")) <= MIX_RMS * 1.001


def test_conditions_are_as_loud_as_what_they_stand_for(rendered) -> None:
    other = rendered.track("comp") + rendered.track("melody")
    for name in ("chord", "piano"):
        assert rendered.track(name).std(ddof=1) == pytest.approx(other.std(ddof=1), rel=1e-3)


def test_a_corpus_is_rendered_once(tmp_path: Path) -> None:
    render_corpus(tmp_path, range(2), 1.0)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["0000000.npy", "0000001.npy"]
    assert np.load(files[0]).dtype == np.int16
    times = [file.stat().st_mtime_ns for file in files]
    render_corpus(tmp_path, range(2), 1.0)
    assert [file.stat().st_mtime_ns for file in files] == times


@pytest.mark.slow
def test_two_seats_render_the_same_songs(tmp_path: Path) -> None:
    render_corpus(tmp_path / "here", range(3), 1.0)
    render_corpus(tmp_path / "two", range(3), 1.0, where=Settings(device="cpu,cpu"))
    for file in sorted((tmp_path / "here").iterdir(), reverse=True):
        assert np.array_equal(np.load(file), np.load(tmp_path / "two" / file.name))


def test_the_demo_song_is_a_producers_folder(tmp_path: Path) -> None:
    files = write_song(tmp_path, seconds=4.0)
    info = soundfile.info(files.mix)
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (44_100, 2, "PCM_24", 4 * 44_100)
    mix = soundfile.read(files.mix)[0]
    stems = sum(soundfile.read(path)[0] for path in files.stems.values())
    assert np.abs(mix).max() <= 0.951
    np.testing.assert_allclose(stems, mix, atol=1e-6)
    score = mido.MidiFile(files.chords)
    assert [track.name for track in score.tracks] == ["conductor", "chords"]
    about = json.loads(files.about.read_text())
    tempos = [message.tempo for message in score.tracks[0] if message.type == "set_tempo"]
    assert mido.tempo2bpm(tempos[0]) == pytest.approx(about["tempo"], rel=1e-5)
    assert score.length == pytest.approx(4.0, abs=0.01)
    assert about["chords"][0][2] == files.song.chords[0].label


@pytest.mark.slow
def test_a_demo_song_of_the_second_edition_keeps_its_tempo_map(tmp_path: Path) -> None:
    """Its chord file, read by another program's clock, changes chords when the song does."""

    def changes(song: Song) -> bool:
        return len(song.timeline.tempos) > 4 and len({bar.signature for bar in song.timeline.bars}) > 1

    seed = next(seed for seed in range(EDITIONS[2], EDITIONS[2] + 200) if changes(compose(seed, 30.0, held_out=True)))
    files = write_song(tmp_path, seed, seconds=30.0)
    score = mido.MidiFile(files.chords)
    now, starts = 0.0, set()
    for message in score:
        now += message.time
        if message.type == "note_on" and message.velocity:
            starts.add(round(now, 3))
    np.testing.assert_allclose(sorted(starts), [chord.start for chord in files.song.chords], atol=0.003)
    time_signatures = [m for m in score.tracks[0] if m.type == "time_signature"]
    assert len(time_signatures) > 1
    assert len([m for m in score.tracks[0] if m.type == "set_tempo"]) == len(files.song.timeline.tempos)
    assert set(files.stems) == {"drums", "bass", "comp", "melody", "pad"}
