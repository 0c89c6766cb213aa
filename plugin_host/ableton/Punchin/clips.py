"""Clips of Live as the bridge's documents have them: files through their warp markers, and the notes of MIDI clips.

Beats of the Live API are quarter notes whatever the time signature, so they are the documents' quarters as they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Dict, Iterator, Optional, Tuple

from .selection import Region, slots
from .settings import Refusal

if TYPE_CHECKING:
    from Live.Clip import Clip
    from Live.Song import Song
    from Live.Track import Track

REPITCH = 3
"""`Live.Clip.WarpMode.repitch`: the warp map changes pitch with speed, and the clip's transposition does nothing."""
MAX_NOTES = 8192
MAX_PASSES = 4096
"""Times that one clip's loop may come round in what is read."""

Json = Dict[str, object]
Stretch = Tuple[float, float, float, Optional[Tuple[float, float]]]
"""Where a clip sounds: from beat, to beat, clip time at the first, and the loop of clip time if there is one."""


def playing(song: Song, track: Track, found: Region, low: float, high: float) -> Iterator[tuple[Clip, Stretch]]:
    """The clips of a track that sound between beats `low` and `high`, and how, in time order."""
    if found.scene is None:
        clips = [clip for clip in main_lane(track) if clip.start_time < high and clip.end_time > low]
        for clip in sorted(clips, key=lambda clip: clip.start_time):
            if not clip.muted:
                yield clip, _in_arrangement(clip)
    elif found.scene < len(slots(track)) and slots(track)[found.scene].has_clip:
        clip = slots(track)[found.scene].clip
        if not clip.muted:
            yield clip, _in_session(song, clip, found, low, high)


def main_lane(track: Track) -> list[Clip]:
    """The arrangement clips of a track that play, without those of its take lanes."""
    return [clip for clip in track.arrangement_clips if not getattr(clip, "is_take_lane_clip", False)]


def _in_arrangement(clip: Clip) -> Stretch:
    if clip.looping and clip.start_marker < clip.loop_end:  # started behind its loop, a clip never enters it
        return clip.start_time, clip.end_time, clip.start_marker, (clip.loop_start, clip.loop_end)
    return clip.start_time, clip.end_time, clip.start_marker if clip.looping else clip.loop_start, None


def _in_session(song: Song, clip: Clip, found: Region, low: float, high: float) -> Stretch:
    """A slot's clip as if launched with the others at the region's start; its loop also fills what lies before."""
    if not clip.looping:
        seconds = clip.is_audio_clip and not clip.warping
        beats = (clip.loop_end - clip.loop_start) * (song.tempo / 60 if seconds else 1.0)
        return found.start, found.start + beats, clip.loop_start, None
    length = clip.loop_end - clip.loop_start
    return low, high, clip.loop_start + (low - found.start) % length, (clip.loop_start, clip.loop_end)


# ---- audio -----------------------------------------------------------------------------------------------------


def audio(song: Song, clip: Clip, stretch: Stretch, low: float, high: float) -> Json:
    """An audio clip as a `Clip` of the documents; of its warp markers only those that matter from `low` to `high`."""
    start, end, offset, loop = stretch
    piece: Json = {"path": clip.file_path, "start": start, "end": end, "offset": offset, "gain": gain(clip)}
    transpose = min(max(clip.pitch_coarse + clip.pitch_fine / 100.0, -48.0), 48.0)
    if clip.warping:
        span = loop or (offset + max(low - start, 0.0), offset + min(high, end) - start)
        points = [(marker.beat_time, marker.sample_time) for marker in clip.warp_markers]
        piece["warp"] = [{"quarter": beat, "seconds": at} for beat, at in around(points, min(span[0], offset), span[1])]
        if loop:
            piece["loop"] = list(loop)
        if clip.warp_mode == REPITCH:
            piece["repitch"] = True
        elif transpose:
            piece["transpose"] = transpose
    elif transpose:
        # Without warping, a transposed clip plays faster or slower, as tape does: a warp map of one speed.
        speed = 60.0 / song.tempo * 2.0 ** (transpose / 12.0)
        piece["warp"] = [{"quarter": x, "seconds": offset + x * speed} for x in (0.0, max(end - start, 1.0))]
        piece["offset"], piece["repitch"] = 0.0, True
    return piece


def around(points: list[tuple[float, float]], low: float, high: float) -> list[tuple[float, float]]:
    """Those of the sorted points that a straight line from point to point needs from `low` to `high`; at least two."""
    before = [index for index, point in enumerate(points) if point[0] <= low]
    after = [index for index, point in enumerate(points) if point[0] >= high]
    first = min(before[-1] if before else 0, max(len(points) - 2, 0))
    last = max(after[0] if after else len(points) - 1, first + 1)
    return points[first : last + 1]


def gain(clip: Clip) -> float:
    """The factor of a clip's gain slider. `Clip.gain` is the slider's position, so it is read from the text in dB."""
    text = clip.gain_display_string.replace("dB", "").replace(",", ".").strip()
    if "inf" in text:
        return 0.0
    try:
        return min(math.pow(10.0, float(text.replace("\u2212", "-")) / 20.0), 16.0)
    except ValueError:
        raise Refusal(f"Live shows the gain of {clip.name!r} as {text!r}, which is no number.") from None


# ---- notes -----------------------------------------------------------------------------------------------------


def notes(song: Song, track: Track, found: Region, low: float, high: float) -> list[Json]:
    """The notes that a MIDI track plays between beats `low` and `high`."""
    heard: list[Json] = []
    for clip, stretch in playing(song, track, found, low, high):
        if clip.is_midi_clip:
            heard += clip_notes(clip, stretch, low, high)
    return heard


def clip_notes(clip: Clip, stretch: Stretch, low: float, high: float) -> list[Json]:
    """The notes of one MIDI clip between beats `low` and `high`. Raises Refusal when they are too many."""
    heard: list[Json] = []
    for start, first, last in passes(stretch, low, high):
        for note in clip.get_notes_extended(0, 128, first, last - first):
            if note.mute or len(heard) > MAX_NOTES:
                continue
            begin = start + note.start_time - first
            end = min(begin + note.duration, start + last - first)
            velocity = min(max(round(note.velocity), 1), 127)
            heard.append({"start": begin, "end": end, "pitch": note.pitch, "velocity": velocity})
    if len(heard) > MAX_NOTES:
        raise Refusal(f"{clip.name!r} has more than {MAX_NOTES} notes around the region: choose less.")
    return heard


def passes(stretch: Stretch, low: float, high: float) -> Iterator[tuple[float, float, float]]:
    """A clip's stretch cut where its loop comes round, between beats `low` and `high`: beat, from and to clip time."""
    start, end, offset, loop = stretch
    at, position = start, offset
    for _ in range(MAX_PASSES):
        stop = end if loop is None else min(end, at + loop[1] - position)
        if stop > max(at, low) and at < high:
            begin = max(at, low)
            yield begin, position + begin - at, position + min(stop, high) - at
        if loop is None or stop >= min(end, high) or loop[1] <= loop[0]:
            return
        length = loop[1] - loop[0]
        at, position = stop + max(0.0, (low - stop) // length) * length, loop[0]
    raise Refusal(f"A loop comes round more than {MAX_PASSES} times around the region: choose less.")
