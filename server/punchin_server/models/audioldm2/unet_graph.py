"""Writes AudioLDM2's UNet as one ONNX graph that runs fast on a CPU. Knows nothing about sessions.

Written node by node from diffusers' loaded modules, as :mod:`...codecs.onnx_graph` writes the codec. The keys and
values of a prompt are inputs, so that one graph serves every prompt. Inputs, for B prompt rows, r latent rows each:

- `x` `[B * r, C, T, F]`: latents, those of the first prompt row first; `time` `[1 or B * r, E]`:
  the embedded times, activated.
- Of each cross-attention i, in the order of :attr:`UNetModel.attentions`: `keys{i}`, `values{i}` `[B, H, n, d]` of the
  text. Where that is T5's, `there` int32 `[B, n]` is 0 for tokens that are none; where it is GPT-2's, `audio_keys{i}`
  and `audio_values{i}` `[B, H, N, d]` are of what is heard beside it, the values times alpha.

Output: `noise`, like `x`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from diffusers import AudioLDM2UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from onnx import TensorProto, helper

from ...codecs.onnx_graph import MICROSOFT, Array, Dim
from .image_graph import ImageGraph
from .prompted_unet import ABSENT

PLAIN = {
    "act_fn": ("silu", "swish"),
    "class_embed_type": (None,),
    "mid_block_scale_factor": (1,),
    "num_class_embeds": (None,),
    "only_cross_attention": (False,),
    "resnet_time_scale_shift": ("default",),
    "time_embedding_act_fn": (None,),
    "use_linear_projection": (False,),
}
"""The settings that a graph can be written of. Every published AudioLDM2 has them."""


class UNetModel(NamedTuple):
    """A graph with its weights as :class:`...codecs.onnx_graph.Model`, and the cross-attentions by their numbers."""

    graph: bytes
    weights: dict[str, Array]
    packed: dict[str, Array]
    attentions: Sequence[Attention]


def writable(unet: AudioLDM2UNet2DConditionModel) -> bool:
    return all(unet.config.get(name, known[0]) in known for name, known in PLAIN.items())


def write_unet(unet: AudioLDM2UNet2DConditionModel, loa_width: int) -> UNetModel:
    """The graph of a :func:`writable` `unet`, whose weights are moved out of it but for those of the time's embedding
    and of the prompt's keys and values. `loa_width` is the width of GPT-2's tokens."""
    g = _UNetGraph(loa_width)
    x = g.conv("x", unet.conv_in)
    skips = [x]
    for block in unet.down_blocks:
        for resnet, attentions in _layers(block, block.resnets):
            x = g.layer(x, resnet, attentions)
            skips.append(x)
        for down in block.downsamplers or ():
            x = g.conv(x, down.conv)
            skips.append(x)
    first, *others = unet.mid_block.resnets
    x = g.resnet(x, first, "time")
    for resnet, attentions in _layers(unet.mid_block, others):
        x = g.resnet(g.attend(x, attentions), resnet, "time")
    for block in unet.up_blocks:
        for resnet, attentions in _layers(block, block.resnets):
            x = g.layer(g("Concat", x, skips.pop(), axis=1), resnet, attentions)
        for up in block.upsamplers or ():
            x = g.upsample(x, up, like=skips[-1])
    x = g.conv(g.silu(g.group_norm(x, unet.conv_norm_out)), unet.conv_out)
    return g.finish(x, unet.conv_in.in_channels, unet.time_embedding.linear_2.out_features)


def _layers(block: Any, resnets: Sequence[Any]) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Each of `resnets` with its share of the transformers of `block`, which are in one list."""
    transformers = getattr(block, "attentions", ())
    each = len(transformers) // len(resnets)
    for i, resnet in enumerate(resnets):
        yield resnet, transformers[i * each : (i + 1) * each]


class _UNetGraph(ImageGraph):
    def __init__(self, loa_width: int) -> None:
        super().__init__()
        self._loa_width = loa_width
        self._attentions: list[Attention] = []

    def layer(self, x: str, resnet: Any, transformers: Sequence[Any]) -> str:
        return self.attend(self.resnet(x, resnet, "time"), transformers)

    def attend(self, x: str, transformers: Sequence[Any]) -> str:
        """`x` after transformers, each over all its places in one row: `[B * r, S, D]`."""
        for transformer in transformers:
            h = self.conv(self.group_norm(x, transformer.norm), transformer.proj_in)
            h = self("Transpose", self("Reshape", h, self.ints(0, transformer.in_channels, -1)), perm=[0, 2, 1])
            for block in transformer.transformer_blocks:
                h = self._transform(h, block)
            h = self("Reshape", self("Transpose", h, perm=[0, 2, 1]), self("Shape", x))
            x = self("Add", x, self.conv(h, transformer.proj_out))
        return x

    def _transform(self, x: str, block: BasicTransformerBlock) -> str:
        x = self("Add", x, self._to_itself(self.layer_norm(x, block.norm1), block.attn1))
        second = self._to_prompt if block.attn2.is_cross_attention else self._to_itself
        x = self("Add", x, second(self.layer_norm(x, block.norm2), block.attn2))
        widen, _, narrow = block.ff.net
        both = self.linear(self.layer_norm(x, block.norm3), widen.proj)
        value, gate = self.many("Split", 2, both, axis=-1, num_outputs=2)
        return self("Add", x, self.linear(self("Mul", value, self("Gelu", gate, domain=MICROSOFT)), narrow))

    def _to_itself(self, x: str, attn: Attention) -> str:
        qkv = self.many("Split", 3, self.linear(x, attn.to_q, attn.to_k, attn.to_v), axis=-1, num_outputs=3)
        return self.linear(self._attention(attn, *qkv), attn.to_out[0])

    def _to_prompt(self, x: str, attn: Attention) -> str:
        """What :meth:`.prompted_unet.PromptAttention.forward` gives."""
        i = len(self._attentions)
        self._attentions.append(attn)
        rows = self("Shape", f"keys{i}", start=0, end=1)
        q = self.linear(x, attn.to_q)
        # All takes of a prompt row are queries of one row, so its keys and values need no copies.
        q = self("Reshape", q, self("Concat", rows, self.ints(-1, attn.to_q.out_features), axis=0))
        if attn.to_k.in_features == self._loa_width:
            o = self("Add", *(self._attention(attn, q, f"{of}keys{i}", f"{of}values{i}") for of in ("", "audio_")))
        else:
            o = self._attention(attn, q, f"keys{i}", f"values{i}", "", "there")
        return self.linear(self("Reshape", o, self("Shape", x)), attn.to_out[0])

    def _attention(self, attn: Attention, *given: str) -> str:
        settings = {"num_heads": attn.heads, "mask_filter_value": ABSENT}
        return self("MultiHeadAttention", *given, domain=MICROSOFT, **settings)

    def finish(self, noise: str, channels: int, time: int) -> UNetModel:
        inputs: dict[str, Sequence[Dim]] = {"x": ("rows", channels, "T", "F"), "time": ("times", time)}
        for i, attn in enumerate(self._attentions):
            heads, width = attn.heads, attn.to_q.out_features // attn.heads
            kinds = {"": "text"} | ({"audio_": "audio"} if attn.to_k.in_features == self._loa_width else {})
            for of, tokens in kinds.items():
                tokens = "t5" if len(kinds) == 1 else tokens
                inputs |= {f"{of}{part}{i}": ("prompts", heads, tokens, width) for part in ("keys", "values")}
        self._graph.input.append(helper.make_tensor_value_info("there", TensorProto.INT32, ("prompts", "t5")))
        return UNetModel(*self.model(list(inputs.items()), {"noise": noise}), self._attentions)
