"""A diffusers AudioLDM2 folder (`cvssp/audioldm2`, `-music`, `-large` and their like), loaded strictly, part by part.

Each part is built from its own `config.json` without weights and given exactly the tensors of its file; nothing is
left at random and nothing is ignored but what is known to be unused. No pipeline object: the engine is the pipeline.
Reads only the folder, never the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL
from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
from punchin_wire.errors import BadCheckpoint, FileMissing
from torch import nn
from transformers import (
    AutoTokenizer,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    ClapTextModelWithProjection,
    GPT2Config,
    GPT2Model,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
)

from ...packs.tensor_files import Tensors, check_fit, first_line, read_hugging_face, read_json
from .prompt_text import PromptText
from .prompted_unet import PromptedUNet

PARTS = (
    *("unet", "vae", "vocoder", "scheduler"),
    *("text_encoder", "text_encoder_2", "projection_model", "language_model", "tokenizer", "tokenizer_2"),
)
"""The subfolders that an AudioLDM2 must have; `feature_extractor` is optional."""

NEW_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
OLD_ATTENTION = re.compile(rf"\.({'|'.join(NEW_ATTENTION)})\.")

Model = TypeVar("Model", bound=nn.Module)
Config = dict[str, Any]


class Place(NamedTuple):
    """Where a part's tensors go, and in which type; None: in the file's own, so that on the CPU they take no memory."""

    device: torch.device
    dtype: torch.dtype | None


@dataclass(frozen=True)
class AudioLDM2:
    """The parts of a loaded folder, frozen, on one device. Mel frames are 10 ms, 64 bins."""

    unet: PromptedUNet
    vae: AutoencoderKL
    vocoder: SpeechT5HifiGan
    text: PromptText
    scheduler_config: Config

    @property
    def scale(self) -> int:
        """Mel frames in a latent frame, and mel bins in a latent bin."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def latent_channels(self) -> int:
        return int(self.vae.config.latent_channels)

    @property
    def freq(self) -> int:
        """Bins of a latent frame."""
        return int(self.vocoder.config.model_in_dim) // self.scale


def load_audioldm2(folder: Path, device: torch.device, dtype: torch.dtype | None) -> AudioLDM2:
    """The AudioLDM2 in `folder`, in `dtype` (None: the files' own); with bfloat16, VAE and vocoder stay float32, where
    its rounding is heard.

    Raises FileMissing for an incomplete folder, BadCheckpoint for parts that are not those of an AudioLDM2.
    """
    if missing := [part for part in PARTS if not (folder / part).is_dir()]:
        raise FileMissing(
            f"{folder.name} is not a whole AudioLDM2: it lacks {', '.join(missing)}.",
            "Download the model with all its subfolders, as diffusers saves it.",
        )
    decoder_dtype = torch.float32 if dtype is torch.bfloat16 else dtype
    hifigan = (SpeechT5HifiGanConfig, SpeechT5HifiGan)
    whole, decoder = Place(device, dtype), Place(device, decoder_dtype)
    text = _load_text(folder, whole)
    loaded = AudioLDM2(
        unet=PromptedUNet(_load(folder / "unet", _diffusers(AudioLDM2UNet2DConditionModel), whole), text.width),
        vae=_load(folder / "vae", _diffusers(AutoencoderKL), decoder, _vae_state),
        vocoder=_load(folder / "vocoder", _transformers(hifigan=hifigan, speecht5_hifigan=hifigan), decoder),
        text=text,
        scheduler_config=read_json(folder / "scheduler" / "scheduler_config.json"),
    )
    _check_together(loaded)
    for model in (loaded.unet, loaded.vae, loaded.vocoder, loaded.text):
        model.eval().requires_grad_(False).to(device)
    return loaded


def load_unet(folder: Path, dtype: torch.dtype = torch.float32) -> AudioLDM2UNet2DConditionModel:
    """The UNet in the subfolder `folder`. Raises FileMissing, BadCheckpoint."""
    return _load(folder, _diffusers(AudioLDM2UNet2DConditionModel), Place(torch.device("cpu"), dtype))


def _load_text(folder: Path, place: Place) -> PromptText:
    clap = _transformers(clap=(ClapConfig, ClapModel), clap_text_model=(ClapTextConfig, ClapTextModelWithProjection))
    t5 = _transformers(t5=(T5Config, T5EncoderModel))
    gpt2 = _transformers(gpt2=(GPT2Config, GPT2Model))
    extractor = folder / "feature_extractor" / "preprocessor_config.json"
    return PromptText(
        clap=_load(folder / "text_encoder", clap, place, _clap_state),
        t5=_load(folder / "text_encoder_2", t5, place, _t5_state),
        projection=_load(folder / "projection_model", _diffusers(AudioLDM2ProjectionModel), place),
        gpt2=_load(folder / "language_model", gpt2, place, _gpt2_state),
        clap_tokenizer=_tokenizer(folder / "tokenizer"),
        t5_tokenizer=_tokenizer(folder / "tokenizer_2"),
        features=ClapFeatureExtractor(**read_json(extractor)) if extractor.is_file() else None,
    )


def _check_together(loaded: AudioLDM2) -> None:
    """Raise BadCheckpoint for parts of different models, each of which may be whole by itself."""
    unet, projection = loaded.unet, loaded.text.projection.config
    pairs = {
        "latent channels of unet and vae": (unet.unet.config.in_channels, loaded.latent_channels),
        "T5 widths of unet and text_encoder_2": (unet.t5_width, loaded.text.t5.config.d_model),
        "T5 widths of projection_model and text_encoder_2": (projection.text_encoder_1_dim, unet.t5_width),
        "widths of projection_model and language_model": (projection.langauge_model_dim, loaded.text.width),
        "widths of projection_model and text_encoder": (projection.text_encoder_dim, loaded.text.clap_width),
    }
    if apart := [f"{what} ({one} and {other})" for what, (one, other) in pairs.items() if one != other]:
        raise BadCheckpoint(f"The parts of this AudioLDM2 do not belong together: {', '.join(apart)}.")


# ---- one part ------------------------------------------------------------------------------------------------


def _load(
    folder: Path,
    build: Callable[[Config], Model],
    place: Place,
    sanitize: Callable[[Tensors, Model], Tensors] | None = None,
) -> Model:
    """What `build` makes of the config in `folder`, with exactly its tensors once `sanitize` has set them right."""
    config = read_json(folder / "config.json")
    try:
        with torch.device("meta"):
            model = build(config)
    except BadCheckpoint as error:
        raise BadCheckpoint(f"{folder.name}/config.json: {error}") from error
    except Exception as error:  # the libraries raise many kinds for a config that is not theirs
        raise BadCheckpoint(f"{folder.name}/config.json describes no model: {first_line(error)}") from error
    state = read_hugging_face(folder)
    if sanitize:
        state = sanitize(state, model)
    check_fit(state, {name: tensor.shape for name, tensor in model.state_dict().items()}, folder.name)
    put = {name: tensor.to(place.device, _dtype(name, tensor, model, place.dtype)) for name, tensor in state.items()}
    model.load_state_dict(put, assign=True)
    if isinstance(model, PreTrainedModel):
        model.tie_weights()
    return model


def _dtype(name: str, tensor: torch.Tensor, model: nn.Module, dtype: torch.dtype | None) -> torch.dtype:
    """T5 overflows float16 in its output projections, which transformers therefore lists to stay float32."""
    if dtype is None or not tensor.is_floating_point():
        return tensor.dtype
    kept = getattr(model, "_keep_in_fp32_modules", None) or ()
    return torch.float32 if dtype is torch.float16 and set(kept) & set(name.split(".")) else dtype


def _diffusers(cls: Any) -> Callable[[Config], Any]:
    def build(config: Config) -> Any:
        if (name := config.get("_class_name")) != cls.__name__:
            raise BadCheckpoint(f"a {cls.__name__} was expected, not {name!r}.")
        return cls.from_config(config)

    return build


def _transformers(**kinds: tuple[Any, Any]) -> Callable[[Config], Any]:
    """Builds one of `kinds`, which name the `model_type` of a config and give its classes of config and model."""

    def build(config: Config) -> Any:
        if (kind := config.get("model_type")) not in kinds:
            raise BadCheckpoint(f"a model of type {' or '.join(kinds)} was expected, not {kind!r}.")
        config_class, model_class = kinds[kind]
        return model_class(config_class.from_dict(config))

    return build


def _vae_state(state: Tensors, _: nn.Module) -> Tensors:
    """Before diffusers 0.17 its attention had names of its own."""
    return {OLD_ATTENTION.sub(lambda old: f".{NEW_ATTENTION[old[1]]}.", name): t for name, t in state.items()}


def _clap_state(state: Tensors, model: nn.Module) -> Tensors:
    """Files of some versions of transformers lack the tables of indices, which are computed."""
    embeddings = "text_model.embeddings"
    positions = torch.arange(model.state_dict()[f"{embeddings}.position_ids"].shape[1])[None]
    computed = {f"{embeddings}.position_ids": positions, f"{embeddings}.token_type_ids": torch.zeros_like(positions)}
    return computed | state


def _t5_state(state: Tensors, _: nn.Module) -> Tensors:
    """The embedding has two names, of which files have either or both; a whole T5 has a decoder too."""
    state = {name: tensor for name, tensor in state.items() if not name.startswith(("decoder.", "lm_head."))}
    twins = ("shared.weight", "encoder.embed_tokens.weight")
    if found := [state[name] for name in twins if name in state]:
        state |= dict.fromkeys(twins, found[0])
    return state


def _gpt2_state(state: Tensors, _: nn.Module) -> Tensors:
    """A GPT2LMHeadModel's file names the model `transformer.` and has a head; old files have the causal masks."""
    plain = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    return {n: t for n, t in plain.items() if n != "lm_head.weight" and not n.endswith((".attn.bias", ".masked_bias"))}


def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers raises many kinds for a folder it cannot read
        raise BadCheckpoint(f"{folder.name} holds no tokenizer: {first_line(error)}") from error
