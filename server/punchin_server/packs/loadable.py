"""Whether a pack can be loaded: a child process opens all that it lists, as the engines would. Knows no torch."""

from __future__ import annotations

import subprocess
import sys

import msgspec
from punchin_wire.disk import replacing
from punchin_wire.errors import ErrorInfo, InternalError, from_info
from punchin_wire.structs import UNREADABLE

from .registry import Pack

OPENING = (sys.executable, "-m", "punchin_server.opening")
UNCHECKED = "manifest.unchecked.json"
SECONDS = 1800.0
"""Every number is read once, perhaps from a slow disk, and there may be 10 GB of them."""


def check_loadable(pack: Pack) -> None:
    """Raise what the first job would raise of the pack's files (PackError, FileMissing), while it is not added yet.

    The manifest lies in the pack's folder meanwhile, as :data:`UNCHECKED`. Raises InternalError where the child dies.
    """
    unchecked = pack.folder / UNCHECKED
    with replacing(unchecked, durable=False, next_step="Give yourself the right to write there.") as file:
        file.write(msgspec.json.encode(pack.manifest))
    try:
        child = subprocess.run(
            [*OPENING, str(pack.folder), UNCHECKED], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InternalError(f"The files of {pack.name} were not read after {SECONDS:.0f} s.") from error
    finally:
        unchecked.unlink(missing_ok=True)
    if child.returncode == 0:
        return
    try:
        info = msgspec.json.decode(child.stdout.strip().rpartition("\n")[2], type=ErrorInfo)
    except UNREADABLE:
        last = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        raise InternalError(f"The files of {pack.name} could not be looked at: {last[:300]}") from None
    raise from_info(info)
