"""What a host submitted as an order: its audio, notes and parameters on one time line, the project's. Reads the stems.

The file that the host rendered is the order's song. It begins anywhere on the time line, even before its start; takes
say in `bext` where they belong there, and what is wrong is said in the project's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from punchin_wire.errors import BadAudio, BadRegion, FileMissing
from punchin_wire.messages import ChordSegment, Note
from punchin_wire.params import InpaintParams, TransferParams

from ..audio import stems
from ..music import chord_line, chord_names, chords
from ..music.region import Region
from ..music.tempo_map import TempoMap
from ..takes import excerpt, inpaint, specs, transfer
from ..takes.order import Order, Place, Stem
from ..takes.request import Inputs
from . import clips, naming, played, timeline
from .protocol import ChordName, Clips, MidiNote, PedalMove, Submit, Track

BLOCK_SECONDS = 5.0
"""Seconds of a stem that are looked through at once."""


def order(submit: Submit, seed: int, folder: Path) -> Order:
    """The order for `submit`, its takes with seeds from `seed` on. `folder` is the job's own, for audio that is put
    together here; it must stay until the takes are written.

    Raises FileMissing, BadAudio (not the project's rate, not the track's channels, not a number, silent), BadMidi,
    BadRegion, BadSetting, UnknownChord, TooLarge and InputError.
    """
    grid = timeline.tempo_map(submit.timeline)
    region = Region(submit.region.start, submit.region.end)
    if region.samples <= 0:
        raise BadRegion(f"{_said(region, submit.timeline.rate).capitalize()} has no length.", "Select some bars.")
    holes = timeline.holes(submit)
    _check_holes(holes, region, submit.timeline.rate)
    target, notes = _stem(submit.target, region, grid, submit.timeline.rate, folder / "target.wav")
    _check_region(region, target, submit.target.name)
    here, scene = region.shifted(-target.origin), naming.scene(holes, timeline.ruler(submit.timeline))
    parts = tuple(hole.shifted(-target.origin) for hole in holes)
    place = Place(target.song, here, scene, timeline.bars(submit.timeline), target.origin, parts=parts)
    made: Order
    if isinstance(submit.params, TransferParams):
        if len(holes) > 1:
            raise BadRegion("A transfer replaces one region, not several.", "Select one region at a time.")
        made = transfer.arrange(place, submit.params, seed)
    else:
        made = _inpaint(submit, submit.params, place, grid, seed, folder)
    return replace(made, title=naming.title(submit.target.name), notes=(*submit.notes, *made.notes, *notes))


def _inpaint(submit: Submit, params: InpaintParams, place: Place, grid: TempoMap, seed: int, folder: Path) -> Order:
    by_names = chord_names.segments(_names(submit, grid, place), grid) if not submit.chords else ()
    played = _notes(submit.chords, submit.chord_pedals, grid, place)
    labels: tuple[ChordSegment, ...] = by_names or chords.label_notes(played, grid)
    piano = _notes(submit.piano, submit.piano_pedals, grid, place)
    inputs = Inputs(labels, "names" if by_names else "midi", place.grid, piano)
    drums, notes = _drums(submit, place, grid, folder / "drums.wav")
    if drums is None and (submit.drums is not None or submit.notes):
        params = specs.without(params, "drums")  # what is said of them is enough
    harmony, remarks = _harmony(submit, params, place, grid, folder / "harmony.wav")
    made = inpaint.arrange(place, inputs, drums, params, seed, harmony=harmony)
    return replace(made, notes=(*made.notes, *notes, *remarks))


def _names(submit: Submit, grid: TempoMap, place: Place) -> Sequence[ChordName]:
    """The chords by name: the host's, else those that were typed for the region."""
    if submit.chord_names or not submit.chord_line.strip():
        return submit.chord_names
    rate, region = place.song.rate, place.on_line
    first, last = grid.quarter_of(region.start, rate), grid.quarter_of(region.end, rate)
    return tuple(ChordName(*laid) for laid in chord_line.over(chord_line.parse(submit.chord_line), grid, first, last))


def _drums(submit: Submit, place: Place, grid: TempoMap, composed: Path) -> tuple[Stem | None, tuple[str, ...]]:
    """The drum stem, where one came and sounds at all, and what a musician should know of it."""
    if submit.drums is None:
        return None, ()
    name = submit.drums.name or "The drum track"
    return _sounding(submit.drums, place, grid, composed, f"{name} is silent there, so takes follow no drums.")


def _harmony(
    submit: Submit, params: InpaintParams, place: Place, grid: TempoMap, composed: Path
) -> tuple[Stem | None, tuple[str, ...]]:
    """The stem in which chords and piano are read by ear, where one came that sounds; else they are in the target."""
    if submit.harmony is None or not params.by_ear:
        return None, ()
    name = submit.harmony.name or "The harmony track"
    silent = f"{name} is silent there, so what takes follow is read by ear in the track itself."
    return _sounding(submit.harmony, place, grid, composed, silent)


def _sounding(
    track: Track, place: Place, grid: TempoMap, composed: Path, silent: str
) -> tuple[Stem | None, tuple[str, ...]]:
    """The stem of `track` if it sounds at all, else what `silent` says; and what a musician should know of it."""
    stem, notes = _stem(track, place.on_line, grid, place.song.rate, composed)
    return (stem, notes) if _sounds(stem) else (None, (*notes, silent))


def _sounds(stem: Stem) -> bool:
    """Whether anything in the file is louder than the last bit of 16."""
    song, step = stem.song, round(BLOCK_SECONDS * stem.song.rate)
    blocks = (Region(at, min(at + step, song.samples)) for at in range(0, song.samples, step))
    return any(np.abs(stems.read(song, block)).max(initial=0.0) >= transfer.SILENCE for block in blocks)


def _notes(notes: Sequence[MidiNote], moves: Sequence[PedalMove], grid: TempoMap, place: Place) -> tuple[Note, ...]:
    """What the model can hear of the notes, as long as the pedals hold them, in seconds of the project, by start; those
    without length are dropped."""
    rate, near = place.song.rate, excerpt.CONTEXT_SECONDS
    first, last = place.on_line.start / rate - near, place.on_line.end / rate + near
    heard: list[Note] = []
    for note in played.sounding(notes, moves, grid):
        start, end = max(note.start, first), min(note.end, last)
        if start < end:
            heard.append(Note(start, end, note.pitch, note.velocity))
    return tuple(sorted(heard, key=lambda note: note.start))


# ---- audio ---------------------------------------------------------------------------------------------------


def _stem(track: Track, region: Region, grid: TempoMap, rate: int, composed: Path) -> tuple[Stem, tuple[str, ...]]:
    """A track's audio around `region` on the project's time line, and what a musician should know of it. Clips are put
    together at `composed`."""
    if isinstance(track.audio, Clips):
        span = around(region, track.audio, track.name, rate)
        notes = clips.compose(track.audio.clips, grid, span, rate, track.channels or 1, composed)
        path, start = composed, span.start
    else:
        path, start, notes = Path(track.audio.path), track.audio.start, ()
    if not path.is_absolute():
        raise FileMissing(f"{path} does not say in which folder it lies.", "Save the project first.")
    song = stems.probe(path)
    if song.rate != rate:
        raise BadAudio(
            f"{path.name} has {song.rate} samples a second, but the project {rate}.", "Render at the project's rate."
        )
    if track.channels is not None and song.channels != track.channels:
        raise BadAudio(
            f"{path.name} has {_channels(song.channels)}, but takes on {track.name} must have {track.channels}.",
            "Render the track with its own channels.",
        )
    return Stem(msgspec.structs.replace(song, time_reference=start), start), notes


def around(region: Region, audio: Clips, name: str, rate: int) -> Region:
    """The part of the clips that is put together: as much as a request carries. Raises BadRegion where the region is
    too long, or none of them are near it."""
    whole = Region(audio.span.start, audio.span.end)
    here = excerpt.around(region.shifted(-whole.start), rate, whole.samples).shifted(whole.start)
    if here.samples <= 0:
        raise BadRegion(
            f"The clips of {name or 'the track'} are nowhere near {_said(region, rate)}.", "Select bars over them."
        )
    return here


def _check_region(region: Region, target: Stem, name: str) -> None:
    """Raises BadRegion where not all of the region has audio."""
    rate = target.song.rate
    first, end = target.origin, target.origin + target.song.samples
    if region.start < first or region.end > end:
        raise BadRegion(
            f"{_said(region, rate).capitalize()} lies outside the audio of {name or 'the track'}, which goes from "
            f"{first / rate:.3f} to {end / rate:.3f} s."
        )


def _check_holes(holes: Sequence[Region], region: Region, rate: int) -> None:
    """Raises BadRegion where they are not, from the left, parts of the region that begin and end with it."""
    apart = all(before.end <= after.start for before, after in pairwise(holes))
    if not apart or (holes[0].start, holes[-1].end) != region or any(hole.samples <= 0 for hole in holes):
        raise BadRegion(f"The parts of {_said(region, rate)} are empty, overlap, or lie outside it.")


def _said(region: Region, rate: int) -> str:
    return f"the region from {region.start / rate:.3f} to {region.end / rate:.3f} s"


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
