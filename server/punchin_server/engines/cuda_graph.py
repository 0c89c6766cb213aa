"""Work for a GPU, recorded once and sent whole as a CUDA graph; and waiting for it. Knows no models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

import torch

log = logging.getLogger(__name__)

WARM_UPS = 3
"""Plain runs before a recording, in which libraries choose their kernels and take their memory."""
Work: TypeAlias = Callable[[], None]
"""Reads and writes tensors that stay where they are, in one way whatever is in them."""


def recorded(work: Work, pool: Any = None) -> Work:
    """What replays `work`, which is run a few times meanwhile: the caller puts back what that changed.

    Recordings of one `pool` (`torch.cuda.graph_pool_handle()`) share the memory of what they compute on the way. Where
    recording fails it is `work` itself: launched kernel by kernel it is slower, and gives the same.
    """
    try:
        return _record(work, pool)
    except RuntimeError as error:
        log.warning("GPU work is not recorded: %s", error)
        return work


def _record(work: Work, pool: Any) -> Work:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        work()
    replay: Work = graph.replay
    return replay


def mark(device: torch.device) -> Work:
    """What waits until `device` has done all that it was sent so far."""
    if device.type != "cuda":
        return lambda: None
    event = torch.cuda.Event(blocking=True)
    event.record()
    wait: Work = event.synchronize
    return wait
