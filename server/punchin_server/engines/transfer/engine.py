"""The transfer engine: a clip on another instrument or in another genre (AP-Adapter on AudioLDM2, arXiv 2407.16564).

A generator: it takes a request, yields progress and takes, and stops when closed. What does not change from step to
step is computed once: text, GPT-2's tokens, AudioMAE's tokens of each window, and the keys and values of them all in
every layer. Knows nothing about sockets, queues or job ids.

Takes may start from the clip's own latents under noise instead of from noise alone, so that its notes stay at their
time: `hold` of the adapter. `sdedit` is the paper's baseline: the same start, without adapter.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from punchin_wire.errors import BadAudio, Unsupported
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import AudioChunk, AudioRef, Done, Progress, Take, TakeSpec, TransferRequest
from punchin_wire.silence import silent_share
from torch import Tensor
from torch.nn import functional as F

from ...codecs import fbank
from ...codecs.mel import HOP, SAMPLE_RATE, log_mel
from ...listening import notes as listening
from ...listening.likeness import Likeness
from ...listening.notes import Transcriber
from ...models.audioldm2.audiomae import AudioMAE
from ...models.audioldm2.onnx_unet import quicken
from ...models.audioldm2.prompted_unet import PromptState
from ..audio import mono
from ..clock import Clock
from ..events import Emission
from ..spans import Span
from ..tries import Tries, Try
from .canvas import WINDOW, Canvas, heard
from .denoise import Guided, RecordedGuided, denoise, guided, noised, scheduler, skipped
from .loading import TransferModels, load_transfer_models

AT_ONCE = {"cuda": 4}
"""Takes denoised together. One by one elsewhere: a processor gains nothing, and a take alone is the same to the bit."""
SILENCE, QUIET, USUAL = 3e-5, 0.1, 0.5
"""Peaks: below the first there is nothing to hear; below the second a clip is raised to the third, for AudioMAE
only."""
VOCODER_CONTEXT = 40
"""Mel frames beyond which nothing reaches a sample: the published vocoder's convolutions see 19."""
CLAP = "clap"
"""What a take's nearness to its prompt is called among its scores."""
HEARD = 60 * SAMPLE_RATE
"""Samples of clip and take that are compared note by note: a second of work, within which nothing can be cancelled."""
PHASE_CONTEXT = 7
"""As many more for each time that phases are refined: a spectrum's window."""


def load(pack: str, device: str, precision: str) -> Transfer:
    """The engine of the pack called `pack`; see :func:`.loading.load_transfer_models` for what is raised."""
    models = load_transfer_models(pack, device, precision)
    quicken(models.base.unet)
    return Transfer(models)


class Transfer:
    """One pack, loaded. :meth:`run` may be called again and again, one at a time."""

    def __init__(self, models: TransferModels) -> None:
        self.models = models

    @torch.inference_mode()
    def run(self, request: TransferRequest, audio: Sequence[Audio]) -> Generator[Emission]:
        """Takes for `request`, whose `AudioRef` indexes `audio`, `[channels, samples]` float32.

        A take is mono, 16 kHz, `ceil(samples * 16000 / rate)` samples long. Yields at least once in every step. Raises
        BadAudio for silence, Unsupported, BadSetting for a prompt that is too long.
        """
        clock, base = Clock(), self.models.base
        if request.method == "adapter" and self.models.audiomae is None:
            raise Unsupported(f"The pack {request.pack!r} has no adapter.", "Use --method sdedit, or another pack.")
        with clock("encode"):
            clip = audible(clip_of(request.source, audio))
            length, take_span = heard(len(clip), request.loop_short)
            alone, clip = clip, np.resize(clip, length)  # again and again where that is longer
            canvas = Canvas.of(length, base.scale)
        yield Emission(Progress("encode", 0, len(canvas.windows)))
        start, strength = None, self._strength(request)
        if strength is not None:
            for latents in clock.each("encode", self._latents(clip, canvas)):
                start = latents
                yield Emission(Progress("encode", 0, len(canvas.windows)))
        prompts: list[PromptState] = []
        for prompt in clock.each("encode", self._read_prompts(request, clip, canvas)):
            prompts.append(prompt)
            yield Emission(Progress("encode", len(prompts), len(canvas.windows)))
        kind = RecordedGuided if self.models.device.type == "cuda" else Guided
        model = kind(base.unet, canvas, prompts, taken(request.guidance, self.models.guided))
        solver, steps = request.scheduler or self.models.solver, request.steps or self.models.steps
        first = 0 if strength is None else skipped(scheduler(solver, base.scheduler_config, steps), strength)
        with clock("codec"):
            like = self._likeness(alone) if request.score else None
        size, denoised, rendered = AT_ONCE.get(self.models.device.type, 1), 0, 0
        tries = Tries(request.takes, request.retries)
        for takes in tries.rounds():
            groups = [takes[i : i + size] for i in range(0, len(takes), size)]
            to_denoise, to_render = denoised + len(groups) * (steps - first), rendered + len(takes)
            preview = request.preview and tries.previewed
            for group in groups:
                made = scheduler(solver, base.scheduler_config, steps)
                x = self._noise([take.spec for take in group], canvas) * made.init_noise_sigma
                if start is not None:
                    x = noised(made, start.expand_as(x), x, first)
                for step in clock.each("denoise", denoise(model, made, x, first)):
                    x = step.latents
                    yield Emission(Progress("denoise", denoised + step.done, to_denoise))
                denoised += steps - first
                for row, take in zip(x, group, strict=True):
                    previewed = take.number if preview else None
                    sound = yield from self._finish(row[None], canvas, take_span, previewed, rendered, to_render, clock)
                    rendered += 1
                    if tries.passes(take, silent_share(alone, sound, SAMPLE_RATE)):
                        yield self._take(request, take, sound, like, clock)
        held = 0.0 if strength is None else 1.0 - strength
        used = {"scheduler": solver, "steps": str(steps), "hold": f"{held:g}", "windows": str(len(canvas.windows))}
        yield Emission(Done(dict(clock.seconds), dict(self.models.names) | used))

    def _strength(self, request: TransferRequest) -> float | None:
        """The share of noise under which takes start from the clip; None where they start from noise alone."""
        if request.method == "sdedit":
            return request.strength
        hold = self.models.hold if request.hold is None else request.hold
        return round(1.0 - hold, 6) if hold else None

    def _read_prompts(self, request: TransferRequest, clip: Audio, canvas: Canvas) -> Iterator[PromptState]:
        """The prompt of one window after another, its keys and values computed: one row, or two, the negative first."""
        base, two = self.models.base, guided(request.guidance)
        texts = [request.negative_prompt, request.prompt] if two else [request.prompt]
        text = base.text.encode(texts)
        if self.models.audiomae is None or request.method == "sdedit" or not request.alpha:
            base.unet.read_prompt(*text, None, 0.0)
            yield from [base.unet.prompt_state()] * len(canvas.windows)
            return
        loud, encoder = raised(clip), self.models.audiomae
        # The empty prompt is AudioMAE's answer to zeros, as in training, not zeros in its place.
        empty = self._tokens(encoder, torch.zeros(1, 1, WINDOW, fbank.BANDS), request.pooling)
        for window in canvas.windows:
            features = fbank.prompt_features(torch.from_numpy(loud[slice(*canvas.samples_in(window))])[None])
            tokens = self._tokens(encoder, features, request.pooling)
            base.unet.read_prompt(*text, torch.cat([empty, tokens]) if two else tokens, request.alpha)
            yield base.unet.prompt_state()

    def _tokens(self, encoder: AudioMAE, features: Tensor, pooling: tuple[int, int]) -> Tensor:
        """The audio prompt `[1, N, W]` of features `[1, 1, 1024, 128]`."""
        return encoder.prompt(features.to(self.models.device), pooling)

    def _latents(self, clip: Audio, canvas: Canvas) -> Iterator[Tensor]:
        """The clip's own latents `[1, C, T, F]` after each window that was encoded, the last time whole.

        Its wave is prepared as AudioLDM2 was trained (mean, peak).
        """
        centred = clip - clip.mean()
        wave = torch.from_numpy(centred * np.float32(USUAL / (np.abs(centred).max() + 1e-8)))
        mel = log_mel(F.pad(wave, (0, canvas.frames * canvas.scale * HOP - len(wave)))[None])  # [1, M, 64]
        vae, scale = self.models.base.vae, canvas.scale
        total = torch.zeros(
            1, self.models.base.latent_channels, canvas.frames, self.models.base.freq, device=self.models.device
        )
        for window, weight in zip(canvas.windows, canvas.weights, strict=True):
            part = mel[None, :, window.start * scale : window.end * scale].to(self.models.device, vae.dtype)
            latents = vae.encode(part).latent_dist.mode() * vae.config.scaling_factor
            total[:, :, window.start : window.end] += torch.from_numpy(weight).to(total)[:, None] * latents
            yield total

    def _noise(self, takes: Sequence[TakeSpec], canvas: Canvas) -> Tensor:
        """`[B, C, T, F]`; a take's noise is its seed's, on every device and beside any others."""
        shape = (self.models.base.latent_channels, canvas.frames, self.models.base.freq)
        drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(take.seed)) for take in takes]
        return torch.stack(drawn).to(self.models.device)

    def _finish(
        self, latents: Tensor, canvas: Canvas, span: Span, previewed: int | None, before: int, total: int, clock: Clock
    ) -> Generator[Emission, None, Audio]:
        """Sound `[N]` of `latents` `[1, C, T, F]`, samples `span` of the canvas, also as preview of take `previewed`
        if that is one. `before` of `total` takes were rendered."""
        sounds: list[Audio] = []
        rendered, windows = 0, len(canvas.windows)
        for piece in clock.each("codec", self._render(latents, canvas)):
            sound = piece[max(span.start - rendered, 0) : max(span.end - rendered, 0)]
            rendered += len(piece)
            if previewed is not None and len(sound):
                chunk = AudioChunk(previewed, sum(map(len, sounds)), describe(sound[None], SAMPLE_RATE))
                yield Emission(chunk, sound[None])
            sounds.append(sound)
            yield Emission(Progress("codec", before * windows + len(sounds), total * windows))
        return np.concatenate(sounds)

    def _take(self, request: TransferRequest, take: Try, sound: Audio, like: Likeness | None, clock: Clock) -> Emission:
        """The finished take of `sound` `[N]`; with `like` it says how like its clip it plays, and how near its sound is
        to the prompt, if the pack has what compares them."""
        scores = {}
        if like is not None:
            with clock("codec"):
                scores = like.of(sound[:HEARD])
                if self.models.base.text.compares:
                    scores[CLAP] = self.models.base.text.similarity(sound, SAMPLE_RATE, request.prompt)
        audio = sound[None]
        return Emission(Take(take.number, take.spec.seed, 0, describe(audio, SAMPLE_RATE), scores), audio)

    def _likeness(self, clip: Audio) -> Likeness:
        return Likeness(self._transcriber, clip[:HEARD], SAMPLE_RATE)

    @cached_property
    def _transcriber(self) -> Transcriber:
        return listening.installed()

    def _render(self, latents: Tensor, canvas: Canvas) -> Iterator[Audio]:
        """The next samples `[n]` after each window, perhaps none: those that no later window reaches."""
        context = VOCODER_CONTEXT + PHASE_CONTEXT * self.models.refine + self.models.inverted
        done, last, room = 0, -(-canvas.samples // HOP), canvas.frames * canvas.scale
        for mel, final in self._mel(latents, canvas):
            end = last if final == room else max(done, min(last, final - context))
            if end == done:
                yield np.empty(0, np.float32)
                continue
            around = slice(max(0, done - context), min(room, end + context))
            sound = self._sound(mel[:, around])[(done - around.start) * HOP : (end - around.start) * HOP]
            yield sound.cpu().numpy()[: canvas.samples - done * HOP]
            done = end

    def _sound(self, mel: Tensor) -> Tensor:
        """Samples `[160 T]` of a log mel `[1, T, 64]`."""
        vocoder = self.models.base.vocoder
        return self.models.refined(vocoder(mel.to(vocoder.dtype)).float(), mel)[0]

    def _mel(self, latents: Tensor, canvas: Canvas) -> Iterator[tuple[Tensor, int]]:
        """Log mel `[1, T * scale, 64]` after each window that was decoded, averaged as the noise was, and how many of
        its frames are final: those before the next window."""
        vae, scale = self.models.base.vae, canvas.scale
        plain = latents / vae.config.scaling_factor
        total = torch.zeros(1, canvas.frames * scale, self.models.base.freq * scale, device=latents.device)
        ends = [*(window.start for window in canvas.windows[1:]), canvas.frames]
        for window, weight, end in zip(canvas.windows, canvas.weights, ends, strict=True):
            mel = vae.decode(plain[:, :, slice(*window)].to(vae.dtype)).sample[:, 0].float()
            shares = torch.from_numpy(weight).to(mel).repeat_interleave(scale)[:, None]
            total[:, window.start * scale : window.end * scale] += shares * mel
            yield total, end * scale


def taken(guidance: float, share: float) -> float:
    """λ as a pack takes it: its own share of what is beyond 1."""
    return 1.0 + share * (guidance - 1.0) if guided(guidance) else guidance


def clip_of(source: AudioRef, audio: Sequence[Audio]) -> Audio:
    """The source at 16 kHz, mono, `[N]`; a last sample that the resampler leaves out, being mostly beyond the end,
    is silent."""
    clip = mono(audio[source.frame], source.sample_rate, SAMPLE_RATE)
    return np.pad(clip, (0, -(-source.samples * SAMPLE_RATE // source.sample_rate) - len(clip)))


def audible(clip: Audio) -> Audio:
    """`clip` `[N]` if there is anything to hear in it beside a constant. Raises BadAudio."""
    if not len(clip) or float(np.abs(clip - clip.mean()).max()) < SILENCE:
        raise BadAudio(
            "The clip is silent, so there is nothing to transfer.", "Select a part in which something plays."
        )
    return clip


def raised(clip: Audio) -> Audio:
    """`clip` `[N]` as AudioMAE should hear it: recordings have no fixed level, but none of them whispers."""
    peak = float(np.abs(clip - clip.mean()).max())
    return clip if peak >= QUIET else clip * np.float32(USUAL / peak)
