"""Inpainting: orders to fill a region anew, from a song and the files that takes follow, or from an earlier take.

Reads songs, stems, MIDI and chord files; knows no daemon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from punchin_wire.errors import BadAudio, FileMissing
from punchin_wire.frames import describe
from punchin_wire.messages import ChordSegment, InpaintRequest, Note
from punchin_wire.params import InpaintParams

from ..audio import stems
from ..music import chord_files, chords, midi_files
from ..music.region import Region
from ..music.tempo_map import TempoMap
from ..splice.lay import SpliceSettings
from . import excerpt, location
from .location import Where
from .order import Place, Stem
from .recipe import read_input, reread
from .request import Inputs, inpaint_request
from .specs import take_specs
from .tasks import InpaintOrder

SPLICE = SpliceSettings(level="song", max_gain_db=40.0)
"""How takes are laid: as loud as what they replace."""


@dataclass(frozen=True)
class Sources:
    """The files that takes follow."""

    chords: Path | None = None
    drums: Path | None = None
    piano: Path | None = None


def compose(
    path: Path,
    place: Where,
    sources: Sources,
    params: InpaintParams,
    seed: int,
    full: bool = False,
    preview: bool = False,
) -> InpaintOrder:
    """The order for new takes of the song at `path`.

    Raises FileMissing, BadAudio, BadMidi, BadRegion, BadSetting, UnknownChord, TooLarge and InputError.
    """
    song = stems.probe(path)
    inputs, grid = _inputs(place, sources, song.samples / song.rate)
    found = location.find(place, grid, song)
    drums = None if sources.drums is None else Stem(stems.probe(sources.drums))
    return arrange(
        Place(song, found.region, found.scene, grid, notes=found.notes), inputs, drums, params, seed, full, preview
    )


def arrange(
    place: Place,
    inputs: Inputs,
    drums: Stem | None,
    params: InpaintParams,
    seed: int,
    full: bool = False,
    preview: bool = False,
) -> InpaintOrder:
    """The order for new takes of `place` that follow `inputs` and the stem `drums`, which lie on its time line, with
    seeds from `seed` on.

    Raises FileMissing, BadAudio, BadMidi, BadRegion, BadSetting, TooLarge and InputError.
    """
    song, hole = place.song, place.region
    around = excerpt.around(hole, song.rate, song.samples)
    read = [read_input(song, around)]
    if drums is not None:
        read.append(read_input(drums.song, _drum_span(drums, place, around)))
        inputs = replace(inputs, drums=describe(read[-1][0], drums.song.rate, frame=1))
    specs = take_specs(seed, params.takes, inputs.given, params.weights, params.specs)
    source, around_on_line = describe(read[0][0], song.rate), around.shifted(place.origin)
    request = inpaint_request(source, place.holes_on_line, around_on_line, inputs, specs, params, preview)
    notes = (*place.notes, *(drums.song.notes if drums and request.drums else ()))
    if request.chords and not request.beats:
        notes += (
            "No tempo is known, so chords are struck only where they start (see --tempo, --midi-tempo, --beats).",
        )
    audio, files = zip(*read[: 1 if request.drums is None else 2], strict=True)
    scene, tempo = place.scene, place.tempo
    return InpaintOrder(song, hole, around, request, audio, files, scene, tempo, full, SPLICE, notes=notes)


def repeat(take: Path, song_path: Path | None = None, full: bool = False) -> InpaintOrder:
    """The order that makes `take` again from its recipe; `song_path` is where its song lies now.

    Raises BadRecipe where there is none, or where a file it was made from has changed; FileMissing, BadAudio.
    """
    made, song, audio = reread(take, "inpaint", song_path)
    assert isinstance(made.request, InpaintRequest)
    hole = Region(*made.region)
    return InpaintOrder(
        song,
        hole,
        Region(made.song.start, made.song.end),
        made.request,
        audio,
        made.inputs,
        made.scene or location.name_of_seconds(hole, song.rate),
        made.tempo,
        full or made.full,
        made.splice,
        made.models,
        title=made.title,
        first=made.number,
    )


# ---- what was asked for --------------------------------------------------------------------------------------


def _inputs(place: Where, sources: Sources, seconds: float) -> tuple[Inputs, TempoMap | None]:
    """The symbolic inputs of a song of `seconds`, and the tempo map that bars and beats follow: the one asked for, else
    that of a MIDI input, which brings its own."""
    grid = location.asked_tempo(place)
    labels: tuple[ChordSegment, ...] = ()
    is_midi = sources.chords is not None and _is_midi(sources.chords)
    if sources.chords is not None and is_midi:
        file = midi_files.read(sources.chords)
        played = midi_files.chord_track(file, sources.chords.name).notes
        labels = chords.label_notes(played, file.tempo_map, seconds)
        grid = grid or file.tempo_map
    elif sources.chords is not None:
        labels = chord_files.read(sources.chords)
    piano: tuple[Note, ...] = ()
    if sources.piano is not None:
        file = midi_files.read(sources.piano)
        piano = file.notes
        midi_files.chord_track(file, sources.piano.name)  # says clearly that there are no notes
        grid = grid or file.tempo_map
    return Inputs(labels, "midi" if is_midi else "file", grid, piano), grid


def _is_midi(path: Path) -> bool:
    """By what the file holds: MIDI files begin with `MThd`, or with `RIFF` where they are wrapped."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FileMissing(f"There is no readable chord file {path}.") from error
    return head in (b"MThd", b"RIFF") or path.suffix.lower() in (".mid", ".midi", ".smf")


def _drum_span(drums: Stem, place: Place, around: Region) -> Region:
    """The excerpt's time in the file of the drum stem. Raises BadAudio where nothing of it sounds in the region."""
    stem, rate = drums.song, place.song.rate
    hole = excerpt.at_rate(place.on_line, rate, stem.rate).shifted(-drums.origin)
    first, end = drums.origin / stem.rate, (drums.origin + stem.samples) / stem.rate
    if hole.start >= stem.samples:
        raise BadAudio(
            f"{stem.path.name} ends at {end:.3f} s, before the region.",
            "Render the drum stem from the start of the song, as long as the song.",
        )
    if hole.end <= 0:
        raise BadAudio(
            f"{stem.path.name} begins at {first:.3f} s, after the region.", "Render the drum stem around the region."
        )
    return excerpt.at_rate(around.shifted(place.origin), rate, stem.rate).shifted(-drums.origin)
