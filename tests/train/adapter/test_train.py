"""Adapter training learns the adapter alone, goes on as if it had never stopped, and is the same on two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from accelerate import Accelerator
from fakes.adapter_folders import write_clips, write_models
from fakes.audioldm2 import write_adapter
from fakes.script import ROOT
from punchin_server.engines.transfer.loading import TransferModels
from punchin_server.models.audioldm2.ap_adapter import adapter_parameters, adapter_state, load_adapter
from punchin_server.models.audioldm2.audioldm2 import load_audioldm2
from punchin_train.adapter.captions import find_clips
from punchin_train.adapter.clips import Clips, Turns, stream
from punchin_train.adapter.learner import load_models, loss_of
from punchin_train.adapter.train import Settings, Trainer
from punchin_wire.errors import AdapterMismatch, BadCheckpoint, BadSetting
from torch import Tensor

pytestmark = pytest.mark.model

SCRIPT = ROOT / "scripts" / "train_adapter.py"
CPU = torch.device("cpu")
QUICK = Settings(steps=4, batch=2, accumulate=2, workers=0, rate=1e-2, log_steps=1, keep_steps=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`clips`, `audioldm2` and `audiomae.pth`."""
    folder = tmp_path_factory.mktemp("adapter")
    write_clips(folder / "clips")
    write_models(folder)
    return folder


def models(folder: Path, adapter: Path | None = None, dtype: torch.dtype = torch.float32) -> TransferModels:
    return load_models(folder / "audioldm2", folder / "audiomae.pth", adapter, CPU, dtype)


def train(folder: Path, out: Path, settings: Settings, held_out: bool = False, **kwargs: Any) -> Trainer:
    clips = find_clips(folder / "clips")
    trainer = Trainer(models(folder, **kwargs), clips, out, settings, Accelerator(cpu=True))
    assert trainer.run(clips if held_out else []) is True
    return trainer


def state(out: Path) -> dict[str, Any]:
    return torch.load(out / "state.pt", weights_only=True)


def same(one: Any, other: Any) -> bool:
    """Whether two trees of tables, lists and tensors are equal to the bit."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_only_the_adapter_learns(folder: Path, tmp_path: Path) -> None:
    """Every one of its matrices moves, from copies of the text's; nothing else has a gradient. The log says so."""
    fresh = adapter_state(models(folder).base.unet)
    trainer = train(folder, tmp_path, QUICK)
    learned = adapter_parameters(trainer.unet)
    assert all(not torch.equal(weight, fresh[name]) for name, weight in learned.items())
    parts = trainer.models
    others = {*parts.base.unet.parameters(), *parts.base.vae.parameters(), *parts.base.text.parameters()} - {
        *learned.values()
    }
    assert others
    assert all(not p.requires_grad and p.grad is None for p in others)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["items"]) for line in lines] == [(1, 4), (2, 8), (3, 12), (4, 16)]
    assert all(line["loss"] > 0 and line["unreadable"] == 0 for line in lines)


def test_the_adapter_loads_as_a_published_one(folder: Path, tmp_path: Path) -> None:
    trainer = train(folder, tmp_path, QUICK)
    unet = load_audioldm2(folder / "audioldm2", CPU, torch.float32).unet
    load_adapter(unet, tmp_path / "adapter.safetensors")
    assert same(adapter_state(unet), adapter_state(trainer.unet))
    load_adapter(unet, tmp_path / "adapter-000003.safetensors")
    assert not same(adapter_state(unet), adapter_state(trainer.unet))


def test_the_loss_of_the_same_items_falls(folder: Path, tmp_path: Path) -> None:
    batch = next(stream(Clips(find_clips(folder / "clips"), 0), Turns(0, 8, 0, 1), 0))
    before = loss_of(models(folder), batch, 2).item()
    trainer = train(folder, tmp_path, replace(QUICK, steps=12, rate=3e-2, keep_steps=99))
    assert loss_of(trainer.models, batch, 2).item() < 0.97 * before


def test_a_run_that_was_stopped_is_the_run_that_was_not(folder: Path, tmp_path: Path) -> None:
    """To the bit: adapter, optimiser, place in the stream. Lines of steps that come again are not logged twice."""
    train(folder, tmp_path / "whole", QUICK)
    train(folder, tmp_path / "parts", replace(QUICK, steps=1))
    with (tmp_path / "parts" / "log.jsonl").open("a") as log:
        log.write('{"step": 2, "loss": 0.0}\n')  # of a step that was never saved
    train(folder, tmp_path / "parts", replace(QUICK, seed=99))  # the stream's seed is the state's
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    for one in (whole, parts):
        one["progress"].pop("seconds")
    assert same(whole, parts)
    steps = [json.loads(line)["step"] for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [
        "adapter-000003.safetensors",
        "adapter.safetensors",
        "log.jsonl",
        "state.pt",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_behind_its_step_and_leaves_the_state(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    handler = signal.getsignal(number)
    trainer = Trainer(
        models(folder), find_clips(folder / "clips"), tmp_path, replace(QUICK, steps=1000), Accelerator(cpu=True)
    )
    note = trainer._note

    def interrupted(**values: float) -> None:
        note(**values)
        if trainer.progress.step == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(trainer, "_note", interrupted)
    assert trainer.run([]) is False
    assert state(tmp_path)["progress"]["step"] == trainer.progress.step == 3
    assert signal.getsignal(number) == handler


def test_frozen_models_may_be_of_half_precision(folder: Path, tmp_path: Path) -> None:
    trainer = train(folder, tmp_path, QUICK, dtype=torch.bfloat16)
    assert trainer.unet.unet.dtype is torch.bfloat16
    assert {weight.dtype for weight in adapter_parameters(trainer.unet).values()} == {torch.float32}
    moments = state(tmp_path)["optimiser"]["state"][0]["exp_avg"]
    assert moments.dtype is torch.float32
    assert moments.abs().max() > 0


def test_training_goes_on_from_a_published_adapter(folder: Path, tmp_path: Path) -> None:
    path = write_adapter(tmp_path / "adapter.bin")
    trainer = train(folder, tmp_path / "out", replace(QUICK, steps=1, rate=0.0), adapter=path)
    assert same(adapter_state(trainer.unet), torch.load(path, weights_only=True))
    assert state(tmp_path / "out")["optimiser"]["state"][0]["exp_avg"].abs().max() > 0


def test_held_out_clips_give_a_loss_and_takes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is over the same items each time; takes are as long as what was heard, one for each pooling."""
    monkeypatch.setattr("punchin_train.adapter.learner.VALIDATION_STEPS", 2)
    train(folder, tmp_path, replace(QUICK, steps=2, keep_steps=1, rate=0.0), held_out=True)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    first, second = (line["held_out"] for line in lines if "held_out" in line)
    assert first == second > 0
    takes = sorted((tmp_path / "takes").iterdir())
    assert [path.name.split("_")[0] for path in takes] == ["step000001"] * 4 + ["step000002"] * 4
    assert {path.stem.split("_pooling")[1] for path in takes} == {"1", "2", "4", "8"}
    assert {soundfile.info(path).frames for path in takes} <= {8_000, 16_000, 32_000, 48_000, 163_840}


def test_a_foreign_state_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(BadCheckpoint):
        train(folder, tmp_path / "bad", QUICK)
    train(folder, tmp_path / "cut", replace(QUICK, steps=1))
    kept = state(tmp_path / "cut")
    kept["adapter"].popitem()
    torch.save(kept, tmp_path / "cut" / "state.pt")
    with pytest.raises(AdapterMismatch):
        train(folder, tmp_path / "cut", QUICK)


def test_a_loss_that_is_no_number_ends_the_run_before_it_harms(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Tensor:
        return loss_of(*args) * float("nan")

    monkeypatch.setattr("punchin_train.adapter.train.loss_of", broken)
    with pytest.raises(BadSetting, match="no number any more in step 1"):
        train(folder, tmp_path, QUICK)
    assert not (tmp_path / "state.pt").exists()


def command(folder: Path, out: Path, *options: str) -> list[str]:
    paths = ["--base", folder / "audioldm2", "--audiomae", folder / "audiomae.pth", "--data", folder / "clips"]
    return [str(SCRIPT), *map(str, paths), "--out", str(out), *options]


def test_two_processes_learn_what_one_learns_from_twice_the_batch(folder: Path, tmp_path: Path) -> None:
    """Gradients (as AdamW's first moments hold them) and loss agree but for rounding; a run may change between."""
    train(folder, tmp_path / "one", Settings(steps=1, batch=4, accumulate=1, workers=0, log_steps=1))
    options = ("--steps", "1", "--batch", "2", "--accumulate", "1", "--workers", "1", "--log-steps", "1")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*torchrun, *command(folder, tmp_path / "two", *options)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("4 items a step") == 1
    alone, shared = state(tmp_path / "one"), state(tmp_path / "two")
    assert alone["progress"]["items"] == shared["progress"]["items"] == 4
    for number, moments in alone["optimiser"]["state"].items():
        gradient, other = moments["exp_avg"], shared["optimiser"]["state"][number]["exp_avg"]
        assert gradient.abs().max() > 0
        assert torch.allclose(gradient, other, rtol=1e-3, atol=1e-5 * float(gradient.abs().max()))
    losses = [json.loads((tmp_path / run / "log.jsonl").read_text())["loss"] for run in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    train(folder, tmp_path / "two", QUICK)
    assert state(tmp_path / "two")["progress"]["items"] == 4 + 3 * 4


def test_the_script_says_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    (folder / "nothing").mkdir()
    ask = [sys.executable, *command(folder, tmp_path), "--data", str(folder / "nothing")]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "holds no audio files" in done.stderr
    assert "NAME.txt beside NAME.wav" in done.stderr
    assert "Traceback" not in done.stderr
