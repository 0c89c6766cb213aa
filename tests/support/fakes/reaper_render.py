"""The fake REAPER's render window: settings that belong to the musician, and stems of the selected tracks."""

# ruff: noqa: N802  (methods are called as in REAPER)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from fakes.reaper_project import Project, Track, stem

STEMS, CUSTOM = 2, 0
FLOAT = "ZXZhdyAAAA=="
"""A WAV file of 32-bit floats."""


@dataclass(kw_only=True)
class Rendering:
    """`rendered` are the tracks that were, one list a render. With `render_fails` no file comes, with `render_breaks`
    the command raises. A render takes `render_seconds`; then `during_render` is what the musician did meanwhile."""

    rendered: list[list[str]] = field(default_factory=list)
    render_fails: bool = False
    render_breaks: bool = False
    render_seconds: float = 0.0
    during_render: Callable[[], None] = lambda: None

    @property
    def project(self) -> Project:
        raise NotImplementedError

    def skip(self, seconds: float) -> None:
        raise NotImplementedError

    def render_number(self, what: str, value: float, is_set: bool) -> float:
        assert isinstance(self.project.render[what], float)
        if is_set:
            self.project.render[what] = float(value)
        return float(self.project.render[what])

    def GetSetProjectInfo_String(self, _project: Any, what: str, value: str, is_set: bool) -> tuple[bool, str]:
        if what == "RENDER_TARGETS":
            assert not is_set
            return True, ";".join(str(path) for path, _ in self._targets())
        assert isinstance(self.project.render[what], str)
        if is_set:
            self.project.render[what] = value
        return True, str(self.project.render[what])

    def _targets(self) -> list[tuple[Path, Track]]:
        tracks = [track for track in self.project.tracks if track.selected]
        name = str(self.project.render["RENDER_PATTERN"])
        names = [name] if len(tracks) == 1 else [f"{name}-{index:03d}" for index in range(1, len(tracks) + 1)]
        folder = Path(str(self.project.render["RENDER_FILE"]))
        return [(folder / f"{one}.wav", track) for one, track in zip(names, tracks, strict=True)]

    def render(self) -> None:
        """As the window does with what is set: stems between two times, and nothing else that was set before."""
        said = self.project.render
        wanted = {
            "RENDER_SETTINGS": STEMS, "RENDER_BOUNDSFLAG": CUSTOM, "RENDER_CHANNELS": 2, "RENDER_TAILFLAG": 0,
            "RENDER_ADDTOPROJ": 0, "RENDER_DITHER": 0, "RENDER_NORMALIZE": 0, "RENDER_FORMAT": FLOAT,
            "RENDER_FORMAT2": "",
        }  # fmt: skip
        assert {name: said[name] for name in wanted} == wanted
        self.rendered.append([track.name for _, track in self._targets()])
        self.skip(self.render_seconds)
        self.during_render()
        if self.render_breaks:
            raise RuntimeError("the render window was closed")
        if self.render_fails:
            return
        rate = int(float(said["RENDER_SRATE"]))
        first = round(float(said["RENDER_STARTPOS"]) * rate)
        frames = round((float(said["RENDER_ENDPOS"]) - float(said["RENDER_STARTPOS"])) * rate)
        for path, track in self._targets():
            assert not path.exists(), "REAPER would ask whether to replace it"
            soundfile.write(path, stem(self.project, track, rate, first, frames), rate, subtype="FLOAT")
