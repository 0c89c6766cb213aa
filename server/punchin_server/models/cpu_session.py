"""Runs an ONNX graph on the CPU, beside torch. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime as ort
import torch

from ..codecs.onnx_graph import Array


class CPUSession(ort.InferenceSession):
    """A session with the weights that onnxruntime refers to, `kept`; those of `packed` are given up once it has made
    copies of them in an order of its own."""

    def __init__(self, graph: bytes, kept: Mapping[str, Array], packed: Mapping[str, Array]) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        # Between two steps the threads of torch work, and need the cores that onnxruntime's would wait on.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._kept = _values(kept)
        given = self._kept | _values(packed)
        options.add_external_initializers(list(given), list(given.values()))
        super().__init__(graph, options, providers=["CPUExecutionProvider"])


def _values(weights: Mapping[str, Array]) -> dict[str, ort.OrtValue]:
    return {name: ort.OrtValue.ortvalue_from_numpy(weight) for name, weight in weights.items()}
