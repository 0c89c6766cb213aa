"""Audio in less room, bit for bit the same when it is opened again: for lines that are slower than this. Knows no
messages.

=========  ==========================================================================================================
`fLaC`     a FLAC file of 16 or 24 bits: samples that came from such a file and were not changed, which is most songs.
           A half to a third of the room
`planes`   :data:`PLANES`, then the lowest bytes of all samples, the next, the next, and their highest bytes (sign and
           exponent) deflated: takes, and songs of float samples. Four fifths of the room, at a twentieth of the time
           that deflating everything takes, which saves no more
=========  ==========================================================================================================

A frame that is as long as its samples is neither; whoever makes one that is not shorter does not send it.
"""

from __future__ import annotations

import io
import zlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import BadAudio

FLAC, PLANES = b"fLaC", b"planes"
FLAC_CHANNELS = 8
FULL_SCALE = 2**23
GLANCE = 4096
"""Samples by which it is seen that all need not be looked at."""
WORTH = 0.95
"""Of its room must be enough for audio to be sent in less."""

Audio: TypeAlias = npt.NDArray[np.float32]
Frame: TypeAlias = bytes | memoryview


def shrunk(audio: Audio) -> bytes | None:
    """`audio` `[channels, samples]` in less room, or None where that would save next to nothing."""
    made = _flac(audio) or _planes(audio)
    return made if len(made) < WORTH * audio.nbytes else None


def is_shrunk(frame: Frame) -> bool:
    """Whether a frame says that it is of these forms."""
    return bytes(frame[: len(PLANES)]).startswith((FLAC, PLANES))


def grown(frame: Frame, channels: int, samples: int) -> Audio:
    """The audio `[channels, samples]` in a frame. No more memory is taken than for that, whatever the frame holds.
    Raises BadAudio."""
    try:
        if bytes(frame[: len(FLAC)]) == FLAC:
            return _of_flac(frame, channels, samples)
        return _of_planes(frame, channels, samples)
    except (ValueError, RuntimeError, zlib.error) as error:  # soundfile raises RuntimeErrors of its own
        raise BadAudio(f"Compressed audio cannot be opened: {error}.", "Ask again.") from None


def _flac(audio: Audio) -> bytes:
    """Empty where FLAC could not give these samples back to the bit."""
    if not 0 < len(audio) <= FLAC_CHANNELS or audio.shape[1] == 0 or _whole(audio[:, :GLANCE]) is None:
        return b""
    whole = _whole(audio)
    if whole is None:
        return b""
    file = io.BytesIO()
    depth = "PCM_24" if np.any(whole & 0xFF) else "PCM_16"
    frames = np.ascontiguousarray(whole.T << 8)  # 32 bits, of which FLAC keeps the upper
    _soundfile().write(file, frames, 48_000, format="FLAC", subtype=depth, compression_level=0.0)
    return file.getvalue()


def _whole(audio: Audio) -> npt.NDArray[np.int32] | None:
    """The samples as whole numbers of 24 bits, or None where they are not."""
    with np.errstate(invalid="ignore", over="ignore"):
        whole = (audio * np.float32(FULL_SCALE)).astype(np.int32)
        same = np.array_equal(_samples(whole).view(np.uint32), audio.view(np.uint32))  # also of zeros their signs
    if not same or whole.min() < -FULL_SCALE or whole.max() >= FULL_SCALE:
        return None
    return whole


def _samples(whole: npt.NDArray[np.int32]) -> Audio:
    return whole.astype(np.float32) * np.float32(1 / FULL_SCALE)


def _of_flac(frame: Frame, channels: int, samples: int) -> Audio:
    with _soundfile().SoundFile(io.BytesIO(frame)) as file:
        if (file.format, file.channels, file.frames) != ("FLAC", channels, samples):
            raise ValueError(f"it holds {file.channels}x{file.frames} samples, not {channels}x{samples}")
        read = file.read(samples, dtype="int32", always_2d=True)
    if len(read) != samples:
        raise ValueError(f"it ends after {len(read)} of {samples} samples")
    return np.ascontiguousarray(_samples(read.T >> 8))


def _planes(audio: Audio) -> bytes:
    low, high = _bytes(audio)[:, :3], _bytes(audio)[:, 3]
    return b"".join((PLANES, np.ascontiguousarray(low.T).data, zlib.compress(high.tobytes(), 1)))


def _of_planes(frame: Frame, channels: int, samples: int) -> Audio:
    count = channels * samples
    low, packed = memoryview(frame)[len(PLANES) :][: 3 * count], memoryview(frame)[len(PLANES) + 3 * count :]
    unpacker = zlib.decompressobj()
    high = unpacker.decompress(packed, count + 1)
    if len(low) != 3 * count or len(high) != count or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"it does not hold {channels}x{samples} samples")
    audio = np.empty((channels, samples), "<f4")
    _bytes(audio)[:, :3] = np.frombuffer(low, np.uint8).reshape(3, count).T
    _bytes(audio)[:, 3] = np.frombuffer(high, np.uint8)
    return audio


def _bytes(audio: Audio) -> npt.NDArray[np.uint8]:
    """A view `[samples of all channels, 4]` of little-endian samples."""
    return audio.view(np.uint8).reshape(-1, 4)


def _soundfile() -> Any:
    import soundfile  # here: it loads a library, which who speaks over loopback needs not

    return soundfile
