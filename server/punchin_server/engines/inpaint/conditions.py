"""From an inpaint request to the audio that the model hears as its condition. Knows no tokens and no model.

A drum stem is taken as it is; chords and piano are rendered and level-matched, as AIRGen's were for training. The
paper has one condition at a time; several are mixed by adding them, as they would sound together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from punchin_wire.frames import Audio
from punchin_wire.messages import InpaintRequest, Note
from punchin_wire.params import ChordRhythm

from ...conditioning import chord_rhythm, level, piano, render

OTHER_SHARE = 0.7
"""Level of the "other" stem (all but drums, bass and voice) relative to the whole mix, where no stems are at hand.
Four stems of like level have the harmony in two of them: sqrt(2/4)."""
QUIET = 1e-3
"""Standard deviation (-60 dBFS) below which a song is too quiet to tell a level; then :data:`USUAL` is used."""
USUAL = 0.08
BEFORE = 4.0
"""Seconds before an excerpt from which notes that last into it are rendered."""


@dataclass(frozen=True)
class Excerpt:
    """Where a condition sounds: samples `[start, start + samples)` of the song, at the model's `rate`.

    `around` is the song's audio outside the holes there: the level that renderings are matched to.
    """

    start: int
    samples: int
    rate: int
    around: Audio


def condition(
    request: InpaintRequest,
    controls: Collection[str],
    drums: Audio | None,
    excerpt: Excerpt,
    rule: ChordRhythm,
    soundfont: Path | None,
) -> Audio:
    """What `controls` of the request sound like in `excerpt`: `[excerpt.samples]`; silence without controls.

    `drums` is the whole drum stem as :func:`..audio.mono` gives it. Raises UnknownChord.
    """
    sound = np.zeros(excerpt.samples, np.float32)
    if "drums" in controls and drums is not None:
        part = drums[max(excerpt.start, 0) : max(excerpt.start + excerpt.samples, 0)]
        at = max(-excerpt.start, 0)
        sound[at : at + len(part)] += part
    if "chord" in controls:
        notes = chord_rhythm.place(request.chords, request.beats, rule)
        sound += _rendered(notes, excerpt, soundfont)
    if "piano" in controls:
        sound += _rendered(piano.reduce(request.piano), excerpt, soundfont)
    return sound


def _rendered(notes: Sequence[Note], excerpt: Excerpt, soundfont: Path | None) -> Audio:
    origin = excerpt.start / excerpt.rate - BEFORE
    seconds = BEFORE + excerpt.samples / excerpt.rate
    near = [
        msgspec.structs.replace(note, start=note.start - origin, end=note.end - origin)
        for note in notes
        if note.end > origin and note.start < origin + seconds
    ]
    sound = render.render(near, seconds, excerpt.rate, soundfont)[-excerpt.samples :]
    return level.match(sound, _other(excerpt.around))


def _other(around: Audio) -> Audio:
    """Something with the level of the song's "other" stem: the song itself, turned down."""
    if around.size < 2 or around.std() < QUIET:
        return np.array([-USUAL, USUAL], np.float32)
    return around * np.float32(OTHER_SHARE)
