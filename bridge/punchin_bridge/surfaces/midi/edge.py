"""MIDI controllers at the console: what came is done, what changed is shown on lights and rings. Knows no threads.

Everything that came since the last step is taken at once: of a knob's many places only the last one is set, clicks of
an endless knob are added up, a key that comes twice within :data:`TWICE` counts once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from punchin_wire.errors import BadSetting, PunchinError
from punchin_wire.params import BY_NAME

from ...music.pedals import CONTROLLERS
from ..actions import BY_NAME as ACTIONS
from ..actions import Details, Place
from ..console import Console, View
from ..edge import HasFileno
from . import signals
from .clock import Clocks, TimeCode
from .learning import Learning
from .lights import light
from .mackie_page import Page
from .mapping import NO_MIDI, Entry, Mapping, MappingFile, matches
from .pickup import Pickup
from .ports import MidiMessage, Ports
from .signals import FULL, Signal

LOOK_SECONDS = 1.0
"""How often ports and the mapping file are looked at."""
TRY_SECONDS = 10.0
"""How often MIDI is looked for where there is none: JACK may be started later."""
TWICE = 0.03
"""Seconds within which the same key counts as struck once."""
LEARN_SECONDS = 30.0

log = logging.getLogger(__name__)

ControlId = tuple[str, int, int]
"""Port, channel and number of a control change."""


@dataclass
class Turned:
    """What one knob did in a step: its places from 0 to 1, or how many clicks it went."""

    entry: Entry
    places: list[float] = field(default_factory=list)
    clicks: int = 0


@dataclass
class Device:
    """What is known of one port: its clocks, its faders, the coarse halves of fine ones, keys, and its lights."""

    clocks: Clocks
    pickups: dict[ControlId, Pickup] = field(default_factory=dict)
    coarse: dict[ControlId, int] = field(default_factory=dict)
    struck: dict[tuple[int, int], float] = field(default_factory=dict)
    lights: dict[tuple[int, int], int] = field(default_factory=dict)
    page: Page | None = None
    """Of a Mackie Control."""


class MidiEdge:
    """[loop] An :class:`..edge.Edge`. `open_ports` is asked for ports once there is a mapping, for without one nothing
    could come of them."""

    def __init__(self, console: Console, file: MappingFile, open_ports: Callable[[], Ports | None]) -> None:
        self._console, self._file, self._open = console, file, open_ports
        self._ports: Ports | None = None
        self._devices: dict[str, Device] = {}
        self._looked = -1e9
        self._learning: Learning | None = None
        self._dropped = 0
        self._try_again = -1e9
        self._is_missed = False

    @property
    def sources(self) -> Sequence[HasFileno]:
        return (self._ports,) if self._ports is not None else ()

    def close(self) -> None:
        if self._ports is not None:
            self._ports.close()
            self._ports = None

    def learn(self, name: str, now: float) -> None:
        """Let the next signal that comes drive the parameter or action `name`. Raises BadSetting."""
        if name not in BY_NAME and name not in ACTIONS:
            raise BadSetting(f"There is no parameter and no action {name[:60]!r}.", "docs/surfaces.md lists them.")
        self._learning = Learning(name, now + LEARN_SECONDS)
        if self._ports is None:
            self._ports = self._open()
        self._looked = -1e9
        if self._ports is None:
            self._learning = None
            raise BadSetting("There is no MIDI on this machine.", "Install python-rtmidi, or plug the controller in.")

    def step(self, now: float) -> None:
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look(now)
        if self._ports is None:
            return
        turned: dict[ControlId, Turned] = {}
        for message in self._ports.receive():
            try:
                self._receive(message, now, turned)
            except PunchinError as error:
                self._console.complain(error)
        for control, what in turned.items():
            self._turn(control, what)
        self._turn_pots()
        self._write_down(now)
        self._show(self._console.view(now), now)

    # ---- what comes and goes ---------------------------------------------------------------------------------

    @property
    def _mapping(self) -> Mapping:
        return self._file.mapping or Mapping()

    def _look(self, now: float) -> None:
        try:
            changed = self._file.look()
        except PunchinError as error:
            changed = False
            self._console.complain(error)
        if self._learning and not self._learning.first and now > self._learning.until:
            self._learning = None
            self._console.complain(BadSetting("Nothing came from a MIDI controller.", NO_MIDI))
        if self._ports is None and self._file.mapping is not None and now >= self._try_again:
            self._look_for_midi(now)
        if changed:
            log.info("midi.toml: %d entries", len(self._mapping.entries))
            for device in self._devices.values():
                device.clocks.code = TimeCode(self._mapping.clock.offset)
                device.pickups.clear()
        if self._ports is not None:
            come, gone = self._ports.scan(self._mapping.opens)
            for port in gone:
                self._devices.pop(port, None)
                log.info("MIDI port %s has gone", port)
                self._console.complain(BadSetting(f"{port} is unplugged.", "Plug it in again; nothing else is needed."))
            for port in come:
                log.info("MIDI port %s has come", port)
                if self._mapping.is_mackie(port):
                    self._device(port)
            self._pages()
            self._count_dropped()

    def _look_for_midi(self, now: float) -> None:
        """That there is none is shown once."""
        self._ports, self._try_again = self._open(), now + TRY_SECONDS
        if self._ports is None and not self._is_missed:
            self._is_missed = True
            log.warning("midi.toml is there, but no MIDI")
            self._console.complain(
                BadSetting("There is no MIDI on this machine.", "Linux needs ALSA's sequencer, or JACK.")
            )

    def _pages(self) -> None:
        """Let ports that the mapping calls Mackie Controls have a page."""
        for port, device in self._devices.items():
            if not self._mapping.is_mackie(port):
                device.page = None
            elif device.page is None and self._ports is not None:
                device.page = Page(self._console)
                self._ports.send(port, device.page.greet())

    def _count_dropped(self) -> None:
        if self._ports is not None and (more := self._ports.dropped - self._dropped):
            self._dropped += more
            self._console.complain(BadSetting(f"{more} MIDI messages came too fast.", "Look what sends so many."))

    def _device(self, port: str) -> Device:
        if port not in self._devices:
            self._devices[port] = Device(Clocks(TimeCode(self._mapping.clock.offset)))
        return self._devices[port]

    def place(self, when: float, wall: float) -> Place | None:
        """Where the song was at `when`, by the first clock that runs."""
        places = (device.clocks.place(when, wall) for device in self._devices.values())
        return next((place for place in places if place is not None), None)

    # ---- what is done ----------------------------------------------------------------------------------------

    def _receive(self, message: MidiMessage, now: float, turned: dict[ControlId, Turned]) -> None:
        """Raises PunchinError."""
        port, when, data = message
        device = self._device(port)
        device.clocks.receive(data, when)
        signal = signals.parse(data)
        if signal is not None and self._is_twice(device, signal, when):
            return
        page = None if self._learning else device.page
        if page is not None and page.receive(data, lambda name, details: self._act(name, details, when, now)):
            return
        if signal is None:
            return
        if self._learning is not None:
            self._learning.receive(port, signal, now)
            return
        entry = self._mapping.find(port, signal)
        if self._is_chord(port, signal):
            if signal.kind == "note":
                self._console.chords.key(signal.number, signal.value, when, self.place(when, time.time()))
            elif entry is None and signal.kind == "cc" and signal.number in CONTROLLERS:  # else it is a foot's
                self._console.chords.pedal(CONTROLLERS[signal.number], signal.value)
        if entry is None:
            return
        if entry.control is not None:
            self._gather(device, port, signal, entry, turned)
        elif signal.value and entry.action is not None:
            self._act(entry.action, entry.details, when, now)

    def _is_chord(self, port: str, signal: Signal) -> bool:
        """Whether a signal comes from where chords are played."""
        keys = self._mapping.chords
        if keys is None:
            return False
        return keys.channel in (None, signal.channel) and matches(port, keys.port)

    def _act(self, name: str, details: Details, when: float, now: float) -> None:
        """Do an action that was asked for at `when`, Unix seconds. Raises PunchinError."""
        details = msgspec.structs.replace(details, pressed=when)
        self._console.act(name, now, details, self.place(when, time.time()))

    def _is_twice(self, device: Device, signal: Signal, when: float) -> bool:
        if signal.kind != "note" or not signal.value:
            return False
        key = signal.channel, signal.number
        before, device.struck[key] = device.struck.get(key, -1e9), when
        return abs(when - before) < TWICE

    def _gather(self, device: Device, port: str, signal: Signal, entry: Entry, turned: dict[ControlId, Turned]) -> None:
        number = entry.cc if entry.cc is not None else signal.number
        control = (port, signal.channel, number)
        what = turned.setdefault(control, Turned(entry))
        if entry.mode == "absolute":
            what.places.append(signal.value / FULL)
        elif entry.mode == "fine":
            if signal.number == number:
                device.coarse[control] = signal.value
            low = signal.value if signal.number != number else 0
            what.places.append((device.coarse.get(control, 0) << 7 | low) / 0x3FFF)
        else:
            what.clicks += signals.clicks(signal.value, entry.mode)

    def _turn(self, control: ControlId, what: Turned) -> None:
        name = str(what.entry.control)
        parameter = BY_NAME[name]
        try:
            if not what.places:
                self._console.nudge(name, what.clicks)
                return
            pickup = self._device(control[0]).pickups.setdefault(control, Pickup())
            place = parameter.normalized(self._console.parameters.values[name])
            width = 1 / (parameter.steps - 1) if parameter.steps > 1 else 0.0
            if not what.entry.pickup or pickup.move(what.places, place, width):
                self._console.turn(name, what.places[-1])
                self._device(control[0]).lights[control[1], control[2]] = round(what.places[-1] * FULL)
        except PunchinError as error:
            self._console.complain(error)

    def _write_down(self, now: float) -> None:
        """Keep what was learned, once it is known."""
        if self._learning is None or (found := self._learning.learned(now)) is None:
            return
        (port, signal, mode), name, self._learning = found, self._learning.name, None
        self._looked = -1e9
        try:
            self._file.learn(port, signal, name, mode)
        except PunchinError as error:
            self._console.complain(error)

    def _turn_pots(self) -> None:
        for device in self._devices.values():
            try:
                if device.page is not None:
                    device.page.turn()
            except PunchinError as error:
                self._console.complain(error)

    # ---- what controllers show -------------------------------------------------------------------------------

    def _show(self, view: View, now: float) -> None:
        """Rings and motors stand where values are; lights are on while what their key does is going on."""
        if self._ports is None:
            return
        for port, device in self._devices.items():
            if device.page is not None:
                for message in device.page.show(view, now):
                    self._ports.send(port, message)
                continue
            for entry in self._mapping.entries:
                shown = light(entry, view)
                if shown is None or not matches(port, entry.port):
                    continue
                status, number, value = shown
                channel = (entry.channel or 1) - 1
                key = (status | channel, number) if status == 0x90 else (channel + 1, number)
                if device.lights.get(key) != value:
                    device.lights[key] = value
                    self._ports.send(port, bytes([status | channel, number, value]))
