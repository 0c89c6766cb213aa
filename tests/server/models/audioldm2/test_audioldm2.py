"""An AudioLDM2 folder loads to exactly the models that were saved, or is refused with the part's name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from fakes import audioldm2 as fake
from punchin_server.models.audioldm2.audioldm2 import AudioLDM2, load_audioldm2, load_unet
from punchin_wire.errors import BadCheckpoint, FileMissing, PunchinError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GPT2LMHeadModel, SpeechT5HifiGan

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")
UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"
CLAP, T5, GPT2 = (f"{part}/model.safetensors" for part in ("text_encoder", "text_encoder_2", "language_model"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake.write_folder(tmp_path_factory.mktemp("audioldm2"), "large")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(written, tmp_path / "model")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> AudioLDM2:
    return load_audioldm2(folder, CPU, dtype)


def rewrite(file: Path, **changes: Tensor | None) -> None:
    """Replace, add or (None) drop tensors of a safetensors file; `__` stands for a dot."""
    state: dict[str, Any] = load_file(file) | {name.replace("__", "."): tensor for name, tensor in changes.items()}
    save_file({name: tensor for name, tensor in state.items() if tensor is not None}, file)


def reconfigure(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def speak(loaded: AudioLDM2) -> Tensor:
    """One number of each part: what a prompt, a step, a decoding and a vocoder give."""
    prompt = loaded.text.encode(["a violin solo", ""])
    loaded.unet.read_prompt(*prompt, None, 0.0)
    x = torch.linspace(-2, 2, 2 * 8 * 16 * 16).view(2, 8, 16, 16).to(prompt.loa.dtype)
    eps = loaded.unet(x, torch.tensor(10)).float()
    mel = loaded.vae.decode(eps.to(loaded.vae.dtype)).sample[:, 0]
    return loaded.vocoder(mel).float()


def test_the_loaded_models_are_the_saved_ones(written: Path) -> None:
    loaded = load(written)
    for model, file in ((loaded.unet.unet, UNET), (loaded.vae, VAE), (loaded.text.clap, CLAP), (loaded.text.t5, T5)):
        saved = load_file(written / file)
        ours = model.state_dict()
        assert all(torch.equal(ours[name], tensor) for name, tensor in saved.items())
    vae = AutoencoderKL.from_pretrained(written / "vae")
    vocoder = SpeechT5HifiGan.from_pretrained(written / "vocoder")
    z, mel = torch.randn(1, 8, 8, 16), torch.randn(1, 32, 64)
    with torch.no_grad():
        assert torch.equal(loaded.vae.decode(z).sample, vae.decode(z).sample)
        assert torch.equal(loaded.vocoder(mel), vocoder(mel))
    assert loaded.scheduler_config["beta_end"] == 0.0195


def test_what_is_loaded_is_frozen_whole_and_says_its_sizes(written: Path) -> None:
    loaded = load(written)
    for model in (loaded.unet, loaded.vae, loaded.vocoder, loaded.text):
        assert not model.training
        assert not any(p.requires_grad for p in model.parameters())
        assert not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    assert (loaded.scale, loaded.latent_channels, loaded.freq) == (4, 8, 16)
    assert loaded.text.compares
    assert speak(loaded).shape == (2, 16 * 4 * 160 + 32)


def test_the_base_layout_without_audio_tower_loads_too(tmp_path: Path) -> None:
    loaded = load(fake.write_folder(tmp_path, "base", audio_tower=False))
    assert not loaded.text.compares
    assert speak(loaded).shape == (2, 16 * 4 * 160 + 32)


@pytest.mark.parametrize(
    ("dtype", "decoder", "t5_output"),
    [
        (torch.float16, torch.float16, torch.float32),  # T5 overflows where transformers keeps float32
        (torch.bfloat16, torch.float32, torch.bfloat16),
    ],
)
def test_half_precision(written: Path, dtype: torch.dtype, decoder: torch.dtype, t5_output: torch.dtype) -> None:
    loaded = load(written, dtype)
    assert {p.dtype for p in loaded.unet.parameters()} == {dtype}
    assert {p.dtype for p in (*loaded.vae.parameters(), *loaded.vocoder.parameters())} == {decoder}
    outputs = [p for name, p in loaded.text.t5.named_parameters() if ".wo." in name]
    assert {p.dtype for p in outputs} == {t5_output}
    assert {p.dtype for p in loaded.text.gpt2.parameters()} == {dtype}
    assert speak(loaded).isfinite().all()


def to_bin(folder: Path) -> None:
    for file in folder.glob("*/*.safetensors"):
        name = file.name.replace("model.safetensors", "pytorch_model.bin" if file.stem == "model" else "model.bin")
        torch.save(load_file(file), file.with_name(name))
        file.unlink()


def to_variant(folder: Path) -> None:
    for file in folder.glob("*/*.safetensors"):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))


def to_sharded_variant(folder: Path) -> None:
    """Half precision in two files and an index, as diffusers names them."""
    for file in folder.glob("*/*.safetensors"):
        state = load_file(file)
        where = {name: f"{file.stem}.fp16-0000{1 + n % 2}-of-00002.safetensors" for n, name in enumerate(state)}
        for shard in set(where.values()):
            save_file({name: tensor for name, tensor in state.items() if where[name] == shard}, file.with_name(shard))
        file.with_name(f"{file.stem}.safetensors.index.fp16.json").write_text(json.dumps({"weight_map": where}))
        file.unlink()


def to_older_vae(folder: Path) -> None:
    """Its attentions as diffusers named them before 0.17."""
    state = load_file(folder / VAE)
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        state = {name.replace(f".{new}.", f".{old}."): tensor for name, tensor in state.items()}
    assert "encoder.mid_block.attentions.0.proj_attn.bias" in state
    save_file(state, folder / VAE)


def to_language_model_head(folder: Path) -> None:
    loaded = load(folder)
    whole = GPT2LMHeadModel(loaded.text.gpt2.config)
    whole.transformer.load_state_dict(loaded.text.gpt2.state_dict())
    whole.save_pretrained(folder / "language_model")


def to_older_libraries(folder: Path) -> None:
    """Tables of indices left out or added, the shared embedding under its other name, the vocoder's old type."""
    rewrite(
        folder / CLAP,
        text_model__embeddings__position_ids=None,
        text_model__embeddings__token_type_ids=None,
    )
    embedding = load_file(folder / T5)["shared.weight"]
    rewrite(folder / T5, shared__weight=None, encoder__embed_tokens__weight=embedding)
    rewrite(folder / GPT2, h__0__attn__bias=torch.ones(1, 1, 160, 160))
    reconfigure(folder / "vocoder" / "config.json", model_type="hifigan")


def to_whole_t5(folder: Path) -> None:
    rewrite(folder / T5, decoder__final_layer_norm__weight=torch.ones(fake.T5), lm_head__weight=torch.ones(2, 2))


WAYS = (to_bin, to_variant, to_sharded_variant, to_older_vae, to_language_model_head, to_older_libraries, to_whole_t5)


@pytest.mark.parametrize("change", WAYS)
def test_other_ways_to_save_the_same(folder: Path, change: Any) -> None:
    """To rounding: where a file's values lie in memory says how the processor adds them up."""
    expected = speak(load(folder))
    change(folder)
    torch.testing.assert_close(speak(load(folder)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("part", ["unet", "vocoder", "tokenizer_2", "scheduler"])
def test_an_incomplete_folder_is_refused(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    with pytest.raises(FileMissing, match=f"lacks {part}"):
        load(folder)


@pytest.mark.parametrize("part", ["vae", "language_model", "text_encoder"])
def test_a_part_without_weights_is_refused(folder: Path, part: str) -> None:
    next((folder / part).glob("*.safetensors")).unlink()
    with pytest.raises(FileMissing, match=part):
        load(folder)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        (UNET, {"conv_in__bias": None}, "unet lacks conv_in.bias"),
        (UNET, {"conv_in__bias": torch.zeros(15)}, r"unet .* conv_in.bias \(15,\) for \(16,\)"),
        (UNET, {"extra__weight": torch.zeros(1)}, "unet holds extra.weight"),
        (VAE, {"decoder__conv_in__weight": None}, "vae lacks"),
        (VAE, {"quant_conv__bias": torch.full((16,), torch.inf)}, "vae: quant_conv.bias .* infinity"),
        (CLAP, {"text_projection__linear1__bias": None}, "text_encoder lacks"),
        (T5, {"shared__weight": None}, "text_encoder_2 lacks"),
        (GPT2, {"ln_f__bias": torch.zeros(31)}, "language_model .* another shape"),
        (GPT2, {"h__2__ln_1__bias": torch.zeros(32)}, "language_model holds"),
        ("vocoder/model.safetensors", {"conv_post__bias": None}, "vocoder lacks"),
        ("projection_model/diffusion_pytorch_model.safetensors", {"sos_embed": None}, "projection_model lacks"),
    ],
)
def test_other_tensors_are_refused(folder: Path, file: str, changes: dict[str, Any], message: str) -> None:
    rewrite(folder / file, **changes)
    with pytest.raises(BadCheckpoint, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("unet", {"_class_name": "UNet2DConditionModel"}, "unet/config.json: a AudioLDM2UNet"),
        ("unet", {"down_block_types": ["NoBlock", "DownBlock2D"]}, "unet/config.json describes no model"),
        ("unet", {"cross_attention_dim": [[None, 32, 40, None]] * 2}, "another shape"),
        ("text_encoder_2", {"model_type": "vits"}, "text_encoder_2/config.json.* t5 was expected, not 'vits'"),
        ("language_model", {"model_type": "t5"}, "gpt2 was expected"),
    ],
)
def test_configs_of_other_models_are_refused(folder: Path, part: str, changes: dict[str, Any], message: str) -> None:
    reconfigure(folder / part / "config.json", **changes)
    with pytest.raises(BadCheckpoint, match=message):
        load(folder)


def test_parts_of_different_models_are_refused(folder: Path) -> None:
    """Each is whole by itself: a VAE of four latent channels beside a UNet of eight."""
    other = AutoencoderKL.from_config(dict(fake.vae().config) | {"latent_channels": 4})
    other.save_pretrained(folder / "vae")
    with pytest.raises(BadCheckpoint, match=r"latent channels of unet and vae \(8 and 4\)"):
        load(folder)


def test_a_folder_without_tokens_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")
    (folder / "tokenizer").mkdir()
    with pytest.raises(BadCheckpoint, match="tokenizer"):
        load(folder)


def test_a_cut_off_file_is_refused(folder: Path) -> None:
    file = folder / UNET
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(PunchinError, match="cut off"):
        load_unet(folder / "unet")
