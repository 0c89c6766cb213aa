"""Small text files of labels, as text. Knows nothing of what they say."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from pathlib import Path

from punchin_wire.errors import FileMissing, InputError

MAX_BYTES = 4 * 2**20
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""Control characters that files of text do not have, and all others soon do."""


def read(path: Path, what: str, next_step: str) -> str:
    """The text of the file at `path`, which holds `what`. Raises FileMissing, or InputError where it is no text."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileMissing(f"There is no readable file {path}.") from error
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path.name} is too large to be a file of {what}.", next_step)
    text = _decoded(raw)
    if text is None or _NO_TEXT.search(text):
        raise InputError(f"{path.name} is not a text file of {what}.", next_step)
    return text


def number(field: str) -> float:
    """A number with a point or a comma before its decimals. Raises ValueError."""
    return float(field.replace(",", "."))


def _decoded(raw: bytes) -> str | None:
    """UTF-8, UTF-16 where it says so by its first two bytes, or else Latin-1 as Windows writes it."""
    is_utf_16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf_16 else ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return None
