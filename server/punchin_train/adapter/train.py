"""Trains an AP-Adapter beside a frozen AudioLDM2, on one CPU or many GPUs, and goes on where it was stopped.

As published (arXiv 2407.16564, section 4): only the adapter's keys and values learn, by the noise-prediction loss of
the base, with AdamW at a constant rate. The frozen models run here, not in the data loader. The adapter is small, so
processes average its gradients by hand, once a step: there is no wrapper around the UNet that would have to be told
which of the accumulated batches is the last.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import torch
from accelerate import Accelerator
from punchin_server.engines.transfer.loading import TransferModels
from punchin_server.models.audioldm2.ap_adapter import adapter_parameters
from punchin_wire.errors import BadSetting

from . import state
from .captions import Clip
from .clips import Batch, Clips, Turns, pooling_of, stream
from .learner import loss_of
from .state import Log, Progress
from .validation import held_out_loss, write_takes

BETAS, DECAY, CLIP = (0.9, 0.999), 1e-2, 1.0


@dataclass(frozen=True)
class Settings:
    """`batch` items at once in each process, `accumulate` times a step: 28 a step, as published, on one process.

    The state is written every `save_minutes`; every `keep_steps` the adapter is kept under a name of its own, and
    takes are written if there are clips to validate by.
    """

    steps: int = 35_000
    batch: int = 7
    accumulate: int = 4
    rate: float = 1e-4
    seed: int = 0
    workers: int = 2
    save_minutes: float = 10.0
    keep_steps: int = 3_000
    log_steps: int = 10


class Stop:
    """Ctrl-C and SIGTERM, caught: the step under way is finished and saved first.

    As often as they come: torchrun passes on a Ctrl-C that the terminal has already sent to every process.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Stop:
        self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, _: int, __: FrameType | None) -> None:
        self.requested = True


class Trainer:
    """A run in `folder`, new or resumed: this process's part, and what all processes do together."""

    def __init__(
        self, models: TransferModels, clips: list[Clip], folder: Path, settings: Settings, accelerator: Accelerator
    ) -> None:
        """Raises BadCheckpoint, AdapterMismatch for what `folder` holds."""
        folder.mkdir(parents=True, exist_ok=True)
        self.models, self.folder, self.settings, self.accelerator = models, folder, settings, accelerator
        self.unet = models.base.unet
        self.weights = list(adapter_parameters(self.unet).values())
        self.optimiser = torch.optim.AdamW(self.weights, settings.rate, BETAS, weight_decay=DECAY)
        self.progress = state.resume(folder, self.unet, self.optimiser, Progress(settings.seed))
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate
        self.log = Log(folder / state.LOG, self.progress.step) if accelerator.is_main_process else None
        self.data = Clips(clips, self.progress.seed)
        self.unreadable: set[str] = set()

    def run(self, held_out: list[Clip]) -> bool:
        """Train until `settings.steps` are done; False when asked to stop before. The state is saved either way.

        Raises BadAudio where nothing in the data can be read, BadSetting when the loss is no number any more.
        """
        settings, workers = self.settings, self.accelerator
        turns = Turns(self.progress.items, settings.batch, workers.process_index, workers.num_processes)
        batches = stream(self.data, turns, settings.workers)
        saved = clock = time.monotonic()
        stopped, losses = False, []
        with Stop() as stop:
            while self.progress.step < settings.steps and not stopped:
                loss, stopped = self._step(batches, stop)
                losses.append(loss)
                now = time.monotonic()
                self.progress = replace(self.progress, seconds=self.progress.seconds + now - clock)
                clock = now
                if self.progress.step % settings.log_steps == 0:
                    self._note(loss=sum(losses) / len(losses))
                    losses = []
                if self.progress.step % settings.keep_steps == 0:
                    self._keep(held_out)
                if now - saved > 60 * settings.save_minutes:
                    self._save()
                    saved = now
            self._save()
        return not stopped

    def _step(self, batches: Iterator[Batch], stop: Stop) -> tuple[float, bool]:
        """One step of the optimiser: the mean loss of all processes, and whether any of them was asked to stop."""
        settings, workers, before = self.settings, self.accelerator, self.progress
        size = settings.batch * workers.num_processes
        total = torch.zeros((), device=self.models.device)
        for turn in range(settings.accumulate):
            batch = next(batches)
            self._warn(batch.unreadable)
            pooling = pooling_of(before.seed, before.items + turn * size)
            loss = loss_of(self.models, batch, pooling) / settings.accumulate
            loss.backward()
            total += loss.detach()
        for weight in self.weights:
            weight.grad = workers.reduce(weight.grad, "mean")
        norm = torch.nn.utils.clip_grad_norm_(self.weights, CLIP)
        if not norm.isfinite():
            raise BadSetting(
                f"The loss was no number any more in step {before.step + 1}.",
                "Go on from the last saved state with a lower --rate, or in --precision float32.",
            )
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.progress = replace(before, step=before.step + 1, items=before.items + settings.accumulate * size)
        loss, stopped = workers.reduce(torch.stack([total, total.new_tensor(float(stop.requested))]), "mean").tolist()
        return loss, stopped > 0

    def _warn(self, unreadable: set[str]) -> None:
        for reason in sorted(unreadable - self.unreadable):
            print(f"left out: {reason}", file=sys.stderr, flush=True)
        self.unreadable |= unreadable

    def _note(self, **values: float) -> None:
        if self.log:
            done = self.progress
            self.log.write(
                step=done.step, items=done.items, seconds=round(done.seconds), unreadable=len(self.unreadable), **values
            )

    def _keep(self, held_out: list[Clip]) -> None:
        if not self.accelerator.is_main_process:
            return
        state.write_adapter(self.folder / f"adapter-{self.progress.step:06d}.safetensors", self.unet)
        if held_out:
            self._note(held_out=held_out_loss(self.models, held_out, self.settings.batch))
            write_takes(self.models, held_out, self.folder / "takes", self.progress.step)

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            state.save(self.folder, self.unet, self.optimiser, self.progress)
