"""Played notes become the label a musician would write, however they are voiced and played."""

import time
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from punchin_bridge.music import chords
from punchin_bridge.music.chords import label_notes
from punchin_bridge.music.tempo_map import steady
from punchin_train.songs.songs import compose
from punchin_wire.harte import parse
from punchin_wire.messages import ChordSegment, Note

NAMES = {n: i for i, n in enumerate(["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"])}


def block(text: str, start: float = 0.0, end: float = 2.0) -> list[Note]:
    """Notes of text such as `C3 E4 G4`, struck together."""
    return [Note(start, end, 12 * (int(n[-1]) + 1) + NAMES[n[:-1]]) for n in text.split()]


def labels(notes: Sequence[Note]) -> list[str]:
    return [segment.label for segment in label_notes(notes)]


@pytest.mark.parametrize(
    ("voicing", "label"),
    [
        ("C4 E4 G4", "C:maj"),
        ("C2 G3 E4 C5 G5", "C:maj"),
        ("E3 G3 C4", "C:maj/3"),
        ("G2 C4 E4", "C:maj/5"),
        ("B4 D5 Gb5", "B:min"),
        ("Gb3 B3 D4", "B:min/5"),
        ("Gb3 Bb3 Db4 E4", "F#:7"),
        ("G3 B3 Gb4 D4", "G:maj7"),
        ("G3 E4 B4", "E:min/b3"),
        ("C3 Bb3 E4", "C:7"),
        ("C3 B3 E4", "C:maj7"),
        ("C3 Eb3 Bb3", "C:min7"),
        ("C4 Eb4 Gb4", "C:dim"),
        ("C4 E4 Ab4", "C:aug"),
        ("E4 Ab4 C5", "E:aug"),
        ("C4 Eb4 Gb4 A4", "C:dim7"),
        ("A3 C4 Eb4 Gb4", "A:dim7"),
        ("B3 D4 F4 A4", "B:hdim7"),
        ("C4 Eb4 G4 B4", "C:minmaj7"),
        ("C4 F4 G4", "C:sus4"),
        ("C4 D4 G4", "C:sus2"),
        ("G3 C4 D4", "G:sus4"),
        ("A3 D4 E4 G4", "A:sus4(b7)"),
        ("C3 E3 G3 A3", "C:maj6"),
        ("A2 E3 G3 C4", "A:min7"),
        ("E3 G3 A3 C4", "A:min7/5"),
        ("D3 F3 A3 B3", "D:min6"),
        ("C3 G3 D4 E4", "C:maj(9)"),
        ("A2 E3 B3 C4", "A:min(9)"),
        ("C3 E3 Bb3 D4", "C:9"),
        ("D3 F3 C4 E4", "D:min9"),
        ("F2 A3 C4 E4 G4", "F:maj9"),
        ("G2 F3 B3 Ab4", "G:7(b9)"),
        ("E2 D3 Ab3 G4", "E:7(#9)"),
        ("C2 G2", "C:5"),
        ("G2 C3", "C:5/5"),
        ("C3 E3", "C:maj"),
        ("C3 Eb3", "C:min"),
        ("E3 C4", "C:maj/3"),
        ("C3 A3", "A:min/b3"),
        ("C3 C4", "C:1"),
        ("D2 C4 E4 G4", "C:maj/2"),
        ("F2 G3 B3 D4", "G:7/b7"),
        ("C2 D3 Gb3 A3", "D:7/b7"),
        ("F2 G3 C4 E4", "C:maj/4"),
        ("Db2 A2 D4 F4", "D:minmaj7/7"),
        ("Db4 E4 Ab4", "C#:min"),
        ("Ab3 C4 Eb4", "Ab:maj"),
    ],
)
def test_a_voicing_has_one_name(voicing: str, label: str) -> None:
    assert labels(block(voicing)) == [label]
    parse(label)


@given(
    st.sampled_from(sorted(chords._QUALITIES)),
    st.integers(36, 47),
    st.randoms(use_true_random=False),
    st.floats(0, 0.03),
)
def test_every_quality_in_root_position_is_found_in_any_voicing(quality, root, rng, jitter) -> None:  # type: ignore[no-untyped-def]
    """Upper voices in any octave, some doubled, humanised: the label has the tones that were played."""
    tones = [(root + i) % 12 for i in chords._QUALITIES[quality]]
    pitches = {root, *(rng.choice([48, 60, 72]) + tone for tone in tones for _ in range(rng.choice([1, 1, 2])))}
    notes = [Note(1 + jitter * rng.random(), 3 - jitter * rng.random(), p, rng.randint(40, 110)) for p in pitches]
    silence, found = label_notes(notes)
    assert silence.label == "N"
    name, _, suffix = found.label.partition(":")
    assert parse(f"{name}:maj").root == root % 12  # type: ignore[union-attr]
    assert suffix == quality


@given(
    st.sampled_from(["maj", "min", "7", "min7", "maj7", "dim", "aug", "sus4", "hdim7"]), st.integers(0, 11), st.data()
)
def test_the_canonical_voicing_of_a_label_keeps_its_tones_and_bass(
    quality: str, root: int, data: st.DataObject
) -> None:
    """Label, the published voicing of it (airgen 4.2), label again: same tones over the same bass."""
    bass = data.draw(st.sampled_from(chords._QUALITIES[quality]))
    notes = [Note(0, 1, 60 + root + i + (12 if i < bass else 0)) for i in chords._QUALITIES[quality]]
    [found] = label_notes(notes)
    harte = parse(found.label)
    assert harte is not None
    assert {(harte.root + i) % 12 for i in harte.intervals} == {n.pitch % 12 for n in notes}
    assert (harte.root + harte.bass) % 12 == (root + bass) % 12


def test_chords_follow_each_other_without_a_gap() -> None:
    notes = block("C3 E3 G3", 1, 1.9) + block("C3 F3 A3", 2, 2.9) + block("B2 F3 G3 D4", 3, 4)
    assert label_notes(notes) == (
        ChordSegment(0, 1, "N"),
        ChordSegment(1, 2, "C:maj"),
        ChordSegment(2, 3, "F:maj/5"),
        ChordSegment(3, 4, "G:7/3"),
    )


def test_repeated_chords_are_one() -> None:
    stabs = [note for beat in range(8) for note in block("A3 C4 E4", beat / 2, beat / 2 + 0.2)]
    assert label_notes(stabs) == (ChordSegment(0, 3.7, "A:min"),)


def test_a_long_rest_is_no_chord_and_a_short_one_is_held() -> None:
    notes = block("C3 E3 G3", 0, 1) + block("F3 A3 C4", 2.5, 3) + block("C3 E3 G3", 6, 7)
    assert label_notes(notes) == (
        ChordSegment(0, 2.5, "C:maj"),
        ChordSegment(2.5, 3, "F:maj"),
        ChordSegment(3, 6, "N"),
        ChordSegment(6, 7, "C:maj"),
    )


@pytest.mark.parametrize(("step", "hold"), [(0.25, 0.25), (0.25, 1.0), (0.125, 0.125), (0.5, 0.5)])
def test_arpeggios_are_chords(step: float, hold: float) -> None:
    """C, A minor, F, G7 as broken chords, short or with the pedal down until the chord changes."""
    bars = [[48, 52, 55, 60], [45, 48, 52, 57], [41, 45, 48, 53], [43, 47, 50, 53]]
    notes = []
    for bar, pitches in enumerate(bars):
        for index in range(8):
            start = (bar * 8 + index) * step
            end = min(start + hold, (bar + 1) * 8 * step)
            notes.append(Note(start, end, [*pitches, *pitches[::-1]][index]))
    found = label_notes(notes, steady(30 / step))
    assert [s.label for s in found] == ["C:maj", "A:min", "F:maj", "G:7"]
    assert [s.start for s in found] == pytest.approx([bar * 8 * step for bar in range(4)])


def test_a_suspension_resolves_and_a_passing_tone_does_not_count() -> None:
    held = [Note(0, 4, 48), Note(0, 4, 55)]
    assert labels([*held, Note(0, 2, 65), Note(2, 4, 64)]) == ["C:sus4", "C:maj"]
    assert labels([*held, Note(0, 1.9, 64), Note(1.9, 2.0, 65), Note(2, 4, 64)]) == ["C:maj"]


@settings(max_examples=30)
@given(st.randoms(use_true_random=False))
def test_human_timing_changes_nothing(rng) -> None:  # type: ignore[no-untyped-def]
    """Onsets 20 ms and releases 60 ms off the beat, overlapping into the next chord."""
    voicings = ["C3 E3 G3 C4", "A2 E3 G3 C4", "F2 C3 F3 A3", "G2 D3 F3 B3"] * 2
    notes = [
        Note(n.start + rng.uniform(0, 0.02), n.end + rng.uniform(-0.06, 0.06), n.pitch, rng.randint(50, 110))
        for bar, voicing in enumerate(voicings)
        for n in block(voicing, bar * 1.0, bar + 1.0)
    ]
    found = [s for s in label_notes(notes) if s.label != "N"]
    assert [s.label for s in found] == ["C:maj", "A:min7", "F:maj", "G:7"] * 2
    assert [s.start for s in found] == pytest.approx(range(8), abs=0.021)


@pytest.mark.slow
def test_thousands_of_notes_that_sound_at_a_time_cost_little() -> None:
    """Of those of a pitch, as long as the song all of them, one counts."""
    notes = [Note(i / 10, 400.0, (60, 64, 67)[i // 10 % 3] + 12 * (i % 3)) for i in range(3000)] * 10
    tracemalloc.start()
    began = time.process_time()
    assert {segment.label for segment in label_notes(notes)} <= {"C:1", "C:maj", "C:5"}
    took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 15
    assert peak < 64 * 2**20


def test_drums_and_nothing_are_no_chords() -> None:
    assert label_notes([]) == ()
    assert label_notes([Note(0, 1, 36, drum=True), Note(0, 0, 60)]) == ()


@given(st.lists(st.builds(Note, st.floats(0, 60), st.floats(0, 60), st.integers(0, 127)), max_size=60))
def test_any_notes_give_labels_that_parse_and_cover(notes: list[Note]) -> None:
    found = label_notes(notes)
    for before, after in pairwise(found):
        assert before.end == after.start
    for segment in found:
        assert segment.start < segment.end
        parse(segment.label)
    sounding = [note for note in notes if note.end > note.start]
    assert bool(found) == bool(sounding)
    if sounding:
        assert found[0].start == 0
        assert found[-1].end == max(note.end for note in sounding)


@pytest.mark.slow
def test_a_bands_comping_is_read_as_the_chords_it_was_written_from() -> None:
    """Songs of 40 bands, block chords, arpeggios and offbeats: the share of the time that is labelled right."""
    from mir_eval import chord, util

    def spans(segments: Sequence[ChordSegment]) -> tuple[np.ndarray, list[str]]:
        return np.array([(s.start, s.end) for s in segments]), [s.label for s in segments]

    right = {chord.root: 0.0, chord.majmin: 0.0}
    total = 0.0
    for seed in range(9_100_000, 9_100_040):
        song = compose(seed, seconds=60.0)
        reference, estimate = spans(song.chords), spans(label_notes(song.stems["comp"], steady(song.tempo)))
        estimate = util.adjust_intervals(*estimate, reference[0].min(), reference[0].max(), "N", "N")
        intervals, a, b = util.merge_labeled_intervals(*reference, *estimate)
        seconds = util.intervals_to_durations(intervals)
        total += song.seconds
        for measure in right:
            right[measure] += song.seconds * chord.weighted_accuracy(measure(a, b), seconds)
    assert right[chord.root] / total > 0.9
    assert right[chord.majmin] / total > 0.9
