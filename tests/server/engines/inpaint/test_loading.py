"""From a pack on disk, in the published formats, to takes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.pack import write_random_pack
from punchin_server.engines.device import choose_device, choose_precision
from punchin_server.engines.inpaint import loading
from punchin_server.engines.inpaint.engine import load
from punchin_server.engines.inpaint.loading import load_models
from punchin_server.models.musicgen.musicgen import LMConfig
from punchin_wire.errors import AdapterMismatch, BadCheckpoint, PackMissing, Unsupported
from punchin_wire.frames import describe
from punchin_wire.messages import ChordSegment, Done, Hole, InpaintRequest, Take, TakeSpec
from transformers import T5Config, T5EncoderModel, T5Tokenizer

pytestmark = pytest.mark.torch

HOP = 8
Maker = Callable[..., str]


@pytest.fixture
def make_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """A pack of a random language model, codec and chord adapter, as files; returns its name."""

    def make(card: int = 32, width: int = 32) -> str:
        monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "mini"))
        return write_random_pack(tmp_path / "mini", card, width)

    return make


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "int8"])
def test_pack_on_disk_makes_takes(make_pack: Maker, precision: str) -> None:
    """Every precision of the CPU: a take over the hole, and `Done` says what made it."""
    engine = load(make_pack(), "cpu", precision)
    song = (0.3 * np.sin(np.arange(40 * HOP) / 5)).astype(np.float32)[None]
    request = InpaintRequest(
        source=describe(song, 32_000),
        holes=(Hole(20 * HOP, 25 * HOP),),
        takes=(TakeSpec(1, {"chord": 1.0}), TakeSpec(2)),
        chords=(ChordSegment(0.0, 1.0, "A:min"),),
        beats=(0.0,),
        pack="mini",
    )
    emissions = list(engine.run(request, [song]))
    takes = [e for e in emissions if isinstance(e.event, Take)]
    assert [t.event.seed for t in takes] == [1, 2]  # type: ignore[union-attr]
    assert all(t.audio is not None and np.isfinite(t.audio).all() for t in takes)
    done = emissions[-1].event
    assert isinstance(done, Done)
    assert done.models["pack"] == "mini 3"
    assert done.models["precision"] == ("float32" if precision == "auto" else precision)
    assert len(done.models["sha256 chord.pth"]) == 64


def test_pack_settings_reach_the_engine(make_pack: Maker) -> None:
    models = load_models(make_pack(), "cpu", "float32")
    assert (models.window, models.chord_rhythm, models.sampling.top_k, models.sampling.temperature) == (
        16,
        "compat",
        8,
        0.9,
    )
    assert models.bank is not None
    assert models.bank.names == ("chord",)
    assert models.lm.max_steps >= 2 * 16 + 4


def test_adapter_of_another_width(make_pack: Maker) -> None:
    with pytest.raises(AdapterMismatch, match=r"chord.*width 64"):
        load(make_pack(width=64), "cpu", "float32")


def test_codec_of_another_size(make_pack: Maker) -> None:
    with pytest.raises(BadCheckpoint, match="4 codebooks of 32, the codec 4 of 64"):
        load(make_pack(card=64), "cpu", "float32")


def test_what_is_not_there() -> None:
    with pytest.raises(PackMissing):
        load("no-such-pack", "cpu", "float32")
    with pytest.raises(Unsupported):
        choose_precision("float4", torch.device("cpu"))
    if not torch.cuda.is_available():
        with pytest.raises(Unsupported, match="cuda"):
            choose_device("cuda")


def test_of_two_gpus_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    for name in ("cuda:2", "gpu", "xpu", "meta"):
        with pytest.raises(Unsupported, match=f"no device {name!r} .* It has cpu, cuda:0 to cuda:1") as caught:
            choose_device(name)
        assert "--device auto" in caught.value.next_step


def test_the_codec_lies_where_the_language_model_does(make_pack: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the second GPU, when that was asked for: not on the first of its kind."""
    whole = load_models(make_pack(), "cpu", "float32")
    asked: list[str] = []

    def load_codec(_: Path, device: str) -> object:
        asked.append(device)
        return whole.codec

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(loading, "load_codec", load_codec)
    monkeypatch.setattr(loading, "_language_model", lambda *_: (whole.lm, whole.bank))
    load_models("mini", "cuda:1", "float16")
    assert asked == ["cuda:1"]


def test_text_waits_for_a_text(make_pack: Maker, tmp_path: Path) -> None:
    """T5 is read when the first text comes, and then once; until then a pack may be loaded without its library."""
    assert load_models(make_pack(), "cpu", "float32").text is None
    text = loading.LazyText(tmp_path / "t5", torch.device("cpu"), LMConfig(layers=1, width=8, heads=1, text_width=24))
    with pytest.raises(BadCheckpoint, match="t5 holds no T5"):
        text.encode("warm")
    T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)], extra_ids=0).save_pretrained(tmp_path / "t5")
    T5EncoderModel(T5Config(vocab_size=3, d_model=24, d_kv=8, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(
        tmp_path / "t5"
    )
    assert text.encode("warm").shape[1] == 24
    shutil.rmtree(tmp_path / "t5")
    assert text.encode("warm").shape[1] == 24
