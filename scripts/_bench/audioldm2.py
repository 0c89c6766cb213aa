"""AudioLDM2 at its true base shape with random weights, and the published way to transfer: the peer of our engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AudioLDM2Pipeline, AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
from diffusers.utils import logging
from punchin_server.codecs.fbank import prompt_features
from punchin_server.engines.transfer.loading import TransferModels, load_transfer_models
from punchin_server.models.audioldm2.ap_adapter import attach
from punchin_server.models.audioldm2.audioldm2 import load_audioldm2
from punchin_server.models.audioldm2.audiomae import AudioMAE, Size, load_audiomae
from punchin_server.models.audioldm2.prompted_unet import processor
from punchin_wire.frames import Audio
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    ClapConfig,
    ClapModel,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Model,
    PreTrainedModel,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
)

from . import Clock, use_cores

STEPS = 25
"""Of dpm++: what an imported pack takes by default."""
LOA_TOKENS = 8
POOLING, ALPHA, GUIDANCE = 2, 0.5, 7.5
PROMPT, NEGATIVE = "a recording of a violin solo", "a recording of a piano solo"


# ---- the true base shape -------------------------------------------------------------------------------------


def base_parts() -> dict[str, nn.Module]:
    """`cvssp/audioldm2` by the names of its subfolders, without weights but for CLAP, whose tables are computed."""
    with torch.device("meta"):
        parts = {
            "unet": AudioLDM2UNet2DConditionModel(
                sample_size=256,
                in_channels=8,
                out_channels=8,
                block_out_channels=(128, 256, 384, 640),
                layers_per_block=2,
                down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
                up_block_types=("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",),
                cross_attention_dim=[[None, 768, 1024]] * 4,
                attention_head_dim=8,
            ),
            "vae": AutoencoderKL(
                in_channels=1,
                out_channels=1,
                latent_channels=8,
                block_out_channels=(128, 256, 512),
                down_block_types=("DownEncoderBlock2D",) * 3,
                up_block_types=("UpDecoderBlock2D",) * 3,
                layers_per_block=2,
                scaling_factor=0.4110932946205139,
            ),
            "vocoder": SpeechT5HifiGan(
                SpeechT5HifiGanConfig(
                    model_in_dim=64,
                    sampling_rate=16_000,
                    upsample_initial_channel=1024,
                    upsample_rates=[5, 4, 2, 2, 2],
                    upsample_kernel_sizes=[16, 16, 8, 4, 4],
                    normalize_before=False,
                )
            ),
            "text_encoder_2": T5EncoderModel(
                T5Config(d_model=1024, d_kv=64, d_ff=2816, num_layers=24, num_heads=16, feed_forward_proj="gated-gelu")
            ),
            "projection_model": AudioLDM2ProjectionModel(512, 1024, 768),
            "language_model": GPT2Model(GPT2Config()),
        }
    return parts | {"text_encoder": ClapModel(ClapConfig())}


def write_base(folder: Path, cores: int) -> None:
    """A random `cvssp/audioldm2` in `folder`/audioldm2 and AudioMAE in `folder`/audiomae.safetensors, 2.5 GB."""
    use_cores(cores)
    from fakes.audioldm2 import clap_tokenizer, scheduler, t5_tokenizer

    pool = torch.randn(2**22, generator=torch.Generator().manual_seed(0))
    base = folder / "audioldm2"
    for name, part in base_parts().items():
        if isinstance(part, PreTrainedModel):
            part.config.save_pretrained(base / name)
        else:
            part.save_config(base / name)
        save_file(_random(part, pool), base / name / "model.safetensors")
    with torch.device("meta"):
        encoder = AudioMAE(Size(width=768, depth=12, hidden=3072, patch=16, tokens=513))
    save_file(_random(encoder, pool), folder / "audiomae.safetensors")
    tokenizer = clap_tokenizer()
    tokenizer.model_max_length = 512  # to which the published pipeline pads
    tokenizer.save_pretrained(base / "tokenizer")
    t5_tokenizer().save_pretrained(base / "tokenizer_2")
    scheduler().save_pretrained(base / "scheduler")


def _random(part: nn.Module, pool: Tensor) -> dict[str, Tensor]:
    """Weights of a size that lets numbers pass, in bfloat16, made of the random numbers of `pool`: others in every
    tensor, since onnxruntime keeps equal ones once."""
    state = {}
    for i, (name, shaped) in enumerate(part.state_dict().items()):
        if not shaped.is_floating_point():
            state[name] = shaped
            continue
        values = pool.roll(i).repeat(-(-shaped.numel() // len(pool)))[: shaped.numel()].view(shaped.shape)
        if shaped.dim() > 1:
            values = values * shaped[0].numel() ** -0.5
        else:
            values = 0.1 * values + name.endswith("weight")
        state[name] = values.bfloat16()
    return state


def load(source: str, precision: str) -> TransferModels:
    """The models of the pack `source`, or of the folder that :func:`write_base` wrote, its adapter new."""
    if not Path(source).is_dir():
        return load_transfer_models(source, "cpu", precision)
    cpu, dtype = torch.device("cpu"), getattr(torch, precision)
    base = load_audioldm2(Path(source) / "audioldm2", cpu, dtype)
    attach(base.unet)
    return TransferModels(base, load_audiomae(Path(source) / "audiomae.safetensors"), cpu, "dpm++", STEPS)


# ---- the published way ---------------------------------------------------------------------------------------


class ReferenceProcessor(nn.Module):
    """The adapter's attention as its authors' pipeline runs it: all keys and values anew in every step."""

    def __init__(self, to_k_ip: nn.Linear, to_v_ip: nn.Linear, alpha: float) -> None:
        super().__init__()
        self.to_k_ip, self.to_v_ip, self.alpha = to_k_ip, to_v_ip, alpha

    def forward(self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor, **_: object) -> Tensor:
        def heads(x: Tensor) -> Tensor:
            return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

        text, audio = encoder_hidden_states[:, :LOA_TOKENS], encoder_hidden_states[:, LOA_TOKENS:]
        q = heads(attn.to_q(hidden_states))
        out = F.scaled_dot_product_attention(q, heads(attn.to_k(text)), heads(attn.to_v(text)))
        heard = F.scaled_dot_product_attention(q, heads(self.to_k_ip(audio)), heads(self.to_v_ip(audio)))
        return attn.to_out[0]((out + self.alpha * heard).transpose(1, 2).flatten(2))


class Reference(AudioLDM2Pipeline):  # type: ignore[misc]
    """diffusers' own pipeline and loop. Its prompts are encoded one after the other, AudioMAE's tokens appended."""

    @classmethod
    def of(cls, models: TransferModels) -> Reference:
        """Of the same weights, in the UNet's precision throughout; takes the models over."""
        base, dtype = models.base, models.base.unet.unet.dtype
        unet = base.unet.unet
        adapted = {f"{name}.processor": processor(attn) for name, attn in base.unet.adaptable.items()}
        processors: dict[str, Any] = {name: AttnProcessor2_0() for name in unet.attn_processors}
        for name, own in adapted.items():
            processors[name] = ReferenceProcessor(own.to_k_ip, own.to_v_ip, ALPHA)
        unet.set_attn_processor(processors)
        language_model = GPT2LMHeadModel(base.text.gpt2.config).eval()  # GPT2Model lost the helper that the loop calls
        language_model.transformer, language_model.lm_head = base.text.gpt2, nn.Identity()
        pipeline = cls(
            vae=base.vae,
            text_encoder=base.text.clap,
            text_encoder_2=base.text.t5,
            projection_model=base.text.projection,
            language_model=language_model,
            tokenizer=base.text._clap_tokenizer,
            tokenizer_2=base.text._t5_tokenizer,
            feature_extractor=None,
            unet=unet,
            scheduler=DDIMScheduler.from_config(base.scheduler_config),
            vocoder=base.vocoder,
        )
        logging.set_verbosity_error()  # it would name parts "to be kept in float32: []"
        pipeline.to(dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.audiomae = models.audiomae
        return pipeline

    def transfer(
        self, clip: Audio, steps: int, clock: Clock, latents: Tensor | None = None
    ) -> tuple[Tensor, list[float]]:
        """`clip` `[N]` on the violin: `[N]`, and stamps of `clock` behind the prompts and every step."""
        self.clip, self.clock, self.stamps = torch.from_numpy(clip), clock, []
        sound = self(
            PROMPT,
            negative_prompt=NEGATIVE,
            audio_length_in_s=len(clip) / 16_000,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            max_new_tokens=LOA_TOKENS,
            latents=latents,
            output_type="pt",
            callback=lambda *_: self.stamps.append(clock()),
        ).audios[0]
        return sound, self.stamps

    def encode_prompt(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
        t5, mask, loa = super().encode_prompt(*args, **kwargs)
        features = prompt_features(self.clip[None])
        audio = [self.audiomae.prompt(x, (POOLING, POOLING)) for x in (torch.zeros_like(features), features)]
        self.stamps.append(self.clock())
        return t5, mask, torch.cat([loa, torch.cat(audio).to(loa)], dim=1)
