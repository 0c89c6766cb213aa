"""Messages to multipart frames and back: magic, JSON header, raw float32 audio. Knows no sockets.

========  ======================================================================
frame 0   `punchin/` and the protocol version, ASCII: :data:`MAGIC`
frame 1   the message, JSON, at most :data:`MAX_HEADER` bytes
frame 2…  audio, little-endian float32 `[channels, samples]`, one frame each `AudioRef`
========  ======================================================================

>>> from punchin_wire.messages import Ping
>>> pack(Ping())
[b'punchin/2', b'{"type":"ping"}']
>>> unpack([b'punchin/2', b'{"type":"ping"}'], FromClient).message
Ping()
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from .errors import BadAudio, BadMessage, PunchinError, TooLarge, VersionMismatch
from .messages import PROTOCOL, AnyMessage, AudioRef, FromClient, FromDaemon, Message, audio_refs
from .structs import UNREADABLE, in_words

Audio: TypeAlias = npt.NDArray[np.float32]
Frame: TypeAlias = bytes | memoryview

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


def pack(message: Message, audio: Sequence[Audio] = ()) -> list[Frame]:
    """The frames of a message. Audio is not copied when it is C-contiguous little-endian float32."""
    return [
        MAGIC,
        msgspec.json.encode(message),
        *(np.ascontiguousarray(a, "<f4").data.cast("B") for a in audio),
    ]


@cache
def _decoder(expected: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(expected)


def unpack(frames: Sequence[Frame], expected: Any = AnyMessage) -> Packet:
    """The packet that `frames` carry; its audio are read-only views of them, not copies.

    `expected` is the union of messages this side accepts (:data:`FromClient` or :data:`FromDaemon`).
    Raises VersionMismatch, BadMessage, TooLarge, BadAudio (NaN or infinity), or what a request finds in itself.
    """
    message = unpack_message(frames, expected)
    return Packet(message, _audio(message, frames[2:]))


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


def _audio(message: Message, frames: Sequence[Frame]) -> tuple[Audio, ...]:
    refs = sorted(audio_refs(message), key=lambda ref: ref.frame)
    named = [ref.frame for ref in refs]
    if named != list(range(len(frames))):
        raise BadMessage(f"The header refers to audio frames {named}; the packet brings {len(frames)}.")
    return tuple(map(_view, refs, frames))


def _view(ref: AudioRef, frame: Frame) -> Audio:
    if len(frame) != 4 * ref.channels * ref.samples:
        raise BadMessage(f"An audio frame has {len(frame)} bytes, but its header says {ref.channels}x{ref.samples}.")
    audio: Audio = np.frombuffer(frame, "<f4").reshape(ref.channels, ref.samples)
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
    "describe",
    "pack",
    "unpack",
    "unpack_message",
]
