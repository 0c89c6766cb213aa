"""MIDI ports of this machine through rtmidi: all inputs that are wanted, an own virtual one, and outputs for feedback.

rtmidi calls back on threads of its own: what came goes into a bounded queue, and a byte into a socket that wakes the
bridge's loop. rtmidi is not everywhere, nor is MIDI: without either there are simply no ports.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

OWN = "Punchin"
MAX_WAITING = 4096
"""Messages that wait for the loop; of more, the oldest are dropped and counted."""

log = logging.getLogger(__name__)


class MidiMessage(NamedTuple):
    """From which port, when (Unix seconds), and the bytes of one whole message."""

    port: str
    when: float
    data: bytes


class Ports(Protocol):
    """Where messages come from and go to. `dropped` counts those that came too fast."""

    @property
    def dropped(self) -> int: ...
    def fileno(self) -> int: ...
    def receive(self) -> Iterator[MidiMessage]: ...
    def scan(self, opens: Callable[[str], bool]) -> tuple[list[str], list[str]]: ...
    def send(self, port: str, data: bytes) -> None: ...
    def close(self) -> None: ...


class Queue:
    """Messages on their way from [rtmidi] to [loop]."""

    def __init__(self) -> None:
        self._waiting: deque[MidiMessage] = deque()
        self._lock = threading.Lock()
        self._awake, self._wake = socket.socketpair()
        self._awake.setblocking(False)
        self._wake.setblocking(False)
        self.dropped = 0

    def put(self, message: MidiMessage) -> None:
        """[rtmidi] Add a message; of too many the oldest is dropped."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(message)
        with contextlib.suppress(BlockingIOError):  # it is full of bytes that say the same
            self._wake.send(b"\0")

    def fileno(self) -> int:
        return self._awake.fileno()

    def take(self) -> Iterator[MidiMessage]:
        """[loop] What has come since the last time."""
        with contextlib.suppress(BlockingIOError):
            while len(self._awake.recv(4096)) == 4096:
                pass
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        yield from waiting

    def close(self) -> None:
        self._awake.close()
        self._wake.close()


class RtPorts:
    """rtmidi's ports; `api` is one of those that it was built with. Raises whatever rtmidi raises where it has none.
    [loop], all but what rtmidi calls back."""

    def __init__(self, api: int) -> None:
        import rtmidi

        self._rtmidi, self._api = rtmidi, api
        self.queue = Queue()
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._look = rtmidi.MidiIn(api, name=OWN)
        self._own: Any = None
        with contextlib.suppress(Exception):  # Windows has no virtual ports
            own = rtmidi.MidiIn(api, name=OWN)
            own.open_virtual_port(OWN)
            self._own = self._listen(own, OWN)

    def fileno(self) -> int:
        return self.queue.fileno()

    @property
    def dropped(self) -> int:
        return self.queue.dropped

    def receive(self) -> Iterator[MidiMessage]:
        return self.queue.take()

    def scan(self, opens: Callable[[str], bool]) -> tuple[list[str], list[str]]:
        """Open inputs that have come and are wanted, close those that have gone. Returns the names of both."""
        there = [name for name in self._look.get_ports() if opens(name) and OWN not in name]
        gone = [name for name in self._inputs if name not in there]
        for name in gone:
            self._close(self._inputs.pop(name))
            self._close(self._outputs.pop(name, None))
        come = []
        for name in there:
            if name not in self._inputs and (opened := self._open(name)) is not None:
                self._inputs[name] = opened
                come.append(name)
        return come, gone

    def send(self, port: str, data: bytes) -> None:
        """Send to the output that belongs to an input: the one with its name. What cannot be sent is not."""
        if port not in self._outputs:
            self._outputs[port] = self._output(port)
        output = self._outputs[port]
        if output is not None:
            try:
                output.send_message(data)
            except Exception as error:  # it was unplugged a moment ago
                log.info("%s hears nothing more: %s", port, error)
                self._close(self._outputs.pop(port))

    def close(self) -> None:
        for port in (*self._inputs.values(), *self._outputs.values(), self._own, self._look):
            self._close(port)
        self._inputs, self._outputs, self._own = {}, {}, None
        self.queue.close()

    def _open(self, name: str) -> Any:
        opened = self._rtmidi.MidiIn(self._api, name=OWN)
        try:
            opened.open_port(opened.get_ports().index(name), name="in")
        except Exception as error:  # it is gone again, or another program has it (Windows)
            log.warning("MIDI input %s cannot be opened: %s", name, error)
            self._close(opened)
            return None
        return self._listen(opened, name)

    def _listen(self, port: Any, name: str) -> Any:
        port.ignore_types(sysex=False, timing=False, active_sense=True)

        def came(event: tuple[list[int], float], _data: object) -> None:
            """[rtmidi]"""
            self.queue.put(MidiMessage(name, time.time(), bytes(event[0])))

        port.set_callback(came)
        return port

    def _output(self, name: str) -> Any:
        output = self._rtmidi.MidiOut(self._api, name=OWN)
        names = output.get_ports()
        exactly = name.replace("capture", "playback")
        wanted = [other for other in names if other == exactly] or [
            other for other in names if _device(other) == _device(name)
        ]
        if not wanted:
            self._close(output)
            return None
        try:
            output.open_port(names.index(wanted[0]), name="out")
        except Exception as error:
            log.warning("MIDI output %s cannot be opened: %s", wanted[0], error)
            self._close(output)
            return None
        return output

    def _close(self, port: Any) -> None:
        if port is not None:
            with contextlib.suppress(Exception):  # the device may be gone, and the server behind it
                port.cancel_callback()
            with contextlib.suppress(Exception):
                port.delete()


def _device(name: str) -> str:
    """The device of a port: systems tell its input from its output in words behind a colon, or by a number.

    >>> _device("nanoKONTROL2 1") == _device("nanoKONTROL2 0") == _device("nanoKONTROL2:out")
    True
    """
    return re.sub(r"[-\s]\d+$", "", name.partition(":")[0]).strip().lower()


def open_ports() -> Ports | None:
    """This machine's ports, or None where it has no MIDI."""
    try:
        import rtmidi  # here, so that a bridge without it runs on
    except ImportError as error:
        log.debug("there is no MIDI here: %s", error)
        return None
    for api in rtmidi.get_compiled_api():
        try:
            return RtPorts(api)
        except Exception as error:  # no ALSA sequencer, no JACK server, no CoreMIDI
            log.debug("there is no MIDI by %s: %s", rtmidi.get_api_display_name(api), error)
    return None
