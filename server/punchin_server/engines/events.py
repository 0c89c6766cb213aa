"""What engines yield: an event of the protocol with the audio it refers to."""

from __future__ import annotations

from typing import NamedTuple

from punchin_wire.frames import Audio
from punchin_wire.messages import AudioChunk, Done, Heard, Progress, Take


class Emission(NamedTuple):
    """`audio` `[channels, samples]` comes with `AudioChunk` and `Take`; the last emission of an engine is `Done`."""

    event: Progress | Heard | AudioChunk | Take | Done
    audio: Audio | None = None
