"""The plug-in in a real Ardour: inserted, exported, saved and opened again, in the window and without it."""

from __future__ import annotations

import base64
import os
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import plugin_build
from hosts.ardour import FLOAT_PRESET, Session, ardour, make_session
from hosts.plugin import Region, Samples, dpf_state, noise, state, take_file
from hosts.studio import Studio

pytestmark = [pytest.mark.e2e, pytest.mark.host]
RATE = 48_000
END = 6 * RATE
PUNCH = (2 * RATE + 777, 3 * RATE + 1234)
SCANNER = Path("/usr/lib/ardour7/ardour-vst3-scanner")
CHUNK = re.compile(r"(<chunk>)([^<]*)(</chunk>)")

_EXPORT = """
local backend = AudioEngine:set_backend ("None (Dummy)", "tests", "")
backend:set_device_name ("Silence")
local session = assert (load_session ("{folder}", "{name}"))
local export = session:simple_export ()
export:set_name ("mix") export:set_folder ("{out}") export:set_range (0, {end_})
assert (export:set_preset ("{preset}") and export:run_export ())
local saved
for _ = 1, 200 do  -- right after an export Ardour may put it off
  saved = session:save_state ("") == 0
  if saved then break end
  ARDOUR.LuaAPI.usleep (50000)
end
assert (saved)
close_session ()
quit ()
"""

_CONNECT = """
local track, master = Session:route_by_name ("Piano"):output (), Session:master_out ():input ()
for i = 0, 1 do track:audio (i):connect (master:audio (i):name ()) end
"""  # made without a window, a session's tracks lead nowhere

_INSERT = """
local track = Session:route_by_name ("Piano")
local plugin = ARDOUR.LuaAPI.new_plugin (Session, "Punchin", ARDOUR.PluginType.VST3, "")
local channels = ARDOUR.ChanCount (ARDOUR.DataType ("audio"), {channels})
return track:add_processor_by_index (plugin, 0, nil, true) == 0 and
  track:customize_plugin_insert (plugin, 1, channels, channels)
"""  # as Ardour's Pin Connections do: by itself it makes a mono track stereo, and so pans it in another way


@dataclass
class Song:
    """A session whose track *Piano* has the plug-in on it. `dry` is its export from before that, `idle` its export with
    it, both `[samples, channels]`."""

    channels: int
    session: Session
    environ: dict[str, str]
    dry: Samples
    idle: Samples

    def mixed(self, audio: Samples) -> Samples:
        """What the export has of `audio` `[channels, samples]` on the track: behind it there is a panner."""
        inside = slice(RATE, -RATE)  # without Ardour's fades
        played, dry = noise(END, 1, self.channels).T[inside], self.dry[inside]
        gain = np.median(dry / played, axis=0)
        same(np.asarray(played * gain, np.float32), dry, "the panner's gain")
        return np.asarray(audio.T * gain, np.float32)

    @property
    def chunk(self) -> bytes:
        """What the session remembers of the plug-in: a VST3 preset."""
        found = CHUNK.search(self.session.file.read_text())
        assert found
        return base64.b64decode(found[2])

    def remember(self, component: bytes) -> None:
        """Put `component` in the place of what the plug-in's component had saved."""
        preset = self.chunk[:40] + struct.pack("<q", 48 + len(component)) + component
        preset += b"List" + struct.pack("<i4sqq", 1, b"Comp", 48, len(component))
        text, count = CHUNK.subn(rf"\g<1>{base64.b64encode(preset).decode()}\g<3>", self.session.file.read_text())
        assert count == 1
        self.session.file.write_text(text)

    def exports(self, want: Samples, out: Path) -> None:
        """Opened, exported, saved and closed without a window, it is `want`.

        One export in sixty or so, with and without plug-ins, Ardour 7.3 adds some garbage to the first two samples of
        each block when it has no window: a few tries are allowed.
        """
        for again in range(5):
            heard = self._exported(out.with_name(f"{out.name}-{again}"))
            if np.array_equal(heard, want):
                return
        same(heard, want, out.name)

    def _exported(self, out: Path) -> Samples:
        out.mkdir()
        script = out.with_suffix(".lua")
        folder = self.session.folder
        script.write_text(_EXPORT.format(folder=folder, name=folder.name, out=out, end_=END, preset=FLOAT_PRESET))
        done = subprocess.run(
            ["ardour7-lua", script],
            capture_output=True,
            text=True,
            timeout=240,
            stdin=subprocess.DEVNULL,
            env=self.environ,
        )
        assert ".lua:" not in done.stdout + done.stderr, done.stdout + done.stderr
        (path,) = out.iterdir()
        return read(path)


def read(path: Path) -> Samples:
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    return np.asarray(sound)


@pytest.fixture(scope="module", params=[1, 2], ids=["mono", "stereo"])
def song(request: pytest.FixtureRequest, display: str, tmp_path_factory: pytest.TempPathFactory) -> Song:
    channels: int = request.param
    binaries = plugin_build.bundles()
    folder = tmp_path_factory.mktemp("plugin")
    own = folder / "own"
    environ = {
        "HOME": str(own),
        **{f"XDG_{kind}_HOME": str(own / kind.lower()) for kind in ("CONFIG", "CACHE", "DATA")},
    }
    bundle = shutil.copytree(binaries / "Punchin.vst3", own / ".vst3" / "Punchin.vst3")
    scan = {**os.environ, **environ, "LD_LIBRARY_PATH": str(SCANNER.parent)}
    subprocess.run([SCANNER, "-f", bundle], check=True, timeout=60, env=scan, capture_output=True)
    session = make_session(folder / "song", RATE, {"Piano": channels}, ())
    with ardour(own, session, display, environ) as program:
        studio = Studio(program, session, folder)
        studio.lay("Piano", noise(END, 1, channels).T)
        program.lua(_CONNECT)
        dry = studio.export(0, END)
        assert program.lua(_INSERT.format(channels=channels))
        idle = studio.export(0, END)
        studio.save()
    return Song(channels, session, {**os.environ, **environ}, dry, idle)


def same(heard: Samples, want: Samples, when: str) -> None:
    differ = np.flatnonzero(np.any(heard != want, axis=1))
    assert not len(differ), f"{when}: {len(differ)} samples differ, from {differ[0]} to {differ[-1]}"


def test_an_idle_plug_in_leaves_the_export_bit_identical(song: Song) -> None:
    assert len(song.dry) == END
    assert np.any(song.dry)
    same(song.idle, song.dry, "idle")


def test_the_export_is_the_take_inside_and_the_dry_song_outside_and_is_so_again_when_it_is_opened_again(
    song: Song, tmp_path: Path
) -> None:
    start, end = PUNCH
    audio = noise(end - start, 2, song.channels)
    take = take_file(tmp_path / "take.wav", audio)
    song.remember(dpf_state(state(Region(start, end, [take]))))
    want = song.dry.copy()
    want[start:end] = song.mixed(audio)
    for opened in ("first", "second"):
        song.exports(want, tmp_path / opened)
        assert b'"hash":"' in song.chunk  # what was saved is the plug-in's own, not what the test wrote
    take.unlink()
    song.exports(song.dry, tmp_path / "missing")
    assert str(take).encode() in song.chunk
