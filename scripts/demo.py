"""The main job, from nothing to sound: `python3 scripts/demo.py`.

Sets up its environment on the first run, plays a song out of our own generator (stems and a MIDI chord track),
asks the local daemon to fill bars 5 to 8 anew after the chord track, twice, and lays the takes into the song. Then it
hands the melody's stem to another instrument. Prints where the time went, what the seams measure and what is kept of
the melody; writes WAV files and two pictures to `out/demo`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import bootstrap


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=bootstrap.ROOT / "out" / "demo", help="folder to write to")
    parser.add_argument("--bars", default="5:8", help="bars to fill, both included")
    parser.add_argument("--takes", type=int, default=2, help="how many takes")
    parser.add_argument("--to", default="violin", help="the instrument that the melody is handed to")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first take")
    options = parser.parse_args()
    bootstrap.relaunch()

    import demo_report
    import demo_transfer
    from punchin_train.songs.demo_song import write_song

    files = write_song(options.out / "song")
    print(f"Song: {files.mix}, {files.song.seconds:.0f} s at {files.song.tempo:.1f} BPM in {files.song.key.name}")
    where = ("--bars", options.bars, "--midi-tempo", files.chords)
    how = ("--seed", options.seed, "--full", "--out", options.out, "--json")
    fill = ("inpaint", files.mix, *where, "--chords", files.chords, "--takes", options.takes, *how)
    if (report := punchin(*fill)) is None:
        return 1
    demo_report.show(report, files)
    print(f"Picture: {demo_report.draw(report, files, options.out / 'demo.png')}")

    stem = files.stems["melody"]
    if (moved := punchin("transfer", stem, "--to", options.to, *where, "--score", *how)) is None:
        return 1
    demo_transfer.show(moved, stem)
    print(f"Picture: {demo_transfer.draw(moved, stem, options.out / 'transfer.png')}")
    return 0 if demo_report.untouched(report) and demo_report.untouched(moved) else 1


def punchin(*words: object) -> dict[str, Any] | None:
    """The report of one `punchin` command, or None where it failed (and has said why)."""
    print("$ punchin", *words, flush=True)
    command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, words)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return None if answer.returncode else json.loads(answer.stdout)


if __name__ == "__main__":
    sys.exit(main())
