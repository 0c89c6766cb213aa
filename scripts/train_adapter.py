"""Trains an AP-Adapter on a folder of audio with captions, beside any AudioLDM2, as published.

    python scripts/train_adapter.py --base AUDIOLDM2 --audiomae pretrained.pth --data CLIPS --out RUN
    torchrun --nproc_per_node 4 scripts/train_adapter.py … --accumulate 1        # four GPUs, the same 28 items a step

`accelerate launch` serves as well as torchrun. The same command goes on where the last one was stopped, by Ctrl-C or
by SIGTERM. RUN gets `adapter.safetensors`, `state.pt` and `log.jsonl`; docs/training.md says how CLIPS is captioned.
"""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import fields
from pathlib import Path

from punchin_wire import program
from punchin_wire.errors import PunchinError, of_import

try:
    import torch
    from accelerate import Accelerator
    from punchin_train.adapter.captions import find_clips
    from punchin_train.adapter.learner import load_models
    from punchin_train.adapter.train import Settings, Trainer
except ImportError as missing:
    sys.exit(program.fail(of_import(missing, train=True), as_json=False))

HELP = {
    "steps": "where training ends",
    "batch": "items at once in each process",
    "accumulate": "batches a step",
    "rate": "of AdamW, constant",
    "seed": "of all that is random",
    "workers": "processes that read clips, for each that trains",
    "save_minutes": "between saved states",
    "keep_steps": "between adapters that are kept, and takes",
    "log_steps": "between lines of the log",
}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, metavar="FOLDER", help="AudioLDM2, as diffusers saves it")
    parser.add_argument("--audiomae", type=Path, required=True, metavar="FILE", help="AudioMAE's pretrained.pth")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="clips and captions")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the run is kept")
    parser.add_argument("--held-out", type=Path, metavar="FOLDER", help="clips to validate by, captioned alike")
    parser.add_argument("--adapter", type=Path, metavar="FILE", help="go on from this adapter, in place of copies")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the frozen models")
    for field in fields(Settings):
        name, value = f"--{field.name.replace('_', '-')}", field.default
        parser.add_argument(name, type=type(value), default=value, help=f"{HELP[field.name]} ({value})")
    return parser


def run(options: argparse.Namespace) -> int:
    # Without `cpu`, processes on CPUs would not know of one another. The adapter is float32, the rest as `--precision`.
    accelerator = Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision="no")
    settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    clips = find_clips(options.data)
    held_out = find_clips(options.held_out) if options.held_out else []
    dtype: torch.dtype = getattr(torch, options.precision)
    models = load_models(options.base, options.audiomae, options.adapter, accelerator.device, dtype)
    trainer = Trainer(models, clips, options.out, settings, accelerator)
    items = settings.batch * settings.accumulate * accelerator.num_processes
    learned = sum(weight.numel() for weight in trainer.weights)
    say = accelerator.print
    say(f"{len(clips)} clips, {items} items a step; {learned:,} parameters learn on {accelerator.device}")
    if trainer.progress.step:
        say(f"going on behind step {trainer.progress.step}")
    finished = trainer.run(held_out)
    say(f"{'done' if finished else 'stopped'} at step {trainer.progress.step}: {options.out / 'adapter.safetensors'}")
    accelerator.end_training()
    return 0 if finished else 128 + signal.SIGINT


def main() -> int:
    options = parser().parse_args()
    try:
        return run(options)
    except PunchinError as error:
        return program.fail(error, as_json=False)


if __name__ == "__main__":
    sys.exit(main())
