"""The fake REAPER's tracks, items, takes and what they sound like."""

# ruff: noqa: N802  (methods are called as in REAPER)

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fakes.reaper_project import Item, Project, Source, Take, Track, quarter_of, render


@dataclass(kw_only=True)
class Objects:
    """With `breaks` no take can be added. Reading a piece of sound puts the clock forward by `sound_seconds`."""

    breaks: bool = False
    sound_seconds: float = 0.0

    @property
    def project(self) -> Project:
        raise NotImplementedError

    def skip(self, seconds: float) -> None:
        raise NotImplementedError

    def fill(self, array: Any, data: bytes, count: int) -> None:
        """Put `count` float64 into an array of Lua's."""
        raise NotImplementedError

    # ---- tracks and items ------------------------------------------------------------------------------------

    def CountTracks(self, _project: Any) -> int:
        return len(self.project.tracks)

    def GetTrack(self, _project: Any, index: int) -> Track:
        return self.project.tracks[index]

    def GetTrackName(self, track: Track) -> tuple[bool, str]:
        return True, track.name

    def GetMediaTrackInfo_Value(self, track: Track, name: str) -> float:
        if name == "IP_TRACKNUMBER":
            return float(next(i for i, other in enumerate(self.project.tracks, 1) if other is track))
        return ({"I_NCHAN": 2.0, "I_FREEMODE": 0.0 if track.lane is None else 2.0} | track.info)[name]

    def SetMediaTrackInfo_Value(self, track: Track, name: str, value: float) -> bool:
        assert name in track.info
        track.info[name] = float(value)
        return True

    def AnyTrackSolo(self, _project: Any) -> bool:
        return any(track.info["I_SOLO"] for track in self.project.tracks)

    def TrackList_AdjustWindows(self, _minor: bool) -> None: ...

    def InsertTrackAtIndex(self, index: int, defaults: bool) -> None:
        assert not defaults, "the musician's default track may have effects"
        self.project.tracks.insert(index, Track())

    def GetParentTrack(self, track: Track) -> Track | None:
        return self.project.parent(track)

    def GetTrackNumSends(self, track: Track, category: int) -> int:
        return {-1: track.receives, 0: track.sends}[category]

    def TrackFX_GetInstrument(self, track: Track) -> int:
        return 0 if track.instrument else -1

    def TrackFX_GetOffline(self, track: Track, index: int) -> bool:
        assert index == 0
        return track.instrument == "offline"

    def TrackFX_GetEnabled(self, track: Track, index: int) -> bool:
        assert index == 0
        return track.instrument != "bypassed"

    def ValidatePtr2(self, _project: Any, pointer: Any, kind: str) -> bool:
        assert kind == "MediaTrack*"
        return any(pointer is track for track in self.project.tracks)

    def GetSetMediaTrackInfo_String(self, track: Track, name: str, value: str, is_set: bool) -> tuple[bool, str]:
        if is_set:
            assert name == "P_NAME"
            track.name = value
            return True, value
        if name == "P_RAZOREDITS_EXT":  # REAPER 7 and newer
            return track.lane_razor is not None, track.lane_razor or ""
        return True, {"GUID": track.guid, "P_RAZOREDITS": track.razor}[name]

    def _selected(self) -> list[Track]:
        return [track for track in self.project.tracks if track.selected]

    def CountSelectedTracks(self, _project: Any) -> int:
        return len(self._selected())

    def GetSelectedTrack(self, _project: Any, index: int) -> Track | None:
        return self._selected()[index] if index < len(self._selected()) else None

    def _selected_items(self) -> list[Item]:
        return [item for track in self.project.tracks for item in track.items if item.selected]

    def CountSelectedMediaItems(self, _project: Any) -> int:
        return len(self._selected_items())

    def GetSelectedMediaItem(self, _project: Any, index: int) -> Item | None:
        return self._selected_items()[index] if index < len(self._selected_items()) else None

    def SelectAllMediaItems(self, _project: Any, selected: bool) -> None:
        for track in self.project.tracks:
            for item in track.items:
                item.selected = selected

    def SetTrackSelected(self, track: Track, selected: bool) -> None:
        track.selected = selected

    def SetMediaItemSelected(self, item: Item, selected: bool) -> None:
        item.selected = selected

    def GetMediaItem_Track(self, item: Item) -> Track:
        return next(track for track in self.project.tracks if any(item is other for other in track.items))

    def CountTrackMediaItems(self, track: Track) -> int:
        return len(track.items)

    def GetTrackMediaItem(self, track: Track, index: int) -> Item:
        return track.items[index]

    def AddMediaItemToTrack(self, track: Track) -> Item:
        track.items.append(Item())
        return track.items[-1]

    def SplitMediaItem(self, item: Item, position: float) -> Item | None:
        right = item.split(position)
        if right is not None:
            self.GetMediaItem_Track(item).items.append(right)
        return right

    def GetMediaItemInfo_Value(self, item: Item, name: str) -> float:
        if name == "C_LANEPLAYS":
            return float(self.GetMediaItem_Track(item).lane == item.info["I_FIXEDLANE"])
        return item.info[name]

    def SetMediaItemInfo_Value(self, item: Item, name: str, value: float) -> bool:
        assert name in item.info
        item.info[name] = float(value)
        return True

    def GetSetMediaItemInfo_String(self, item: Item, name: str, _value: str, is_set: bool) -> tuple[bool, str]:
        assert (name, is_set) == ("GUID", False)
        return True, item.guid

    # ---- takes and sources -----------------------------------------------------------------------------------

    def CountTakes(self, item: Item) -> int:
        return len(item.takes)

    def GetTake(self, item: Item, index: int) -> Take:
        return item.takes[index]

    def GetActiveTake(self, item: Item) -> Take | None:
        return item.takes[item.active] if item.takes else None

    def SetActiveTake(self, take: Take) -> None:
        for track in self.project.tracks:
            for item in track.items:
                item.active = next((i for i, other in enumerate(item.takes) if other is take), item.active)

    def AddTakeToMediaItem(self, item: Item) -> Take:
        if self.breaks:
            raise RuntimeError("REAPER said no")
        item.takes.append(Take())
        return item.takes[-1]

    def GetMediaItemTakeInfo_Value(self, take: Take, name: str) -> float:
        return take.info[name]

    def SetMediaItemTakeInfo_Value(self, take: Take, name: str, value: float) -> bool:
        assert name in take.info
        take.info[name] = float(value)
        return True

    def GetSetMediaItemTakeInfo_String(self, take: Take, name: str, value: str, is_set: bool) -> tuple[bool, str]:
        if is_set:
            assert name == "P_NAME"
            take.name = value
        return True, {"P_NAME": take.name, "GUID": take.guid}[name]

    def TakeFX_GetCount(self, take: Take) -> int:
        return take.effects

    def TakeIsMIDI(self, take: Take) -> bool:
        return take.source is not None and take.source.notes is not None

    def GetMediaItemTake_Source(self, take: Take) -> Source | None:
        return take.source

    def SetMediaItemTake_Source(self, take: Take, source: Source) -> bool:
        take.source = source
        return True

    def PCM_Source_CreateFromFile(self, path: str) -> Source | None:
        return Source(path) if Path(path).is_file() else None

    def GetMediaSourceFileName(self, source: Source) -> str:
        return source.path

    def GetMediaSourceNumChannels(self, source: Source) -> int:
        return source.channels

    def GetMediaSourceLength(self, source: Source) -> tuple[float, bool]:
        return source.quarters, True

    def MIDI_CountEvts(self, take: Take) -> tuple[int, int, int, int]:
        assert take.source is not None
        notes, controllers = len(take.source.notes or ()), len(take.source.controllers)
        return notes + controllers, notes, controllers, 0

    def MIDI_GetNote(self, take: Take, index: int) -> tuple[bool, bool, bool, float, float, int, int, int]:
        assert take.source is not None
        assert take.source.notes is not None
        start, end, pitch, velocity, muted = take.source.notes[index]
        return True, False, muted, float(start), float(end), 0, pitch, velocity

    def MIDI_GetCC(self, take: Take, index: int) -> tuple[bool, bool, bool, float, int, int, int, int]:
        assert take.source is not None
        at, number, value, muted = take.source.controllers[index]
        return True, False, muted, float(at), 0xB0, 0, number, value

    def MIDI_GetProjQNFromPPQPos(self, take: Take, ticks: float) -> float:
        item = next(i for track in self.project.tracks for i in track.items if any(take is t for t in i.takes))
        return quarter_of(self.project, item, take, ticks)

    # ---- audio -----------------------------------------------------------------------------------------------

    def CreateTrackAudioAccessor(self, track: Track) -> Track:
        return track

    def DestroyAudioAccessor(self, _accessor: Track) -> None: ...

    def GetAudioAccessorSamples(
        self, accessor: Track, rate: int, channels: int, start: float, frames: int, memory: Any
    ) -> int:
        self.skip(self.sound_seconds)
        first = round(start * rate)
        assert math.floor(start * rate) == first, "a hair before a sample, REAPER may begin with the one before"
        sound = render(accessor, rate, first, frames, channels)
        self.fill(memory, sound.astype("<f8").tobytes(), frames * channels)
        return int(np.any(sound))
