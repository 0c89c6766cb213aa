"""`python -m punchin_server doctor [--json]`: what this computer and this installation bring. Changes nothing.

Imports no torch: what torch and onnxruntime find is asked of a child process, which may crash or hang on a broken
driver without taking the doctor along. Exit code 0, or 1 when something keeps Punchin from working.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec
import psutil
from punchin_wire import paths
from punchin_wire.disk import OWN_FOLDER
from punchin_wire.errors import NotInstalled, PackCorrupt

from .daemon.settings import OSC_PORT
from .packs import catalog, registry
from .packs.cli import abilities, describe
from .packs.machine import this_machine

State = Literal["ok", "note", "problem"]
PROBE_SECONDS = 90.0
"""A first import of torch from a slow disk takes half a minute."""
REINSTALL = NotInstalled.default_next_step

_PROBE = """
import importlib.util, json, torch, onnxruntime
gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
print(json.dumps({
    "torch": torch.__version__,
    "threads": torch.get_num_threads(),
    "gpu": gpu,
    "gpu_name": torch.cuda.get_device_name() if gpu == "cuda" else gpu,
    "onnxruntime": onnxruntime.__version__,
    "triton": importlib.util.find_spec("triton") is not None,
}))
"""


class Fact(msgspec.Struct, frozen=True):
    """One line of the report: what was looked at, what was found, and if it is not well what to do."""

    name: str
    found: str
    state: State = "ok"
    next_step: str = ""


def main(argv: Sequence[str]) -> int:
    """Print the facts, as a table or as one JSON object, and return the exit code."""
    args = parser().parse_args(argv)
    facts = list(examine())
    if args.json:
        print(msgspec.json.encode({"facts": facts}).decode())
    else:
        print(table(facts))
    return 1 if any(fact.state == "problem" for fact in facts) else 0


def parser() -> argparse.ArgumentParser:
    """The words of `punchin doctor`."""
    parser = argparse.ArgumentParser(prog="punchin doctor", description="Check this computer and this installation.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def table(facts: Sequence[Fact]) -> str:
    """The facts as text, a problem marked with `!` and followed by its next step."""
    width = max(len(fact.name) for fact in facts)
    marks = {"ok": " ", "note": "-", "problem": "!"}
    lines = []
    for fact in facts:
        lines.append(f"{marks[fact.state]} {fact.name:<{width}}  {fact.found}")
        if fact.next_step:
            lines.append(f"  {'':<{width}}  → {fact.next_step}")
    return "\n".join(lines)


def examine() -> Iterator[Fact]:
    """Every fact, the cheap ones first."""
    yield Fact("python", f"{platform.python_version()} ({sys.executable})")
    yield Fact("system", f"{platform.system()} {platform.release()} {platform.machine()}")
    yield from _machine()
    yield from _folders()
    yield from _soundfont()
    yield from _packs()
    yield from _catalog()
    yield from _daemon()
    yield from _compute()
    yield _diffusers()


def _machine() -> Iterator[Fact]:
    yield Fact("cores", f"{psutil.cpu_count(logical=False)} ({psutil.cpu_count()} threads)")
    memory = psutil.virtual_memory()
    found = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
    if memory.available < 2 * 2**30:
        yield Fact("memory", found, "note", "Close other programs: models and song together need up to 2 GiB.")
    else:
        yield Fact("memory", found)


def _folders() -> Iterator[Fact]:
    folders = {
        "packs folder": paths.packs_folder(),
        "results folder": paths.results_folder(),
        "log folder": paths.log_folder(),
        "runtime folder": paths.runtime_folder(),
    }
    for name, folder in folders.items():
        if _writable(folder):
            yield Fact(name, str(folder))
        else:
            yield Fact(
                name,
                f"{folder} cannot be written",
                "problem",
                OWN_FOLDER,
            )


def _writable(folder: Path) -> bool:
    """Whether files can be made in `folder`, or, where it is not there yet, whether it can be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _soundfont() -> Iterator[Fact]:
    spec = find_spec("pretty_midi")
    font = Path(spec.origin).with_name("TimGM6mb.sf2") if spec and spec.origin else None
    if font and font.is_file():
        yield Fact("soundfont", str(font))
    else:
        yield Fact(
            "soundfont",
            "the General MIDI soundfont of pretty_midi is not there",
            "problem",
            "Install it: pip install pretty_midi",
        )


def _packs() -> Iterator[Fact]:
    rows = [describe(pack) for pack in registry.installed()]
    if not rows:
        yield Fact("packs", "none", "problem", "Install Punchin again: the `tiny` pack should have come with it.")
    for row in rows:
        if row["state"] == "ok":
            standard = ", default" if row["default"] else ""
            about = f"{row['version']}{standard}; {'; '.join(abilities(row))}; {row['licence']}"
            yield Fact(f"pack {row['name']}", about)
        else:
            yield Fact(f"pack {row['name']}", row["problem"], "problem", row["next_step"])


def _catalog() -> Iterator[Fact]:
    """What could be fetched and is not here: whether it fits this computer, and the command that brings it."""
    here, machine = {pack.name for pack in registry.installed()}, this_machine()
    try:
        entries = catalog.entries().values()
    except PackCorrupt as error:
        yield Fact("catalog", str(error), "problem", error.next_step)
        return
    for entry in entries:
        if entry.need and entry.name not in here:
            fits = machine.fitting(entry.need) is not None
            about = f"{entry.title}; {catalog.size(entry.bytes)} to fetch. {machine.judge(entry.need)}"
            bring = f"punchin packs pull {entry.name}" if fits else ""
            yield Fact(f"pull {entry.name}", about, "ok" if fits else "note", bring)


def _daemon() -> Iterator[Fact]:
    record = paths.read_daemon_record()
    if record is not None and psutil.pid_exists(record.pid):
        yield Fact("daemon", f"runs as process {record.pid} on port {record.port}, OSC {record.osc_port}")
        return
    yield Fact("daemon", "does not run; the next job starts it")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", OSC_PORT))
        except OSError:
            yield Fact(
                "OSC port",
                f"{OSC_PORT} is taken by another program; the daemon will use another",
                "note",
                f"If a control surface needs {OSC_PORT}, close that program before the daemon starts.",
            )
        else:
            yield Fact("OSC port", f"{OSC_PORT} is free")


def _diffusers() -> Fact:
    """What transfer needs beside torch, which is looked for and not imported."""
    if find_spec("diffusers") is None:
        return Fact("diffusers", "is not there: nothing can be transferred", "problem", REINSTALL)
    return Fact("diffusers", version("diffusers"))


def _compute() -> Iterator[Fact]:
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        yield Fact("torch", f"did not start in {PROBE_SECONDS:.0f} s", "problem", REINSTALL)
        return
    if probe.returncode != 0:
        last = (probe.stderr.strip().splitlines() or [f"it ended with code {probe.returncode}"])[-1]
        yield Fact("torch", f"does not start: {last[:300]}", "problem", REINSTALL)
        return
    facts: dict[str, Any] = msgspec.json.decode(probe.stdout.strip().splitlines()[-1])
    yield Fact("torch", f"{facts['torch']}, {facts['threads']} threads")
    if facts["gpu"]:
        yield Fact("GPU", str(facts["gpu_name"]))
        if facts["gpu"] == "cuda" and not facts["triton"]:
            yield Fact("triton", "is missing: takes for holes are made more slowly", "note", "pip install triton")
    else:
        yield Fact("GPU", "none that torch can use: models run on the CPU", "note")
    yield Fact("onnxruntime", str(facts["onnxruntime"]))
