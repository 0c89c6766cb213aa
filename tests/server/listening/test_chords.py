"""Chords that are heard: the right ones at their time, on beats where those are known, and how sure that is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from fakes import tones
from punchin_server.listening import chords, notes
from punchin_server.listening.notes import Heard, Transcriber

NAMES = ("C", "Am", "F", "G")
LABELS = ["C:maj", "A:min", "F:maj", "G:maj"]
SECONDS = 2.0


@pytest.fixture(scope="module")
def heard() -> Heard:
    ear: Transcriber = notes.installed()
    return ear.hear(tones.chords(NAMES, SECONDS, notes.RATE), notes.RATE)


def test_chords_are_heard_at_their_time(heard: Heard) -> None:
    found = chords.recognise(heard)
    assert [chord.label for chord in found] == LABELS
    assert [chord.start for chord in found] == pytest.approx([0, 2, 4, 6], abs=0.2)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert found[-1].end == pytest.approx(8, abs=0.02)
    assert min(chord.sure for chord in found) > 0.9


def test_they_change_on_beats_where_those_are_known(heard: Heard) -> None:
    found = chords.recognise(heard, np.arange(0.0, 9.0, 0.5))
    assert [chord.label for chord in found] == LABELS
    assert [chord.start for chord in found] == pytest.approx([0, 2, 4, 6], abs=0.012)


def test_silence_is_no_chord() -> None:
    nothing = Heard(*(np.zeros((400, 88), np.float32) for _ in range(2)))
    [only] = chords.recognise(nothing)
    assert only.label == "N"


def test_a_bare_fifth_is_a_power_chord_and_a_third_makes_it_a_triad() -> None:
    sounds = np.zeros((200, 88), np.float32)
    for pitch in (40, 47, 52):  # E2, B2, E3
        sounds[:, pitch - notes.LOWEST] = 0.8
    assert [chord.label for chord in chords.recognise(Heard(sounds, sounds))] == ["E:5"]
    sounds[:, 56 - notes.LOWEST] = 0.8  # G#3
    assert [chord.label for chord in chords.recognise(Heard(sounds, sounds))] == ["E:maj"]


def test_what_could_be_two_chords_is_less_sure() -> None:
    sounds = np.zeros((200, 88), np.float32)
    for pitch in (57, 60, 64, 67):  # A C E G: A minor or C major
        sounds[:, pitch - notes.LOWEST] = 0.5
    [first, *_] = chords.recognise(Heard(sounds, sounds))
    sounds[:, 57 - notes.LOWEST] = 0.0
    [clear, *_] = chords.recognise(Heard(sounds, sounds))
    assert clear.label == "C:maj"
    assert first.sure < clear.sure


def test_notes_last_until_they_are_not_heard_or_begin_again() -> None:
    begins, sounds = (np.zeros((300, 88), np.float32) for _ in range(2))
    sounds[20:120, 39] = 0.8
    begins[20, 39] = begins[80, 39] = 0.9
    sounds[150:155, 50] = 0.9
    begins[150, 50] = 0.9  # shorter than a note
    found = Heard(begins, sounds).notes
    frame = notes.HOP / notes.RATE
    assert [(note.pitch, note.start, note.end) for note in found] == [
        (60, pytest.approx(20 * frame), pytest.approx(80 * frame)),
        (60, pytest.approx(80 * frame), pytest.approx(120 * frame)),
    ]
    assert Heard(begins, sounds).sureness == pytest.approx(0.9)
