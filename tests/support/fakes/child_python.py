"""Pythons that lack something, for child processes and theirs: a `sitecustomize` in front of their path."""

from __future__ import annotations

import os
from pathlib import Path

NO_SOCKETS = """
import socket

def refuse(_socket, address):
    with open({log!r}, "a") as log:
        print(address, file=log)
    raise AssertionError(f"a socket was opened to {{address}}")

socket.socket.connect = socket.socket.connect_ex = refuse
"""
NO_HF_XET = """
import importlib.metadata, sys

class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "hf_xet":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def version(name, version=importlib.metadata.version):
    if name.replace("-", "_") == "hf_xet":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)

sys.meta_path.insert(0, Hidden)
importlib.metadata.version = version
"""


def without_sockets(folder: Path) -> tuple[dict[str, str], Path]:
    """The environment of children whose sockets reach nobody, and the file that says whom they tried."""
    log = folder / "tried.txt"
    return _customized(folder, NO_SOCKETS.format(log=str(log))), log


def without_hf_xet(folder: Path) -> dict[str, str]:
    """The environment of children that find no `hf_xet`, installed or not."""
    return _customized(folder, NO_HF_XET)


def _customized(folder: Path, code: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
