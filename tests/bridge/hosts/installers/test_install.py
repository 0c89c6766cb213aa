"""Scripts come, are looked after and go, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest
from punchin_bridge.hosts.installers.install import (
    Config,
    Installer,
    Surroundings,
    check,
    find,
    install,
    scripts,
    uninstall,
)
from punchin_wire.errors import BadSetting

HERE = Surroundings("linux", Path("/home/somebody"), {})


def installer(version: str = "1") -> Installer:
    def files(_source: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
        return {
            PurePosixPath("Punchin/main.lua"): version.encode(),
            PurePosixPath("Punchin/config.lua"): str(config.spool).encode(),
        }

    def problems(folder: Path, _here: Surroundings) -> Iterator[str]:
        if (folder / "old").exists():
            yield "There is an old one."

    return Installer("fake", "Fake", lambda here: (here.home / "Fake",), files, ("Open it.",), problems)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Config(tmp_path / "spool", ("punchin", "bridge"))


def test_what_was_installed_is_well_and_goes_again(tmp_path: Path, config: Config) -> None:
    folder = tmp_path / "Fake"
    folder.mkdir()
    (folder / "others.lua").write_text("theirs")
    written = install(installer(), (folder,), config)
    assert sorted(path.name for path in written) == ["config.lua", "main.lua"]
    assert (config.spool / "inbox").is_dir()
    assert list(check(installer(), config, HERE)) == []
    assert sorted(uninstall(installer())) == sorted(written)
    assert [path.name for path in folder.iterdir()] == ["others.lua"]
    assert uninstall(installer()) == ()


def test_what_is_missing_or_old_is_named(tmp_path: Path, config: Config) -> None:
    assert "not installed" in next(check(installer(), config, HERE))
    install(installer(), (tmp_path / "Fake",), config)
    (tmp_path / "Fake" / "Punchin" / "config.lua").unlink()
    (tmp_path / "Fake" / "old").touch()
    said = list(check(installer("2"), config, HERE))
    assert [word in line for word, line in zip(("version", "missing", "old one"), said, strict=True)] == [True] * 3


def test_an_installation_elsewhere_is_looked_at_there_and_mended_there(tmp_path: Path, config: Config) -> None:
    """What is said to be run would otherwise install in the usual place, and take it away here."""
    usual = Surroundings("linux", tmp_path, {})
    mine = tmp_path / "my own"
    install(installer(), (mine,), config)
    assert list(check(installer(), config, usual)) == list(check(installer(), config, usual, (mine,))) == []
    again = f'`punchin host install fake --folder "{mine}" --folder "{tmp_path / "Fake"}"`'
    assert list(check(installer(), config, usual, (tmp_path / "Fake",))) == [
        f"Punchin is not installed in {tmp_path / 'Fake'}: run {again}."
    ]
    (mine / "Punchin" / "main.lua").unlink()
    [said] = check(installer(), config, usual)
    assert said.endswith(f'is missing: run `punchin host install fake --folder "{mine}"` again.')
    install(installer(), (tmp_path / "Fake",), config)
    (tmp_path / "Fake" / "Punchin" / "main.lua").unlink()
    [said] = check(installer(), config, usual)
    assert said.endswith("is missing: run `punchin host install fake` again.")


def test_a_new_version_takes_the_old_ones_files_away(tmp_path: Path, config: Config) -> None:
    install(installer(), (tmp_path / "one",), config)
    install(installer("2"), (tmp_path / "two",), config)
    assert not (tmp_path / "one" / "Punchin").exists()
    assert (tmp_path / "two" / "Punchin" / "main.lua").read_text() == "2"


def test_the_scripts_are_where_we_are() -> None:
    assert (scripts() / "lua" / "spool.lua").is_file()


def test_unknown_hosts_are_refused() -> None:
    with pytest.raises(BadSetting, match="no host"):
        find("cubase")
