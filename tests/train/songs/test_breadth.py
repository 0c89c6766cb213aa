"""Songs of the third edition: breadth is there, a song is its seed, and its production keeps notes in time and tune."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from punchin_server.conditioning import render
from punchin_train.songs import studio
from punchin_train.songs.rendering import TRACKS, render_song
from punchin_train.songs.score import Song
from punchin_train.songs.songs import EDITIONS, compose
from punchin_wire.messages import Note

FIRST, SECONDS, RATE = EDITIONS[3], 20.0, 32_000
SONGS = [compose(FIRST + seed, SECONDS) for seed in range(60)]


def test_a_song_is_its_seed_and_stays_what_it_is() -> None:
    assert compose(FIRST + 5, SECONDS) == SONGS[5]
    song = SONGS[7]
    notes = repr((song.chords, song.beats, sorted(song.stems.items())))
    assert hashlib.sha256(notes.encode()).hexdigest()[:16] == "1e580ffbfb6a987a"


def test_one_instrument_to_full_bands() -> None:
    playing = [{name for name, notes in song.stems.items() if notes} for song in SONGS]
    assert {1, 2, 3, 4, 5} == {len(players) for players in playing}
    assert all(players & {"comp", "pad", "bass", "melody"} for players in playing)
    assert all("drums" in players for song, players in zip(SONGS, playing, strict=True) if song.seed % 4 == 1)
    assert sum("drums" not in players for players in playing) > 10


def test_most_harmony_follows_no_key_and_has_any_pace() -> None:
    roots = [len({chord.label.split(":")[0] for chord in song.chords}) for song in SONGS]
    assert sum(count > 5 for count in roots) > 12
    bars = [_bars_a_chord(song) for song in SONGS]
    assert min(bars) < 0.6
    assert max(bars) > 1.9


def _bars_a_chord(song: Song) -> float:
    lengths = [chord.end - chord.start for chord in song.chords]
    return float(np.median(lengths)) * song.tempo / 60 / song.timeline.bars[0].signature.quarters


def test_held_out_songs_have_progressions_of_their_own() -> None:
    assert compose(FIRST + 5, SECONDS, held_out=True).chords != SONGS[5].chords


@pytest.mark.parametrize("song", SONGS[:12], ids=lambda song: str(song.seed))
def test_chords_cover_the_song_and_notes_are_playable(song: Song) -> None:
    assert song.chords[0].start == 0
    assert song.chords[-1].end == SECONDS
    for before, after in pairwise(song.chords):
        assert before.end == after.start
    for note in (note for notes in song.stems.values() for note in notes):
        assert 0 <= note.start < note.end
        assert 1 <= note.velocity <= 127


def test_a_production_is_the_seeds_and_hides_no_stem() -> None:
    song = SONGS[0]
    first, again = render_song(song), render_song(song)
    assert first.audio.shape == (len(TRACKS), round(SECONDS * RATE))
    assert np.array_equal(first.audio, again.audio)
    loud = {name: float(np.abs(first.track(name)).max()) for name in TRACKS}
    assert all((loud[name] > 0) == bool(notes) for name, notes in song.stems.items())
    assert loud["chord"] > 0
    assert max(loud.values()) <= 2.0


def test_tuning_moves_pitch_and_not_time() -> None:
    """A tone that loops forever, 50 cents higher, begins where it began."""
    notes = [Note(0.5, 1.5, 69, 100, 80)]
    plain, higher = (studio._tuned(notes, cents, 2.0, RATE, render.default_soundfont()) for cents in (0.0, 50.0))
    assert plain.shape == higher.shape == (2 * RATE,)
    starts = [int(np.flatnonzero(np.abs(audio) > 1e-3)[0]) for audio in (plain, higher)]
    assert abs(starts[0] - starts[1]) < 0.003 * RATE
    frequencies = [_pitch(audio[round(0.8 * RATE) : round(1.4 * RATE)]) for audio in (plain, higher)]
    assert 1200 * np.log2(frequencies[1] / frequencies[0]) == pytest.approx(50, abs=6)


def _pitch(sound: NDArray[np.float32]) -> float:
    size = 1 << 20
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    return float(np.argmax(spectrum) * RATE / size)


def test_a_master_keeps_loudness() -> None:
    mix = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) * np.float32(0.1)
    for seed in range(6):
        out = studio.master(mix, RATE, np.random.default_rng(seed))
        assert float(np.sqrt(np.mean(out**2))) == pytest.approx(float(np.sqrt(np.mean(mix**2))), rel=1e-3)
        assert not np.array_equal(out, mix)
