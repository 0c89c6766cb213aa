"""The transfer engine as the worker sees it, on a random pack in the published formats: real code, tiny models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes.transfer_pack import write_transfer_pack
from hypothesis import given
from hypothesis import strategies as st
from peers.audioldm2 import stock_pipeline
from punchin_server.codecs.fbank import prompt_features
from punchin_server.codecs.inversion import Inverter
from punchin_server.engines.events import Emission
from punchin_server.engines.spans import Span
from punchin_server.engines.transfer import engine as transfer
from punchin_server.engines.transfer.canvas import SAMPLES, Canvas
from punchin_server.engines.transfer.engine import VOCODER_CONTEXT, Transfer, clip_of, load
from punchin_server.engines.tries import another_seed
from punchin_wire.errors import BadAudio, BadSetting, SilentTake, Unsupported
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import AudioChunk, Done, Progress, Take, TakeSpec, TransferRequest
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

pytestmark = pytest.mark.model

RATE = 16_000
PROMPT, NEGATIVE = "a recording of a violin solo", "Low quality"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("packs") / "moves"
    write_transfer_pack(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUNCHIN_PACKS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def engine(pack: Path) -> Transfer:
    return load(pack.name, "cpu", "float32")


def tune(seconds: float, rate: int = RATE, channels: int = 1, seed: int = 0) -> Audio:
    """Tones that change every half second, and a little noise."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = 110 * 2 ** (random.integers(0, 24, 60) / 12)
    phase = np.cumsum(pitch[(time * 2).astype(int) % 60]) / rate
    sound = 0.3 * np.sin(2 * np.pi * phase) + random.normal(0, 0.01, (channels, len(time)))
    return sound.astype(np.float32)


CLIP = tune(2.0)


def request(clip: Audio = CLIP, rate: int = RATE, seeds: Sequence[int] = (1,), **changes: Any) -> TransferRequest:
    """One step and no second branch, unless `changes` say else."""
    given: dict[str, Any] = {"prompt": PROMPT, "pack": "moves", "steps": 1, "guidance": 1.0} | changes
    return TransferRequest(source=describe(clip, rate), takes=tuple(map(TakeSpec, seeds)), **given)


def run(engine: Transfer, clip: Audio = CLIP, rate: int = RATE, **changes: Any) -> list[Emission]:
    return list(engine.run(request(clip, rate, **changes), [clip]))


def takes(emissions: Sequence[Emission]) -> list[Audio]:
    return [e.audio for e in emissions if isinstance(e.event, Take) and e.audio is not None]


def mel_of(engine: Transfer, latents: torch.Tensor, canvas: Canvas) -> torch.Tensor:
    """The whole mel of latents."""
    *_, (mel, final) = engine._mel(latents, canvas)
    assert final == mel.shape[1]
    return mel


def difference(a: Audio, b: Audio) -> float:
    """Of two sounds, as a share of what they are (beside their mean, which a random vocoder has)."""
    return float((a - b).std() / np.sqrt(a.std() * b.std()))


# ---- what a take is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "samples", "channels"),
    [
        (16_000, 800, 1),
        (44_100, 2205, 2),
        (44_100, 441_001, 2),
        (48_000, 48_001, 1),
        (192_000, 192_001, 6),
        (11_025, 11_027, 1),
        (16_000, 160_001, 1),
        (22_050, 551_251, 1),
    ],
)
def test_a_take_lasts_as_long_as_its_source(engine: Transfer, rate: int, samples: int, channels: int) -> None:
    """Any rate, channels and length, 0.05 s to 25 s: to the sample."""
    emissions = run(engine, tune(samples / rate, rate, channels)[:, :samples], rate)
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    (audio,) = takes(emissions)
    assert audio.shape == (1, -(-samples * RATE // rate)) == (take.audio.channels, take.audio.samples)
    assert (take.start, take.seed, take.audio.sample_rate, audio.dtype) == (0, 1, RATE, np.float32)
    assert np.isfinite(audio).all()


@given(st.sampled_from([4000, 8000, 11_025, 16_000, 22_050, 44_100, 48_000, 88_200, 768_000]), st.integers(1, 2000))
def test_a_clip_is_as_long_as_its_source(rate: int, samples: int) -> None:
    source = np.ones((1, samples), np.float32)
    assert len(clip_of(describe(source, rate), [source])) == -(-samples * RATE // rate)


def test_same_seed_same_take_in_any_company(engine: Transfer) -> None:
    together = takes(run(engine, seeds=(1, 2, 1)))
    (alone,) = takes(run(engine, seeds=(2,)))
    assert np.array_equal(together[0], together[2])
    assert np.array_equal(together[1], alone)
    assert difference(together[0], together[1]) > 0.01


def test_everything_that_is_asked_for_counts(engine: Transfer) -> None:
    """Prompts, the clip, its weight, how finely it is heard, guidance, solver, method: each changes the take."""
    given: dict[str, Any] = {"guidance": 3.0, "scheduler": "dpm++", "negative_prompt": NEGATIVE}
    (plain,) = takes(run(engine, **given))
    changes: list[dict[str, Any]] = [
        {"prompt": "Jazz style music"},
        {"negative_prompt": "solo"},
        {"clip": tune(2.0, seed=1)},
        {"alpha": 1.0},
        {"pooling": (4, 4)},
        {"guidance": 5.0},
        {"scheduler": "ddim"},
        {"steps": 2},
        {"hold": 0.4},
        {"method": "sdedit"},
    ]
    found = [takes(run(engine, **given | change))[0] for change in changes]
    assert len({take.tobytes() for take in [plain, *found]}) == len(changes) + 1


def test_events_come_in_order_and_progress_is_whole(engine: Transfer) -> None:
    emissions = run(engine, seeds=(1, 2), steps=3, scheduler="dpm++")
    said = [e.event.stage if isinstance(e.event, Progress) else type(e.event).__name__ for e in emissions]
    once = [stage for stage, after in pairwise([*said, ""]) if stage != after]
    assert once == ["encode", *["denoise", "codec", "Take"] * 2, "Done"]
    for stage, total in (("encode", 1), ("denoise", 6), ("codec", 2)):
        steps = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == stage]
        assert {p.total for p in steps} == {total}
        assert [p.step for p in steps] == sorted({p.step for p in steps})
        assert steps[-1].step == total
    assert said.count("denoise") == 6
    done = emissions[-1].event
    assert isinstance(done, Done)
    assert done.timings.keys() == {"encode", "denoise", "codec"}
    assert (done.models["pack"], done.models["scheduler"], done.models["steps"]) == ("moves 5", "dpm++", "3")
    assert {"sha256 audiomae.pth", "sha256 adapter.bin", "sha256 audioldm2/unet/config.json"} <= done.models.keys()


def test_previews_are_the_take(engine: Transfer) -> None:
    emissions = run(engine, tune(12.0), preview=True)
    chunks = [(e.event, e.audio) for e in emissions if isinstance(e.event, AudioChunk) and e.audio is not None]
    starts = [event.start for event, _ in chunks]
    assert len(chunks) > 1
    assert starts == list(np.cumsum([0, *[audio.shape[1] for _, audio in chunks[:-1]]]))
    (take,) = takes(emissions)
    assert np.array_equal(np.concatenate([audio for _, audio in chunks], axis=1), take)
    said = [type(e.event) for e in emissions]
    first = said.index(AudioChunk)
    assert Progress in said[first : said.index(AudioChunk, first + 1)]  # it leaves before the next window is decoded
    assert not any(isinstance(e.event, AudioChunk) for e in run(engine))


def test_a_short_clip_is_heard_in_a_loop(engine: Transfer) -> None:
    """It is the take of the window full of it, as long as the clip and from its middle; previews are the take."""
    clip = tune(1.5)
    emissions = run(engine, clip, loop_short=True, preview=True)
    (take,) = takes(emissions)
    (loop,) = takes(run(engine, np.resize(clip, (1, 160_000))))
    assert np.array_equal(take, loop[:, 3 * 24_000 : 4 * 24_000])
    chunks = [e for e in emissions if isinstance(e.event, AudioChunk)]
    assert [e.event.start for e in chunks if isinstance(e.event, AudioChunk)] == [0]
    assert np.array_equal(np.concatenate([e.audio for e in chunks if e.audio is not None], axis=1), take)
    before = takes(run(engine, clip))[0]
    assert before.shape == take.shape
    assert not np.array_equal(before, take)


def test_a_clip_of_most_of_a_window_is_heard_once(engine: Transfer) -> None:
    clip = tune(5.1)
    assert np.array_equal(*(takes(run(engine, clip, loop_short=looped))[0] for looped in (True, False)))


def test_a_silent_take_is_made_again_with_another_seed(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the take that the other seed gives by itself; it is not previewed, and progress never goes back."""
    heard: list[tuple[int, Audio]] = []

    def share(song: Audio, take: Audio, rate: int) -> float:
        assert (len(song), len(take), rate) == (CLIP.shape[1], CLIP.shape[1], RATE)
        heard.append((len(heard), song))
        return 0.6 if len(heard) == 2 else 0.0

    monkeypatch.setattr(transfer, "silent_share", share)
    emissions = run(engine, seeds=(1, 2), retries=1, preview=True, loop_short=True, steps=2)
    made = [(e.event.take, e.event.seed) for e in emissions if isinstance(e.event, Take)]
    assert made == [(0, 1), (1, another_seed(2))]
    monkeypatch.undo()
    for audio, (_, seed) in zip(takes(emissions), made, strict=True):
        assert np.array_equal(audio, takes(run(engine, seeds=(seed,), loop_short=True, steps=2))[0])
    assert [e.event.take for e in emissions if isinstance(e.event, AudioChunk)] == [0, 1]
    for stage, total in (("denoise", 6), ("codec", 3)):
        progress = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == stage]
        assert [p.step for p in progress] == sorted(p.step for p in progress)
        assert (progress[-1].step, progress[-1].total) == (total, total)


def test_a_take_that_stays_silent_fails(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "silent_share", lambda *_: 0.6)
    with pytest.raises(SilentTake, match="with 3 seeds"):
        run(engine, retries=2)
    assert len(takes(run(engine))) == 1  # as it comes


def test_a_take_is_scored_only_where_asked(engine: Transfer) -> None:
    def scores(**changes: Any) -> list[dict[str, float]]:
        return [e.event.scores for e in run(engine, **changes) if isinstance(e.event, Take)]

    (scored,) = scores(score=True)
    assert {"clap", "notes", "frames"} <= scored.keys()
    assert -1 <= scored.pop("clap") <= 1
    assert all(0 <= value <= 1 for value in scored.values())
    assert "clap" in scores(score=True, clip=tune(0.05))[0]
    assert scores() == [{}]


def test_a_take_that_is_its_clip_plays_all_its_notes(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_sound", lambda mel: torch.from_numpy(np.resize(tune(6.0), SAMPLES * mel.shape[1])))
    (take,) = [e.event for e in run(engine, tune(6.0), score=True) if isinstance(e.event, Take)]
    assert [take.scores[name] for name in ("notes", "frames", "beats")] == [1.0, 1.0, 1.0]


def test_closing_stops_within_a_step(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    unet, calls = engine.models.base.unet, 0
    forward = unet.forward

    def counted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        return forward(*args)

    monkeypatch.setattr(unet, "forward", counted)
    running = engine.run(request(steps=50), [CLIP])
    while (event := next(running).event) != Progress("denoise", 2, 50):
        assert isinstance(event, Progress)
    running.close()
    assert calls == 2
    assert takes(run(engine))


# ---- against the published pipeline --------------------------------------------------------------------------


def test_without_audio_prompt_it_is_the_stock_pipeline(pack: Path, engine: Transfer) -> None:
    """diffusers' AudioLDM2, run whole: text, four DDIM steps with guidance, VAE, vocoder."""
    clip = tune(10.0)
    given: dict[str, Any] = {"guidance": 3.5, "negative_prompt": NEGATIVE, "steps": 4, "scheduler": "ddim"}
    (ours,) = takes(run(engine, clip, alpha=0.0, **given))
    latents = torch.randn(8, 250, 16, generator=torch.Generator().manual_seed(1))[None]
    pipeline = stock_pipeline(pack / "audioldm2")
    stock = pipeline(
        PROMPT,
        negative_prompt=NEGATIVE,
        audio_length_in_s=10.0,
        num_inference_steps=4,
        guidance_scale=3.5,
        latents=latents,
        max_new_tokens=8,
    ).audios
    assert ours.shape == stock.shape == (1, 160_000)
    np.testing.assert_allclose(ours, stock, atol=1e-5)
    (heard,) = takes(run(engine, clip, alpha=0.5, **given))
    assert difference(heard, ours) > 1e-3


def test_what_the_two_branches_hear(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative one an encoded empty prompt, not zeros; the positive one the clip; pooled alike."""
    found: list[tuple[Any, ...]] = []
    read_prompt = engine.models.base.unet.read_prompt
    monkeypatch.setattr(engine.models.base.unet, "read_prompt", lambda *args: (found.append(args), read_prompt(*args)))
    run(engine, guidance=2.0, negative_prompt=NEGATIVE, pooling=(4, 8), alpha=0.7)
    ((loa, _, _, audio, alpha),) = found
    encoder, text = engine.models.audiomae, engine.models.base.text
    assert encoder is not None
    with torch.inference_mode():
        empty = encoder.prompt(torch.zeros(1, 1, 1024, 128), (4, 8))
        clip = encoder.prompt(prompt_features(torch.from_numpy(CLIP)), (4, 8))
    assert alpha == 0.7
    assert torch.equal(audio, torch.cat([empty, clip]))
    assert audio.shape == (2, 16, 32)
    assert torch.equal(loa, text.encode([NEGATIVE, PROMPT]).loa)
    assert empty.abs().max() > 0.1


@pytest.mark.parametrize(("little", "much"), [({"strength": 0.001}, {"strength": 0.3}), ({"hold": 1.0}, {"hold": 0.7})])
def test_takes_that_start_from_the_clip(engine: Transfer, little: dict[str, float], much: dict[str, float]) -> None:
    """With next to no noise takes are the clip as the models say it, whatever the seed; with more of it they are not.
    `hold` does with the adapter what SDEdit's strength does without."""
    method = "sdedit" if "strength" in little else "adapter"
    given: dict[str, Any] = {"method": method, "steps": 10, "scheduler": "ddim"}
    base = engine.models.base
    with torch.inference_mode():
        canvas = Canvas.of(CLIP.shape[1], 4)
        *_, latents = engine._latents(CLIP[0], canvas)
        said = base.vocoder(mel_of(engine, latents, canvas))[0, : CLIP.shape[1]].numpy()[None]
    near = [difference(said, take) for take in takes(run(engine, seeds=(1, 2), **given | little))]
    far = [difference(said, take) for take in takes(run(engine, seeds=(1, 2), **given | much))]
    assert max(near) < 0.5 * min(far)


@pytest.mark.parametrize("start", [{"method": "sdedit", "strength": 0.55}, {"hold": 0.45}])
def test_steps_before_the_start_are_left_out(engine: Transfer, start: dict[str, Any]) -> None:
    emissions = run(engine, steps=5, scheduler="ddim", **start)
    steps = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == "denoise"]
    assert [p.total for p in steps] == [3, 3, 3]
    assert isinstance(done := emissions[-1].event, Done)
    assert (done.models["steps"], done.models["hold"]) == ("5", "0.45")


def test_a_clip_that_is_not_held_is_not_started_from(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    """At hold 0 a take is made of noise alone, as it was before there was `hold`; open, the pack says how firmly."""
    (before,), (open_,), (held,) = (takes(run(engine, **hold)) for hold in ({}, {"hold": None}, {"hold": 0.5}))
    assert np.array_equal(before, open_)
    firm = Transfer(replace(engine.models, hold=0.5))
    assert np.array_equal(held, takes(run(firm, hold=None))[0])
    assert not np.array_equal(held, before)
    monkeypatch.setattr(engine.models.base.vae, "encode", lambda *_: pytest.fail("the clip's latents were asked for"))
    assert np.array_equal(before, takes(run(engine, hold=0.0))[0])


# ---- long clips ----------------------------------------------------------------------------------------------


def test_each_window_hears_its_own_part(engine: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[np.ndarray] = []

    def features(wav: torch.Tensor) -> torch.Tensor:
        heard.append(wav[0].numpy())
        return prompt_features(wav)

    monkeypatch.setattr(transfer.fbank, "prompt_features", features)
    clip = tune(25.0)
    emissions = run(engine, clip)
    canvas = Canvas.of(clip.shape[1], 4)
    encoded = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == "encode"]
    assert encoded == [Progress("encode", n, 3) for n in range(4)]  # it can be cancelled between two
    assert [len(part) for part in heard] == [163_840, 163_840, clip.shape[1] - canvas.windows[-1].start * 4 * SAMPLES]
    for part, window in zip(heard, canvas.windows, strict=True):
        start = window.start * 4 * SAMPLES
        assert np.array_equal(part, clip[0, start : start + len(part)])


def test_a_long_take_changes_no_more_where_windows_meet(engine: Transfer) -> None:
    """Change from one mel frame to the next, where a window begins or ends, against everywhere else."""
    canvas = Canvas.of(25 * RATE, 4)
    with torch.inference_mode():
        latents = torch.randn(1, 8, canvas.frames + 8, 16, generator=torch.Generator().manual_seed(0))
        smooth = torch.nn.functional.avg_pool2d(latents, (9, 1), stride=1) * 3
        mel = mel_of(engine, smooth, canvas)[0]
        change = (mel[1:] - mel[:-1]).abs().mean(1)
        halves = (Canvas(0, 4, n, (Span(0, n),)) for n in (200, canvas.frames - 200))
        one, other = (
            mel_of(engine, part, half)[0]
            for part, half in zip((smooth[:, :, :200], smooth[:, :, 200:]), halves, strict=True)
        )
    borders = [f * 4 - 1 for w in canvas.windows for f in w if 0 < f < canvas.frames]
    assert change[borders].max() <= change.quantile(0.99)
    assert (other[0] - one[-1]).abs().mean() > change.quantile(0.99)  # the measure does see seams


@pytest.mark.parametrize(("refine", "depth"), [(0, 0), (2, 0), (2, 6)])
@pytest.mark.parametrize("seconds", [0.05, 2.0, 10.25, 30.0])
def test_the_vocoders_pieces_are_one_pass(engine: Transfer, refine: int, depth: int, seconds: float) -> None:
    """Also for a clip shorter than a window, which the vocoder hears with what the canvas has behind it; and where a
    network of so many blocks inverts the mel."""
    inverter = Inverter(width=8, depth=depth).requires_grad_(False) if depth else None
    engine = Transfer(replace(engine.models, refine=refine, inverter=inverter))
    canvas = Canvas.of(round(seconds * RATE), 4)
    latents = torch.randn(1, 8, canvas.frames, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        pieces = list(engine._render(latents, canvas))
        whole = engine._sound(mel_of(engine, latents, canvas)).numpy()[: canvas.samples]
    assert len(pieces) == len(canvas.windows)
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5 * max(1.0, np.abs(whole).max()))


def test_the_published_vocoder_sees_less_than_its_context() -> None:
    """One of its shape, thinner: a frame of the mel reaches no sample further away."""
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=64,
            upsample_initial_channel=32,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            normalize_before=False,
        )
    ).double()
    for weight in vocoder.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    mel = torch.randn(1, 200, 64, dtype=torch.float64)
    other = mel.clone()
    other[:, 100] += 1
    with torch.inference_mode():
        changed = (vocoder(mel) - vocoder(other)).abs()[0].nonzero()[:, 0]
    assert changed.min() > (100 - VOCODER_CONTEXT) * SAMPLES
    assert changed.max() < (101 + VOCODER_CONTEXT) * SAMPLES
    assert changed.max() - changed.min() > 10 * SAMPLES


# ---- what goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.4, 1e-6])
def test_a_clip_in_which_nothing_sounds_is_refused(engine: Transfer, value: float) -> None:
    with pytest.raises(BadAudio) as caught:
        run(engine, np.full((2, RATE), value, np.float32))
    assert caught.value.next_step
    assert takes(run(engine))


def test_a_whisper_is_heard_as_loud_as_a_voice(engine: Transfer) -> None:
    """Only by AudioMAE: a take's level is the bridge's business."""
    clips = (CLIP * 0.4, CLIP * 0.1, CLIP * 3e-4, CLIP * 0.1 + 0.2)
    loud, quiet, faint, biased = (takes(run(engine, clip))[0] for clip in clips)
    assert difference(quiet, faint) < 1e-4
    assert difference(quiet, biased) < 0.5 * difference(quiet, loud)


def test_a_prompt_that_is_too_long_is_refused(engine: Transfer) -> None:
    for changes in ({"prompt": "piano " * 60}, {"negative_prompt": "piano " * 60, "guidance": 2.0}):
        with pytest.raises(BadSetting, match="tokens"):
            run(engine, **changes)
    with pytest.raises(BadSetting, match="999 steps"):
        run(engine, scheduler="ddim", steps=1000)
    assert takes(run(engine))


def test_a_pack_without_adapter_does_sdedit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with half a CLAP takes are not compared with their texts."""
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "moves"))
    engine = load(write_transfer_pack(tmp_path / "moves", adapter=False, audio_tower=False), "cpu", "float32")
    with pytest.raises(Unsupported, match="no adapter") as caught:
        run(engine)
    assert "sdedit" in caught.value.next_step
    emissions = run(engine, method="sdedit", score=True)
    assert takes(emissions)[0].shape == CLIP.shape
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    assert "notes" in take.scores
    assert "clap" not in take.scores


def test_there_is_no_int8(pack: Path) -> None:
    with pytest.raises(Unsupported, match="int8"):
        load(pack.name, "cpu", "int8")


# ---- arithmetic and devices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["adapter", "sdedit"])
def test_bfloat16_is_near_float32(pack: Path, engine: Transfer, method: str) -> None:
    given: dict[str, Any] = {"method": method, "steps": 2, "seeds": (1, 2)}
    plain = takes(run(engine, **given))
    emissions = run(load(pack.name, "cpu", "bfloat16"), **given)
    half = takes(emissions)
    done = emissions[-1].event
    assert isinstance(done, Done)
    assert done.models["precision"] == "bfloat16"
    assert difference(plain[0], half[0]) < 0.3 * difference(plain[0], plain[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same_takes(pack: Path, engine: Transfer) -> None:
    given: dict[str, Any] = {"steps": 2, "guidance": 3.0, "seeds": (1, 2, 3, 4, 5)}
    plain, other = takes(run(engine, **given)), takes(run(load(pack.name, "cuda", "float32"), **given))
    for ours, theirs in zip(plain, other, strict=True):
        assert difference(ours, theirs) < 0.1 * difference(plain[0], plain[1])
