"""How like a clip a take plays: its notes at their time, its tempo, its beats."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from punchin_wire.frames import Audio

from .agreement import frame_f1, onset_f1
from .notes import Heard, Transcriber
from .rhythm import Pulse, beat_f, pulse, struck, tempo_kept

NOTES, FRAMES, TEMPO, BEATS = "notes", "frames", "tempo", "beats"
"""What :meth:`Likeness.of` says: F1 of note onsets and of sounding pitches, 1 where the tempo is kept, F of beats."""


class Likeness:
    """What takes are compared with: a clip `[N]` at `rate`, as `transcriber` hears it."""

    def __init__(self, transcriber: Transcriber, clip: Audio, rate: int) -> None:
        self._transcriber, self._rate = transcriber, rate
        self._clip = transcriber.hear(clip, rate)

    @cached_property
    def _pulse(self) -> Pulse:
        return pulse(struck(self._clip))

    def of(self, take: Audio) -> dict[str, float]:
        """Each measure of `take` `[N]`; those are left out that the clip has nothing for."""
        heard = self._transcriber.hear(take, self._rate)
        return {name: value for name, value in self._measures(heard).items() if not np.isnan(value)}

    def _measures(self, heard: Heard) -> dict[str, float]:
        beating = pulse(struck(heard))
        return {
            NOTES: onset_f1(heard, self._clip),
            FRAMES: frame_f1(heard, self._clip),
            TEMPO: tempo_kept(beating, self._pulse),
            BEATS: beat_f(beating.beats, self._pulse.beats),
        }
