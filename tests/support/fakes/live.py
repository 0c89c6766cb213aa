"""A Live to run the Remote Script in: a version, an empty set (:mod:`.live_models`), and what the script imports.

No test here ran in a real Live.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .live_models import Application, ClipSlot, Song, Track
from .live_stubs import Method, Watch, stubs

NEWER = {
    "11.0": (
        "Track.Track.create_audio_clip",
        "Track.Track.create_midi_clip",
        "Track.Track.create_take_lane",
        "Track.Track.take_lanes",
        "ClipSlot.ClipSlot.create_audio_clip",
        "Clip.Clip.is_session_clip",
        "Clip.Clip.is_take_lane_clip",
        "Song.Song.file_path",
        "Song.Song.name",
    ),
    "12.0.5": (
        "Track.Track.create_audio_clip",
        "Track.Track.create_midi_clip",
        "Track.Track.create_take_lane",
        "Track.Track.take_lanes",
        "Clip.Clip.is_take_lane_clip",
    ),
    "12.2.1": (),
}
"""What each version of Live lacks of the stubs, which are those of 12.3.6."""


class Live:
    """One running Live of a version, with an empty set. `messages` and `log` are what it was told."""

    def __init__(self, version: str = "12.2.1") -> None:
        self.watch = Watch(frozenset(NEWER[version]))
        self.application = Application(version)
        self.song = Song()
        self.messages: list[str] = []
        self.log: list[str] = []
        self.scheduled: list[Callable[[], None]] = []
        self.forwarded: list[tuple[str, int, int]] = []
        self.song.create_scene(-1)
        self.song.steps.clear()

    def track(self, name: str, **more: Any) -> Track:
        track = Track(self.song, name, **more)
        track.clip_slots = [ClipSlot(track) for _ in self.song.scenes]
        self.song.tracks.append(track)
        return track

    def tick(self) -> None:
        """What Live does some ten times a second."""
        due, self.scheduled = self.scheduled, []
        for callback in due:
            callback()

    def handle(self) -> int:
        return 7

    @contextmanager
    def modules(self) -> Iterator[None]:
        """`Live` and `_Framework` as the script imports them, and no script imported yet."""

        def ours() -> list[str]:
            return [name for name in sys.modules if name.split(".")[0] in ("Live", "_Framework", "Punchin")]

        before = {name: sys.modules.pop(name) for name in ours()}
        live = types.ModuleType("Live")
        functions = stubs()["MidiMap"]
        live.MidiMap = types.SimpleNamespace(  # type: ignore[attr-defined]
            **{
                name: Method(self.watch, f"MidiMap.{name}", functions[name], self._forward(name))
                for name in ("forward_midi_note", "forward_midi_cc")
            }
        )
        framework, surface = types.ModuleType("_Framework"), types.ModuleType("_Framework.ControlSurface")
        surface.ControlSurface = ControlSurface  # type: ignore[attr-defined]
        sys.modules.update({"Live": live, "_Framework": framework, "_Framework.ControlSurface": surface})
        try:
            yield
        finally:
            for name in ours():
                del sys.modules[name]
            sys.modules.update(before)

    def _forward(self, name: str) -> Callable[..., bool]:
        def forward(script: int, _map: int, channel: int, number: int, _consume: bool = True) -> bool:
            assert script == self.handle()
            self.forwarded.append((name, channel, number))
            return True

        return forward


class ControlSurface:
    """The framework's class as far as the script uses it; `c_instance` is the Live."""

    def __init__(self, c_instance: Live) -> None:
        self._c_instance = c_instance

    def song(self) -> Any:
        return self._c_instance.watch.wrap(self._c_instance.song)

    def application(self) -> Any:
        return self._c_instance.watch.wrap(self._c_instance.application)

    def schedule_message(self, delay_in_ticks: int, callback: Callable[[], None]) -> None:
        assert delay_in_ticks > 0
        self._c_instance.scheduled.append(callback)

    def show_message(self, message: str) -> None:
        self._c_instance.messages.append(message)

    def log_message(self, *message: object) -> None:
        self._c_instance.log.append(" ".join(map(str, message)))

    def build_midi_map(self, midi_map_handle: int) -> None:
        assert midi_map_handle

    def receive_midi(self, midi_bytes: tuple[int, ...]) -> None:
        pass

    def disconnect(self) -> None:
        self._c_instance.scheduled.clear()
