"""The ReaPack index, and the headers it is made of."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from fakes.script import ROOT, load
from punchin_bridge.hosts.installers import install, reaper
from punchin_wire import VERSION

URL = "https://example.org/punchin/v1"
ACTIONS = sorted((ROOT / "plugin_host" / "reaper").glob("*.lua"))


@pytest.fixture(scope="module")
def make() -> Any:
    return load("make_reapack")


def test_the_index_holds_what_the_installer_installs(make: Any, tmp_path: Path) -> None:
    root = ET.fromstring(make.index(URL + "/", datetime(2026, 11, 25, 10, tzinfo=UTC)))
    assert (root.tag, root.get("version")) == ("index", "1")
    [category] = root
    [package] = category
    [version] = package
    assert (package.get("type"), version.get("name"), version.get("time")) == (
        "script",
        VERSION,
        "2026-11-25T10:00:00Z",
    )
    folder = PurePosixPath("Scripts", root.get("name") or "", category.get("name") or "")
    wanted = reaper.INSTALLER.files(install.scripts(), install.Config(tmp_path, ("punchin",)))
    listed = {folder / (source.get("file") or ""): source for source in version}
    assert set(listed) == set(wanted) - {PurePosixPath("punchin.json")}
    for path, source in listed.items():
        assert source.get("hash") == "1220" + sha256(wanted[path]).hexdigest()
        assert (source.get("main") == "main") == (path.parent == folder)
        local = ROOT / unquote((source.text or "").removeprefix(URL + "/"))
        assert local.read_bytes() == wanted[path]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_every_action_has_a_header(make: Any, path: Path) -> None:
    tags = make.header(path.read_text(encoding="utf-8"))
    assert (tags["version"], tags["author"]) == (VERSION, "Punchin")
    assert tags["description"].startswith("Punchin: ")
    assert tags["about"]
    if path.name == make.PACKAGE:
        assert "noindex" not in tags
    else:
        assert "noindex" in tags  # it comes with the package
        assert path.stem == tags["description"].replace(": ", "_")


def test_scripts_say_their_version_once(make: Any) -> None:  # noqa: ARG001
    here = (ROOT / "plugin_host/reaper/lib/here.lua").read_text(encoding="utf-8")
    assert re.search(r'local VERSION = "(.*)"', here)[1] == VERSION  # type: ignore[index]


def test_a_file_that_is_not_there_stops_the_release(make: Any) -> None:
    with pytest.raises(SystemExit, match="no such file"):
        list(make.parts("[main] Nothing_*.lua"))
