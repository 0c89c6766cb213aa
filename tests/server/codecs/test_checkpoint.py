"""Both checkpoint formats give the same codec; whatever is wrong with a file is said."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes.codec_files import TINY, random_model, save_audiocraft
from punchin_server.codecs.checkpoint import read_checkpoint, to_audiocraft, to_transformers
from punchin_server.codecs.loading import load_codec
from punchin_wire.errors import BadCheckpoint, FileMissing, PackMissing
from safetensors.torch import save_file

pytestmark = pytest.mark.torch


@pytest.fixture
def wav() -> np.ndarray:
    return (np.random.default_rng(1).standard_normal((2, 1003)) * 0.3).astype("f4")


def test_names_map_both_ways() -> None:
    names = list(random_model(TINY).state_dict())
    audiocraft = to_audiocraft(names)
    assert "decoder.model.3.convtr.convtr.weight_g" in audiocraft.values()
    assert "decoder.model.0.conv.conv.weight_v" in audiocraft.values()
    assert {audiocraft[k]: k for k in names} == to_transformers(audiocraft.values())


@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_every_format_gives_the_same_codec(tmp_path: Path, wav: np.ndarray, pad_mode: str) -> None:
    model = random_model(TINY, pad_mode=pad_mode)
    save_audiocraft(model, tmp_path / "compression_state_dict.bin")
    model.save_pretrained(tmp_path / "hf")
    old = tmp_path / "old"
    old.mkdir()
    (old / "config.json").write_text((tmp_path / "hf" / "config.json").read_text())
    new_names = ("parametrizations.weight.original0", "parametrizations.weight.original1")
    torch.save(
        {
            k.replace(new_names[0], "weight_g").replace(new_names[1], "weight_v"): v
            for k, v in model.state_dict().items()
        },
        old / "pytorch_model.bin",
    )
    composite = tmp_path / "musicgen"
    composite.mkdir()
    config = {"model_type": "musicgen", "audio_encoder": model.config.to_dict()}
    (composite / "config.json").write_text(json.dumps(config))
    save_file(
        {"audio_encoder." + k: v for k, v in model.state_dict().items()} | {"decoder.x": torch.zeros(1)},
        composite / "model.safetensors",
    )
    expected = model.quantizer.encode(model.encoder(torch.from_numpy(wav)[:, None])).transpose(0, 1)
    heard = model.decoder(model.quantizer.decode(expected.transpose(0, 1)))[:, 0]
    for path in (tmp_path, tmp_path / "compression_state_dict.bin", tmp_path / "hf", old, composite):
        codec = load_codec(path, backend="torch")
        assert (codec.sample_rate, codec.hop, codec.n_q, codec.card) == (32_000, 8, 4, 32)
        codes = codec.encode(wav)
        assert codes.dtype == torch.int64
        assert codes.shape == (2, 4, 126)
        assert torch.equal(codes, expected)
        np.testing.assert_allclose(codec.decode(codes), heard, atol=1e-5)


def test_half_precision_files_load_as_float32(tmp_path: Path) -> None:
    model = random_model(TINY).half()
    _, state = read_checkpoint(save_audiocraft(model, tmp_path / "c.bin"))
    assert {t.dtype for t in state.values()} == {torch.float32}


def test_a_pointer_is_followed_to_the_folder_beside_it(tmp_path: Path) -> None:
    random_model(TINY).save_pretrained(tmp_path / "encodec_32khz")
    torch.save({"pretrained": "facebook/encodec_32khz", "exported": True}, tmp_path / "compression_state_dict.bin")
    assert load_codec(tmp_path, backend="torch").card == 32


def test_a_pointer_to_a_codec_that_was_never_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    torch.save({"pretrained": "facebook/no-such-codec"}, tmp_path / "c.bin")
    with pytest.raises(PackMissing, match="points to facebook/no-such-codec, which is not on this computer") as caught:
        load_codec(tmp_path / "c.bin")
    assert "hf download facebook/no-such-codec" in caught.value.next_step


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="holds no codec"):
        load_codec(tmp_path)
    with pytest.raises(FileMissing):
        load_codec(tmp_path / "none.bin")


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"best_state": _Trap(), "xp.cfg": ""}, tmp_path / "c.bin")
    with pytest.raises(BadCheckpoint, match="something other than tensors"):
        load_codec(tmp_path / "c.bin")
    (tmp_path / "plain.bin").write_bytes(pickle.dumps(_Trap()))
    with pytest.raises(BadCheckpoint):
        load_codec(tmp_path / "plain.bin")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("keep", [0, 1, 100, 5000, -1])
def test_a_cut_off_file_is_named(tmp_path: Path, keep: int) -> None:
    path = save_audiocraft(random_model(TINY), tmp_path / "c.bin")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadCheckpoint, match=r"c\.bin"):
        load_codec(path)


def test_a_cut_off_safetensors_file_is_named(tmp_path: Path) -> None:
    random_model(TINY).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadCheckpoint, match=r"model\.safetensors"):
        load_codec(tmp_path)


def test_settings_that_do_not_fit_the_tensors(tmp_path: Path) -> None:
    path = save_audiocraft(random_model(TINY), tmp_path / "c.bin", n_filters=6)
    with pytest.raises(BadCheckpoint, match=r"other shapes, first: .* is \[4, 1, 1\], not \[6, 1, 1\]"):
        load_codec(path)


def test_missing_and_unknown_tensors(tmp_path: Path) -> None:
    path = save_audiocraft(random_model(TINY), tmp_path / "c.bin")
    package = torch.load(path, weights_only=True)
    package["best_state"]["encoder.model.0.conv.conv.biass"] = package["best_state"].pop(
        "encoder.model.0.conv.conv.bias"
    )
    torch.save(package, path)
    with pytest.raises(BadCheckpoint, match=r"1 tensors are missing, first encoder\.layers\.0\.conv\.bias; 1 .*biass"):
        load_codec(path)


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    model = random_model(TINY)
    model.quantizer.layers[1].codebook.embed[3, 2] = float("nan")
    with pytest.raises(BadCheckpoint, match="NaN"):
        load_codec(save_audiocraft(model, tmp_path / "c.bin"))


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ([], "not a table"),
        ({"model": {}}, "not an audiocraft export"),
        ({"xp.cfg": "{}"}, "holds a NoneType"),
        ({"best_state": {}, "xp.cfg": "a: [", "version": "1"}, "not YAML"),
        ({"best_state": {}, "xp.cfg": "just text"}, "not a table of settings"),
        ({"best_state": {}, "xp.cfg": "seanet: {n_filters: many}"}, "describes no EnCodec: .*num_filters"),
        ({"best_state": {}, "xp.cfg": "seanet: {lstm: 0}"}, "describes no EnCodec: .*num_lstm_layers"),
        ({"best_state": {}, "xp.cfg": "encodec: {causal: true}"}, "encodec.causal = True"),
        ({"best_state": {}, "xp.cfg": "encodec: {channels: 2}"}, "encodec.channels = 2"),
        ({"best_state": {}, "xp.cfg": "seanet: {decoder: {final_activation: Tanh}}"}, "ends in an activation"),
        ({"best_state": {"a": 3}, "xp.cfg": "{}"}, "'a' is a int, not a tensor"),
    ],
)
def test_what_is_no_codec(tmp_path: Path, package: Any, says: str) -> None:
    torch.save(package, tmp_path / "c.bin")
    with pytest.raises(BadCheckpoint, match=says):
        load_codec(tmp_path / "c.bin")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("{", "not JSON"),
        ('{"model_type": "t5"}', "describes a 't5' model"),
        ('{"model_type": "encodec", "use_causal_conv": true}', "use_causal_conv = True"),
        ('{"model_type": "encodec", "num_filters": "many"}', "describes no EnCodec"),
    ],
)
def test_a_folder_of_another_model(tmp_path: Path, config: str, says: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(BadCheckpoint, match=says):
        load_codec(tmp_path)
