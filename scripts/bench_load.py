"""Measures how long loading takes and how much memory, beside the peers, and writes one table.

    python scripts/bench_load.py [--only medium,audioldm2-large,large] [--out FOLDER] [--scratch FOLDER]

Checkpoints of the true shapes with random weights are written to `--scratch` (12 GB at most, taken away again), loaded
from the page cache, each in a process of its own. The floor is the time to read the file once. Memory is what a process
has for itself (anonymous), at most while it loads; pages of mapped files are the system's to drop and are shown apart.
Writes `bench_load.md` and `bench_load.json`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _bench import SUPPORT, Row
from _bench.table import machine, publish
from punchin_server.daemon.child import WAITING

sys.path.insert(0, str(SUPPORT))
from _bench.checkpoints import SHAPES, write_audioldm2, write_transformers
from fakes.checkpoints import write_audiocraft
from memory import Memory, measure

CASES = ("small", "medium", "audioldm2-large", "large")
LARGER = 1.1
"""Of the file or of the weights as they are held, whichever is more: what loading may take."""

PREPARE = """
import torch
from pathlib import Path
torch.set_grad_enabled(False)
folder, precision = Path(sys.argv[1]), sys.argv[2]
"""
OURS = """
from punchin_server.models.musicgen import onnx_step, weights
from punchin_server.worker import frugal
"""
LOAD_OURS = """
with frugal():
    kept = weights.load_lm(folder, dtype=None)
    if precision != "float16":  # on a GPU the weights go there from the mapped file
        kept = onnx_step.on_cpu(kept, precision, None, text=True)
"""
PEER = "from transformers import MusicgenForCausalLM\n"
LOAD_PEER = "kept = MusicgenForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))"
TRANSFER = """
from punchin_server.models.audioldm2.audioldm2 import load_audioldm2
from punchin_server.worker import frugal
"""
LOAD_TRANSFER = """
with frugal():
    kept = load_audioldm2(folder, torch.device('cpu'), getattr(torch, precision))
"""
DIFFUSERS = """
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL
from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
from transformers import ClapModel, GPT2Model, SpeechT5HifiGan, T5EncoderModel
parts = {"unet": AudioLDM2UNet2DConditionModel, "vae": AutoencoderKL, "vocoder": SpeechT5HifiGan,
         "text_encoder": ClapModel, "text_encoder_2": T5EncoderModel, "projection_model": AudioLDM2ProjectionModel,
         "language_model": GPT2Model}
"""
LOAD_DIFFUSERS = """
kept = [part.from_pretrained(folder / name, torch_dtype=getattr(torch, precision)) for name, part in parts.items()]
"""


def musicgen(case: str, scratch: Path) -> Iterator[Row]:
    """Ours from audiocraft's file in each precision; transformers' from its own file of the same numbers."""
    config = SHAPES[case]
    folder = write_audiocraft(scratch / "audiocraft", config)
    size, floor = _weigh(folder)
    ours = {}
    for precision in ("float16", "bfloat16", "int8", *(() if case == "large" else ("float32",))):
        ours[precision] = measure(PREPARE + OURS, LOAD_OURS, str(folder), precision)
        yield from _rows(case, f"Punchin, {precision}", ours[precision], size, floor, goal=LARGER)
    shutil.rmtree(folder)
    folder = write_transformers(scratch / "transformers", config)
    size, floor = _weigh(folder)
    peer = measure(PREPARE + PEER, LOAD_PEER, str(folder), "bfloat16")
    yield from _rows(case, "transformers, bfloat16", peer, size, floor)
    yield Row(case, "processor time, bfloat16: transformers ÷ Punchin", peer.cpu / ours["bfloat16"].cpu, "×")
    shutil.rmtree(folder)


def audioldm2(case: str, scratch: Path) -> Iterator[Row]:
    folder = write_audioldm2(scratch / "audioldm2")
    size, floor = _weigh(folder)
    for precision in ("float32", "float16"):
        ours = measure(PREPARE + TRANSFER, LOAD_TRANSFER, str(folder), precision)
        yield from _rows(case, f"Punchin, {precision}", ours, size, floor, goal=LARGER)
        peer = measure(PREPARE + DIFFUSERS, LOAD_DIFFUSERS, str(folder), precision)
        yield from _rows(case, f"diffusers, {precision}", peer, size, floor)
        yield Row(case, f"processor time, {precision}: diffusers ÷ Punchin", peer.cpu / ours.cpu, "×")
    shutil.rmtree(folder)


def _weigh(folder: Path) -> tuple[int, float]:
    """Bytes of the files of weights in `folder`, and the seconds to read them once, after they were read before."""
    files = [path for path in folder.rglob("*") if path.suffix in (".bin", ".safetensors")]
    for _ in range(2):
        started = time.perf_counter()
        for path in files:
            with path.open("rb", buffering=0) as file:
                block = bytearray(2**24)
                while file.readinto(block):
                    pass
        seconds = time.perf_counter() - started
    return sum(path.stat().st_size for path in files), seconds


def _rows(case: str, who: str, measured: Memory, size: int, floor: float, goal: float | None = None) -> Iterator[Row]:
    reading = f"reading {size / 1e9:.2f} GB once ({floor:.2f} s)"
    yield Row(case, f"{who}: time", measured.seconds, "s")
    yield Row(case, f"{who}: processor time", measured.cpu, "s")
    yield Row(case, f"{who}: processor time ÷ {reading}", measured.cpu / floor, "×")
    yield Row(case, f"{who}: memory at most ÷ file or weights", measured.peak / max(size, measured.held), "×", goal)
    yield Row(case, f"{who}: memory at most ÷ file", measured.peak / size, "×")
    yield Row(case, f"{who}: memory held ÷ file", measured.held / size, "×")
    yield Row(case, f"{who}: at most, with pages of the file, ÷ file", measured.resident / size, "×")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="medium,audioldm2-large,large", help=f"of {', '.join(CASES)}")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--scratch", type=Path, help="where to write the checkpoints, if not among temporary files")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(CASES):
        parser.error(f"unknown cases {sorted(unknown)}; there are {', '.join(CASES)}")
    os.environ |= WAITING | {"TQDM_DISABLE": "1"}  # as the worker has it; peers draw bars
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        rows = (
            row
            for case in chosen
            for row in (audioldm2 if case == "audioldm2-large" else musicgen)(case, Path(scratch) / case)
        )
        return publish("bench_load", f"Loading, random weights; {machine(os.cpu_count() or 1)}", rows, options.out)


if __name__ == "__main__":
    raise SystemExit(main())
