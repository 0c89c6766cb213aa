"""Key files: what is made of them, who is let in, and that what others could have touched counts for nothing."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from punchin_wire.errors import BadKey, BadSetting, PunchinError
from punchin_wire.remote import keys
from punchin_wire.remote.keys import KeyPair

PAIR = KeyPair("a" * 64, "b" * 64)
OTHER = "c" * 64
posix = pytest.mark.skipif(os.name != "posix", reason="rights of files")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_pair_is_kept_for_this_user_alone() -> None:
    old = os.umask(0)
    try:
        keys.keep_own(PAIR)
        keys.allow("room-2", OTHER)
    finally:
        os.umask(old)
    assert keys.own() == PAIR
    assert "b" * 64 not in repr(PAIR)
    if os.name == "posix":
        assert mode(keys.own_file()) == mode(keys.allowed_folder() / OTHER) == 0o600
        assert mode(keys.own_file().parent) == mode(keys.allowed_folder()) == 0o700
    assert not list(keys.own_file().parent.glob(".*.part"))


def test_another_pair_is_made_only_on_purpose() -> None:
    with pytest.raises(BadKey, match="no key yet"):
        keys.own()
    keys.keep_own(PAIR)
    with pytest.raises(BadSetting, match="has a key already"):
        keys.keep_own(KeyPair(OTHER, OTHER))
    assert keys.own() == PAIR
    keys.keep_own(KeyPair(OTHER, OTHER), replace=True)
    assert keys.own().public == OTHER


def test_who_is_allowed_is_so_until_it_is_revoked() -> None:
    assert not keys.is_allowed(OTHER)
    keys.allow("room-2", OTHER.upper() + "\n")
    keys.allow("room-3", "d" * 64)
    assert [known.name for known in keys.allowed().values()] == ["room-2", "room-3"]
    assert keys.is_allowed(OTHER)
    assert keys.revoke("room-2") == OTHER
    assert not keys.is_allowed(OTHER)
    assert keys.revoke("d" * 64) == "d" * 64
    assert keys.allowed() == {}
    with pytest.raises(BadSetting, match="No key has the name"):
        keys.revoke("room-2")


def test_a_name_stands_for_one_key() -> None:
    assert keys.allow("room-1", OTHER) == ""
    assert keys.allow("room-2", OTHER) == "room-1"
    assert keys.allow("room-2", OTHER) == ""  # once more is no harm
    with pytest.raises(BadSetting, match="Another key has the name"):
        keys.allow("room-2", "d" * 64)


@pytest.mark.parametrize(
    "key", ["", "a" * 63, "a" * 65, "g" * 64, "../" + "a" * 61, "0" * 64, "a" * 32 + "\n" + "a" * 31]
)
def test_what_is_no_key_is_said_to_be_none(key: str) -> None:
    with pytest.raises(BadKey):
        keys.allow("room-2", key)
    assert not keys.is_allowed(key)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "-x", "a" * 33, "a\nb", "\x1b[31m"])
def test_names_that_are_paths_or_worse_are_refused(name: str) -> None:
    with pytest.raises(BadSetting):
        keys.allow(name, OTHER)
    with pytest.raises(BadSetting):
        keys.revoke(name)


def _readable(path: Path) -> None:
    path.chmod(0o640)


def _linked(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 65534, -1)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@posix
@pytest.mark.parametrize("spoil", [_readable, _linked, _foreign, _folder, _pipe])
def test_a_file_that_others_could_have_touched_counts_for_nothing(spoil: Callable[[Path], None]) -> None:
    keys.keep_own(PAIR)
    keys.allow("room-2", OTHER)
    spoil(keys.own_file())
    with pytest.raises(BadKey) as caught:
        keys.own()
    assert str(keys.own_file()) in str(caught.value)
    assert "keys new --replace" in caught.value.next_step
    spoil(keys.allowed_folder() / OTHER)
    assert not keys.is_allowed(OTHER)
    assert OTHER not in keys.allowed()
    [fault] = keys.faults()
    assert str(keys.allowed_folder() / OTHER) in str(fault)
    assert f"`punchin keys allow NAME {OTHER}`" in fault.next_step


def test_a_key_whose_file_says_nothing_is_not_let_in_and_named() -> None:
    keys.allow("room-2", OTHER)
    (keys.allowed_folder() / OTHER).write_bytes(b"")
    assert not keys.is_allowed(OTHER)
    [fault] = keys.faults()
    assert "cannot be understood" in str(fault)
    keys.allow("room-3", OTHER)
    assert keys.is_allowed(OTHER)
    assert keys.faults() == []


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"public":"a","secret":"b"}', b"[" * 5000])
def test_a_damaged_file_is_an_error_in_words(text: bytes) -> None:
    keys.keep_own(PAIR)
    keys.own_file().write_bytes(text)
    with pytest.raises(PunchinError, match="holds no key"):
        keys.own()
