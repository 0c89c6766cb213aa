"""AIRGen's adapter against LoRA and prefix tuning on a frozen base, at equal trainable parameters.

    python scripts/compare_adapters.py --out build/compare
    python scripts/compare_adapters.py --out build/compare --base build/plain/lm.pt     # another base

Renders and encodes songs that the base never heard, tries a few learning rates for each method, trains each at its
best, and measures it on held-out songs. What lies in `--out` is kept: the command goes on where it was stopped.
Everything random follows from the seeds, so on one machine the figures come out the same again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from punchin_server.packs.registry import EMBEDDED
from punchin_train import report
from punchin_train.compare import experiment
from punchin_train.compare.methods import METHODS, build, size
from punchin_train.inpaint import train_lm
from punchin_train.inpaint.codec import CodecShape
from punchin_train.inpaint.evaluate_takes import VARIANTS, Sampling, TakeEvaluation, Window, windows
from punchin_train.inpaint.lm import LanguageModel, LmShape
from punchin_train.inpaint.pack import read_codec, read_lm
from punchin_train.inpaint.tokens import control_of, encode_corpus, silence
from punchin_train.inpaint.windows import TokenCorpus
from punchin_train.measures import interval
from punchin_train.songs.rendering import render_corpus
from punchin_wire.disk import replacing

FIRST_SONG, SONG_SECONDS = 2_000, 40.0  # the base was trained on seeds below 1500
FIRST_HELD_OUT, HELD_OUT_SONGS, WINDOWS = 9_000_000, 64, 104
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
LOWEST = {"airgen": 1e-2, "lora": 1e-3, "prefix": 1e-2}  # where each family starts to look for its rate
DATA_SEED, START_SEED = 1, 0
SMOOTHING = 10  # steps, in the picture


class Comparison:
    """One condition on one base."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.out: Path = options.out
        self.condition: str = options.condition
        self.steps: int = options.steps
        self.pilot_steps: int = options.pilot_steps
        self.variants: tuple[str, ...] = tuple(options.variants)
        self.songs: int = options.songs
        self.results = self.out / f"{options.name}-{self.condition}.json"
        self.shape, self.codec = LmShape(), read_codec(options.pack, CodecShape())
        self.lm = self._base(options)
        self.found: dict[str, Any] = json.loads(self.results.read_text()) if self.results.exists() else {}

    def prepare(self) -> None:
        """Songs and tokens, of which each training song has the one control that is compared."""
        seeds = [s for s in range(FIRST_SONG, FIRST_SONG + 4 * self.songs) if control_of(s) == self.condition]
        for seed in seeds[: self.songs]:
            render_corpus(self.out / "songs", range(seed, seed + 1), SONG_SECONDS)
        render_corpus(self._held_out, range(FIRST_HELD_OUT, FIRST_HELD_OUT + HELD_OUT_SONGS), SONG_SECONDS, True)
        encode_corpus(self.codec, self._held_out, self.out / "heldout", every_control=True)
        encode_corpus(self.codec, self.out / "songs", self.out / "train", every_control=False)

    def rate(self, method: str) -> float:
        """The learning rate of a method's family: from its lowest upwards as long as a short run ends lower."""
        family = method.removeprefix("typed_")
        pilots: dict[str, float] = self.found.setdefault("pilots", {}).setdefault(family, {})
        best = LOWEST[family]
        for rate in RATES[RATES.index(best) :]:
            if str(rate) not in pilots:
                curve = self._trained(family, rate, self.pilot_steps, f"pilot_{family}")[1]
                pilots[str(rate)] = sum(curve[-15:]) / 15
                self._keep()
            if pilots[str(rate)] > pilots[str(best)]:
                break
            best = rate
        return best

    def run(self, method: str) -> None:
        """Train and measure one method."""
        entry = self.found.setdefault("methods", {}).setdefault(method, {})
        if "figures" in entry:
            return
        rate, started = self.rate(method), time.monotonic()
        tuned, curve = self._trained(method, rate, self.steps, method)
        entry.update(rate=rate, parameters=size(tuned.tuning), curve=curve, seconds=time.monotonic() - started)
        torch.save(tuned.tuning.state_dict(), self.out / f"{self.results.stem}-{method}.pt")
        self._keep()
        quiet = silence(self.codec, self.shape.window)
        evaluation = TakeEvaluation(tuned, self.codec, self.excerpts, quiet, Sampling())
        entry["surprise"] = experiment.surprise(tuned, self.excerpts, self.condition, evaluation.hole)[0]
        found = {}
        for name, bounds in experiment.figures(tuned, evaluation, self.condition, self.variants):
            found[name] = bounds
            print(method, report.line(name, bounds), flush=True)
        entry["figures"] = found
        self._keep()

    def _base(self, options: argparse.Namespace) -> LanguageModel:
        if options.base is None:
            return read_lm(options.pack, self.shape)
        return train_lm.load(options.base, self.shape).lm

    def _trained(self, method: str, rate: float, steps: int, title: str) -> tuple[experiment.Tuned, list[float]]:
        torch.manual_seed(START_SEED)
        quiet = silence(self.codec, self.shape.window)
        corpus = TokenCorpus(self.out / "train", quiet, self.shape.window, DATA_SEED)
        tuning = build(method, self.shape)
        curve = experiment.train(self.lm, tuning, corpus, self.condition, steps, rate, f"{title}_{rate:g}")
        return experiment.Tuned(self.lm, tuning.eval().requires_grad_(False)), curve

    @property
    def excerpts(self) -> list[Window]:
        """The held-out windows."""
        return windows(self._held_out, self.out / "heldout", self.shape.window, WINDOWS)

    @property
    def _held_out(self) -> Path:
        return self.out / "heldout-songs"

    def _keep(self) -> None:
        with replacing(self.results, durable=False) as file:
            file.write(json.dumps(self.found, indent=1).encode())


def table(found: dict[str, Any], condition: str, variants: tuple[str, ...]) -> str:
    """Markdown: a row a method, and how far each lies from AIRGen's on the same windows."""
    head = ["", "parameters", "rate", "hidden frames, nats", "more than AIRGen", "repeated frames, nats"]
    head += [f"chords right, {variant}" for variant in variants]
    rows = [head, ["---"] * len(head)]
    for method, entry in found["methods"].items():
        figures = entry["figures"]
        pairs = zip(entry["surprise"], found["methods"]["airgen"]["surprise"], strict=True)
        more = interval([ours - theirs for ours, theirs in pairs])
        cells = [figures["hidden frames, nats"], more, figures["repeated frames, nats"]]
        for variant in variants:
            title = "foreign chords" if variant == "foreign" else "chords"
            cells.append(figures[f"{condition}, {variant} control: {title}"])
        shown = [f"{mean:.3f} ({low:.3f} .. {high:.3f})" for mean, low, high in cells]
        rows.append([method, f"{entry['parameters']:,}", f"{entry['rate']:g}", *shown])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw(found: dict[str, Any], picture: Path) -> None:
    """The losses of all methods, each point the mean of SMOOTHING steps."""
    import matplotlib  # only for this

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(6, 3), dpi=80)
    for method, entry in found["methods"].items():
        whole = len(entry["curve"]) // SMOOTHING * SMOOTHING
        means = np.reshape(entry["curve"][:whole], (-1, SMOOTHING)).mean(1)
        panel.plot(SMOOTHING * np.arange(1, len(means) + 1), means, label=method, linewidth=1)
    panel.set(xlabel="steps", ylabel="loss")
    panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(picture)
    pyplot.close(figure)


def main() -> None:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--pack", type=Path, default=EMBEDDED / "tiny", help="codec, and base unless --base is given")
    parser.add_argument("--base", type=Path, help="a language model's training checkpoint (lm.pt)")
    parser.add_argument("--name", default="shipped", help="what the base is called in the results' file name")
    parser.add_argument("--condition", choices=train_lm.CONDITIONS, default="chord")
    parser.add_argument("--songs", type=int, default=120, help="training songs of 40 s")
    parser.add_argument("--steps", type=int, default=300, help="of 4 windows, for each method")
    parser.add_argument("--pilot-steps", type=int, default=60, help="for each learning rate")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS[:3], default=("own", "silent"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(options)
    comparison.prepare()
    for method in options.methods:
        comparison.run(method)
    print(table(comparison.found, options.condition, comparison.variants))
    draw(comparison.found, comparison.results.with_suffix(".png"))


if __name__ == "__main__":
    main()
