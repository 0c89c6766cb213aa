"""The window's model (driver.cpp) as tests drive it: a run from nothing for each question, for it keeps nothing."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Control:
    shape: str
    label: str
    value: str
    box: tuple[float, ...]
    share: float
    is_enabled: bool
    is_lit: bool
    is_stop: bool

    def point(self, share: float = 0.5) -> tuple[float, float]:
        """A point in it, by its share from the left."""
        x, y, width, height = self.box
        return x + width * share, y + height / 2

    def at(self, share: float = 0.5) -> str:
        """The same, for a line."""
        return "{} {}".format(*self.point(share))


@dataclass(frozen=True)
class Seen:
    """What was asked for, and what is shown at the end."""

    asked: list[str]
    reached: list[str] = field(default_factory=list)
    controls: dict[str, Control] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    driver: Path

    def run(self, *lines: str) -> Seen:
        done = subprocess.run(
            [self.driver], input="\n".join([*lines, "show", ""]), capture_output=True, text=True, timeout=60, check=True
        )
        seen = Seen([])
        for line in done.stdout.splitlines():
            kind, *rest = line.split("\t")
            if kind == "control":
                name, shape, label, value, box, share, flags = rest
                is_enabled, is_lit, is_stop = (flag == "1" for flag in flags)
                numbers = tuple(map(float, box.split()))
                seen.controls[name] = Control(shape, label, value, numbers, float(share), is_enabled, is_lit, is_stop)
            elif kind == "focus":
                seen.reached.extend(rest)
            elif kind == "shown":
                seen.shown[rest[0]] = "\t".join(rest[1:])
            else:
                seen.asked.append(line)
        return seen

    def drag(self, first: float, last: float, *held: str) -> list[str]:
        """Over shares of the waveform's width, once something was heard."""
        wave = self.run().controls["wave"]
        keys = " ".join(held)
        return [f"press {wave.at(first)} {keys}", f"move {wave.at(last)} {keys}", f"release {wave.at(last)}"]

    def click(self, name: str, *before: str) -> list[str]:
        at = self.run(*before).controls[name].at()
        return [*before, f"press {at}", f"release {at}"]

    def tabs_to(self, name: str, *before: str) -> int:
        """How many times Tab is pressed to reach a control."""
        return self.run(*before, *["key Tab", "where"] * 40).reached.index(name) + 1

    def tab_to(self, name: str, *before: str) -> list[str]:
        return [*before, *["key Tab"] * self.tabs_to(name, *before)]
