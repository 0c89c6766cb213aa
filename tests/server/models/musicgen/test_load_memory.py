"""Loading takes the memory of the weights and little more, int8 keeps nothing else: at musicgen-small's true shape."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fakes.checkpoints import write_audiocraft
from memory import measure
from punchin_server.models.musicgen.musicgen import SMALL

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is told apart by Linux's /proc"),
]

PREPARE = """
import torch
from pathlib import Path
from punchin_server.models.musicgen import onnx_step, weights
from punchin_server.worker import frugal
torch.set_grad_enabled(False)
torch.ops.mkldnn._reorder_linear_weight(torch.zeros(64, 64), 8)  # oneDNN makes room for itself
"""
LOAD = """
with frugal():
    kept = weights.load_lm(Path(sys.argv[1]), dtype=None)
    if sys.argv[2] != "float16":
        kept = onnx_step.on_cpu(kept, sys.argv[2], None, text=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audiocraft(tmp_path_factory.mktemp("small"), SMALL)


def int8_bytes() -> int:
    """Of the weights as int8 has them: matrices a byte a number, embeddings and the rest four."""
    D, rows = SMALL.width, SMALL.codebooks * SMALL.card
    return SMALL.layers * 16 * D * D + rows * D + 4 * (rows + 4) * D + 4 * SMALL.text_width * D


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "int8"])
def test_at_most_a_tenth_more_than_the_file_or_the_weights(folder: Path, precision: str) -> None:
    """float16 is what a GPU gets, from the mapped file: nothing of it is held here."""
    file = (folder / "state_dict.bin").stat().st_size
    taken = measure(PREPARE, LOAD, str(folder), precision)
    assert taken.peak <= 1.1 * file
    if precision == "float16":
        assert taken.resident <= 1.1 * file  # the pages of the file included
    if precision == "int8":
        assert int8_bytes() < taken.held <= 1.2 * int8_bytes()
