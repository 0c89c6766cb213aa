"""The one command must go from nothing to a pack that the product loads, with its figures."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from punchin_server import registry
from punchin_server.codecs.encodec import load_codec
from punchin_server.weights import load_adapter, load_lm
from punchin_train import report
from punchin_train.codec import CodecShape
from punchin_train.lm import LmShape

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_pack.py"


@pytest.fixture
def make_pack(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pack", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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


LOG = """\
stage codec
codec step 50 24s mel 1.1175 wave 0.0564
codec step 100 60s mel 1.0000 wave 0.0500
lm step 25 28s chords 0.051 inpaint 7.627
lm chord step 25 28s inpaint 5.0
"""


def test_logs_become_curves_and_a_picture(tmp_path: Path) -> None:
    found = report.curves(LOG)
    assert found["codec"]["mel"] == [(0.4, 1.1175), (1.0, 1.0)]
    assert found["lm"] == {"chords": [(28 / 60, 0.051)], "inpaint": [(28 / 60, 7.627)]}
    (tmp_path / "log.txt").write_text(LOG)
    report.draw([tmp_path / "log.txt"], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_is_a_row() -> None:
    assert report.line("chords", (0.5, 0.4, 0.6)) == "| chords | 0.500 | 0.400 .. 0.600 |"
