"""The pack in the wheel must be whole, small, safe to load, and hear and repeat music it was not trained on."""

import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from punchin_server.codecs.encodec import Codec
from punchin_server.codecs.loading import load_codec
from punchin_server.models.musicgen import airgen
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import MusicGen
from punchin_server.models.musicgen.weights import load_adapter, load_lm
from punchin_server.packs import registry
from punchin_train import measures
from punchin_train.inpaint.codec import CodecShape
from punchin_train.inpaint.lm import LmShape, delayed
from punchin_train.inpaint.pack import read_codec, read_lm
from punchin_train.inpaint.train_lm import frame_losses
from punchin_train.songs.demo_song import DEMO_SEED
from punchin_train.songs.rendering import Rendered, render_song
from punchin_train.songs.songs import compose
from punchin_wire.errors import PunchinError
from torch import Tensor

pytestmark = pytest.mark.torch

PACK = registry.read_pack(registry.EMBEDDED / "tiny")
CONTROLS = ("chord", "drums", "piano")


def test_its_files_are_the_ones_the_manifest_names() -> None:
    registry.verify(PACK)
    assert sum(file.size for file in PACK.manifest.files) <= 40_000_000
    assert PACK.manifest.licence == "Apache-2.0"
    assert set(PACK.manifest.adapters) == set(CONTROLS)
    assert PACK.manifest.text is None


def test_nothing_in_it_is_code() -> None:
    kinds = {Path(file.path).suffix for file in PACK.manifest.files}
    assert kinds == {".bin", ".pth", ".safetensors", ".json"}
    for file in PACK.manifest.files:
        if Path(file.path).suffix in (".bin", ".pth"):
            assert isinstance(torch.load(PACK.folder / file.path, weights_only=True), dict)


def test_a_changed_byte_is_noticed(tmp_path) -> None:
    shutil.copytree(PACK.folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "chord.pth"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(PunchinError):
        registry.verify(registry.read_pack(tmp_path))


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch speaks of Intel GPUs, once
def test_its_codec_can_be_trained_further() -> None:
    trainable, audio = read_codec(PACK.folder, CodecShape()), excerpt("mix")
    with torch.no_grad():
        codes = trainable.encode(torch.from_numpy(audio)[:, None])
        ours = trainable.decode(codes)[:, 0]
    assert torch.equal(codes, codec().encode(audio))
    assert np.abs(ours.numpy() - codec().decode(codes)).max() < 1e-3


@pytest.mark.model
def test_its_language_model_can_be_trained_further() -> None:
    product, trainable = load_lm(PACK.lm), read_lm(PACK.folder, LmShape())
    sequence = delayed(codec().encode(excerpt("mix")), product.config.special)
    steps = sequence.shape[2]
    with torch.no_grad():
        theirs = product.logits(product(sequence, StepSpan.of(0, steps), product.new_cache(1, steps)))
        ours = trainable.heads(trainable.features(sequence)[0])
    assert (ours - theirs).abs().max() < 1e-3


@cache
def codec() -> Codec:
    return load_codec(PACK.codec)


@cache
def song() -> Rendered:
    return render_song(compose(DEMO_SEED, 12.0, held_out=True))


def excerpt(track: str) -> np.ndarray:
    return song().track(track)[4 * 32_000 : 9 * 32_000][None]


@pytest.mark.model
def test_its_codec_keeps_the_harmony() -> None:
    audio = excerpt("mix")
    decoded = codec().decode(codec().encode(audio))
    cosine = measures.chroma_cosine(torch.as_tensor(decoded), torch.from_numpy(audio), 32_000).mean()
    assert cosine > 0.95


def losses(control: str, lm: MusicGen, mix: Tensor, condition: Tensor, hole: range) -> tuple[float, float]:
    """Mean cross-entropy of the first codebook where the context is repeated, and inside the hole."""
    window = mix.shape[2]
    kept = torch.ones(window, dtype=torch.bool)
    kept[hole.start : hole.stop] = False
    codes = torch.cat([torch.where(kept, mix, condition), mix], 2)
    sequence = delayed(codes, lm.config.special)
    steps = sequence.shape[2]
    bank = airgen.build_bank(lm, {control: load_adapter(PACK.folder / f"{control}.pth")})
    types = airgen.frame_types(kept, lm.config.codebooks)[:steps]
    state = airgen.AdapterGains.of(bank, torch.ones(1, 1)).at(types)
    with torch.no_grad():
        hidden = lm(sequence, StepSpan.of(0, steps), lm.new_cache(1, steps), adapters=state)
        first, _ = next(iter(frame_losses(lm.logits(hidden)[:, :, window:], codes, window)))
    return first[0, kept].mean().item(), first[0, ~kept].mean().item()


@pytest.mark.model
@pytest.mark.parametrize("control", CONTROLS)
def test_it_is_nearly_certain_of_the_context_it_repeats(control: str) -> None:
    mix, condition = codec().encode(excerpt("mix")), codec().encode(excerpt(control))
    repeated, _ = losses(control, load_lm(PACK.lm), mix, condition, range(60, 190))
    assert repeated < 0.5


@pytest.mark.model
def test_a_drum_track_makes_the_hole_less_surprising_than_silence() -> None:
    """One excerpt is enough for drums; how well chords and piano are followed takes many (docs/training.md)."""
    lm, mix = load_lm(PACK.lm), codec().encode(excerpt("mix"))
    silence = codec().encode(np.zeros_like(excerpt("mix")))
    _, guided = losses("drums", lm, mix, codec().encode(excerpt("drums")), range(60, 190))
    _, unguided = losses("drums", lm, mix, silence, range(60, 190))
    assert guided < unguided
