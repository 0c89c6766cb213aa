"""The main job, from nothing to sound: `python3 scripts/demo.py`.

Sets up its environment on the first run, plays a song out of our own generator (stems and a MIDI chord track),
asks the local daemon to fill bars 5 to 8 anew after the chord track, twice, and lays the takes into the song.
Prints where the time went and what the seams measure; writes WAV files and one picture to `out/demo`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import bootstrap


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=bootstrap.ROOT / "out" / "demo", help="folder to write to")
    parser.add_argument("--bars", default="5:8", help="bars to fill, both included")
    parser.add_argument("--takes", type=int, default=2, help="how many takes")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first take")
    options = parser.parse_args()
    bootstrap.relaunch()

    import demo_report
    from punchin_train.demo_song import write_song

    files = write_song(options.out / "song")
    print(f"Song: {files.mix}, {files.song.seconds:.0f} s at {files.song.tempo:.1f} BPM in {files.song.key.name}")
    arguments = [
        *("inpaint", files.mix, "--bars", options.bars, "--midi-tempo", files.chords, "--chords", files.chords),
        *("--takes", options.takes, "--seed", options.seed, "--full", "--out", options.out, "--json"),
    ]
    print("$ punchin", *arguments, flush=True)
    command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, arguments)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        return answer.returncode
    report = json.loads(answer.stdout)
    demo_report.show(report, files)
    print(f"Picture: {demo_report.draw(report, files, options.out / 'demo.png')}")
    return 0 if demo_report.untouched(report) else 1


if __name__ == "__main__":
    sys.exit(main())
