"""The program that knows model packs: the server's own, or, where a remote makes the takes, our command line, which has
them said there."""

from __future__ import annotations

import os
import sys

from .. import remotes, settings


def packs() -> tuple[str, ...]:
    """The words before `list` or `pull`. Raises BadSetting or BadKey where the remote cannot be told."""
    named = remotes.chosen(settings.load(os.environ))
    if named is None:
        return sys.executable, "-m", "punchin_server", "packs"
    return sys.executable, "-m", "punchin_bridge.cli", "packs", f"--remote={named.name}"
