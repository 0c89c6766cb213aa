"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import BadSetting, PunchinError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place when all is written and on disk; nothing is left otherwise.

    Raises BadSetting where it cannot be written.
    """
    part = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except PunchinError:
        raise
    except OSError as error:
        raise BadSetting(
            f"{path} cannot be written: {error.strerror or error}", "Choose another folder for takes."
        ) from None
    finally:
        part.unlink(missing_ok=True)


def move(path: Path, to: Path) -> None:
    """Move a file, also to another disk, where it appears whole or not at all.

    Raises BadSetting where it cannot be written; then it is still where it was.
    """
    try:
        os.replace(path, to)
    except OSError:
        with path.open("rb") as source, replacing(to) as file:
            shutil.copyfileobj(source, file)
        path.unlink()
