"""Lay a take into a song: place, level, highband, width, seam. Pure: arrays in, arrays and a report out.

>>> import numpy as np
>>> song, take = np.zeros((2, 44100)), np.zeros(32000)
>>> laid, = lay(Excerpt(song, 44100), [(10000, 20000)], Take(take, 32000))
>>> laid.audio.shape, laid.report.bandwidth_hz
((2, 10000), 16000.0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from punchin_wire.errors import BadAudio, BadMessage
from punchin_wire.silence import AUDIBLE_DB, silent_share

from ..audio.types import Samples, Span, decibels
from . import highband, seam, spans
from .fit import fit, level
from .highband import Highband
from .level import FULL_SCALE, Gain, Source, match, match_replaced, true_peak
from .place import coverage, place
from .seam import Join, SeamReport
from .width import Width, measure, mono, rebuild

SHORT_BY_SECONDS = 0.001
"""How much of a hole's edge a take may leave out: what rounding its rate to the project's can cost."""


class SpliceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How takes are laid.

    `crossfade` seconds at each join, inside the hole and at most half of it; `context` seconds on each side of the
    hole that set the level, `width_context` those that set the width; `max_gain_db` limits the level match.
    `level` is `song` (the take as loud as what it replaces or, where the model heard music around the hole and the
    hole is silent, as that; by up to `edge_gain_db` more or less at the joins, so that the level steps there as the
    song's own does) or `own` (as the take is). Recipes of takes from before it also have `context` (what the model made
    of the music around the hole, as loud as it is) and `replaced` (as loud as what it replaces, throughout).
    `width` is `context` (as the song has it around the hole), `replaced` (as what the take replaces has it) or `mono`
    (the same in every channel). `highband`, `air` in JSON, is what lies above the model's band: `none`, or made by
    :mod:`punchin_bridge.splice.highband`.
    """

    crossfade: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.02
    context: Annotated[float, Meta(gt=0.0, le=30.0)] = 1.0
    width_context: Annotated[float, Meta(gt=0.0, le=30.0)] = 4.0
    max_gain_db: Annotated[float, Meta(ge=0.0, le=60.0)] = 12.0
    width: Literal["context", "replaced", "mono"] = "context"
    level: Literal["context", "replaced", "own", "song"] = "context"
    edge_gain_db: Annotated[float, Meta(ge=0.0, le=24.0)] = 6.0
    highband: Highband = msgspec.field(default="none", name="air")


class Excerpt(NamedTuple):
    """What a take is laid in: `audio` `[channels, samples]` of a song at `rate`.

    `integer` says that the file to be written holds integers, so nothing may exceed full scale. `edges` says whether
    the excerpt's start and end are the song's own: there a hole has no join, only a short fade against clicks.
    """

    audio: npt.ArrayLike
    rate: int
    integer: bool = True
    edges: tuple[bool, bool] = (True, True)


class Take(NamedTuple):
    """What the model made: `audio` `[samples]`, mono at `rate`, from the model's sample `start` on. The model's sample
    0 sounds at sample `origin` of the excerpt."""

    audio: npt.ArrayLike
    rate: int
    start: int = 0
    origin: int = 0


class LaidTake(NamedTuple):
    """What goes into `hole` (samples `[start, end)` of the excerpt): `audio` `[channels, end - start]`."""

    hole: Span
    audio: Samples
    report: SeamReport


def lay(
    excerpt: Excerpt, holes: Sequence[Span], take: Take, settings: SpliceSettings = SpliceSettings()
) -> tuple[LaidTake, ...]:
    """Lay `take` into the `holes` (samples of the excerpt); one :class:`LaidTake` for each, holes that touch made one.

    Raises `BadRegion` for holes outside the excerpt, `BadMessage` for a take that does not cover them, and `BadAudio`
    for samples that are not numbers.
    """
    laying = _laying(excerpt, holes, take, settings)
    parts = [_part(laying, hole) for hole in laying.holes]
    laid = laying.song.copy()
    for part in parts:
        laid[:, slice(*part.hole)] = part.audio
    return tuple(LaidTake(part.hole, part.audio, _report(laying, part, laid)) for part in parts)


@dataclass(frozen=True)
class Laying:
    """A take and the song it is laid in, on one time line: the excerpt's, at its rate.

    `song` `[channels, samples]`; `line` `[samples]` holds the take where it sounds, and silence elsewhere. `kept` are
    the spans outside the `holes`, `known` what of them the take covers, too.
    """

    song: Samples
    line: Samples
    rate: int
    model_rate: int
    holes: tuple[Span, ...]
    kept: tuple[Span, ...]
    known: tuple[Span, ...]
    integer: bool
    edges: tuple[bool, bool]
    settings: SpliceSettings

    @property
    def channels(self) -> int:
        return len(self.song)

    @property
    def samples(self) -> int:
        return int(self.song.shape[1])

    @property
    def band_hz(self) -> float:
        """Where the take's sound ends."""
        return min(self.model_rate, self.rate) / 2

    @cached_property
    def middle(self) -> Samples:
        """The song's mono mix `[samples]`."""
        mixed: Samples = self.song.mean(axis=0)
        return mixed

    def near(self, hole: Span) -> slice:
        """A hole and what filters need around it."""
        return slice(max(0, hole[0] - self.rate // 4), hole[1] + self.rate // 4)

    def joins(self, hole: Span) -> tuple[bool, bool]:
        """Whether there is anything to be joined to on the left and on the right."""
        return hole[0] > 0 or not self.edges[0], hole[1] < self.samples or not self.edges[1]


class Part(NamedTuple):
    """A hole's `audio` `[channels, samples]` as it was made: `reduction` is the factor that keeps it below full scale,
    `level_error_db` how much louder it is than it should be (None: nothing says how loud that is), `silent` by what
    share it sounds for less of the time than what it replaces, `width` says where that was measured, `highband_db` is
    None where nothing was put above the band."""

    hole: Span
    audio: Samples
    gain: Gain
    reduction: float
    level_error_db: float | None
    silent: float | None
    width: str
    side_db: float | None
    highband_db: float | None
    joins: tuple[Join | None, Join | None]


def _laying(excerpt: Excerpt, holes: Sequence[Span], take: Take, settings: SpliceSettings) -> Laying:
    song, rate = np.atleast_2d(np.asarray(excerpt.audio, np.float64)), excerpt.rate
    audio = np.asarray(take.audio, np.float64).reshape(-1)
    if not (np.isfinite(song).all() and np.isfinite(audio).all()):
        raise BadAudio("The audio holds samples that are not numbers (NaN or infinity).")
    samples = song.shape[1]
    whole = spans.merged(holes, samples)
    first, last = (take.origin + at for at in coverage(take.start, len(audio), take.rate, rate))
    slack = SHORT_BY_SECONDS * rate
    if first > whole[0][0] + slack or last < whole[-1][1] - slack:
        raise BadMessage(
            f"The take covers samples {first} to {last}, but the region is {whole[0][0]} to {whole[-1][1]}."
        )
    line = np.pad(place(audio, take.start, take.rate, rate, samples - take.origin), (take.origin, 0))
    kept = spans.outside(whole, 0, samples)
    known = spans.within(kept, first, last)
    return Laying(song, line, rate, take.rate, whole, kept, known, excerpt.integer, excerpt.edges, settings)


def _part(laying: Laying, hole: Span) -> Part:
    width, measured_on = _width(laying, hole)
    line, highband_db = _whole_band(laying, hole)
    wet, gain, target = _levelled(laying, line, hole, width)
    reduction = 1.0
    if laying.integer and (peak := true_peak(wet, laying.rate)) > FULL_SCALE:
        reduction = FULL_SCALE / peak
    dry, crossfade = laying.song[:, slice(*hole)], laying.settings.crossfade
    audio, joins = seam.join(dry, wet * reduction, laying.rate, laying.joins(hole), crossfade, laying.integer)
    laid = level(audio, laying.rate)
    error = laid - target if target is not None and laid > -math.inf else None
    quiet = None if gain.source == "own" else silent_share(dry, audio, laying.rate, laying.song)
    return Part(hole, audio, gain, reduction, error, quiet, measured_on, _side_db(wet), highband_db, joins)


def _levelled(laying: Laying, line: Samples, hole: Span, width: Width) -> tuple[Samples, Gain, float | None]:
    """The take in its hole at its level and width, `[channels, samples]`, its gain, and the level it should have."""
    if laying.settings.level != "song":
        gain = _gain(laying, hole)
        return _wet(laying, line, hole, gain, width), gain, None
    wet, dry, rate = _wet(laying, line, hole, Gain(), width), laying.song[:, slice(*hole)], laying.rate
    target, source = _target(laying, hole)
    joins = laying.joins(hole) if source == "replaced" else (False, False)
    gain = fit(dry, wet, rate, target, source, joins, laying.settings.max_gain_db, laying.settings.edge_gain_db)
    found = None if gain.source == "nothing" else target
    return wet * gain.ramp(hole[1] - hole[0], rate=rate), gain, found


def _target(laying: Laying, hole: Span) -> tuple[float, Source]:
    """How loud the take should be, and what says so."""
    replaced = level(laying.song[:, slice(*hole)], laying.rate)
    beside = spans.beside(hole, laying.known, round(seam.SONG_SECONDS * laying.rate))
    context = max(level(laying.song[:, slice(*span)], laying.rate) for span in beside)
    return (replaced, "replaced") if replaced >= context - AUDIBLE_DB else (context, "context")


def _gain(laying: Laying, hole: Span) -> Gain:
    settings, band = laying.settings, 0.95 * laying.band_hz
    if settings.level == "own":
        return Gain(source="own")
    if settings.level == "replaced":
        return match_replaced(laying.middle, laying.line, laying.rate, band, hole, settings.max_gain_db)
    left, right = spans.beside(hole, laying.known, round(settings.context * laying.rate))
    return match(laying.middle, laying.line, laying.rate, band, hole, left, right, settings.max_gain_db)


def _width(laying: Laying, hole: Span) -> tuple[Width, str]:
    """The width that the take gets, and where it was measured."""
    settings, rate = laying.settings, laying.rate
    if laying.channels == 1:
        return mono(1), "mono song"
    if settings.width == "mono":
        return mono(laying.channels), "mono, as set"
    around = laying.kept if settings.width == "context" else ()
    sides = spans.beside(hole, around, round(settings.width_context * rate))
    found = [(start, end) for start, end in sides if end - start >= 0.05 * rate]
    context = np.concatenate([laying.song[:, start:end] for start, end in found or [hole]], axis=1)
    return measure(context, rate), "from the context" if found else "from what the take replaces"


def _whole_band(laying: Laying, hole: Span) -> tuple[Samples, float | None]:
    """The take's line with a highband in and around the hole, and that band's energy over the take's in dB."""
    line, near, rate = laying.line, laying.near(hole), laying.rate
    if laying.settings.highband == "none" or rate <= laying.model_rate:
        return line, None
    if laying.settings.highband == "extend":
        above = highband.extend(line[near], rate, laying.model_rate / 2)
    else:
        above = highband.source(line[near], laying.middle[near], rate, laying.model_rate)
    whole = line.copy()
    whole[near] += above
    own, added = (float(np.sum(audio[slice(*hole)] ** 2)) for audio in (line, whole - line))
    return whole, decibels((added / own) ** 0.5) if own > 0.0 else None


def _wet(laying: Laying, line: Samples, hole: Span, gain: Gain, width: Width) -> Samples:
    """The take in its hole at its level and width, `[channels, samples]`. Its neighbourhood feeds the filters."""
    start, end, _ = laying.near(hole).indices(len(line))
    levelled = line[start:end] * gain.ramp(hole[1] - hole[0], hole[0] - start, end - hole[1], rate=laying.rate)
    return rebuild(levelled, width, laying.rate)[:, hole[0] - start : hole[1] - start]


def _side_db(wet: Samples) -> float | None:
    """Energy of what differs between the channels over what they share; `None` where they are the same."""
    middle = wet.mean(axis=0)
    side, shared = float(np.mean((wet - middle) ** 2)), float(np.mean(middle**2))
    return decibels((side / shared) ** 0.5) if side > 1e-12 * shared > 0.0 else None


def _report(laying: Laying, part: Part, laid: Samples) -> SeamReport:
    """How a part sits in `laid`, the song with all of them."""
    rate, (start, end) = laying.rate, part.hole
    reach = round(seam.SONG_SECONDS * rate)
    near = spans.outside(laying.holes, max(0, start - reach), min(laying.samples, end + reach))
    left, right = seam.measured(part.joins, laying.song, laid, rate, part.hole, near)
    return SeamReport(
        hole=part.hole,
        rate=rate,
        channels=laying.channels,
        left=left,
        right=right,
        gain=part.gain,
        reduction_db=-(decibels(part.reduction) or 0.0),
        level_error_db=part.level_error_db,
        silent=part.silent,
        bandwidth_hz=laying.band_hz,
        width=part.width,
        side_db=part.side_db,
        peak_dbfs=decibels(float(np.max(np.abs(part.audio)))),
        true_peak_dbtp=decibels(true_peak(part.audio, rate)),
        highband=highband.HOW["none" if part.highband_db is None else laying.settings.highband],
        highband_db=part.highband_db,
    )


__all__ = ["Excerpt", "LaidTake", "SpliceSettings", "Take", "lay"]
