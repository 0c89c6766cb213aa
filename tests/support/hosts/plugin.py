"""The plug-in for the tests: what projects remember of it, and minihost as its host."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

Samples = npt.NDArray[np.float32]
Midi = tuple[int, int, int, int]
"""A sample of the song, and the three bytes of a MIDI message there."""


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


def dpf_state(document: dict[str, Any], take: int | None = 1) -> bytes:
    """As DPF writes it into a project, VST3 and CLAP alike. Without `take` the host's parameter stays as it was."""
    parts = [
        "__dpf_state_begin__", "punchin", json.dumps(document), "__dpf_state_end__",
        "__dpf_parameters_begin__", *([] if take is None else ["take", str(take)]), "original", "0",
        "__dpf_parameters_end__",
    ]  # fmt: skip
    return b"".join(part.encode() + b"\x00" for part in parts) + b"\xfe\x00"


_LETTERS = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"


def _from_juce(text: str) -> bytes:
    """JUCE's own base 64, lowest bits first, with the size before it: four letters are three bytes."""
    size, _, letters = text.partition(".")
    values = [_LETTERS.index(letter) for letter in letters] + [0] * 3
    quads = zip(*(values[i::4] for i in range(4)), strict=False)
    found = b"".join((a | b << 6 | c << 12 | d << 18).to_bytes(3, "little") for a, b, c, d in quads)
    return found[: int(size)]


def _to_juce(data: bytes) -> str:
    padded = data + bytes(2)
    values = (int.from_bytes(padded[i : i + 3], "little") for i in range(0, len(padded) - 2, 3))
    letters = "".join(_LETTERS[value >> 6 * i & 63] for value in values for i in range(4))
    return f"{len(data)}." + letters[: (8 * len(data) + 5) // 6]


_COMPONENT = re.compile(rb"(<IComponent>)(.*?)(</IComponent>)")


@dataclass
class Hosted:
    """A plug-in in minihost."""

    plugin: Any
    rate: int

    @property
    def state(self) -> dict[str, Any]:
        """What it would have a project remember."""
        found = _COMPONENT.search(self.plugin.get_state())
        assert found
        text = _from_juce(found[2].decode()).split(b"punchin\x00")[1].split(b"\x00")[0]
        document: dict[str, Any] = json.loads(text)
        return document

    @property
    def take(self) -> int:
        """Where the host's own parameter stands."""
        self.plugin.poll_callbacks()
        return round(self.plugin.get_param_by_name("Take") * 32)

    def restore(self, document: dict[str, Any], take: int | None = 1) -> None:
        """As a host does when it opens a project."""
        found = _COMPONENT.search(self.plugin.get_state())
        assert found
        inner = _to_juce(dpf_state(document, take)).encode()
        xml = b'<?xml version="1.0" encoding="UTF-8"?> <VST3PluginState>' + found[1] + inner + found[3]
        xml += b"</VST3PluginState>"
        self.plugin.set_state(b"VC2!" + struct.pack("<I", len(xml)) + xml + b"\x00")

    def write(self, **settings: Any) -> None:
        """What the musician does in the window."""
        document = self.state
        document["settings"] |= settings
        self.restore(document)

    def play(
        self,
        song: Samples,
        start: int = 0,
        *,
        most: int = 512,
        seed: int = 1,
        rolling: bool = True,
        midi: Sequence[Midi] = (),
    ) -> Samples:
        """`song` `[channels, samples]` through it, from song sample `start` on, in blocks of random sizes."""
        random = np.random.default_rng(seed)
        out = np.zeros_like(song)
        done = 0
        while done < song.shape[1]:
            piece = np.ascontiguousarray(song[:, done : done + int(random.integers(1, most + 1))])
            heard, at = np.zeros_like(piece), start + done
            self.plugin.set_transport(120.0, 4, 4, at, at / self.rate * 2, rolling)
            if midi:
                end = at + piece.shape[1]
                inside = [(sample - at, *message) for sample, *message in midi if at <= sample < end]
                self.plugin.process_midi(piece, heard, inside)
            else:
                self.plugin.process(piece, heard)
            out[:, done : done + piece.shape[1]] = heard
            done += piece.shape[1]
        return out


def hosted(path: Path, rate: int = 48_000, channels: int = 2) -> Hosted:
    minihost = pytest.importorskip("minihost")
    arrangement = {"in_channels": channels, "out_channels": channels}
    return Hosted(minihost.Plugin(str(path), sample_rate=rate, max_block_size=8192, **arrangement), rate)


def noise(samples: int, seed: int, channels: int = 2) -> Samples:
    """`[channels, samples]`, never silent."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)


def take_file(path: Path, audio: Samples, rate: int = 48_000) -> Path:
    """`audio` `[channels, samples]` as a file of 32-bit floats."""
    soundfile.write(path, audio.T, rate, subtype="FLOAT")
    return path
