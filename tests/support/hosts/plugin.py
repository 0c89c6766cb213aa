"""The plug-in for the tests: built once in a run, and hosted by minihost."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import minihost
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

SOURCE = Path(__file__).resolve().parents[3] / "plugin_host" / "plugin"
CORE_TESTS = SOURCE.parents[1] / "tests" / "plugin_host" / "plugin" / "core"
DPF = Path("/usr/share/dpf")
HEADERS = ("soxr.h", "nlohmann/json.hpp", "GL/gl.h", "X11/Xlib.h")

Samples = npt.NDArray[np.float32]


def missing() -> list[str]:
    """What building the plug-in needs and this machine has not."""
    programs = [program for program in ("cmake", "g++") if shutil.which(program) is None]
    files = [DPF / "CMakeLists.txt", *(Path("/usr/include") / name for name in HEADERS)]
    return [*programs, *(str(path) for path in files if not path.exists())]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process of the run at a time."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def built(shared: Path, name: str, source: Path = SOURCE, *options: str) -> Path:
    """The build folder of `source`, made by the first process of the run that asks. `shared` is a folder of the run."""
    if found := missing():
        pytest.skip(f"not installed: {', '.join(found)}")
    folder = shared / name
    with _alone(shared / f"{name}.lock"):
        if not (folder / "built").exists():
            jobs = str(os.cpu_count() or 1)
            for command in (
                ["cmake", "-S", str(source), "-B", str(folder), f"-DDPF_PATH={DPF}", *options],
                ["cmake", "--build", str(folder), "-j", jobs],
            ):
                done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
                assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            (folder / "built").touch()
    return folder


# ---- states --------------------------------------------------------------------------------------------------


class Region(NamedTuple):
    """Takes in a place: samples `[start, end)` at `rate`."""

    start: int
    end: int
    takes: Sequence[Path]
    choice: int = 1
    rate: float = 48_000.0


def state(*regions: Region, active: int = 0) -> dict[str, Any]:
    """What a project remembers of the plug-in."""
    return {
        "version": 1,
        "selection": {"start": 0, "end": 0, "rate": 48_000.0},
        "active": active,
        "regions": [
            {
                "place": {"start": region.start, "end": region.end, "rate": region.rate},
                "choice": region.choice,
                "takes": [{"path": str(take)} for take in region.takes],
            }
            for region in regions
        ],
    }


def dpf_state(document: dict[str, Any], take: int = 1) -> bytes:
    """As DPF writes it into a project, VST3 and CLAP alike."""
    parts = [
        "__dpf_state_begin__", "punchin", json.dumps(document), "__dpf_state_end__",
        "__dpf_parameters_begin__", "take", str(take), "original", "0", "__dpf_parameters_end__",
    ]  # fmt: skip
    return b"".join(part.encode() + b"\xff" for part in parts) + b"\xfe\x00"


_LETTERS = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"


def _from_juce(text: str) -> bytes:
    """JUCE's own base 64, lowest bits first, with the size before it."""
    size, _, letters = text.partition(".")
    value = sum(_LETTERS.index(letter) << 6 * i for i, letter in enumerate(letters))
    return (value & (1 << 8 * int(size)) - 1).to_bytes(int(size), "little")


def _to_juce(data: bytes) -> str:
    value = int.from_bytes(data, "little")
    letters = (_LETTERS[value >> 6 * i & 63] for i in range((8 * len(data) + 5) // 6))
    return f"{len(data)}." + "".join(letters)


_COMPONENT = re.compile(rb"(<IComponent>)(.*?)(</IComponent>)")


@dataclass
class Hosted:
    """A plug-in in minihost."""

    plugin: minihost.Plugin
    rate: int

    @property
    def state(self) -> dict[str, Any]:
        """What it would have a project remember."""
        found = _COMPONENT.search(self.plugin.get_state())
        assert found
        text = _from_juce(found[2].decode()).split(b"punchin\x00")[1].split(b"\x00")[0]
        document: dict[str, Any] = json.loads(text)
        return document

    def restore(self, document: dict[str, Any], take: int = 1) -> None:
        """As a host does when it opens a project."""
        found = _COMPONENT.search(self.plugin.get_state())
        assert found
        inner = _to_juce(dpf_state(document, take).replace(b"\xff", b"\x00")).encode()
        xml = b'<?xml version="1.0" encoding="UTF-8"?> <VST3PluginState>' + found[1] + inner + found[3]
        xml += b"</VST3PluginState>"
        self.plugin.set_state(b"VC2!" + struct.pack("<I", len(xml)) + xml + b"\x00")

    def play(self, song: Samples, start: int = 0, *, most: int = 512, seed: int = 1, rolling: bool = True) -> Samples:
        """`song` `[channels, samples]` through it in blocks of random sizes, from song sample `start` on."""
        random = np.random.default_rng(seed)
        out = np.zeros_like(song)
        done = 0
        while done < song.shape[1]:
            piece = np.ascontiguousarray(song[:, done : done + int(random.integers(1, most + 1))])
            heard, at = np.zeros_like(piece), start + done
            self.plugin.set_transport(120.0, 4, 4, at, at / self.rate * 2, rolling)
            self.plugin.process(piece, heard)
            out[:, done : done + piece.shape[1]] = heard
            done += piece.shape[1]
        return out


def hosted(path: Path, rate: int = 48_000) -> Hosted:
    return Hosted(minihost.Plugin(str(path), sample_rate=rate, max_block_size=8192), rate)


def noise(samples: int, seed: int, channels: int = 2) -> Samples:
    """`[channels, samples]`, never silent."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)


def take_file(path: Path, audio: Samples, rate: int = 48_000) -> Path:
    """`audio` `[channels, samples]` as a file of 32-bit floats."""
    soundfile.write(path, audio.T, rate, subtype="FLOAT")
    return path
