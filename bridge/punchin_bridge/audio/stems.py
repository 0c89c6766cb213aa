"""Stems to float32 excerpts on the song's time line. Reads only what is asked for, and knows no resampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from punchin_wire.errors import BadAudio
from punchin_wire.frames import Audio
from punchin_wire.messages import MAX_CHANNELS

from ..music.region import Region
from . import wavfile
from .wavfile import Song

RATES = range(4000, 768_001)
CARRIED = f"Render it with up to {MAX_CHANNELS} channels, at 4 to 768 kHz."


def probe(path: Path) -> Song:
    """The header of the audio file at `path`, at any rate, sample format and channel count that the wire carries.

    Raises FileMissing, or BadAudio where there is nothing to hear or nobody could play it.
    """
    if path.suffix.lower() == ".raw" and path.is_file():
        raise BadAudio(f"{path.name} has no header that says what it holds.")  # libsndfile would ask us
    song = wavfile.probe(path)
    if song.rate not in RATES or song.channels > MAX_CHANNELS:
        raise BadAudio(f"{path.name} has {song.channels} channels at {song.rate} Hz.", CARRIED)
    return song


def read(song: Song, span: Region) -> Audio:
    """The samples of `span`, `[channels, samples]`; what lies outside the file is silence.

    An hour-long file costs what its excerpt costs. Raises FileMissing, or BadAudio where the file is damaged there or
    holds NaN or infinity.
    """
    audio = np.zeros((song.channels, span.samples), np.float32)
    first, last = max(span.start, 0), min(span.end, song.samples)
    if first < last:
        audio[:, first - span.start : last - span.start] = wavfile.read(song, first, last)
    return audio
