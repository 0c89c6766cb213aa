"""The one command must go from nothing to a pack that the product loads, with its figures."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from fakes.script import load
from punchin_server.codecs.loading import load_codec
from punchin_server.models.musicgen.weights import load_adapter, load_lm
from punchin_server.packs import registry
from punchin_train import report
from punchin_train.inpaint.codec import Codec, CodecShape
from punchin_train.inpaint.lm import LmShape
from punchin_train.inpaint.tokens import encode_corpus, silence
from punchin_train.inpaint.windows import TokenCorpus
from punchin_train.songs.corpus import AudioCorpus
from punchin_train.songs.rendering import TRACKS
from punchin_train.songs.songs import EDITIONS

pytestmark = pytest.mark.torch


@pytest.fixture
def make_pack(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("make_pack")
    for name, value in {"SONG_SECONDS": 9.0, "HELD_OUT_SONGS": 2, "WINDOWS": 8}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch speaks of Intel GPUs, once
def test_from_nothing_to_a_pack(make_pack: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = make_pack.Stages(tmp_path, minutes=0.5, songs=4)
    stages.codec_shape = CodecShape(filters=2, latent=8, entries=16)
    stages.lm_shape = LmShape(width=32, layers=3, heads=2, entries=16, window=200, adapter_tokens=2)
    for name in make_pack.SHARES:
        getattr(stages, name)()

    pack = registry.read_pack(stages.pack)
    registry.verify(pack)
    manifest = pack.manifest
    assert (manifest.name, manifest.licence, manifest.window_frames) == ("tiny", "Apache-2.0", 200)
    assert set(manifest.adapters) == {"chord", "drums", "piano"}
    assert manifest.text is None
    assert load_lm(pack.lm).config.card == 16
    assert load_codec(pack.codec).card == 16
    adaptor, gates = load_adapter(stages.pack / "chord.pth")
    assert (tuple(adaptor.shape), tuple(gates.shape)) == ((3, 4, 2, 32), (3, 4))
    assert all(torch.isfinite(tensor).all() for tensor in (adaptor, gates))

    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["original audio: kept chroma"][0] == pytest.approx(1.0, abs=1e-3)
    assert figures["floor: chroma"][0] < figures["original audio: kept chroma"][0]
    for figure in ("chord, own control: chords", "chord, foreign control: foreign chords", "mix SI-SDR"):
        mean, low, high = figures[figure]
        assert low <= mean <= high
    assert "| drums, own control: drum onset F1 |" in capsys.readouterr().out


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_a_finished_pack_is_trained_further(make_pack: ModuleType, tmp_path: Path) -> None:
    """The same tokens mean the same, the language model has moved, the transfer half is kept, the version counts up."""
    before = registry.read_pack(registry.EMBEDDED / "tiny")
    stages = make_pack.Stages(tmp_path, minutes=0.05, songs=4, edition=2, start=before.folder)
    for name in ("data", "codec", "encode", "lm", "adapters", "write"):
        getattr(stages, name)()
    after = registry.read_pack(stages.pack)
    registry.verify(after)
    assert int(after.manifest.version) == int(before.manifest.version) + 1
    assert after.manifest.transfer == before.manifest.transfer
    moved = {new.path for new, old in zip(after.manifest.files, before.manifest.files, strict=True) if new != old}
    assert {after.manifest.base.lm, "chord.pth"} <= moved
    assert not [path for path in moved if path.startswith("transfer/")]
    audio = np.random.default_rng(0).standard_normal((1, 32_000)).astype(np.float32) / 10
    assert np.array_equal(*(load_codec(pack.codec).encode(audio) for pack in (before, after)))


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_training_reads_songs_of_the_second_edition(
    make_pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rendered with their pads, cropped, encoded and cut into windows, as those of the first are."""
    monkeypatch.setattr(make_pack, "SONG_SECONDS", 6.0)
    stages = make_pack.Stages(tmp_path, minutes=0.0, songs=4, edition=2)
    stages.data()
    names = {path.stem for path in (tmp_path / "songs" / "train").iterdir()}
    assert names == {str(EDITIONS[2] + index) for index in range(4)}
    assert {int(path.stem) >= EDITIONS[2] + 9_000_000 for path in (tmp_path / "songs" / "heldout").iterdir()} == {True}
    assert all(len(np.load(path)) == len(TRACKS) for path in (tmp_path / "songs").glob("*/*.npy"))
    assert AudioCorpus(stages.audio / "train", 32_000, seed=0).batch(3).abs().amax() > 0.01
    codec = Codec(CodecShape(filters=2, latent=8, entries=16))
    encode_corpus(codec, stages.audio / "train", stages.tokens / "train", every_control=False)
    batch = TokenCorpus(stages.tokens / "train", silence(codec, 50), 50, seed=0).controlled(2, "drums")
    assert batch.codes.shape == (2, 4, 100)
    assert batch.chords.unique().numel() > 1


LOG = """\
stage codec
codec step 50 24s mel 1.1175 wave 0.0564
codec step 100 60s mel 1.0000 wave 0.0500
decoder step 50 22s mel 0.5653 noise_db -4.45
lm step 25 28s chords 0.051 inpaint 7.627
lm chord step 25 28s inpaint 5.0
"""


def test_logs_become_curves_and_a_picture(tmp_path: Path) -> None:
    found = report.curves(LOG)
    assert found["codec"]["mel"] == [(0.4, 1.1175), (1.0, 1.0)]
    assert found["decoder"]["noise_db"] == [(22 / 60, -4.45)]
    assert found["lm"] == {"chords": [(28 / 60, 0.051)], "inpaint": [(28 / 60, 7.627)]}
    (tmp_path / "log.txt").write_text(LOG)
    report.draw([tmp_path / "log.txt"], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_is_a_row() -> None:
    assert report.line("chords", (0.5, 0.4, 0.6)) == "| chords | 0.500 | 0.400 .. 0.600 |"
