"""The keys by which computers know each other: this computer's own pair, and those that may use its daemon. Knows
files and no sockets.

A key is 32 bytes (Curve25519), written as 64 hexadecimal digits. ::

    data/keys/own.json        this computer's pair: its daemon's key, and its own where it uses another's
    data/keys/allowed/<key>   a key that may use this computer's daemon, with the name it was given here

Each allowed key is a file of its own, so that nobody's change can undo another's, and so that to ask whether a key is
still allowed is to read one file. Only this user may read or write them, and none of them is a link; else
they count for nothing, and :func:`faults` says so.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from .. import paths
from ..disk import OWN_FOLDER, make_folder, replacing, unusable
from ..errors import BadKey, BadSetting
from ..structs import UNREADABLE, ready

KEY = r"[0-9a-f]{64}"
Key = Annotated[str, Meta(pattern=f"^{KEY}$")]
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"
MAX_FILE = 64 * 1024
MAX_ALLOWED = 1000
SCOPE_DIGITS = 16
NEW = "Make one with `punchin keys new`."


class KeyPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key, and the secret one that belongs to it."""

    public: Key
    secret: Key

    def __repr__(self) -> str:
        return f"KeyPair({self.public})"  # whatever is logged


class AllowedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may use this computer's daemon. `since` is a Unix time."""

    name: Annotated[str, Meta(pattern=f"^{NAME}$")]
    since: float


ready(KeyPair, AllowedKey)


def own_file() -> Path:
    return paths.keys_folder() / "own.json"


def allowed_folder() -> Path:
    return paths.keys_folder() / "allowed"


def own() -> KeyPair:
    """This computer's pair. Raises BadKey where there is none, or another user could have read it."""
    path = own_file()
    data = read_private(path)
    if data is None:
        raise BadKey("This computer has no key yet.", NEW)
    try:
        return msgspec.json.decode(data, type=KeyPair)
    except UNREADABLE:
        raise BadKey(f"{path} holds no key.", "Make another with `punchin keys new --replace`.") from None


def keep_own(pair: KeyPair, *, replace: bool = False) -> None:
    """Let `pair` be this computer's. Raises BadSetting where it has one already, or where it cannot be written."""
    make_folder(paths.keys_folder(), OWN_FOLDER, 0o700)
    if not replace and os.path.lexists(own_file()):
        raise BadSetting(
            "This computer has a key already.",
            "`punchin keys list` shows it; `punchin keys new --replace` makes another, which nobody knows yet.",
        )
    write_private(own_file(), pair)


def allow(name: str, key: str) -> str:
    """Let the computer with the public key `key` use this one's daemon. Returns the other name that it had here, if it
    had one. Raises BadKey or BadSetting."""
    key = checked(key)
    if not re.fullmatch(NAME, name):
        raise BadSetting(
            f"{name[:40]!r} is no name for a key: it has up to 32 letters, digits, dots, - and _.",
            "Choose one like room-2.",
        )
    there = allowed()
    if any(other.name == name and other_key != key for other_key, other in there.items()):
        raise BadSetting(f"Another key has the name {name}.", f"Choose another, or `punchin keys revoke {name}` first.")
    if len(there) >= MAX_ALLOWED:
        raise BadSetting(f"{MAX_ALLOWED} keys are allowed already.", "Revoke some that are used no longer.")
    make_folder(allowed_folder(), OWN_FOLDER, 0o700)
    write_private(allowed_folder() / key, AllowedKey(name, time.time()))
    return there[key].name if key in there and there[key].name != name else ""


def revoke(name: str) -> str:
    """Let the key of that name, or the key itself, use this computer's daemon no longer: it is gone from there with its
    next packet. Returns the key. Raises BadSetting."""
    there = allowed()
    for key in _files():
        if name in (key, there[key].name if key in there else key):
            try:
                (allowed_folder() / key).unlink(missing_ok=True)
            except OSError as error:
                raise unusable(error) from None
            return key
    raise BadSetting(f"No key has the name {name[:80]!r}.", "`punchin keys list` shows those that are allowed.")


def allowed() -> dict[str, AllowedKey]:
    """All keys that may use this computer's daemon, oldest first."""
    found = {key: known for key in _files() if isinstance(known := _allowed(key), AllowedKey)}
    return dict(sorted(found.items(), key=lambda item: item[1].since))


def faults() -> list[BadKey]:
    """Why files of allowed keys count for nothing."""
    return [fault for key in sorted(_files()) if isinstance(fault := _allowed(key), BadKey)]


def is_allowed(key: str) -> bool:
    """Whether that key may use this computer's daemon now."""
    return re.fullmatch(KEY, key) is not None and isinstance(_allowed(key), AllowedKey)


def checked(key: str) -> str:
    """A key as somebody typed it. Raises BadKey."""
    found = key.strip().lower()
    if not re.fullmatch(KEY, found) or int(found, 16) == 0:
        raise BadKey(f"{key[:80]!r} is no key: a key has 64 digits and letters from a to f.")
    return found


@lru_cache(maxsize=2 * MAX_ALLOWED)
def scope(key: str) -> str:
    """What stands before the names of a key's jobs in the daemon; nothing for this computer's own user."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:SCOPE_DIGITS]}-" if key else ""


def _files() -> list[str]:
    try:
        return [name for name in os.listdir(allowed_folder()) if re.fullmatch(KEY, name)]
    except OSError:
        return []


def _allowed(key: str) -> AllowedKey | BadKey | None:
    """What is known of an allowed key; None where it has no file, or why that counts for nothing."""
    path = allowed_folder() / key
    try:
        data = read_private(path)
        return None if data is None else msgspec.json.decode(data, type=AllowedKey)
    except BadKey as error:
        fault = str(error)
    except UNREADABLE:
        fault = f"The file {path} cannot be understood, so it is not used."
    return BadKey(
        fault, f"`punchin keys allow NAME {key}` lets that computer in again, `punchin keys revoke {key}` not."
    )


def read_private(path: Path) -> bytes | None:
    """A small file of ours; None where there is none. Raises BadKey where it is a link, or not ours alone."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unsafe(path, "is a link" if path.is_symlink() else f"cannot be read ({error.strerror})") from None
    try:
        if fault := _fault(os.fstat(file)):
            raise _unsafe(path, fault)
        return os.read(file, MAX_FILE)
    finally:
        os.close(file)


def _fault(found: os.stat_result) -> str:
    """Why a file cannot be trusted; empty where it can."""
    if not stat.S_ISREG(found.st_mode):
        return "is a link or no file"
    if os.name == "posix":  # on Windows, what lies in a user's folders is that user's
        if found.st_uid != os.geteuid():
            return "belongs to another user"
        if found.st_mode & 0o077:
            return "can be read by other users"
    return ""


def _unsafe(path: Path, fault: str) -> BadKey:
    return BadKey(
        f"The file {path} {fault}, so it is not used.",
        f"Let it be a file of its own that is yours alone (`chmod 600 {path}`), or delete it; if a secret key there "
        "may have been read, `punchin keys new --replace`.",
    )


def write_private(path: Path, value: msgspec.Struct) -> None:
    """Write a small file that is ours alone. Raises BadSetting."""
    with replacing(path, durable=True, next_step=OWN_FOLDER, private=True) as file:
        file.write(msgspec.json.encode(value))
