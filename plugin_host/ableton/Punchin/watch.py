"""Sees to it that there is a bridge when one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from .link import Link
from .settings import Refusal, load

if TYPE_CHECKING:
    from .surface import Program

LOOK_SECONDS = 2.0
"""How long a bridge that runs may take to answer."""
START_SECONDS = 15.0
"""How long a bridge may take to come up before it is started again."""


class Watch:
    """Over the bridge at the other end of `link`. `folder` holds the settings."""

    def __init__(self, program: Program, link: Link, folder: str) -> None:
        self._program, self._link, self._folder = program, link, folder
        self._silent: float | None = None  # since when no bridge is heard
        self._called = -1e9
        self._opened = True  # without a bridge nobody else can ask Live for anything, so one is started at first
        self._refusal = ""

    def look(self, now: float, needed: bool) -> None:
        """Start a bridge where none is heard: once when a set was opened, and whenever work waits for it."""
        if self._link.alive(now):
            self._silent, self._opened, self._refusal = None, False, ""
            return
        if self._silent is None:
            self._silent = now
        due = now - self._silent >= LOOK_SECONDS and now - self._called >= START_SECONDS
        if due and (needed or self._opened):
            self._called, self._opened = now, False
            self._call(self._program.say if needed else self._program.log)

    def _call(self, tell: Callable[[str], None]) -> None:
        try:
            if load(self._folder)["start_bridge"]:
                self._link.start_bridge()
                tell("Punchin: starting the bridge")
        except Refusal as refusal:
            if str(refusal) != self._refusal:  # told once while it stays so
                self._program.say(f"Punchin: {refusal}")
            self._refusal = str(refusal)
