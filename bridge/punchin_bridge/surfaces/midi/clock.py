"""Where the song is, by the clocks that a sequencer sends: MIDI time code, or MIDI clock with song position. Pure.

Both are counted on between their messages, by how fast they came. A clock that has stopped, or sends nothing any more,
says nothing: then the host's own play position counts.

Sources: MIDI 1.0 detailed specification (system real time, song position: 24 clocks a quarter, 6 a sixteenth); MIDI
Time Code (RP-004: a quarter-frame message four times a frame, eight of them say one time, which was two frames ago
when the next eight begin).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..actions import Place

CLOCKS = 24
"""MIDI clocks in a quarter note."""
SILENT_SECONDS = 0.5
"""A clock that sends nothing for so long is gone."""
RATES = (24.0, 25.0, 30000 / 1001, 30.0)
"""Frames a second by the two bits of a time code; the third drops numbers, not frames."""


@dataclass
class MidiClock:
    """Counts clocks since the start, or since a song position."""

    clocks: int = 0
    running: bool = False
    last: float = -1e9
    period: float = 0.0
    """Seconds between two clocks, smoothed; 0 while unknown."""

    def receive(self, data: bytes, when: float) -> None:
        match data[0], tuple(data[1:]):
            case 0xFA, _:
                self.clocks, self.running, self.last, self.period = -1, True, when, 0.0  # the next one is the first
            case 0xFB, _:
                self.clocks, self.running, self.last = self.clocks - 1, True, when
            case 0xFC, _:
                self.running = False
            case 0xF2, (low, high) if not self.running and low < 128 and high < 128:
                self.clocks = (low | high << 7) * 6
            case 0xF8, _ if self.running:
                since = when - self.last
                if 0 < since < SILENT_SECONDS and self.clocks >= 0:
                    self.period = since if not self.period else self.period + 0.1 * (since - self.period)
                self.clocks, self.last = self.clocks + 1, when

    def place(self, when: float, now: float) -> Place | None:
        """Where the song was at `when`."""
        if not self.running or now - self.last > SILENT_SECONDS or not self.period:
            return None
        counted = self.clocks + (when - self.last) / self.period
        return Place(max(counted / CLOCKS, 0.0), "quarters")


@dataclass
class TimeCode:
    """Puts quarter frames together. `offset` seconds of it are the start of the project."""

    offset: float = 0.0
    pieces: list[int] = field(default_factory=lambda: [0] * 8)
    wanted: int = 0
    """The piece that must come next for the time to be whole."""
    seconds: float = 0.0
    last: float = -1e9
    rolling: bool = False

    def receive(self, data: bytes, when: float) -> None:
        if len(data) == 10 and data[:2] == b"\xf0\x7f" and data[3:5] == b"\x01\x01":
            self.wanted, self.rolling = 0, False  # a full frame: it was moved, and pieces of before mean nothing
            return
        if data[0] != 0xF1 or len(data) != 2 or data[1] > 127:
            return
        piece, nibble = data[1] >> 4, data[1] & 0x0F
        if when - self.last > SILENT_SECONDS:
            self.rolling = False
        if piece != self.wanted:  # lost, or it runs backwards
            self.wanted, self.rolling = 0, False
            if piece:
                return
        self.pieces[piece] = nibble
        self.wanted = (piece + 1) % 8
        if piece == 7:
            frames, rate = self._frames()
            self.seconds, self.last, self.rolling = (frames + 7 / 4) / rate, when, True

    def place(self, when: float, now: float) -> Place | None:
        """Where the song was at `when`."""
        if not self.rolling or now - self.last > SILENT_SECONDS:
            return None
        return Place(max(self.seconds + when - self.last - self.offset, 0.0), "seconds")

    def _frames(self) -> tuple[int, float]:
        """Frames since midnight that the eight pieces say, and how many there are in a second."""
        frame, second, minute, hour = (self.pieces[i] | self.pieces[i + 1] << 4 for i in (0, 2, 4, 6))
        kind, hour = hour >> 5 & 3, hour & 0x1F
        minutes = 60 * hour + minute
        count = (60 * minutes + second) * (24, 25, 30, 30)[kind] + frame
        if kind == 2:  # numbers 0 and 1 are left out in every minute but the tenth ones
            count -= 2 * (minutes - minutes // 10)
        return count, RATES[kind]


@dataclass
class Clocks:
    """All clocks that come in through one port. Time code wins: it says where the song is, not only how far it went."""

    code: TimeCode = field(default_factory=TimeCode)
    clock: MidiClock = field(default_factory=MidiClock)

    def receive(self, data: bytes, when: float) -> None:
        """One message that came at `when`, Unix seconds; what belongs to no clock is ignored."""
        if data:
            self.code.receive(data, when)
            self.clock.receive(data, when)

    def place(self, when: float, now: float) -> Place | None:
        return self.code.place(when, now) or self.clock.place(when, now)
