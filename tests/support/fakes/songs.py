"""Small songs on disk for the tests of the bridge: a WAV, its chord track, its drum stem."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

import mido
import numpy as np
import soundfile

RATE = 44100
SECONDS = 24
BAR = 2.0
"""Seconds: 120 BPM in 4/4."""
CHORDS = ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62, 65))
LABELS = ("C:maj", "A:min", "F:maj", "G:7")


@cache
def audio(seconds: float = SECONDS, channels: int = 2, rate: int = RATE) -> np.ndarray:
    """Chords of the song as decaying tones over noise, `[channels, samples]`."""
    time = np.arange(round(seconds * rate)) / rate
    bar = (time // BAR).astype(int) % len(CHORDS)
    left = time % BAR
    sound = np.zeros_like(time)
    for index, pitches in enumerate(CHORDS):
        tone = sum(np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time) for p in pitches)
        sound += np.where(bar == index, tone, 0.0)
    noise = np.random.default_rng(1).normal(0, 0.01, (channels, len(time)))
    return 0.08 * sound * np.exp(-left) + noise


def write_song(folder: Path, name: str = "song.wav", subtype: str = "PCM_24", channels: int = 2) -> Path:
    path = folder / name
    soundfile.write(path, audio(channels=channels).T, RATE, subtype=subtype)
    return path


def write_chords(folder: Path, name: str = "chords.mid", seconds: float = SECONDS) -> Path:
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="chords")])
    for bar in range(int(seconds / BAR)):
        pitches = CHORDS[bar % len(CHORDS)]
        track += [mido.Message("note_on", note=pitch) for pitch in pitches]
        track += [mido.Message("note_off", note=p, time=0 if i else 1920) for i, p in enumerate(pitches)]
    file.tracks.append(track)
    file.save(folder / name)
    return folder / name


def write_drums(folder: Path, name: str = "drums.wav", seconds: float = SECONDS, rate: int = 32000) -> Path:
    time = np.arange(round(seconds * rate)) / rate
    clicks = np.random.default_rng(2).normal(0, 0.3, len(time)) * np.exp(-40 * (time % 0.5))
    soundfile.write(folder / name, clicks, rate, subtype="PCM_16")
    return folder / name


def write_silence(path: Path, rate: int, channels: int, seconds: int) -> Path:
    """A 16-bit WAV of nothing that takes no room on the disk."""
    size = seconds * rate * channels * 2
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt \x10\0\0\0" + head)
        file.write(b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    return path
