"""The inpaint engine: new takes for the holes of a song (AIRGen on MusicGen, arXiv 2402.09508).

A generator: it takes a request, yields progress, preview and takes, and stops when closed. Only the hole is decoded,
takes share what they have in common, and known audio is never sampled. Knows nothing about sockets, queues or job ids.

A take follows its controls through the adapters (:mod:`...models.musicgen.airgen` says how several combine). A take
without controls hears silence as its condition, through the pack's first adapter, and so still sees the song on both
sides of the hole. A pack without adapters continues the song: its prefix is what precedes the window, and it cannot
know what follows the hole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from punchin_wire.errors import BadCheckpoint, BadRegion, OutOfMemory, Unsupported
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import AudioChunk, Done, InpaintRequest, Progress, Take, TakeSpec
from punchin_wire.silence import silent_share
from torch import Tensor

from ...codecs.encodec import Pending
from ...conditioning.render import default_soundfont
from ...models.musicgen.airgen import AdapterBank, mix_weights
from ...models.musicgen.musicgen import TextState
from ..audio import mono
from ..clock import Clock
from ..events import Emission
from ..spans import Part, Span
from ..tries import Tries
from . import by_ear, loudness
from .captured import GraphDecoder
from .conditions import condition, other_stem
from .decode import PLAIN, TakeBatch, fill
from .loading import Models, load_models
from .room import check_room
from .sampling import Noise, SamplingParams
from .scene import Scene, to_frames
from .windows import Window, preview_pieces

PREVIEW_SECONDS = 1.0
LEFT_CONTEXT, RIGHT_CONTEXT = 50, 4
"""Frames around a preview that the codec hears: its LSTM's memory, and the reach of its convolutions."""


class _Preview(NamedTuple):
    """A part of the scene as it is in each take, being decoded."""

    part: Part
    sounds: Pending


def load(pack: str, device: str, precision: str) -> InpaintEngine:
    """The engine of the pack called `pack`; see :func:`.loading.load_models` for what is raised."""
    return InpaintEngine(load_models(pack, device, precision))


class InpaintEngine:
    """One pack, loaded. :meth:`run` may be called again and again, one at a time."""

    def __init__(self, models: Models) -> None:
        self._m = models
        self._decoder = GraphDecoder() if models.lm.offsets.device.type == "cuda" else PLAIN
        models.lm.prepare(2 * models.window + models.lm.config.codebooks)

    @torch.inference_mode()
    def run(self, request: InpaintRequest, audio: Sequence[Audio]) -> Generator[Emission]:
        """Takes for `request`, whose `AudioRef`\\ s index `audio`, each `[channels, samples]` float32.

        Yields at least once in every decode step, on a GPU every few. Raises Unsupported, UnknownChord, BadRegion,
        NothingHeard, OutOfMemory.
        """
        self._check(request)
        clock, rate = Clock(), self._m.codec.sample_rate
        request = yield from by_ear.brought(request, audio, clock)
        with clock("encode"):
            text = self._read(request.text)
            scene, gain_db = self._scene(request, audio)
            gain = np.float32(10.0 ** (gain_db / 20.0))
            drums = None
            if request.drums is not None:
                drums = mono(audio[request.drums.frame], request.drums.sample_rate, rate) * gain
            other, level = self._level(request, scene)
        codes = yield from self._encode(request, scene, drums, other, clock)  # [B, K, frames of the scene]
        bank, sampling = self._bank(request.takes), self._sampling(request)
        start = scene.take_span.start * self._m.codec.hop
        tries, before = Tries(request.takes, request.retries), 0
        for takes in tries.rounds():
            rows = codes[[take.number for take in takes]]
            batch = self._batch([take.spec for take in takes], sampling, bank, text)
            self._check_room(batch)
            preview = request.preview and tries.previewed
            for emission in self._fill(scene, rows, batch, preview, tries.round, clock):
                yield _at_songs_level(emission, gain)
            total = before + len(takes)
            for take, row in zip(takes, rows, strict=True):
                sound = yield from self._render(scene, row, before, total, clock)
                before += 1
                if tries.passes(take, self._silent_share(scene, sound)):
                    event = Take(take.number, take.spec.seed, start, describe(sound, rate))
                    yield _at_songs_level(Emission(event, sound), gain)
        heard = {"input_gain_db": f"{gain_db:+.1f}"} if request.at_learned_loudness else {}
        yield Emission(Done(dict(clock.seconds), dict(self._m.names) | heard | level))

    def _check(self, request: InpaintRequest) -> None:
        for control in {c for take in request.takes for c in take.controls}:
            if control not in self._adapters:
                raise Unsupported(f"The pack {request.pack!r} has no adapter for {control}.")
        if request.text and self._m.text is None:
            raise Unsupported(f"The pack {request.pack!r} has no text encoder, so it cannot follow a text.")

    @property
    def _adapters(self) -> tuple[str, ...]:
        return self._m.bank.names if self._m.bank else ()

    def _check_room(self, takes: TakeBatch) -> None:
        steps = 2 * self._m.window + self._m.lm.config.codebooks
        try:
            check_room(self._m.lm, takes, steps)
        except OutOfMemory:
            self._decoder.forget()
            check_room(self._m.lm, takes, steps)

    def _read(self, text: str) -> TextState | None:
        if not text or self._m.text is None:
            return None
        encoded = self._m.text.encode(text)
        if encoded.shape[-1] != (width := self._m.lm.config.text_width):
            raise BadCheckpoint(f"The text encoder is {encoded.shape[-1]} wide; the language model reads {width}.")
        return self._m.lm.read_text(encoded.to(self._m.lm.offsets.device))

    def _scene(self, request: InpaintRequest, audio: Sequence[Audio]) -> tuple[Scene, float]:
        """What the model hears, and the gain in dB by which that differs from the song."""
        rate, hop, source = self._m.codec.sample_rate, self._m.codec.hop, request.source
        song = mono(audio[source.frame], source.sample_rate, rate)
        if not len(song):
            raise BadRegion("The audio is shorter than one sample of the model.", "Select a longer region.")
        holes = to_frames(request.holes, source.sample_rate, len(song), rate, hop)
        gain_db = loudness.gain_db(song, holes, hop, rate, self._m.loudness) if request.at_learned_loudness else 0.0
        past = 0 if self._adapters else self._m.window
        song = song * np.float32(10.0 ** (gain_db / 20.0))
        return Scene.of(song, holes, rate, hop, self._m.window, past), gain_db

    def _level(self, request: InpaintRequest, scene: Scene) -> tuple[Audio, dict[str, str]]:
        """What has the level of rendered conditions, and what the report says of it; nothing where none is."""
        if not any({"chord", "piano"} & set(take.controls) for take in request.takes):
            return np.zeros(0, np.float32), {}
        other, level = other_stem(scene.excerpt(), self._m.separator)
        font = self._m.instrument.soundfont or default_soundfont()
        return other, {"condition_level": level, "soundfont": font.name}

    def _sampling(self, request: InpaintRequest) -> SamplingParams:
        default, asked = self._m.sampling, request.sampling
        control = default.control_guidance if asked.control_guidance is None else asked.control_guidance
        return SamplingParams(
            temperature=default.temperature if asked.temperature is None else asked.temperature,
            top_k=default.top_k if asked.top_k is None else asked.top_k,
            guidance=default.guidance if asked.guidance is None else asked.guidance,
            control_guidance=control if any(take.controls for take in request.takes) else 1.0,
        )

    def _bank(self, takes: Sequence[TakeSpec]) -> AdapterBank | None:
        """The adapters that `takes` follow; the first of the pack for those without controls."""
        if self._m.bank is None:
            return None
        followed = {control for take in takes for control in take.controls}
        free = self._adapters[:1] if any(not take.controls for take in takes) else ()
        return self._m.bank.only(followed.union(free))

    def _coefficients(self, takes: Sequence[TakeSpec], names: Sequence[str]) -> Tensor:
        """How much of each adapter in `names` each take gets, `[B, A]`."""
        free = dict.fromkeys(self._adapters[:1], 1.0)
        followed = [{str(control): weight for control, weight in take.controls.items()} for take in takes]
        rows = [mix_weights(controls or free, names) for controls in followed]
        return torch.tensor(rows, device=self._m.lm.offsets.device)

    def _batch(
        self, takes: Sequence[TakeSpec], sampling: SamplingParams, bank: AdapterBank | None, text: TextState | None
    ) -> TakeBatch:
        noise = Noise([take.seed for take in takes], self._m.lm.config.codebooks, self._m.lm.config.card)
        return TakeBatch(self._coefficients(takes, bank.names if bank else ()), noise, sampling, bank, text)

    def _encode(
        self, request: InpaintRequest, scene: Scene, drums: Audio | None, other: Audio, clock: Clock
    ) -> Generator[Emission, None, Tensor]:
        """Tokens `[B, K, F]` of the scene for every take: the song's, and in the holes those of its condition."""
        sets = sorted({frozenset(take.controls) for take in request.takes}, key=sorted)
        song = yield from self._tokens(scene, scene.wav(), 0, 1 + len(sets), clock)
        unknown = torch.from_numpy(scene.unknown()).to(song.device)
        codes = {}
        for i, controls in enumerate(sets, start=1):
            with clock("encode"):
                rule = request.chord_rhythm or self._m.chord_rhythm
                sound = condition(request, controls, drums, scene.excerpt(), other, rule, self._m.instrument)
            tokens = yield from self._tokens(scene, sound, i, 1 + len(sets), clock)
            codes[controls] = torch.where(unknown, tokens, song)
        return torch.stack([codes[frozenset(take.controls)] for take in request.takes])

    def _tokens(
        self, scene: Scene, wav: Audio, before: int, rounds: int, clock: Clock
    ) -> Generator[Emission, None, Tensor]:
        """Tokens `[K, F]` of the scene's `wav` `[F * hop]`, zero between its stretches; `before` of `rounds` done."""
        codec, whole = self._m.codec, scene.at(*scene.span)
        codes = torch.zeros(codec.n_q, whole.stop, dtype=torch.long)
        parts = scene.parts(scene.stretches)
        for i, (core, around) in enumerate(parts, start=1):
            with clock("encode"):
                frames = scene.at(*around)
                tokens = codec.encode(wav[None, frames.start * codec.hop : frames.stop * codec.hop])[0]
                codes[:, scene.at(*core)] = tokens[:, core.start - around.start : core.end - around.start]
            yield Emission(Progress("encode", before * len(parts) + i, rounds * len(parts)))
        return codes.to(self._m.lm.offsets.device)

    def _fill(
        self, scene: Scene, codes: Tensor, takes: TakeBatch, preview: bool, rounds: int, clock: Clock
    ) -> Generator[Emission]:
        """Fill every window of `codes` in place, after as many `rounds` of other takes."""
        frames_of_all = sum(w.frames for w in scene.windows)
        total, before = (rounds + 1) * frames_of_all, rounds * frames_of_all
        size = round(PREVIEW_SECONDS * self._m.codec.frame_rate)
        for window in scene.windows:
            frames = codes[..., scene.at(window.start, window.end)]
            if self._adapters:
                prefix = frames.clone()
            else:
                prefix = codes[..., scene.at(window.start - window.length, window.start)]
            silent = None if takes.guidance.control == 1.0 else self._silenced(prefix, window)
            pieces = deque(preview_pieces(window, size, RIGHT_CONTEXT) if preview else ())
            previews: deque[_Preview] = deque()
            written = window.written()
            for step in clock.steps(fill(self._m.lm, prefix, frames, window, takes, self._decoder, silent)):
                if step.prefill:
                    yield Emission(Progress("prefill", step.fed, step.total))
                else:
                    yield Emission(Progress("decode", before + int(written[: step.done].sum()), total))
                while pieces and step.done >= pieces[0].due:
                    with clock("codec"):
                        previews.append(self._preview(scene, codes, pieces.popleft().span))
                while previews and previews[0].sounds.ready():
                    yield from self._previewed(scene, previews.popleft())
            for each in previews:
                yield from self._previewed(scene, each)
            before += window.frames

    def _silenced(self, prefix: Tensor, window: Window) -> Tensor:
        """`prefix` `[B, K, T]` of `window`, with silence for its condition."""
        return torch.where(torch.from_numpy(window.kept()).to(prefix.device), prefix, self._silence)

    @cached_property
    def _silence(self) -> Tensor:
        """Tokens `[K, T]` of silence."""
        codec = self._m.codec
        tokens = codec.encode(np.zeros((1, self._m.window * codec.hop), np.float32))[0]
        return tokens.to(self._m.lm.offsets.device)

    def _preview(self, scene: Scene, codes: Tensor, span: Span) -> _Preview:
        """Frames `span` of each take, decoded with the context that makes them sound as the take will."""
        stretch = next(s for s in scene.sounding() if s.start <= span.start < s.end)
        around = Span(max(span.start - LEFT_CONTEXT, stretch.start), min(span.end + RIGHT_CONTEXT, stretch.end))
        return _Preview(Part(span, around), self._m.codec.decode_soon(codes[..., scene.at(*around)]))

    def _previewed(self, scene: Scene, preview: _Preview) -> Iterator[Emission]:
        start = preview.part.core.start * self._m.codec.hop
        for number, whole in enumerate(preview.sounds.sound()):
            sound = self._core(scene, whole, preview.part)[None]
            yield Emission(AudioChunk(number, start, describe(sound, self._m.codec.sample_rate)), sound)

    def _render(
        self, scene: Scene, codes: Tensor, before: int, total: int, clock: Clock
    ) -> Generator[Emission, None, Audio]:
        """The take `[1, N]` of tokens `[K, F]`: the model's sound in every stretch, the song between them. `before` of
        `total` takes were rendered."""
        hop, (start, end) = self._m.codec.hop, scene.take_span
        whole = scene.song[start * hop : end * hop].copy()
        parts = scene.parts(scene.sounding())
        for i, part in enumerate(parts, start=1):
            with clock("codec"):
                at = (part.core.start - start) * hop
                sound = self._sound(scene, codes, part)
                whole[at : at + len(sound)] = sound
            yield Emission(Progress("codec", before * len(parts) + i, total * len(parts)))
        return whole[None]

    def _silent_share(self, scene: Scene, take: Audio) -> float | None:
        """Of the hole in which the take `[1, N]` is silent longest."""
        hop, origin = self._m.codec.hop, scene.take_span.start
        song = scene.song[origin * hop :][: take.shape[-1]]
        holes = [slice((start - origin) * hop, (end - origin) * hop) for start, end in scene.holes]
        shares = [silent_share(song[hole], take[0, hole], self._m.codec.sample_rate, song) for hole in holes]
        return max((share for share in shares if share is not None), default=None)

    def _sound(self, scene: Scene, codes: Tensor, part: Part) -> Audio:
        """The audio `[N]` of the core of `part` of one take, as far as the song goes."""
        return self._core(scene, self._m.codec.decode(codes[None, :, scene.at(*part.around)])[0], part)

    def _core(self, scene: Scene, sound: Audio, part: Part) -> Audio:
        """`[N]`, of the `sound` of all of `part`."""
        hop, (core, around) = self._m.codec.hop, part
        return sound[(core.start - around.start) * hop :][: min(core.end * hop, len(scene.song)) - core.start * hop]


def _at_songs_level(emission: Emission, gain: np.float32) -> Emission:
    """What comes out, as loud as it would be had the song not been turned by `gain`."""
    return emission if emission.audio is None else Emission(emission.event, emission.audio / gain)
