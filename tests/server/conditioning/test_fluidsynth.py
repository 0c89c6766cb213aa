"""Conditions of published packs sound as FluidSynth plays them; Debian's `fluidsynth` is asked."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
from fakes import soundfonts
from numpy.typing import NDArray
from punchin_server.codecs.loading import load_codec
from punchin_server.conditioning import chord_rhythm, piano, render
from punchin_server.conditioning.soundfont import (
    ATTACK,
    ATTENUATION,
    COARSE_TUNE,
    CUTOFF,
    DECAY,
    DELAY,
    EXCLUSIVE,
    FINE_TUNE,
    HOLD,
    KEY_DECAY,
    KEY_HOLD,
    KEY_RANGE,
    LOOPS,
    MOD_ATTACK,
    MOD_DECAY,
    MOD_DELAY,
    MOD_HOLD,
    MOD_KEY_DECAY,
    MOD_RELEASE,
    MOD_SUSTAIN,
    MOD_TO_CUTOFF,
    MOD_TO_PITCH,
    PAN,
    RELEASE,
    RESONANCE,
    SUSTAIN,
)
from punchin_server.packs.registry import EMBEDDED
from punchin_wire.messages import ChordSegment, Note

RATE, SECONDS = 32_000, 6.0
OCTAVES = [125 * 2**i for i in range(8)]
DRY = ("-R", "0", "-C", "0", "-O", "float")  # no reverb, no chorus, no dither

pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="needs FluidSynth: apt install fluidsynth"),
]

Audio = NDArray[np.float32]


def fluidsynth(notes: list[Note], folder: Path, font: Path, *options: str, seconds: float = SECONDS) -> Audio:
    """As the reference of AIRGen has it: a MIDI file by pretty_midi, FluidSynth's defaults, folded to mono."""
    song = pretty_midi.PrettyMIDI()
    for drum in {note.drum for note in notes}:
        track = pretty_midi.Instrument(0, drum)
        track.notes = [pretty_midi.Note(n.velocity, n.pitch, n.start, n.end) for n in notes if n.drum == drum]
        song.instruments.append(track)
    song.write(str(folder / "notes.mid"))
    command = ["fluidsynth", "-ni", *options, str(font), "notes.mid", "-F", "notes.wav", "-r", str(RATE)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    sound = soundfile.read(folder / "notes.wav", dtype="float32")[0].mean(axis=1)
    samples = round(seconds * RATE)
    return np.pad(sound, (0, samples))[:samples]


def ours(notes: list[Note], font: Path | None = None, seconds: float = SECONDS) -> Audio:
    return render.render(notes, seconds, RATE, font, style="published")


def bands(audio: Audio) -> NDArray[np.float64]:
    """Decibels in each octave."""
    power = np.abs(np.fft.rfft(audio.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    return np.array([10 * np.log10(power[(hertz >= f) & (hertz < 2 * f)].sum() + 1e-9) for f in OCTAVES[:-1]])


def at_level(audio: Audio) -> Audio:
    return 0.08 * (audio - audio.mean()) / audio.std()


def likeness(a: Audio, b: Audio) -> tuple[float, float]:
    """Correlation sample by sample, and the decibels by which the octaves differ at most."""
    return float(np.corrcoef(a, b)[0, 1]), float(np.abs(bands(at_level(a)) - bands(at_level(b))).max())


def chords(seconds: float) -> list[Note]:
    """Struck again and again while they sound, as under the published rule; neighbours share notes."""
    labels = ["C:maj", "A:min", "F:maj7", "G:7/3"]
    spans = [ChordSegment(2.0 * i, 2.0 * (i + 1), labels[i % 4]) for i in range(int(seconds / 2))]
    return chord_rhythm.place(spans, list(np.arange(0.51, seconds, 0.5)), "compat")


def covers(seconds: float) -> list[Note]:
    """A piano reduction of two hands, soft and loud."""
    random = np.random.default_rng(3)
    starts = np.arange(0.1, seconds, 0.15)
    return piano.reduce(
        Note(start, start + length, int(pitch), int(velocity))
        for start, length, pitch, velocity in zip(
            starts,
            random.uniform(0.05, 1.5, len(starts)),
            random.integers(36, 90, len(starts)),
            random.integers(20, 127, len(starts)),
            strict=True,
        )
    )


@pytest.mark.parametrize("music", [chords, covers])
def test_the_piano_is_fluidsynths(music: Callable[[float], list[Note]], tmp_path: Path) -> None:
    """To the sample; the octaves would be 12 dB apart at 4 kHz and 30 at 8 if it were played plainly."""
    theirs = fluidsynth(music(SECONDS), tmp_path, render.default_soundfont(), *DRY)
    correlation, octaves = likeness(ours(music(SECONDS)), theirs)
    assert correlation > 0.999
    assert octaves < 0.5
    _, plain = likeness(render.render(music(SECONDS), SECONDS, RATE), theirs)
    assert plain > 10


@pytest.mark.model
@pytest.mark.torch
@pytest.mark.parametrize("music", [chords, covers])
def test_a_model_hears_the_tokens_of_fluidsynth_with_its_defaults(
    music: Callable[[float], list[Note]], tmp_path: Path
) -> None:
    """Reverb and dither included, which ours has not; without them FluidSynth's own has 93 of 100."""
    codec = load_codec(EMBEDDED / "tiny" / "compression_state_dict.bin")
    theirs = fluidsynth(music(20.0), tmp_path, render.default_soundfont(), seconds=20.0)
    heard = [codec.encode(at_level(sound)[None])[0, 0] for sound in (ours(music(20.0), seconds=20.0), theirs)]
    assert (heard[0] == heard[1]).double().mean() >= 0.9


SOUNDS: dict[str, list[dict[int, int | tuple[int, int]]]] = {
    "nothing said": [{}],
    "looped": [{LOOPS: 1}],
    "looped until released": [{LOOPS: 3, RELEASE: 0}],
    "a low-pass": [{CUTOFF: 8_000, LOOPS: 1}],
    "one with a hump": [{CUTOFF: 8_500, RESONANCE: 180, LOOPS: 1}],
    "one that closes": [{CUTOFF: 6_000, MOD_TO_CUTOFF: 5_000, MOD_DECAY: -600, MOD_SUSTAIN: 900, LOOPS: 1}],
    "one that opens": [{CUTOFF: 6_000, MOD_TO_CUTOFF: 5_000, MOD_DELAY: -3_000, MOD_ATTACK: -600, LOOPS: 1}],
    "one that closes with the release": [{CUTOFF: 6_000, MOD_TO_CUTOFF: 5_000, MOD_RELEASE: 0, RELEASE: 0, LOOPS: 1}],
    "a glide": [{MOD_TO_PITCH: 700, MOD_ATTACK: -600, MOD_HOLD: -1200, MOD_DECAY: 0, MOD_SUSTAIN: 1000, LOOPS: 1}],
    "a slow attack": [{DELAY: -3_000, ATTACK: -500, RELEASE: 0, LOOPS: 1}],
    "a decay": [{HOLD: -3_000, DECAY: 600, SUSTAIN: 300, RELEASE: -1_000, LOOPS: 1}],
    "times that follow the key": [{HOLD: -3_000, KEY_HOLD: 50, DECAY: 600, KEY_DECAY: 100, SUSTAIN: 500, LOOPS: 1}],
    "filter times that follow the key": [
        {CUTOFF: 6_000, MOD_TO_CUTOFF: 4_000, MOD_DECAY: 0, MOD_KEY_DECAY: 100, MOD_SUSTAIN: 1000, LOOPS: 1}
    ],
    "panned, softer, tuned": [
        {KEY_RANGE: (0, 62), PAN: -500, ATTENUATION: 100, COARSE_TUNE: 3, LOOPS: 1},
        {KEY_RANGE: (63, 127), PAN: 250, ATTENUATION: 50, FINE_TUNE: 40, LOOPS: 1},
    ],
    "each ends the others": [{EXCLUSIVE: 1, RELEASE: 2400, LOOPS: 1}],
}
MELODY = [Note(0.2 + 0.55 * i, 0.2 + 0.55 * i + (0.1, 0.4, 1.2)[i % 3], 48 + 5 * i, 127 - 10 * i) for i in range(9)]


@pytest.mark.parametrize("sound", SOUNDS)
def test_every_generator_does_what_fluidsynth_makes_of_it(sound: str, tmp_path: Path) -> None:
    font = soundfonts.write(tmp_path / "saw.sf2", *SOUNDS[sound])
    correlation, octaves = likeness(ours(MELODY, font), fluidsynth(MELODY, tmp_path, font, *DRY))
    assert correlation > (0.9 if sound == "a glide" else 0.998)  # its cents are whole ones, from where is not said
    assert octaves < 1


FALLS_BY_VELOCITY = (0x502, CUTOFF, -4_000, 0, 0)  # the softer, the darker, on the concave curve
MODULATORS = {
    "velocity closes the filter": ([FALLS_BY_VELOCITY], []),
    "a preset takes it back": ([FALLS_BY_VELOCITY], [(0x502, CUTOFF, 4_000, 0, 0)]),
    "the default is turned off": ([(0x502, ATTENUATION, 0, 0, 0)], []),
    "the default is doubled": ([], [(0x502, ATTENUATION, 960, 0, 0)]),
    "the key opens the filter": ([(0x003, CUTOFF, 6_000, 0, 0)], []),
    "loud ones attack faster": ([(0x102, ATTACK, 4_000, 0, 0)], []),
    "a switch, a convex curve, two sources": (
        [(0xC02, CUTOFF, 3_000, 0, 0), (0x803, ATTENUATION, 200, 0x002, 0), (0x202, COARSE_TUNE, 4, 0, 2)],
        [],
    ),
    "velocity to cutoff as the format has it": ([(0x102, CUTOFF, -9_600, 0xC02, 0)], []),
    "volume, which stands at 100": ([(0x587, ATTENUATION, 500, 0, 0), (0x087, CUTOFF, 2_000, 0, 0)], []),
}


@pytest.mark.parametrize("name", MODULATORS)
def test_modulators_do_what_fluidsynth_makes_of_them(name: str, tmp_path: Path) -> None:
    own, of_preset = MODULATORS[name]
    sound = {CUTOFF: 9_000, ATTACK: -3_000, LOOPS: 1}
    font = soundfonts.write(tmp_path / "saw.sf2", sound, modulators=own, preset_modulators=of_preset)
    correlation, octaves = likeness(ours(MELODY, font), fluidsynth(MELODY, tmp_path, font, *DRY))
    assert correlation > 0.998
    assert octaves < 1


@pytest.mark.parametrize("ogg", [False, True], ids=["sf2", "sf3"])
def test_a_preset_moves_what_its_instrument_says(ogg: bool, tmp_path: Path) -> None:
    """And what MuseScore packs is read: SF3, by FluidSynth as by us."""
    preset = {CUTOFF: -3_000, ATTENUATION: 60, FINE_TUNE: -30, RELEASE: 9_000}
    font = soundfonts.write(tmp_path / "saw.sf3", {CUTOFF: 11_000, RELEASE: -8_000, LOOPS: 1}, preset=preset, ogg=ogg)
    correlation, octaves = likeness(ours(MELODY, font), fluidsynth(MELODY, tmp_path, font, *DRY))
    assert correlation > 0.998
    assert octaves < 1


def test_drums_end_drums_of_their_class(tmp_path: Path) -> None:
    """Closed hi-hats end open ones, which ring on when their key is let go."""
    keys = [46, 42, 46, 44, 38, 46, 42, 36]
    notes = [Note(0.25 * i, 0.25 * i + 0.2, keys[i % 8], 110 - 4 * i, drum=True) for i in range(20)]
    theirs = fluidsynth(notes, tmp_path, render.default_soundfont(), *DRY)
    correlation, octaves = likeness(ours(notes), theirs)
    assert correlation > 0.998
    assert octaves < 1
