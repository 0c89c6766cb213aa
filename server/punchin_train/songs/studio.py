"""How a song of the third edition is produced: instruments of several soundfonts, tuning, equalisers, a room, tape.

Everything is drawn from the song's seed; which soundfonts there are depends on the machine. Knows audio and soundfonts;
knows nothing about chords or models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from punchin_server.conditioning import render
from punchin_wire.messages import Note
from scipy import fft

Audio = NDArray[np.float32]
Curve = NDArray[np.float32]
"""Gains of the bins of a real spectrum."""

FOLDER = Path("/usr/share/sounds/sf2")
CSOUND, MUSESCORE = FOLDER / "sf_GMbank.sf2", FOLDER / "MuseScore_General_Full.sf2"
MUSESCORE_OWN = frozenset(
    {0, 1, 3, 5, 10, 25, 38, 39, 42, 44, 45, 48, 49, 50, 51, 52, 62, 63, 71, 80, 81, 86, 87, 88, 89, 90, 92, 95, 97, 98}
)
"""Programs of MuseScore_General none of whose samples are in FluidR3_GM, from which it descends: what packs are
measured with stays unheard."""
FADE_DB = 60.0  # by which a room's reverberation time is told


@dataclass(frozen=True)
class Room:
    """The spectrum of what a room adds to a sound, for transforms of `size` samples."""

    size: int
    echo: NDArray[np.complex64]

    @classmethod
    def drawn(cls, random: np.random.Generator, samples: int, rate: int) -> Room:
        seconds = float(np.exp(random.uniform(np.log(0.12), np.log(1.8))))
        length = int(seconds * rate)
        fall = 10 ** (-FADE_DB / 20 * np.arange(length) / length)
        echo = (random.standard_normal(length) * fall).astype(np.float32)
        echo /= np.sqrt(np.sum(echo**2))
        size = fft.next_fast_len(samples + length, real=True)
        spectrum = fft.rfft(np.concatenate([np.zeros(int(random.uniform(0, 0.03) * rate), np.float32), echo]), size)
        darkness = 1 / (1 + (_frequencies(size, rate) / random.uniform(1500, 9000)) ** 2)
        return cls(size, (spectrum * darkness).astype(np.complex64))


def record(
    played: Mapping[str, list[Note]], seconds: float, rate: int, soundfont: Path | None, random: np.random.Generator
) -> dict[str, Audio]:
    """Each stem `[N]` of what is played, at no particular level. `soundfont` plays all of them, where one is given."""
    samples = round(seconds * rate)
    room = Room.drawn(random, samples, rate)
    tuning = float(np.clip(random.normal(0, 15), -40, 40)) if random.random() < 0.5 else 0.0
    stems = {}
    for name, notes in played.items():
        font = _font(notes, random) if soundfont is None else soundfont
        audio = _tuned(notes, tuning + random.normal(0, 2), seconds, rate, font)
        curve = equaliser(random, room.size, rate)
        wet = float(random.uniform(0, 0.7) ** 2)
        spectrum = fft.rfft(_driven(audio, random), room.size) * (1 + wet * room.echo) * curve
        stems[name] = fft.irfft(spectrum, room.size)[:samples].astype(np.float32)
    return stems


def master(mix: Audio, rate: int, random: np.random.Generator) -> Audio:
    """What becomes of a mix `[N]` on its way to a file: levelled, saturated, equalised, band-limited, noisy. Its
    loudness (RMS) stays."""
    loudness = _rms(mix)
    sound = _levelled(mix / (loudness + 1e-9), rate, float(random.choice((0.0, 0.0, 0.2, 0.45))))
    size = fft.next_fast_len(len(mix), real=True)
    frequencies = _frequencies(size, rate)
    curve = equaliser(random, size, rate, strength=0.5)
    if random.random() < 0.2:
        curve = curve / np.sqrt(1 + (frequencies / random.uniform(3500, 12_000)) ** 8)
    if random.random() < 0.5:
        hiss = fft.rfft(random.standard_normal(len(mix)).astype(np.float32), size)
        hiss *= (np.maximum(frequencies, 30) / 1000) ** float(random.uniform(-0.6, 0.1))
        noise = fft.irfft(hiss, size)[: len(mix)].astype(np.float32)
        sound = sound + noise * np.float32(10 ** (random.uniform(-60, -28) / 20) / _rms(noise))
    sound = fft.irfft(fft.rfft(_driven(sound, random), size) * curve, size)[: len(mix)].astype(np.float32)
    return sound * np.float32(loudness / (_rms(sound) + 1e-9))


def equaliser(random: np.random.Generator, size: int, rate: int, strength: float = 1.0) -> Curve:
    """A tilt and some bells."""
    octaves = np.log2(np.maximum(_frequencies(size, rate), 20) / 1000)
    decibels = random.normal(0, 1.2) * octaves
    for _ in range(random.integers(1, 4)):
        middle, width = random.uniform(-4, 3.5), random.uniform(0.4, 1.6)
        decibels = decibels + random.normal(0, 5) * np.exp(-(((octaves - middle) / width) ** 2))
    return (10 ** (np.clip(strength * decibels, -24, 15) / 20)).astype(np.float32)


def _font(notes: list[Note], random: np.random.Generator) -> Path:
    """One of those that can play the program of `notes`."""
    programs = {note.program for note in notes}
    choices = [render.default_soundfont(), CSOUND]
    if programs <= MUSESCORE_OWN and not any(note.drum for note in notes):
        choices += [MUSESCORE, MUSESCORE]
    chosen = choices[random.integers(len(choices))]
    return chosen if chosen.is_file() else choices[0]


def _tuned(notes: list[Note], cents: float, seconds: float, rate: int, font: Path) -> Audio:
    """Played slower and then run faster, as tape is: in time, but `cents` higher."""
    factor = 2 ** (cents / 1200)
    slower = [Note(n.start * factor, n.end * factor, n.pitch, n.velocity, n.program, n.drum) for n in notes]
    audio = render.render(slower, seconds * factor, rate, font)
    faster = soxr.resample(audio, rate * factor, rate, quality="MQ")
    samples = round(seconds * rate)
    return np.pad(faster, (0, max(0, samples - len(faster))))[:samples].astype(np.float32)


def _driven(audio: Audio, random: np.random.Generator) -> Audio:
    """Through an amplifier that, in a third of the cases, is turned up too far."""
    if random.random() > 0.3:
        return audio
    gain = np.float32(10 ** (random.uniform(-6, 16) / 20) / (_rms(audio) + 1e-9) / 4)
    return np.tanh(audio * gain) / gain


def _levelled(audio: Audio, rate: int, ratio: float) -> Audio:
    """Compressed: what is 1 dB louder comes out 1 - `ratio` dB louder. RMS of the input is 1."""
    hop = rate // 50
    frames = np.pad(audio, (0, -len(audio) % hop)).reshape(-1, hop)
    level = np.sqrt(np.convolve(np.mean(frames**2, axis=1), np.full(5, 0.2), "same")) + 0.05
    gain = np.interp(np.arange(len(audio)), (np.arange(len(level)) + 0.5) * hop, level**-ratio)
    return (audio * gain).astype(np.float32)


def _frequencies(size: int, rate: int) -> NDArray[np.float32]:
    return fft.rfftfreq(size, 1 / rate).astype(np.float32)


def _rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio))))
