"""The real plug-in in a real VST3 host without a window (minihost), in this process: tracks, played block by block.

Several tracks are several plug-ins of one process, as in a DAW. What stands in a window is written into the state that
the host keeps, for there is no window here.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
BPM = 120.0
BLOCK = 512
Samples = NDArray[np.float32]
Midi = tuple[int, int, int, int]
"""Sample of the song, and the three bytes of a MIDI message."""

_ALPHABET = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"
_STATE = re.compile(rb"\0punchin\0(\{.*?\})\0", re.DOTALL)


@dataclass
class PluginTrack:
    """A track with the plug-in `bundle` on it. `params` are its host parameters by name."""

    bundle: Path
    rate: int = RATE
    _host: Any = field(init=False)

    def __post_init__(self) -> None:
        import minihost

        self._host = minihost.Plugin(str(self.bundle), sample_rate=self.rate, max_block_size=BLOCK)

    def close(self) -> None:
        self._host.close()

    def play(self, audio: Samples, start: int = 0, midi: Sequence[Midi] = (), rolls: bool = True) -> Samples:
        """What comes out where `audio` `[2, samples]` comes in at song sample `start`, at 120 bpm in 4/4."""
        out = np.zeros_like(audio)
        for at in range(0, audio.shape[1], BLOCK):
            block = np.ascontiguousarray(audio[:, at : at + BLOCK])
            made = np.zeros_like(block)
            here, end = start + at, start + at + block.shape[1]
            self._host.set_transport(BPM, 4, 4, here, here / self.rate * BPM / 60, rolls)
            inside = [(sample - here, *message) for sample, *message in midi if here <= sample < end]
            if midi:
                self._host.process_midi(block, made, inside)
            else:
                self._host.process(block, made)
            out[:, at : at + BLOCK] = made
        return out

    # ---- what the project keeps --------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        found = _STATE.search(_unpacked(self._host.get_state()))
        assert found is not None
        state: dict[str, Any] = json.loads(found[1])
        return state

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        packed = self._host.get_state()
        whole = _STATE.sub(lambda _: b"\0punchin\0" + json.dumps(value).encode() + b"\0", _unpacked(packed))
        self._host.set_state(_packed(packed, whole))

    def write(self, **settings: Any) -> None:
        """As the musician does in the window."""
        state = self.state
        state["settings"] = state["settings"] | settings
        self.state = state


# ---- JUCE's way to keep what a VST3 keeps --------------------------------------------------------------------------


def _unpacked(state: bytes) -> bytes:
    """The component's own bytes: text of 6 bits a letter, lowest bits first, after their number and a dot."""
    text = re.search(rb"<IComponent>(\d+)\.([^<]*)<", state)
    assert text is not None
    bits = sum(_ALPHABET.index(chr(letter)) << (6 * place) for place, letter in enumerate(text[2]))
    return bits.to_bytes(-(-6 * len(text[2]) // 8), "little")[: int(text[1])]


def _packed(state: bytes, whole: bytes) -> bytes:
    bits = int.from_bytes(whole, "little")
    letters = "".join(_ALPHABET[(bits >> (6 * place)) & 63] for place in range(-(-8 * len(whole) // 6)))
    xml = re.sub(rb"<IComponent>[^<]*<", f"<IComponent>{len(whole)}.{letters}<".encode(), state[8:])
    return state[:4] + struct.pack("<I", len(xml) - 1) + xml
