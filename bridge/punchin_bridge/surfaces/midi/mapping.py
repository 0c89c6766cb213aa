"""What a controller's keys and knobs do: `midi.toml`, read and checked; a learned entry is added at its end.

::

    ports = ["*"]              # names of MIDI inputs; * stands for anything

    [[map]]
    note = 60                  # or cc, program (0 to 127), or mmc ("record", "play", ...)
    channel = 1                # 1 to 16; left out: any
    action = "punch"           # or control = "temperature"

    [[map]]
    cc = 21
    control = "alpha"
    mode = "absolute"          # "fine": 14 bit with cc + 32; endless knobs: "twos", "offset", "sign"
    pickup = true              # a fader does nothing until it stands where the value is

    [chords]                   # keys played here become the chords of the next job
    port = "*"
    channel = 2

    [clock]
    offset = 3600.0            # the time code of the project's start, in seconds

    [mackie]
    port = "X-Touch"           # a device in Mackie Control mode: mackie_page.py says what its buttons do

Where several entries fit what came, the last one counts.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from punchin_wire import disk, params, paths
from punchin_wire.errors import BadSetting
from punchin_wire.structs import UNREADABLE, in_words

from .. import actions
from ..actions import Details
from .signals import MMC, Kind, Signal

MAX_BYTES = 2**20
EXAMPLE = "See docs/surfaces.md for an example."
NO_MIDI = "Plug one in, and see that `ports` in midi.toml, if it is there, names it."
"""The next step where nothing is received."""
Number = Annotated[int, Meta(ge=0, le=127)]
Channel = Annotated[int, Meta(ge=1, le=16)]
Mode = Literal["absolute", "fine", "twos", "offset", "sign"]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One signal and what it does. `take` goes with the action `pick`."""

    note: Number | None = None
    cc: Number | None = None
    program: Number | None = None
    mmc: str | None = None
    channel: Channel | None = None
    port: str = "*"
    action: str | None = None
    control: str | None = None
    mode: Mode = "absolute"
    pickup: bool = True
    take: Annotated[int, Meta(ge=0, le=15)] | None = None

    @property
    def signal(self) -> tuple[Kind, int]:
        """The kind and number of the signal that is meant."""
        if self.mmc is not None:
            return "mmc", MMC.get(self.mmc, -1)
        if self.program is not None:
            return "program", self.program
        return ("note", self.note) if self.note is not None else ("cc", -1 if self.cc is None else self.cc)

    @property
    def details(self) -> Details:
        return Details() if self.take is None else Details(take=self.take)

    def fits(self, port: str, signal: Signal) -> bool:
        kind, number = self.signal
        low = self.mode == "fine" and signal.kind == "cc" and signal.number == number + 32
        return (
            signal.kind == kind
            and (signal.number == number or low)
            and self.channel in (None, signal.channel)
            and matches(port, self.port)
        )

    def check(self) -> None:
        """Raises BadSetting."""
        given = [name for name in ("note", "cc", "program", "mmc") if getattr(self, name) is not None]
        if len(given) != 1:
            raise BadSetting(f"An entry has one of note, cc, program and mmc, not {' and '.join(given) or 'none'}.")
        if self.mmc is not None and self.mmc not in MMC:
            raise BadSetting(f"There is no MMC command {self.mmc!r}.", f"There are {', '.join(MMC)}.")
        if (self.action is None) == (self.control is None):
            raise BadSetting(f"The entry for {given[0]} needs either an action or a control.")
        if self.action is not None:
            actions.find(self.action, self.details)
        elif not params.find(str(self.control)).is_fader:
            raise BadSetting(f"{self.control} is a text; no knob can set it.")
        if self.control is not None and self.cc is None:
            raise BadSetting(f"{self.control} needs a cc: only those have a value.")
        if self.mode == "fine" and (self.cc or 0) > 31:
            raise BadSetting("A 14-bit cc goes from 0 to 31; its fine half is 32 above it.")


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where chords are played."""

    port: str = "*"
    channel: Channel | None = None


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    offset: Annotated[float, Meta(ge=0.0, le=86_400.0)] = 0.0


class Mackie(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where devices in Mackie Control mode are."""

    port: str


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"entries": "map"}):
    """The whole file."""

    entries: Annotated[tuple[Entry, ...], Meta(max_length=1024)] = ()
    ports: tuple[str, ...] = ("*",)
    chords: Keys | None = None
    clock: Clock = Clock()
    mackie: Mackie | None = None

    def find(self, port: str, signal: Signal) -> Entry | None:
        """What a signal does."""
        return next((entry for entry in reversed(self.entries) if entry.fits(port, signal)), None)

    def opens(self, port: str) -> bool:
        """Whether this input is listened to."""
        return self.is_mackie(port) or any(matches(port, pattern) for pattern in self.ports)

    def is_mackie(self, port: str) -> bool:
        return self.mackie is not None and matches(port, self.mackie.port)


def matches(port: str, pattern: str) -> bool:
    """Whether a port's name holds this one; systems add words and numbers of their own. `*` stands for anything."""
    return fnmatch.fnmatchcase(port.lower(), f"*{pattern.lower()}*")


def mapping_file() -> Path:
    return paths.data_folder() / "midi.toml"


def parse(data: bytes) -> Mapping:
    """Raises BadSetting, with the place in the file where it can be told."""
    try:
        found = msgspec.toml.decode(data, type=Mapping)
    except msgspec.ValidationError as error:
        raise BadSetting(f"midi.toml: {in_words(error)}.", EXAMPLE) from None
    except UNREADABLE as error:
        raise BadSetting(f"midi.toml is not TOML: {error}.", EXAMPLE) from None
    for number, entry in enumerate(found.entries, start=1):
        try:
            entry.check()
        except BadSetting as error:
            known = error.next_step != BadSetting.default_next_step
            raise BadSetting(f"midi.toml, map {number}: {error}", error.next_step if known else EXAMPLE) from None
    return found


def learned(data: bytes, port: str, signal: Signal, name: str, mode: Mode = "absolute") -> bytes:
    """The file `data` with an entry at its end by which `signal` of `port` drives the parameter or action `name`. What
    stands in it stays, comments too. Raises BadSetting."""
    is_control = name in params.BY_NAME
    number: int | str = signal.number
    if signal.kind == "mmc":
        number = next((word for word, code in MMC.items() if code == signal.number), "")
    lines = ["", "[[map]]  # learned", f"{signal.kind} = {_toml(number)}"]
    lines += [f"channel = {signal.channel}"] * (signal.kind != "mmc")
    lines += [f"mode = {_toml(mode)}"] * (mode != "absolute")
    lines += [f"port = {_toml(bare(port))}", f"{'control' if is_control else 'action'} = {_toml(name)}", ""]
    added = data.rstrip() + b"\n" * bool(data.strip()) + "\n".join(lines).encode()
    parse(added)
    return added


def bare(port: str) -> str:
    """A port's name without the numbers that the system gives it anew each time.

    >>> bare("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0")
    'nanoKONTROL2:nanoKONTROL2 MIDI 1'
    """
    return re.sub(r"[\s(]+\d+(:\d+)?\)?$", "", port) if re.search(r"\d+:\d+\)?$", port) else port


def _toml(value: int | str) -> str:
    return str(value) if isinstance(value, int) else msgspec.json.encode(value).decode()


@dataclass
class MappingFile:
    """`midi.toml` on disk: looked at now and then, read again when it was saved."""

    path: Path
    mapping: Mapping | None = None
    stamp: tuple[int, int] | None = None

    def look(self) -> bool:
        """Whether there is a new mapping. Raises BadSetting for a file that cannot be used; then the old one holds, and
        it is not complained of again until it was saved anew."""
        try:
            found = self.path.stat()
        except OSError:
            changed = self.mapping is not None
            self.mapping = self.stamp = None
            return changed
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp == self.stamp:
            return False
        self.stamp = stamp
        if found.st_size > MAX_BYTES:
            raise BadSetting(f"{self.path.name} has {found.st_size} bytes, which is no mapping.", EXAMPLE)
        try:
            self.mapping = parse(self.path.read_bytes())
        except OSError as error:
            raise BadSetting(f"{self.path.name} cannot be read: {error.strerror}.", disk.OWN_FOLDER) from None
        return True

    def learn(self, port: str, signal: Signal, name: str, mode: Mode = "absolute") -> None:
        """Add an entry. Raises BadSetting."""
        try:
            data = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise BadSetting(f"{self.path.name} cannot be read: {error.strerror}.", disk.OWN_FOLDER) from None
        added = learned(data, port, signal, name, mode)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with disk.replacing(self.path, durable=True, next_step=disk.OWN_FOLDER) as file:
            file.write(added)
