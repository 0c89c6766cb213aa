"""The plug-in lies where the system looks for plug-ins, knows where the bridge is, and is built once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from punchin_bridge.hosts.installers import plugin
from punchin_bridge.hosts.installers.install import Config, Surroundings, check, find, install, uninstall
from punchin_bridge.hosts.installers.plugin import INSTALLER
from punchin_wire.errors import BadSetting


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.platform", "linux")
    return Config(tmp_path / "spool", ("punchin", "bridge"))


class Builder:
    """Stands for CMake: what it was asked for, and bundles where it was asked to put them."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.makes = True

    def __call__(self, command: list[str], log: Path) -> None:
        self.asked.append(command)
        log.write_text("said")
        if command[1] == "--build" and self.makes:
            put_bundles(Path(command[2]) / "bin")


def put_bundles(folder: Path) -> None:
    for name in ("Punchin", "PunchinChords"):
        binary = folder / f"{name}.vst3" / "Contents" / "x86_64-linux" / f"{name}.so"
        binary.parent.mkdir(parents=True)
        binary.write_bytes(b"\x7fELF vst3")
        (folder / f"{name}.clap").write_bytes(b"\x7fELF clap")


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    found = Builder()
    monkeypatch.setattr(plugin, "_run", found)
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")
    return found


def test_where_systems_look() -> None:
    home = Path("/home/me")
    mac = Surroundings("darwin", home, {})
    windows = Surroundings("win32", home, {"LOCALAPPDATA": "/local"})
    assert find("plugin").folders(Surroundings("linux", home, {})) == (home,)
    assert INSTALLER.folders(mac) == (home / "Library" / "Audio" / "Plug-Ins",)
    assert INSTALLER.folders(windows) == (Path("/local/Programs/Common"),)
    with pytest.raises(BadSetting):
        INSTALLER.folders(Surroundings("sunos5", home, {}))


def test_bundles_lie_where_hosts_look_and_know_the_bridge(tmp_path: Path, config: Config, builder: Builder) -> None:
    written = install(INSTALLER, (tmp_path,), config)
    assert {str(PurePosixPath(path.relative_to(tmp_path))) for path in written} == {
        ".vst3/Punchin.vst3/Contents/x86_64-linux/Punchin.so",
        ".vst3/Punchin.vst3/Contents/Resources/punchin.json",
        ".vst3/PunchinChords.vst3/Contents/x86_64-linux/PunchinChords.so",
        ".vst3/PunchinChords.vst3/Contents/Resources/punchin.json",
        ".clap/Punchin/Punchin.clap",
        ".clap/Punchin/PunchinChords.clap",
        ".clap/Punchin/punchin.json",
    }
    known = [json.loads(path.read_bytes()) for path in written if path.name == "punchin.json"]
    assert known[0] == known[1] == known[2]
    assert (known[0]["spool"], known[0]["command"]) == (str(config.spool), ["punchin", "bridge"])
    assert known[0]["record"] == str(tmp_path / "home" / "runtime" / "bridge.json")
    assert known[0]["takes"] == str(tmp_path / "home" / "takes")
    assert len(builder.asked) == 2
    install(INSTALLER, (tmp_path,), config)
    assert len(builder.asked) == 2  # the same sources are built once
    assert sorted(uninstall(INSTALLER)) == sorted(written)
    assert not list(tmp_path.glob(".vst3/*.vst3"))


def test_what_is_old_or_missing_is_said_without_a_build(
    tmp_path: Path, config: Config, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(INSTALLER, (tmp_path,), config)
    here = Surroundings("linux", tmp_path, {})
    assert list(check(INSTALLER, config, here)) == []
    (tmp_path / ".clap" / "Punchin" / "Punchin.clap").unlink()
    monkeypatch.setattr(plugin, "digest", lambda _: "other sources")
    said = list(check(INSTALLER, config, here))
    assert [word in line for word, line in zip(("version", "missing"), said, strict=True)] == [True, True]
    assert len(builder.asked) == 2


def test_a_release_may_bring_the_bundles(tmp_path: Path, config: Config, builder: Builder) -> None:
    put_bundles(tmp_path / "scripts" / "plugin" / "built")
    found = plugin.files(tmp_path / "scripts", config)
    assert len(found) == 7
    assert builder.asked == []


def test_what_is_not_there_to_build_with_is_said(
    tmp_path: Path, config: Config, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.makes = False
    with pytest.raises(BadSetting, match="made no plug-in"):
        install(INSTALLER, (tmp_path,), config)
    monkeypatch.setattr("shutil.which", lambda program: None if program == "cmake" else f"/usr/bin/{program}")
    with pytest.raises(BadSetting, match="no cmake here") as wrong:
        install(INSTALLER, (tmp_path,), config)
    assert "dpf-source" in wrong.value.next_step


def test_a_build_that_fails_shows_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"could not be built.*\nno such header") as wrong:
        plugin._run(["sh", "-c", "echo no such header; exit 1"], tmp_path / "build.log")
    assert "build.log" in wrong.value.next_step
