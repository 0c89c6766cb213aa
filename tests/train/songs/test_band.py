"""Songs of the second edition: what is written down of them is what is played, however tempo and time signature go."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from punchin_server.conditioning import chords
from punchin_train.songs import harmony
from punchin_train.songs.genres import GENRES
from punchin_train.songs.rendering import TRACKS, render_song
from punchin_train.songs.score import Song
from punchin_train.songs.songs import EDITIONS, compose

FIRST = EDITIONS[2]
SECONDS = 40.0
SONGS = [compose(FIRST + seed, SECONDS, held_out=False) for seed in range(60)]


@pytest.mark.parametrize(
    ("seed", "held_out", "digest"),
    [(3, False, "c03801a7f6fd8ed9"), (17, False, "29d8fe433de9696f"), (9_000_002, True, "95e5d4c0c78bfc08")],
)
def test_songs_that_packs_have_learned_from_stay_what_they_are(seed: int, held_out: bool, digest: str) -> None:
    song = compose(seed, 20.0, held_out)
    notes = repr((song.chords, song.beats, sorted(song.stems.items())))
    assert hashlib.sha256(notes.encode()).hexdigest()[:16] == digest


def test_they_sound_as_they_did() -> None:
    """The levels of every track; to the bit they depend on the processor, too, and were compared by hand."""
    audio = render_song(compose(17, 20.0)).audio
    levels = [0.12, 0.07357, 0.07156, 0.04535, 0.04074, 0.06095, 0.06095]  # mix, stems, conditions
    np.testing.assert_allclose(np.sqrt(np.mean(audio**2, axis=1)), levels, rtol=1e-3)


def test_a_song_is_its_seed() -> None:
    assert compose(FIRST + 5, SECONDS, held_out=False) == SONGS[5]
    assert compose(FIRST + 5, SECONDS, held_out=True).chords != SONGS[5].chords


def test_every_genre_metre_and_kind_of_tempo_is_there() -> None:
    assert {song.feel for song in SONGS} == set(GENRES)
    time_signatures = {str(bar.signature) for song in SONGS for bar in song.timeline.bars}
    assert time_signatures == {"4/4", "3/4", "6/8", "5/4"}
    assert sum(len({bar.signature for bar in song.timeline.bars}) > 1 for song in SONGS) > 10
    changes = [len(song.timeline.tempos) for song in SONGS]
    assert sum(count == 1 for count in changes) > 10
    assert sum(count > 20 for count in changes) > 5
    assert sum(bool(song.stems["pad"]) for song in SONGS) > 20


@pytest.mark.parametrize("song", SONGS[:20], ids=lambda song: f"{song.seed}-{song.feel}")
def test_beats_bars_and_tempo_agree(song: Song) -> None:
    times, numbers = np.array([time for time, _ in song.beats]), [number for _, number in song.beats]
    assert (np.diff(times) > 0.1).all()
    assert times[-1] >= SECONDS - 2
    expected = [beat + 1 for bar in song.timeline.bars for beat in range(bar.signature.beats)]
    assert numbers == expected
    for time in times[::7]:
        assert song.timeline.seconds(song.timeline.quarters(time)) == pytest.approx(time)


@pytest.mark.parametrize("song", SONGS[:20], ids=lambda song: f"{song.seed}-{song.feel}")
def test_bars_begin_on_ones_and_chords_on_beats(song: Song) -> None:
    ones = [time for time, number in song.beats if number == 1]
    assert ones == [song.timeline.seconds(bar.quarter) for bar in song.timeline.bars]
    eighths = np.array([song.timeline.quarters(chord.start) * 2 for chord in song.chords])
    np.testing.assert_allclose(eighths, np.round(eighths), atol=1e-6)
    beats = np.array([time for time, _ in song.beats])
    off = [np.abs(beats - chord.start).min() for chord in song.chords]
    np.testing.assert_allclose(off, 0, atol=1e-6)


@pytest.mark.parametrize("song", SONGS[:20], ids=lambda song: f"{song.seed}-{song.feel}")
def test_chords_cover_the_song_and_are_what_is_played(song: Song) -> None:
    assert song.chords[0].start == 0
    assert song.chords[-1].end == pytest.approx(SECONDS)
    assert all(a.end == pytest.approx(b.start) for a, b in zip(song.chords, song.chords[1:], strict=False))
    for name in ("comp", "pad"):
        inside = total = 0
        for note in song.stems[name]:
            middle = (note.start + note.end) / 2
            label = next((c.label for c in song.chords if c.start <= middle < c.end), None)
            if label is not None:
                total += 1
                inside += note.pitch % 12 in {pitch % 12 for pitch in chords.spell(label)}
        assert inside >= 0.97 * total, name


@pytest.mark.parametrize("song", SONGS[:20], ids=lambda song: f"{song.seed}-{song.feel}")
def test_the_band_plays_on_the_grid(song: Song) -> None:
    """Sixteenths of the song's own time, swung or not, within what a hand is late."""
    swung = {0.0, 0.14, 0.1667, 0.1, 0.06}
    for note in song.stems["drums"]:
        quarter = song.timeline.quarters(note.start)
        bpm = 60 * (song.timeline.quarters(note.start + 1.0) - quarter)
        late = min(abs(quarter - s - round((quarter - s) / 0.25) * 0.25) for s in swung)
        assert late * 60 / bpm < 0.025


def test_held_out_songs_go_other_ways() -> None:
    """Than any genre's and either edition's songs of the training, wherever in the turn one begins."""
    for ours, theirs, first in (
        ("held_out_major", "major", harmony.MAJOR_PROGRESSIONS),
        ("held_out_minor", "minor", harmony.MINOR_PROGRESSIONS),
    ):
        learned = [*first, *(line for genre in GENRES.values() for line in getattr(genre, theirs))]
        turned = {line[at:] + line[:at] for line in learned for at in range(len(line))}
        for genre in GENRES.values():
            assert getattr(genre, ours)
            assert not turned & set(getattr(genre, ours))


def test_pads_are_rendered_last_and_belong_to_the_mix() -> None:
    song = next(song for song in SONGS if song.stems["pad"])
    audio = render_song(song, 8000).audio
    assert audio.shape == (len(TRACKS), SECONDS * 8000)
    track = dict(zip(TRACKS, audio, strict=True))
    stems = np.sum([track[name] for name in ("drums", "bass", "comp", "melody", "pad")], axis=0)
    assert np.abs(stems - track["mix"]).max() < 1e-5
    assert np.abs(track["pad"]).max() > 0.001
