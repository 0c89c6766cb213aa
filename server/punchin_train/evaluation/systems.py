"""What fills the holes: the pack under each control, by the product's own engine, and the bounds beside it.

Bounds: the song itself, the song through the codec, the pack without a control, its base without adapters (plain
continuation), and an unrelated song.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from punchin_server.engines.inpaint.engine import InpaintEngine
from punchin_server.engines.inpaint.loading import Models, load_models
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import ChordSegment, Hole, InpaintRequest, Take, TakeSpec
from punchin_wire.params import Control, Sampling

from .excerpts import Excerpt
from .masks import Mask

PACKS_OWN = Sampling()
FADE = 0.01  # seconds of crossfade inside the hole
CONTROLS: dict[str, tuple[Control, ...]] = {
    "chord": ("chord",),
    "drums": ("drums",),
    "piano": ("piano",),
    "chord + drums": ("chord", "drums"),
    "no control": (),
}
FOREIGN, CONTINUATION, CODEC, SONG, UNRELATED = (
    "foreign chords", "plain continuation", "song through the codec", "the song itself", "unrelated song",
)  # fmt: skip


@dataclass(frozen=True)
class Filled:
    """An excerpt `[N]` whose holes `system` has filled."""

    system: str
    audio: Audio


class Systems:
    """All that can fill a hole, for one pack, whose tokens are drawn as `sampling` says."""

    def __init__(
        self, pack: str, device: str = "auto", precision: str = "auto", sampling: Sampling = PACKS_OWN
    ) -> None:
        self.pack, self.sampling = pack, sampling
        self.models: Models = load_models(pack, device, precision)
        self.engine = InpaintEngine(self.models)
        self.base = InpaintEngine(replace(self.models, bank=None))
        codec = self.models.codec
        self.rate, self.hop, self.window = codec.sample_rate, codec.hop, self.models.window

    @property
    def controls(self) -> dict[str, tuple[Control, ...]]:
        """What this pack can be told, by name."""
        known = self.models.bank.names if self.models.bank else ()
        return {name: all_of for name, all_of in CONTROLS.items() if set(all_of) <= set(known)}

    def fill(
        self, excerpt: Excerpt, other: Excerpt, mask: Mask, seed: int, names: Sequence[str] | None = None
    ) -> Iterator[Filled]:
        """The excerpt filled by every system; `other` lends what is foreign. `names` leaves some controls out."""
        controls = {name: given for name, given in self.controls.items() if names is None or name in names}
        missing = {"chord": not excerpt.chords, "drums": not excerpt.drums.any(), "piano": not excerpt.piano}
        controls = {name: given for name, given in controls.items() if not any(missing[control] for control in given)}
        for name, take in zip(controls, self._takes(excerpt, mask, seed, list(controls.values())), strict=True):
            yield Filled(name, self.laid(excerpt.mix, take, mask))
        if names is not None:
            return
        if "chord" in controls and other.chords:
            foreign = replace(excerpt, chords=other.chords, beats=other.beats)
            for take in self._takes(foreign, mask, seed, [("chord",)]):
                yield Filled(FOREIGN, self.laid(excerpt.mix, take, mask))
        for take in self._takes(excerpt, mask, seed, [()], self.base):
            yield Filled(CONTINUATION, self.laid(excerpt.mix, take, mask))
        yield from self.bounds(excerpt, other, mask)

    def bounds(self, excerpt: Excerpt, other: Excerpt, mask: Mask) -> Iterator[Filled]:
        codec = self.models.codec
        yield Filled(CODEC, self.laid(excerpt.mix, codec.decode(codec.encode(excerpt.mix[None]))[0], mask))
        yield Filled(SONG, excerpt.mix)
        yield Filled(UNRELATED, self.laid(excerpt.mix, other.mix, mask))

    def _takes(
        self,
        excerpt: Excerpt,
        mask: Mask,
        seed: int,
        controls: Sequence[tuple[Control, ...]],
        engine: InpaintEngine | None = None,
    ) -> list[Audio]:
        """One take `[N]` for each of `controls`, silent where the model has not looked."""
        used = {control for given in controls for control in given}
        audio = [excerpt.mix[None], excerpt.drums[None]]
        request = InpaintRequest(
            source=describe(audio[0], self.rate),
            holes=tuple(Hole(*hole) for hole in mask.holes),
            takes=tuple(TakeSpec(seed, dict.fromkeys(given, 1.0)) for given in controls),
            pack=self.pack,
            chords=_lasting(excerpt.chords) if "chord" in used else (),
            beats=excerpt.beats if "chord" in used else (),
            drums=describe(audio[1], self.rate, frame=1) if "drums" in used else None,
            piano=excerpt.piano if "piano" in used else (),
            sampling=self.sampling,
            at_learned_loudness=True,  # as every request of the product
        )
        found = []
        for emission in (engine or self.engine).run(request, audio):
            if isinstance(emission.event, Take) and emission.audio is not None:
                whole = np.zeros(len(excerpt.mix), np.float32)
                start = emission.event.start
                whole[start : start + emission.audio.shape[1]] = emission.audio[0][: len(whole) - start]
                found.append(whole)
        return found

    def laid(self, song: Audio, take: Audio, mask: Mask) -> Audio:
        """`take` in the holes of `song`, joined by short crossfades inside them."""
        out = song.copy()
        fade = round(FADE * self.rate)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        for start, end in mask.holes:
            weight = np.ones(end - start, np.float32)
            weight[:fade], weight[-fade:] = ramp, ramp[::-1]
            out[start:end] = weight * take[start:end] + (1 - weight) * song[start:end]
        return out


def _lasting(chords: tuple[ChordSegment, ...]) -> tuple[ChordSegment, ...]:
    return tuple(chord for chord in chords if chord.end > chord.start)
