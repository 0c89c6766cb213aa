"""Procedural songs must be the same for the same seed, and be music on paper."""

import pytest
from punchin_server.conditioning import chords
from punchin_train.songs import harmony
from punchin_train.songs.songs import STEMS, compose

SEEDS = range(12)


def test_a_song_is_its_seed() -> None:
    assert compose(7, 20.0) == compose(7, 20.0)
    assert compose(7, 20.0) != compose(8, 20.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_chords_cover_the_song_without_gaps(seed: int) -> None:
    song = compose(seed, 30.0)
    assert song.chords[0].start == 0.0
    assert song.chords[-1].end == 30.0
    for before, after in zip(song.chords, song.chords[1:], strict=False):
        assert before.end == pytest.approx(after.start)
        assert before.label != after.label
    assert all(chords.spell(segment.label) for segment in song.chords)


@pytest.mark.parametrize("seed", SEEDS)
def test_notes_are_playable_and_in_their_stem(seed: int) -> None:
    song = compose(seed, 30.0)
    assert tuple(song.stems) == STEMS
    for stem, notes in song.stems.items():
        assert all(0 <= note.start < note.end for note in notes)
        assert all(0 <= note.pitch < 128 and 1 <= note.velocity < 128 for note in notes)
        assert all(note.drum == (stem == "drums") for note in notes)
    assert song.stems["bass"]
    assert song.stems["comp"]


@pytest.mark.parametrize("seed", SEEDS)
def test_bass_and_comp_sound_the_chords(seed: int) -> None:
    """Nine in ten of their notes are tones of the chord they start in: the labels are the truth."""
    song = compose(seed, 30.0)
    inside = total = 0
    for note in [*song.stems["bass"], *song.stems["comp"]]:
        segment = next((s for s in song.chords if s.start - 0.03 <= note.start < s.end - 0.03), None)
        if segment is not None:
            total += 1
            inside += note.pitch % 12 in {pitch % 12 for pitch in chords.spell(segment.label)}
    assert inside / total > 0.9


def test_beats_count_to_four() -> None:
    song = compose(3, 20.0)
    assert [position for _, position in song.beats[:5]] == [1, 2, 3, 4, 1]
    steps = [b - a for (a, _), (b, _) in zip(song.beats, song.beats[1:], strict=False)]
    assert steps == pytest.approx([60 / song.tempo] * len(steps))


def test_held_out_harmony_is_not_in_training() -> None:
    assert not set(harmony.HELD_OUT_MAJOR) & set(harmony.MAJOR_PROGRESSIONS)
    assert not set(harmony.HELD_OUT_MINOR) & set(harmony.MINOR_PROGRESSIONS)
