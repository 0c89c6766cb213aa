"""Packs are found in the stated order, validated strictly, and never reach outside their folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from punchin_server.packs import registry
from punchin_server.packs.registry import Broken, Pack
from punchin_wire.errors import PackCorrupt, PackMissing, Unsupported


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer without packs: an own home, nothing embedded, an empty hub cache."""
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUNCHIN_PACKS", raising=False)
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "home" / "data" / "packs"


def make(folder: Path, **changes: Any) -> dict[str, Any]:
    """A pack of three small files in `folder`, its manifest changed as given; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"state_dict.bin": b"language", "compression_state_dict.bin": b"codec", "chord.pth": b"adapter"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    manifest: dict[str, Any] = {
        "name": folder.name,
        "version": "1",
        "licence": "Apache-2.0",
        "source": "made here",
        "created": "2026-01-01",
        "base": {"lm": "state_dict.bin", "codec": "compression_state_dict.bin"},
        "adapters": {"chord": "chord.pth"},
        "text": None,
        "soundfont": None,
        "window_frames": 250,
        "sampling": {"temperature": 0.9, "top_k": 30, "cfg": 1.0},
        "files": [
            {"path": name, "size": len(content), "sha256": registry.sha256(folder / name)}
            for name, content in files.items()
        ],
    } | changes
    (folder / registry.MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return manifest


def test_find_gives_the_files(home: Path) -> None:
    make(home / "demo")
    pack = registry.find("demo")
    assert pack.lm.read_bytes() == b"language"
    assert pack.codec.read_bytes() == b"codec"
    assert pack.adapter("chord") == home / "demo" / "chord.pth"
    assert pack.adapter("drums") is None
    assert (pack.text, pack.soundfont) == (None, None)
    assert pack.manifest.sampling == registry.SamplingDefaults(0.9, 30, 1.0)
    assert pack.hashes(["chord.pth"])["chord.pth"] == registry.sha256(home / "demo" / "chord.pth")
    registry.verify(pack)


def test_manifests_keep_the_keys_that_packs_were_published_with(home: Path) -> None:
    """`cfg` and `strikes` in the file; what they are called here has changed."""
    make(home / "demo", strikes="compat")
    manifest = registry.find("demo").manifest
    assert (manifest.sampling.guidance, manifest.chord_rhythm) == (1.0, "compat")
    registry.write_manifest(home / "demo", manifest)
    written = msgspec.json.decode((home / "demo" / registry.MANIFEST).read_bytes())
    assert (written["sampling"]["cfg"], written["strikes"]) == (1.0, "compat")
    assert registry.find("demo").manifest == manifest


def test_search_order(home: Path, tmp_path: Path) -> None:
    """PUNCHIN_PACKS before the user's folder before what came with Punchin; a pack or a folder of packs each."""
    make(tmp_path / "embedded" / "tiny", version="embedded")
    make(home / "tiny", version="user")
    make(tmp_path / "one" / "tiny", version="env")
    make(tmp_path / "many" / "big")
    assert registry.find("tiny").manifest.version == "user"
    env = {"PUNCHIN_PACKS": os.pathsep.join([str(tmp_path / "one" / "tiny"), str(tmp_path / "many"), "/nowhere"])}
    assert registry.find("tiny", env).manifest.version == "env"
    assert [p.name for p in registry.installed(env)] == ["tiny", "big"]


def test_a_pack_that_is_not_there(home: Path) -> None:
    make(home / "demo")
    with pytest.raises(PackMissing, match=r"no pack called 'other'. Installed: demo\."):
        registry.find("other")


def test_a_damaged_pack_hides_no_other(home: Path) -> None:
    make(home / "good")
    (home / "bad").mkdir()
    (home / "bad" / "manifest.json").write_text("{")
    (home / "gone.folder").write_text(str(home / "nowhere"))
    by_name = {p.name: p for p in registry.installed()}
    assert isinstance(by_name["good"], Pack)
    assert isinstance(by_name["bad"], Broken)
    assert isinstance(by_name["gone"], Broken)
    with pytest.raises(PackCorrupt, match=r"manifest in .*bad is wrong"):
        registry.find("bad")
    with pytest.raises(PackMissing, match="nowhere"):
        registry.find("gone")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "../up"}, "name"),
        ({"name": "Big Pack"}, "name"),
        ({"base": None}, "neither"),
        ({"transfer": {"base": "../x"}}, "leaves the folder"),
        ({"transfer": {"base": "x", "adapter": "chord.pth"}}, "AudioMAE"),
        ({"transfer": {"base": "x", "audiomae": "chord.pth"}}, "AudioMAE"),
        ({"transfer": {"base": "nowhere"}}, "'nowhere' is used, but no file of it is listed"),
        ({"transfer": {"base": "chord.pth", "steps": 0}}, "steps"),
        ({"transfer": {"base": "chord.pth", "scheduler": "euler"}}, "euler"),
        ({"window_frames": 0}, "window_frames"),
        ({"window_frames": "250"}, "window_frames"),
        ({"sampling": {"temperature": 0}}, "temperature"),
        ({"sampling": {"top_p": 0.5}}, "top_p"),
        ({"adapters": {"violin": "chord.pth"}}, "violin"),
        ({"extra": 1}, "extra"),
        ({"base": {"lm": "state_dict.bin"}}, "codec"),
        ({"adapters": {"chord": "../chord.pth"}}, "leaves the folder"),
        ({"adapters": {"chord": "/etc/passwd"}}, "leaves the folder"),
        ({"adapters": {"chord": "C:/windows/x"}}, "leaves the folder"),
        ({"adapters": {"chord": "..\\x"}}, "leaves the folder"),
        ({"files": [{"path": "a/../../x", "size": 1, "sha256": "0" * 64}]}, "leaves the folder"),
        ({"files": []}, "no file of it is listed"),
        ({"files": [{"path": "a", "size": -1, "sha256": "0" * 64}]}, "size"),
        ({"files": [{"path": "a", "size": 1, "sha256": "zz"}]}, "sha256"),
        ({"files": [{"path": "a", "size": 1, "sha256": "0" * 64}] * 2}, "listed twice"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(home: Path, changes: dict[str, Any], says: str) -> None:
    make(home / "demo", **changes)
    with pytest.raises(PackCorrupt, match=says):
        registry.read_pack(home / "demo")


def test_a_pointer_that_a_power_failure_emptied(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "lost.folder").write_bytes(bytes(20))
    broken = next(entry for entry in registry.installed() if entry.name == "lost")
    assert isinstance(broken, Broken)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"\xff\xfe", b'{"name": "\xff"}', b"[" * 100_000])
def test_what_is_no_manifest(home: Path, text: bytes) -> None:
    make(home / "demo")
    (home / "demo" / "manifest.json").write_bytes(text)
    with pytest.raises(PackCorrupt):
        registry.read_pack(home / "demo")


def test_cut_off_and_missing_files_are_named_at_once(home: Path) -> None:
    make(home / "demo")
    (home / "demo" / "chord.pth").write_bytes(b"adap")
    with pytest.raises(PackCorrupt, match=r"chord\.pth of the pack demo has 4 bytes, not 7"):
        registry.find("demo")
    (home / "demo" / "chord.pth").unlink()
    with pytest.raises(PackCorrupt, match=r"chord\.pth of the pack demo is missing"):
        registry.find("demo")


def test_verify_reads_what_is_in_the_files(home: Path) -> None:
    make(home / "demo")
    (home / "demo" / "chord.pth").write_bytes(b"ADAPTER")
    pack = registry.find("demo")
    with pytest.raises(PackCorrupt, match=r"chord\.pth of the pack demo differs"):
        registry.verify(pack)


def test_hub_references(home: Path, tmp_path: Path) -> None:
    make(home / "demo", text="hub:google-t5/t5-base")
    pack = registry.find("demo")
    with pytest.raises(PackMissing, match="google-t5/t5-base is not on this computer"):
        registry.verify(pack)
    cache = tmp_path / "hub" / "models--google-t5--t5-base"
    (cache / "snapshots" / "abc").mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    (cache / "snapshots" / "abc" / "config.json").write_text("{}")
    assert pack.text == cache / "snapshots" / "abc"
    registry.verify(pack)


def test_licences_say_what_they_ask(home: Path) -> None:
    make(home / "demo", licence="CC-BY-NC-4.0")
    assert "NON-COMMERCIAL" in registry.find("demo").licence
    make(home / "own", licence="Our own")
    assert registry.find("own").licence == "Our own"


MOVES = {"base": "state_dict.bin", "audiomae": "compression_state_dict.bin", "adapter": "chord.pth"}


@pytest.mark.parametrize(
    ("changes", "engines"),
    [
        ({}, ("inpaint",)),
        ({"base": None, "adapters": {}, "transfer": MOVES}, ("transfer",)),
        ({"transfer": MOVES}, ("inpaint", "transfer")),
    ],
)
def test_a_pack_has_either_half_or_both(home: Path, changes: dict[str, Any], engines: tuple[str, ...]) -> None:
    make(home / "demo", **changes)
    pack = registry.find("demo")
    assert pack.manifest.engines == engines
    for name, half in (("inpaint", "base"), ("transfer", "transfer")):
        if name in engines:
            assert getattr(pack, half)
        else:
            with pytest.raises(Unsupported) as caught:
                getattr(pack, half)
            assert "--pack" in caught.value.next_step
    registry.verify(pack)


def test_a_recipe_names_the_files_of_the_half_that_worked(home: Path) -> None:
    make(home / "demo", adapters={}, transfer={"base": "chord.pth"}, soundfont=None)
    pack = registry.find("demo")
    assert pack.hashes(pack.manifest.inpaint_references()).keys() == {"state_dict.bin", "compression_state_dict.bin"}
    assert pack.hashes(pack.transfer.references()).keys() == {"chord.pth"}


def test_how_noise_is_taken_away_where_nobody_says(home: Path) -> None:
    make(home / "demo", transfer=MOVES)
    assert (registry.find("demo").transfer.scheduler, registry.find("demo").transfer.steps) == ("dpm++", 20)
    make(home / "slow", transfer=MOVES | {"scheduler": "ddim", "steps": 50})
    assert (registry.find("slow").transfer.scheduler, registry.find("slow").transfer.steps) == ("ddim", 50)


def test_a_manifest_is_written_whole(tmp_path: Path) -> None:
    manifest = msgspec.convert(make(tmp_path / "demo"), registry.Manifest)
    registry.write_manifest(tmp_path / "demo", manifest)
    assert registry.read_pack(tmp_path / "demo").manifest == manifest
    assert not list((tmp_path / "demo").glob("manifest.json.*"))
