"""A real Ardour for the tests: sessions made from nothing, and the program itself in a screen, a configuration and a
home of its own.

Everything that Ardour would ask at a first start is answered by files: first-run wizard, audio setup (the dummy
backend), OSC surface, scripts. A test drives the program by a Lua console: a script in the last action slot, called
over Ardour's own OSC surface.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from punchin_bridge.hosts.installers.ardour_files import InUse, Script
from pythonosc.osc_message_builder import OscMessageBuilder

PROGRAMS = ("ardour", "ardour7-lua", "Xvfb", "xdotool")
CONSOLE_SLOT = 10


def missing() -> list[str]:
    """The programs that these tests need and this machine has not."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


# ---- sessions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tempo:
    """From `quarter` on `bpm`; with `ramp` on the way to the next one's."""

    quarter: int
    bpm: float
    ramp: bool = False


@dataclass(frozen=True)
class Session:
    folder: Path
    name: str
    rate: int

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.ardour"


_MAKE = """
local backend = AudioEngine:set_backend ("None (Dummy)", "tests", "")
backend:set_device_name ("Silence")
local session = assert (create_session ("{folder}", "{name}", {rate}))
local last, mode = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
local one = ARDOUR.ChanCount (ARDOUR.DataType ("midi"), 1)
{tracks}
local map = Temporal.TempoMap.fetch_writable ()
{tempos}
Temporal.TempoMap.update (map)
map = nil
session:save_state ("")
close_session ()
quit ()
"""


def make_session(
    folder: Path,
    rate: int = 48_000,
    audio: Mapping[str, int] = {"Drums": 1, "Bass": 1, "Piano": 2},
    midi: Sequence[str] = ("chords",),
    tempos: Sequence[Tempo] = (Tempo(0, 120.0),),
    time_signatures: Sequence[tuple[int, int, int]] = (),
) -> Session:
    """A session with empty tracks (`audio`: how many channels each has), and tempos and time signatures from
    quarters on."""
    lines = [
        f'session:new_audio_track ({channels}, 2, nil, 1, "{name}", last, mode, true)'
        for name, channels in audio.items()
    ]
    lines += [
        f'session:new_midi_track (one, one, true, ARDOUR.PluginInfo (), nil, nil, 1, "{name}", last, mode, true)'
        for name in midi
    ]
    changes = []
    for tempo in tempos:
        at = f"Temporal.timepos_t.from_ticks (Temporal.ticks_per_beat * {tempo.quarter})"
        changes.append(f"local at{tempo.quarter} = map:set_tempo (Temporal.Tempo ({tempo.bpm}, {tempo.bpm}, 4), {at})")
    for quarter, numerator, denominator in time_signatures:
        at = f"Temporal.timepos_t.from_ticks (Temporal.ticks_per_beat * {quarter})"
        changes.append(f"map:set_meter (Temporal.Meter ({numerator}, {denominator}), {at})")
    for tempo in tempos:
        if tempo.ramp:  # only now: a ramp ends at the tempo of the point after it
            changes.append(f"map:set_ramped (at{tempo.quarter}, true)")
    script = folder.with_suffix(".lua")
    script.write_text(
        _MAKE.format(folder=folder, name=folder.name, rate=rate, tracks="\n".join(lines), tempos="\n".join(changes))
    )
    done = subprocess.run(
        ["ardour7-lua", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **_own(folder.with_suffix(".home"))},
    )
    script.unlink()
    session = Session(folder, folder.name, rate)
    assert ".lua:" not in done.stdout + done.stderr, done.stdout + done.stderr
    text = session.file.read_text()
    # Left alone, Ardour asks whether the engine's device has changed; and it opens no OSC surface.
    text = re.sub(r"<EngineHints[^>]*/>", "", text)
    text = text.replace(
        '<Protocol name="Open Sound Control (OSC)" active="0"/>',
        '<Protocol name="Open Sound Control (OSC)" active="1" feedback="0" address-only="0" remote-port="0"'
        ' banksize="0" striptypes="159" gainmode="0" send-page-size="0" plugin-page-size="0"/>',
    )
    session.file.write_text(text)
    return session


def _own(home: Path) -> dict[str, str]:
    """Where Ardour keeps what is the user's, apart from other Ardours that run beside this one."""
    return {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "CACHE", "DATA")}


# ---- the program ---------------------------------------------------------------------------------------------

_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config>
    <Option name="hide-dummy-backend" value="0"/>
    <Option name="try-autostart-engine" value="1"/>
    <Option name="osc-port" value="{port}"/>
    <Option name="discover-plugins-on-start" value="0"/>
  </Config>
  <Metadata/>
  <Extra><AudioMIDISetup><EngineStates>
    <State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device="" output-device=""
     sample-rate="{rate}" buffer-size="1024" n-periods="0" input-latency="0" output-latency="0" lm-input=""
     lm-output="" active="1" use-buffered-io="0" midi-option="1 in, 1 out, Silence" lru="1700000000">
      <MIDIDevices/></State>
  </EngineStates></AudioMIDISetup></Extra>
</Ardour>
"""


FLOAT_PRESET = "a3c1b7de-2f5f-4a44-9b1b-5d1a33f5a001"
_FLOAT_PRESET = f"""<?xml version="1.0" encoding="UTF-8"?>
<ExportPreset id="{FLOAT_PRESET}" name="Float">
  <ExportFormat id="20b4ab09-6452-4cb3-bd66-b921cdbd2942"/>
  <ExportFilename><Folder relative="true" path="/export"/></ExportFilename>
</ExportPreset>
"""
"""Export as 32-bit float at the session's rate, not normalised: a format that Ardour brings, but no preset for it."""


@contextmanager
def screen(size: str = "1600x1000x24") -> Iterator[str]:
    """A virtual screen; its name for DISPLAY."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-noreset"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            number = ready.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Ardour:
    """A running Ardour with one session open."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes], port: int, display: str) -> None:
        self.home, self.process, self.port, self.display = home, process, port, display
        self._osc = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._asked = time.monotonic_ns()  # no number of an Ardour that was here before

    def osc(self, address: str, *arguments: Any) -> None:
        message = OscMessageBuilder(address)
        for argument in arguments:
            message.add_arg(argument)
        self._osc.sendto(message.build().dgram, ("127.0.0.1", self.port))

    def action(self, slot: int) -> None:
        """Call the script in action slot `slot`, as its key or its button would."""
        self.osc("/access_action", f"LuaAction/script-{slot}")

    def lua(self, text: str, seconds: float = 20.0) -> Any:
        """What Lua `text` returns inside the program, through JSON."""
        self._asked += 1
        answer, draft = self.home / "answer.json", self.home / "ask.part"
        draft.write_text(f"-- {self._asked}\n{text}")
        os.replace(draft, self.home / "ask.lua")
        self.action(CONSOLE_SLOT)
        deadline = time.monotonic() + seconds
        while not answer.exists() or (found := json.loads(answer.read_bytes()))["number"] != self._asked:
            assert self.process.poll() is None, "Ardour has ended\n" + self.log()
            assert time.monotonic() < deadline, f"Ardour did not answer in {seconds} s\n" + self.log()
            time.sleep(0.002)
        assert found["fine"], found["answer"]
        return found["answer"]

    def log(self) -> str:
        return (self.home / "ardour.log").read_text(errors="replace")[-3000:]

    def picture(self, title: str, path: Path) -> None:
        """The window of that title as a PNG."""
        subprocess.run(
            ["import", "-window", self.dialog(title), str(path)],
            check=True,
            timeout=30,
            env={**os.environ, "DISPLAY": self.display},
        )

    def xdotool(self, *words: object) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, words)],
            env={**os.environ, "DISPLAY": self.display},
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def dialog(self, title: str, seconds: float = 15.0) -> str:
        """The window of that title, once it is there."""
        deadline = time.monotonic() + seconds
        while not (found := self.xdotool("search", "--onlyvisible", "--name", title).split()):
            assert time.monotonic() < deadline, f"no window {title!r}"
            time.sleep(0.1)
        time.sleep(0.2)  # until it is drawn where it stays
        return found[-1]

    def confirm(self, title: str) -> None:
        """Click the last button of a dialog, which stands in its lower right corner, until the dialog is gone."""
        window = self.dialog(title)
        place = dict(line.split("=") for line in self.xdotool("getwindowgeometry", "--shell", window).split())
        for _ in range(50):
            at = (int(place["WIDTH"]) - 50, int(place["HEIGHT"]) - 25)
            self.xdotool("mousemove", "--window", window, *at, "click", 1)
            time.sleep(0.2)
            if window not in self.xdotool("search", "--onlyvisible", "--name", title).split():
                return
        raise AssertionError(f"the window {title!r} stays")

    def kill(self) -> None:
        """As the machine would: no farewell, nothing saved."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def ardour(
    home: Path,
    session: Session,
    display: str,
    environ: Mapping[str, str] = {},
) -> Iterator[Ardour]:
    """Ardour with `session` open, what is installed in `home` in use, and its console answering. `home` is a folder of
    its own."""
    config = home / "config" / "ardour7"
    config.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    (config / ".a7").touch()
    (config / "config").write_text(_CONFIG.format(port=port, rate=session.rate))
    console = Path(__file__).with_name("console.lua").read_text().replace("@HOME@", str(home))
    (config / "export").mkdir(exist_ok=True)
    (config / "export" / "float.preset").write_text(_FLOAT_PRESET)
    used = config / "ui_scripts"
    in_use = InUse(used.read_bytes() if used.exists() else None)
    in_use.put(Script("console", console), CONSOLE_SLOT)
    used.write_bytes(in_use.encode())
    environment = {
        **os.environ,
        "DISPLAY": display,
        **_own(home),
        "LANG": "C.UTF-8",
        **environ,
    }
    environment.pop("WAYLAND_DISPLAY", None)
    with (home / "ardour.log").open("ab") as log:
        process = subprocess.Popen(
            ["ardour", "-n", "-a", "-O", str(session.folder)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    program = Ardour(home, process, port, display)
    try:
        _wait_for_console(program)
        yield program
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        program._osc.close()


def _wait_for_console(program: Ardour, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            program.lua("return 1", 0.25)
            return
        except AssertionError:
            if program.process.poll() is not None or time.monotonic() > deadline:
                raise
