"""A song in the fake Live, the Remote Script running in it, and the bridge's end of the wire.

That end is no bridge: it decodes every document strictly, and says the states that a test gives it, over real UDP.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import msgspec
import numpy as np
import soundfile
from punchin_bridge.hosts.installers.ableton import INSTALLER
from punchin_bridge.hosts.installers.install import Config, scripts
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.protocol import FromHost, JobView, Span, State, Submit, TakeFile
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from .live import Live
from .live_models import Clip, ClipSlot, MidiNote, Track, WarpMarker

RATE = 44_100
D = TypeVar("D")


def wav(path: Path, seconds: float, rate: int = RATE, seed: int = 0) -> Path:
    """Noise, stereo, 24 bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_noise(seconds, rate, seed))
    return path


@cache
def _noise(seconds: float, rate: int, seed: int) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.3, 0.3, (round(seconds * rate), 2))
    soundfile.write(file, noise, rate, subtype="PCM_24", format="WAV")
    return file.getvalue()


def clip(track: Track, path: Path, start: float, beats: float, **more: Any) -> Clip:
    """An arrangement clip of a file, warped so that the file's seconds last as they would at the song's tempo."""
    info = soundfile.info(str(path))
    song = track.song
    made = Clip(song, path.stem, start, start + beats, file_path=str(path), sample_rate=float(info.samplerate))
    made.sample_length = info.frames
    made.warping_ = True
    made.warp_markers = [WarpMarker(0.0, 0.0), WarpMarker(made.seconds, made.seconds * song.tempo / 60)]
    made.loop_end_ = made.end_marker = beats
    for name, value in more.items():
        setattr(made, name, value)
    track.arrangement_clips.append(made)
    return made


def midi_clip(track: Track, start: float, beats: float, notes: list[MidiNote], **more: Any) -> Clip:
    made = Clip(track.song, "midi", start, start + beats, is_audio_clip=False, notes=notes)
    made.loop_end_ = made.end_marker = beats
    for name, value in more.items():
        setattr(made, name, value)
    track.arrangement_clips.append(made)
    return made


def in_slot(made: Clip, slot: ClipSlot) -> Clip:
    """Move a clip from the arrangement into a session slot."""
    slot.track.arrangement_clips.remove(made)
    made.is_arrangement_clip = False
    slot.clip = made
    return made


class BridgeEnd:
    """The other end: every packet and file that came, decoded, and states sent to the port that hello named."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        self.heard: list[Any] = []
        self.longest = 0
        self.port = 0
        self.host = ""
        self.revision = 0
        spool.mkdir(parents=True, exist_ok=True)
        self.record = spool.parent / "runtime" / "bridge.json"
        self.record.parent.mkdir(parents=True, exist_ok=True)
        record = {"pid": 1, "osc_port": self.socket.getsockname()[1], "version": "0.1.0"}
        self.record.write_text(json.dumps(record))

    def listen(self) -> None:
        while True:
            try:
                packet = self.socket.recv(65536)
            except BlockingIOError:
                break
            message = OscMessage(packet)
            self.longest = max(self.longest, len(packet))
            assert message.address == "/punchin/host/post"
            self._take(message.params[0].encode())
        for path in sorted((self.spool / "inbox").glob("*.json")):
            self._take(path.read_bytes())
            path.unlink()

    def _take(self, text: bytes) -> None:
        document = msgspec.json.decode(text, type=FromHost)
        self.host = document.host
        self.port = getattr(document, "port", self.port)
        self.heard.append(document)

    def of(self, kind: type[D]) -> list[D]:
        return [document for document in self.heard if isinstance(document, kind)]

    def say(self, *jobs: JobView, by_file: bool = False, **more: Any) -> None:
        self.revision += 1
        state = State(self.host, self.revision, self.revision, "0.1.0", jobs, **more)
        text = msgspec.json.encode(state).decode()
        if by_file:
            path = self.spool / "hosts" / self.host / "state.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            self.send("/punchin/host/state_file", str(path))
        else:
            self.send("/punchin/host/state", text)

    def send(self, address: str, *values: object) -> None:
        builder = OscMessageBuilder(address=address)
        for value in values:
            builder.add_arg(value)
        self.raw(builder.build().dgram)

    def raw(self, packet: bytes) -> None:
        self.socket.sendto(packet, ("127.0.0.1", self.port))


class Stage:
    """A Live with the script in it; Punchin's folder is `home`. Each `turn` is one tick, then the bridge listens."""

    def __init__(self, live: Live, folder: Path, home: Path, bridge: BridgeEnd | None) -> None:
        self.live, self.folder, self.home, self.bridge = live, folder, home, bridge
        self.longest_tick = 0.0
        self.script: Any = None

    # ---- what the script knows -----------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        """The bridge's state that it heard last; empty before the first."""
        found: dict[str, Any] = self.script._host._jobs.state
        return found

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that it takes for those of the open set, oldest first."""
        found: list[dict[str, Any]] = self.script._host._jobs.here()
        return found

    @property
    def unheard(self) -> list[tuple[str, str]]:
        """Kind and name of what it says again."""
        return list(self.script._host._outbox._pending)

    @property
    def hears_bridge(self) -> bool:
        heard: bool = self.script._host._link.alive(time.monotonic())
        return heard

    def report(self) -> str:
        """How every job stands, as the host sees it and as the bridge wrote it down, and what either said last."""
        log = self.home / "log" / "bridge.log"
        jobs = self.home / "spool" / "jobs"
        return "\n  ".join(
            [
                f"the host {'hears' if self.hears_bridge else 'does not hear'} a bridge; it says again: {self.unheard}",
                *(f"the host sees {job['job']} {job['phase']}: {job['line']}" for job in self.state.get("jobs", ())),
                f"of this set: {[job['job'] for job in self.jobs]}, placed: {self.script._host._placing._placed}, "
                f"trouble: {self.state.get('trouble')!r} of {self.state.get('refused')!r}",
                *(f"the bridge keeps {_record(folder)}" for folder in sorted(jobs.glob("*"))),
                f"the inbox holds: {[path.name for path in (self.home / 'spool' / 'inbox').glob('*')]}",
                *(f"Live shows: {text}" for text in self.live.messages[-10:]),
                *(f"Live's log: {line}" for line in self.live.log[-10:]),
                *(f"the bridge's log: {line}" for line in (log.read_text() if log.exists() else "").splitlines()[-15:]),
            ]
        )

    # ---- what is done with it ------------------------------------------------------------------------------------

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            time.sleep(0.002)  # so that what the bridge said is there
            began = time.perf_counter()
            self.live.tick()
            self.longest_tick = max(self.longest_tick, time.perf_counter() - began)
            if self.bridge is not None:
                self.bridge.listen()

    def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, f"nothing for {seconds} s\n  {self.report()}"
            self.turn()
            time.sleep(0.02)
        return value

    def act(self, action: str) -> None:
        """Strike the note that is mapped to an action."""
        note = {"inpaint": 36, "transfer": 37, "repeat": 38, "previous_take": 39, "next_take": 40, "cancel": 41}
        note |= {"place": 42, "drop": 43, "settings": 44}
        self.script.receive_midi((0x9F, note[action], 100))
        if self.bridge is not None:
            time.sleep(0.002)
            self.bridge.listen()

    def takes(self, submit: Submit, count: int = 2) -> tuple[TakeFile, ...]:
        """Takes as the bridge would write them: exactly the region."""
        rate, region = submit.timeline.rate, submit.region
        made = []
        for number in range(count):
            path = wav(Path(submit.folder) / f"{submit.job}_{number}.wav", (region.end - region.start) / rate, rate)
            made.append(TakeFile(str(path), f"take {number + 1}", number, region.start, region.end, 2))
        return tuple(made)

    def view(self, submit: Submit, phase: Any, **more: Any) -> JobView:
        fields: dict[str, Any] = {"line": phase, "fraction": 0.0, "position": 0, "undo": "Punchin"} | more
        region = Span(submit.region.start, submit.region.end)
        return JobView(
            submit.job, submit.params.engine, phase, project=submit.project.id,
            track=submit.target.id, region=region, guard=submit.guard, **fields,
        )  # fmt: skip


def _record(folder: Path) -> str:
    """A job as the bridge wrote it down, in one line."""
    try:
        found = msgspec.json.decode((folder / "job.json").read_bytes(), type=JobRecord)
    except (OSError, msgspec.DecodeError) as problem:
        return f"{folder.name}: {problem}"
    takes = [f"{take.path}{'' if Path(take.path).exists() else ' (missing)'}" for take in found.takes]
    return f"{folder.name} {found.phase}; takes {takes}, still to be moved: {list(found.staged)}"


@contextmanager
def stage(
    live: Live,
    folder: Path,
    bridge: BridgeEnd | None = None,
    command: list[str] | None = None,
    settings: dict[str, Any] | None = None,
    home: Path | None = None,
) -> Iterator[Stage]:
    """The script, installed below `folder` and started in `live`; `home` is Punchin's. Fails when it did what no Live
    offers."""
    installed = folder / "Remote Scripts" / "Punchin"
    shutil.rmtree(installed, ignore_errors=True)
    home = home or folder / "home"
    config = Config(home / "spool", tuple(command or ("/nowhere/punchin", "bridge")))
    with patch.dict(os.environ, {"PUNCHIN_HOME": str(home)}):
        files = INSTALLER.files(scripts(), config)
    for path, data in files.items():
        (installed.parent / path).parent.mkdir(parents=True, exist_ok=True)
        (installed.parent / path).write_bytes(data)
    if settings is not None:
        (installed / "settings.json").write_text(json.dumps(settings))
    on = Stage(live, installed, home, bridge)
    with live.modules():
        sys.path.insert(0, str(installed.parent))
        try:
            on.script = importlib.import_module("Punchin").create_instance(live)
            on.script.build_midi_map(1)
            yield on
        finally:
            sys.path.remove(str(installed.parent))
            if on.script is not None:
                on.script.disconnect()
    assert live.watch.slips == []
    assert [line for line in live.log if "Traceback" in line] == []
