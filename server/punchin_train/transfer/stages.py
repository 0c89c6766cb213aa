"""The transfer half of a pack from nothing, stage by stage; each goes on from what the last run left in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from punchin_server.packs.registry import read_pack
from punchin_wire.params import Pooling, Solver

from ..report import line
from . import audiomae, clap, inverter, judge, unet, vae, vocoder
from .encoded import encode_lines
from .evaluate import Figures, TransferEvaluation
from .lines import Lines
from .pack import write_half
from .recordings import render_pieces
from .solos import render_lines

SHARES = {
    "lines": 0.03,
    "pieces": 0.0,
    "vae": 0.1,
    "vocoder": 0.2,
    "inverter": 0.16,
    "audiomae": 0.06,
    "clap": 0.06,
    "encode": 0.08,
    "unet": 0.26,
    "adapter": 0.03,
    "judge": 0.02,
    "half": 0.0,
    "evaluate": 0.0,
}
HELD_OUT_LINES, FIRST_HELD_OUT = 128, 9_000_000
FURTHER = ("lines", "encode", "unet", "judge", "half", "evaluate")
"""Stages that train a finished half further; the other parts stay as they are."""
SOLVER: Solver = "unipc"
STEPS, REFINE, GUIDED, HOLD = 20, 32, 0.2, 0.2


class TransferStages:
    """Each stage by its name; `minutes` is what the whole run may take, `pack` the pack that gains a transfer half."""

    def __init__(self, out: Path, minutes: float, lines: int, pack: Path, trials: int) -> None:
        self.out, self.minutes, self.count, self.pack, self.trials = out, minutes, lines, pack, trials
        self.train, self.held_out, self.codes = out / "lines" / "train", out / "lines" / "heldout", out / "encoded"
        self.recordings = out / "pieces"

    def file(self, name: str) -> Path:
        """Where a stage keeps what it trains."""
        return self.out / f"{name}.pt"

    def share(self, name: str) -> float:
        return self.minutes * SHARES[name]

    def lines(self) -> None:
        render_lines(self.train, range(self.count))
        render_lines(self.held_out, range(FIRST_HELD_OUT, FIRST_HELD_OUT + HELD_OUT_LINES), held_out=True)

    def pieces(self) -> None:
        render_pieces(self.recordings, range(self.count))

    def vae(self) -> None:
        vae.train(self.train, self.held_out, self.file("vae"), self.share("vae"))

    def vocoder(self) -> None:
        vocoder.train(self.train, self.held_out, self.file("vocoder"), self.share("vocoder"), self.file("vae"))

    def inverter(self) -> None:
        minutes = self.share("inverter")
        inverter.train(self.train, self.recordings, self.file("inverter"), minutes, self.file("vae"))

    def audiomae(self) -> None:
        audiomae.train(self.train, self.held_out, self.file("audiomae"), self.share("audiomae"))

    def clap(self) -> None:
        clap.train(self.train, self.held_out, self.file("clap"), self.share("clap"))

    def encode(self) -> None:
        encode_lines(Lines(self.train), vae.load(self.file("vae")), audiomae.load(self.file("audiomae")), self.codes)

    def unet(self) -> None:
        self._unet(self.share("unet"), adapter_only=False)

    def adapter(self) -> None:
        self._unet(self.share("adapter"), adapter_only=True)

    def _unet(self, minutes: float, *, adapter_only: bool) -> None:
        encoder = audiomae.load(self.file("audiomae"))
        unet.train(self.codes, encoder, self.file("clap"), self.file("unet"), minutes, adapter_only=adapter_only)

    def judge(self) -> None:
        judge.train(self.train, self.held_out, self.file("judge"), self.share("judge"))

    def half(self) -> None:
        write_half(self.pack, self.out, SOLVER, STEPS, REFINE, GUIDED, HOLD)

    def evaluate(self) -> None:
        figures: Figures = {}
        for found in self._measured():
            figures |= found
            for name, interval in found.items():
                print(line(name, interval), flush=True)
        (self.out / "transfer_figures.json").write_text(json.dumps(figures, indent=1))

    def _measured(self) -> Iterator[Figures]:
        """Bounds, the paper's settings, SDEdit, and how pooling and alpha trade fidelity for the target's sound."""
        os.environ["PUNCHIN_PACKS"] = str(self.pack)  # this one, not the one of its name that is installed
        name = read_pack(self.pack).name
        found = TransferEvaluation(name, Lines(self.held_out), judge.load(self.file("judge")), self.trials)
        yield from found.bounds()
        yield from found.grid("adapter", self.trials, [{"pooling": (2, 2), "alpha": 0.5, "guidance": 7.5}])
        yield from found.grid(
            "sdedit", self.trials, [{"method": "sdedit", "strength": s} for s in (0.4, 0.55, 0.7, 0.85)]
        )
        yield from found.grid("adapter", self.trials, [{"pooling": (w, w), "alpha": 0.5} for w in get_args(Pooling)])
        yield from found.grid("adapter", self.trials, [{"pooling": (2, 2), "alpha": a} for a in (0.25, 0.5, 0.75, 1.0)])
        yield from found.grid("adapter", self.trials, [{"alpha": 1.0, "guidance": g} for g in (1.0, 2.0, 4.0, 7.5)])
