"""A song's shape for the eye: the lowest and highest sample of each of some hundred pieces, for a song of any length.

The whole file is read once, on a thread, into pieces of :data:`BIN` samples. Until that has come so far, and where a
piece of the picture holds fewer samples, they are read when they are asked for: of a long piece only its beginning.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
import numpy.typing as npt
from punchin_wire.frames import Audio

from ..audio import stems
from ..audio.sound import BLOCK
from ..audio.wavfile import Song
from ..music.region import Region

BIN = 1024
MOST_PIECES = 8192
MOST_KEPT = 16
"""Songs whose shapes are kept."""

Peaks = npt.NDArray[np.float32]
"""`[2, pieces]`: lowest and highest."""


class Shape:
    """[page job] One song's. Filled by :meth:`fill`, on one thread, while others ask for pieces."""

    def __init__(self, song: Song) -> None:
        self.song = song
        self._bins: Peaks = np.zeros((2, -(-song.samples // BIN)), np.float32)
        self._done = 0  # bins

    @property
    def is_whole(self) -> bool:
        return self._done == len(self._bins[0])

    def fill(self) -> None:
        """Read the whole file. Raises FileMissing and BadAudio."""
        step = BLOCK // BIN
        for first in range(self._done, self._bins.shape[1], step):
            last = min(first + step, self._bins.shape[1])
            audio = stems.read(self.song, Region(first * BIN, min(last * BIN, self.song.samples)))
            self._bins[:, first:last] = extremes(audio, last - first, BIN)
            self._done = last

    def pieces(self, start: int, end: int, count: int) -> Peaks:
        """`count` equal pieces of samples `[start, end)`."""
        count = max(1, min(count, MOST_PIECES, end - start))
        edges = start + np.arange(count + 1) * (end - start) // count
        if (end - start) // count <= BIN:
            audio = stems.read(self.song, Region(start, end))
            return _between(extremes(audio, end - start, 1), edges - start)
        first, last = start // BIN, -(-end // BIN)
        if last <= self._done:
            return _between(self._bins[:, first:last], np.minimum(edges // BIN, last) - first)
        begun = [stems.read(self.song, Region(int(edge), int(edge) + BIN)) for edge in edges[:-1]]
        return np.concatenate([extremes(audio, 1, BIN) for audio in begun], axis=1)


class Shapes:
    """[page job] The shapes of songs, by their ids; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Shape] = OrderedDict()

    def of(self, song: str, file: Song) -> tuple[Shape, bool]:
        """A song's, and whether it is a new one, which has to be filled."""
        with self._lock:
            if song in self._kept and self._kept[song].song == file:
                return self._kept[song], False
            self._kept[song] = Shape(file)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[song], True


def extremes(audio: Audio, count: int, size: int) -> Peaks:
    """Lowest and highest of all channels in each of `count` pieces of `size` samples; the last one may be shorter."""
    short = count * size - audio.shape[1]
    low, high = audio.min(axis=0), audio.max(axis=0)
    if short > 0:
        low, high = (np.pad(each, (0, short), mode="edge") for each in (low, high))
    found: Peaks = np.stack([low.reshape(count, size).min(axis=1), high.reshape(count, size).max(axis=1)])
    return found


def _between(bins: Peaks, edges: npt.NDArray[np.int64]) -> Peaks:
    """The extremes of the bins from each edge to the next; one bin where two edges fall into it."""
    starts = np.minimum(edges[:-1], bins.shape[1] - 1)
    low = np.minimum.reduceat(bins[0], starts)
    high = np.maximum.reduceat(bins[1], starts)
    return np.stack([low, high])
