"""From files to an order: the request, the audio that travels with it, and what is needed to lay and repeat its takes.

Reads songs, stems, MIDI and chord files; knows no daemon. An order comes from a song and what the musician asked for
(:func:`compose`), or from the recipe inside an earlier take (:func:`repeat`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from punchin_wire.errors import BadAudio, BadRecipe, BadRegion, BadSetting, FileMissing, TooLarge
from punchin_wire.frames import MAX_AUDIO, Audio, describe
from punchin_wire.messages import ChordSegment, Control, InpaintRequest, Note

from . import beat_files, bwf, chord_files, chords, midi, recipe, region, requests, stems
from .recipe import AudioInput, Recipe
from .region import Region
from .requests import Inputs, Options
from .splice import SpliceSettings
from .tempo_map import TempoMap, steady
from .wavfile import Song


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


@dataclass(frozen=True)
class Order:
    """A request for `region` of `song`, and `audio[i]` `[channels, samples]` from `inputs[i]` for each of its frames.

    `around` is the excerpt that travels; `region` and it are samples of the song. `scene` names the region in file
    names. `models` are those of the take that is repeated, else empty.
    """

    song: Song
    region: Region
    around: Region
    request: InpaintRequest
    audio: tuple[Audio, ...]
    inputs: tuple[AudioInput, ...]
    scene: str
    tempo: bwf.Tempo | None = None
    full: bool = False
    splice: SpliceSettings = field(default_factory=SpliceSettings)
    models: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def compose(
    path: Path, where: Where, sources: Sources, takes: Takes, options: Options = Options(), full: bool = False
) -> Order:
    """The order for new takes of the song at `path`.

    Raises FileMissing, BadAudio, BadMidi, BadRegion, BadSetting, UnknownChord and InputError.
    """
    song = stems.probe(path)
    inputs, grid = _inputs(where, sources)
    hole, scene = _region(where, grid, song)
    around = requests.excerpt(hole, song.rate, song.samples)
    if 4 * song.channels * around.samples > MAX_AUDIO:
        raise TooLarge(
            f"{around.samples / song.rate:.0f} s of {song.channels} channels at {song.rate} Hz are too much."
        )
    source = stems.read(song, around)
    audio, read = [source], [_input(song, around, source)]
    drums = None
    if sources.drums is not None:
        stem = stems.probe(sources.drums)
        span = _drum_span(stem, song, hole, around)
        audio.append(stems.read(stem, span))
        read.append(_input(stem, span, audio[-1]))
        drums = describe(audio[-1], stem.rate, frame=1)
    inputs = Inputs(inputs.chords, inputs.chords_from_midi, inputs.tempo_map, inputs.piano, drums)
    specs = requests.takes(takes.seed, takes.count, inputs.given, takes.weights, takes.specs)
    request = requests.inpaint(describe(source, song.rate), hole, around, inputs, specs, options)
    sent = 1 if request.drums is None else 2
    notes: tuple[str, ...] = ()
    if request.chords and not request.beats:
        notes = ("No tempo is known, so chords are struck only where they start (see --tempo, --midi-tempo, --beats).",)
    tempo = _steady_tempo(grid, hole, song.rate) if grid else None
    return Order(song, hole, around, request, tuple(audio[:sent]), tuple(read[:sent]), scene, tempo, full, notes=notes)


def repeat(take: Path, song_path: Path | None = None, full: bool = False) -> Order:
    """The order that makes `take` again from its recipe; `song_path` says where its song lies now.

    Raises BadRecipe where there is none, or where a file it was made from has changed; FileMissing, BadAudio.
    """
    made = recipe.read(take)
    if not isinstance(made.request, InpaintRequest):
        raise BadRecipe(f"{take.name} is a transfer, not a punch-in.", "Use the command that made it.")
    refs = [made.request.source, made.request.drums]
    if len(made.inputs) != sum(ref is not None for ref in refs):
        raise BadRecipe(f"The recipe in {take.name} does not say where all of its audio came from.")
    paths = [song_path or Path(made.song.path), *(Path(item.path) for item in made.inputs[1:])]
    songs, audio = [], []
    for path, said in zip(paths, made.inputs, strict=True):
        found, samples = _unchanged(path, said)
        songs.append(found)
        audio.append(samples)
    return Order(
        songs[0],
        Region(*made.region),
        Region(made.song.start, made.song.end),
        made.request,
        tuple(audio),
        tuple(msgspec.structs.replace(said, path=str(path)) for path, said in zip(paths, made.inputs, strict=True)),
        scene_of_seconds(Region(*made.region), songs[0].rate),
        made.tempo,
        full or made.full,
        made.splice,
        made.models,
    )


def recipe_of(order: Order, take: int, models: dict[str, str], version: str, created: str) -> Recipe:
    """The recipe of take `take` (0-based) of an order."""
    request = msgspec.structs.replace(order.request, takes=(order.request.takes[take],), preview=False)
    return Recipe(
        version, created, order.inputs[0], (order.region.start, order.region.end), request, order.inputs, order.splice,
        models, order.tempo, order.full,
    )  # fmt: skip


def scene_of_seconds(hole: Region, rate: int) -> str:
    return f"{hole.start / rate:.3f}-{hole.end / rate:.3f}s"


# ---- what was asked for --------------------------------------------------------------------------------------


def _inputs(where: Where, sources: Sources) -> tuple[Inputs, TempoMap | None]:
    """The symbolic inputs, and the tempo map that bars and beats follow: the one asked for, else that of a MIDI
    input, which says it itself."""
    grid = _asked_tempo(where)
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


def _asked_tempo(where: Where) -> TempoMap | None:
    if sum(said is not None for said in (where.tempo, where.midi_tempo, where.beats)) > 1:
        raise BadSetting("--tempo, --midi-tempo and --beats all say the tempo.", "Leave all but one of them out.")
    if where.downbeat and where.tempo is None:
        raise BadSetting("--downbeat says where bar 1 of a --tempo is.", "Give --tempo, or leave --downbeat out.")
    if where.midi_tempo is not None:
        return midi.read(where.midi_tempo).tempo_map
    if where.beats is not None:
        return beat_files.read(where.beats)
    return None if where.tempo is None else steady(where.tempo, where.downbeat)


def _is_midi(path: Path) -> bool:
    """By what the file holds: MIDI files begin with `MThd`, or with `RIFF` where they are wrapped."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FileMissing(f"There is no readable chord file {path}.") from error
    return head == b"MThd" or path.suffix.lower() in (".mid", ".midi", ".smf")


def _region(where: Where, grid: TempoMap | None, song: Song) -> tuple[Region, str]:
    if where.bars is not None:
        if where.start is not None or where.end is not None:
            raise BadSetting("--bars and --start/--end both say the region.", "Leave one of them out.")
        if grid is None:
            raise BadSetting(
                "Bars need a tempo.", "Give --tempo BPM, --midi-tempo FILE.mid, --beats FILE, or --chords FILE.mid."
            )
        hole = region.from_bars(where.bars, grid, song.rate, song.samples)
        return hole, "bars" + where.bars.strip().replace(":", "-")
    if where.start is None or where.end is None:
        raise BadRegion("No region was selected.", "Give --start and --end in seconds, or --bars first:last.")
    hole = region.from_seconds(where.start, where.end, song.rate, song.samples)
    return hole, scene_of_seconds(hole, song.rate)


def _drum_span(stem: Song, song: Song, hole: Region, around: Region) -> Region:
    """The excerpt's time in the drum stem, which lies on the song's time line. Raises BadAudio where it has ended."""
    if stem.samples <= requests.at_rate(hole, song.rate, stem.rate).start:
        raise BadAudio(
            f"{stem.path.name} ends at {stem.seconds:.3f} s, before the region.",
            "Render the drum stem from the start of the song, as long as the song.",
        )
    return requests.at_rate(around, song.rate, stem.rate)


def _input(song: Song, span: Region, audio: Audio) -> AudioInput:
    return AudioInput(str(song.path.resolve()), span.start, span.end, song.rate, song.channels, recipe.sha256(audio))


def _steady_tempo(grid: TempoMap, hole: Region, rate: int) -> bwf.Tempo | None:
    """The tempo of the region for other programs, where it has one."""
    first, last = grid.quarter_of(hole.start, rate), grid.quarter_of(hole.end, rate)
    tempos = [tempo for tempo in grid.tempos if tempo.quarter < last - 1e-6]
    current = max((index for index, tempo in enumerate(tempos) if tempo.quarter <= first + 1e-6), default=0)
    here = tempos[current:]
    if not here or len({tempo.bpm for tempo in here}) > 1 or here[-1].glides:
        return None
    metre = [metre for metre in grid.metres if metre.quarter <= max(first, 0) + 1e-6][-1]
    return bwf.Tempo(here[0].bpm, metre.numerator, metre.denominator)


# ---- what a recipe says --------------------------------------------------------------------------------------


def _unchanged(path: Path, said: AudioInput) -> tuple[Song, Audio]:
    """The audio that the recipe speaks of. Raises BadRecipe where it is not the same any more."""
    song = stems.probe(path)
    audio = stems.read(song, Region(said.start, said.end))
    if (song.rate, song.channels) != (said.rate, said.channels) or recipe.sha256(audio) != said.sha256:
        raise BadRecipe(
            f"{path.name} has changed since the take was made (from {said.start / said.rate:.3f} "
            f"to {said.end / said.rate:.3f} s).",
            "Restore that file, or make a new take of the song as it is now.",
        )
    return song, audio
