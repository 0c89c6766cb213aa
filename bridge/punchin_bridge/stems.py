"""Audio files to float32 excerpts. Reads only what is asked for: an hour-long file costs what its excerpt costs.

Knows no resampling and no splicing. Formats: whatever libsndfile reads, at any rate, subtype and channel count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from punchin_wire.errors import BadAudio, FileMissing
from punchin_wire.messages import MAX_CHANNELS

Audio = npt.NDArray[np.float32]

_RATES = range(4000, 768_001)


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says: sample rate, channels, samples, and libsndfile's name of its sample format."""

    path: Path
    rate: int
    channels: int
    samples: int
    subtype: str

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def probe(path: Path) -> AudioInfo:
    """The header of the audio file at `path`. Raises FileMissing, or BadAudio where there is nothing to hear."""
    with _open(path) as file:
        info = AudioInfo(path, file.samplerate, file.channels, file.frames, file.subtype)
    if info.samples <= 0:
        raise BadAudio(f"{path.name} is empty.", "Render the file again, with the song in it.")
    if info.rate not in _RATES or info.channels > MAX_CHANNELS:
        raise BadAudio(f"{path.name} has {info.channels} channels at {info.rate} Hz, which no song has.")
    return info


def read(info: AudioInfo, start: int = 0, end: int | None = None) -> Audio:
    """Samples `[start, end)` of the file, `[channels, samples]`; what lies outside the file is silence.

    Raises FileMissing, or BadAudio where the file is damaged there or holds NaN or infinity.
    """
    end = info.samples if end is None else end
    first, last = max(start, 0), min(end, info.samples)
    audio = np.zeros((info.channels, end - start), np.float32)
    if last <= first:
        return audio
    with _open(info.path) as file:
        file.seek(first)
        part = file.read(last - first, dtype="float32", always_2d=True)  # [samples, channels]
    if len(part) < last - first:
        raise BadAudio(f"{info.path.name} ends before its header says.")
    if not np.isfinite(part).all():
        raise BadAudio(f"{info.path.name} holds samples that are not numbers (NaN or infinity).")
    audio[:, first - start : last - start] = part.T
    return audio


@contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    if not path.is_file():
        raise FileMissing(f"There is no audio file {path}.")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except PermissionError as error:
        raise FileMissing(f"{path} may not be read.") from error
    except (soundfile.SoundFileError, OSError, RuntimeError, ValueError, TypeError) as error:
        # TypeError: soundfile takes `.raw` for headerless audio and asks for its rate.
        raise BadAudio(f"{path.name} is not an audio file, or is damaged: {error}") from error
