"""diffusers' own AudioLDM2 pipeline, and the adapter's formula written out: the oracles of the transfer models."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AudioLDM2Pipeline, AudioLDM2UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from fakes.audioldm2 import scheduler
from punchin_server.models.audioldm2.audioldm2 import load_audioldm2, load_unet
from torch import Tensor, nn
from transformers import GPT2LMHeadModel


def stock_pipeline(folder: Path) -> AudioLDM2Pipeline:
    """The pipeline of the AudioLDM2 in `folder`, float32, with the stock UNet and processors.

    Its language model must be a GPT2LMHeadModel: transformers 5 took from GPT2Model the helper that the loop calls.
    """
    parts = load_audioldm2(folder, torch.device("cpu"), torch.float32)
    text = parts.text
    language_model = GPT2LMHeadModel(text.gpt2.config).eval()
    language_model.transformer.load_state_dict(text.gpt2.state_dict())
    pipeline = AudioLDM2Pipeline(
        vae=parts.vae,
        text_encoder=text.clap,
        text_encoder_2=text.t5,
        projection_model=text.projection,
        language_model=language_model,
        tokenizer=text._clap_tokenizer,
        tokenizer_2=text._t5_tokenizer,
        feature_extractor=text._features,
        unet=load_unet(folder / "unet").eval(),
        scheduler=scheduler(),
        vocoder=parts.vocoder,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


class ReferenceProcessor(nn.Module):
    """Section 4 of the specification, in plain matrix products: the context is [text tokens; audio tokens]."""

    def __init__(self, key: Tensor, value: Tensor, text_tokens: int, alpha: float) -> None:
        super().__init__()
        self.key, self.value, self.text_tokens, self.alpha = key, value, text_tokens, alpha

    def forward(self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor, **_: object) -> Tensor:
        text = encoder_hidden_states[:, : self.text_tokens]
        audio = encoder_hidden_states[:, self.text_tokens :]
        q = hidden_states @ attn.to_q.weight.T
        heard = attend(q, text @ attn.to_k.weight.T, text @ attn.to_v.weight.T, attn.heads)
        heard = heard + self.alpha * attend(q, audio @ self.key.T, audio @ self.value.T, attn.heads)
        return heard @ attn.to_out[0].weight.T + attn.to_out[0].bias


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Softmax attention, one head after another."""
    width = q.shape[-1] // heads
    out = []
    for h in range(heads):
        own = slice(h * width, (h + 1) * width)
        scores = q[..., own] @ k[..., own].transpose(1, 2) / width**0.5
        out.append(scores.softmax(-1) @ v[..., own])
    return torch.cat(out, dim=-1)


def reference_adapted(
    unet: AudioLDM2UNet2DConditionModel, adapter: dict[str, Tensor], text_tokens: int, alpha: float
) -> AudioLDM2UNet2DConditionModel:
    """The stock `unet` with the reference's way of hearing audio; its context is [text tokens; audio tokens]."""
    processors = dict(unet.attn_processors)
    for layer in {name.removesuffix(".to_k_ip.weight") for name in adapter if name.endswith(".to_k_ip.weight")}:
        key, value = (adapter[f"{layer}.to_{kind}_ip.weight"] for kind in "kv")
        processors[layer] = ReferenceProcessor(key, value, text_tokens, alpha)
    unet.set_attn_processor(processors)
    return unet
