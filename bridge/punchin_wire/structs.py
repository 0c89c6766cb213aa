"""What msgspec leaves to us: types that threads share, made ready where they are defined, and its errors in words.

msgspec lays a struct out when it is first decoded, and then its second field is not there yet for another thread that
decodes one meanwhile: the process ends by a segmentation fault. A bridge that took up three jobs at once died of it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding anybody's bytes may raise: what they do not fit, letters that are none, lists in lists without end."""


def ready(*kinds: Any) -> None:
    """Have structs, and all that they are made of, laid out now. To be called while their module is imported, which
    one thread does."""
    for kind in kinds:
        msgspec.json.Decoder(kind)


_BOUNDS = {">=": "must be at least", ">": "must be above", "<=": "must be at most", "<": "must be below"}
_TYPES = {"float": "a number", "int": "a whole number", "str": "text", "array": "a list", "object": "a group of values",
          "bool": "true or false", "null": "nothing"}  # fmt: skip


def in_words(error: msgspec.ValidationError) -> str:
    """What does not fit, for people and without a full stop: `takes 1.seed must be at least 0`."""
    text, _, path = str(error).partition(" - at `")
    is_key = path.startswith("key` in `")
    path = path.removeprefix("key` in `").rstrip("`").removeprefix("$").lstrip(".")
    path = re.sub(r"\[(\d+)\]", lambda found: f" {int(found[1]) + 1}", path).strip()  # people count from 1
    where = f"a name in {path or 'it'}" if is_key else path or "it"
    if found := re.fullmatch(r"Expected `(?:float|int)` (>=|>|<=|<) (\S+)", text):
        return f"{where} {_BOUNDS[found[1]]} {float(found[2]):g}"
    if found := re.fullmatch(r"Expected `([^`]+)`(?:, got `([^`]+)`)?", text):
        wanted = " or ".join(_TYPES.get(kind.strip(), "something else") for kind in found[1].split("|"))
        return f"{where} must be {wanted}" + (f", not {_TYPES.get(found[2], 'something else')}" if found[2] else "")
    if found := re.fullmatch(r"Object missing required field `([^`]+)`", text):
        return f"{found[1]} is missing"
    if found := re.fullmatch(r"Object contains unknown field `([^`]+)`", text):
        return f"{found[1]} is not known"
    if found := re.fullmatch(r"Invalid (?:enum )?value (.+)", text):
        return f"{where} cannot be {found[1]}"
    if text.startswith("Expected `str` matching regex"):
        return f"{where} is not written as it must be"
    if " of length " in text:
        return f"{where} is too {'short' if '>=' in text else 'long'}"
    return text
