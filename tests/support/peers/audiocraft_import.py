"""Imports audiocraft, the parity oracle and benchmark peer, on a current torch.

audiocraft 1.3.0 imports at module level much that its language model and codec never use, and some of it has no build
for this torch. While it is imported, an import statement inside one of its own modules may fail for the names below;
it then gets a stand-in that fails when used. Other packages see nothing of this: transformers and torchmetrics look
into `sys.modules` for some of the same names, so that no stand-in may ever lie there.
"""

from __future__ import annotations

import builtins
import importlib
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

UNUSED = frozenset({"av", "librosa", "num2words", "soundfile", "spacy", "torchaudio", "xformers"})
NEEDED = ("audiocraft.models.lm", "audiocraft.models.builders", "audiocraft.modules.conditioners")


class StandIn(types.ModuleType):
    """Whatever is asked of it is another stand-in, up to a call, which tells what is absent."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) == ("xformers.ops", "unbind"):  # the one op on the way of the torch attention
            return torch.unbind
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise ImportError(f"{self.__name__} is a stand-in: it could not be imported")


@contextmanager
def forgiving_imports() -> Iterator[None]:
    plain = builtins.__import__

    def forgiving(name: str, scope: Any = None, names: Any = None, wanted: Any = (), level: int = 0) -> Any:
        try:
            return plain(name, scope, names, wanted, level)
        except Exception:
            importer = (scope or {}).get("__name__") or ""
            top = name.split(".")[0]
            if level or top not in UNUSED or importer.split(".")[0] != "audiocraft":
                raise
            return StandIn(name if wanted else top)

    builtins.__import__ = forgiving
    try:
        yield
    finally:
        builtins.__import__ = plain


def load_audiocraft() -> types.ModuleType:
    """The package, with its language model and conditioners imported. Raises ImportError where it is absent."""
    with forgiving_imports():
        for module in NEEDED:
            importlib.import_module(module)
    return importlib.import_module("audiocraft")
