"""SoundFonts with one sawtooth in them, of which each test says how it is played."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE, FRAMES, ROOT = 22_050, 22_050, 60
Zone = Mapping[int, int | tuple[int, int]]
Modulators = Sequence[tuple[int, int, int, int, int]]
SAMPLE, INSTRUMENT, KEYS, LOOP = 53, 41, 43, 54


def sawtooth() -> np.ndarray:
    """A second of C4, whose last fifth is a whole number of periods."""
    period = RATE / 261.0
    turns = np.arange(FRAMES) / period
    wave = 2 * (turns % 1) - 1
    return (wave * 12_000 * (0.3 + 0.7 * np.exp(-turns / 60))).astype("<i2")


def write(
    path: Path,
    *zones: Zone,
    modulators: Modulators = (),
    preset: Zone | None = None,
    preset_modulators: Modulators = (),
    ogg: bool = False,
) -> Path:
    """Preset 0 of one instrument, whose `zones` are generators by number (ranges as pairs); modulators are those of
    every zone, in the file's order: source, destination, amount, amount's source, transform."""
    samples, end, loop = sawtooth(), FRAMES, (round(0.8 * FRAMES), FRAMES - 8)
    data = samples.tobytes() + bytes(92)
    if ogg:
        file = io.BytesIO()
        soundfile.write(file, samples, RATE, format="OGG", subtype="VORBIS", compression_level=0.0)
        data, end = file.getvalue(), len(file.getvalue())
    header = struct.pack("<20s5IBbHH", b"saw", 0, end, *loop, RATE, ROOT, 0, 0, 0x11 if ogg else 1)
    inner = [_zone(zone, SAMPLE, modulators) for zone in zones]
    outer = [_zone(preset or {}, INSTRUMENT, preset_modulators)]
    sdta = [(b"smpl", data)]
    pdta = [
        (
            b"phdr",
            struct.pack("<20sHHHIII", b"saw", 0, 0, 0, 0, 0, 0) + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, *[0] * 3),
        ),
        *_bags(b"p", outer),
        (b"inst", struct.pack("<20sH", b"saw", 0) + struct.pack("<20sH", b"EOI", len(inner))),
        *_bags(b"i", inner),
        (b"shdr", header + bytes(46)),
    ]
    info = [(b"ifil", struct.pack("<HH", 3 if ogg else 2, 1)), (b"isng", b"EMU8000\0"), (b"INAM", b"saw\0")]
    body = b"sfbk" + b"".join(
        _list(name, chunks) for name, chunks in ((b"INFO", info), (b"sdta", sdta), (b"pdta", pdta))
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def _zone(generators: Zone, last: int, modulators: Modulators) -> tuple[bytes, bytes]:
    """Ranges come first and what the zone names last, as the format wants."""
    ordered = sorted(generators.items(), key=lambda pair: pair[0] != KEYS)
    pairs = [(n, v[0] | v[1] << 8 if isinstance(v, tuple) else v & 0xFFFF) for n, v in [*ordered, (last, 0)]]
    return b"".join(struct.pack("<HH", *pair) for pair in pairs), b"".join(
        struct.pack("<HHhHH", *m) for m in modulators
    )


def _bags(kind: bytes, zones: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    generators = modulators = bags = b""
    for more_generators, more_modulators in zones:
        bags += struct.pack("<HH", len(generators) // 4, len(modulators) // 10)
        generators, modulators = generators + more_generators, modulators + more_modulators
    bags += struct.pack("<HH", len(generators) // 4, len(modulators) // 10)
    return [(kind + b"bag", bags), (kind + b"mod", modulators + bytes(10)), (kind + b"gen", generators + bytes(4))]


def _list(name: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Chunks as MuseScore writes them: an odd one is not padded."""
    body = name + b"".join(chunk + struct.pack("<I", len(data)) + data for chunk, data in chunks)
    return b"LIST" + struct.pack("<I", len(body)) + body
