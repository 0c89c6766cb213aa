"""A studio for tests: a song in a real Ardour with Punchin installed, a bridge and a daemon beside it."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import mido
import msgspec
import numpy as np
import numpy.typing as npt
import soundfile
from fakes.harness import until
from punchin_bridge.cli.main import main
from punchin_bridge.hosts.installers import ardour as scripts
from punchin_bridge.hosts.protocol import Command, CommandRequest, JobView, State
from punchin_wire import paths
from punchin_wire.params import InpaintParams, TransferParams

from hosts.ardour import FLOAT_PRESET, Ardour, Session, Tempo, ardour, make_session

Samples = npt.NDArray[np.float32]
SLOTS = {action.file.removeprefix("punchin_"): slot for slot, action in enumerate(scripts.ACTIONS, start=1)}
CHORDS = ((48, 52, 55), (53, 57, 60), (55, 59, 62), (45, 48, 52))
"""C, F, G and Am, a bar each, again and again."""


def noise(seconds: float, channels: int, rate: int, seed: int) -> Samples:
    """`[samples, channels]`, never silent."""
    random = np.random.default_rng(seed)
    return random.uniform(-0.3, 0.3, (round(seconds * rate), channels)).astype(np.float32)


def write_chords(path: Path, bars: int = 16) -> Path:
    """A chord a bar; in each the sustain pedal is down for its second quarter."""
    midi, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    midi.tracks.append(track)
    for bar in range(bars):
        chord = CHORDS[bar % len(CHORDS)]
        for pitch in chord:
            track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        for value in (127, 0):
            track.append(mido.Message("control_change", control=64, value=value, time=480))
        for i, pitch in enumerate(chord):
            track.append(mido.Message("note_off", note=pitch, velocity=0, time=0 if i else 2 * 480))
    midi.save(path)
    return path


class Placed(NamedTuple):
    """A region on the time line: from sample `start` on, `length` samples."""

    name: str
    start: int
    length: int
    plays: bool = True


@dataclass
class Studio:
    """A running Ardour. `home` is Punchin's own (PUNCHIN_HOME), `parts` what was imported, by track."""

    ardour: Ardour
    session: Session
    home: Path
    parts: dict[str, tuple[int, Samples]] = field(default_factory=dict)

    # ---- the song --------------------------------------------------------------------------------------------

    def lay(self, track: str, sound: Samples, start: int = 0) -> None:
        """Import `sound` `[samples, channels]` at sample `start` of a track."""
        path = self.session.folder.parent / f"{track}.wav"
        soundfile.write(path, sound, self.session.rate, subtype="FLOAT")
        self._import(track, path, start)
        path.unlink()
        self.parts[track] = (start, sound)

    def lay_chords(self) -> None:
        self._import("chords", write_chords(self.session.folder.parent / "chords.mid"), 0)

    def _import(self, track: str, path: Path, start: int) -> None:
        self.ardour.lua(
            f"""local files, track = C.StringVector (), Session:route_by_name ("{track}"):to_track ()
            files:push_back ("{path}")
            Editor:do_import (files, Editing.ImportSerializeFiles, Editing.ImportToTrack, ARDOUR.SrcQuality.SrcBest,
              ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
              Temporal.timepos_t ({start}), ARDOUR.PluginInfo (), track, false)"""
        )

    def select(self, track: str, start: int, end: int) -> None:
        """A range over `[start, end)` of one track, as by dragging over it."""
        text = f"""Editor:access_action ("Region", "set-selection-from-region")
            Editor:set_loop_range (Temporal.timepos_t ({start}), Temporal.timepos_t ({end}), "loop")
            Editor:access_action ("Editor", "select-loop-range")
            local selected = Editor:get_selection ()
            local found = {{ selected.time:start_sample (), selected.time:end_sample () }}
            for route in selected.tracks:routelist ():iter () do found[#found + 1] = route:name () end
            return found"""

        def done() -> bool:
            self.select_regions(track)
            return bool(self.ardour.lua(text) == [start, end, track])

        until(done)

    def select_regions(self, track: str) -> None:
        """All regions of a track, as by clicking on them, once they are drawn."""
        text = f"""Editor:access_action ("Main", "Escape")
            local list = ArdourUI.SelectionList ()
            for region in Session:route_by_name ("{track}"):to_track ():playlist ():region_list ():iter () do
              local view = Editor:regionview_from_region (region)
              if not view then return false end
              list:push_back (view)
            end
            Editor:set_selection (list, ArdourUI.SelectionOp.Set)
            return true"""
        until(lambda: self.ardour.lua(text))

    # ---- asking ----------------------------------------------------------------------------------------------

    def click(self, action: str) -> None:
        self.ardour.action(SLOTS[action])

    def ask(self, action: str, params: InpaintParams | TransferParams | None = None, **more: Any) -> str:
        """What somebody else asks of Ardour through the bridge, and the answer: `done`, or why not."""
        me, ask = f"test-{uuid.uuid4().hex[:8]}", Command(uuid.uuid4().hex[:12], action, **more)
        if params is not None:
            ask = msgspec.structs.replace(ask, params=params)
        inbox = self.spool / "inbox"
        hello = {"type": "hello", "host": me, "program": "tests", "project": {"id": me}}
        for name, data in (
            (f"{me}-hello.json", json.dumps(hello).encode()),
            (f"{me}-00000001.json", msgspec.json.encode(CommandRequest(me, self.host, ask))),
        ):
            (inbox / f"{name}.part").write_bytes(data)
            os.replace(inbox / f"{name}.part", inbox / name)
            until(lambda path=inbox / name: not path.exists())  # type: ignore[misc]
        answer = until(lambda: (state := self.state_of(me)) and (state.answers.get(ask.ask) or state.trouble), 15)
        (inbox / "bye.part").write_text(json.dumps({"type": "bye", "host": me}))
        os.replace(inbox / "bye.part", inbox / f"{me}-00000002.json")
        return str(answer)

    # ---- what is known ---------------------------------------------------------------------------------------

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def host(self) -> str:
        value = 0xCBF29CE484222325  # FNV-1a of the session's file, as our Lua makes it
        for byte in str(self.session.file).encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
        return f"ardour-{value:016x}"

    def state_of(self, host: str) -> State | None:
        try:
            return msgspec.json.decode((self.spool / "hosts" / host / "state.json").read_bytes(), type=State)
        except FileNotFoundError:
            return None

    def jobs(self) -> tuple[JobView, ...]:
        state = self.state_of(self.host)
        return state.jobs if state else ()

    def wait(self, *phases: str, known: Sequence[str] = (), seconds: float = 60.0) -> JobView:
        """The newest job that is not among `known`, once it is in one of `phases`."""

        def found() -> JobView | None:
            views = [view for view in self.jobs() if view.job not in known]
            return views[-1] if views and views[-1].phase in phases else None

        return until(found, seconds)

    def run(self, action: str, params: InpaintParams | TransferParams | None = None, seconds: float = 60.0) -> JobView:
        """Ask for takes and wait until they stand."""
        known = [view.job for view in self.jobs()]
        assert (answer := self.ask(action, params)) == "done", answer
        view = self.wait("placed", "failed", "held", known=known, seconds=seconds)
        assert view.phase == "placed", view
        return view

    # ---- the time line ---------------------------------------------------------------------------------------

    def regions(self, track: str) -> list[Placed]:
        """What lies on a track; where regions overlap, the uppermost last."""
        found = self.ardour.lua(
            f"""local regions = {{}}
            for region in Session:route_by_name ("{track}"):to_track ():playlist ():region_list ():iter () do
              local place, length = region:position ():samples (), region:length ():samples ()
              regions[#regions + 1] = {{ region:layer (), region:name (), place, length, not region:muted () }}
            end
            return regions"""
        )
        return [Placed(*region[1:]) for region in sorted(found)]

    def playing(self, track: str, at: int) -> list[str]:
        """Names of the regions at a sample of a track that are not muted, the uppermost last."""
        there = [region for region in self.regions(track) if 0 <= at - region.start < region.length]
        return [region.name for region in there if region.plays]

    def playlists(self, track: str) -> list[str]:
        """The names of all playlists of a track."""
        return list(
            self.ardour.lua(
                f"""local all, track = {{}}, Session:route_by_name ("{track}"):to_track ()
                for list in Session:playlists ():playlists_for_track (track):iter () do all[#all + 1] = list:name () end
                return all"""
            )
        )

    def markers(self) -> list[str]:
        return list(
            self.ardour.lua(
                "local all = {} for place in Session:locations ():list ():iter () do all[#all + 1] = place:name () end"
                " return all"
            )
        )

    def progress(self) -> list[str]:
        """Names of the markers that we show."""
        return [name for name in self.markers() if name.endswith(" (Punchin)")]

    def heard(self, track: str, start: int, end: int) -> Samples:
        """What the playlist plays, `[samples, channels]`, before fader and plugins."""
        path, channels = self.ardour.home / "heard.f32", self.parts[track][1].shape[1]
        self.ardour.lua(
            f"""local list, count = Session:route_by_name ("{track}"):to_track ():playlist (), {end - start}
            list = list:to_audioplaylist ()
            local memory = ARDOUR.DSP.DspShm (3 * 4 * count)
            local sound, out = memory:to_float (0), io.open ("{path}", "wb")
            for channel = 0, {channels - 1} do
              list:read (sound, memory:to_float (count), memory:to_float (2 * count), Temporal.timepos_t ({start}),
                Temporal.timecnt_t (count), channel)
              local found = sound:array ()
              for i = 1, count do out:write (string.pack ("<f", found[i])) end
            end
            out:close ()"""
        )
        return np.fromfile(path, np.float32).reshape(channels, -1).T

    def export(self, start: int, end: int) -> Samples:
        """The session's own export of a range, through faders and master, as 32-bit float."""
        folder = self.ardour.home / f"export-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        fine = self.ardour.lua(
            f"""local export = Session:simple_export ()
            export:set_name ("mix") export:set_folder ("{folder}") export:set_range ({start}, {end})
            return export:set_preset ("{FLOAT_PRESET}") and export:run_export ()""",
            60,
        )
        assert fine
        (path,) = folder.iterdir()
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == self.session.rate
        return np.asarray(sound)

    def locate(self, place: int) -> None:
        """Put the playhead there, and stop."""
        how = "ARDOUR.LocateTransportDisposition.MustStop, ARDOUR.TransportRequestSource.TRS_UI"
        self.ardour.lua(f"Session:request_locate ({place}, false, {how}) return 1")
        until(lambda: self.ardour.lua("return Session:transport_sample ()") == place)

    def undo(self) -> None:
        self.ardour.osc("/undo")
        self._settle()

    def redo(self) -> None:
        self.ardour.osc("/redo")
        self._settle()

    def _settle(self) -> None:
        """Until the hook has ticked twice."""
        time.sleep(0.3)

    def save(self) -> None:
        self.ardour.lua('Session:save_state ("", false, false, false, false, false)')


def make_song(
    folder: Path,
    rate: int,
    tempos: Sequence[Tempo] = (Tempo(0, 120),),
    time_signatures: Sequence[tuple[int, int, int]] = (),
) -> Session:
    """Drums and Bass in mono, Piano in stereo, and a MIDI track `chords`, all still empty."""
    return make_session(folder, rate, {"Drums": 1, "Bass": 1, "Piano": 2}, ("chords",), tempos, time_signatures)


@contextmanager
def studio(
    folder: Path,
    session: Session,
    home: Path,
    display: str,
    environ: Mapping[str, str] = {},
    alone: bool = False,
) -> Iterator[Studio]:
    """Ardour with Punchin installed by its own command, and `session` open. `folder` is Ardour's own: at first, none
    was ever started there. Waits until the bridge knows it, unless that is to be `alone`: not running yet."""
    # What this home has installed elsewhere stays: a second Ardour of a test may run beside the first.
    (paths.hosts_folder() / "ardour.json").unlink(missing_ok=True)
    with patch.dict(os.environ, {"XDG_CONFIG_HOME": str(folder / "config")}):
        assert main(["host", "install", "ardour"]) == 0
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environ}  # of the bridge that it starts
    with ardour(folder, session, display, environ) as program:
        found = Studio(program, session, home)
        if not alone:
            until(lambda: found.state_of(found.host), 20)
        yield found
