"""Our clock and a real Ardour's agree on where every quarter note sounds, through ramps and jumps."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hosts.ardour import Tempo, make_session
from punchin_bridge.hosts.protocol import TempoPoint, Timeline, TimeSignaturePoint
from punchin_bridge.hosts.timeline import tempo_map

TEMPOS = (Tempo(0, 90, ramp=True), Tempo(16, 150, ramp=True), Tempo(41, 75.5), Tempo(60, 100), Tempo(64, 33, ramp=True),
          Tempo(65, 240))  # fmt: skip
QUARTERS = 100

_ASK = """
local backend = AudioEngine:set_backend ("None (Dummy)", "tests", "")
backend:set_device_name ("Silence")
assert (load_session ("{folder}", "{name}"))
for eighth = 0, {eighths} do
  print ("AT", eighth, Temporal.timepos_t.from_ticks (eighth * Temporal.ticks_per_beat // 2):samples ())
end
close_session ()
quit ()
"""


@pytest.mark.host
@pytest.mark.skipif(shutil.which("ardour7-lua") is None, reason="Ardour is not installed")
def test_every_eighth_note_sounds_where_ardour_plays_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    session = make_session(tmp_path / "ramps", tempos=TEMPOS, audio={}, midi=())
    script = tmp_path / "ask.lua"
    script.write_text(_ASK.format(folder=session.folder, name=session.name, eighths=2 * QUARTERS))
    done = subprocess.run(
        ["ardour7-lua", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env=os.environ,
    )
    told = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("AT")]
    assert len(told) == 2 * QUARTERS + 1, done.stdout + done.stderr
    points = tuple(TempoPoint(t.quarter, t.bpm, "quarters" if t.ramp else "steady") for t in TEMPOS)
    grid = tempo_map(Timeline(session.rate, points, (TimeSignaturePoint(0),)))
    for eighth, sample in told:
        exact = grid.seconds(int(eighth) / 2) * session.rate
        assert -0.01 < exact - int(sample) < 1.01, f"eighth note {eighth}"  # Ardour rounds down
