"""Loaders are strict: what does not fit is one clear error, what fits comes back the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from punchin_server.models.musicgen import weights
from punchin_server.models.musicgen.airgen import AdapterWeights
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_server.packs.tensor_files import only_tensors
from punchin_wire.errors import BadCheckpoint, FileMissing
from safetensors.torch import save_file

pytestmark = pytest.mark.torch

CONFIG = LMConfig(layers=2, width=32, heads=4, card=16, text_width=8)
XP_CFG = "transformer_lm: {n_q: 4, card: 16, dim: 32, num_heads: 4, num_layers: 2}"
HF_CONFIG = {
    "model_type": "musicgen",
    "text_encoder": {"d_model": 8},
    "decoder": {
        "vocab_size": 16,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 128,
        "num_codebooks": 4,
    },
}


@pytest.fixture
def lm() -> MusicGen:
    torch.manual_seed(0)
    return MusicGen(CONFIG, max_steps=16).eval()


@pytest.fixture
def exported(lm: MusicGen, tmp_path: Path) -> Path:
    """An audiocraft export of `lm`."""
    state = weights.scatter(lm.state_dict(), weights.audiocraft_pieces(CONFIG))
    torch.save({"best_state": state, "xp.cfg": XP_CFG}, tmp_path / "state_dict.bin")
    return tmp_path / "state_dict.bin"


@pytest.fixture
def twin(lm: MusicGen, tmp_path: Path) -> Path:
    """The Hugging Face twin, with a file's other parts and its stored positions."""
    state = weights.scatter(lm.state_dict(), weights.transformers_pieces(CONFIG))
    state["decoder.model.decoder.embed_positions.weights"] = torch.zeros(4, 32)
    state["text_encoder.shared.weight"] = torch.zeros(4, 8)
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(HF_CONFIG), "utf-8")
    return tmp_path


def same(a: MusicGen, b: MusicGen) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_audiocraft_export_comes_back(lm: MusicGen, exported: Path) -> None:
    assert same(weights.load_lm(exported), lm)
    assert same(weights.load_lm(exported.parent), lm)


def test_hugging_face_folder_comes_back(lm: MusicGen, twin: Path) -> None:
    assert same(weights.load_lm(twin), lm)


def test_half_precision_keeps_exact_positions(exported: Path, lm: MusicGen) -> None:
    loaded = weights.load_lm(exported, dtype=torch.bfloat16, max_steps=16)
    assert loaded.emb.weight.dtype == torch.bfloat16
    assert torch.equal(loaded.positions, lm.positions)


def damage(path: Path, change: str) -> None:
    package = torch.load(path, weights_only=True)
    state = package["best_state"]
    match change:
        case "missing":
            del state["out_norm.bias"]
        case "unknown":
            state["transformer.layers.2.norm1.bias"] = torch.zeros(32)
        case "shape":
            state["linears.3.weight"] = torch.zeros(17, 32)
        case "nan":
            state["out_norm.bias"][3] = torch.nan
        case "no text":
            del state[f"{weights.TEXT_PROJECTION}.weight"]
        case "not tensors":
            state["out_norm.bias"] = [1, 2]
        case "no cfg":
            del package["xp.cfg"]
        case "other model":
            package["xp.cfg"] = "compression_model: encodec"
        case "melody":
            state["condition_provider.conditioners.self_wav.output_proj.weight"] = torch.zeros(32, 12)
        case "stereo":
            package["xp.cfg"] = XP_CFG + "\ninterleave_stereo_codebooks: {use: true, per_timestep: false}"
        case "magnet":
            package["xp.cfg"] = XP_CFG + "\nlm_model: transformer_lm_magnet"
        case "rope":
            package["xp.cfg"] = XP_CFG.replace("n_q", "positional_embedding: rope, n_q")
        case "no size":
            package["xp.cfg"] = XP_CFG.replace("dim: 32, ", "")
        case "heads":
            package["xp.cfg"] = XP_CFG.replace("num_heads: 4", "num_heads: 5")
        case "broken yaml":
            package["xp.cfg"] = "transformer_lm: {"
        case "no state":
            package = {"xp.cfg": XP_CFG}
    torch.save(package, path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("missing", "lacks out_norm.bias"),
        ("unknown", r"holds transformer\.layers\.2\.norm1\.bias"),
        ("shape", r"linears\.3\.weight \(17, 32\) for \(16, 32\)"),
        ("nan", "out_norm.bias holds values that are not numbers"),
        ("no text", "lacks condition_provider"),
        ("not tensors", "is a list, not a tensor"),
        ("no cfg", "no xp.cfg"),
        ("other model", "no transformer_lm"),
        ("melody", "is a musicgen-melody"),
        ("stereo", "is a stereo MusicGen"),
        ("magnet", "'transformer_lm_magnet', which does not write one frame after the other"),
        ("rope", "positional_embedding = 'rope'"),
        ("no size", "no size"),
        ("heads", "does not divide"),
        ("broken yaml", "not YAML"),
        ("no state", "NoneType"),
    ],
)
def test_wrong_checkpoint_is_one_clear_error(exported: Path, change: str, says: str) -> None:
    damage(exported, change)
    with pytest.raises(BadCheckpoint, match=says):
        weights.load_lm(exported)


def test_cut_off_or_missing_files(exported: Path, tmp_path: Path) -> None:
    exported.write_bytes(exported.read_bytes()[:1000])
    with pytest.raises(BadCheckpoint, match=r"state_dict\.bin"):
        weights.load_lm(exported)
    with pytest.raises(FileMissing):
        weights.load_lm(tmp_path / "nowhere")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_one_number_that_is_none_is_found(dtype: torch.dtype, bad: float) -> None:
    """Wherever it stands; and many large numbers, whose sum half precision could not hold, are none."""
    for place in (0, 1, 17, 4095, 4999):
        tensor = torch.full((5000,), 3.0, dtype=dtype)
        tensor[place] = bad
        with pytest.raises(BadCheckpoint, match="not numbers"):
            only_tensors({"x": tensor}, "file")
    fine = {"x": torch.full((5000,), 60000.0, dtype=dtype), "empty": torch.zeros(0, dtype=dtype)}
    assert only_tensors(fine, "file") is fine


def test_pickle_with_code_is_not_opened(tmp_path: Path) -> None:
    torch.save({"best_state": Path("x")}, tmp_path / "state_dict.bin")
    with pytest.raises(BadCheckpoint, match="not opened"):
        weights.load_lm(tmp_path)


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"model_type": "llama"}, "'llama'"),
        ({"model_type": "musicgen_melody"}, "is a musicgen-melody"),
        (HF_CONFIG | {"decoder": HF_CONFIG["decoder"] | {"audio_channels": 2}}, "stereo"),  # type: ignore[operator]
        (HF_CONFIG | {"decoder": HF_CONFIG["decoder"] | {"ffn_dim": 64}}, "feed-forward"),  # type: ignore[operator]
        (HF_CONFIG | {"decoder": HF_CONFIG["decoder"] | {"num_hidden_layers": 3}}, "lacks"),  # type: ignore[operator]
    ],
)
def test_wrong_hugging_face_folder(twin: Path, described: dict[str, object], says: str) -> None:
    (twin / "config.json").write_text(json.dumps(described), "utf-8")
    with pytest.raises(BadCheckpoint, match=says):
        weights.load_lm(twin)


def test_adapter_round_trip_with_the_published_keys(tmp_path: Path) -> None:
    adapter = AdapterWeights(torch.randn(2, 4, 10, 32), torch.randn(2, 4))
    torch.save(adapter._asdict(), tmp_path / "chord.pth")
    assert torch.load(tmp_path / "chord.pth", weights_only=True).keys() == {"adaptor", "gates"}
    loaded = weights.load_adapter(tmp_path / "chord.pth")
    assert torch.equal(loaded.adaptor, adapter.adaptor)
    assert torch.equal(loaded.gates, adapter.gates)


def test_adapter_with_prefix_and_repeated_layers(tmp_path: Path) -> None:
    adaptor, gates = torch.randn(2, 4, 10, 32), torch.randn(2, 4)
    state = {"icl_adaptor.adaptor": adaptor, "icl_adaptor.gates": gates, "icl_adaptor.layers.0.norm1.bias": gates}
    torch.save(state, tmp_path / "chord.pth")
    assert torch.equal(weights.load_adapter(tmp_path / "chord.pth").gates, gates)


def test_adapter_in_safetensors(tmp_path: Path) -> None:
    adapter = AdapterWeights(torch.randn(2, 4, 10, 32), torch.randn(2, 4))
    save_file(adapter._asdict(), tmp_path / "chord.safetensors")
    assert torch.equal(weights.load_adapter(tmp_path / "chord.safetensors").adaptor, adapter.adaptor)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"adaptor": torch.zeros(2, 4, 3, 32)}, "holds adaptor; an"),
        ({}, "nothing"),
        ({"adaptor": torch.zeros(2, 3, 3, 32), "gates": torch.zeros(2, 3)}, r"\(2, 3, 3, 32\)"),
        ({"adaptor": torch.zeros(2, 4, 3, 32), "gates": torch.zeros(3, 4)}, r"\(3, 4\)"),
        ({"adaptor": torch.full((2, 4, 3, 32), torch.inf), "gates": torch.zeros(2, 4)}, "not numbers"),
        ({"adaptor": "x", "gates": torch.zeros(2, 4)}, "is a str"),
    ],
)
def test_wrong_adapter_file(tmp_path: Path, state: dict[str, object], says: str) -> None:
    torch.save(state, tmp_path / "chord.pth")
    with pytest.raises(BadCheckpoint, match=says):
        weights.load_adapter(tmp_path / "chord.pth")
