"""What Punchin costs inside a real Ardour: from the click to takes on the time line, and for how long it stands still.

    python scripts/bench_host.py [--jobs N] [--rate HZ] [--real] [--picture FILE.png] [--json]

Ardour under Xvfb, the real bridge and daemon; an engine that answers at once stands in for the model, so all that is
measured is ours. "Visible" is when the takes' regions stand and the first of them plays. "Stands still" is for how
long Ardour's own thread answers nothing (a Lua action that does nothing, called over and over) while a job runs. Beside
it: the same range by Ardour's own `bounce_range`, which is the usual way to get audio out of it, in one go.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))  # the studio that the tests use

import numpy as np
import soundfile
from fakes import songs
from fakes.bridge import bridge
from fakes.harness import daemon
from hosts.ardour import missing, screen
from hosts.studio import Studio, make_song, studio
from punchin_bridge.hosts.protocol import JobView
from punchin_wire.params import InpaintParams

BARS = (4, 8)
TAKES = 3
GOAL_ACCEPT, GOAL_VISIBLE, GOAL_STILL = 0.150, 0.250, 0.020


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--real", action="store_true", help="the built-in pack plays (docs/ardour.png: one job of it)")
    parser.add_argument("--picture", type=Path, help="write a picture of the last takes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if missing():
        parser.error(f"not installed: {', '.join(missing())}")
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder), Path(folder) / "home"
        home.mkdir()
        os.environ["PUNCHIN_HOME"] = str(home)
        session = make_song(root / "song", options.rate)
        with (
            daemon(home, env={"REAL_WORKER": "1"} if options.real else {}),
            bridge(home),
            screen() as display,
            studio(root / "own", session, home, display) as song,
        ):
            write(song, root)
            figures = measure(song, options.jobs)
            if options.picture:
                picture(song, options.picture)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:62} {value:8.3f}")


def write(song: Studio, folder: Path) -> None:
    """A song of 24 s: drums and bass in mono, a piano in stereo, and chords."""
    rate = song.session.rate
    drums, _ = soundfile.read(songs.write_drums(folder, rate=rate), dtype="float32", always_2d=True)
    song.lay("Drums", drums)
    song.lay("Bass", songs.audio(channels=1, rate=rate).T.astype(np.float32))
    song.lay("Piano", songs.audio(rate=rate).T.astype(np.float32))
    song.lay_chords()


def measure(song: Studio, jobs: int) -> dict[str, float]:
    """Seconds, by what they are spent on."""
    bar = 2 * song.session.rate
    views: list[JobView] = []
    visible, still_reading, still_placing = [], [], []
    for number in range(jobs):
        song.select("Piano", BARS[0] * bar, BARS[1] * bar)
        known = [view.job for view in song.jobs()]
        song.ask("inpaint", InpaintParams(takes=TAKES, seed=number + 1))
        pings = number % 2 == 0 and jobs > 1  # they take their share of Ardour's thread
        reading, placing, seconds = watch(song, known, pings)
        views.append(song.wait("placed", known=known, seconds=300))
        if pings:
            still_reading.append(reading)
            still_placing.append(placing)
        else:
            visible.append(seconds)
        song.undo()
    song.redo()

    def median(name: str) -> float:
        return statistics.median(view.timings[name] for view in views)

    return {
        "read the session, p50": median("read"),
        "render stems, in slices of a tick, p50": median("render"),
        "click to accepted without the render, p50": median("read") + median("accept"),
        f"click to accepted without the render, worst (goal {GOAL_ACCEPT})": max(
            view.timings["read"] + view.timings["accept"] for view in views
        ),
        f"place {TAKES} takes: files, regions, undo step, p50": median("place"),
        "ready to visible, p50": statistics.median(visible),
        f"ready to visible, worst (goal {GOAL_VISIBLE})": max(visible),
        f"Ardour stands still while we read, worst of each job, p50 (goal {GOAL_STILL})": statistics.median(
            still_reading or [0.0]
        ),
        "Ardour stands still while we place, worst of each job, p50": statistics.median(still_placing or [0.0]),
        "the same stems by bounce_range: Ardour stands still": bounced(song),
    }


def watch(song: Studio, known: list[str], pings: bool) -> tuple[float, float, float]:
    """The longest that Ardour answered nothing before and after the takes were ready, and how long until they stood."""
    state = song.spool / "hosts" / song.host / "state.json"
    placed = song.session.folder / "punchin.json"
    before = placed.stat().st_mtime_ns if placed.exists() else 0
    ready, slowest = 0.0, [0.0, 0.0]
    while True:
        began = time.monotonic()
        if pings:
            song.ardour.lua("return 1")
        else:
            time.sleep(0.002)
        slowest[bool(ready)] = max(slowest[bool(ready)], time.monotonic() - began)
        if not ready and any(view.phase in ("ready", "placed") for view in song.jobs() if view.job not in known):
            ready = state.stat().st_mtime
        if ready and placed.stat().st_mtime_ns > before:
            job = next(view.job for view in song.jobs() if view.job not in known)
            if job in placed.read_text():
                return slowest[0], slowest[1], placed.stat().st_mtime - ready


def bounced(song: Studio) -> float:
    """Seconds of Ardour's own way to the same audio: 24 s of the piano and of the drums."""
    end = 24 * song.session.rate
    return float(
        song.ardour.lua(
            f"""local began = ARDOUR.LuaAPI.monotonic_time ()
            for _, name in ipairs ({{ "Piano", "Drums" }}) do
              local track = Session:route_by_name (name):to_track ()
              track:bounce_range (0, {end}, ARDOUR.InterThreadInfo (), track:main_outs (), false, "bounced " .. name)
            end
            return (ARDOUR.LuaAPI.monotonic_time () - began) / 1000000"""
        )
    )


def picture(song: Studio, path: Path) -> None:
    """The window with the takes in it, as layers of their track."""
    song.select("Piano", *(bar * 2 * song.session.rate for bar in BARS))
    song.ardour.lua(
        """Editor:access_action ("Editor", "layer-display-stacked")
        for _, name in ipairs ({ "Drums", "Bass", "Piano" }) do
          local view = Editor:rtav_from_route (Session:route_by_name (name)):to_timeaxisview ()
          view:set_height (name == "Piano" and 200 or 60, ArdourUI.TrackHeightMode.OnlySelf, false)
        end
        Editor:access_action ("Main", "Escape")
        Editor:access_action ("Editor", "zoom-to-session")"""
    )
    time.sleep(2)
    song.ardour.picture(song.session.name, path)


if __name__ == "__main__":
    main()
