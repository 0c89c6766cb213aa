"""The control surface that Live loads: its tick, its MIDI input, and Live itself as the host needs it."""

from __future__ import annotations

import os
import time
import traceback
from typing import TYPE_CHECKING

import Live
from _Framework.ControlSurface import ControlSurface

from .host import Host
from .link import Link
from .settings import Refusal, load, triggers

if TYPE_CHECKING:
    from Live.Song import Song

NOTE_ON, CONTROL_CHANGE = 0x90, 0xB0


class Program:
    """Live, as the host needs it."""

    def __init__(self, surface: ControlSurface) -> None:
        self._surface = surface

    def song(self) -> Song:
        return self._surface.song()

    def view(self) -> str:
        """`Session` or `Arranger`: the document view that has the focus."""
        return self._surface.application().view.focused_document_view

    def title(self) -> str:
        live = self._surface.application()
        version = (live.get_major_version(), live.get_minor_version(), live.get_bugfix_version())
        return "Ableton Live {}.{}.{}".format(*version)

    def say(self, text: str) -> None:
        """Into Live's status bar, and its log."""
        self._surface.show_message(text)
        self.log(text)

    def log(self, text: str) -> None:
        self._surface.log_message(text)


class Punchin(ControlSurface):
    """Ticks about ten times a second, on Live's own thread, and so must never wait for anything."""

    def __init__(self, c_instance: object) -> None:
        super().__init__(c_instance)
        self._program = Program(self)
        name = "ableton-" + os.urandom(4).hex()
        link = Link(name, self._program.log)
        self._host = Host(name, self._program, link)
        self._triggers: dict[tuple[str, int], str] = {}
        self._controls: dict[int, int] = {}
        self._open = True
        self._last_problem = ""
        self._program.log(f"Punchin: {name} on port {link.port}")
        self.schedule_message(1, self._tick)

    def disconnect(self) -> None:
        self._open = False
        self._host.bye()
        super().disconnect()

    def _tick(self) -> None:
        if not self._open:
            return
        try:
            self._host.tick(time.monotonic())
        except Exception:  # whatever is wrong, the next tick must come; the same problem is told once
            problem = traceback.format_exc()
            if problem != self._last_problem:
                self._program.log(f"Punchin: {problem}")
            self._last_problem = problem
        self.schedule_message(1, self._tick)

    # ---- MIDI ------------------------------------------------------------------------------------------------------

    def build_midi_map(self, midi_map_handle: int) -> None:
        super().build_midi_map(midi_map_handle)
        try:
            settings = load()
            self._triggers = triggers(settings)
            channel = int(str(settings["midi_channel"])) - 1
        except Refusal as refusal:
            self._program.say(f"Punchin: {refusal}")
            return
        handle = self._c_instance.handle()
        for kind, number in self._triggers:
            if kind == "note":
                Live.MidiMap.forward_midi_note(handle, midi_map_handle, channel, number)
            else:
                Live.MidiMap.forward_midi_cc(handle, midi_map_handle, channel, number)

    def receive_midi(self, midi_bytes: tuple[int, ...]) -> None:
        """A note does its action when it is struck, a controller when it rises past the middle."""
        if len(midi_bytes) != 3:
            return
        kind, number, value = midi_bytes[0] & 0xF0, midi_bytes[1], midi_bytes[2]
        action = None
        if kind == NOTE_ON and value:
            action = self._triggers.get(("note", number))
        elif kind == CONTROL_CHANGE:
            if value >= 64 > self._controls.get(number, 0):
                action = self._triggers.get(("control", number))
            self._controls[number] = value
        if action is None:
            return
        try:
            self._host.do(action, time.monotonic())
        except Refusal as refusal:
            self._program.say(f"Punchin: {refusal}")
        except Exception:
            self._program.say("Punchin: something went wrong; Live's Log.txt says what.")
            self._program.log(traceback.format_exc())
