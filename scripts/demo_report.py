"""What the demo says of its takes, measured on the files it wrote and on nothing else: tables and one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile
from punchin_train.songs.demo_song import SongFiles
from rich.console import Console
from rich.table import Table

PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
INK, HOLE = "#26323f", "#f2b134"

Report = dict[str, Any]


def show(report: Report, files: SongFiles) -> None:
    """Where the time went, what each seam measures, and how the takes follow the chords."""
    console = Console(width=100)
    times = Table(title="Where the time went")
    for name in report["timings"]:
        times.add_column(name, justify="right")
    times.add_row(*(f"{seconds:.2f} s" for seconds in report["timings"].values()))
    console.print(times)

    rows = Table(title="Takes, measured from the files")
    for name in ("take", "seed", "samples changed outside", "level step L / R", "flux L / R", "chords hit", "file"):
        rows.add_column(name)
    for number, take in enumerate(report["takes"], start=1):
        joins = [take["seam"][0]["left"], take["seam"][0]["right"]]
        steps = " / ".join(_number(join, "level_step_lu", "{:+.1f} LU") for join in joins)
        flux = " / ".join(_number(join, "flux_ratio", "{:.1f}×") for join in joins)
        hits = f"{chord_hits(Path(take['path']), report, files):.0%}"
        outside = str(differing_outside(report, take))
        rows.add_row(str(number), str(take["seed"]), outside, steps, flux, hits, Path(take["path"]).name)
    hits = f"{chord_hits(files.mix, report, files):.0%}"
    rows.add_row("–", "–", "–", "–", "–", hits, f"{files.mix.name} (the song as it was)")
    console.print(rows)
    console.print("Flux is the largest spectral change at the join over the song's own median change.")
    for note in report["notes"]:
        console.print(note, highlight=False)


def untouched(report: Report) -> bool:
    """Is every sample outside the selection bit-identical in every take?"""
    return all(differing_outside(report, take) == 0 for take in report["takes"])


def differing_outside(report: Report, take: Report) -> int:
    """How many integer samples of a full-song take differ from the song outside the region."""
    before, _ = soundfile.read(report["song"], dtype="int32", always_2d=True)
    after, _ = soundfile.read(take["path"], dtype="int32", always_2d=True)
    differs = (before != after).any(axis=1)
    differs[report["region"]["start"] : report["region"]["end"]] = False
    return int(differs.sum())


def chord_hits(path: Path, report: Report, files: SongFiles) -> float:
    """Share of the region's frames whose loudest major or minor triad is the chord track's (24 chords: 4 % by luck)."""
    chroma, times = _chroma(path)
    templates = {}
    for root in range(12):
        for quality, third in (("maj", 4), ("min", 3)):
            template = np.zeros(12)
            template[[root, (root + third) % 12, (root + 7) % 12]] = 1
            templates[root, quality] = template
    names = list(templates)
    best = np.argmax(np.stack([templates[name] for name in names]) @ chroma, axis=0)  # [frames]
    hits = total = 0
    for segment in files.song.chords:
        wanted = _triad(segment.label)
        if wanted is None:
            continue
        start = max(segment.start, report["region"]["start_seconds"])
        end = min(segment.end, report["region"]["end_seconds"])
        inside = np.flatnonzero((times >= start) & (times < end))
        hits += sum(names[best[i]] == wanted for i in inside)
        total += len(inside)
    return hits / max(total, 1)


def draw(report: Report, files: SongFiles, path: Path) -> Path:
    """Waveform and chroma of the song before and after the first takes, the hole and the chords marked."""
    region = report["region"]
    start, end = region["start_seconds"], region["end_seconds"]
    shown = [("before", files.mix)]
    shown += [(f"take {i + 1}", Path(take["path"])) for i, take in enumerate(report["takes"][:2])]
    low, high = max(0.0, start - 8.0), min(files.song.seconds, end + 8.0)
    figure, axes = plt.subplots(2 * len(shown), 1, figsize=(12, 2.6 * len(shown)), sharex=True, layout="constrained")
    for row, (title, source) in enumerate(shown):
        audio, rate = soundfile.read(source, always_2d=True)
        wave, chroma = axes[2 * row], axes[2 * row + 1]
        block = rate // 100
        mono = audio.mean(axis=1)[: len(audio) // block * block].reshape(-1, block)
        seconds = (np.arange(len(mono)) + 0.5) / 100
        wave.fill_between(seconds, mono.min(axis=1), mono.max(axis=1), color=INK, linewidth=0)
        wave.set_ylabel(title, fontweight="bold")
        wave.set_yticks([])
        values, times = _chroma(source)
        chroma.pcolormesh(times, np.arange(12), values, cmap="magma", shading="nearest", rasterized=True)
        chroma.set_yticks(range(0, 12, 2), PITCH_CLASSES[::2], fontsize=7)
        for axis in (wave, chroma):
            axis.axvspan(start, end, facecolor=HOLE if axis is wave else "none", edgecolor=HOLE, alpha=0.35, lw=0)
            for edge in (start, end):
                axis.axvline(edge, color=HOLE, linewidth=1.5)
        for segment in files.song.chords:
            if low <= segment.start < high:
                wave.text(segment.start, wave.get_ylim()[1], segment.label, fontsize=7, va="bottom", color=INK)
                chroma.axvline(segment.start, color="white", linewidth=0.4, alpha=0.6)
    axes[-1].set_xlim(low, high)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(
        f"{files.mix.name}: the selection (yellow) before and after, chords of the chord track above", y=1.02
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return path


def _chroma(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """CQT chroma `[12, frames]`, harmonic part only, and the times of its frames in seconds."""
    audio, rate = librosa.load(path, sr=22_050, mono=True)
    hop = 1024
    chroma = librosa.feature.chroma_cqt(y=librosa.effects.harmonic(audio), sr=rate, hop_length=hop)
    chroma = librosa.decompose.nn_filter(chroma, aggregate=np.median, metric="cosine", width=3)
    return chroma, librosa.times_like(chroma, sr=rate, hop_length=hop)


def _triad(label: str) -> tuple[int, str] | None:
    """Root and third of a chord label of our generator, None where it has neither a major nor a minor third."""
    if ":" not in label:
        return None
    root, quality = label.split(":")
    pitch = PITCH_CLASSES.index(root.replace("#", "♯"))
    kinds = {"maj": "maj", "maj7": "maj", "7": "maj", "min": "min", "min7": "min"}
    kind = kinds.get(quality.split("/")[0])
    return None if kind is None else (pitch, kind)


def _number(join: Report | None, name: str, form: str) -> str:
    return "–" if join is None or join[name] is None else form.format(join[name])
