"""A project's clock and places, as the host tells them, as what everything here counts by. Pure."""

from __future__ import annotations

from ..music.region import Region
from ..music.tempo_map import Tempo, TempoMap, TimeSignature
from .naming import Ruler
from .protocol import Submit, Timeline


def tempo_map(timeline: Timeline) -> TempoMap:
    """The tempo map whose second `t` is sample `t * timeline.rate` of the project. Raises BadSetting where the points
    do not begin at 0 or do not follow each other."""
    return TempoMap(
        tuple(Tempo(point.quarter, point.bpm, point.curve) for point in timeline.tempos),
        tuple(TimeSignature(point.quarter, point.numerator, point.denominator) for point in timeline.time_signatures),
        timeline.origin / timeline.rate,
    )


def bars(timeline: Timeline) -> TempoMap | None:
    """The same where its bars and beats are those of the music; None where nobody knows them. Raises BadSetting."""
    return None if timeline.is_free else tempo_map(timeline)


def ruler(timeline: Timeline) -> Ruler:
    """What places of the project are named by. Raises BadSetting as :func:`tempo_map` does."""
    return Ruler(bars(timeline), timeline.rate, timeline.first_bar)


def holes(submit: Submit) -> tuple[Region, ...]:
    """What is made anew, from the left, in samples of the project."""
    return tuple(Region(span.start, span.end) for span in submit.holes or (submit.region,))
