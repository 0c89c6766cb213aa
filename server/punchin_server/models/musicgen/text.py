"""T5 text encoding for MusicGen: the frozen encoder only; its projection is a part of the language model.

The encoder and its tokenizer lie in a folder, as t5-base of the hub or inside a Hugging Face MusicGen. Knows no
guidance: what has no text gets no encoding.
"""

from __future__ import annotations

from pathlib import Path

import torch
from punchin_wire.errors import BadCheckpoint
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer, T5EncoderModel

from ...packs.tensor_files import first_line, read_hugging_face


class TextEncoder:
    """A T5 encoder of `width`."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Raises BadCheckpoint where `folder` holds no T5 encoder and tokenizer, FileMissing without weights."""
        try:
            whole = AutoConfig.from_pretrained(folder, local_files_only=True)
            config = getattr(whole, "text_encoder", whole)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            with torch.device("meta"):
                model = T5EncoderModel(config)
        except Exception as error:  # transformers raises many kinds for a folder it cannot read
            raise BadCheckpoint(f"{folder.name} holds no T5 text encoder: {first_line(error)}") from error
        prefix = "" if config is whole else "text_encoder."
        state = {
            name: tensor.float()
            for name, tensor in read_hugging_face(folder, prefix).items()
            if name.startswith(("encoder.", "shared."))  # t5-base's file has a decoder too
        }
        state.setdefault("encoder.embed_tokens.weight", state.get("shared.weight", torch.empty(0)))
        try:
            model.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise BadCheckpoint(f"The T5 weights in {folder.name} do not fit: {first_line(error)}") from error
        self._model = model.eval().to(device)
        self.width: int = config.d_model

    @torch.inference_mode()
    def encode(self, text: str) -> Tensor:
        """`[N, width]`, one row a token of `text`, the end token included."""
        tokens = self._tokenizer(text, return_tensors="pt").to(self._model.device)
        encoded: Tensor = self._model(**tokens).last_hidden_state[0]
        return encoded
