"""A project's clock, as the host tells it, as the tempo map that everything here counts by. Pure."""

from __future__ import annotations

from ..music.tempo_map import Tempo, TempoMap, TimeSignature
from .protocol import Timeline


def tempo_map(timeline: Timeline) -> TempoMap:
    """The tempo map whose second `t` is sample `t * timeline.rate` of the project. Raises BadSetting where the points
    do not begin at 0 or do not follow each other."""
    return TempoMap(
        tuple(Tempo(point.quarter, point.bpm, point.curve) for point in timeline.tempos),
        tuple(TimeSignature(point.quarter, point.numerator, point.denominator) for point in timeline.time_signatures),
        timeline.origin / timeline.rate,
    )
