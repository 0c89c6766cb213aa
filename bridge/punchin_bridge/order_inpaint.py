"""Orders to fill a region anew: from a song and the files that takes follow, or from an earlier take.

Reads songs, stems, MIDI and chord files; knows no daemon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from punchin_wire.errors import BadAudio, FileMissing
from punchin_wire.frames import describe
from punchin_wire.messages import ChordSegment, Control, Note

from . import chord_files, chords, midi, requests, stems, where
from .order import Order, read_input, reread
from .region import Region
from .requests import Inputs, Options
from .tempo_map import TempoMap
from .wavfile import Song
from .where import Where


@dataclass(frozen=True)
class Sources:
    """The files that takes follow."""

    chords: Path | None = None
    drums: Path | None = None
    piano: Path | None = None


@dataclass(frozen=True)
class Takes:
    """How many takes, from which seed on, and what they follow (:func:`punchin_bridge.requests.takes`)."""

    seed: int
    count: int = 1
    weights: dict[Control, float] = field(default_factory=dict)
    specs: tuple[str, ...] = ()


def compose(
    path: Path, place: Where, sources: Sources, takes: Takes, options: Options = Options(), full: bool = False
) -> Order:
    """The order for new takes of the song at `path`.

    Raises FileMissing, BadAudio, BadMidi, BadRegion, BadSetting, UnknownChord, TooLarge and InputError.
    """
    song = stems.probe(path)
    inputs, grid = _inputs(place, sources)
    hole, scene = where.find(place, grid, song)
    around = requests.excerpt(hole, song.rate, song.samples)
    read = [read_input(song, around)]
    drums = None
    if sources.drums is not None:
        stem = stems.probe(sources.drums)
        read.append(read_input(stem, _drum_span(stem, song, hole, around)))
        drums = describe(read[-1][0], stem.rate, frame=1)
    inputs = Inputs(inputs.chords, inputs.chords_from_midi, inputs.tempo_map, inputs.piano, drums)
    specs = requests.takes(takes.seed, takes.count, inputs.given, takes.weights, takes.specs)
    request = requests.inpaint(describe(read[0][0], song.rate), hole, around, inputs, specs, options)
    notes: tuple[str, ...] = ()
    if request.chords and not request.beats:
        notes = ("No tempo is known, so chords are struck only where they start (see --tempo, --midi-tempo, --beats).",)
    audio, said = zip(*read[: 1 if request.drums is None else 2], strict=True)
    tempo = where.steady_tempo(grid, hole, song.rate)
    return Order(song, hole, around, request, audio, said, scene, tempo, full, notes=notes)


def repeat(take: Path, song_path: Path | None = None, full: bool = False) -> Order:
    """The order that makes `take` again from its recipe; `song_path` says where its song lies now.

    Raises BadRecipe where there is none, or where a file it was made from has changed; FileMissing, BadAudio.
    """
    made, song, audio = reread(take, "inpaint", song_path)
    hole = Region(*made.region)
    return Order(
        song,
        hole,
        Region(made.song.start, made.song.end),
        made.request,
        audio,
        made.inputs,
        where.name_of_seconds(hole, song.rate),
        made.tempo,
        full or made.full,
        made.splice,
        made.models,
    )


# ---- what was asked for --------------------------------------------------------------------------------------


def _inputs(place: Where, sources: Sources) -> tuple[Inputs, TempoMap | None]:
    """The symbolic inputs, and the tempo map that bars and beats follow: the one asked for, else that of a MIDI
    input, which says it itself."""
    grid = where.asked_tempo(place)
    labels: tuple[ChordSegment, ...] = ()
    from_midi = False
    if sources.chords is not None:
        from_midi = _is_midi(sources.chords)
        if from_midi:
            file = midi.read(sources.chords)
            labels = chords.label_notes(midi.chord_track(file, sources.chords.name).notes, file.tempo_map)
            grid = grid or file.tempo_map
        else:
            labels = chord_files.read(sources.chords)
    piano: tuple[Note, ...] = ()
    if sources.piano is not None:
        file = midi.read(sources.piano)
        piano = file.notes
        midi.chord_track(file, sources.piano.name)  # says clearly that there are no notes
        grid = grid or file.tempo_map
    return Inputs(labels, from_midi, grid, piano), grid


def _is_midi(path: Path) -> bool:
    """By what the file holds: MIDI files begin with `MThd`, or with `RIFF` where they are wrapped."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FileMissing(f"There is no readable chord file {path}.") from error
    return head == b"MThd" or path.suffix.lower() in (".mid", ".midi", ".smf")


def _drum_span(stem: Song, song: Song, hole: Region, around: Region) -> Region:
    """The excerpt's time in the drum stem, which lies on the song's time line. Raises BadAudio where it has ended."""
    if stem.samples <= requests.at_rate(hole, song.rate, stem.rate).start:
        raise BadAudio(
            f"{stem.path.name} ends at {stem.seconds:.3f} s, before the region.",
            "Render the drum stem from the start of the song, as long as the song.",
        )
    return requests.at_rate(around, song.rate, stem.rate)
