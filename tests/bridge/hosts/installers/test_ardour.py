"""Ardour's scripts are single files that carry all they need, and keep nothing outside their factory."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import lupa.lua53
import pytest
from punchin_bridge.hosts.installers import ardour
from punchin_bridge.hosts.installers.ardour import ACTIONS, INSTALLER
from punchin_bridge.hosts.installers.ardour_files import SLOTS, InUse, Script, with_keys, without_keys
from punchin_bridge.hosts.installers.install import Config, Surroundings, check, find, install, uninstall
from punchin_wire.errors import BadSetting


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Config(tmp_path / 'it\'s "here"' / "spool", ("/opt/py thon", "-m", "punchin_bridge.cli", "bridge"))


@pytest.mark.parametrize(
    ("platform", "parent", "name"),
    [
        ("linux", ".config", "ardour8"),
        ("darwin", "Library/Preferences", "Ardour8"),
        ("win32", "AppData/Local", "Ardour8"),
    ],
)
def test_where_ardour_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, parent: str, name: str
) -> None:
    """Where it was started; else where the versions that are installed will look."""
    programs = tmp_path / "programs"
    monkeypatch.setattr(ardour, "_places", lambda _here: [programs, tmp_path / "none such"])
    here = Surroundings(platform, tmp_path, {})
    assert find("ardour").folders(here) == (tmp_path / parent / name,)
    for program in ("ardour7", "Ardour-9.2.0-rc1", "Ardour7.app", "ardour-lua", "Ardour-dbg"):
        (programs / program).mkdir(parents=True)
    assert find("ardour").folders(here) == tuple(tmp_path / parent / name.replace("8", n) for n in ("7", "9"))
    versions = [tmp_path / parent / name.replace("8", version) for version in ("7", "9")]
    for folder in (*versions, tmp_path / parent / "ardour-backup"):
        folder.mkdir(parents=True)
    assert find("ardour").folders(here) == tuple(versions)


def test_every_script_is_one_that_ardour_takes(tmp_path: Path, config: Config) -> None:
    """It says what it is, and its factory works after what Ardour does to it: compiled, stripped, loaded alone."""
    folder = tmp_path / "ardour7"
    written = install(INSTALLER, (folder,), config)
    assert len(written) == len(ACTIONS) + 1
    for path in written:
        lua = lupa.lua53.LuaRuntime(unpack_returned_tuples=True)
        lua.execute("function ardour (about) said = about end LuaDialog = {} ARDOUR = { DataType = function () end }")
        lua.execute(path.read_text())
        said = lua.globals().said
        assert "Punchin" in said["name"]
        assert said["type"] == ("EditorHook" if path.stem == "punchin" else "EditorAction")
        assert lua.eval("type (load (string.dump (factory, true)) ())") == "function", path.name


def test_buttons_differ_by_the_letter_that_ardour_shows(tmp_path: Path, config: Config) -> None:
    written = install(INSTALLER, (tmp_path / "ardour7",), config)
    names = [re.search('name = "(.*)"', path.read_text())[1] for path in written]  # type: ignore[index]
    assert len({name[0] for name in names if name != "Punchin"}) == len(ACTIONS)
    assert len(set(names)) == len(ACTIONS) + 1


THEIRS = Script('Tom\'s "tidy" script', 'ardour { name = "x" }\nfunction factory () return function () end end')
KEYS_OF_ARDOUR = """<BindingSet name="ardour.keys.in">
 <Bindings name="Global">
  <Press>
   <Binding key="space" action="Transport/ToggleRoll" group="Transport"/>
   <Binding key="Tertiary-F2" action="Common/Save" group="Session"/>
  </Press>
 </Bindings>
</BindingSet>
"""


@pytest.fixture
def ardour7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder, and the keys that Ardour brings."""
    usual = tmp_path / "usual.keys"
    usual.write_text(KEYS_OF_ARDOUR)
    monkeypatch.setattr(ardour, "_usual_keys", lambda: usual)
    folder = tmp_path / "ardour7"
    folder.mkdir()
    return folder


def test_what_is_installed_is_in_use_and_goes_again(ardour7: Path, config: Config) -> None:
    install(INSTALLER, (ardour7,), config)
    assert list(check(INSTALLER, config, Surroundings("linux", ardour7.parent, {}))) == []
    in_use = InUse((ardour7 / "ui_scripts").read_bytes())
    assert [in_use.slot(one.name) for one in ACTIONS] == list(range(1, len(ACTIONS) + 1))
    keys = (ardour7 / "ardour.keys").read_text()
    assert 'key="Tertiary-F1" action="LuaAction/script-1"' in keys
    assert keys.count("Tertiary-F2") == 1, "that key is another's"
    uninstall(INSTALLER)
    assert list(ardour7.iterdir()) == [path for path in ardour7.iterdir() if path.name.endswith(".before-punchin")]


def test_what_others_have_in_use_stays(ardour7: Path, config: Config) -> None:
    before = InUse(None)
    before.put(THEIRS, 2)
    before.hook(Script("Theirs", THEIRS.text), 3, 51)
    (ardour7 / "ui_scripts").write_bytes(before.encode())
    (ardour7 / "ardour.keys").write_text(KEYS_OF_ARDOUR.replace("space", "Return"))
    for _ in range(2):  # the second time nothing is there twice
        install(INSTALLER, (ardour7,), config)
    in_use = InUse((ardour7 / "ui_scripts").read_bytes())
    assert in_use.slot(THEIRS.name) == 2
    assert [in_use.slot(one.name) for one in ACTIONS] == [1, *range(3, len(ACTIONS) + 2)]
    assert (ardour7 / "ui_scripts").read_text().count("LuaCallback ") == 2
    assert (ardour7 / "ardour.keys").read_text().count("LuaAction") == len(ACTIONS) - 1
    uninstall(INSTALLER)
    assert (ardour7 / "ui_scripts").read_bytes() == before.encode()
    assert (ardour7 / "ardour.keys").read_text() == KEYS_OF_ARDOUR.replace("space", "Return")


def test_a_backup_is_what_was_there(ardour7: Path, config: Config) -> None:
    before = InUse(None)
    before.put(THEIRS)
    (ardour7 / "ui_scripts").write_bytes(before.encode())
    install(INSTALLER, (ardour7,), config)
    assert (ardour7 / "ui_scripts.before-punchin").read_bytes() == before.encode()


@pytest.mark.parametrize("text", ["<UIScripts", '<UIScripts><ActionScript lua="Lua 5.4"/></UIScripts>'])
def test_a_list_that_is_not_understood_is_left_alone(ardour7: Path, config: Config, text: str) -> None:
    (ardour7 / "ui_scripts").write_text(text)
    with pytest.raises(BadSetting, match="not one that Punchin can read"):
        install(INSTALLER, (ardour7,), config)
    assert (ardour7 / "ui_scripts").read_text() == text
    uninstall(INSTALLER)
    assert (ardour7 / "ui_scripts").read_text() == text


def test_lua_reads_what_is_written(ardour7: Path, config: Config) -> None:
    """As Ardour does: the list is run, and each factory compiled; its own list then reads back the same."""
    install(INSTALLER, (ardour7,), config)
    in_use = InUse((ardour7 / "ui_scripts").read_bytes())
    lua = lupa.lua53.LuaRuntime(unpack_returned_tuples=True)
    lua.execute("LuaDialog = {} ARDOUR = { DataType = function () end }")
    for slot, fields in in_use.actions.items():
        lua.execute(b"scripts = {} " + fields)
        assert lua.eval(f"type (load (scripts[{slot}].f) ())") == "function"
        assert lua.eval("ardour == nil and factory == nil and signals == nil"), "nothing is left outside"


def test_there_are_only_so_many_slots() -> None:
    in_use = InUse(None)
    for number in range(SLOTS):
        in_use.put(Script(str(number), ""))
    with pytest.raises(BadSetting, match="are taken"):
        in_use.put(Script("one more", ""))
    assert in_use.put(Script("3", "another text")) == 4


def test_keys_that_were_chosen_stay() -> None:
    chosen = KEYS_OF_ARDOUR.replace('key="space" action="Transport/ToggleRoll"', 'key="x" action="LuaAction/script-1"')
    assert with_keys(chosen, {1: "F9"}) == chosen
    assert "LuaAction" not in without_keys(with_keys(chosen, {2: "F9"}), lambda slot: slot in (1, 2))


def test_nothing_is_changed_while_ardour_runs(ardour7: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    class Process:
        def __init__(self) -> None:
            self.info = {"exe": "/usr/lib/ardour7/ardour-7.3.0~ds0"}

        def environ(self) -> dict[str, str]:
            return {"XDG_CONFIG_HOME": str(ardour7.parent)}

    def running(_what: list[str]) -> Iterator[Process]:
        yield Process()

    install(INSTALLER, (ardour7,), config)
    before = (ardour7 / "ui_scripts").read_bytes()
    monkeypatch.setattr(ardour.psutil, "process_iter", running)
    monkeypatch.setattr(ardour.sys, "platform", "linux")
    for attempt in (lambda: install(INSTALLER, (ardour7,), config), lambda: uninstall(INSTALLER)):
        with pytest.raises(BadSetting, match="Ardour is running"):
            attempt()
    assert (ardour7 / "ui_scripts").read_bytes() == before
    ardour.closed(ardour7.parent / "other" / "ardour7")  # another's


def test_ardour_of_another_version_is_left_to_the_script_manager(tmp_path: Path, config: Config) -> None:
    folder = tmp_path / "ardour8"
    install(INSTALLER, (folder,), config)
    [problem] = check(INSTALLER, config, Surroundings("linux", tmp_path, {}))
    assert "hook `Punchin` is not added" in problem
    assert not (folder / "ui_scripts").exists()
    uninstall(INSTALLER)
    assert list(folder.iterdir()) == []


def test_the_bridge_is_started_so_that_it_outlives_ardour(tmp_path: Path, config: Config) -> None:
    install(INSTALLER, (tmp_path / "ardour7",), config)
    lua = lupa.lua53.LuaRuntime()
    text = (tmp_path / "ardour7" / "scripts" / "punchin_cancel.lua").read_text()
    line = next(line for line in text.splitlines() if line.strip().startswith("local config = "))
    found = lua.execute(line + " return config")
    assert found["spool"] == str(config.spool)
    words = subprocess.run(
        ["sh", "-c", f"set -- {found['bridge'].partition('<')[0]}; printf '%s\\n' \"$@\""],
        capture_output=True,
        text=True,
    )
    assert words.stdout.splitlines() == ["nohup", *config.command]
    assert found["bridge"].endswith("&")
