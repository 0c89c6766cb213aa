"""Messages to multipart frames and back: magic, JSON header, raw float32 audio. Knows no sockets.

========  ======================================================================
frame 0   `punchin/` and the protocol version, ASCII: :data:`MAGIC`
frame 1   the message, JSON, at most :data:`MAX_HEADER` bytes
frame 2…  audio, little-endian float32 `[channels, samples]`, one frame each `AudioRef`;
          where a `Submit` asks for it, in less room (:mod:`.remote.lossless`)
========  ======================================================================

>>> from punchin_wire.messages import Ping
>>> pack(Ping())
[b'punchin/3', b'{"type":"ping"}']
>>> unpack([b'punchin/3', b'{"type":"ping"}'], FromClient).message
Ping()
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .errors import BadAudio, BadMessage, PunchinError, TooLarge, VersionMismatch
from .messages import PROTOCOL, AnyMessage, AudioRef, FromClient, FromDaemon, Message, audio_refs
from .remote.lossless import Audio, Frame, grown, is_shrunk, shrunk
from .structs import UNREADABLE, in_words

MAGIC = f"punchin/{PROTOCOL}".encode()
MAX_HEADER = 16 * 2**20
MAX_AUDIO = 2 * 2**30
"""Bytes of all audio in one packet: 900 s of 6-channel 96 kHz."""


class Packet(NamedTuple):
    """A message with the audio it refers to: `audio[ref.frame]` is `[channels, samples]`."""

    message: Any
    audio: tuple[Audio, ...] = ()

    def of(self, ref: AudioRef) -> Audio:
        return self.audio[ref.frame]


def describe(audio: Audio, sample_rate: int, frame: int = 0) -> AudioRef:
    """The reference to `audio` `[channels, samples]` when it travels as frame `frame`."""
    channels, samples = audio.shape
    return AudioRef(frame=frame, sample_rate=sample_rate, channels=channels, samples=samples)


class Sealed(NamedTuple):
    """A message with its audio as it travels, for who passes it on. All of it was checked, but what is in compressed
    frames: that takes time, and who does not open them need not."""

    message: Any
    frames: tuple[Frame, ...] = ()

    def opened(self) -> Packet:
        """Raises BadAudio."""
        refs = sorted(audio_refs(self.message), key=lambda ref: ref.frame)
        return Packet(self.message, tuple(map(_opened, refs, self.frames)))


def pack(message: Message, audio: Sequence[Audio | Frame] = (), *, shrink: bool = False) -> list[Frame]:
    """The frames of a message; its audio, or frames of it that are passed on, in less room with `shrink`. Audio is
    otherwise not copied when it is C-contiguous little-endian float32."""
    return [MAGIC, msgspec.json.encode(message), *(_frame(each, shrink) for each in audio)]


def _frame(audio: Audio | Frame, shrink: bool) -> Frame:
    if isinstance(audio, bytes | memoryview):
        return audio
    samples = np.ascontiguousarray(audio, "<f4")
    return (shrunk(samples) if shrink else None) or samples.data.cast("B")


@cache
def _decoder(expected: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(expected)


def unpack(frames: Sequence[Frame], expected: Any = AnyMessage) -> Packet:
    """The packet that `frames` carry; its audio are read-only views of them, not copies.

    `expected` is the union of messages this side accepts (:data:`FromClient` or :data:`FromDaemon`).
    Raises VersionMismatch, BadMessage, TooLarge, BadAudio (NaN or infinity), or what a request finds in itself.
    """
    message = unpack_message(frames, expected)
    _check_audio(message, frames[2:])
    return Sealed(message, tuple(frames[2:])).opened()


def unpack_sealed(frames: Sequence[Frame], expected: Any = AnyMessage) -> Sealed:
    """The same for who passes the audio on. Raises what :func:`unpack` does, but for what compressed frames hold."""
    message = unpack_message(frames, expected)
    for ref, frame in _check_audio(message, frames[2:]):
        if not _is_shrunk(ref, frame):
            _opened(ref, frame)
    return Sealed(message, tuple(frames[2:]))


def unpack_message(frames: Sequence[Frame], expected: Any = AnyMessage) -> Any:
    """The message alone, its audio frames not looked at: observers are sent events without their audio."""
    if len(frames) < 2:
        raise BadMessage(f"A message has at least two frames, this one {len(frames)}.")
    magic = bytes(frames[0][:32])
    if magic != MAGIC:
        if magic.startswith(b"punchin/"):
            theirs, ours = magic.decode("ascii", "replace"), MAGIC.decode()
            raise VersionMismatch(f"Two versions of Punchin meet: this side speaks {ours}, the other {theirs}.")
        raise BadMessage("The first frame does not name the Punchin protocol.")
    if len(frames[1]) > MAX_HEADER or sum(len(f) for f in frames[2:]) > MAX_AUDIO:
        raise TooLarge("The message is larger than the protocol allows.")
    try:
        message = _decoder(expected).decode(frames[1])
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, PunchinError):
            raise error.__cause__ from None
        raise BadMessage(f"The message does not fit the protocol: {in_words(error)}.") from None
    except UNREADABLE as error:
        raise BadMessage(f"The header is not JSON: {error}") from None
    return message


def _check_audio(message: Message, frames: Sequence[Frame]) -> list[tuple[AudioRef, Frame]]:
    """Each reference with its frame: as many of the one as of the other, and no more samples than may be, before any of
    them is opened. Raises BadMessage or TooLarge."""
    refs = sorted(audio_refs(message), key=lambda ref: ref.frame)
    named = [ref.frame for ref in refs]
    if named != list(range(len(frames))):
        raise BadMessage(f"The header refers to audio frames {named}; the packet brings {len(frames)}.")
    if sum(map(_size, refs)) > MAX_AUDIO:
        raise TooLarge("The message is larger than the protocol allows.")
    for ref, frame in zip(refs, frames, strict=True):
        if len(frame) != _size(ref) and not _is_shrunk(ref, frame):
            raise BadMessage(
                f"An audio frame has {len(frame)} bytes, but its header says {ref.channels}x{ref.samples}."
            )
    return list(zip(refs, frames, strict=True))


def _size(ref: AudioRef) -> int:
    return 4 * ref.channels * ref.samples


def _is_shrunk(ref: AudioRef, frame: Frame) -> bool:
    return len(frame) < _size(ref) and is_shrunk(frame)


def _opened(ref: AudioRef, frame: Frame) -> Audio:
    audio: Audio
    if _is_shrunk(ref, frame):
        audio = grown(frame, ref.channels, ref.samples)
        audio.flags.writeable = False  # as views of frames are
    else:
        audio = np.frombuffer(frame, "<f4").reshape(ref.channels, ref.samples)
    # One pass: a sum is NaN or infinite if any sample is; exact zero-copy matters more than naming the sample.
    with np.errstate(invalid="ignore"):  # infinity minus infinity is what we look for
        total = np.add.reduce(audio, axis=None, dtype=np.float64)
    if not np.isfinite(total):
        raise BadAudio("The audio holds samples that are not numbers (NaN or infinity).")
    return audio


__all__ = [
    "MAGIC",
    "Audio",
    "Frame",
    "FromClient",
    "FromDaemon",
    "Packet",
    "Sealed",
    "describe",
    "pack",
    "unpack",
    "unpack_message",
    "unpack_sealed",
]
