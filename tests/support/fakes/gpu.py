"""A pretended GPU: tensors that claim to lie on one and are computed on the CPU.

It refuses what a real one refuses (tensors of two devices in one operation), and counts what a real one is slow at:
what makes the host wait for it, and how many kernels of which shapes it is sent. CUDA graphs are recorded and replayed
in earnest: a replay runs the recorded operations again on the same tensors, without the Python that made them.

It says nothing of a real GPU's numbers, speed or memory.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
WHOLE = {aten.scaled_dot_product_attention.default, aten.one_hot.default, aten.lstm.input}
"""One kernel, or a few, on a GPU, though torch could take them apart."""
COPIES = {aten._to_copy.default, aten.copy_.default}
INDEXED = {aten.index.Tensor, aten._index_put_impl_.default, aten.index_put_.default}
READS = {aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default}
"""What a host cannot go on without knowing the result of."""


class MixedDevices(RuntimeError):
    """An operation on tensors of two devices."""


class OnGpu(torch.Tensor):
    """The CPU's tensor `inner`, said to lie on `cuda:index`. C++ takes it for one on `meta`, which needs no driver."""

    inner: Tensor
    index_: int
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor, index: int = 0) -> OnGpu:
        made: OnGpu = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, inner.stride(), inner.storage_offset(), dtype=inner.dtype, device="meta"
        )
        return made

    def __init__(self, inner: Tensor, index: int = 0) -> None:
        self.inner, self.index_ = inner, index

    @property
    def device(self) -> torch.device:
        return torch.device("cuda", self.index_)

    @property
    def is_cuda(self) -> bool:
        return True

    @property
    def is_meta(self) -> bool:
        return False

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        return self.cpu().numpy() if force else torch.Tensor.numpy(self)

    def __getitem__(self, index: Any) -> Tensor:
        def there(part: Any) -> Any:
            return torch.tensor(part, device=self.device) if isinstance(part, list) else part

        parts = tuple(map(there, index)) if isinstance(index, tuple) else there(index)
        return super().__getitem__(parts)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} of a pretended GPU outside it")


class Kernel(NamedTuple):
    """An operation that a GPU is sent."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


def place() -> str:
    """The line of the server that asks."""
    ours = (f for f in reversed(traceback.extract_stack()) if "/punchin_server/" in f.filename)
    return next((f"{f.filename.rsplit('punchin_server/')[-1]}:{f.lineno}" for f in ours), "elsewhere")


def inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnGpu) else value


class Gpu(TorchDispatchMode):
    """While it is entered, `cuda` devices are pretended. `waits` counts by line, `kernels` are those since `clear`."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.kernels: list[Kernel] = []
        self.recording: list[tuple[Any, Any, Any, Any]] | None = None
        self._apart: list[int] = []

    def clear(self) -> None:
        self.waits.clear()
        self.kernels.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        kwargs.pop("pin_memory", None)  # it needs a driver
        ours = [t for t in tree_leaves((args, kwargs)) if isinstance(t, OnGpu)]
        asked = self._asked(args, kwargs, ours)
        if not ours and (asked is None or asked.type != "cuda"):
            return func(*args, **kwargs)
        if func not in WHOLE and func._can_decompose():
            return self._take_apart(func, args, kwargs, ours)
        at = self._where(func, args, kwargs, ours, asked)
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("cpu")
        if at is not None and not func.is_view:
            shapes = tuple(tuple(t.shape) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor))
            self.kernels.append(Kernel(str(func), shapes))
        return self._run(func, args, kwargs, at)

    def _take_apart(self, func: Any, args: Any, kwargs: dict[str, Any], ours: list[OnGpu]) -> Any:
        """The operations of which `func` is composed; what they make on `meta` is made on the GPU of its tensors."""
        self._apart.append(ours[0].index_ if ours else 0)
        try:
            with self:
                return func.decompose(*args, **kwargs)
        finally:
            self._apart.pop()

    def _asked(self, args: Any, kwargs: dict[str, Any], ours: list[OnGpu]) -> torch.device | None:
        """The device that is asked for by name. That of a pretended tensor is `meta` to C++: its own is meant."""
        asked = next((a for a in (kwargs.get("device"), *args) if isinstance(a, torch.device)), None)
        if asked is not None and asked.type == "meta" and (ours or self._apart):
            return torch.device("cuda", ours[0].index_ if ours else self._apart[-1])
        return asked

    def _where(
        self, func: Any, args: Any, kwargs: dict[str, Any], ours: list[OnGpu], asked: torch.device | None
    ) -> int | None:
        """The index of the GPU on which the result lies, None for the CPU. Counts waits, refuses mixing."""
        indices = {t.index_ for t in ours}
        host = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and not isinstance(t, OnGpu)]
        if func in COPIES:
            target = args[0].device if func is aten.copy_.default else asked if asked is not None else args[0].device
            source = args[1] if func is aten.copy_.default else args[0]
            at = (target.index or 0) if target.type == "cuda" else None
            late = kwargs.get("non_blocking") or args[2:] == (True,)
            if isinstance(source, OnGpu) != (at is not None) and not late:
                self.waits[f"{func} at {place()}"] += 1
            return at
        if len(indices) > 1:
            raise MixedDevices(f"{func} on cuda:{sorted(indices)} at {place()}")
        if func in INDEXED:
            masks = any(i is not None and i.dtype is torch.bool for i in args[1])
            if host or masks:
                self.waits[f"{func} at {place()}"] += 1
            if not isinstance(args[0], OnGpu):
                raise MixedDevices(f"{func}: a tensor of the CPU under indices of the GPU at {place()}")
        elif func in READS:
            self.waits[f"{func} at {place()}"] += 1
        elif any(t.dim() for t in host):
            raise MixedDevices(f"{func} at {place()}: {[(t.device.type, tuple(t.shape)) for t in (*ours, *host)]}")
        return indices.pop() if indices else (asked.index or 0) if asked else None

    def _run(self, func: Any, args: Any, kwargs: dict[str, Any], at: int | None) -> Any:
        ours = [t for t in tree_leaves((args, kwargs)) if isinstance(t, OnGpu)]
        out = func(*tree_map(inner, args), **tree_map(inner, kwargs))
        known: dict[int, Tensor] = {id(t.inner): t for t in ours}

        def wrapped(value: Any) -> Any:
            if not isinstance(value, Tensor) or at is None:
                return value
            return known[id(value)] if id(value) in known else OnGpu(value, at)

        with torch.inference_mode(torch.is_inference_mode_enabled() and all(t.is_inference() for t in ours)):
            result = tree_map(wrapped, out)
        if self.recording is not None:
            self.recording.append((func, args, kwargs, result))
        return result


class FirstOfAll(TorchFunctionMode):
    """`cuda` without a number is `cuda:0`: to find out which is current C++ would ask a driver."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def numbered(value: Any) -> Any:
            if (isinstance(value, str) and value == "cuda") or (
                isinstance(value, torch.device) and value == torch.device("cuda")
            ):
                return torch.device("cuda", 0)
            return value

        if func is torch.device:
            return func(*args, **(kwargs or {}))
        if func is torch.Tensor.to and isinstance(args[-1], OnGpu) and len(args) == 2:  # C++ would read its device
            args = (args[0], args[1].device, args[1].dtype)
        return func(*map(numbered, args), **{name: numbered(value) for name, value in (kwargs or {}).items()})


class Graph:
    """A CUDA graph on the pretended GPU."""

    gpu: ClassVar[Gpu]
    replays: ClassVar[int] = 0
    recorded: ClassVar[int] = 0

    def __init__(self) -> None:
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def replay(self) -> None:
        """Run what was recorded again, into the same tensors."""
        type(self).replays += 1
        with torch._C._DisableTorchDispatch():
            for func, args, kwargs, result in self.operations:
                out = func(*tree_map(inner, args), **tree_map(inner, kwargs))
                for new, old in zip(tree_leaves(out), tree_leaves(result), strict=True):
                    if isinstance(new, Tensor) and new.data_ptr() != inner(old).data_ptr():
                        inner(old).copy_(new)


@contextmanager
def _record(graph: Graph, **_: object) -> Iterator[None]:
    """As `torch.cuda.graph`, without a `pool`. The work is done once, which a real recording does not do."""
    Graph.recorded += 1
    Graph.gpu.recording = graph.operations
    try:
        yield
    finally:
        Graph.gpu.recording = None


@contextmanager
def pretended(devices: int = 1) -> Iterator[Gpu]:
    """GPUs that are there while this is entered. Raises MixedDevices from within where tensors do not fit together."""
    gpu, lifts = Gpu(), torch._C._only_lift_cpu_tensors()
    Graph.gpu, Graph.replays, Graph.recorded = gpu, 0, 0
    nothing: Callable[..., Any] = lambda *_, **__: mock.MagicMock()  # noqa: E731
    fakes = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "device_count": lambda: devices,
        "get_device_capability": lambda *_: (9, 0),
        "mem_get_info": lambda *_: (80 * 2**30, 80 * 2**30),
        "memory_reserved": lambda *_: 0,
        "memory_allocated": lambda *_: 0,
        "Stream": nothing,
        "Event": nothing,
        "stream": nothing,
        "current_stream": nothing,
        "CUDAGraph": Graph,
        "graph": _record,
        "graph_pool_handle": nothing,
    }
    swaps = torch.__future__.get_overwrite_module_params_on_conversion()
    torch._C._set_only_lift_cpu_tensors(True)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # a weight cannot change its kind in place
    try:
        no_cudnn = mock.patch("torch.backends.cudnn.is_acceptable", return_value=False)
        with mock.patch.multiple(torch.cuda, **fakes), no_cudnn, gpu, FirstOfAll():
            yield gpu
    finally:
        torch._C._set_only_lift_cpu_tensors(lifts)
        torch.__future__.set_overwrite_module_params_on_conversion(swaps)
        torch.__future__.set_overwrite_module_params_on_conversion(swaps)
