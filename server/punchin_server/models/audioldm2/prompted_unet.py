"""AudioLDM2's UNet that computes the keys and values of its prompt once, and may hear audio beside text.

The network and its forward are diffusers'; only the processors of the cross-attentions are ours. :meth:`read_prompt`
fills each with the keys and values of the prompt, which do not change from step to step, and every forward reads
them. Layers of the language-of-audio width read GPT-2's tokens and, once :mod:`.ap_adapter` has attached its
projections, audio tokens by the same queries (arXiv 2407.16564, section 3.2):

    out = to_out(softmax(q k_text / sqrt(d)) v_text + alpha * softmax(q k_audio / sqrt(d)) v_audio)

Layers of T5's width read the T5 states under a mask. diffusers' own forward is kept, not rewritten: a step is
convolutions, feed-forwards and self-attention, which would be the same calls. Beside them its Python is small: what
it does over ours, looking up processors' signatures, takes 1.6 ms of a step of the base UNet (96 attentions), seconds
on a CPU core.

Shapes: B prompt rows, r latent rows a prompt row (takes), S positions, n prompt tokens, H heads, d head width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch.nn.functional as nnf
from diffusers import AudioLDM2UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from punchin_wire.errors import BadCheckpoint
from torch import Tensor, nn

ABSENT = -10000.0  # what a masked token's score gets; as published, not -inf


class KeyValue(NamedTuple):
    """Of one prompt in one layer, each `[B, H, n, d]`."""

    k: Tensor
    v: Tensor


class LayerPrompt(NamedTuple):
    """The prompt of one layer: `bias` `[B, 1, 1, n]` joins the text's scores; without `audio` there is only text."""

    text: KeyValue
    bias: Tensor | None = None
    audio: KeyValue | None = None
    alpha: float = 0.0


PromptState = tuple[LayerPrompt, ...]
"""A prompt as the UNet keeps it, one entry a layer."""
Network = Callable[[Tensor, Tensor], Tensor]
"""From latents and times to noise, under the prompt that the processors keep."""


class PromptAttention(nn.Module):
    """The processor of one cross-attention. `to_k_ip` and `to_v_ip` are the adapter's, where one is attached."""

    prompt: LayerPrompt
    to_k_ip: nn.Linear | None
    to_v_ip: nn.Linear | None

    def __init__(self) -> None:
        super().__init__()
        self.to_k_ip = self.to_v_ip = None

    def read_prompt(
        self, attn: Attention, text: Tensor, mask: Tensor | None, audio: Tensor | None, alpha: float
    ) -> None:
        """Keys and values of `text` `[B, n, width]` under `mask` `[B, n]`, and of `audio` `[B, N, width]` if adapted
        and alpha > 0."""
        own = project(text, attn.to_k, attn.to_v, attn.heads)
        bias = None if mask is None else ((1 - mask.to(own.k.dtype)) * ABSENT)[:, None, None]
        self.prompt = LayerPrompt(own, bias)
        if audio is not None and alpha and self.to_k_ip is not None and self.to_v_ip is not None:
            k, v = project(audio, self.to_k_ip, self.to_v_ip, attn.heads)
            self.prompt = LayerPrompt(own, bias, KeyValue(k.to(own.k), v.to(own.v)), alpha)

    def forward(self, attn: Attention, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        """`[B*r, S, D]` to the same. What diffusers hands on beside it is not looked at: the prompt was read before."""
        text, bias, audio, alpha = self.prompt
        # All takes of a prompt row are queries of one row, so its keys and values need no copies.
        rows, width = len(text.k), text.k.shape[3]
        q = attn.to_q(hidden_states).view(rows, -1, attn.heads, width).transpose(1, 2)  # [B, H, r*S, d]
        out = nnf.scaled_dot_product_attention(q, text.k, text.v, attn_mask=bias)
        if audio is not None:
            out = out + alpha * nnf.scaled_dot_product_attention(q, audio.k, audio.v)
        return attn.to_out[0](out.transpose(1, 2).reshape(*hidden_states.shape[:2], -1))


def project(tokens: Tensor, to_k: nn.Linear, to_v: nn.Linear, heads: int) -> KeyValue:
    """Keys and values of `tokens` `[B, n, width]`."""
    tokens = tokens.to(to_k.weight.dtype)
    k, v = (to(tokens).unflatten(-1, (heads, -1)).transpose(1, 2) for to in (to_k, to_v))
    return KeyValue(k, v)


class PromptedUNet(nn.Module):
    """diffusers' AudioLDM2 UNet, base or large, whose prompt is read once (:meth:`read_prompt`) and serves all
    steps. `network`, if there is one, runs in place of diffusers' forward."""

    def __init__(self, unet: AudioLDM2UNet2DConditionModel, loa_width: int) -> None:
        """Installs the processors. `loa_width` is the language model's. Raises BadCheckpoint for other layouts."""
        super().__init__()
        self.unet = unet
        self.loa_width = loa_width
        self.network: Network | None = None
        cross = {
            name: block
            for name, block in unet.named_modules()
            if isinstance(block, Attention) and block.is_cross_attention
        }
        widths = {attn.to_k.in_features for attn in cross.values()}
        if len(widths) != 2 or loa_width not in widths:
            raise BadCheckpoint(
                f"The UNet's cross-attentions read widths {sorted(widths)}; AudioLDM2's read two, "
                f"that of its language model ({loa_width}) and another of T5."
            )
        self._loa = {name: attn for name, attn in cross.items() if attn.to_k.in_features == loa_width}
        self._t5 = {name: attn for name, attn in cross.items() if name not in self._loa}
        for attn in cross.values():
            attn.set_processor(PromptAttention())

    @property
    def adaptable(self) -> dict[str, Attention]:
        """The cross-attentions that read GPT-2's tokens, and with an adapter audio, by name."""
        return self._loa

    @property
    def t5_width(self) -> int:
        """The width of the T5 states that the UNet reads."""
        return int(next(iter(self._t5.values())).to_k.in_features)

    @property
    def adapted(self) -> bool:
        """Whether an adapter is attached."""
        return all(processor(attn).to_k_ip is not None for attn in self._loa.values())

    def read_prompt(self, loa: Tensor, t5: Tensor, t5_mask: Tensor, audio: Tensor | None, alpha: float) -> None:
        """Compute the keys and values of a prompt, with gradients where they are enabled.

        `loa` `[B, 8, W]`, `t5` `[B, n, W5]`, `t5_mask` `[B, n]` of 1 and 0, `audio` `[B, N, W]` or None. With `alpha`
        0, without audio or without adapter the audio branch is not computed at all.
        """
        for attn in self._loa.values():
            processor(attn).read_prompt(attn, loa, None, audio, alpha)
        for attn in self._t5.values():
            processor(attn).read_prompt(attn, t5, t5_mask, None, 0.0)

    def prompt_state(self) -> PromptState:
        """The prompt last read, for :meth:`use_prompt`: that of each window of a long clip is read once."""
        return tuple(processor(attn).prompt for attn in self._attentions())

    def use_prompt(self, state: PromptState) -> None:
        """Go back to a prompt that was read before; computes nothing."""
        for attn, layer in zip(self._attentions(), state, strict=True):
            processor(attn).prompt = layer

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise in `x` `[B*r, C, T, F]` at timesteps `t` (one, or `[B*r]`), of the same shape.

        `x` may have r rows for each row of the prompt, those of the first prompt row first.
        """
        rows = len(processor(self._attentions()[0]).prompt.text.k)
        assert len(x) % rows == 0, f"{len(x)} rows cannot share {rows} prompts"
        if self.network is not None:
            return self.network(x, t)
        return cast(Tensor, self.unet(x, t, encoder_hidden_states=None, return_dict=False)[0])

    def _attentions(self) -> list[Attention]:
        return [*self._loa.values(), *self._t5.values()]


def processor(attn: Attention) -> PromptAttention:
    return cast(PromptAttention, attn.processor)
