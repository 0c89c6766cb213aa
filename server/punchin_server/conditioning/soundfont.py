"""SoundFont 2 files: which sample sounds for a preset and key, and how.

Knows the file format; knows nothing about notes or time. Read by hand because what could be installed does not
serve: symusic 0.5.8 plays loops out of tune and ignores velocity, tinysoundfont wants PortAudio headers to
install, FluidSynth is a system library. Source: SoundFont Technical Specification 2.04, chapters 5-8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from punchin_wire.errors import FileMissing, PackCorrupt

# Generator numbers (chapter 8.1.2).
START, END, LOOP_START, LOOP_END = 0, 1, 2, 3
START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE = 4, 12, 45, 50
PAN, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE = 17, 34, 35, 36, 37, 38
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, ATTENUATION = 41, 43, 44, 48
COARSE_TUNE, FINE_TUNE, SAMPLE, LOOPS, SCALE, ROOT = 51, 52, 53, 54, 56, 58
RANGES = (KEY_RANGE, VELOCITY_RANGE)
INSTANT = -12_000  # timecents; the default of every envelope time
NOT_ADDED = frozenset({*RANGES, SAMPLE, INSTRUMENT, LOOPS, ROOT})  # a preset cannot offset these
WHOLE_RANGE = 0 | 127 << 8
# The EMU hardware that the format describes applied four tenths of the written attenuation; so does everyone.
ATTENUATION_SHARE = 0.4
DRUM_BANK = 128
FULL_SCALE = np.float32(32_768)

Generators = dict[int, int]


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


class Soundfont:
    """The presets of one file, `presets[bank, program]`; drums are bank 128."""

    def __init__(self, path: Path) -> None:
        """Raises FileMissing, PackCorrupt."""
        if not path.is_file():
            raise FileMissing(f"The soundfont {path.name} is not there.")
        try:
            chunks = dict(_chunks(path.read_bytes()))
            self._samples = np.frombuffer(chunks[b"smpl"], "<i2")
            self._headers = list(struct.iter_unpack("<20s5IBbHH", chunks[b"shdr"]))
            instruments = self._read(chunks, b"inst", "<20sH", b"ibag", b"igen")
            presets = self._read(chunks, b"phdr", "<20sHHHIII", b"pbag", b"pgen")
        except (KeyError, struct.error, ValueError) as error:
            raise PackCorrupt(f"{path.name} is not a SoundFont 2 file.") from error
        self.presets: dict[tuple[int, int], tuple[Zone, ...]] = {}
        for (_, program, bank, *_), zones in presets:
            self.presets[bank, program] = tuple(
                zone
                for preset in zones
                if INSTRUMENT in preset
                for inner in instruments[preset[INSTRUMENT]][1]
                if SAMPLE in inner
                for zone in self._zone(preset, inner)
            )

    def zones(self, program: int, drum: bool, key: int, velocity: int) -> list[Zone]:
        """What sounds for one key; unknown programs and kits fall back to the first of their bank."""
        bank = DRUM_BANK if drum else 0
        preset = self.presets.get((bank, program)) or self.presets.get((bank, 0), ())
        return [zone for zone in preset if key in zone.keys and velocity in zone.velocities]

    @staticmethod
    def _read(
        chunks: dict[bytes, bytes], headers: bytes, layout: str, bags: bytes, generators: bytes
    ) -> list[tuple[tuple[int, ...], list[Generators]]]:
        """Headers with their zones; a first zone that names nothing is the default of the others."""
        bounds = [bag for bag, _ in struct.iter_unpack("<HH", chunks[bags])]
        pairs = list(struct.iter_unpack("<HH", chunks[generators]))
        zones = [dict(pairs[start:end]) for start, end in pairwise(bounds)]
        rows = list(struct.iter_unpack(layout, chunks[headers]))
        bag_column = 1 if layout == "<20sH" else 3
        found = []
        for row, following in pairwise(rows):
            own = zones[row[bag_column] : following[bag_column]]
            first = own[0] if own else {}
            default = {} if INSTRUMENT in first or SAMPLE in first else first
            found.append((row, [{**default, **zone} for zone in own]))
        return found

    def _zone(self, preset: Generators, instrument: Generators) -> Iterator[Zone]:
        values = {number: _signed(value) for number, value in instrument.items() if number not in RANGES}
        for number in (ATTACK, HOLD, DECAY, RELEASE):
            values.setdefault(number, INSTANT)
        values.setdefault(SCALE, 100)
        for number, value in preset.items():
            if number not in NOT_ADDED:
                values[number] = values.get(number, 0) + _signed(value)
        _, start, end, loop_start, loop_end, rate, key, correction, _, _ = self._headers[instrument[SAMPLE]]
        start, end, loop_start, loop_end = (
            base + values.get(fine, 0) + 32_768 * values.get(coarse, 0)
            for base, fine, coarse in (
                (start, START, START_COARSE),
                (end, END, END_COARSE),
                (loop_start, LOOP_START, LOOP_START_COARSE),
                (loop_end, LOOP_END, LOOP_END_COARSE),
            )
        )
        keys, velocities = (_range(preset, instrument, number) for number in RANGES)
        if end - start < 2 or rate == 0 or not keys or not velocities:
            return
        override = values.get(ROOT, -1)
        tuning = values.get(COARSE_TUNE, 0) + (values.get(FINE_TUNE, 0) + correction) / 100
        looped = values.get(LOOPS, 0) & 1 and start <= loop_start < loop_end - 1 < end
        pan = min(max(values.get(PAN, 0) / 500, -1.0), 1.0)
        yield Zone(
            samples=self._samples[start : end + 1],
            rate=rate,
            loop=(loop_start - start, loop_end - start) if looped else None,
            root=(override if override >= 0 else key) - tuning,
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
        )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Leaf chunks of a RIFF file, by name."""
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        if name == b"LIST":
            position += 12
            continue
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _signed(value: int) -> int:
    return value - 65_536 if value >= 32_768 else value


def _seconds(timecents: int) -> float:
    return float(2 ** (min(timecents, 8_000) / 1200))


def _range(preset: Generators, instrument: Generators, number: int) -> range:
    """Keys or velocities in both the preset's and the instrument's range."""
    pairs = [divmod(generators.get(number, WHOLE_RANGE), 256) for generators in (preset, instrument)]
    return range(max(low for _, low in pairs), min(high for high, _ in pairs) + 1)
