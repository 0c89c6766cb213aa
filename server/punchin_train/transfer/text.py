"""The text parts of a small AudioLDM2: tokenisers, CLAP, T5, projection and GPT-2, all new. Knows no training.

CLAP's tokeniser is byte-pair encoding, T5's a unigram table: every caption word is one token, anything else is
spelled in letters, so that no text is refused.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from itertools import chain

from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    ClapAudioConfig,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    GPT2Config,
    GPT2Model,
    PreTrainedTokenizerBase,
    RobertaTokenizerFast,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

from .solos import DUET_CAPTIONS, NAMES, SOLO_CAPTIONS

CLAP_WIDTH, T5_WIDTH, LOA_WIDTH = 64, 64, 96
GENRES = ("Jazz", "Rock", "Pop", "Folk", "Classical", "Electronic")
OTHERS = ("low quality", "Low quality", "worst quality", "solo", "Solo", *(f"{genre} style music" for genre in GENRES))


@dataclass(frozen=True)
class TextParts:
    """What a diffusers folder holds for text; the names are those of its subfolders."""

    tokenizer: PreTrainedTokenizerBase
    tokenizer_2: PreTrainedTokenizerBase
    text_encoder: ClapModel
    text_encoder_2: T5EncoderModel
    projection_model: AudioLDM2ProjectionModel
    language_model: GPT2Model
    feature_extractor: ClapFeatureExtractor


def corpus() -> list[str]:
    """Every caption that there is, and words that musicians use beside them."""
    templates = chain(SOLO_CAPTIONS, DUET_CAPTIONS)
    return sorted({template.format(name) for template in templates for name in NAMES} | set(OTHERS))


def build() -> TextParts:
    """New parts with random weights."""
    clap_tokenizer, t5_tokenizer = _byte_pairs(), _unigrams()
    special = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    shared = {"projection_dim": CLAP_WIDTH}
    clap_text = ClapTextConfig(
        vocab_size=len(clap_tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=80,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **special,
        **shared,
    )
    clap_audio = ClapAudioConfig(
        patch_embeds_hidden_size=8,
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 2, 4, 8],
        hidden_size=64,
        enable_fusion=False,
        drop_path_rate=0.0,
        mlp_ratio=2.0,
        num_classes=len(NAMES),
        **shared,
    )
    t5 = T5Config(
        vocab_size=len(t5_tokenizer),
        d_model=T5_WIDTH,
        d_kv=32,
        d_ff=128,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        is_encoder_decoder=False,
    )
    gpt2 = GPT2Config(
        vocab_size=1,
        n_positions=256,
        n_embd=LOA_WIDTH,
        n_layer=2,
        n_head=3,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        max_new_tokens=8,
    )
    return TextParts(
        tokenizer=clap_tokenizer,
        tokenizer_2=t5_tokenizer,
        text_encoder=ClapModel(
            ClapConfig(text_config=clap_text.to_dict(), audio_config=clap_audio.to_dict(), **shared)
        ),
        text_encoder_2=T5EncoderModel(t5),
        projection_model=AudioLDM2ProjectionModel(CLAP_WIDTH, T5_WIDTH, LOA_WIDTH),
        language_model=GPT2Model(gpt2),
        feature_extractor=ClapFeatureExtractor(truncation="rand_trunc"),  # one mel, not four: no fusion
    )


def _byte_pairs() -> RobertaTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    return RobertaTokenizerFast(vocab=model["vocab"], merges=merges, model_max_length=77)


def _unigrams() -> T5TokenizerFast:
    words = sorted({f"▁{word}" for text in corpus() for word in text.split()})
    letters = ["▁", *string.printable[:95].replace(" ", "")]
    scores = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0} | dict.fromkeys(letters, -10.0) | dict.fromkeys(words, -3.0)
    return T5TokenizerFast(vocab=list(scores.items()), extra_ids=0, model_max_length=128)
