"""EnCodec at MusicGen's true size (32 kHz, random weights): ours against transformers' own modules in torch.

Prints one table for a run of `--seconds` of mono audio on `--threads` cores: encode and decode, both in turn in one
process, the best of `--repeats`; the ratio; and what arithmetic alone would take, the convolutions' and LSTMs'
operations at the rate of the fastest matrix product found on this machine in the same run. `--memory` adds the peak of
a process that does one thing only. `--json FILE` writes the numbers.

    python scripts/bench_codec.py --threads 2 --memory
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper
from punchin_server.codecs.checkpoint import to_audiocraft
from punchin_server.codecs.loading import load_codec, load_model
from punchin_server.codecs.network import Encodec
from transformers import EncodecConfig, EncodecModel

XP_CFG = "{seanet: {pad_mode: constant}}"  # everything else is MusicGen's own size by default


def write_checkpoint(path: Path) -> None:
    """MusicGen's EnCodec with random weights as an audiocraft `compression_state_dict.bin`."""
    torch.manual_seed(0)
    config = EncodecConfig(
        target_bandwidths=[2.2],
        sampling_rate=32_000,
        num_filters=64,
        upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048,
        use_causal_conv=False,
        use_conv_shortcut=False,
    )
    model = EncodecModel(config).requires_grad_(False)
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    state = model.state_dict()
    names = to_audiocraft(state)
    torch.save({"best_state": {names[k]: v for k, v in state.items()}, "xp.cfg": XP_CFG}, path)


def best(repeats: int, *jobs: Callable[[], object]) -> list[float]:
    """The quickest of `repeats` runs of each job, in seconds; the jobs take turns, so that noise hits all alike."""
    times = [[0.0] * repeats for _ in jobs]
    for job in jobs:
        job()
    for i in range(repeats):
        for job, taken in zip(jobs, times, strict=True):
            start = time.perf_counter()
            job()
            taken[i] = time.perf_counter() - start
    return [min(taken) for taken in times]


def operations(model: Encodec, frames: int) -> dict[str, float]:
    """Floating-point operations (a product and a sum are two) to encode and to decode `frames`."""
    counts = {}
    for name, network, length in (("encode", model.encoder, frames * 640), ("decode", model.decoder, frames)):
        total, steps = 0.0, float(length)
        for module in network.modules():
            if isinstance(module, torch.nn.ConvTranspose1d):
                total += 2 * module.weight.numel() * steps
                steps *= module.stride[0]
            elif isinstance(module, torch.nn.Conv1d):
                steps /= module.stride[0]
                total += 2 * module.weight.numel() * steps
            elif isinstance(module, torch.nn.LSTM):
                total += 2 * sum(p.numel() for n, p in module.named_parameters() if "weight" in n) * frames
        counts[name] = total
    return counts


def latent(model: Encodec, tokens: torch.Tensor) -> torch.Tensor:
    """What the decoder reads of `tokens` `[K, B, T]`: `[B, D, T]`."""
    entries = [book.embed[codes] for book, codes in zip(model.quantizer.codebooks, tokens, strict=True)]
    return torch.stack(entries).sum(0).transpose(1, 2)


def product_rate(threads: int, repeats: int) -> float:
    """Operations a second of the fastest product here: a square one in torch, or a convolution in onnxruntime."""
    import onnxruntime as ort

    square = torch.randn(1024, 1024)
    weight = np.random.default_rng(0).standard_normal((256, 512, 1, 3), np.float32)
    tensor = helper.make_tensor("w", TensorProto.FLOAT, weight.shape, weight.tobytes(), raw=True)
    shape = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 512, 1, 1000]), ("y", None))]
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[0, 1, 0, 1])
    graph = helper.make_graph([node], "conv", shape[:1], shape[1:], [tensor])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.zeros((1, 512, 1, 1000), np.float32)
    in_torch, in_onnx = best(4 * repeats, lambda: square @ square, lambda: session.run(None, {"x": x}))
    return max(2 * 1024**3 / in_torch, 2 * weight.size * 1000 / in_onnx)


def measure(path: Path, threads: int = 2, seconds: float = 10.0, repeats: int = 5, batch: int = 1) -> dict[str, Any]:
    """Times in ms, ratios, and the floor, of the codec at `path`; ours and torch's in this one process."""
    torch.set_num_threads(threads)
    model = load_model(path)
    start = time.perf_counter()
    ours = load_codec(path, "onnx", threads=threads)
    load = time.perf_counter() - start
    frames = round(seconds * ours.frame_rate)
    wav = torch.randn(batch, frames * ours.hop, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.inference_mode():
        codes = ours.encode(wav)
        tokens = codes.transpose(0, 1)
        encode, torch_encode, decode, torch_decode = best(
            repeats,
            lambda: ours.encode(wav),
            lambda: model.quantizer.encode(model.encoder(wav[:, None])),
            lambda: ours.decode(codes),
            lambda: model.decoder(latent(model, tokens)),
        )
        same = torch.equal(codes, model.quantizer.encode(model.encoder(wav[:, None])).transpose(0, 1))
        heard = model.decoder(latent(model, tokens))[:, 0].numpy()
        rate = product_rate(threads, repeats)
    counts = operations(model, batch * frames)
    return {
        "seconds": seconds,
        "batch": batch,
        "threads": threads,
        "load_ms": 1e3 * load,
        "product_gflops": rate / 1e9,
        "same_codes": same,
        "sound_difference": float(np.abs(ours.decode(codes) - heard).max()),
        "encode": {"ours_ms": 1e3 * encode, "torch_ms": 1e3 * torch_encode, "floor_ms": 1e3 * counts["encode"] / rate},
        "decode": {"ours_ms": 1e3 * decode, "torch_ms": 1e3 * torch_decode, "floor_ms": 1e3 * counts["decode"] / rate},
    }


def peak(path: Path, kind: str, threads: int, seconds: float) -> float:
    """Peak memory in MB of a process that loads the codec and decodes once (`kind`: onnx, torch, or none: imports)."""
    code = f"""
import resource, sys, torch
from pathlib import Path
from punchin_server.codecs.loading import load_codec
torch.set_num_threads({threads})
if {kind!r} != "none":
    codec = load_codec(Path({str(path)!r}), {kind!r})
    codec.decode(torch.zeros(1, codec.n_q, round({seconds} * codec.frame_rate), dtype=torch.int64))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3))
"""
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="also measure peak memory (not on Windows)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compression_state_dict.bin"
        write_checkpoint(path)
        result = measure(path, args.threads, args.seconds, args.repeats, args.batch)
        if args.memory:
            result["peak_mb"] = {k: peak(path, k, args.threads, args.seconds) for k in ("none", "onnx", "torch")}
    print(f"{args.batch} x {args.seconds:g} s of audio, {args.threads} threads, {result['product_gflops']:.0f} GFLOP/s")
    print(
        f"load {result['load_ms']:.0f} ms, same codes {result['same_codes']}, sound ±{result['sound_difference']:.1e}"
    )
    print("           ours ms   torch ms   torch/ours   floor ms   ours/floor")
    for name in ("encode", "decode"):
        ours, peer, floor = (result[name][key] for key in ("ours_ms", "torch_ms", "floor_ms"))
        print(f"{name:8} {ours:9.1f} {peer:10.1f} {peer / ours:12.2f} {floor:10.1f} {ours / floor:12.2f}")
    for kind, megabytes in result.get("peak_mb", {}).items():
        print(f"peak memory, {kind}: {megabytes:.0f} MB")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
