"""A REAPER project as data: tracks, items, takes, markers and tempos, what they sound like, and its `.RPP` file."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rpp
import soundfile
import soxr
from punchin_bridge.music.tempo_map import Tempo, TempoMap, TimeSignature

PPQ = 960
Samples = npt.NDArray[np.float64]


def guid() -> str:
    return f"{{{str(uuid.uuid4()).upper()}}}"


@dataclass
class Source:
    """A WAV file, or MIDI: `notes` are (start, end, pitch, velocity, muted) in ticks, `controllers` (tick, number,
    value, muted); `quarters` is how long it is."""

    path: str = ""
    notes: list[tuple[float, float, int, int, bool]] | None = None
    quarters: float = 0.0
    controllers: list[tuple[float, int, int, bool]] = field(default_factory=list)

    @property
    def channels(self) -> int:
        return int(soundfile.info(self.path).channels) if self.path else 0


@dataclass
class Take:
    source: Source | None = None
    name: str = ""
    effects: int = 0
    info: dict[str, float] = field(
        default_factory=lambda: {
            "D_STARTOFFS": 0.0,
            "D_PLAYRATE": 1.0,
            "D_VOL": 1.0,
            "I_CUSTOMCOLOR": 0.0,
            "D_PAN": 0.0,
            "D_PITCH": 0.0,
            "I_CHANMODE": 0.0,
        }
    )
    guid: str = field(default_factory=guid)


@dataclass
class Item:
    takes: list[Take] = field(default_factory=list)
    info: dict[str, float] = field(
        default_factory=lambda: {
            "D_POSITION": 0.0, "D_LENGTH": 0.0, "D_VOL": 1.0, "B_MUTE": 0.0, "B_LOOPSRC": 1.0, "D_FADEINLEN": 0.01,
            "D_FADEOUTLEN": 0.01, "D_FADEINLEN_AUTO": -1.0, "D_FADEOUTLEN_AUTO": -1.0, "C_LOCK": 0.0,
            "B_ALLTAKESPLAY": 0.0, "I_FIXEDLANE": 0.0,
        }
    )  # fmt: skip
    active: int = 0
    selected: bool = False
    guid: str = field(default_factory=guid)

    @property
    def start(self) -> float:
        return self.info["D_POSITION"]

    @property
    def stop(self) -> float:
        return self.start + self.info["D_LENGTH"]

    def split(self, time: float) -> Item | None:
        """Cut here at `time`, as REAPER does with its default preferences: with a short fade at either edge."""
        if not self.start < time < self.stop:
            return None
        right = Item([], dict(self.info), self.active, self.selected)
        for take in self.takes:
            info = dict(take.info)
            info["D_STARTOFFS"] += (time - self.start) * info["D_PLAYRATE"]
            right.takes.append(Take(take.source, take.name, take.effects, info))
        right.info |= {"D_POSITION": time, "D_LENGTH": self.stop - time, "D_FADEINLEN": 0.01}
        self.info |= {"D_LENGTH": time - self.start + 0.005, "D_FADEOUTLEN": 0.01}  # "overlap and crossfade"
        return right


@dataclass
class Track:
    """`lane` is the fixed lane that plays, where it has lanes. `lane_razor` are razor areas as REAPER 7 lists
    them, with lanes; None where it cannot. `depth` is how many folders begin with it (1), or end after it (-1, …).
    `instrument` is `on`, `offline` or `bypassed` where it has one; `effects` is what its effects do to the level, and
    `receives` how many tracks send to it, `sends` how many it sends to."""

    name: str = ""
    items: list[Item] = field(default_factory=list)
    selected: bool = False
    razor: str = ""
    lane_razor: str | None = None
    lane: int | None = None
    depth: int = 0
    instrument: str = ""
    effects: float = 1.0
    receives: int = 0
    sends: int = 0
    info: dict[str, float] = field(
        default_factory=lambda: {
            "D_VOL": 1.0,
            "B_MUTE": 0.0,
            "B_MAINSEND": 1.0,
            "I_FXEN": 1.0,
            "I_CUSTOMCOLOR": 0.0,
            "I_SOLO": 0.0,
        }
    )
    guid: str = field(default_factory=guid)


@dataclass
class Marker:
    start: float
    stop: float | None
    name: str


@dataclass
class Project:
    """`tempos` glide where they say so, evenly in time. A project that `has_rate` plays at `rate` whatever the audio
    device's is; a new one has none."""

    folder: Path
    rate: int = 48_000
    has_rate: bool = True
    tracks: list[Track] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    tempos: tuple[Tempo, ...] = (Tempo(0.0, 120.0),)
    time_signatures: tuple[TimeSignature, ...] = (TimeSignature(0.0),)
    selection: tuple[float, float] = (0.0, 0.0)
    loop: tuple[float, float] = (0.0, 0.0)
    measure_offset: int = 0
    render: dict[str, float | str] = field(
        default_factory=lambda: {
            "RENDER_SETTINGS": 0.0, "RENDER_BOUNDSFLAG": 1.0, "RENDER_STARTPOS": 3.0, "RENDER_ENDPOS": 7.5,
            "RENDER_CHANNELS": 6.0, "RENDER_SRATE": 44100.0, "RENDER_TAILFLAG": 18.0, "RENDER_ADDTOPROJ": 1.0,
            "RENDER_DITHER": 3.0, "RENDER_NORMALIZE": 1.0, "RENDER_FILE": "/theirs", "RENDER_PATTERN": "$project",
            "RENDER_FORMAT": "l3pm", "RENDER_FORMAT2": "evaw",
        }
    )  # fmt: skip
    ext: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def map(self) -> TempoMap:
        return _map(self.tempos, self.time_signatures)

    def track(self, name: str) -> Track:
        return next(track for track in self.tracks if track.name == name)

    def add(self, name: str, *items: Item, **more: Any) -> Track:
        self.tracks.append(Track(name, list(items), **more))
        return self.tracks[-1]

    def parent(self, track: Track) -> Track | None:
        """The folder that a track lies in."""
        folders: list[Track] = []
        for other in self.tracks:
            if other is track:
                return folders[-1] if folders else None
            if other.depth > 0:
                folders.append(other)
            elif other.depth < 0:
                del folders[other.depth :]
        raise LookupError(track.name)

    def children(self, track: Track) -> list[Track]:
        return [other for other in self.tracks if self.parent(other) is track]


def audio_item(path: Path, start: float, length: float | None = None, offset: float = 0.0, **info: float) -> Item:
    take = Take(Source(str(path)), path.stem)
    take.info["D_STARTOFFS"] = offset
    item = Item([take])
    seconds = soundfile.info(path).duration - offset if length is None else length
    item.info |= {"D_POSITION": start, "D_LENGTH": seconds, "D_FADEINLEN": 0.0, "D_FADEOUTLEN": 0.0} | info
    return item


def midi_item(start: float, length: float, *notes: tuple[float, float, int], quarters: float = 0.0) -> Item:
    """Notes as (start, end, pitch) in quarters from the item's start."""
    ticks = [(on * PPQ, off * PPQ, pitch, 90, False) for on, off, pitch in notes]
    item = Item([Take(Source(notes=ticks, quarters=quarters or length * 2))])
    item.info |= {"D_POSITION": start, "D_LENGTH": length, "B_LOOPSRC": float(bool(quarters))}
    return item


@cache
def _map(tempos: tuple[Tempo, ...], time_signatures: tuple[TimeSignature, ...]) -> TempoMap:
    return TempoMap(tempos, time_signatures)


Point = tuple[float, float, bool, int, int]


@cache
def tempo_markers(tempos: tuple[Tempo, ...], time_signatures: tuple[TimeSignature, ...]) -> tuple[Point, ...]:
    """The tempo markers: quarter, tempo, whether it glides, numerator and denominator (-1 where they stay). A project
    with one tempo and one time signature has none."""
    changes = {signature.quarter: signature for signature in time_signatures}
    places = sorted({tempo.quarter for tempo in tempos} | set(changes))
    found, at = [], 0
    for quarter in places if len(places) > 1 else ():
        while at + 1 < len(tempos) and tempos[at + 1].quarter <= quarter:
            at += 1
        signature = changes.get(quarter)
        count, value = (signature.numerator, signature.denominator) if signature else (-1, -1)
        found.append((quarter, float(tempos[at].bpm), tempos[at].curve == "time", count, value))
    return tuple(found)


# ---- what it sounds like -------------------------------------------------------------------------------------


@cache
def _file(path: str, rate: int, _changed: float) -> Samples:
    audio, own = soundfile.read(path, always_2d=True)
    return audio if own == rate else soxr.resample(audio, own, rate)


def render(track: Track, rate: int, start: int, frames: int, channels: int) -> Samples:
    """What a track plays before its effects, `[frames, channels]`: its items' active takes with volumes and fades."""
    out = np.zeros((frames, channels))
    for item in track.items:
        if (
            track.lane not in (None, item.info["I_FIXEDLANE"])
            or item.info["B_MUTE"]
            or not item.takes
            or item.takes[item.active].source is None
        ):
            continue
        take = item.takes[item.active]
        assert take.source is not None
        if take.source.notes is not None:
            continue
        assert take.info["D_PLAYRATE"] == 1.0, "the fake plays at one speed"
        audio = _file(take.source.path, rate, Path(take.source.path).stat().st_mtime)
        first = round(item.start * rate)
        last = round(item.stop * rate)
        here, there = max(first, start), min(last, start + frames)
        if here >= there:
            continue
        skip = round(take.info["D_STARTOFFS"] * rate)
        piece = audio[here - first + skip : there - first + skip]
        gain = item.info["D_VOL"] * take.info["D_VOL"] * _fades(item, np.arange(here, here + len(piece)) - first, rate)
        wide = piece if piece.shape[1] == channels else np.repeat(piece[:, :1], channels, axis=1)
        out[here - start : here - start + len(piece)] += wide * gain[:, None]
    return out


def stem(project: Project, track: Track, rate: int, start: int, frames: int) -> Samples:
    """What REAPER renders of a track, `[frames, 2]`: its items, its instrument and the tracks within it, through its
    effects and fader."""
    if track.info["B_MUTE"]:
        return np.zeros((frames, 2))
    out = render(track, rate, start, frames, 2)
    for child in project.children(track):
        if child.info["B_MAINSEND"]:
            out += stem(project, child, rate, start, frames)
    if track.instrument == "on" and track.info["I_FXEN"]:
        out += _played(project, track, rate, start, frames)[:, None]
    return out * track.effects * track.info["D_VOL"]


def _played(project: Project, track: Track, rate: int, start: int, frames: int) -> Samples:
    """An instrument: a sine for each note of the track, and of those within it that have none of their own."""
    out = np.zeros(frames)
    time = (start + np.arange(frames)) / rate
    for source in (track, *(child for child in project.children(track) if not child.instrument)):
        for item in source.items:
            take = item.takes[item.active] if item.takes else None
            if item.info["B_MUTE"] or take is None or take.source is None:
                continue
            for on, off, pitch, velocity, muted in take.source.notes or ():
                first, last = (project.map.seconds(quarter_of(project, item, take, tick)) for tick in (on, off))
                if not muted and first >= item.start - 1e-9:
                    sounds = (time >= first - 1e-9) & (time < min(last, item.stop) - 1e-9)
                    out += 0.001 * velocity * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time) * sounds
    return out


def quarter_of(project: Project, item: Item, take: Take, tick: float) -> float:
    """Where a tick of a MIDI take lies in the song."""
    return project.map.quarters(item.start - take.info["D_STARTOFFS"]) + tick / PPQ / take.info["D_PLAYRATE"]


def _fades(item: Item, at: npt.NDArray[np.int_], rate: int) -> Samples:
    gain = np.ones(len(at))
    length = round(item.info["D_LENGTH"] * rate)
    for name, distance in (("D_FADEINLEN", at), ("D_FADEOUTLEN", length - 1 - at)):
        if (fade := round(max(item.info[name], item.info[f"{name}_AUTO"]) * rate)) > 0:
            gain *= np.clip(distance / fade, 0, 1)
    return gain


# ---- .RPP ----------------------------------------------------------------------------------------------------


def save(project: Project, path: Path) -> None:
    """Write tracks, items and takes as REAPER does."""
    root = rpp.Element("REAPER_PROJECT", ["0.1", "7.08/linux-x86_64", "1700000000"])
    root.append(["SAMPLERATE", str(project.rate), "1", "0"])
    root.append(["TEMPO", f"{project.tempos[0].bpm:.10g}", str(project.time_signatures[0].numerator), "4"])
    for track in project.tracks:
        element = rpp.Element("TRACK", [track.guid], [["NAME", track.name], ["TRACKID", track.guid]])
        for item in track.items:
            element.append(_item_element(item))
        root.append(element)
    path.write_text(rpp.dumps(root), encoding="utf-8")


def _item_element(item: Item) -> rpp.Element:
    info = item.info
    element = rpp.Element("ITEM", [])
    for name, key in (("POSITION", "D_POSITION"), ("LENGTH", "D_LENGTH"), ("LOOP", "B_LOOPSRC"), ("MUTE", "B_MUTE")):
        element.append([name, repr(info[key])])
    for name, key in (("FADEIN", "D_FADEINLEN"), ("FADEOUT", "D_FADEOUTLEN")):
        element.append([name, "1", repr(info[key]), "0"])
    element.append(["IGUID", item.guid])
    for index, take in enumerate(item.takes):
        if index:
            element.append(["TAKE", *(["SEL"] if index == item.active else [])])
        element.append(["NAME", take.name])
        volume = [repr(info["D_VOL"]), "0", repr(take.info["D_VOL"])]
        element.append(["VOLPAN" if not index else "TAKEVOLPAN", *volume])
        element.append(["SOFFS", repr(take.info["D_STARTOFFS"])])
        element.append(["GUID", take.guid])
        if take.source is not None and take.source.path:
            element.append(rpp.Element("SOURCE", ["WAVE"], [["FILE", take.source.path]]))
    return element


def load(path: Path) -> Project:
    """The project in a `.RPP` file."""
    root = rpp.loads(path.read_text(encoding="utf-8"))
    project = Project(path.parent, int(root.find("SAMPLERATE")[1]))
    for element in root.findall("TRACK"):
        track = Track(element.find("NAME")[1], guid=element.find("TRACKID")[1])
        track.items = [_item(found) for found in element.findall("ITEM")]
        project.tracks.append(track)
    return project


def _item(element: rpp.Element) -> Item:
    item = Item()
    keys = {"POSITION": "D_POSITION", "LENGTH": "D_LENGTH", "LOOP": "B_LOOPSRC", "MUTE": "B_MUTE"}
    take = Take()
    for part in element:
        if isinstance(part, rpp.Element):
            take.source = Source(part.find("FILE")[1])
            item.takes.append(take)
            take = Take()
            continue
        name, *values = part
        if name in keys:
            item.info[keys[name]] = float(values[0])
        elif name in ("FADEIN", "FADEOUT"):
            item.info[f"D_{name}LEN"] = float(values[1])
        elif name == "IGUID":
            item.guid = values[0]
        elif name == "TAKE":
            item.active = len(item.takes) if "SEL" in values else item.active
        elif name == "NAME":
            take.name = values[0]
        elif name in ("VOLPAN", "TAKEVOLPAN"):
            item.info["D_VOL"], take.info["D_VOL"] = float(values[0]), float(values[2])
        elif name == "SOFFS":
            take.info["D_STARTOFFS"] = float(values[0])
        elif name == "GUID":
            take.guid = values[0]
    return item
