"""Standard MIDI files as events, read as far as they can be. Knows no notes and no seconds.

Format: Standard MIDI Files 1.0 (RP-001). A reader that takes a track whole or not at all (mido) loses a song to a key
signature that nobody asked for. To find where a track really ends, its events have to be read anyway; so they are read
here, one by one. Header fields that they contradict (how many tracks, how long each is) do not count, chunks of other
kinds and RIFF wrappers are stepped over, a track that is cut off ends there. What makes the events themselves
unreadable is said: :class:`Damaged`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

META = 0xFF
NAME, END, TEMPO, TIME_SIGNATURE = 0x03, 0x2F, 0x51, 0x58
"""Kinds of meta events."""
KEPT = (0x80, 0x90, 0xB0, 0xC0)
"""Channel messages that notes need: note off, note on, controller, program. Bends and touches are many, and left
out."""
_SYSEX = (0xF0, 0xF7)
_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system messages. They have no place in a file, nor do those without data; both are stepped over."""
_FURTHEST = 1024
"""Bytes that a wrapper may put before the file's own head."""


class Damaged(Exception):
    """The bytes are no events; the message says why, as half a sentence."""


class Event(NamedTuple):
    """At `tick`, a channel message (`status` with its channel, two bytes of `data`, the second 0 where it has one) or a
    meta event (`status` :data:`META`, `kind`, `data` as it stands)."""

    tick: int
    status: int
    data: bytes
    kind: int = 0

    def is_meta(self, kind: int) -> bool:
        return self.status == META and self.kind == kind


@dataclass(frozen=True)
class Track:
    """A track's events in order, and the tick at which it ends."""

    events: tuple[Event, ...]
    end: int


@dataclass(frozen=True)
class File:
    """`kind` is 0, 1 or 2; `division` is ticks per quarter, negative where it is frames of a film."""

    kind: int
    division: int
    tracks: tuple[Track, ...]


def parse(raw: bytes) -> File:
    """The tracks in `raw`. Raises Damaged."""
    head = raw.find(b"MThd", 0, _FURTHEST)
    if head < 0:
        raise Damaged("it does not begin as one does")
    if len(raw) < head + 14:
        raise Damaged("it ends within its header")
    kind = int.from_bytes(raw[head + 8 : head + 10], "big")
    division = int.from_bytes(raw[head + 12 : head + 14], "big", signed=True)
    tracks: list[Track] = []
    at = _track_at(raw, head + 8 + _length(raw, head), head + 14)
    while at >= 0:
        limit = _limit(raw, at)
        track, stop = _track(raw, at + 8, limit, len(tracks) + 1)
        tracks.append(track)
        at = _track_at(raw, stop if raw[stop : stop + 4] == b"MTrk" else limit, stop)
    if not tracks:
        raise Damaged("it has no tracks")
    return File(kind, division, tuple(tracks))


# ---- chunks --------------------------------------------------------------------------------------------------


def _length(raw: bytes, chunk: int) -> int:
    return int.from_bytes(raw[chunk + 4 : chunk + 8], "big")


def _track_at(raw: bytes, claimed: int, earliest: int) -> int:
    """Where the next track's chunk is, or -1: by the lengths that chunks claim, else the next one behind `earliest`."""
    while _is_foreign(raw, claimed):
        claimed += 8 + _length(raw, claimed)
    return claimed if raw[claimed : claimed + 4] == b"MTrk" else raw.find(b"MTrk", earliest)


def _limit(raw: bytes, chunk: int) -> int:
    """Where a track's bytes end at the latest: where its length says, if a chunk or the end follows there."""
    claimed = chunk + 8 + _length(raw, chunk)
    if claimed == len(raw) or raw[claimed : claimed + 4] == b"MTrk" or _is_foreign(raw, claimed):
        return claimed
    following = raw.find(b"MTrk", chunk + 8)
    return len(raw) if following < 0 else following


def _is_foreign(raw: bytes, at: int) -> bool:
    """Whether a whole chunk of another kind lies there: four letters, and a length that the file has."""
    name = raw[at : at + 4]
    is_name = len(name) == 4 and name != b"MTrk" and all(32 <= byte < 127 for byte in name)
    return is_name and at + 8 + _length(raw, at) <= len(raw)


# ---- events --------------------------------------------------------------------------------------------------


def _track(raw: bytes, at: int, limit: int, number: int) -> tuple[Track, int]:
    """The track whose events begin at `at`, and where they stop: at its end, or where its bytes are cut off."""
    events: list[Event] = []
    tick, running = 0, 0
    try:
        while at < limit:
            begun = at
            delta, at = _number(raw, at, limit)
            tick += delta
            if _byte(raw, at, limit) >= 0x80:
                status, at = raw[at], at + 1
            elif running:
                status = running
            else:
                raise Damaged(f"track {number} holds no event at byte {begun}")
            if status == META:
                kind = _byte(raw, at, limit)
                data, at = _counted(raw, at + 1, limit)
                if kind == END:
                    break
                events.append(Event(tick, META, data, kind))
            elif status in _SYSEX:
                _, at = _counted(raw, at, limit)
            elif status > 0xF0:
                at += _SYSTEM.get(status, 0)
            else:
                running = status
                count = 1 if 0xC0 <= status < 0xE0 else 2
                _byte(raw, at + count - 1, limit)
                # A data byte beyond 127 is somebody's overflow.
                data = bytes(min(byte, 127) for byte in raw[at : at + count])
                if status & 0xF0 in KEPT:
                    events.append(Event(tick, status, data.ljust(2, b"\0")))
                at += count
    except _CutOff:
        at = limit
    return Track(tuple(events), tick), at


class _CutOff(Exception):
    """The bytes end within an event."""


def _byte(raw: bytes, at: int, limit: int) -> int:
    if at >= limit:
        raise _CutOff
    return raw[at]


def _number(raw: bytes, at: int, limit: int) -> tuple[int, int]:
    """A number of seven bits a byte, and what follows it. A fifth byte is not in it, whatever it says."""
    value = 0
    for index in range(at, at + 4):
        byte = _byte(raw, index, limit)
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, index + 1
    raise Damaged(f"the time at byte {at} has no end")


def _counted(raw: bytes, at: int, limit: int) -> tuple[bytes, int]:
    """As many bytes as the number before them says, and what follows them."""
    count, at = _number(raw, at, limit)
    if at + count > limit:
        raise _CutOff
    return raw[at : at + count], at + count
