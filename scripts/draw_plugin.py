"""Draw the pictures of docs/plugin.md: the plug-in's window in a host of our own, on a virtual screen, step by step.

    python scripts/draw_plugin.py [--out FOLDER]

The plug-in, the bridge and the daemon are those of this checkout, and the built-in pack makes the takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))  # the host that the tests use

from fakes import plugin_build
from fakes.bridge import bridge
from fakes.harness import daemon, until
from hosts.ardour import screen
from hosts.stage import BAR, Stage, missing, stage

DOCS = Path(__file__).resolve().parents[1] / "docs"
SECONDS = 300
"""How long takes may take here."""
WAVE = (12.0, 38.0, 816.0, 222.0)
"""The waveform in the window as it opens: left, top, width, height."""
CHORDS, PUNCH, TAKES = (300.0, 335.0), (67.0, 555.0), (195.0, 361.0)
NEW_TAKES, SONG, TRACK = (97.0, 309.0), (456.0, 309.0), (300.0, 335.0)
CHORDS_TRACK = (250.0, 257.0)
"""In the window of *Punchin Chords*."""
BARS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DOCS)
    target = parser.parse_args().out
    if missing():
        parser.error(f"not installed: {', '.join(missing())}")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["PUNCHIN_HOME"] = folder
        installed = plugin_build.install(home / "plug-ins", plugin_build.bundles())
        claps = installed.parent / ".clap" / "Punchin"
        with daemon(home, env={"REAL_WORKER": "1"}), bridge(home), screen() as display:
            with stage(claps / "Punchin.clap", display) as window:
                draw(window, target)
            with stage(claps / "PunchinChords.clap", display) as window:
                draw_chords(window, target)


def draw(window: Stage, target: Path) -> None:
    settled(window, target / "plugin_empty.png")
    window.click(SONG)
    window.click(TRACK)
    window.type("Keys")
    window.press("Return")
    window.click(NEW_TAKES)
    window.play(0, BARS * BAR)
    window.drag(at_bar(5.2), at_bar(5.5), at_bar(6.8))
    window.click(CHORDS)
    window.type("Am7 | F G")
    window.press("Return")
    until(lambda: window.state["settings"].get("chords"), 60)
    settled(window, target / "plugin_bars.png")
    window.click(TAKES)
    window.press("Home", "Right", "Right")
    window.click(PUNCH)
    time.sleep(15)  # so that there is progress to be seen
    window.picture(target / "plugin_working.png")
    until(lambda: window.state["regions"], SECONDS)
    window.press("2")
    until(lambda: window.state["take"] == 2, 60)
    settled(window, target / "plugin.png")


def draw_chords(window: Stage, target: Path) -> None:
    window.play(0, BARS * BAR)
    window.click(CHORDS_TRACK)
    window.type("Keys")
    window.press("Return")
    until(lambda: window.state["settings"].get("name"), 60)
    time.sleep(5)  # until the chords have names
    settled(window, target / "plugin_chords.png")


def at_bar(bar: float) -> tuple[float, float]:
    """Where a bar's start lies, or with a fraction what is within it."""
    left, top, width, height = WAVE
    return left + width * (bar - 1) / BARS, top + height / 2


def settled(window: Stage, path: Path) -> None:
    """A picture of what is shown once nothing moves any more, the pointer out of the way."""
    window.drag((4, 4))
    time.sleep(1)
    window.picture(path)


if __name__ == "__main__":
    main()
