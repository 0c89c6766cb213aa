"""Files of tensors that others made end in one error: no code runs, no memory or time is lost to what they claim."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from punchin_server.packs import tensor_files
from punchin_wire.errors import BadCheckpoint, FileMissing

pytestmark = pytest.mark.model


class Code:
    """What a pickle runs when it is opened."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize("save", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))])
def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, save: Any) -> None:
    save({"a": Code(f"touch '{tmp_path}/ran'")}, tmp_path / "evil.pth")
    with pytest.raises(BadCheckpoint, match="other than tensors"):
        tensor_files.read_pickle(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**13),
        torch.zeros(1, dtype=torch.int8).expand(10**13),
        torch.eye(3).to_sparse(),
        torch.zeros(4, device="meta"),
    ],
    ids=["repeated", "repeated whole numbers", "sparse", "without numbers"],
)
def test_tensors_whose_numbers_are_not_in_the_file(tmp_path: Path, tensor: torch.Tensor) -> None:
    torch.save({"a": tensor}, tmp_path / "odd.pth")
    with pytest.raises(BadCheckpoint):
        tensor_files.only_tensors(tensor_files.read_pickle(tmp_path / "odd.pth"), "odd.pth")


def _safetensors(header: bytes, data: bytes = bytes(24)) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        _safetensors(b"[" * 10**6),
        _safetensors(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 1000000000000]}}'),
        _safetensors(b'{"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}'),
        _safetensors(b'{"a": {"dtype": "F32", "shape": [1099511627776, 1099511627776], "data_offsets": [0, 24]}}'),
    ],
    ids=["a header of exabytes", "a deep header", "beyond the end", "a negative shape", "a shape that overflows"],
)
def test_safetensors_that_claim_what_is_not_there(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(BadCheckpoint):
        tensor_files.read_hugging_face(tmp_path)


@pytest.mark.parametrize(
    "index",
    [
        {"weight_map": ["a"]},
        {"weight_map": {"a": 5}},
        {"weight_map": {"a": "../../model.safetensors"}},
        {"weight_map": {"a": "/etc/passwd"}},
        {},
    ],
)
def test_an_index_lists_files_of_its_folder(tmp_path: Path, index: dict[str, Any]) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadCheckpoint, match="no files of its folder"):
        tensor_files.read_hugging_face(tmp_path)


def test_an_index_of_files_that_are_gone_or_without_end(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "gone.safetensors"}}')
    with pytest.raises(FileMissing, match="gone"):
        tensor_files.read_hugging_face(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("[" * 200_000)
    with pytest.raises(BadCheckpoint, match="not JSON"):
        tensor_files.read_hugging_face(tmp_path)
