"""Small text files of labels, as text. Knows nothing of what they say."""

from __future__ import annotations

from pathlib import Path

from punchin_wire.errors import FileMissing, InputError

MAX_BYTES = 4 * 2**20


def read(path: Path, what: str) -> str:
    """The text of the file at `path`, which holds `what`. Raises FileMissing, or InputError where it is no text."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileMissing(f"There is no readable file {path}.") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a text file of {what}.") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path.name} is too large to be a file of {what}.")
    return text
