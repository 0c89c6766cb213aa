"""A take remembers how it was made, in itself."""

import contextlib
import hashlib
import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.audio import wavfile
from punchin_bridge.audio.bwf import Tags, Tempo
from punchin_bridge.splice.lay import SpliceSettings
from punchin_bridge.takes import recipe
from punchin_bridge.takes.presets import Task
from punchin_wire.errors import BadRecipe, FileMissing
from punchin_wire.messages import AudioRef, ChordSegment, Hole, InpaintRequest, Note, TakeSpec, TransferRequest
from punchin_wire.params import Sampling

SONG = recipe.AudioInput("song.wav", 100, 4100, 44_100, 2, "ab" * 32)
SOURCE = AudioRef(frame=0, sample_rate=44_100, channels=2, samples=4000)
INPAINT = InpaintRequest(
    source=SOURCE,
    holes=(Hole(1000, 2000),),
    takes=(TakeSpec(2**53, {"chord": 0.7}),),
    chords=(ChordSegment(0.0, 0.05, "A:min7/b3"),),
    beats=(0.0, 0.03),
    piano=(Note(0.0, 0.01, 60),),
    text="rainy lo-fi, “slow”",
    sampling=Sampling(temperature=0.1 + 0.2),
)
RECIPE = recipe.Recipe(
    punchin="0.1.0",
    created="2025-01-31T18:20:05",
    song=SONG,
    region=(1100, 2100),
    request=INPAINT,
    inputs=(SONG,),
    splice=SpliceSettings(crossfade=0.01),
    models={"pack": "tiny", "lm.safetensors": "cd" * 32},
    tempo=Tempo(92.5),
)
TAGS = Tags("a1b2-1", "song", "bars 1-2", 1, "2025-01-31T18:20:05")


@pytest.mark.parametrize("full", [False, True])
def test_a_take_gives_its_recipe_back(tmp_path: Path, full: bool) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros((3000, 2)), 44_100)
    song = wavfile.probe(tmp_path / "song.wav")
    payload, audio = recipe.encode(RECIPE), np.zeros((2, 1000))
    if full:
        wavfile.write_full(tmp_path / "take.wav", song, [(1100, audio)], TAGS, payload)
    else:
        wavfile.write_region(tmp_path / "take.wav", song, 1100, audio, TAGS, payload)
    assert recipe.read(tmp_path / "take.wav") == RECIPE


def test_a_transfer_has_a_recipe_too() -> None:
    request = TransferRequest(source=SOURCE, prompt="violin", takes=(TakeSpec(1),), pooling=(4, 2), alpha=0.45)
    made = msgspec.structs.replace(RECIPE, request=request, tempo=None, full=True)
    assert recipe.decode(recipe.encode(made)) == made


def test_the_task_of_a_transfer_is_remembered() -> None:
    request = TransferRequest(source=SOURCE, prompt="violin", takes=(TakeSpec(1),))
    splice = SpliceSettings(level="replaced", width="replaced", highband="extend")
    made = msgspec.structs.replace(RECIPE, request=request, splice=splice, task=Task("accompaniment", "cello", True))
    assert recipe.decode(recipe.encode(made)) == made
    assert msgspec.json.decode(recipe.encode(made))["splice"]["air"] == "extend"  # as in takes that exist


def test_recipes_from_before_transfers_are_what_they_were() -> None:
    """What later versions added has defaults that do what was done then."""
    old = b"""{"punchin":"0.1.0","created":"2025-01-31T18:20:05","song":{"path":"song.wav","start":100,"end":4100,
    "rate":44100,"channels":2,"sha256":"%b"},"region":[1100,2100],"request":{"engine":"inpaint","source":{"frame":0,
    "sample_rate":44100,"channels":2,"samples":4000},"holes":[{"start":1000,"end":2000}],"takes":[{"seed":1,
    "controls":{}}]},"inputs":[],"splice":{"crossfade":0.01,"context":1.0,"width_context":4.0,"max_gain_db":12.0,
    "width":"context"},"models":{"pack":"tiny"},"tempo":null,"full":false,"format":1}""" % (b"ab" * 32)
    made = recipe.decode(old)
    assert made.splice == SpliceSettings(crossfade=0.01)
    assert (made.splice.level, made.splice.highband, made.task) == ("context", "none", None)


def test_a_file_without_a_recipe(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(10), 44_100)
    with pytest.raises(BadRecipe, match="carries no recipe"):
        recipe.read(tmp_path / "song.wav")
    soundfile.write(tmp_path / "song.flac", np.zeros(10), 44_100)
    with pytest.raises(BadRecipe, match="is no take"):
        recipe.read(tmp_path / "song.flac")
    with pytest.raises(FileMissing):
        recipe.read(tmp_path / "none.wav")


def test_a_newer_recipe_says_so() -> None:
    with pytest.raises(BadRecipe, match="newer Punchin"):
        recipe.decode(b'{"format":2,"surprise":1}')


def test_a_recipe_checks_itself() -> None:
    """What the wire would refuse is no recipe: here a hole outside its source."""
    raw = msgspec.json.decode(recipe.encode(RECIPE))
    raw["request"]["holes"] = [{"start": 10, "end": 99_999}]
    with pytest.raises(BadRecipe, match="outside the audio"):
        recipe.decode(msgspec.json.encode(raw))


@given(st.binary(max_size=100) | st.recursive(st.none() | st.integers(), st.lists).map(msgspec.json.encode))
def test_damaged_recipes_are_refused(payload: bytes) -> None:
    with pytest.raises(BadRecipe):
        recipe.decode(payload)


@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_flipped_byte_is_a_recipe_or_refused(at: int, value: int) -> None:
    payload = bytearray(recipe.encode(RECIPE))
    payload[at % len(payload)] = value
    with contextlib.suppress(BadRecipe):
        assert isinstance(recipe.decode(bytes(payload)), recipe.Recipe)


def test_the_hash_is_of_the_samples_as_sent() -> None:
    """SHA-256 of little-endian float32 `[channels, samples]`, whatever holds them."""
    audio = np.array([[0.0, 0.5], [1.0, -1.0]])
    assert recipe.sha256(audio) == hashlib.sha256(struct.pack("<4f", 0.0, 0.5, 1.0, -1.0)).hexdigest()
    assert recipe.sha256(audio) == recipe.sha256(np.asfortranarray(audio.astype("<f4")))
