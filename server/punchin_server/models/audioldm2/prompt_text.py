"""The text path of AudioLDM2 (arXiv 2308.05734, section 3.2): CLAP and T5, projected, then GPT-2 as a regressor.

One CLAP vector and the T5 states become one sequence; GPT-2 writes eight vectors behind it, the "language of audio",
each the last hidden state of a pass over all before. transformers' generation is for token ids and no longer serves
this model, so the loop is ours. Everything has gradients where they are enabled. Knows nothing about files.

Shapes: B texts, n T5 tokens of the longest, W width of the language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import soxr
import torch
import torch.nn.functional as nnf
from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
from punchin_wire.errors import BadSetting, Unsupported
from torch import Tensor, nn
from transformers import (
    ClapFeatureExtractor,
    ClapModel,
    ClapTextModelWithProjection,
    DynamicCache,
    GPT2Model,
    PreTrainedTokenizerBase,
    T5EncoderModel,
)

LOA_TOKENS = 8  # unless the language model's config says `max_new_tokens`
MAX_T5_TOKENS = 128


class Tokens(NamedTuple):
    """Texts as both encoders read them; ids and masks of 1 and 0, `[B, m]` for CLAP and `[B, n]` for T5."""

    clap_ids: Tensor
    clap_mask: Tensor
    t5_ids: Tensor
    t5_mask: Tensor


class TextPrompt(NamedTuple):
    """Texts as the UNet hears them: `loa` `[B, 8, W]`, `t5` `[B, n, W5]` and its mask `t5_mask` `[B, n]`."""

    loa: Tensor
    t5: Tensor
    t5_mask: Tensor


class PromptText(nn.Module):
    """The four frozen models of the text path and their tokenizers.

    `clap` is the whole CLAP or its text tower. With `features` and the whole, takes can be compared with a text.
    """

    def __init__(
        self,
        clap: ClapModel | ClapTextModelWithProjection,
        t5: T5EncoderModel,
        projection: AudioLDM2ProjectionModel,
        gpt2: GPT2Model,
        clap_tokenizer: PreTrainedTokenizerBase,
        t5_tokenizer: PreTrainedTokenizerBase,
        features: ClapFeatureExtractor | None = None,
    ) -> None:
        super().__init__()
        self.clap, self.t5, self.projection, self.gpt2 = clap, t5, projection, gpt2
        self._clap_tokenizer, self._t5_tokenizer, self._features = clap_tokenizer, t5_tokenizer, features

    @property
    def width(self) -> int:
        """W, of the language-of-audio tokens."""
        return int(self.gpt2.config.hidden_size)

    @property
    def clap_width(self) -> int:
        """Of CLAP's vectors."""
        return int(self.clap.config.projection_dim)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> TextPrompt:
        """The prompts of `texts`, the last of which is the positive one. Raises BadSetting where one is too long to be
        read whole.

        Others are padded to its length, as in the published pipeline, which cuts those that are longer. Here they are
        read whole, and the positive one is encoded apart then: GPT-2 writes behind the padding, so that it would be
        another by a longer neighbour.
        """
        tokens = self.tokenize(texts)
        together = self(*tokens)
        own = int(tokens.t5_mask[-1].sum())
        if own == tokens.t5_mask.shape[1]:
            return together
        apart = self(*self.tokenize(texts[-1:]))
        together.loa[-1], together.t5[-1, :own] = apart.loa[0], apart.t5[0]
        return together

    def tokenize(self, texts: Sequence[str], *, cut: bool = False) -> Tokens:
        """Both encoders' tokens of `texts`, on the models' device.

        A text that is too long is `cut`, as in training, or raises BadSetting.
        Each text is padded to the longest, where the published pipeline pads CLAP to its maximum (the same numbers:
        padding is masked, and CLAP reads its first token).
        """
        clap = getattr(self.clap.config, "text_config", self.clap.config)
        limit = clap.max_position_embeddings - clap.pad_token_id - 1  # RoBERTa counts positions from its pad id on
        clap_ids, clap_mask = self._read(self._clap_tokenizer, texts, limit, cut)
        t5_ids, t5_mask = self._read(self._t5_tokenizer, texts, MAX_T5_TOKENS, cut)
        return Tokens(clap_ids, clap_mask, t5_ids, t5_mask)

    def _read(
        self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], limit: int, cut: bool
    ) -> tuple[Tensor, Tensor]:
        limit = min(limit, tokenizer.model_max_length)
        longest = limit if cut else limit + 1
        read = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        if read.input_ids.shape[1] > limit:
            raise BadSetting(f"The prompt is longer than the {limit} tokens that the model reads.", "Shorten it.")
        return read.input_ids.to(self.t5.device), read.attention_mask.to(self.t5.device)

    def forward(self, clap_ids: Tensor, clap_mask: Tensor, t5_ids: Tensor, t5_mask: Tensor) -> TextPrompt:
        """The prompts of tokens as :meth:`tokenize` returns them."""
        clap = self.clap_text(clap_ids, clap_mask)[:, None]  # [B, 1, Wc]
        t5 = self.t5(input_ids=t5_ids, attention_mask=t5_mask).last_hidden_state  # [B, n, W5]
        joined = self.projection(clap, t5, attention_mask=t5_mask.new_ones(clap.shape[:2]), attention_mask_1=t5_mask)
        return TextPrompt(self._language_of_audio(joined.hidden_states, joined.attention_mask), t5, t5_mask)

    def clap_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """CLAP's text vectors of length 1, `[B, Wc]`."""
        pooled = self.clap.text_model(input_ids=ids, attention_mask=mask).pooler_output
        return nnf.normalize(self.clap.text_projection(pooled), dim=-1)

    def _language_of_audio(self, x: Tensor, mask: Tensor) -> Tensor:
        """`[B, 8, W]` written behind the sequence `x` `[B, m, W]` under `mask` `[B, m]`; padding keeps its position."""
        cache, written = DynamicCache(config=self.gpt2.config), []
        for _ in range(getattr(self.gpt2.config, "max_new_tokens", None) or LOA_TOKENS):
            seen = self.gpt2(inputs_embeds=x, attention_mask=mask, past_key_values=cache, use_cache=True)
            x = seen.last_hidden_state[:, -1:]  # after ln_f; the only new position of the next pass
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            written.append(x)
        return torch.cat(written, dim=1)

    # ---- comparing -------------------------------------------------------------------------------------------

    @property
    def compares(self) -> bool:
        """Whether :meth:`similarity` works: the pack has CLAP's audio tower."""
        return self._features is not None and hasattr(self.clap, "audio_model")

    @torch.no_grad()
    def similarity(self, audio: np.ndarray, rate: int, text: str) -> float:
        """CLAP's cosine between mono `audio` `[N]` at `rate` Hz and `text`, in [-1, 1].

        Longer audio than CLAP hears (10 s) is compared piece by piece, and averaged. Raises Unsupported without an
        audio tower, BadSetting for a text that is too long.
        """
        if not self.compares or self._features is None:
            raise Unsupported("This pack cannot compare audio with text: its CLAP has no audio tower.")
        features = self._features
        resampled = soxr.resample(audio, rate, features.sampling_rate)
        pieces = np.array_split(resampled, ceil(len(resampled) / features.nb_max_samples))
        mel = features(pieces, sampling_rate=features.sampling_rate, return_tensors="pt").input_features
        weight = self.clap.audio_projection.linear1.weight
        pooled = self.clap.audio_model(
            input_features=mel.to(weight), is_longer=torch.zeros(len(pieces), 1, dtype=torch.bool, device=weight.device)
        ).pooler_output
        vectors = nnf.normalize(self.clap.audio_projection(pooled), dim=-1)  # [pieces, Wc]
        tokens = self.tokenize([text])
        return float((vectors @ self.clap_text(tokens.clap_ids, tokens.clap_mask).T).mean())
