"""What was asked for and what takes follow, as one request to the daemon. Pure: values in, values out.

Musical inputs lie on the song's time line, in seconds; those of a request lie on its excerpt's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec
from punchin_wire.errors import BadMidi, BadSetting, InputError
from punchin_wire.harte import NO_CHORD
from punchin_wire.messages import (
    AudioRef,
    ChordSegment,
    Hole,
    InpaintRequest,
    Note,
    TakeSpec,
    TransferRequest,
)
from punchin_wire.params import DENOISING, ByEar, Control, InpaintParams, TransferParams
from punchin_wire.structs import in_words

from ..music.region import Region
from ..music.tempo_map import TempoMap
from .excerpt import cut_chords, cut_notes
from .presets import Prompts
from .specs import CONTROLS

RETRIES = 3
"""How often a take that comes out mostly silent is made again."""

AnyRequest = TypeVar("AnyRequest", InpaintRequest, TransferRequest)


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
    hear: tuple[ByEar, ...] = ()
    stem: AudioRef | None = None

    @property
    def given(self) -> tuple[Control, ...]:
        present = {"chord": bool(self.chords), "drums": self.drums is not None, "piano": bool(self.piano)}
        return tuple(control for control in CONTROLS if present[control] or control in self.hear)


def inpaint_request(
    source: AudioRef,
    holes: Sequence[Region],
    around: Region,
    inputs: Inputs,
    takes: Sequence[TakeSpec],
    params: InpaintParams,
    preview: bool = False,
) -> InpaintRequest:
    """The request to fill `holes`, from the left, of the excerpt `around` (all in samples of the song).

    Raises BadMidi or InputError where an input has nothing to say in the region, and whatever the request finds.
    """
    rate = source.sample_rate
    start, end = around.start / rate, around.end / rate
    region = holes[0].start / rate, holes[-1].end / rate
    chords = cut_chords(inputs.chords, start, end)
    piano = cut_notes(inputs.piano, start, end)
    wanted = {control for take in takes for control in take.controls}
    hear = tuple(control for control in inputs.hear if control in wanted)
    if "chord" in wanted and "chord" not in hear:
        _check_chords(inputs, *region)
    if "piano" in wanted and "piano" not in hear and not cut_notes(inputs.piano, *region):
        raise BadMidi(
            f"The piano plays no note from {region[0]:.3f} to {region[1]:.3f} s.",
            "Select a region where it plays, or let takes follow something else.",
        )
    beats = inputs.tempo_map.beats(start, end) if inputs.tempo_map and (chords or "chord" in hear) else ()
    asked = InpaintRequest(
        source=source,
        holes=tuple(Hole(hole.start - around.start, hole.end - around.start) for hole in holes),
        takes=tuple(takes),
        pack=params.pack,
        chords=chords if "chord" in wanted else (),
        beats=tuple(beat.time - start for beat in beats) if "chord" in wanted else (),
        drums=inputs.drums if "drums" in wanted else None,
        piano=piano if "piano" in wanted else (),
        text=params.text,
        chord_rhythm=params.chord_rhythm,
        sampling=params.sampling,
        preview=preview,
        at_learned_loudness=True,
        retries=RETRIES,
        hear=hear,
        stem=inputs.stem if hear else None,
    )
    return _checked(asked, InpaintRequest)


def transfer_request(
    source: AudioRef, texts: Prompts, params: TransferParams, takes: Sequence[TakeSpec], score: bool = False
) -> TransferRequest:
    """The request to play `source` anew; what `params` leave open is up to the pack. Raises BadSetting where a
    parameter is out of its range."""
    mine = {name: getattr(params, name) for name, flag in DENOISING.items() if flag.is_of(params.method)}
    asked = TransferRequest(
        source,
        texts.prompt,
        tuple(takes),
        pack=params.pack,
        negative_prompt=texts.negative,
        score=score,
        loop_short=True,
        retries=RETRIES,
        **mine,
    )
    return _checked(asked, TransferRequest)


def _checked(request: AnyRequest, kind: type[AnyRequest]) -> AnyRequest:
    try:
        return msgspec.convert(msgspec.to_builtins(request), kind)  # the daemon would find it, but later
    except msgspec.ValidationError as error:
        raise BadSetting(f"A parameter is out of its range: {in_words(error)}.") from None


def _check_chords(inputs: Inputs, start: float, end: float) -> None:
    here = cut_chords(inputs.chords, start, end)
    if inputs.chords_from == "midi" and all(chord.label in NO_CHORD for chord in here):
        played = [chord for chord in inputs.chords if chord.label not in NO_CHORD]
        raise BadMidi(
            f"The chord track plays nothing from {start:.3f} to {end:.3f} s.",
            f"It plays from {played[0].start:.3f} to {played[-1].end:.3f} s: select a region there, or add chords."
            if played
            else "Play chords there, or leave the chord track out.",
        )
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
