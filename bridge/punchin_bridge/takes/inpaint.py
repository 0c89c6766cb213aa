"""Inpainting: orders to fill a region anew, from a song and the files that takes follow, or from an earlier take.

Reads songs, stems, MIDI and chord files; knows no daemon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs
from punchin_wire.errors import BadAudio, BadSetting, FileMissing
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

AUDIO = frozenset((".wav", ".wave", ".w64", ".flac", ".aif", ".aiff", ".caf", ".ogg", ".opus", ".mp3", ".m4a"))
"""How the names of files end that are heard, not read."""
SPLICE = SpliceSettings(level="song", max_gain_db=40.0)
"""How takes are laid: as loud as what they replace."""


@dataclass(frozen=True)
class Sources:
    """The files that takes follow. Where `chords` or `piano` are audio, they are read by ear in it."""

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
    params, harmony = _heard(params, sources)
    inputs, grid = _inputs(place, sources, song.samples / song.rate)
    found = location.find(place, grid, song)
    drums = None if sources.drums is None else Stem(stems.probe(sources.drums))
    where = Place(song, found.region, found.scene, grid, notes=found.notes)
    return arrange(where, inputs, drums, params, seed, full, preview, harmony)


def arrange(
    place: Place,
    inputs: Inputs,
    drums: Stem | None,
    params: InpaintParams,
    seed: int,
    full: bool = False,
    preview: bool = False,
    harmony: Stem | None = None,
) -> InpaintOrder:
    """The order for new takes of `place` that follow `inputs` and the stem `drums`, which lie on its time line, with
    seeds from `seed` on. What `params` want read by ear and `inputs` do not give is heard in `harmony`, else in the
    song.

    Raises FileMissing, BadAudio, BadMidi, BadRegion, BadSetting, TooLarge and InputError.
    """
    song, hole = place.song, place.region
    around = excerpt.around(hole, song.rate, song.samples)
    read = {"source": read_input(song, around)}
    if drums is not None:
        read["drums"] = read_input(drums.song, _stem_span(drums, "drum", place, around))
        inputs = replace(inputs, drums=describe(read["drums"][0], drums.song.rate))
    hear = tuple(control for control in params.by_ear if control not in inputs.given)
    if hear and harmony is not None:
        read["stem"] = read_input(harmony.song, _stem_span(harmony, "harmony", place, around))
        inputs = replace(inputs, stem=describe(read["stem"][0], harmony.song.rate))
    inputs = replace(inputs, hear=hear)
    specs = take_specs(seed, params.takes, inputs.given, params.weights, params.specs)
    source, around_on_line = describe(read["source"][0], song.rate), around.shifted(place.origin)
    request = inpaint_request(source, place.holes_on_line, around_on_line, inputs, specs, params, preview)
    notes = (*place.notes, *(drums.song.notes if drums and request.drums else ()))
    if (request.chords or "chord" in request.hear) and not request.beats:
        notes += (
            "No tempo is known, so chords are struck only where they start (see --tempo, --midi-tempo, --beats).",
        )
    carried = [name for name in read if getattr(request, name) is not None]
    frames = {name: structs.replace(getattr(request, name), frame=frame) for frame, name in enumerate(carried)}
    request = structs.replace(request, **frames)
    audio, files = zip(*(read[name] for name in carried), strict=True)
    scene, tempo, origin = place.scene, place.tempo, place.origin
    return InpaintOrder(
        song, hole, around, request, audio, files, scene, tempo, full, SPLICE, notes=notes, origin=origin
    )  # fmt: skip


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
    chords_file, piano_file = (None if f and _is_audio(f) else f for f in (sources.chords, sources.piano))
    is_midi = chords_file is not None and _is_midi(chords_file)
    if chords_file is not None and is_midi:
        file = midi_files.read(chords_file)
        played = midi_files.chord_track(file, chords_file.name).notes
        labels = chords.label_notes(played, file.tempo_map, seconds)
        grid = grid or file.tempo_map
    elif chords_file is not None:
        labels = chord_files.read(chords_file)
    piano: tuple[Note, ...] = ()
    if piano_file is not None:
        file = midi_files.read(piano_file)
        piano = file.notes
        midi_files.chord_track(file, piano_file.name)  # says clearly that there are no notes
        grid = grid or file.tempo_map
    return Inputs(labels, "midi" if is_midi else "file", grid, piano), grid


def _heard(params: InpaintParams, sources: Sources) -> tuple[InpaintParams, Stem | None]:
    """The parameters, with what is to be read by ear in a stem, and that stem. Raises BadSetting, FileMissing,
    BadAudio."""
    named = {"chords": sources.chords, "piano": sources.piano}
    files = {name: path for name, path in named.items() if path is not None and _is_audio(path)}
    if len(set(files.values())) > 1:
        raise BadSetting("Chords and piano are read by ear in two stems.", "Give one stem for both, or one of them.")
    params = structs.replace(params, **dict.fromkeys(files, "auto"))
    return params, next((Stem(stems.probe(path)) for path in files.values()), None)


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO


def _is_midi(path: Path) -> bool:
    """By what the file holds: MIDI files begin with `MThd`, or with `RIFF` where they are wrapped."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FileMissing(f"There is no readable chord file {path}.") from error
    return head in (b"MThd", b"RIFF") or path.suffix.lower() in (".mid", ".midi", ".smf")


def _stem_span(stem: Stem, what: str, place: Place, around: Region) -> Region:
    """The excerpt's time in the file of a stem, `what` it is. Raises BadAudio where nothing of it sounds in the
    region."""
    song, rate = stem.song, place.song.rate
    hole = excerpt.at_rate(place.on_line, rate, song.rate).shifted(-stem.origin)
    first, end = stem.origin / song.rate, (stem.origin + song.samples) / song.rate
    if hole.start >= song.samples:
        raise BadAudio(
            f"{song.path.name} ends at {end:.3f} s, before the region.",
            f"Render the {what} stem from the start of the song, as long as the song.",
        )
    if hole.end <= 0:
        raise BadAudio(
            f"{song.path.name} begins at {first:.3f} s, after the region.",
            f"Render the {what} stem around the region.",
        )
    return excerpt.at_rate(around.shifted(place.origin), rate, song.rate).shifted(-stem.origin)
