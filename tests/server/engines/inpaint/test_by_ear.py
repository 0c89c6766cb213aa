"""What a request wants read by ear is brought before anything else is done, or the holes have none of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from fakes import tones
from numpy.typing import NDArray
from punchin_server.engines.clock import Clock
from punchin_server.engines.inpaint import by_ear
from punchin_wire.errors import BadSetting, NothingHeard
from punchin_wire.messages import AudioRef, ChordSegment, Heard, Hole, InpaintRequest, Progress, TakeSpec
from punchin_wire.params import ByEar

RATE, SECONDS = 16_000, 8
Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def song() -> Sound:
    return tones.chords(("C", "Am", "F", "G"), SECONDS / 4, RATE)


def request(*hear: ByEar, start: float = 2.0, end: float = 6.0) -> InpaintRequest:
    source = AudioRef(0, RATE, 1, SECONDS * RATE)
    hole = Hole(round(start * RATE), round(end * RATE))
    return InpaintRequest(source, (hole,), (TakeSpec(1, dict.fromkeys(hear, 1.0)),), hear=hear)


class Brought(NamedTuple):
    request: InpaintRequest
    heard: Heard | None
    progress: list[Progress]


def brought(wanted: InpaintRequest, *sounds: Sound) -> Brought:
    events, hearing = [], by_ear.brought(wanted, tuple(sound[None] for sound in sounds), Clock())
    while True:
        try:
            events.append(next(hearing).event)
        except StopIteration as end:
            heard = [event for event in events if isinstance(event, Heard)]
            progress = [event for event in events if isinstance(event, Progress)]
            return Brought(end.value, heard[0] if heard else None, progress)


def test_what_brings_everything_is_left_as_it_is(song: Sound) -> None:
    wanted = request()
    assert brought(wanted, song) == Brought(wanted, None, [])


def test_chords_are_read_said_and_brought(song: Sound) -> None:
    wanted = request("chord")
    made = brought(wanted, song)
    assert made.heard is not None
    assert [chord.label for chord in made.heard.chords] == ["C:maj", "A:min", "F:maj", "G:maj"]
    assert made.request.chords == tuple(ChordSegment(c.start, c.end, c.label) for c in made.heard.chords)
    assert (made.request.hear, made.request.piano) == ((), ())
    assert made.progress[-1].step == made.progress[-1].total == len(made.progress)
    assert brought(wanted, song) == made  # the same audio, the same chords


def test_notes_of_a_piano_are_read(song: Sound) -> None:
    made = brought(request("piano"), song)
    assert made.heard is not None
    assert made.heard.chords == ()
    assert made.request.piano == made.heard.piano
    begun = {note.pitch for note in made.request.piano if 3.9 < note.start < 4.1}
    assert {57, 60, 65} <= begun
    assert made.heard.piano_sure > 0.5


def test_a_stem_is_heard_in_place_of_the_song(song: Sound) -> None:
    silence = np.zeros_like(song)
    wanted = msgspec.structs.replace(request("chord"), stem=AudioRef(1, RATE, 1, len(song)))
    made = brought(wanted, silence, song)
    assert [chord.label for chord in made.request.chords] == ["C:maj", "A:min", "F:maj", "G:maj"]
    assert made.request.stem is None


def noise(level: float) -> Sound:
    return (level * np.random.default_rng(3).standard_normal(SECONDS * RATE)).astype(np.float32)


def drums() -> Sound:
    time = np.arange(SECONDS * RATE) % (RATE // 2) / RATE
    return (noise(0.5) * np.exp(-30 * time)).astype(np.float32)


def one_tone() -> Sound:
    return np.sin(2 * np.pi * 440 * np.arange(SECONDS * RATE) / RATE).astype(np.float32)


@pytest.mark.parametrize("sound", [np.zeros(SECONDS * RATE, np.float32), noise(0.1), noise(1e-4), drums(), one_tone()])
def test_where_nothing_plays_chords_that_is_said(sound: Sound) -> None:
    with pytest.raises(NothingHeard, match=r"No chords .* region") as caught:
        brought(request("chord"), sound)
    assert "chord file" in caught.value.next_step


def test_chords_beside_the_hole_do_not_count_as_in_it(song: Sound) -> None:
    gap = song.copy()
    gap[round(3.5 * RATE) : round(7.5 * RATE)] = 0
    with pytest.raises(NothingHeard):
        brought(request("chord", start=4.2, end=7.0), gap)


def test_a_piano_that_does_not_play_is_said() -> None:
    with pytest.raises(NothingHeard, match="No notes"):
        brought(request("piano"), np.zeros(SECONDS * RATE, np.float32))


def test_what_is_brought_is_not_read_by_ear_too() -> None:
    with pytest.raises(BadSetting, match="brought"):
        msgspec.structs.replace(request("chord"), chords=(ChordSegment(0.0, 8.0, "C:maj"),)).__post_init__()
