"""SoundFont 2 files: which sample sounds for a preset and key, and how. SF3, whose samples are Ogg Vorbis, as well.

Knows the file format; knows nothing about notes or time. Read by hand because what could be installed does not
serve: docs/engine.md compares. Source: SoundFont Technical Specification 2.04, chapters 5-9.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from punchin_wire.errors import FileMissing, PackCorrupt

from .modulators import DEFAULTS as MODULATORS
from .modulators import Amounts, Modulator

# Generator numbers (chapter 8.1.2).
START, END, LOOP_START, LOOP_END = 0, 1, 2, 3
START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE = 4, 12, 45, 50
MOD_TO_PITCH, CUTOFF, RESONANCE, MOD_TO_CUTOFF, PAN = 7, 8, 9, 11, 17
MOD_DELAY, MOD_ATTACK, MOD_HOLD, MOD_DECAY, MOD_SUSTAIN, MOD_RELEASE, MOD_KEY_HOLD, MOD_KEY_DECAY = range(25, 33)
DELAY, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE, KEY_HOLD, KEY_DECAY = range(33, 41)
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, ATTENUATION = 41, 43, 44, 48
COARSE_TUNE, FINE_TUNE, SAMPLE, LOOPS, SCALE, EXCLUSIVE, ROOT = 51, 52, 53, 54, 56, 57, 58
RANGES = (KEY_RANGE, VELOCITY_RANGE)
INSTANT = -12_000  # timecents; the default of every envelope time
DEFAULTS: Mapping[int, int] = {
    **dict.fromkeys((DELAY, ATTACK, HOLD, DECAY, RELEASE), INSTANT),
    **dict.fromkeys((MOD_DELAY, MOD_ATTACK, MOD_HOLD, MOD_DECAY, MOD_RELEASE), INSTANT),
    CUTOFF: 13_500,  # cents
    SCALE: 100,
    ROOT: -1,
}
"""Generators whose default is not 0."""
NOT_ADDED = frozenset({*RANGES, SAMPLE, INSTRUMENT, LOOPS, EXCLUSIVE, ROOT})  # a preset cannot offset these
WHOLE_RANGE = 0 | 127 << 8
# The EMU hardware that the format describes applied four tenths of the written attenuation; so does everyone.
ATTENUATION_SHARE = 0.4
DRUM_BANK = 128
FULL_SCALE = np.float32(32_768)
KEY_0 = 440 * 2 ** (-69 / 12)  # Hz; absolute cents count from here

OGG = 0x10  # flag of a sample's kind

Generators = dict[int, int]


class Layer(NamedTuple):
    """A zone as the file has it."""

    generators: Generators
    modulators: dict[Modulator, int]

    def over(self, default: Layer) -> Layer:
        return Layer({**default.generators, **self.generators}, {**default.modulators, **self.modulators})


NOTHING = Layer({}, {})


@dataclass(frozen=True, eq=False)
class Zone:
    """One sample as one preset plays it. Times in seconds, levels as linear gains."""

    samples: NDArray[np.int16]  # from the sample's start, one frame beyond its end; a view of the file's
    rate: int
    loop: tuple[int, int] | None
    root: float  # key at which the sample sounds untransposed, fine tuning included
    scale: float  # semitones a key
    gain: float
    attack: float
    hold: float
    decay: float
    sustain_db: float
    release: float
    keys: range
    velocities: range
    generators: Generators  # instrument and preset added, in the format's units; DEFAULTS included
    modulators: Amounts
    loop_ends: bool  # with the key's release
    exclusive: int  # of the sounds of a class only the last sounds; 0: no class


class Soundfont:
    """The presets of one file; drums are bank 128. A sample of SF3 is decoded when a preset with it is first played."""

    def __init__(self, path: Path) -> None:
        """Raises FileMissing, PackCorrupt."""
        if not path.is_file():
            raise FileMissing(f"The soundfont {path.name} is not there.")
        self._path = path
        try:
            chunks = dict(_chunks(path.read_bytes()))
            self._data = chunks[b"smpl"]
            self._frames = np.frombuffer(self._data, "<i2", len(self._data) // 2)
            self._headers = list(struct.iter_unpack("<20s5IBbHH", chunks[b"shdr"]))
            self._instruments = [layers for _, layers in _read(chunks, b"inst", "<20sH", b"i")]
            presets = _read(chunks, b"phdr", "<20sHHHIII", b"p")
        except (KeyError, struct.error, ValueError) as error:
            raise PackCorrupt(f"{path.name} is not a SoundFont 2 file.") from error
        self.presets = {(bank, program): layers for (_, program, bank, *_), layers in presets}
        self._zones: dict[tuple[int, int], tuple[Zone, ...]] = {}
        self._decoded: dict[tuple[int, int], NDArray[np.int16]] = {}

    def zones(self, program: int, drum: bool, key: int, velocity: int) -> list[Zone]:
        """What sounds for one key; unknown programs and kits fall back to the first of their bank.

        Raises PackCorrupt.
        """
        bank = DRUM_BANK if drum else 0
        preset = self.preset(bank, program) or self.preset(bank, 0)
        return [zone for zone in preset if key in zone.keys and velocity in zone.velocities]

    def preset(self, bank: int, program: int) -> tuple[Zone, ...]:
        """Every zone of a preset; none where there is no such preset. Raises PackCorrupt."""
        if (bank, program) not in self._zones:
            self._zones[bank, program] = self._read_preset(bank, program)
        return self._zones[bank, program]

    def _read_preset(self, bank: int, program: int) -> tuple[Zone, ...]:
        try:
            return tuple(
                zone
                for preset in self.presets.get((bank, program), ())
                if INSTRUMENT in preset.generators
                for inner in self._instruments[preset.generators[INSTRUMENT]]
                if SAMPLE in inner.generators
                for zone in self._zone(preset, inner)
            )
        except (IndexError, RuntimeError) as error:
            raise PackCorrupt(f"{self._path.name} names sounds that it does not hold.") from error

    def _zone(self, preset: Layer, instrument: Layer) -> Iterator[Zone]:
        values = {**DEFAULTS, **{n: _signed(v) for n, v in instrument.generators.items() if n not in RANGES}}
        for number, value in preset.generators.items():
            if number not in NOT_ADDED:
                values[number] = values.get(number, 0) + _signed(value)
        sample = instrument.generators[SAMPLE]
        *_, rate, key, correction, _, _ = self._headers[sample]
        keys, velocities = (_range(preset.generators, instrument.generators, number) for number in RANGES)
        frames, start, end, loop_start, loop_end = self._bounds(sample, values)
        if end - start < 2 or rate == 0 or not keys or not velocities:
            return
        tuning = values.get(COARSE_TUNE, 0) + (values.get(FINE_TUNE, 0) + correction) / 100
        looped = values.get(LOOPS, 0) & 1 and start <= loop_start < loop_end - 1 < end
        pan = min(max(values.get(PAN, 0) / 500, -1.0), 1.0)
        modulators = {**MODULATORS, **instrument.modulators}
        for modulator, amount in preset.modulators.items():
            modulators[modulator] = modulators.get(modulator, 0) + amount
        yield Zone(
            samples=frames[start : end + 1],
            rate=rate,
            loop=(loop_start - start, loop_end - start) if looped else None,
            root=(values[ROOT] if values[ROOT] >= 0 else key) - tuning,
            scale=values[SCALE] / 100,
            # The mono sum of an equal-power pan: 0.707 in the middle, half on either side.
            gain=(0.7071 - 0.2071 * abs(pan)) * 10 ** (-ATTENUATION_SHARE * values.get(ATTENUATION, 0) / 200),
            attack=_seconds(values[ATTACK]),
            hold=_seconds(values[HOLD]),
            decay=_seconds(values[DECAY]),
            sustain_db=min(max(values.get(SUSTAIN, 0) / 10, 0.0), 100.0),
            release=_seconds(values[RELEASE]),
            keys=keys,
            velocities=velocities,
            generators=values,
            modulators=modulators,
            loop_ends=bool(values.get(LOOPS, 0) & 2),
            exclusive=values.get(EXCLUSIVE, 0),
        )

    def _bounds(self, sample: int, values: Generators) -> tuple[NDArray[np.int16], int, int, int, int]:
        """Frames, and in them where a sample starts, ends and loops once `values` have moved that."""
        _, start, end, loop_start, loop_end, *_, kind = self._headers[sample]
        frames = self._frames
        if kind & OGG:
            frames = self._ogg(start, end)
            start, end = 0, len(frames) - 1
        moves = ((START, START_COARSE), (END, END_COARSE), (LOOP_START, LOOP_START_COARSE), (LOOP_END, LOOP_END_COARSE))
        start, end, loop_start, loop_end = (
            base + values.get(fine, 0) + 32_768 * values.get(coarse, 0)
            for base, (fine, coarse) in zip((start, end, loop_start, loop_end), moves, strict=True)
        )
        # A damaged file's samples end with the file; FluidSynth cuts them so, too.
        return frames, max(start, 0), min(end, len(frames) - 1), loop_start, loop_end

    def _ogg(self, start: int, end: int) -> NDArray[np.int16]:
        """The sample whose Ogg Vorbis lies from byte `start` to `end`; several zones may share it."""
        if (start, end) not in self._decoded:
            import soundfile  # only for SF3

            self._decoded[start, end] = soundfile.read(io.BytesIO(self._data[start:end]), dtype="int16")[0]
        return self._decoded[start, end]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Leaf chunks of a RIFF file, by name."""
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        if name == b"LIST":
            position += 12
            continue
        position += 8 + size
        yield name, data[position - size : position]
        position += size % 2 and data[position : position + 1] == b"\0"  # MuseScore's SF3 is not padded


def _read(
    chunks: dict[bytes, bytes], headers: bytes, layout: str, kind: bytes
) -> list[tuple[tuple[int, ...], list[Layer]]]:
    """Headers with their zones; a first zone that names nothing is the default of the others."""
    bounds = list(struct.iter_unpack("<HH", chunks[kind + b"bag"]))
    generators = list(struct.iter_unpack("<HH", chunks[kind + b"gen"]))
    modulators = list(struct.iter_unpack("<HHhHH", chunks[kind + b"mod"]))
    layers = [
        Layer(
            dict(generators[start:end]),
            {Modulator(source, to, by, how): amount for source, to, amount, by, how in modulators[first:last]},
        )
        for (start, first), (end, last) in pairwise(bounds)
    ]
    rows = list(struct.iter_unpack(layout, chunks[headers]))
    bag_column = 1 if kind == b"i" else 3
    found = []
    for row, following in pairwise(rows):
        own = layers[row[bag_column] : following[bag_column]]
        names_nothing = own and not {INSTRUMENT, SAMPLE} & own[0].generators.keys()
        default = own[0] if names_nothing else NOTHING
        found.append((row, [layer.over(default) for layer in own]))
    return found


def _signed(value: int) -> int:
    return value - 65_536 if value >= 32_768 else value


def _seconds(timecents: int) -> float:
    return float(2 ** (min(timecents, 8_000) / 1200))


def _range(preset: Generators, instrument: Generators, number: int) -> range:
    """Keys or velocities in both the preset's and the instrument's range."""
    pairs = [divmod(generators.get(number, WHOLE_RANGE), 256) for generators in (preset, instrument)]
    return range(max(low for _, low in pairs), min(high for high, _ in pairs) + 1)
