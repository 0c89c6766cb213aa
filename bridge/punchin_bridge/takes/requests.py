"""A song's region and what was asked for to one request. Pure: values in, values out; no files, no sockets.

Musical inputs lie on the song's time line, in seconds; the request to inpaint lies on its excerpt's, which is the
region with up to :data:`CONTEXT_SECONDS` of song on each side. A transfer's is the region alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec
from punchin_wire.errors import BadMidi, BadRegion, BadSetting, InputError
from punchin_wire.harte import NO_CHORD
from punchin_wire.messages import (
    MAX_SECONDS,
    MAX_TAKES,
    AudioRef,
    ChordSegment,
    Control,
    Hole,
    InpaintRequest,
    Note,
    Sampling,
    TakeSpec,
    TransferRequest,
)

from ..music.region import Region
from ..music.tempo_map import TempoMap
from .presets import Knobs, Prompts

CONTEXT_SECONDS = 30.0
"""MusicGen's window is 30 s: no model of this size sees further."""
CONTROLS: tuple[Control, ...] = ("chord", "drums", "piano")
MAX_SEED = 2**53
MIN_TRANSFER_SECONDS = 0.05

AnyRequest = TypeVar("AnyRequest", InpaintRequest, TransferRequest)

Weights = Mapping[Control, float]
Strikes = Literal["clean", "compat"]


@dataclass(frozen=True)
class Inputs:
    """What a take may follow, on the song's time line. `drums` says that a drum stem travels with the request.

    `chords_from` decides what silence in the region means: a MIDI track without notes there is a mistake, a chord file
    or a chord's name in the project that says `N` there means it. Without `tempo_map` there are no beats, and chords
    are struck where they start.
    """

    chords: tuple[ChordSegment, ...] = ()
    chords_from: Literal["file", "midi", "names"] = "file"
    tempo_map: TempoMap | None = None
    piano: tuple[Note, ...] = ()
    drums: AudioRef | None = None

    @property
    def given(self) -> tuple[Control, ...]:
        present = {"chord": bool(self.chords), "drums": self.drums is not None, "piano": bool(self.piano)}
        return tuple(control for control in CONTROLS if present[control])


@dataclass(frozen=True)
class Options:
    """How takes are made, beyond what they follow."""

    pack: str = "tiny"
    text: str = ""
    strikes: Strikes | None = None
    sampling: Sampling = field(default_factory=Sampling)
    preview: bool = False


def excerpt(region: Region, rate: int, total: int) -> Region:
    """The part of a song of `total` samples that a request for `region` carries. Raises BadRegion when too long."""
    context = round(CONTEXT_SECONDS * rate)
    span = Region(max(0, region.start - context), min(total, region.end + context))
    if span.samples > MAX_SECONDS * rate:
        raise BadRegion(
            f"The region is {region.samples / rate:.0f} s long.",
            f"Select at most {MAX_SECONDS - 2 * CONTEXT_SECONDS:.0f} s at once.",
        )
    return span


def at_rate(span: Region, rate: int, other: int) -> Region:
    """The samples of a file at rate `other` that sound while `span` does at `rate`; the nearest ones."""
    start = (2 * span.start * other + rate) // (2 * rate)
    return Region(start, start + (2 * span.samples * other + rate) // (2 * rate))


def inpaint(
    source: AudioRef, region: Region, around: Region, inputs: Inputs, takes: Sequence[TakeSpec], options: Options
) -> InpaintRequest:
    """The request to fill `region` of the excerpt `around` (both in samples of the song).

    Raises BadMidi or InputError where an input has nothing to say in the region, and whatever the request finds.
    """
    rate = source.sample_rate
    start, end = around.start / rate, around.end / rate
    hole = region.start / rate, region.end / rate
    chords = cut_chords(inputs.chords, start, end)
    piano = cut_notes(inputs.piano, start, end)
    wanted = {control for take in takes for control in take.controls}
    if "chord" in wanted:
        _check_chords(inputs, *hole)
    if "piano" in wanted and not cut_notes(inputs.piano, *hole):
        raise BadMidi(f"The piano plays no note from {hole[0]:.3f} to {hole[1]:.3f} s.")
    beats = inputs.tempo_map.beats(start, end) if inputs.tempo_map and chords else ()
    asked = InpaintRequest(
        source=source,
        holes=(Hole(region.start - around.start, region.end - around.start),),
        takes=tuple(takes),
        pack=options.pack,
        chords=chords if "chord" in wanted else (),
        beats=tuple(beat.time - start for beat in beats) if "chord" in wanted else (),
        drums=inputs.drums if "drums" in wanted else None,
        piano=piano if "piano" in wanted else (),
        text=options.text,
        strikes=options.strikes,
        sampling=options.sampling,
        preview=options.preview,
    )
    return _checked(asked, InpaintRequest)


def check_transferable(region: Region, rate: int) -> None:
    """Raises BadRegion where one transfer cannot take the region."""
    seconds = region.samples / rate
    if seconds > MAX_SECONDS:
        raise BadRegion(f"The region is {seconds:.0f} s long.", f"Select at most {MAX_SECONDS:.0f} s at once.")
    if seconds < MIN_TRANSFER_SECONDS:
        raise BadRegion(
            f"The region is {1000 * seconds:.0f} ms long.", f"Select at least {1000 * MIN_TRANSFER_SECONDS:.0f} ms."
        )


def transfer(
    source: AudioRef, texts: Prompts, knobs: Knobs, takes: Sequence[TakeSpec], pack: str = "tiny", score: bool = False
) -> TransferRequest:
    """The request to play `source` anew. Raises BadSetting where an option is out of its range."""
    set_knobs = {name: value for name, value in msgspec.structs.asdict(knobs).items() if value is not None}
    asked = TransferRequest(
        source, texts.prompt, tuple(takes), pack=pack, negative_prompt=texts.negative, score=score, **set_knobs
    )
    return _checked(asked, TransferRequest)


def _checked(request: AnyRequest, kind: type[AnyRequest]) -> AnyRequest:
    try:
        return msgspec.convert(msgspec.to_builtins(request), kind)  # the daemon would find it, but later
    except msgspec.ValidationError as error:
        raise BadSetting(f"An option is out of its range: {error}.") from None


def _check_chords(inputs: Inputs, start: float, end: float) -> None:
    here = cut_chords(inputs.chords, start, end)
    if inputs.chords_from == "midi" and all(chord.label in NO_CHORD for chord in here):
        raise BadMidi(f"The chord track plays nothing from {start:.3f} to {end:.3f} s.")
    if not here and inputs.chords_from == "names":
        raise InputError(
            f"No region or marker names a chord from {start:.3f} to {end:.3f} s.",
            "Name the regions or markers there by their chords, such as Am7, or N.C. where there is none.",
        )
    if not here:
        raise InputError(
            f"The chord file says nothing from {start:.3f} to {end:.3f} s.",
            "Write the chords of the region, or N where there is none, in seconds of the song.",
        )


def cut_chords(chords: Sequence[ChordSegment], start: float, end: float) -> tuple[ChordSegment, ...]:
    """The chords from `start` to `end`, cut there, their times counted from `start`."""
    return tuple(
        ChordSegment(max(chord.start, start) - start, min(chord.end, end) - start, chord.label)
        for chord in chords
        if chord.start < end and chord.end > start
    )


def cut_notes(notes: Sequence[Note], start: float, end: float) -> tuple[Note, ...]:
    """The notes from `start` to `end`, cut there, their times counted from `start`."""
    return tuple(
        Note(
            max(note.start, start) - start,
            min(note.end, end) - start,
            note.pitch,
            note.velocity,
            note.program,
            note.drum,
        )
        for note in notes
        if note.start < end and note.end > start
    )


# ---- takes ---------------------------------------------------------------------------------------------------


def takes(
    seed: int, count: int, given: Sequence[Control], weights: Weights, specs: Sequence[str] = ()
) -> tuple[TakeSpec, ...]:
    """`count` takes with seeds `seed`, `seed + 1`, …, each following everything `given`; or one for each of `specs`.

    A spec names the controls of its take, `chord`, `chord+drums`, `chord=0.8+piano` or `free` (none); a weight it
    does not say is that of `weights`, else 1. A weight of 0 leaves its control out. Raises BadSetting.
    """
    followed = [_followed(spec, given, weights) for spec in specs] or [
        {control: weight for control in given if (weight := weights.get(control, 1.0))}
    ] * count
    if not 1 <= len(followed) <= MAX_TAKES:
        raise BadSetting(f"One request makes 1 to {MAX_TAKES} takes, not {len(followed)}.")
    if not 0 <= seed <= MAX_SEED - len(followed):
        raise BadSetting("A seed is a whole number from 0 to 2^53.")
    for control, weight in weights.items():
        if weight and control not in given:
            raise BadSetting(f"There is a weight for {control}, but no {control} to follow.")
    return tuple(TakeSpec(seed + index, controls) for index, controls in enumerate(followed))


def parse_weights(text: str) -> dict[Control, float]:
    """Weights such as `chord=1.0,drums=.5`. Raises BadSetting."""
    found: dict[Control, float] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise BadSetting(f"{part!r} gives no weight.", "Write weights like --control chord=1.0,drums=0.5.")
        found[_control(name)] = _weight(value)
    return found


def _followed(spec: str, given: Sequence[Control], weights: Weights) -> dict[Control, float]:
    found: dict[Control, float] = {}
    for part in spec.replace(" ", "").split("+"):
        if part == "free":
            continue
        name, equals, value = part.partition("=")
        control = _control(name)
        if control not in given:
            raise BadSetting(f"A take follows {control}, but there is no {control} to follow.")
        found[control] = _weight(value) if equals else weights.get(control, 1.0)
    return {control: weight for control, weight in found.items() if weight}


def _control(name: str) -> Control:
    for control in CONTROLS:
        if name == control or name + "s" == control or name == control + "s":
            return control
    raise BadSetting(f"{name[:40]!r} is nothing that a take can follow.", "Takes follow chord, drums and piano.")


def _weight(value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight <= 4.0:
        raise BadSetting(f"A weight is a number above 0 and up to 4, not {value[:40]!r}.")
    return weight
