"""The codec against torch, the wire's overhead, and what fewer bits do to the sampled distribution."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import zmq
from punchin_server.codecs.loading import load_codec
from punchin_server.engines.inpaint.decode import LanguageModel
from punchin_server.engines.inpaint.sampling import Noise, sample
from punchin_server.models.musicgen import linear, onnx_step
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import MusicGen
from punchin_server.models.musicgen.weights import load_lm
from punchin_server.packs.registry import Pack, find, installed
from punchin_wire.frames import FromClient, FromDaemon, describe, pack, unpack
from punchin_wire.messages import Event, Hole, InpaintRequest, Submit, Take, TakeSpec
from torch import Tensor

from . import SHAPES, Row, durations, in_process, random_lm, use_cores

TOP_K = 250
PACK = "pack "


# ---- codec ---------------------------------------------------------------------------------------------------


def decode_seconds(cores: int, backend: str, seconds: float) -> float:
    """Best of five decodes of random tokens by EnCodec at its true 32 kHz shape."""
    use_cores(cores)
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(0)
    config = EncodecConfig(
        sampling_rate=32_000,
        audio_channels=1,
        use_causal_conv=False,
        use_conv_shortcut=False,
        num_filters=64,
        upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048,
        target_bandwidths=[2.2],
    )
    with tempfile.TemporaryDirectory() as folder:
        EncodecModel(config).save_pretrained(folder)
        codec = load_codec(Path(folder), "onnx" if backend == "onnx" else "torch", threads=cores)
    codes = torch.randint(0, codec.card, (1, codec.n_q, round(seconds * codec.frame_rate)))
    return min(durations(lambda: codec.decode(codes), 5))


def codec_rows(cores: int, seconds: float) -> Iterator[Row]:
    took = {backend: in_process(decode_seconds, cores, backend, seconds) for backend in ("torch", "onnx")}
    for backend, value in took.items():
        yield Row("codec", f"EnCodec 32 kHz decode of {seconds:.0f} s, {backend}", value, "s")
    yield Row("codec", "torch ÷ onnxruntime", took["torch"] / took["onnx"], "×", 2.0, at_least=True)


# ---- wire ----------------------------------------------------------------------------------------------------


def round_trips(times: int) -> list[float]:
    """Seconds for 30 s of 48 kHz stereo to go to the daemon's side, be validated, and come back as a take."""
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 30 * 48_000)).astype(np.float32)
    ref = describe(audio, 48_000)
    submit = Submit("bench-wire", InpaintRequest(source=ref, holes=(Hole(0, 48_000),), takes=(TakeSpec(0),)))
    context = zmq.Context.instance()
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")

    def answer() -> None:
        for _ in range(times):
            peer, *frames = router.recv_multipart(copy=False)
            packet = unpack([f.buffer for f in frames], FromClient)
            take = Event("bench-wire", 1, Take(0, 0, 0, ref))
            router.send_multipart([peer.bytes, *pack(take, packet.audio)], copy=False)

    server = threading.Thread(target=answer, daemon=True)
    server.start()
    dealer = context.socket(zmq.DEALER)
    dealer.connect(f"tcp://127.0.0.1:{port}")
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        dealer.send_multipart(pack(submit, [audio]), copy=False)
        packet = unpack([f.buffer for f in dealer.recv_multipart(copy=False)], FromDaemon)
        taken.append(time.perf_counter() - started)
        assert packet.audio[0].shape == audio.shape
    server.join(10)
    dealer.close(0)
    router.close(0)
    return taken


def wire_rows(times: int = 60) -> Iterator[Row]:
    taken = sorted(in_process(round_trips, times))
    yield Row("wire", "30 s stereo 48 kHz, both ways, median", 1000 * statistics.median(taken), "ms")
    yield Row("wire", "30 s stereo 48 kHz, both ways, p95", 1000 * taken[int(0.95 * times)], "ms")


# ---- precision -----------------------------------------------------------------------------------------------


def sharpen(lm: MusicGen) -> MusicGen:
    """Random heads give nearly equal logits; as far apart as a trained model's they show what rounding changes."""
    lm.heads.weight *= 3.0 / (lm.heads.weight.std() * lm.config.width**0.5)
    return lm


def own_words(lm: MusicGen, steps: int) -> Tensor:
    """`[1, K, steps]` tokens that `lm` says by itself: what it is sure or unsure of is then as in use."""
    c = lm.config
    codes = torch.full((1, c.codebooks, steps), c.special)
    cache, noise = lm.new_cache(1, steps), Noise([0], c.codebooks, c.card)
    for s in range(steps - 1):
        hidden = lm(codes[..., s : s + 1], StepSpan.of(s, 1), cache)
        tokens = sample(lm.logits(hidden)[:, :, 0], noise.next(), 1.0, TOP_K)
        begun = min(s + 1, c.codebooks)  # the delay pattern: codebook k starts at step k + 1
        codes[:, :begun, s + 1] = tokens[:, :begun]
    return codes


def distributions(source: str, cores: int, precision: linear.Precision, codes: Tensor | None) -> tuple[Tensor, Tensor]:
    """Log-probabilities `[K, steps, card]` after `codes` (else the model's own words), and those codes.

    `source` is a shape, for random weights, or PACK and the name of an installed pack.
    """
    use_cores(cores)
    lm = sharpen(random_lm(source)) if source in SHAPES else load_lm(find(source.removeprefix(PACK)).lm)
    if codes is None:
        codes = own_words(lm, 200)
    model: LanguageModel = onnx_step.on_cpu(lm, precision, None, text=False)
    steps = codes.shape[-1]
    cache = model.new_cache(1, steps)
    logits = [model.next_logits(codes[..., s : s + 1], StepSpan.of(s, 1), cache)[0] for s in range(steps)]
    return torch.stack(logits, dim=1).float().log_softmax(-1), codes


def quality_rows(shape: str, cores: int) -> Iterator[Row]:
    """Against float32, on random weights of `shape` and on the trained default pack where one is installed."""
    for source in (shape, *(PACK + found.name for found in installed() if isinstance(found, Pack))):
        exact, codes = in_process(distributions, source, cores, "float32", None)
        top_k = min(TOP_K, exact.shape[-1] // 2)
        for precision in ("bfloat16", "int8"):
            rough, _ = in_process(distributions, source, cores, precision, codes)
            kl = (exact.exp() * (exact - rough)).sum(-1).mean()
            a, b = (torch.zeros_like(x).scatter(-1, x.topk(top_k).indices, 1.0) for x in (exact, rough))
            overlap = (a * b).sum(-1).mean() / top_k
            same = (exact.argmax(-1) == rough.argmax(-1)).float().mean()
            yield Row("quality", f"{source}, {precision}: KL(float32 ‖ {precision})", float(kl), "nat")
            yield Row("quality", f"{source}, {precision}: top-{top_k} overlap", float(overlap), "share")
            yield Row("quality", f"{source}, {precision}: same likeliest token", float(same), "share")
