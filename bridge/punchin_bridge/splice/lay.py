"""Lay a take into a song: place, level, air, width, seam. Pure: arrays in, arrays and a report out; no files, no clock.

>>> import numpy as np
>>> song = np.zeros((2, 44100))
>>> take = np.zeros(32000, np.float32)
>>> laid, = lay(song, [(10000, 20000)], take, 0, model_rate=32000, project_rate=44100)
>>> laid.audio.shape, laid.report.bandwidth_hz
((2, 10000), 16000.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from punchin_wire.errors import BadAudio, BadMessage, BadRegion

from ..audio.types import Samples, Span, decibels
from . import highband
from .highband import Air
from .level import Gain, match, match_replaced, true_peak
from .place import coverage, place
from .seam import SONG_SECONDS, Join, SeamReport, correlation, measured, table, weights
from .width import Width, measure, mono, rebuild

FULL_SCALE = 1.0 - 2.0**-15
"""The ceiling of an integer file: the largest positive 16-bit sample."""
EDGE_FADE_SECONDS = 0.002
SHORT_BY_SECONDS = 0.001


class SpliceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How takes are laid.

    `crossfade` seconds at each join, inside the hole and at most half of it; `context` seconds on each side of the
    hole that set the level, `width_context` those that set the width; `max_gain_db` limits the level match.
    `level` is `context` (what the model made of the music around the hole, as loud as it is), `replaced` (the take as
    loud as what it replaces) or `own` (as the take is). `width` is `context` (as the song has it around the hole),
    `replaced` (as what the take replaces has it) or `mono` (the same in every channel). `air` is what lies above the
    model's band: `none`, or made by :mod:`punchin_bridge.splice.highband`.
    """

    crossfade: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.02
    context: Annotated[float, Meta(gt=0.0, le=30.0)] = 1.0
    width_context: Annotated[float, Meta(gt=0.0, le=30.0)] = 4.0
    max_gain_db: Annotated[float, Meta(ge=0.0, le=60.0)] = 12.0
    width: Literal["context", "replaced", "mono"] = "context"
    level: Literal["context", "replaced", "own"] = "context"
    air: Air = "none"


class LaidTake(NamedTuple):
    """What goes into `hole` (samples `[start, end)` of the excerpt): `audio` `[channels, end - start]`."""

    hole: Span
    audio: Samples
    report: SeamReport


def lay(
    song: npt.ArrayLike,
    holes: Sequence[Span],
    take: npt.ArrayLike,
    take_start: int,
    model_rate: int,
    project_rate: int,
    settings: SpliceSettings = SpliceSettings(),
    *,
    integer: bool = True,
    song_edges: tuple[bool, bool] = (True, True),
    origin: int = 0,
) -> tuple[LaidTake, ...]:
    """Lay `take` `[samples]` (mono, `model_rate`, from model sample `take_start`) into the `holes` (project samples)
    of the excerpt `song` `[channels, samples]`; one :class:`LaidTake` for each hole, holes that touch made one.
    The model's sample 0 sounds at project sample `origin` of the excerpt.

    `integer` says that the file to be written holds integers, so nothing may exceed full scale. `song_edges` says
    whether the excerpt's start and end are the song's own: there a hole has no join, only a fade of 2 ms against
    clicks. Raises `BadRegion` for holes outside the excerpt, `BadMessage` for a take that does not cover them, and
    `BadAudio` for samples that are not numbers.
    """
    song = np.atleast_2d(np.asarray(song, np.float64))
    take = np.asarray(take, np.float64).reshape(-1)
    if not (np.isfinite(song).all() and np.isfinite(take).all()):
        raise BadAudio("The audio holds samples that are not numbers (NaN or infinity).")
    samples = song.shape[1]
    whole = _merged(holes, samples)
    first, last = (origin + at for at in coverage(take_start, len(take), model_rate, project_rate))
    slack = SHORT_BY_SECONDS * project_rate
    if first > whole[0][0] + slack or last < min(whole[-1][1], samples) - slack:
        raise BadMessage(
            f"The take covers samples {first} to {last}, but the region is {whole[0][0]} to {whole[-1][1]}."
        )

    line = np.pad(place(take, take_start, model_rate, project_rate, samples - origin), (origin, 0))
    middle = song.mean(axis=0)
    kept = _outside(whole, 0, samples)
    heard = [(max(a, first), min(b, last)) for a, b in kept if max(a, first) < min(b, last)]
    band = min(model_rate, project_rate) / 2
    laid, parts = song.copy(), []
    for hole in whole:
        gain = _gain(middle, line, project_rate, 0.95 * band, hole, heard, settings)
        width, how = _width(song, hole, kept, project_rate, settings)
        whole_band, air_db = _air(line, middle, hole, project_rate, model_rate, settings.air)
        wet = _wet(whole_band, hole, gain, width, project_rate)
        reduction = 1.0
        if integer and (peak := true_peak(wet, project_rate)) > FULL_SCALE:
            reduction = FULL_SCALE / peak
        open_edges = (hole[0] > 0 or not song_edges[0], hole[1] < samples or not song_edges[1])
        audio, joins = _joined(song, hole, wet * reduction, open_edges, project_rate, settings.crossfade, integer)
        laid[:, hole[0] : hole[1]] = audio
        parts.append((hole, audio, gain, _side_db(wet), how, air_db, reduction, joins))

    result = []
    for hole, audio, gain, side_db, how, air_db, reduction, joins in parts:
        reach = round(SONG_SECONDS * project_rate)
        near = _outside(whole, max(0, hole[0] - reach), min(samples, hole[1] + reach))
        at_left, at_right = measured(joins, song, laid, project_rate, hole, near)
        report = SeamReport(
            hole=hole,
            rate=project_rate,
            channels=len(song),
            left=at_left,
            right=at_right,
            gain=gain,
            reduction_db=-(decibels(reduction) or 0.0),
            bandwidth_hz=band,
            width=how,
            side_db=side_db,
            peak_dbfs=decibels(float(np.max(np.abs(audio)))),
            true_peak_dbtp=decibels(true_peak(audio, project_rate)),
            air=highband.HOW["none" if air_db is None else settings.air],
            air_db=air_db,
        )
        result.append(LaidTake(hole, audio, report))
    return tuple(result)


def _merged(holes: Sequence[Span], samples: int) -> list[Span]:
    whole: list[Span] = []
    for start, end in sorted(holes):
        if not 0 <= start < end <= samples:
            raise BadRegion(
                f"The region of samples {start} to {end} is empty or outside the audio of {samples} samples."
            )
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    if not whole:
        raise BadRegion("There is no region to lay the take in.")
    return whole


def _outside(holes: Sequence[Span], start: int, end: int) -> list[Span]:
    """The spans of `[start, end)` that no hole covers, in order."""
    edges = [start, *(edge for hole in holes for edge in hole), end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(max(a, start), min(b, end)) for a, b in pairs if max(a, start) < min(b, end)]


def _around(hole: Span, spans: Sequence[Span], reach: int) -> tuple[Span, Span]:
    """At most `reach` samples of the `spans` that touch the hole on its left and on its right; empty if none does."""
    start, end = hole
    left = next(((max(a, b - reach), b) for a, b in spans if b == start), (start, start))
    right = next(((a, min(b, a + reach)) for a, b in spans if a == end), (end, end))
    return left, right


def _gain(
    middle: Samples, line: Samples, rate: int, band: float, hole: Span, heard: Sequence[Span], settings: SpliceSettings
) -> Gain:
    if settings.level == "own":
        return Gain(source="own")
    if settings.level == "replaced":
        return match_replaced(middle, line, rate, band, hole, settings.max_gain_db)
    left, right = _around(hole, heard, round(settings.context * rate))
    return match(middle, line, rate, band, hole, left, right, settings.max_gain_db)


def _width(song: Samples, hole: Span, kept: Sequence[Span], rate: int, settings: SpliceSettings) -> tuple[Width, str]:
    channels = len(song)
    if channels == 1:
        return mono(1), "mono song"
    if settings.width == "mono":
        return mono(channels), "mono, as set"
    around = kept if settings.width == "context" else ()
    spans = [s for s in _around(hole, around, round(settings.width_context * rate)) if s[1] - s[0] >= 0.05 * rate]
    context = np.concatenate([song[:, a:b] for a, b in spans or [hole]], axis=1)
    return measure(context, rate), "from the context" if spans else "from what the take replaces"


def _air(
    line: Samples, middle: Samples, hole: Span, rate: int, model_rate: int, way: Air
) -> tuple[Samples, float | None]:
    """The take's `line` with its air in and around the hole, and the air's energy over the take's in dB."""
    if way == "none" or rate <= model_rate:
        return line, None
    near = slice(max(0, hole[0] - rate // 4), hole[1] + rate // 4)
    if way == "extend":
        above = highband.extend(line[near], rate, model_rate / 2)
    else:
        above = highband.source(line[near], middle[near], rate, model_rate)
    aired = line.copy()
    aired[near] += above
    own, added = (float(np.sum(audio[slice(*hole)] ** 2)) for audio in (line, aired - line))
    return aired, decibels((added / own) ** 0.5) if own > 0.0 else None


def _wet(line: Samples, hole: Span, gain: Gain, width: Width, rate: int) -> Samples:
    """The take in its hole at its level and width, `[channels, samples]`. Its neighbourhood feeds the filters."""
    start, end = max(0, hole[0] - rate // 4), min(len(line), hole[1] + rate // 4)
    levelled = line[start:end] * gain.ramp(hole[1] - hole[0], hole[0] - start, end - hole[1])
    return rebuild(levelled, width, rate)[:, hole[0] - start : hole[1] - start]


def _side_db(wet: Samples) -> float | None:
    """Energy of what differs between the channels over what they share; `None` where they are the same."""
    middle = wet.mean(axis=0)
    side, shared = float(np.mean((wet - middle) ** 2)), float(np.mean(middle**2))
    return decibels((side / shared) ** 0.5) if side > 1e-12 * shared > 0.0 else None


def _joined(
    song: Samples, hole: Span, wet: Samples, open_edges: tuple[bool, bool], rate: int, crossfade: float, integer: bool
) -> tuple[Samples, tuple[Join | None, Join | None]]:
    """`wet` with its edges faded into the song's own sound inside the hole, and the joins made."""
    start, end = hole
    dry, audio = song[:, start:end], wet.copy()
    joins: list[Join | None] = []
    for at_left in (True, False):
        is_open = open_edges[0] if at_left else open_edges[1]
        seconds = crossfade if is_open else EDGE_FADE_SECONDS
        length = min(round(seconds * rate), (end - start) // 2)
        zone = slice(0, length) if at_left else slice(end - start - length, end - start)
        turn = slice(None, None, 1 if at_left else -1)
        if not is_open:
            audio[:, zone] *= weights(length, 0.0)[1][turn]
            joins.append(None)
            continue
        related = correlation(dry[:, zone], wet[:, zone])
        out, into = (w[turn] for w in weights(length, related))
        mixed = dry[:, zone] * out + wet[:, zone] * into
        limit = max(FULL_SCALE, np.max(np.abs(dry[:, zone]), initial=0.0))
        if integer and np.max(np.abs(mixed), initial=0.0) > limit:
            related = 1.0  # equal gain lies between its two inputs, so it clips only where the song itself does
            out, into = (w[turn] for w in weights(length, related))
            mixed = dry[:, zone] * out + wet[:, zone] * into
        audio[:, zone] = mixed
        joins.append(Join(fade=length, correlation=related))
    return audio, (joins[0], joins[1])


__all__ = ["Join", "LaidTake", "SeamReport", "SpliceSettings", "lay", "table"]
