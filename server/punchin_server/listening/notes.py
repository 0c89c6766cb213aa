"""Which notes sound, and where they begin: basic-pitch's model (Bittner et al., arXiv 2203.09893), read by onnxruntime.

It learned from recordings of many instruments, and nothing of ours had a part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray
from punchin_wire.errors import BadCheckpoint, Unsupported
from punchin_wire.frames import Audio
from punchin_wire.messages import Note

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

SHORTEST = 0.1
"""Seconds of the shortest note; what is shorter is a blow or a fret."""

Likelihoods: TypeAlias = NDArray[np.float32]


class Heard(NamedTuple):
    """How likely each of the pitches 21 to 108 begins and sounds, `[frames, 88]` each, 86 frames a second."""

    begins: Likelihoods
    sounds: Likelihoods

    @property
    def onsets(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """When notes begin, in seconds, ascending, and their pitches."""
        frames, pitches = self._begun
        return frames * HOP / RATE, pitches + LOWEST

    @property
    def _begun(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Frames in which notes begin, ascending, and which of the pitches do."""
        padded = np.pad(self.begins, ((1, 1), (0, 0)))
        peak = (self.begins >= padded[:-2]) & (self.begins > padded[2:])
        frames, pitches = np.nonzero(peak & (self.begins > BEGINS) & (self.sounds > SOUNDS))
        return frames, pitches

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes, by their onsets: each sounds until its pitch does not, or begins again."""
        frames, pitches = self._begun
        found = []
        for pitch in np.unique(pitches):
            mine, silent = frames[pitches == pitch], np.flatnonzero(~self.active[:, pitch])
            limits = np.append(mine[1:], len(self.sounds))
            gaps = np.append(silent, len(self.sounds))
            ends = np.minimum(gaps[np.searchsorted(silent, mine)], limits)
            found += [self._note(int(pitch), first, last) for first, last in zip(mine, ends, strict=True)]
        return tuple(sorted((n for n in found if n.end - n.start >= SHORTEST), key=lambda n: (n.start, n.pitch)))

    def _note(self, pitch: int, first: int, last: int) -> Note:
        """As loud as it is clear; that says little, but flat notes say less."""
        clear = float(self.sounds[first:last, pitch].mean())
        start, end = (float(frame * HOP / RATE) for frame in (first, last))
        return Note(start, end, pitch + LOWEST, round(40 + 80 * min(clear, 1.0)))

    @property
    def sureness(self) -> float:
        """How sure it is on the whole that its notes begin, 0 to 1; 0 where there are none."""
        frames, pitches = self._begun
        return float(self.begins[frames, pitches].mean().clip(0, 1)) if len(frames) else 0.0

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
        return joined([self.hear_window(window) for window in windows(sound)], len(sound))

    def hear_window(self, window: Audio) -> Heard:
        """What is heard of one of :func:`windows`, without its borders."""
        sounds, begins = self._session.run(self._names, {self._input: window[None, :, None]})
        return Heard(*(said[0, BORDER : FRAMES - BORDER] for said in (begins, sounds)))


def windows(sound: Audio) -> tuple[Audio, ...]:
    """What the model hears of `sound` `[N]` at :data:`RATE` one after the other, `[SAMPLES]` each."""
    kept = (FRAMES - 2 * BORDER) * HOP
    count = -(-(len(sound) // HOP + 1) * HOP // kept)
    padded = np.zeros(BORDER * HOP + (count - 1) * kept + SAMPLES, np.float32)
    padded[BORDER * HOP : BORDER * HOP + len(sound)] = sound[: len(padded) - BORDER * HOP]
    return tuple(padded[at : at + SAMPLES] for at in range(0, count * kept, kept))


def joined(parts: Sequence[Heard], samples: int) -> Heard:
    """What is heard of the windows of a sound of so many samples, as one."""
    frames = samples // HOP + 1
    return Heard(*(np.concatenate(said)[:frames] for said in zip(*parts, strict=True)))


def installed() -> Transcriber:
    """The transcriber of the pack `listener`. Raises PackMissing, PackCorrupt, FileMissing, BadCheckpoint."""
    pack = find(PACK)
    if pack.manifest.listener is None:
        raise Unsupported(f"The pack {PACK!r} hears no notes.", "Give that pack another name.")
    return Transcriber(pack.resolve(pack.manifest.listener))
