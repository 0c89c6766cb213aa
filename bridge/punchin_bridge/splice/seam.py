"""The joins of a take: the crossfade that makes them, and the report that measures them. Knows nothing of files."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from ..audio.types import Samples, Span
from .level import FULL_SCALE, GATE_LUFS, Gain, loudness

EDGE_FADE_SECONDS = 0.002
"""Where there is nothing to be joined to: against clicks."""
MOMENTARY_SECONDS = 0.4
SHORTEST_SECONDS = 0.02
FLUX_SECONDS = 0.04
SONG_SECONDS = 15.0
"""How much of the song on each side of the hole the flux at a join is compared with."""


class Join(msgspec.Struct, frozen=True):
    """One edge of a hole.

    `fade` is the length of the crossfade inside the hole in samples, `correlation` what it was shaped for (0 is
    equal-power, 1 equal-gain). `level_step_lu` is the momentary loudness after the edge minus before it;
    `song_step_lu` is what the song itself did there. `flux_ratio` is the largest spectral flux at the join over the
    song's median, `flux_percentile` the share of the song's places that change less. `None` is not measurable
    (silence, or too little sound).
    """

    fade: int
    correlation: float
    level_step_lu: float | None = None
    song_step_lu: float | None = None
    flux_ratio: float | None = None
    flux_percentile: float | None = None


class SeamReport(msgspec.Struct, frozen=True):
    """What was done to lay a take in a hole, and how it sits there.

    `hole` in project samples of the excerpt. `outside_delta` is the largest difference outside the holes between
    the song and the file written, both read back from disk (full scale is 1; `None`: nothing outside was written).
    `left` and `right` are `None` where the hole touches the song's start or end, or another hole. `reduction_db` is
    what the take was turned down by so that it does not clip, `level_error_db` how much louder it is all in all than
    what set its level (LU; dB RMS below 400 ms; `None` where that was not asked for, or nothing sounds). `silent` is
    by what share it sounds for less of the time than what it replaces (`None`: a new part, or that is silent).
    `bandwidth_hz` is where the model's sound ends, `highband` what was put above it
    (:mod:`punchin_bridge.splice.highband`), and `highband_db` its energy over that of the sound below: `air` and
    `air_db` in JSON. `side_db` is the side energy given to the take over its middle.
    """

    hole: Span
    rate: int
    channels: int
    left: Join | None
    right: Join | None
    gain: Gain
    reduction_db: float
    bandwidth_hz: float
    width: str
    side_db: float | None
    peak_dbfs: float | None
    true_peak_dbtp: float | None
    outside_delta: float | None = None
    highband: str = msgspec.field(default="nothing", name="air")
    highband_db: float | None = msgspec.field(default=None, name="air_db")
    level_error_db: float | None = None
    silent: float | None = None


def weights(samples: int, correlation: float) -> tuple[Samples, Samples]:
    """Fade-out and fade-in `[samples]` that keep the power of two signals with this correlation.

    The sine law divided by `sqrt(1 + r·sin 2θ)`, so that `out² + in² + 2·r·out·in = 1` throughout: equal power at
    r = 0, equal gain (`out + in = 1`, which cannot exceed the louder of the two) at r = 1.
    """
    angle = (np.arange(samples) + 0.5) / max(samples, 1) * (np.pi / 2)
    norm = np.sqrt(1.0 + correlation * np.sin(2 * angle))
    return np.cos(angle) / norm, np.sin(angle) / norm


def correlation(a: Samples, b: Samples) -> float:
    """Correlation in 0…1 of two pieces; opposite phases count as unrelated."""
    energy = math.sqrt(float(np.sum(a * a)) * float(np.sum(b * b)))
    return min(max(float(np.sum(a * b)) / energy, 0.0), 1.0) if energy > 0.0 else 0.0


def join(
    dry: Samples, wet: Samples, rate: int, open_edges: tuple[bool, bool], crossfade: float, integer: bool
) -> tuple[Samples, tuple[Join | None, Join | None]]:
    """`wet` with its edges faded into the song's own sound `dry` in the hole, both `[channels, samples]`, and the
    joins made; at an edge that is not open there is nothing to fade into. `crossfade` in seconds."""
    samples = wet.shape[1]
    left, right = (
        min(round((crossfade if is_open else EDGE_FADE_SECONDS) * rate), samples // 2) for is_open in open_edges
    )
    audio = wet.copy()
    zones = slice(0, left), slice(samples - right, samples)
    joins: list[Join | None] = []
    for zone, is_open, turn in zip(zones, open_edges, (slice(None), slice(None, None, -1)), strict=True):
        if is_open:
            audio[:, zone], made = _crossfaded(dry[:, zone], wet[:, zone], turn, integer)
            joins.append(made)
        else:
            audio[:, zone] *= weights(zone.stop - zone.start, 0.0)[1][turn]
            joins.append(None)
    return audio, (joins[0], joins[1])


def _crossfaded(dry: Samples, wet: Samples, turn: slice, integer: bool) -> tuple[Samples, Join]:
    """`dry` into `wet`, both `[channels, samples]`, or the other way round where `turn` turns the fades."""
    length, related = wet.shape[1], correlation(dry, wet)

    def mixed(related: float) -> Samples:
        out, into = (fade[turn] for fade in weights(length, related))
        return dry * out + wet * into

    audio = mixed(related)
    limit = max(FULL_SCALE, np.max(np.abs(dry), initial=0.0))
    if integer and np.max(np.abs(audio), initial=0.0) > limit:
        related = 1.0  # equal gain lies between its two inputs, so it clips only where the song itself does
        audio = mixed(related)
    return audio, Join(fade=length, correlation=related)


Flux = npt.NDArray[np.float64]


def measured(
    joins: tuple[Join | None, Join | None],
    song: Samples,
    laid: Samples,
    rate: int,
    hole: Span,
    elsewhere: Sequence[Span],
) -> tuple[Join | None, Join | None]:
    """The joins of `hole` with their measurements. `laid` is `song` `[channels, samples]` with the takes in place;
    `elsewhere` are the spans of the song outside all holes."""
    if joins == (None, None):
        return joins
    size = 2 ** round(math.log2(rate * FLUX_SECONDS))
    places = [_flux(song[:, start:end], size) for start, end in elsewhere]
    left, right = (join and _measured(join, song, laid, rate, at, places) for join, at in zip(joins, hole, strict=True))
    return left, right


def _measured(join: Join, song: Samples, laid: Samples, rate: int, at: int, places: list[Flux]) -> Join:
    # Every pair of frames that looks at the join or its fade, as one number: the largest change among them.
    size = 2 ** round(math.log2(rate * FLUX_SECONDS))
    around = size + size // 4 + join.fade
    here = _flux(laid[:, max(0, at - around) : at + around], size)
    typical = np.concatenate([*(_largest(flux, max(len(here), 1)) for flux in places), np.empty(0)])
    ratio = percentile = None
    if len(here) and len(typical):
        worst, median = float(here.max()), float(np.median(typical))
        ratio = worst / median if median > 0.0 else None
        percentile = 100.0 * float(np.mean(typical <= worst))
    return msgspec.structs.replace(
        join,
        level_step_lu=_step(laid, rate, at),
        song_step_lu=_step(song, rate, at),
        flux_ratio=ratio,
        flux_percentile=percentile,
    )


def _step(audio: Samples, rate: int, at: int) -> float | None:
    length = min(round(MOMENTARY_SECONDS * rate), at, audio.shape[1] - at)
    if length < SHORTEST_SECONDS * rate:
        return None
    before, after = loudness(audio, rate, (at - length, at)), loudness(audio, rate, (at, at + length))
    return after - before if min(before, after) > GATE_LUFS else None


def _flux(audio: Samples, size: int) -> Flux:
    """Spectral flux: the summed increase of all magnitudes from one frame to the next (a quarter of `size` later),
    over all channels."""
    hop = size // 4
    flux = np.zeros(max((audio.shape[1] - size) // hop, 0))  # one a pair of frames
    window = np.hanning(size)
    for channel in audio:
        for first in range(0, len(flux), 256):  # a few frames at a time: spectra of a whole song fill the memory
            last = min(first + 256, len(flux))
            frames = np.lib.stride_tricks.sliding_window_view(channel[first * hop : last * hop + size], size)[::hop]
            flux[first:last] += np.maximum(np.diff(np.abs(np.fft.rfft(frames * window)), axis=0), 0.0).sum(axis=1)
    return flux


def _largest(flux: Flux, run: int) -> Flux:
    """The largest of each `run` of neighbours."""
    if len(flux) < run:
        return np.empty(0)
    best: Flux = np.lib.stride_tricks.sliding_window_view(flux, run).max(axis=1)
    return best


def table(report: SeamReport) -> list[tuple[str, str]]:
    """The report as rows of name and value, for people."""

    def number(value: float | None, unit: str, places: int = 1) -> str:
        return "—" if value is None else f"{value:+.{places}f} {unit}"

    def at(edge: Join | None) -> str:
        if edge is None:
            return "no join"
        fade = f"{1000 * edge.fade / report.rate:.1f} ms crossfade (r = {edge.correlation:.2f})"
        change = []
        if edge.flux_ratio is not None and edge.flux_percentile is not None:
            change = [f"{100 - edge.flux_percentile:.0f} % of the song around it changes more abruptly"]
        step = f"{number(edge.level_step_lu, 'LU')} (song {number(edge.song_step_lu, 'LU')})"
        return ", ".join([f"level {step}", *change, fade])

    above = "" if report.highband_db is None else f" ({number(report.highband_db, 'dB')})"
    outside = "nothing written" if report.outside_delta is None else f"max |Δ| {report.outside_delta:g}"
    steps = filter(lambda db: db is not None, (report.gain.left_db, report.gain.middle_db, report.gain.right_db))
    gain = f"{' to '.join(number(db, 'dB') for db in steps)} from {report.gain.source}"
    missed = "" if report.level_error_db is None else f", {number(report.level_error_db, 'LU')} off"
    return [
        ("outside the hole", outside),
        ("left join", at(report.left)),
        ("right join", at(report.right)),
        ("gain", gain + (" (clamped)" if report.gain.clamped else "") + missed),
        ("turned down", number(-report.reduction_db, "dB") if report.reduction_db else "no"),
        ("bandwidth", f"{report.bandwidth_hz / 1000:g} kHz, above it {report.highband}{above}"),
        ("width", f"{report.width}, side {number(report.side_db, 'dB')}"),
        ("peak", f"{number(report.peak_dbfs, 'dBFS')}, true {number(report.true_peak_dbtp, 'dBTP')}"),
    ]


__all__ = ["Join", "SeamReport", "correlation", "join", "measured", "table", "weights"]
