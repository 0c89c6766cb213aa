"""Measure how loud takes are beside what they replace, as a musician would: run `punchin`, read the files, compare.

The demo's song (its mix, its sparse melody, its comping) is written at ten levels from -60 to -6 LUFS, soft-clipped
where it would exceed full scale, and takes of short regions are asked for. Loudness is pyloudnorm's, read from the
files; steps at the joins are of the 400 ms before and after. Nothing here is shared with what makes the level.
Each take is a line of a JSONL file; a run goes on where an earlier one stopped.

    python scripts/measure_levels.py --out out/levels/now.jsonl      # then the table
    python scripts/measure_levels.py --out out/levels/now.jsonl --table
    python scripts/measure_levels.py --out out/levels/regions.jsonl --regions  # files of the region alone
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyloudnorm
import soundfile
from punchin_train.songs.demo_song import write_song

LEVELS = (-60, -50, -40, -33, -27, -23, -18, -14, -10, -6)
STEMS = ("mix", "melody", "comp")
STARTS = (8.3, 17.0)
SECONDS = 2.0
TAKES = 3
BLOCK = 0.4
SILENT = -30.0
"""A take begins with silence where its first 100 ms are this many dB below its level, and the song's are not."""
Array = npt.NDArray[np.float64]


class Case(NamedTuple):
    """Takes of one region of one file at one level."""

    engine: str
    stem: str
    level: int
    start: float

    @property
    def key(self) -> str:
        return f"{self.engine} {self.stem} {self.level} {self.start}"


def cases(engines: Sequence[str]) -> Iterator[Case]:
    for start in STARTS:
        for stem in STEMS:
            for level in LEVELS:
                for engine in engines:
                    yield Case(engine, stem, level, start)


def at_level(audio: Array, rate: int, level: float) -> Array:
    """`audio` `[samples, channels]` at `level` LUFS, its peaks rounded off where they would exceed full scale."""
    meter, drive = pyloudnorm.Meter(rate), 0.0
    for _ in range(20):
        made = audio * 10 ** (drive / 20)
        if np.max(np.abs(made)) > 0.99:
            made = 0.99 * np.tanh(made / 0.99)
        drive += level - meter.integrated_loudness(made)
    return made


def take_all(case: Case, songs: Path, folder: Path, regions: bool) -> list[dict[str, Any]]:
    """What `punchin` made of the case, measured; as files of the region alone, or whole songs."""
    audio, rate = soundfile.read(songs / f"{case.stem}.wav", always_2d=True)
    song = folder / f"{case.stem}.wav"
    soundfile.write(song, at_level(audio, rate, case.level), rate, subtype="PCM_24")
    region = ["--start", case.start, "--end", case.start + SECONDS]
    asked = ["--to", "violin"] if case.engine == "transfer" else []
    words = [case.engine, song, *region, *asked, "--seed", 1, "--takes", TAKES, "--out", folder, "--json"]
    full = [] if regions else ["--full"]
    command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, words), *full, "--no-progress"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=True)
    before, _ = soundfile.read(song, always_2d=True)
    report = json.loads(done.stdout)
    return [measured(case, before, take["path"], rate, report) for take in report["takes"]]


def measured(case: Case, before: Array, path: str, rate: int, report: dict[str, Any]) -> dict[str, Any]:
    after, _ = soundfile.read(path, always_2d=True)
    start, end = round(case.start * rate), round((case.start + SECONDS) * rate)
    if len(after) == end - start:
        after = np.concatenate([before[:start], after, before[end:]])
    take, replaced = after[start:end], before[start:end]
    meter, block = pyloudnorm.Meter(rate), round(BLOCK * rate)
    joins = [
        abs(_block(after, meter, at, at + block) - _block(before, meter, at, at + block)) for at in (start, end - block)
    ]
    return {
        "key": case.key,
        **case._asdict(),
        "difference": meter.integrated_loudness(take) - meter.integrated_loudness(replaced),
        "rms_difference": 10 * np.log10(np.mean(take**2) / max(np.mean(replaced**2), 1e-20) + 1e-20),
        "steps": [step for step in joins if np.isfinite(step)],
        "first_100_ms_db": _opening(take, rate),
        "song_first_100_ms_db": _opening(replaced, rate),
        "outside": float(np.max(np.abs(np.delete(after - before, slice(start, end), axis=0)))),
        "notes": report["notes"],
    }


def _opening(audio: Array, rate: int) -> float:
    """The level of the first 100 ms over that of the whole, in dB."""
    return float(10 * np.log10(np.mean(audio[: rate // 10] ** 2) / max(np.mean(audio**2), 1e-20) + 1e-20))


def _block(audio: Array, meter: pyloudnorm.Meter, start: int, end: int) -> float:
    return float(meter.integrated_loudness(audio[start:end]))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """For each engine and level: takes, loudness difference (median, 5 to 95 %), steps at the joins (median)."""
    heads = ("engine", "song at", "takes", "take − replaced: median", "5–95 %", "steps off by, median", "notes")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for engine in dict.fromkeys(row["engine"] for row in rows):
        for level in (*LEVELS, None):
            some = [row for row in rows if row["engine"] == engine and level in (None, row["level"])]
            found = np.array([row["difference"] for row in some])
            found = found[np.isfinite(found)]
            steps = [step for row in some for step in row["steps"]]
            if not len(found):
                continue
            low, middle, high = np.percentile(found, (5, 50, 95))
            where = "all" if level is None else f"{level} LUFS"
            noted = sum(bool(row["notes"]) for row in some)
            lines.append(
                f"| {engine} | {where} | {len(some)} | {middle:+.1f} LU | {low:+.1f} … {high:+.1f} "
                f"| {np.median(steps):.1f} LU | {noted} |"
            )
    silent = sum(row["first_100_ms_db"] < SILENT <= row["song_first_100_ms_db"] for row in rows)
    return "\n".join([*lines, "", f"Takes that begin with silence where the song does not: {silent} of {len(rows)}."])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/levels/takes.jsonl"), help="one line a take")
    parser.add_argument("--song", type=Path, default=Path("out/demo/song"), help="the demo's song; made if missing")
    parser.add_argument("--engine", choices=("inpaint", "transfer"), action="append", help="default: both")
    parser.add_argument("--level", type=int, choices=LEVELS, action="append", help="default: all")
    parser.add_argument("--regions", action="store_true", help="files of the region alone, not whole songs")
    parser.add_argument("--table", action="store_true", help="measure nothing more")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Possible clipped samples")
    warnings.filterwarnings("ignore", message="divide by zero")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    if not options.table:
        if not (options.song / "mix.wav").exists():
            write_song(options.song)
        known = {row["key"] for row in rows}
        for case in cases(options.engine or ("inpaint", "transfer")):
            if case.key in known or case.level not in (options.level or LEVELS):
                continue
            with tempfile.TemporaryDirectory() as folder:
                made = take_all(case, options.song, Path(folder), options.regions)
            with options.out.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in made)
            rows += made
            print(case.key, [f"{row['difference']:+.1f}" for row in made], flush=True)
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
