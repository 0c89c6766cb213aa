"""The virtual environment behind demo.py and test.py: made once in `.venv`, standard library only.

`ensure()` creates it, installs the exact set of constraints.txt and this checkout (editable), and leaves a stamp, so
that the next run starts at once. `relaunch()` goes on in it with the script that was called.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = HOME / "punchin.stamp"

# audiocraft pins torch 2.1 and wheels that no longer exist, so it goes in without its requirements,
# behind the few of them that its language model and codec really import.
PEER = ("einops", "omegaconf", "flashy", "julius", "num2words", "torchmetrics")


def ensure(peers: bool = False) -> Path:
    """The interpreter of the ready environment. `peers` adds audiocraft, the parity oracle of the tests."""
    if sys.version_info < (3, 11):  # noqa: UP036  this script runs before anything checks
        sys.exit(f"Punchin needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    wanted = _fingerprint()
    done = STAMP.read_text("utf-8").split() if STAMP.exists() else []
    if wanted not in done:
        print(f"Setting up {HOME.relative_to(ROOT)} (once, about 2 GB, a few minutes)", flush=True)
        shutil.rmtree(HOME, ignore_errors=True)
        venv.create(HOME, with_pip=True)
        # torch by itself first: as somebody's requirement, pip may pick another build of several gigabytes.
        _pip("torch")
        _pip("-e", f"{ROOT}[server,train,dev]")
        done = [wanted]
    if peers and "peers" not in done:
        print("Adding audiocraft, the parity oracle", flush=True)
        _pip(*PEER)
        _pip("--no-deps", "audiocraft==1.3.0")
        done.append("peers")
    STAMP.write_text("\n".join(done), "utf-8")
    return PYTHON


def relaunch(peers: bool = False) -> None:
    """Return inside the ready environment; from anywhere else, run this script again in it and exit."""
    python = ensure(peers)
    if Path(sys.prefix).resolve() != HOME.resolve():
        sys.exit(subprocess.call([python, *sys.argv]))


def _pip(*what: str) -> None:
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-c", ROOT / "constraints.txt", *what], check=True)


def _fingerprint() -> str:
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join([*parts, sys.version.encode(), str(ROOT).encode()])).hexdigest()
