"""Songs to audio: stems, mix, and the conditions the product itself would render from them.

Knows songs and the conditioning package; knows nothing about tokens or training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from punchin_server.conditioning import chord_rhythm, level, piano, render
from punchin_server.daemon.settings import Settings as SeatSettings
from punchin_wire.disk import replacing
from punchin_wire.messages import Note

from .. import seats
from ..seats import ALONE
from . import studio
from .songs import STEMS, Song, compose

SAMPLE_RATE = 32_000
CONDITIONS = ("chord", "piano")
TRACKS = ("mix", *STEMS, *CONDITIONS, "pad")
"""What a song is rendered to. Songs of the first edition have no pads, and so one track less."""
MIX_RMS, PEAK = 0.12, 0.95
MIX_LUFS = -19.7
"""What that gives: the median of 20 songs (-21.5 to -18.8), by pyloudnorm."""
FEWEST_SONGS = 4  # with fewer, some control would have no song (see tokens.CONTROL_TURNS)


@dataclass(frozen=True)
class Rendered:
    """A song's tracks, `audio` float32 [tracks, samples], in the order of TRACKS."""

    song: Song
    audio: NDArray[np.float32]

    def track(self, name: str) -> NDArray[np.float32]:
        """One track, [samples]."""
        return self.audio[TRACKS.index(name)]


def render_song(song: Song, sample_rate: int = SAMPLE_RATE, soundfont: Path | None = None) -> Rendered:
    """Stems at their gains, their mix at a common loudness, and both rendered conditions. `soundfont` is the band's;
    conditions are always played by the product's own."""
    random = np.random.default_rng(song.seed)
    if song.produced:
        stems = studio.record(song.stems, song.seconds, sample_rate, soundfont, random)
    else:
        stems = {name: render.render(notes, song.seconds, sample_rate, soundfont) for name, notes in song.stems.items()}
    stems = {name: audio * np.float32(song.gains[name] / (_rms(audio) + 1e-9)) for name, audio in stems.items()}
    mix = np.sum(list(stems.values()), axis=0)
    loudness, strikes = MIX_RMS, 1.0
    if song.produced:
        mix = studio.master(mix, sample_rate, random)
        loudness, strikes = (value * 10 ** (random.uniform(-5, 5) / 20) for value in (MIX_RMS, 1.0))
    scale = np.float32(min(loudness / _rms(mix), PEAK / float(np.abs(mix).max())))
    other = (stems["comp"] + stems["melody"] + stems.get("pad", 0)) * scale
    chord_notes = chord_rhythm.place(song.chords, [time for time, _ in song.beats])
    # A producer's MIDI clip names no program, so every pitched part may enter the cover.
    pitched = [note for notes in song.stems.values() for note in notes if not note.drum]
    cover = piano.reduce(Note(note.start, note.end, note.pitch, note.velocity) for note in pitched)
    tracks = {"mix": mix * scale, **{name: audio * scale for name, audio in stems.items()}}
    for name, notes in zip(CONDITIONS, (chord_notes, cover), strict=True):
        tracks[name] = level.match(render.render(notes, song.seconds, sample_rate), other) * np.float32(strikes)
    return Rendered(song, np.stack([tracks[name] for name in TRACKS if name in tracks]).astype(np.float32))


def _rms(audio: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(audio))))


def save(rendered: Rendered, folder: Path) -> Path:
    """Write the audio as int16 [tracks, samples] to `SEED.npy`, atomically; the song is its seed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rendered.song.seed:07d}.npy"
    with replacing(path, durable=False) as file:
        np.save(file, np.clip(rendered.audio * 32767, -32767, 32767).astype(np.int16))
    return path


class Renderer:
    """The tool of a seat: renders the song of a seed, on no device."""

    about = "renders songs"

    def __init__(self, seconds: float, held_out: bool, soundfont: Path | None, _device: str) -> None:
        self._seconds, self._held_out, self._soundfont = seconds, held_out, soundfont

    def render(self, seed: int) -> Rendered:
        return render_song(compose(seed, self._seconds, self._held_out), soundfont=self._soundfont)


def render_corpus(
    folder: Path,
    seeds: range,
    seconds: float,
    held_out: bool = False,
    minutes: float = math.inf,
    soundfont: Path | None = None,
    where: SeatSettings = ALONE,
) -> None:
    """Render every seed of the range that the folder lacks, on the seats that `where` says; safe to run in several
    processes at once.

    Stops after `minutes`, but not before there is a song for each control.
    """
    deadline = time.monotonic() + 60 * minutes

    def lacking() -> Iterator[int]:
        for done, seed in enumerate(seeds):
            if done >= FEWEST_SONGS and time.monotonic() > deadline:
                return
            if not (folder / f"{seed:07d}.npy").exists():
                yield seed

    with seats.opened(where, partial(Renderer, seconds, held_out, soundfont)) as pool:
        for rendered in pool.map("render", lacking()):
            save(rendered, folder)
