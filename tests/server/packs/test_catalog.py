"""Every entry of the catalog is whole, and what it names becomes a pack, whatever else lies beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.sources import Sources
from punchin_server.packs import catalog, cli, licences, loadable, registry
from punchin_server.packs.layouts import chosen, layout_of
from punchin_wire.errors import PackCorrupt, Unsupported

T5 = [
    ".gitattributes",
    "README.md",
    "config.json",
    "flax_model.msgpack",
    "generation_config.json",
    "model.safetensors",
    "pytorch_model.bin",
    "rust_model.ot",
    "spiece.model",
    "tf_model.h5",
    "tokenizer.json",
]
MUSICGEN = [
    "README.md",
    "compression_state_dict.bin",
    "config.json",
    "model.safetensors",
    "state_dict.bin",
    "tokenizer.json",
]
AUDIOLDM2 = [
    "README.md",
    "model_index.json",
    "feature_extractor/preprocessor_config.json",
    "language_model/config.json",
    "language_model/model.safetensors",
    "language_model/pytorch_model.bin",
    "projection_model/config.json",
    "projection_model/diffusion_pytorch_model.bin",
    "projection_model/diffusion_pytorch_model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "text_encoder_2/config.json",
    "text_encoder_2/model-00001-of-00002.safetensors",
    "text_encoder_2/model-00002-of-00002.safetensors",
    "text_encoder_2/model.safetensors.index.json",
    "text_encoder_2/pytorch_model.bin",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer.json",
    "tokenizer/vocab.json",
    "tokenizer_2/spiece.model",
    "tokenizer_2/tokenizer.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.bin",
    "vae/diffusion_pytorch_model.safetensors",
    "vocoder/config.json",
    "vocoder/model.safetensors",
    "vocoder/pytorch_model.bin",
]


@pytest.mark.parametrize("name", catalog.entries({}))
def test_an_entry_says_all_that_a_musician_must_know(name: str) -> None:
    entry = catalog.entries({})[name]
    assert entry.name == name
    for part in entry.parts:
        assert part.licence in licences.LICENCES or part.licence == licences.UNSTATED
        assert part.licence_url.startswith("https://")
    stricter = [part.licence for part in entry.parts if part.licence not in licences.FREE]
    assert entry.manifest["licence"] in ([*stricter] or licences.FREE)
    assert set(entry.need) <= {"float32", "float16", "bfloat16", "int8"}


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.entries({}))
def test_an_entry_becomes_a_pack(
    name: str, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As published, but for the contents, which are ours."""
    monkeypatch.setattr(loadable, "OPENING", ("true",))
    entry = json.loads(msgspec.json.encode(catalog.entries({})[name]))
    for part in entry["parts"]:
        _publish(part, sources)
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / f"{name}.json").write_text(json.dumps(entry))
    accept = [word for part in entry["parts"] for word in ("--accept", part["licence"])]
    assert cli.main(["pull", name, *accept, "--json"]) == 0, capsys.readouterr()
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])["packs"]
    assert row["state"] == "ok"
    pack = registry.find(name)
    registry.verify(pack)
    if pack.manifest.base:
        assert (pack.lm / "state_dict.bin").is_file()
        assert (pack.codec / "compression_state_dict.bin").is_file()
        assert pack.text
        assert (pack.text / "spiece.model").is_file()
    if pack.manifest.transfer:
        assert (pack.resolve(pack.transfer.base) / "text_encoder_2" / "model.safetensors.index.json").is_file()


def _publish(part: dict[str, Any], sources: Sources) -> None:
    source = part["source"]
    for file in part["files"]:
        file["size"] = file["sha256"] = None
        file["at_most"] = 10_000
    if source.startswith("hub:"):
        repo = source.removeprefix("hub:")
        names = T5 if "t5" in repo else MUSICGEN if "musicgen" in repo else AUDIOLDM2
        sources.files |= {(repo, name): f"{repo}/{name}".encode() * 50 for name in names}
    elif source.startswith("drive:"):
        sources.drive[source.removeprefix("drive:")] = source.encode() * 50
    else:
        name = part["files"][0]["path"]
        sources.plain[name], part["source"] = source.encode() * 50, f"{sources.cdn_url}/plain/{name}"


def test_of_each_model_one_kind_of_weights_is_taken() -> None:
    taken = chosen(AUDIOLDM2, layout_of(AUDIOLDM2, "r"), "r")
    assert set(AUDIOLDM2) - set(taken) == {
        "README.md",
        "language_model/pytorch_model.bin",
        "projection_model/diffusion_pytorch_model.bin",
        "text_encoder/pytorch_model.bin",
        "text_encoder_2/pytorch_model.bin",
        "unet/diffusion_pytorch_model.bin",
        "vae/diffusion_pytorch_model.bin",
        "vocoder/pytorch_model.bin",
    }
    small = ["config.json", "generation_config.json", "model.safetensors", "spiece.model", "tokenizer.json"]
    assert chosen(T5, "transformers", "r") == small
    assert chosen(MUSICGEN, layout_of(MUSICGEN, "r"), "r") == ["compression_state_dict.bin", "state_dict.bin"]


def test_shards_in_half_precision_are_taken_where_there_is_nothing_else() -> None:
    shards = [f"model.fp16-0000{i}-of-00002.safetensors" for i in (1, 2)]
    assert chosen(
        ["config.json", "model.safetensors.index.fp16.json", *shards, "flax.msgpack"], "transformers", "r"
    ) == [
        "config.json",
        "model.safetensors.index.fp16.json",
        *shards,
    ]


def test_a_model_without_weights_that_we_read_is_refused() -> None:
    with pytest.raises(Unsupported, match="no weights"):
        chosen(["config.json", "tf_model.h5"], "transformers", "r")
    with pytest.raises(Unsupported, match="no weights in unet/"):
        chosen(["model_index.json", "unet/config.json", "unet/other.bin"], "diffusers", "r")
    with pytest.raises(Unsupported, match="no model that Punchin knows"):
        layout_of(["README.md"], "r")
    with pytest.raises(Unsupported, match=r"holds no compression_state_dict\.bin"):
        chosen(["state_dict.bin"], "audiocraft", "r")


def test_a_catalog_of_ones_own_is_read_first(tmp_path: Path) -> None:
    entry = json.loads(msgspec.json.encode(catalog.entries({})["soundfont"])) | {"title": "mine"}
    (tmp_path / "soundfont.json").write_text(json.dumps(entry))
    assert catalog.entries({"PUNCHIN_CATALOG": str(tmp_path)})["soundfont"].title == "mine"
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(PackCorrupt, match=r"bad\.json is no entry"):
        catalog.entries({"PUNCHIN_CATALOG": str(tmp_path)})


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../../x.pth", "leaves the folder"),
        ("/etc/x.pth", "leaves the folder"),
        ("C:\\x.pth", "leaves the folder"),
        ("x\x1b[31m.pth", "leaves the folder"),
        ("manifest.json", "one place"),
        ("Manifest.JSON", "one place"),
    ],
)
def test_a_catalog_of_others_names_no_place_outside_a_pack(tmp_path: Path, path: str, says: str) -> None:
    part = {"source": "drive:ID", "licence": "MIT", "licence_url": "x", "files": [{"path": path, "at_most": 9}]}
    entry = {"name": "evil", "title": "x", "bytes": 9, "parts": [part], "manifest": {}}
    (tmp_path / "evil.json").write_text(json.dumps(entry))
    with pytest.raises(PackCorrupt, match=says):
        catalog.entries({"PUNCHIN_CATALOG": str(tmp_path)})


@pytest.mark.parametrize("name", ["../../x", "a/b", ".", "x" * 300, "Ä"])
def test_an_entry_has_the_name_of_a_folder(tmp_path: Path, name: str) -> None:
    part = {"source": "hub:a/b", "licence": "MIT", "licence_url": "x", "layout": "diffusers"}
    entry = {"name": name, "title": "x", "bytes": 9, "parts": [part], "manifest": {}}
    (tmp_path / "evil.json").write_text(json.dumps(entry))
    with pytest.raises(PackCorrupt, match="name"):
        catalog.entries({"PUNCHIN_CATALOG": str(tmp_path)})


@pytest.mark.parametrize(
    ("count", "says"),
    [(20, "20 bytes"), (230_444, "230 kB"), (2_500_000, "2.5 MB"), (215_614_036, "216 MB"), (7.9e9, "7.9 GB")],
)
def test_sizes_are_said_as_disks_are_sold(count: float, says: str) -> None:
    assert catalog.size(count) == says
