"""Daemons of other computers, by the names they have here, and which of them is used. Knows one file and no sockets."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta
from punchin_wire import paths
from punchin_wire.disk import OWN_FOLDER, make_folder
from punchin_wire.errors import BadSetting, PunchinError
from punchin_wire.remote import keys
from punchin_wire.structs import UNREADABLE, ready

from .settings import LOCAL, Settings

ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):(\d{1,5})")
MAX_REMOTES = 40


class Remote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A daemon: `address` is host:port, `key` its public key."""

    address: str
    key: keys.Key


class Remotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds. `used` is the one for all that names none; empty: this computer's own daemon."""

    remotes: dict[Annotated[str, Meta(pattern=f"^{keys.NAME}$")], Remote] = {}
    used: str = ""


class Named(NamedTuple):
    """A remote with its name."""

    name: str
    remote: Remote


ready(Remotes)


def read() -> Remotes:
    """All that are known. Raises BadKey where others could have written the file: jobs would go who knows where."""
    data = keys.read_private(paths.remotes_file())
    try:
        return Remotes() if data is None else msgspec.json.decode(data, type=Remotes)
    except UNREADABLE:
        raise BadSetting(
            f"{paths.remotes_file()} cannot be understood.", "Delete it, and add the remotes again."
        ) from None


def add(name: str, address: str, key: str) -> None:
    """Know a daemon by a name. Raises BadSetting or BadKey; a name that is taken is refused."""
    known = read()
    if not re.fullmatch(keys.NAME, name) or name == LOCAL:
        raise BadSetting(
            f"{name[:40]!r} cannot be the name of a remote: it has up to 32 letters, digits, dots, - and _, and is not "
            f"{LOCAL}.",
            "Choose one like box.",
        )
    if name in known.remotes:
        raise BadSetting(
            f"There is a remote {name} already.", f"`punchin remote remove {name}` first, or choose another."
        )
    if len(known.remotes) >= MAX_REMOTES:
        raise BadSetting(f"{MAX_REMOTES} remotes are known already.", "Remove one that is used no longer.")
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 65536:
        raise BadSetting(
            f"{address[:80]!r} is no address of a daemon.",
            "Write HOST:PORT, such as box.local:17815 or 10.0.0.5:17815.",
        )
    _write(Remotes({**known.remotes, name: Remote(address, keys.checked(key))}, known.used))


def remove(name: str) -> None:
    """Know it no longer; where it was used, this computer's own daemon is. Raises BadSetting."""
    known = read()
    find(name, known)
    rest = {other: remote for other, remote in known.remotes.items() if other != name}
    _write(Remotes(rest, "" if known.used == name else known.used))


def use(name: str) -> None:
    """Let that one make what is asked for from now on; `local` is this computer's own. Raises BadSetting."""
    known = read()
    if name != LOCAL:
        find(name, known)
    _write(Remotes(known.remotes, "" if name == LOCAL else name))


def find(name: str, known: Remotes) -> Named:
    """Raises BadSetting."""
    if name not in known.remotes:
        there = ", ".join(known.remotes) or "none yet"
        raise BadSetting(
            f"No remote has the name {name[:40]!r}; known: {there}.",
            "`punchin remote add NAME HOST:PORT KEY` adds one.",
        )
    return Named(name, known.remotes[name])


def chosen(settings: Settings) -> Named | None:
    """The remote that `settings` name, else the one that is used; None is this computer's own daemon, or the one that
    the settings give the address of. Raises BadSetting or BadKey."""
    if settings.remote == LOCAL or (settings.daemon and not settings.remote):
        return None
    known = read()
    name = settings.remote or known.used
    return find(name, known) if name else None


def used_name(settings: Settings) -> str:
    """The name of the daemon that is used now; empty where that cannot be said, which whoever uses it is told."""
    try:
        named = chosen(settings)
    except PunchinError:
        return ""
    return named.name if named is not None else LOCAL


def offered(settings: Settings) -> dict[str, bool]:
    """The names of all daemons that can make takes, this computer's own first, and whether each does now. Raises
    BadSetting or BadKey."""
    named = chosen(settings)
    used = named.name if named is not None else LOCAL
    return {name: name == used for name in (LOCAL, *read().remotes)}


def _write(remotes: Remotes) -> None:
    path = paths.remotes_file()
    make_folder(path.parent, OWN_FOLDER, 0o700)
    keys.write_private(path, remotes)
