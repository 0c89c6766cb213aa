"""The bridge's settings: one frozen struct, checked when made. Knows no sockets and reads no files.

A setting comes from the environment (`PUNCHIN_BRIDGE_START_SECONDS=90`), else from the default below. A name that is no
setting, or a value out of range, is a BadSetting; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from punchin_wire.errors import BadSetting
from punchin_wire.remote.keys import NAME
from punchin_wire.structs import in_words

PREFIX = "PUNCHIN_BRIDGE_"
LOCAL = "local"
"""The name of this computer's own daemon, where that of a remote may stand."""

Positive = Annotated[float, Meta(gt=0.0, le=3600.0)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times in seconds.

    `remote` is the name of another computer's daemon (`punchin remote`), or `local`; `daemon` is `host:port` of a
    daemon without keys to use instead of the user's own (then none is started); `start_seconds` how
    long a daemon may take to start and `idle_exit` after how much idleness one that we started stops; `reply_seconds`
    how long an answer may take; `silence_seconds` without a sign of life until a job is asked for again,
    `give_up_seconds` until it is given up, and `refused_seconds` where nobody listens at the daemon's port; `surfaces`
    the addresses of control surfaces beyond this machine that are heard, and `oscquery` whether those here may ask
    over HTTP what there is.
    """

    remote: Annotated[str, Meta(pattern=rf"^({NAME})?$")] = ""
    daemon: Annotated[str, Meta(pattern=r"^([^:\s]+:\d{1,5})?$")] = ""
    start_seconds: Positive = 60.0
    idle_exit: Annotated[float, Meta(ge=0.0)] = 3600.0
    reply_seconds: Positive = 10.0
    silence_seconds: Positive = 6.0
    give_up_seconds: Positive = 30.0
    refused_seconds: Positive = 4.0
    surfaces: str = ""
    oscquery: bool = True


def replaced(settings: Settings, **changes: object) -> Settings:
    """Those settings with others in them, as checked as all. Raises BadSetting."""
    return _checked(msgspec.to_builtins(settings) | changes, "An option")


def load(env: Mapping[str, str]) -> Settings:
    """The settings that the environment `env` gives. Raises BadSetting."""
    given = {name.removeprefix(PREFIX).lower(): value for name, value in env.items() if name.startswith(PREFIX)}
    return _checked(given, f"A setting in the environment ({PREFIX}…)")


def _checked(given: Mapping[str, object], what: str) -> Settings:
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSetting(f"{what} is wrong: {in_words(error)}.", "See docs/cli.md, Settings.") from None
