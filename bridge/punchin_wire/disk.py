"""Files that appear whole or not at all, folders that takes may go to, and names that no file has yet.

A *durable* file is on the disk before it appears, so that it is whole after a power failure, too. That waits for the
disk, so each caller says whether it wants it:

- durable is what nobody would write again: takes and what lies beside them, layouts, a host's job and the daemon's
  results, what was learned from a MIDI controller or installed in a host, the manifests of packs;
- not durable is what is soon written anew (a host's state, ten times a second; the excerpts of a job that has not
  ended) or means nothing after a restart (who serves, documents between hosts and bridge), and what training
  makes again: songs, tokens, checkpoints.

Either way a program that dies leaves the whole file or none.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import BadSetting, PunchinError, readable

ANOTHER_FOLDER = "Choose another folder for takes."
OWN_FOLDER = "Give yourself the right to write there, or set PUNCHIN_HOME to another folder."
"""The next step where a file of Punchin's own cannot be written."""
BLOCK = 4096
"""Bytes that are written to see whether a disk has room."""
NEXT = {
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.ENOENT: "Check the path.",
    errno.EISDIR: "Check the path: it is a folder.",
    errno.EIO: "Look whether that disk is well.",
}
"""The next step where it is not the right to write that lacks."""
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def replacing(path: Path, *, durable: bool, next_step: str | None = None, private: bool = False) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place when all is written; nothing is left otherwise. A `private` one nobody
    but this user can read, at any moment.

    Raises OSError where it cannot be written; with a `next_step` for the musician, BadSetting.
    """
    part = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:8]}.part")
    try:
        with open(part, "xb", opener=_private if private else None) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except PunchinError:
        raise
    except OSError as error:
        if next_step is None:
            raise
        raise _refused(f"{path} cannot be written", error, next_step) from None
    finally:
        part.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` that takes its place when all in it is written; nothing is left otherwise. What was
    there is lost if the program dies between the two. Raises OSError where it cannot be written."""
    draft = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:8]}.part")
    draft.mkdir(parents=True)
    try:
        yield draft
        shutil.rmtree(path, ignore_errors=True)
        os.replace(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def move(path: Path, to: Path, next_step: str) -> None:
    """Move a file, also to another disk, where it appears whole or not at all.

    Raises BadSetting where it cannot be written; then it is still where it was.
    """
    try:
        os.replace(path, to)
    except OSError:
        with path.open("rb") as source, replacing(to, durable=True, next_step=next_step) as file:
            shutil.copyfileobj(source, file)
        path.unlink()


def make_folder(folder: Path, next_step: str, mode: int = 0o777) -> None:
    """Make a folder before any work is done for what shall be written there.

    Raises BadSetting where nothing can be: the disk is full or read-only, the name is no text, a file is in the way.
    """
    check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise _refused(f"{folder} cannot be made", error, next_step) from None
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".punchin-") as file:
            file.write(bytes(BLOCK))
            file.flush()
    except OSError as error:
        raise _refused(f"{folder} cannot be written", error, next_step) from None


def check_name(path: Path) -> None:
    """Raises BadSetting where the name of a file, or of a folder above it, is no text: recipes, reports and hosts could
    not say it, and nobody could make the take again."""
    name = str(path.absolute())
    if readable(name) != name:
        raise BadSetting(f"The name {name} is not in UTF-8.", "Rename that file or folder.")


def free_stem(folder: Path, stem: str, *endings: str) -> str:
    """`stem`, or else `stem_2`, `stem_3`, …: the first that no file in `folder` has with any of these `endings`."""
    stems = itertools.chain([stem], (f"{stem}_{number}" for number in itertools.count(2)))
    return next(free for free in stems if not any((folder / f"{free}{ending}").exists() for ending in endings))


def unusable(error: OSError) -> BadSetting:
    """What the system says of a file or a folder, as the musician's error."""
    return _refused(f"{error.filename} cannot be used", error, NEXT.get(error.errno or 0, OWN_FOLDER))


def _refused(what: str, error: OSError, next_step: str) -> BadSetting:
    is_full = error.errno in FULL
    return BadSetting(f"{what}: {error.strerror or error}.", "Make room on the disk." if is_full else next_step)
