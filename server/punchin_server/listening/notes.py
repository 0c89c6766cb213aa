"""Which notes sound, and where they begin: basic-pitch's model (Bittner et al., arXiv 2203.09893), read by onnxruntime.

It learned from recordings of many instruments, and nothing of ours had a part in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray
from punchin_wire.errors import BadCheckpoint, Unsupported
from punchin_wire.frames import Audio

from ..packs.registry import find

PACK = "listener"
"""The pack that holds the model: it came with Punchin."""
RATE, HOP = 22_050, 256
SAMPLES, FRAMES = 43_844, 172
"""What the model hears at once, and how many frames it says of it."""
BORDER = 15
"""Frames at either end of a window that the next one knows better."""
LOWEST, PITCHES = 21, 88
BEGINS, SOUNDS = 0.5, 0.3
"""How sure it must be that a note begins, and that one sounds."""

Likelihoods: TypeAlias = NDArray[np.float32]


class Heard(NamedTuple):
    """How likely each of the pitches 21 to 108 begins and sounds, `[frames, 88]` each, 86 frames a second."""

    begins: Likelihoods
    sounds: Likelihoods

    @property
    def onsets(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """When notes begin, in seconds, ascending, and their pitches."""
        padded = np.pad(self.begins, ((1, 1), (0, 0)))
        peak = (self.begins >= padded[:-2]) & (self.begins > padded[2:])
        frames, pitches = np.nonzero(peak & (self.begins > BEGINS) & (self.sounds > SOUNDS))
        return frames * HOP / RATE, pitches + LOWEST

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which pitches sound, `[frames, 88]`."""
        return self.sounds > SOUNDS


class Transcriber:
    """The model, loaded. Raises BadCheckpoint where the file is none that hears notes so."""

    def __init__(self, path: Path) -> None:
        import onnxruntime  # half a second, which only those who listen need

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a window takes 20 ms; more threads only wait for one another
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has an error of its own for each thing that can be wrong
            raise BadCheckpoint(f"{path.name} is no ONNX model: {str(error).splitlines()[0][:200]}") from error
        notes = [out.name for out in self._session.get_outputs() if out.shape[-1] == PITCHES]
        if len(notes) != 2 or len(self._session.get_inputs()) != 1:
            raise BadCheckpoint(f"{path.name} hears no notes as basic-pitch's model does.")
        self._names = sorted(notes)  # notes that sound, notes that begin: as basic-pitch 0.4 names them
        self._input = self._session.get_inputs()[0].name

    def hear(self, audio: Audio, rate: int) -> Heard:
        """The notes of `audio` `[N]` at `rate`."""
        sound = soxr.resample(audio.astype(np.float32, copy=False), rate, RATE, quality="HQ")
        frames, kept = len(sound) // HOP + 1, FRAMES - 2 * BORDER
        windows = -(-frames // kept)
        padded = np.zeros(BORDER * HOP + (windows - 1) * kept * HOP + SAMPLES, np.float32)
        padded[BORDER * HOP : BORDER * HOP + len(sound)] = sound[: len(padded) - BORDER * HOP]
        said = [
            self._session.run(self._names, {self._input: padded[None, at : at + SAMPLES, None]})
            for at in range(0, windows * kept * HOP, kept * HOP)
        ]
        sounds, begins = (
            np.concatenate([window[output][0, BORDER : FRAMES - BORDER] for window in said])[:frames]
            for output in range(2)
        )
        return Heard(begins, sounds)


def installed() -> Transcriber:
    """The transcriber of the pack `listener`. Raises PackMissing, PackCorrupt, FileMissing, BadCheckpoint."""
    pack = find(PACK)
    if pack.manifest.listener is None:
        raise Unsupported(f"The pack {PACK!r} hears no notes.", "Give that pack another name.")
    return Transcriber(pack.resolve(pack.manifest.listener))
