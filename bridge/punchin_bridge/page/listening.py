"""The audio of a group's takes: the song around the region with each of them in it, as loud as each other.

Everything that is switched between is one window of the same samples, so that a switch is sample-synchronous. Levels
are matched downwards only: turned up, a take could clip. Reads files; knows no browser.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from punchin_wire.errors import BadAudio, BadSetting, FileMissing
from punchin_wire.frames import Audio

from ..audio import chroma, stems
from ..audio.types import Span
from ..audio.wavfile import Song
from ..music.region import Region
from ..splice.level import GATE_LUFS, loudness
from ..takes import recipe
from ..takes.write import mix_path
from .groups import MOST_HEARD, Group, TakeCard

LEAD_SECONDS = 4.0
"""How much of the song before and after the region is heard."""
LONGEST_SECONDS = 120.0
"""Of one window; of a longer region its beginning is heard."""
MOST_DB = 24.0
"""What is quieter than the loudest one by more than this is not matched to: all others would hardly be heard."""
MOST_KNOWN = 4096
"""Levels that are remembered."""
SONG = "song"


class Window(NamedTuple):
    """Samples `[start, end)` of the project that are heard; `region` are those of them that takes fill, counted from
    `start`."""

    start: int
    end: int
    rate: int
    region: Span

    @property
    def samples(self) -> int:
        return self.end - self.start


class Level(NamedTuple):
    """Loudness of the region (LUFS, -inf: silent) and the largest sample of the window."""

    lufs: float
    peak: float


def window(group: Group) -> Window:
    """What is heard of a group. Raises FileMissing and BadAudio."""
    lead = round(LEAD_SECONDS * group.rate)
    first, last = group.start - lead, group.end + lead
    if group.source:
        song = stems.probe(Path(group.source))
        first, last = max(first, group.origin), min(last, group.origin + song.samples)
    first, last = min(first, group.start), max(last, group.end)
    last = min(last, first + round(LONGEST_SECONDS * group.rate))
    return Window(first, last, group.rate, (group.start - first, min(group.end, last) - first))


def song_audio(group: Group, heard: Window) -> Audio:
    """The song itself, `[channels, samples]`; silence where nobody kept it."""
    if not group.source:
        return np.zeros((1, heard.samples), np.float32)
    song = _at_rate(Path(group.source), group.rate)
    return stems.read(song, Region(heard.start, heard.end).shifted(-group.origin))


def take_audio(group: Group, heard: Window, take: TakeCard) -> Audio:
    """The song with a take in it, `[channels, samples]`. A take that is a part of its own is heard with the clip."""
    path = Path(take.path)
    mix = mix_path(path)
    sound = _at_rate(mix if mix.is_file() else path, group.rate)
    begin = 0 if _is_whole(path, sound, group) else group.start - group.origin
    first, last = heard.region
    audio = stems.read(sound, Region(heard.start + first, heard.start + last).shifted(-group.origin - begin))
    around = song_audio(group, heard)
    channels = max(len(around), len(audio))
    made = np.array(_widened(around, channels))
    made[:, first:last] = _widened(audio, channels)
    return made


def audio(group: Group, take: TakeCard | None) -> Audio:
    """What is heard of a take, or of the song, `[channels, samples]` of the group's window."""
    heard = window(group)
    return take_audio(group, heard, take) if take else song_audio(group, heard)


def notes(group: Group, take: TakeCard | None) -> chroma.Chroma:
    """The notes that are heard in it, `[frames, 12]` (:func:`punchin_bridge.audio.chroma.frames`)."""
    return chroma.frames(audio(group, take), group.rate)


def level(audio: Audio, heard: Window) -> Level:
    return Level(
        loudness(audio.astype(np.float64), heard.rate, heard.region), float(np.max(np.abs(audio), initial=0.0))
    )


@dataclass
class Levels:
    """[page job] The levels of what is heard, each measured once; the oldest are forgotten."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: OrderedDict[object, Level] = field(default_factory=OrderedDict)

    def of(self, group: Group, heard: Window, take: TakeCard | None) -> Level:
        """That of a take, or of the song. Raises FileMissing, BadAudio and BadSetting."""
        key = group.id, heard, group.source, _stamp(Path(take.path)) if take else ""
        with self._lock:
            if key in self._known:
                return self._known[key]
        found = level(take_audio(group, heard, take) if take else song_audio(group, heard), heard)
        with self._lock:
            self._known[key] = found
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return found


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise FileMissing(f"{path.name} cannot be read: {error.strerror}.") from None
    return str(path), status.st_size, status.st_mtime_ns


def matched(levels: Mapping[str, Level], ceiling: str = SONG) -> dict[str, float]:
    """The linear gains, up to 1, that make all as loud as the quietest, with no sample above the largest of `ceiling`,
    or above full scale where that is as good as silent.

    >>> gains = matched({"song": Level(-16.0, 0.5), "take": Level(-10.0, 0.9)})
    >>> {name: round(gain, 3) for name, gain in gains.items()}
    {'song': 1.0, 'take': 0.501}
    """
    loudest = max((level.lufs for level in levels.values()), default=-math.inf)
    heard = {name: level for name, level in levels.items() if level.lufs > max(GATE_LUFS, loudest - MOST_DB)}
    quietest = min((level.lufs for level in heard.values()), default=0.0)
    gains = {name: 10 ** ((quietest - heard[name].lufs) / 20) if name in heard else 1.0 for name in levels}
    top = max((gains[name] * levels[name].peak for name in levels), default=0.0)
    limit = levels[ceiling].peak if ceiling in heard else 1.0
    common = min(1.0, limit / top) if top else 1.0
    return {name: common * gain for name, gain in gains.items()}


def last_heard(group: Group) -> tuple[TakeCard, ...]:
    """The takes that can be switched between: the last ones."""
    return group.takes[-MOST_HEARD:]


def _at_rate(path: Path, rate: int) -> Song:
    """Raises BadAudio where a file is not at the project's rate any more."""
    song = stems.probe(path)
    if song.rate != rate:
        raise BadAudio(f"{path.name} has {song.rate} samples a second, but its project {rate}.")
    return song


def _is_whole(path: Path, sound: Song, group: Group) -> bool:
    """Whether a take is the whole song, not its region alone. Raises BadSetting where it is neither."""
    if recipe.read(path).full:
        return True
    if sound.samples != group.end - group.start:
        raise BadSetting(f"{path.name} is not as long as its region any more.", "Make the take again.")
    return False


def _widened(audio: Audio, channels: int) -> Audio:
    """Mono on every channel; others as they are, silence on those they lack."""
    if len(audio) == 1:
        return np.repeat(audio, channels, axis=0)
    return np.pad(audio, ((0, channels - len(audio)), (0, 0)))
