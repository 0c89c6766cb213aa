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

BARS = (5, 8)
TAKES = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=bootstrap.ROOT / "out" / "demo", help="folder to write to")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first take")
    options = parser.parse_args()
    bootstrap.relaunch()

    from punchin_train.demo_song import write_demo_song

    song = write_demo_song(options.out / "song")
    print(f"Song: {song.mix} ({song.seconds:.0f} s, {song.tempo:.1f} BPM), chord track: {song.chords}", flush=True)
    command = [
        *(sys.executable, "-m", "punchin_bridge.cli", "inpaint", song.mix),
        *("--bars", f"{BARS[0]}:{BARS[1]}", "--midi-tempo", song.chords, "--chords", song.chords),
        *("--takes", TAKES, "--seed", options.seed, "--full", "--out", options.out, "--json"),
    ]
    print("$ punchin", *map(str, command[3:]), flush=True)
    answer = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        print(answer.stdout)
        return answer.returncode
    result = json.loads(answer.stdout)

    import demo_report

    demo_report.print_tables(result)
    differing = [demo_report.differing_samples(song.mix, Path(take["path"]), result) for take in result["takes"]]
    print(f"Samples that differ outside the selection, counted from the files: {differing}")
    picture = demo_report.draw(song, result, options.out / "demo.png")
    print(f"Picture: {picture}")
    return 1 if any(differing) else 0


if __name__ == "__main__":
    sys.exit(main())
