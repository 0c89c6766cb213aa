"""Remotes by name: what is remembered, which one is used, and what is refused."""

from pathlib import Path

import pytest
from punchin_bridge import remotes
from punchin_bridge.packs import program
from punchin_bridge.settings import Settings
from punchin_wire import paths
from punchin_wire.errors import BadKey, BadSetting

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    return tmp_path


def test_what_is_used_is_what_is_named_else_what_was_chosen() -> None:
    assert remotes.chosen(Settings()) is None
    remotes.add("box", "box.local:17815", KEY)
    remotes.add("attic", "[fe80::1]:17815", KEY.upper())
    assert remotes.chosen(Settings()) is None
    remotes.use("box")
    assert remotes.chosen(Settings()) == ("box", remotes.Remote("box.local:17815", KEY))
    attic = remotes.chosen(Settings(remote="attic"))
    assert attic is not None
    assert (attic.name, attic.remote.key) == ("attic", KEY)
    assert remotes.chosen(Settings(remote="local")) is None
    assert remotes.chosen(Settings(daemon="127.0.0.1:5555")) is None  # who says where, means it
    assert remotes.used_name(Settings()) == "box"
    assert remotes.used_name(Settings(remote="local")) == "local"
    remotes.use("local")
    assert remotes.used_name(Settings()) == "local"


def test_a_remote_that_is_removed_is_used_no_longer() -> None:
    remotes.add("box", "box:1", KEY)
    remotes.use("box")
    remotes.remove("box")
    assert remotes.read() == remotes.Remotes()
    for act in (remotes.use, remotes.remove, lambda name: remotes.chosen(Settings(remote=name))):
        with pytest.raises(BadSetting, match="No remote has the name 'box'"):
            act("box")


def test_packs_are_asked_for_where_takes_are_made() -> None:
    assert program.packs()[1:] == ("-m", "punchin_server", "packs")
    remotes.add("box", "box:1", KEY)
    remotes.use("box")
    assert program.packs()[1:] == ("-m", "punchin_bridge.cli", "packs", "--remote=box")


@pytest.mark.parametrize("name", ["", "local", "../box", "a/b", ".box", "--json", "a" * 33, "b\nx", "C:\\x"])
def test_names_that_are_paths_or_worse_are_refused(name: str) -> None:
    with pytest.raises(BadSetting):
        remotes.add(name, "box:1", KEY)
    assert not paths.remotes_file().exists()


NO_ADDRESSES = (
    "",
    "box",
    "box:",
    ":1",
    "box:0",
    "box:65536",
    "tcp://box:1",
    "box:1/x",
    "b x:1",
    "fe80::1",
    "[::1",
    "-b:1",
)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadSetting, match="is no address"):
        remotes.add("box", address, KEY)


def test_what_is_no_key_is_refused_and_a_name_is_not_taken_over() -> None:
    with pytest.raises(BadKey):
        remotes.add("box", "box:1", "no key")
    remotes.add("box", "box:1", KEY)
    with pytest.raises(BadSetting, match="a remote box already"):
        remotes.add("box", "evil:1", "cd" * 32)
    assert remotes.read().remotes["box"].address == "box:1"


def test_a_file_that_others_may_have_written_is_not_believed() -> None:
    remotes.add("box", "box:1", KEY)
    paths.remotes_file().chmod(0o666)
    with pytest.raises(BadKey, match="is not used"):
        remotes.chosen(Settings())
    assert remotes.used_name(Settings()) == ""


@pytest.mark.parametrize("text", [b"", b"{}x", b'{"remotes":{"../x":{"address":"a:1","key":""}}}', b'{"remotes":[]}'])
def test_a_damaged_file_is_an_error_in_words(text: bytes) -> None:
    remotes.add("box", "box:1", KEY)
    paths.remotes_file().write_bytes(text)
    with pytest.raises(BadSetting, match="cannot be understood"):
        remotes.read()
