"""What must still be as it was when takes come back: tempo, signature, and the clips in the region.

The guard travels as JSON text with the job and comes back with it, so that it outlives a restart of Live.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from .clips import Json, Stretch, audio, playing
from .selection import Region

if TYPE_CHECKING:
    from Live.Clip import Clip
    from Live.Song import Song

MAX_CLIPS = 300
"""Clips of a region that are compared one by one; of more, only this many (a guard has at most 64 kB)."""
MAX_TRIES = 20
"""Clips of the same length that are tried as the region's first, when it may have moved."""


class Verdict(NamedTuple):
    """`reason` is empty when nothing changed. `start` is the beat where the takes would lie now."""

    reason: str
    start: float


def of(song: Song, found: Region, rate: int) -> str:
    """The guard of a region as it is now; `rate` is kept with it, and not compared."""
    playing_here = list(playing(song, found.track, found, found.start, found.end))[:MAX_CLIPS]
    return json.dumps(
        {
            "tempo": round(song.tempo, 6),
            "signature": [song.signature_numerator, song.signature_denominator],
            "start": round(found.start, 6),
            "end": round(found.end, 6),
            "scene": found.scene,
            "rate": rate,
            "clips": [_mark(song, clip, stretch) for clip, stretch in playing_here],
        },
        separators=(",", ":"),
    )


def _mark(song: Song, clip: Clip, stretch: Stretch) -> list[object]:
    """Where a clip lies, and a digest of what plays there: file, offset, loop, warp map, gain, transposition."""
    content: Json = {"name": clip.name}
    if clip.is_audio_clip:
        content = audio(song, clip, (0.0, stretch[1] - stretch[0], *stretch[2:]), 0.0, stretch[1] - stretch[0])
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()[:24]
    return [round(stretch[0], 6), round(stretch[1], 6), digest]


class Memory(NamedTuple):
    """What a guard says of its region: beats, the row of session slots (None: arrangement), samples a second."""

    start: float
    end: float
    scene: int | None
    rate: int


def memory(text: str) -> Memory | None:
    """What a guard of ours says, or None if it is none."""
    try:
        record = json.loads(text)
        scene = record["scene"]
        beats = float(record["start"]), float(record["end"])
        return Memory(beats[0], beats[1], None if scene is None else int(scene), int(record["rate"]))
    except (ValueError, TypeError, KeyError):
        return None


def compare(song: Song, found: Region, text: str) -> Verdict:
    """What changed since guard `text` was made of region `found`.

    When all clips of the region moved together, and nothing else, the takes would follow them.
    """
    then = json.loads(text)
    now = json.loads(of(song, found, then["rate"]))
    if then == now:
        return Verdict("", found.start)
    if then["tempo"] != now["tempo"]:
        return Verdict("the tempo changed from {:g} to {:g}".format(then["tempo"], now["tempo"]), found.start)
    if then["signature"] != now["signature"]:
        return Verdict("the time signature changed", found.start)
    shift = _shift(song, found, then["clips"]) if found.scene is None else None
    if shift:
        return Verdict(f"the clips moved by {shift:g} beats", found.start + shift)
    return Verdict("the clips in the region changed", found.start)


def _shift(song: Song, found: Region, clips: list[list[object]]) -> float | None:
    """By how many beats all clips of the region moved together, if they did."""
    if not clips:
        return None
    first, last = float(str(clips[0][0])), float(str(clips[0][1]))
    tried = 0
    for _clip, stretch in playing(song, found.track, found, 0.0, float("inf")):
        shift = round(stretch[0] - first, 6)
        if not shift or abs(stretch[1] - last - shift) > 1e-5 or found.start + shift < 0:
            continue
        moved = found._replace(start=found.start + shift, end=found.end + shift)
        marks = [_mark(song, *each) for each in list(playing(song, moved.track, moved, moved.start, moved.end))]
        if [_moved(mark, -shift) for mark in marks[:MAX_CLIPS]] == clips:
            return shift
        tried += 1
        if tried >= MAX_TRIES:
            break
    return None


def _moved(mark: list[object], beats: float) -> list[object]:
    return [round(float(str(mark[0])) + beats, 6), round(float(str(mark[1])) + beats, 6), mark[2]]
