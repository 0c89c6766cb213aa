"""Takes onto the time line of each Live, over real UDP: exact, named, unwarped, one undo step, nothing overwritten."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.live_models import Clip, Device, Track
from fakes.live_set import RATE, BridgeEnd, Stage, clip, in_slot, wav
from punchin_bridge.hosts.protocol import Drop, Held, Placed, Submit

from .conftest import Song

pytestmark = pytest.mark.slow


def submitted(on: Stage) -> Submit:
    assert on.bridge is not None
    on.act("inpaint")
    return on.bridge.of(Submit)[-1]


def ready(on: Stage, count: int = 2) -> Submit:
    """A job up to where its takes are to be placed, and one tick more."""
    assert on.bridge is not None
    submit = submitted(on)
    on.bridge.say(on.view(submit, "ready", takes=on.takes(submit, count)))
    on.turn(2)
    return submit


def image(song: Song) -> list[Any]:
    """All that stands in the set, to compare."""

    def of(one: Clip) -> tuple[object, ...]:
        return tuple(getattr(one, f.name) for f in fields(one) if f.name not in ("song", "warp_markers", "notes"))

    return [
        (
            track.name,
            sorted(map(of, track.arrangement_clips)),
            [sorted(map(of, lane.arrangement_clips)) for lane in track.take_lanes],
            [of(slot.clip) for slot in track.clip_slots if slot.clip],
        )
        for track in song.live.song.tracks
    ]


def exact(take: Clip, start: float, seconds: float = 8.0) -> None:
    """The clip plays its file as it is, from its first to its last sample."""
    assert not take.warping_
    assert not take.looping_
    assert (take.start_marker_, take.loop_start_) == (0.0, 0.0)
    assert take.loop_end_ == take.end_marker == take.seconds == seconds
    if take.is_arrangement_clip:
        assert (take.start_time, take.end_time) == (start, pytest.approx(start + seconds * 2))


def test_live_12_2_lays_takes_in_lanes_in_one_undo_step(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    before, steps = image(song), len(song.live.song.steps)
    submit = ready(on)
    assert [lane.name for lane in song.bass.take_lanes] == ["Punchin 1", "Punchin 2"]
    for number, lane in enumerate(song.bass.take_lanes):
        [take] = lane.arrangement_clips
        assert take.name == f"take {number + 1}"
        assert take.color
        exact(take, 16.0)
    assert song.bass.arrangement_clips == [song.clip]
    assert (song.clip.start_time, song.clip.end_time) == (0.0, 64.0)
    [placed] = bridge.of(Placed)
    assert (placed.job, placed.at) == (submit.job, None)
    assert 0 < placed.seconds < 1
    assert "2 takes in the take lanes of Bass: click one" in on.live.messages[-1]
    assert len(song.live.song.steps) == steps + 1
    song.live.song.undo()
    assert image(song) == before


@pytest.mark.parametrize(("tempo", "start"), [(97.3, 16.37), (120.0, 1 / 3), (181.0, 41.0)])
def test_takes_begin_with_the_very_sample(on: Stage, song: Song, bridge: BridgeEnd, tempo: float, start: float) -> None:
    song.live.song.tempo, song.live.song.loop_start, song.live.song.loop_length = tempo, start, 7.123
    submit = ready(on)
    for lane in song.bass.take_lanes:
        [take] = lane.arrangement_clips
        assert take.start_time * 60 / tempo * RATE == pytest.approx(submit.region.start, abs=1e-4)
        assert take.end_time * 60 / tempo * RATE == pytest.approx(submit.region.end, abs=1e-4)
    assert bridge.of(Placed)[-1].at is None


def test_where_nothing_lies_the_first_take_plays(on: Stage, song: Song) -> None:
    song.clip.end_time = song.clip.loop_end_ = 16.0
    ready(on)
    exact(song.bass.arrangement_clips[1], 16.0)
    assert song.clip.end_time == 16.0


def test_lanes_are_used_again_where_they_are_free(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    ready(on)
    song.live.song.loop_start = 32.0
    ready(on, 3)
    lanes = song.bass.take_lanes
    assert [lane.name for lane in lanes] == ["Punchin 1", "Punchin 2", "Punchin 3"]
    assert [len(lane.arrangement_clips) for lane in lanes] == [2, 2, 1]
    for lane in lanes[:2]:
        exact(lane.arrangement_clips[0], 16.0)
        exact(lane.arrangement_clips[1], 32.0)
    assert len(bridge.of(Placed)) == 2


def test_takes_on_new_tracks_and_the_first_plays(make_song: Callable[[str], Song], play: Callable[..., Stage]) -> None:
    song = make_song("12.2.1")
    before_brace = song.clip
    before_brace.end_time = before_brace.loop_end_ = 16.0
    whole = clip(song.bass, Path(before_brace.file_path), 16.0, 16.0)
    after = clip(song.bass, Path(before_brace.file_path), 32.0, 16.0)
    on = play(song, settings={"place": "tracks"})
    before = image(song)
    ready(on)
    first, second = song.live.song.tracks[1:3]
    assert (first.name, second.name) == ("Bass take 1", "Bass take 2")
    exact(first.arrangement_clips[0], 16.0)
    exact(second.arrangement_clips[0], 16.0)
    assert [first.arrangement_clips[0].muted, second.arrangement_clips[0].muted] == [False, True]
    assert [each.muted for each in (before_brace, whole, after)] == [False, True, False]
    assert "plays on beside" not in on.live.messages[-1]
    on.act("next_take")
    assert [first.arrangement_clips[0].muted, second.arrangement_clips[0].muted] == [True, False]
    on.act("previous_take")
    on.act("previous_take")
    assert [first.arrangement_clips[0].muted, second.arrangement_clips[0].muted] == [True, False]
    for _ in range(4):
        song.live.song.undo()
    assert image(song) == before


def test_takes_that_were_undone_cannot_be_chosen(make_song: Callable[[str], Song], play: Callable[..., Stage]) -> None:
    song = make_song("12.0.5")
    on = play(song)
    ready(on)
    on.live.watch.gone |= {id(track.arrangement_clips[0]) for track in song.live.song.tracks[1:3]}
    song.live.song.undo()
    on.act("next_take")
    assert "do not stand any more" in on.live.messages[-1]


def test_on_an_empty_end_of_the_track_itself(make_song: Callable[[str], Song], play: Callable[..., Stage]) -> None:
    song = make_song("12.2.1")
    song.clip.end_time = song.clip.loop_end_ = 16.0
    on = play(song, settings={"place": "tracks"})
    ready(on)
    exact(song.bass.arrangement_clips[1], 16.0)
    assert song.live.song.tracks[1].name == "Bass take 2"


@pytest.mark.parametrize("guess", [60.0, 97.0, 240.0])
def test_live_12_0_5_lays_takes_on_copies_of_the_track(
    make_song: Callable[[str], Song], play: Callable[..., Stage], guess: float
) -> None:
    """They sound as the track does, and have none of its clips, in either view."""
    song = make_song("12.0.5")
    song.live.song.guess = guess
    song.bass.devices, song.bass.armed = [Device("Compressor"), Device("Amp")], True
    in_slot(clip(song.bass, Path(song.clip.file_path), 64.0, 16.0), song.bass.clip_slots[0])
    on = play(song)
    before = image(song)
    ready(on, 3)
    made = song.live.song.tracks[1:4]
    assert [track.name for track in made] == ["Bass take 1", "Bass take 2", "Bass take 3"]
    for track in made:
        [take] = track.arrangement_clips
        exact(take, 16.0)
        assert not track.clip_slots[0].has_clip
        assert [device.name for device in track.devices] == ["Compressor", "Amp"]
        assert not track.armed
    assert [track.arrangement_clips[0].muted for track in made] == [False, True, True]
    assert song.bass.armed
    assert song.live.song.view.selected_track is song.bass  # Live selects each copy
    assert image(song)[0] == before[0]
    assert "bass plays on beside it: split it" in on.live.messages[-1]
    song.live.song.undo()
    assert image(song) == before


def test_a_track_that_cannot_be_copied_keeps_its_takes_as_files(
    make_song: Callable[[str], Song], play: Callable[..., Stage], bridge: BridgeEnd
) -> None:
    song = make_song("12.0.5")
    on = play(song)
    before = image(song)
    song.live.song.most_tracks = len(song.live.song.tracks) + 1  # as Live Lite has a limit
    ready(on, 2)
    assert image(song) == before
    assert "drag them in from" in bridge.of(Held)[-1].reason


def test_live_11_has_files_to_drag(
    make_song: Callable[[str], Song], play: Callable[..., Stage], bridge: BridgeEnd
) -> None:
    song = make_song("11.0")
    on = play(song)
    before = image(song)
    submit = ready(on)
    assert image(song) == before
    assert f"drag the takes in from {submit.folder}" in on.live.messages[-1]
    assert submit.folder == str(Path.home() / "Music" / "Punchin")  # this Live does not say where the set is
    assert len(bridge.of(Placed)) == 1
    on.act("next_take")
    assert "No takes were placed" in on.live.messages[-1]


def slot_job(song: Song, on: Stage, looping: bool) -> tuple[Track, Submit]:
    song.live.application.view.focused_document_view = "Session"
    old = in_slot(song.clip, song.bass.clip_slots[0])
    old.looping_, old.loop_end_ = looping, 8.0
    song.live.song.view.highlighted_clip_slot = song.bass.clip_slots[0]
    return song.bass, ready(on)


@pytest.mark.parametrize("version", ["12.0.5", "12.2.1"])
def test_session_takes_go_into_the_next_free_slots(
    make_song: Callable[[str], Song], play: Callable[..., Stage], version: str
) -> None:
    song = make_song(version)
    on = play(song)
    track, _ = slot_job(song, on, looping=False)
    assert [slot.clip.name if slot.clip else None for slot in track.clip_slots] == ["bass", "take 1", "take 2"]
    assert len(song.live.song.scenes) == 3
    taken = track.clip_slots[1].clip
    assert taken is not None
    exact(taken, 0.0, 4.0)
    assert "do not loop" in on.live.messages[-1]
    on.act("next_take")
    assert track.clip_slots[2].clip is not None
    assert track.clip_slots[2].clip.fired == 1
    assert len(song.live.song.steps) == 1
    song.live.song.undo()
    assert len(song.live.song.scenes) == 1


@pytest.mark.parametrize(("guess", "loops"), [(120.0, True), (97.0, False)])
def test_a_loop_stays_a_loop_where_live_understood_its_length(song: Song, on: Stage, guess: float, loops: bool) -> None:
    song.live.song.guess = guess
    track, _ = slot_job(song, on, looping=True)
    take = track.clip_slots[1].clip
    assert take is not None
    assert take.looping_ == take.warping_ == loops
    if loops:
        assert (take.loop_start_, take.loop_end_) == (0.0, 8.0)
    else:
        exact(take, 0.0, 4.0)


# ---- what changed meanwhile ------------------------------------------------------------------------------------


CHANGES: list[tuple[Callable[[Song], None], str]] = [
    (lambda song: setattr(song.live.song, "tempo", 121.0), "the tempo changed from 120 to 121"),
    (lambda song: setattr(song.live.song, "signature_numerator", 3), "the time signature changed"),
    (lambda song: setattr(song.clip, "decibels", -3.0), "the clips in the region changed"),
    (lambda song: setattr(song.clip, "loop_start_", 1.0), "the clips in the region changed"),
    (lambda song: song.bass.arrangement_clips.clear(), "the clips in the region changed"),
    (lambda song: song.live.song.tracks.remove(song.bass), "the track of this job is not there any more"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_what_changed_is_said_and_nothing_is_placed(
    on: Stage, song: Song, bridge: BridgeEnd, change: Callable[[Song], None], reason: str
) -> None:
    submit = submitted(on)
    takes = on.takes(submit)
    change(song)
    before = image(song)
    for _ in range(3):
        bridge.say(on.view(submit, "ready", takes=takes))
        on.turn(2)
    held = bridge.of(Held)
    assert {document.reason for document in held} == {reason}
    assert "Repeat, place the takes anyway, or drop them?" in on.live.messages[-1]
    assert bridge.of(Placed) == []
    assert image(song) == before


def test_other_clips_may_change(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    song.clip.end_time = song.clip.loop_end_ = 20.0
    clip(song.bass, Path(song.clip.file_path), 20.0, 12.0)
    bridge.say(on.view(submit, "ready", takes=on.takes(submit)))
    on.turn(2)
    assert bridge.of(Placed) == []  # these are clips of the region
    song.live.song.loop_start = 0.0
    song.live.song.loop_length = 8.0
    again = submitted(on)
    song.bass.arrangement_clips[1].decibels = -10.0
    bridge.say(on.view(again, "ready", takes=on.takes(again)))
    on.turn(2)
    assert [placed.job for placed in bridge.of(Placed)] == [again.job]


def held(on: Stage, song: Song, shift: float = 0.0) -> tuple[Submit, Any]:
    """A job whose clip was made longer, or moved."""
    assert on.bridge is not None
    song.clip.start_time, song.clip.end_time, song.clip.loop_end_ = 16.0, 32.0, 16.0
    submit = submitted(on)
    takes = on.takes(submit)
    if shift:
        song.clip.start_time, song.clip.end_time = 16.0 + shift, 32.0 + shift
    else:
        song.clip.decibels = -1.0
    on.bridge.say(on.view(submit, "ready", takes=takes))
    on.turn(2)
    view = on.view(submit, "held", takes=takes)
    on.bridge.say(view)
    on.turn(2)
    return submit, view


def test_held_takes_can_be_placed_anyway(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit, _ = held(on, song)
    on.act("place")
    assert [(placed.job, placed.at) for placed in bridge.of(Placed)] == [(submit.job, None)]
    exact(song.bass.take_lanes[0].arrangement_clips[0], 16.0)


def test_clips_that_moved_take_the_takes_along(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit, _ = held(on, song, shift=8.0)
    assert bridge.of(Held)[-1].reason == "the clips moved by 8 beats"
    on.act("place")
    [placed] = bridge.of(Placed)
    assert placed.at == submit.region.start + 4 * submit.timeline.rate
    exact(song.bass.take_lanes[0].arrangement_clips[0], 24.0)


def test_held_takes_can_be_dropped(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit, _ = held(on, song)
    on.act("drop")
    assert [drop.job for drop in bridge.of(Drop)] == [submit.job]
    bridge.say(on.view(submit, "dropped"))
    on.turn(2)
    assert song.bass.take_lanes == []
    on.act("place")
    assert "No job of Punchin is held now" in on.live.messages[-1]


def test_a_live_that_refuses_keeps_the_takes_and_the_set(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    takes = on.takes(submit)
    before = image(song)
    song.live.song.refuses = "the track is being recorded"
    bridge.say(on.view(submit, "ready", takes=takes))
    on.turn(2)
    assert "the track is being recorded" in bridge.of(Held)[-1].reason
    assert image(song)[0][1] == before[0][1]
    assert song.bass.take_lanes == []
    song.live.song.refuses = ""
    bridge.say(on.view(submit, "held", takes=takes))
    on.turn(2)
    on.act("place")
    assert len(bridge.of(Placed)) == 1
    assert len(song.bass.take_lanes) == 2


def test_a_job_that_cannot_even_be_looked_at_is_held_and_does_not_stop_the_next(on: Stage, bridge: BridgeEnd) -> None:
    odd, good = submitted(on), submitted(on)
    guard = json.dumps({"start": 16.0, "end": 32.0, "scene": None, "rate": RATE})  # of no version of ours
    view = msgspec.structs.replace(on.view(odd, "ready", takes=on.takes(odd)), guard=guard)
    bridge.say(view, on.view(good, "ready", takes=on.takes(good)))
    on.turn(3)
    assert [(held.job, held.reason) for held in bridge.of(Held)] == [(odd.job, "Something went wrong in Live: 'tempo'")]
    assert [placed.job for placed in bridge.of(Placed)] == [good.job]
    assert any("Traceback" in line for line in on.live.log)
    on.live.log.clear()


def test_half_a_placement_is_undone(on: Stage, song: Song, bridge: BridgeEnd) -> None:
    submit = submitted(on)
    takes = on.takes(submit)
    Path(takes[1].path).write_bytes(b"no audio")
    before = image(song)
    bridge.say(on.view(submit, "ready", takes=takes))
    on.turn(2)
    assert "drag them in from" in bridge.of(Held)[-1].reason
    assert image(song) == before
    assert song.live.song.open_step is None


def test_what_stands_already_is_not_placed_twice(on: Stage, song: Song, bridge: BridgeEnd, tmp_path: Path) -> None:
    submit = submitted(on)
    takes = on.takes(submit)
    for _ in range(3):
        bridge.say(on.view(submit, "ready", takes=takes))
        on.turn(2)
    assert len(song.bass.take_lanes) == 2
    again = submitted(on)
    other = on.takes(again, 1)[0]
    beside = song.live.track("Bass take 1")
    clip(beside, wav(tmp_path / "x.wav", 1.0), 80.0, 2.0, file_path=other.path)
    bridge.say(on.view(again, "ready", takes=(other,)))  # as after a crash of Live that came before its Placed
    on.turn(2)
    assert {placed.job for placed in bridge.of(Placed)} == {submit.job, again.job}
    assert len(song.bass.take_lanes) == 2
