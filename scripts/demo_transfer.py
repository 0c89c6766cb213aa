"""What the demo says of its transfer, measured on the files it wrote: a table and one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile
from demo_report import PITCH_CLASSES, Report, differing_outside
from rich.console import Console
from rich.table import Table

RATE, HOP = 22_050, 512


def show(report: Report, stem: Path) -> None:
    """What was asked, where the time went, and what each take keeps of the stem."""
    console = Console(width=100)
    settings = report["settings"]
    console.print(f"Prompt: {settings['prompt']!r}, not {settings['negative_prompt']!r}", markup=False)
    rows = Table(title="Transfers, measured from the files")
    for name in (
        "take",
        "seed",
        "seconds",
        "samples changed outside",
        "level",
        "notes kept",
        "near the prompt",
        "file",
    ):
        rows.add_column(name)
    region = report["region"]
    rows.add_row("–", "–", "", "", _level(stem, region), f"{1:.0%}", "–", f"{stem.name} (the stem as it was)")
    for number, take in enumerate(report["takes"], start=1):
        path = Path(take["path"])
        kept = "–" if take["fidelity"] is None else f"{take['fidelity']:.0%}"
        near = f"{take['scores']['clap']:+.2f}" if "clap" in take["scores"] else "–"
        outside = str(differing_outside(report, take))
        seconds = f"{report['timings']['total']:.1f}"
        rows.add_row(str(number), str(take["seed"]), seconds, outside, _level(path, region), kept, near, path.name)
    console.print(rows)
    console.print("Notes kept: cosine of the chroma of stem and take. Near the prompt: the pack's own CLAP.")
    for note in report["notes"]:
        console.print(note, highlight=False, markup=False)


def draw(report: Report, stem: Path, path: Path) -> Path:
    """Spectrum and chroma of the region, before and after."""
    region = report["region"]
    shown = [("before", stem), *((f"take {i + 1}", Path(take["path"])) for i, take in enumerate(report["takes"][:1]))]
    figure, axes = plt.subplots(2, len(shown), figsize=(12, 5.2), sharex=True, layout="constrained")
    for column, (title, source) in enumerate(shown):
        audio = _region(source, region)
        spectrum = librosa.amplitude_to_db(np.abs(librosa.cqt(audio, sr=RATE, hop_length=HOP, n_bins=84)), ref=np.max)
        chroma = librosa.feature.chroma_cqt(y=audio, sr=RATE, hop_length=HOP)
        times = region["start_seconds"] + librosa.times_like(chroma, sr=RATE, hop_length=HOP)
        axes[0, column].pcolormesh(times, np.arange(84), spectrum, cmap="magma", vmin=-60, shading="nearest")
        axes[0, column].set_yticks(range(0, 84, 12), [f"C{octave}" for octave in range(1, 8)], fontsize=7)
        axes[0, column].set_title(f"{title}: {source.name}", fontsize=9)
        axes[1, column].pcolormesh(times, np.arange(12), chroma, cmap="magma", shading="nearest")
        axes[1, column].set_yticks(range(0, 12, 2), PITCH_CLASSES[::2], fontsize=7)
        axes[1, column].set_xlabel("seconds")
    figure.suptitle(f"{report['settings']['prompt']}: the same notes (below), another sound (above)", fontsize=10)
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path


def _region(path: Path, region: dict[str, Any]) -> np.ndarray:
    """The region of a file that is as long as the stem, mono at 22.05 kHz."""
    audio, _ = librosa.load(
        path, sr=RATE, offset=region["start_seconds"], duration=region["end_seconds"] - region["start_seconds"]
    )
    return audio


def _level(path: Path, region: dict[str, Any]) -> str:
    audio, _ = soundfile.read(path, start=region["start"], stop=region["end"], always_2d=True)
    return f"{20 * np.log10(np.sqrt(np.mean(audio**2)) + 1e-12):.1f} dB"
