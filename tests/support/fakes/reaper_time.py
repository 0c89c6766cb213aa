"""Where the fake REAPER's song is: transport, time selection, and the map between seconds and quarters."""

# ruff: noqa: N802  (methods are called as in REAPER)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fakes.reaper_project import Project, tempo_markers


@dataclass(kw_only=True)
class Time:
    """`position` is where it plays, `cursor` where the edit cursor stands, both in seconds."""

    playing: bool = False
    position: float = 0.0
    cursor: float = 0.0
    play_rate: float = 1.0
    recording: bool = False

    @property
    def project(self) -> Project:
        raise NotImplementedError

    def GetPlayStateEx(self, _project: Any) -> int:
        return 5 if self.recording else int(self.playing)

    def GetPlayPositionEx(self, _project: Any) -> float:
        return self.position

    def GetCursorPositionEx(self, _project: Any) -> float:
        return self.cursor

    def Master_GetPlayRate(self, _project: Any) -> float:
        return self.play_rate

    def GetSet_LoopTimeRange2(
        self, _p: Any, is_set: bool, is_loop: bool, start: float, end: float, _seek: bool
    ) -> tuple[float, float]:
        if is_set:
            assert not is_loop
            self.project.selection = (start, end)
        return self.project.loop if is_loop else self.project.selection

    def TimeMap2_timeToQN(self, _project: Any, time: float) -> float:
        return self.project.map.quarters(time)

    def TimeMap2_QNToTime(self, _project: Any, quarter: float) -> float:
        return self.project.map.seconds(quarter)

    def TimeMap_GetTimeSigAtTime(self, _project: Any, time: float) -> tuple[int, int, float]:
        quarter = self.project.map.quarters(time) + 1e-9
        signature = [signature for signature in self.project.time_signatures if signature.quarter <= quarter][-1]
        tempo = [tempo for tempo in self.project.tempos if tempo.quarter <= quarter][-1]
        return signature.numerator, signature.denominator, float(tempo.bpm)

    def get_config_var_string(self, name: str) -> tuple[bool, str]:
        assert name == "projmeasoffs", "bars before the first one of the ruler"
        return True, str(self.project.measure_offset)

    def CountTempoTimeSigMarkers(self, _project: Any) -> int:
        return len(tempo_markers(self.project.tempos, self.project.time_signatures))

    def GetTempoTimeSigMarker(self, _project: Any, index: int) -> tuple[bool, float, int, float, float, int, int, bool]:
        quarter, bpm, glides, count, value = tempo_markers(self.project.tempos, self.project.time_signatures)[index]
        return True, self.project.map.seconds(quarter), 0, 0.0, bpm, count, value, glides
