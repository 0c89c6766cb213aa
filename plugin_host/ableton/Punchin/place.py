"""Takes onto the time line, by what this Live offers, in one undo step. Old material is neither cut nor overwritten.

Live cuts away what lies under a new clip, and of a clip that sticks out on both sides it even loses the far end. So
takes only go where nothing lies from their start on (a new clip may be longer than its file for a moment, while Live
guesses its tempo): into take lanes (Live 12.2), onto the track itself where it is empty, or onto copies of it that have
lost their clips. In Live 11 and before 12.0.5 no script can add audio clips: the takes stay files to be dragged in.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, NamedTuple

from .clips import REPITCH, Json, main_lane
from .selection import Region, all_tracks, slots
from .settings import Refusal

if TYPE_CHECKING:
    from Live.Clip import Clip
    from Live.ClipSlot import ClipSlot
    from Live.Song import Song
    from Live.TakeLane import TakeLane
    from Live.Track import Track

COLORS = (0x19B38A, 0x3FA7FF, 0xB482FF, 0xFF9F45)
"""One a take; Live takes the nearest of its palette."""
LANE = "Punchin"
EXACT = 0.002
"""Seconds by which a clip may differ from its file before that is said."""


class Shelf(NamedTuple):
    """Where a job's takes lie: `kind` is lanes, tracks, slots or files; `clips` in the order of the takes."""

    kind: str
    clips: list[Clip]
    message: str


def place(song: Song, found: Region, at: float, takes: list[Json], choice: str) -> Shelf:
    """Lay takes (`TakeFile` documents) from beat `at` on, for region `found`. Raises Refusal, with nothing changed."""
    kind = offered(found, choice)
    folder = os.path.dirname(str(takes[0]["path"]))
    if kind == "files":
        return Shelf("files", [], f"this Live adds no audio clips by script: drag the takes in from {folder}")
    before, clips = _extent(song, found), []
    song.begin_undo_step()
    try:
        # All of it in this one call, or Live makes several undo steps of it.
        clips = {"lanes": _in_lanes, "tracks": _on_tracks, "slots": _in_slots}[kind](song, found, at, takes)
    except Exception as problem:  # Live raises RuntimeError, and more; whatever it is, the takes are still files
        song.end_undo_step()
        if _extent(song, found) != before:
            song.undo()
        raise Refusal(f"Live did not take the takes ({problem}): drag them in from {folder}.") from problem
    song.end_undo_step()
    return Shelf(kind, clips, _said(song, kind, found, clips))


def _extent(song: Song, found: Region) -> list[int]:
    """How many tracks, scenes, lanes, clips there are: whether half a placement has to be undone."""
    track = found.track
    in_lanes = [len(lane.arrangement_clips) for lane in lanes(track)]
    filled = sum(slot.has_clip for slot in slots(track))
    return [len(song.tracks), len(song.scenes), len(track.arrangement_clips), filled, *in_lanes]


def offered(found: Region, choice: str) -> str:
    """What this Live can do for a region: `lanes`, `tracks`, `slots` or `files`."""
    track = found.track
    if choice == "files":
        return "files"
    by_slot = bool(slots(track)) and hasattr(slots(track)[0], "create_audio_clip")
    if found.scene is not None:
        return "slots" if by_slot else "files"
    if choice != "tracks" and hasattr(track, "create_take_lane") and hasattr(track, "create_audio_clip"):
        return "lanes"
    return "tracks" if by_slot or hasattr(track, "create_audio_clip") else "files"


def free_from(clips: Iterable[Clip], beat: float) -> bool:
    """Whether nothing lies at beat `beat` or after it."""
    return all(clip.end_time <= beat + 1e-6 for clip in clips)


def _in_lanes(song: Song, found: Region, at: float, takes: list[Json]) -> list[Clip]:  # noqa: ARG001
    track, clips = found.track, []
    for number, take in enumerate(takes):
        clips.append(_free_lane(track, at, number).create_audio_clip(str(take["path"]), at))
        _dress(clips[-1], take, number)
    if free_from(main_lane(track), at):  # no script can choose a take, but where nothing lies, the first can play
        _dress(track.create_audio_clip(str(takes[0]["path"]), at), takes[0], 0)
    return clips


def lanes(track: Track) -> list[TakeLane]:
    """The take lanes of a track; none before Live 12.2."""
    return list(getattr(track, "take_lanes", ()))


def _free_lane(track: Track, at: float, number: int) -> TakeLane:
    """A lane of ours that is free from `at` on, or a new one: no script can remove lanes, so they are used again."""
    for lane in lanes(track):
        if lane.name.startswith(LANE) and free_from(lane.arrangement_clips, at):
            return lane
    new = track.create_take_lane()
    new.name = f"{LANE} {number + 1}"
    return new


def _on_tracks(song: Song, found: Region, at: float, takes: list[Json]) -> list[Clip]:
    target: Track = found.track
    is_free = hasattr(target, "create_audio_clip") and free_from(main_lane(target), at)
    tracks = [target] if is_free else []
    tracks += _copies(song, found, len(takes) - len(tracks))
    clips: list[Clip] = []
    for number, (track, take) in enumerate(zip(tracks, takes)):
        if track != target:
            track.name = f"{target.name} take {number + 1}"
        clips.append(_on_track(track, at, take, number))
        clips[-1].muted = number > 0
    for clip in main_lane(target):
        # The first take is what plays: what it replaces is switched off where it is a whole clip.
        if clip not in clips and clip.start_time >= at - 1e-6 and clip.end_time <= at + found.end - found.start + 1e-6:
            clip.muted = True
    return clips


def _copies(song: Song, found: Region, count: int) -> list[Track]:
    """New tracks below the region's, with its devices, routing, mixer and automation, and without its clips. (Clips in
    take lanes stay: no script can delete them, and they do not sound.)"""
    selected = song.view.selected_track
    for number in range(count):
        song.duplicate_track(found.number + number)  # of the last copy, which is empty already
        if number == 0:
            _clear(song.tracks[found.number + 1])
    song.view.selected_track = selected
    return list(song.tracks)[found.number + 1 : found.number + 1 + count]


def _clear(track: Track) -> None:
    for clip in main_lane(track):
        track.delete_clip(clip)
    for slot in slots(track):
        if slot.has_clip:
            slot.delete_clip()
    if track.can_be_armed:
        track.arm = False


def _on_track(track: Track, at: float, take: Json, number: int) -> Clip:
    if hasattr(track, "create_audio_clip"):
        clip = track.create_audio_clip(str(take["path"]), at)
        _dress(clip, take, number)
        return clip
    slot = slots(track)[0]  # Live 12.0.5 to 12.1: by way of a slot of the copy, which has no clips
    _dress(slot.create_audio_clip(str(take["path"])), take, number)
    clip = track.duplicate_clip_to_arrangement(slot.clip, at)
    slot.delete_clip()
    return clip


def _in_slots(song: Song, found: Region, at: float, takes: list[Json]) -> list[Clip]:  # noqa: ARG001
    assert found.scene is not None
    clips: list[Clip] = []
    beats = found.end - found.start
    old = slots(found.track)[found.scene]
    loops = old.has_clip and old.clip.looping
    for number, take in enumerate(takes):
        slot = _free_slot(song, found.track, found.scene + 1)
        clips.append(slot.create_audio_clip(str(take["path"])))
        _dress(clips[-1], take, number, beats if loops else 0.0)
    return clips


def _free_slot(song: Song, track: Track, first: int) -> ClipSlot:
    for slot in slots(track)[first:]:
        if not slot.has_clip:
            return slot
    song.create_scene(-1)
    return slots(track)[-1]


def _dress(clip: Clip, take: Json, number: int, loop: float = 0.0) -> None:
    """Name and colour a new clip, and let it play its file as it is, from its first sample to its last.

    A take that shall loop for `loop` beats must stay warped, since Live loops nothing else. It does, where Live's
    guess of its tempo came out as exactly the loop; then nothing is stretched at the song's tempo.
    """
    clip.name = str(take["name"])
    clip.color = COLORS[number % len(COLORS)]
    seconds = clip.sample_length / clip.sample_rate
    if loop and clip.warping and abs(clip.sample_to_beat_time(clip.sample_length) - loop) < 1e-3:
        clip.warp_mode = REPITCH  # type: ignore[assignment]  # Live takes the number
        clip.looping = True
        clip.loop_end, clip.loop_start = loop, 0.0
        return
    if clip.warping:
        clip.warping = False  # this also ends looping, turns the loop into seconds, and leaves the end marker as it was
    clip.end_marker = seconds
    clip.loop_start = 0.0
    clip.loop_end = seconds


def _said(song: Song, kind: str, found: Region, clips: list[Clip]) -> str:
    """What to tell the musician."""
    said = "1 take" if len(clips) == 1 else f"{len(clips)} takes"
    if kind == "lanes":
        said += f" in the take lanes of {found.track.name}: click one and press Enter to use it"
    elif kind == "slots":
        said += " in the slots below" + ("" if clips[0].looping else "; not warped, so they play once and do not loop")
    else:
        said += f" beside {found.track.name}, of which the first plays{_doubled(found, clips)}"
    for clip in clips:
        wanted = clip.sample_length / clip.sample_rate
        if clip.is_arrangement_clip and abs((clip.end_time - clip.start_time) * 60 / song.tempo - wanted) > EXACT:
            said += f"; {clip.name} came out longer or shorter than its file"
    return said


def _doubled(found: Region, clips: list[Clip]) -> str:
    """What to do about a clip that plays on beside the first take, since it reaches beyond it."""
    start, end = clips[0].start_time, clips[0].end_time
    for clip in main_lane(found.track):
        if clip not in clips and not clip.muted and clip.start_time < end - 1e-6 and clip.end_time > start + 1e-6:
            return f"; {clip.name} plays on beside it: split it at the region's edges and deactivate the middle (0)"
    return ""


def on_sample(song: Song, beat: float, rate: int) -> float:
    """The beat at which the sample begins that lies nearest to `beat`: takes begin with a sample."""
    return round(beat * 60.0 / song.tempo * rate) / rate * song.tempo / 60.0


def stands(song: Song, target: Track, takes: list[Json]) -> bool:
    """Whether one of the takes lies on its track already, or on one that was made for it: it was placed, and then Live
    or the bridge went away."""
    paths = {os.path.normcase(str(take["path"])) for take in takes}
    for track in all_tracks(song):
        if not track.name.startswith(target.name):
            continue
        clips = list(track.arrangement_clips)
        for lane in lanes(track):
            clips += list(lane.arrangement_clips)
        clips += [slot.clip for slot in slots(track) if slot.has_clip]
        if any(clip.is_audio_clip and os.path.normcase(clip.file_path) in paths for clip in clips):
            return True
    return False


def pick(song: Song, shelf: Shelf, take: int) -> str:
    """Let take `take` play, and no other of its job. Raises Refusal where Live lets no script do that."""
    if shelf.kind in ("lanes", "files"):
        raise Refusal("Live lets no script choose between these takes: click one and press Enter.")
    clip = shelf.clips[take]
    song.begin_undo_step()
    try:
        if shelf.kind == "slots":
            clip.fire()
        else:
            for other in shelf.clips:
                other.muted = other != clip
    finally:
        song.end_undo_step()
    return f"{clip.name} plays"
