"""Where in the song: the region and the tempo as the musician gives them. Reads tempo files; knows no audio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from punchin_wire.errors import BadRegion, BadSetting

from ..audio import bwf
from ..audio.wavfile import Song
from ..music import beat_files, midi_files, region
from ..music.region import Region
from ..music.tempo_map import TempoMap, steady

AUTO = "auto"
"""Said in place of a file, it has the ear bring what the file would: chords and piano, no beats."""
LATEST_DOWNBEAT = 7 * 86_400.0
"""Seconds: no song begins further from its bar 1 than a week."""


@dataclass(frozen=True)
class Where:
    """The region as it was asked for: seconds, or bars of a tempo."""

    start: float | None = None
    end: float | None = None
    bars: str | None = None
    tempo: float | None = None
    downbeat: float = 0.0
    midi_tempo: Path | None = None
    beats: Path | None = None

    @property
    def is_everywhere(self) -> bool:
        """Whether no region was asked for."""
        return self.start is None and self.end is None and self.bars is None


def asked_tempo(where: Where) -> TempoMap | None:
    """The tempo that was asked for, if one was. Raises BadSetting where there are several, BadMidi, InputError."""
    if sum(given is not None for given in (where.tempo, where.midi_tempo, where.beats)) > 1:
        raise BadSetting("--tempo, --midi-tempo and --beats all say the tempo.", "Leave all but one of them out.")
    if where.downbeat and where.tempo is None:
        raise BadSetting("--downbeat says where bar 1 of a --tempo is.", "Give --tempo, or leave --downbeat out.")
    if not abs(where.downbeat) <= LATEST_DOWNBEAT:
        raise BadSetting(f"Bar 1 cannot start at {where.downbeat:g} s.", "Give --downbeat in seconds of the song.")
    if where.midi_tempo is not None:
        return midi_files.read(where.midi_tempo).tempo_map
    if where.beats is not None:
        _check_is_file(where.beats)
        return beat_files.read(where.beats)
    return None if where.tempo is None else steady(where.tempo, where.downbeat)


def _check_is_file(beats: Path) -> None:
    if str(beats) == AUTO and not beats.exists():
        raise BadSetting(
            "Beats are not read by ear: where bars begin is heard too seldom.",
            "Give --tempo BPM and --downbeat S, or --beats FILE as a beat tracker writes it.",
        )


class Found(NamedTuple):
    """The region in samples of the song, its name in those of files, and what the musician should know of it."""

    region: Region
    scene: str
    notes: tuple[str, ...] = ()


def find(where: Where, grid: TempoMap | None, song: Song) -> Found:
    """Raises BadRegion and BadSetting."""
    if where.bars is not None:
        if where.start is not None or where.end is not None:
            raise BadSetting("--bars and --start/--end both say the region.", "Leave one of them out.")
        if grid is None:
            raise BadSetting(
                "Bars need a tempo.", "Give --tempo BPM, --midi-tempo FILE.mid, --beats FILE, or --chords FILE.mid."
            )
        hole, short = region.from_bars(where.bars, grid, song.rate, song.samples)
        ends = f"The song ends {1000 * short / song.rate:.3g} ms before the last bar does, and the region with it."
        return Found(hole, "bars" + where.bars.strip().replace(":", "-"), (ends,) if short else ())
    if where.start is None or where.end is None:
        raise BadRegion("No region was selected.", "Give --start and --end in seconds, or --bars first:last.")
    hole = region.from_seconds(where.start, where.end, song.rate, song.samples)
    return Found(hole, name_of_seconds(hole, song.rate))


def name_of_seconds(hole: Region, rate: int) -> str:
    return f"{hole.start / rate:.3f}-{hole.end / rate:.3f}s"


def steady_tempo(grid: TempoMap | None, hole: Region, rate: int) -> bwf.Tempo | None:
    """The tempo of the region for other programs, where it has one."""
    if grid is None:
        return None
    first, last = grid.quarter_of(hole.start, rate), grid.quarter_of(hole.end, rate)
    tempos = [tempo for tempo in grid.tempos if tempo.quarter < last - 1e-6]
    current = max((index for index, tempo in enumerate(tempos) if tempo.quarter <= first + 1e-6), default=0)
    here = tempos[current:]
    ends = grid.bpm(last - 1e-6)
    if not here or any(not math.isclose(tempo.bpm, ends, rel_tol=1e-6) for tempo in here):
        return None
    signature = [signature for signature in grid.time_signatures if signature.quarter <= max(first, 0) + 1e-6][-1]
    return bwf.Tempo(here[0].bpm, signature.numerator, signature.denominator)
