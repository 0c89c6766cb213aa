"""A procedural song as a producer would have it on disk: mix, stems, chord track, and what the song is.

Knows songs, WAV and MIDI files; knows nothing about models. The demo and the end-to-end tests punch into it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray
from punchin_server.conditioning import chords

from .rendering import render_song
from .score import Bar, TimeSignature
from .songs import Song, compose

SAMPLE_RATE = 44_100
DEMO_SEED = 9_100_004
PANS = {"drums": 0.0, "bass": 0.0, "comp": -0.3, "melody": 0.25, "pad": 0.1}  # -1 left .. 1 right
TICKS = 480  # a quarter note
CHORD_TRACK, CHORD_VELOCITY = "chords", 90


@dataclass(frozen=True)
class SongFiles:
    """Where the files of one song lie; `stems` by name."""

    mix: Path
    stems: dict[str, Path]
    chords: Path
    about: Path
    song: Song


def write_song(folder: Path, seed: int = DEMO_SEED, seconds: float = 48.0) -> SongFiles:
    """Write `mix.wav`, one WAV a stem (44.1 kHz, stereo, 24 bit), `chords.mid` and `song.json` into `folder`.

    The seed takes the harmony that training never saw. The mix is the sum of the stems to the last bit but one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    song = compose(seed, seconds, held_out=True)
    rendered = render_song(song, SAMPLE_RATE)
    stems = {name: _panned(rendered.track(name), PANS[name]) for name in song.stems}
    mix = np.sum(list(stems.values()), axis=0)
    headroom = np.float32(min(1.0, 0.95 / float(np.abs(mix).max())))
    paths = {name: folder / f"{name}.wav" for name in stems}
    for name, path in paths.items():
        soundfile.write(path, stems[name] * headroom, SAMPLE_RATE, subtype="PCM_24")
    soundfile.write(folder / "mix.wav", mix * headroom, SAMPLE_RATE, subtype="PCM_24")
    _chord_file(song).save(folder / "chords.mid")
    about = {
        "seed": song.seed,
        "tempo": song.tempo,
        "beats_per_bar": song.timeline.bars[0].signature.beats,
        "key": song.key.name,
        "seconds": song.seconds,
        "sections": [{"start": start, "name": name} for start, name in song.sections],
        "chords": [[segment.start, segment.end, segment.label] for segment in song.chords],
    }
    (folder / "song.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    return SongFiles(folder / "mix.wav", paths, folder / "chords.mid", folder / "song.json", song)


def _panned(mono: NDArray[np.float32], pan: float) -> NDArray[np.float32]:
    """Equal-power pan, [N] -> [N, 2]."""
    angle = (pan + 1) * np.pi / 4
    return (mono[:, None] * np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])).astype(np.float32)


def _chord_file(song: Song) -> mido.MidiFile:
    """A type-1 file: tempo and time signature with their changes, and one track of block chords named "chords"."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    conductor, track = file.add_track("conductor"), file.add_track(CHORD_TRACK)
    changes = [(bar.quarter, _signature(bar.signature)) for bar in _first_of_each_signature(song.timeline.bars)]
    changes += [(at, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))) for at, bpm in song.timeline.tempos]
    now = 0
    for quarter, message in sorted(changes, key=lambda change: change[0]):
        tick = round(quarter * TICKS)
        conductor.append(message.copy(time=tick - now))
        now = tick
    events = []  # (tick, note-offs before note-ons, pitch)
    for segment in song.chords:
        for pitch in chords.spell(segment.label):
            events.append((round(song.timeline.quarters(segment.start) * TICKS), 1, pitch))
            events.append((round(song.timeline.quarters(segment.end) * TICKS), 0, pitch))
    now = 0
    for tick, sounds, pitch in sorted(events):
        kind, velocity = ("note_on", CHORD_VELOCITY) if sounds else ("note_off", 0)
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    return file


def _first_of_each_signature(bars: Sequence[Bar]) -> Iterator[Bar]:
    for before, bar in zip((None, *bars), bars, strict=False):
        if before is None or before.signature != bar.signature:
            yield bar


def _signature(signature: TimeSignature) -> mido.MetaMessage:
    return mido.MetaMessage("time_signature", numerator=signature.numerator, denominator=signature.denominator)
