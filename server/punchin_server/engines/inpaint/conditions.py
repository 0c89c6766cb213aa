"""From an inpaint request to the audio that the model hears as its condition. Knows no tokens and no model.

A drum stem is taken as it is; chords and piano are rendered and level-matched, as AIRGen's were for training. The
paper has one condition at a time; several are mixed by adding them, as they would sound together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from punchin_wire.frames import Audio
from punchin_wire.messages import InpaintRequest, Note
from punchin_wire.params import ChordRhythm

from ...conditioning import Style, chord_rhythm, level, piano, render
from ...models.demucs import Demucs

OTHER_SHARE = 0.7
"""Level of the "other" stem (all but drums, bass and voice) relative to the whole mix, where no stems are at hand.
Four stems of like level have the harmony in two of them: sqrt(2/4)."""
QUIET = 1e-3
"""Standard deviation (-60 dBFS) below which a song is too quiet to tell a level; then :data:`USUAL` is used."""
USUAL = 0.08
BEFORE = 4.0
"""Seconds before an excerpt from which notes that last into it are rendered."""
SEPARATED = 30.0
"""Seconds of a song from which a separator tells a level."""


@dataclass(frozen=True)
class Excerpt:
    """Where a condition sounds: samples `[start, start + samples)` of the song, at the model's `rate`.

    `around` is the song's audio outside the holes there: the level that renderings are matched to.
    """

    start: int
    samples: int
    rate: int
    around: Audio


class Instrument(NamedTuple):
    """What plays chords and piano: a soundfont (None: the default one), and how."""

    soundfont: Path | None = None
    style: Style = "plain"


def condition(
    request: InpaintRequest,
    controls: Collection[str],
    drums: Audio | None,
    excerpt: Excerpt,
    other: Audio,
    rule: ChordRhythm,
    instrument: Instrument,
) -> Audio:
    """What `controls` of the request sound like in `excerpt`: `[excerpt.samples]`; silence without controls.

    `drums` is the whole drum stem as :func:`..audio.mono` gives it, `other` has the level of what is rendered. Raises
    UnknownChord, FileMissing, PackCorrupt.
    """
    sound = np.zeros(excerpt.samples, np.float32)
    if "drums" in controls and drums is not None:
        part = drums[max(excerpt.start, 0) : max(excerpt.start + excerpt.samples, 0)]
        at = max(-excerpt.start, 0)
        sound[at : at + len(part)] += part
    if "chord" in controls:
        notes = chord_rhythm.place(request.chords, request.beats, rule)
        sound += _rendered(notes, excerpt, other, instrument)
    if "piano" in controls:
        sound += _rendered(piano.reduce(request.piano), excerpt, other, instrument)
    return sound


def _rendered(notes: Sequence[Note], excerpt: Excerpt, other: Audio, instrument: Instrument) -> Audio:
    origin = excerpt.start / excerpt.rate - BEFORE
    seconds = BEFORE + excerpt.samples / excerpt.rate
    near = [note for note in notes if note.end > origin and note.start < origin + seconds]
    sound = render.render(near, seconds, excerpt.rate, instrument.soundfont, style=instrument.style, origin=origin)
    return level.match(sound[-excerpt.samples :], other)


def other_stem(excerpt: Excerpt, separator: Demucs | None) -> tuple[Audio, str]:
    """Something with the level of the song's "other" stem, and in words what: the stem that `separator` hears, or the
    song itself, turned down."""
    around = excerpt.around
    if around.size < 2 or around.std() < QUIET:
        return np.array([-USUAL, USUAL], np.float32), "a usual level"
    if separator is not None:
        return separator.stem("other", around[: round(SEPARATED * excerpt.rate)]), f"{separator.name}'s other stem"
    return around * np.float32(OTHER_SHARE), f"{OTHER_SHARE} of the mix"
