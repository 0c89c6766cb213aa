"""The licences that models come under: what each asks of a musician, and which of them must be accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LICENCES: Mapping[str, str] = {
    "Apache-2.0": "free use, also commercial; keep the notice when you pass the pack on",
    "MIT": "free use, also commercial; keep the notice when you pass the pack on",
    "CC0-1.0": "free use, no conditions",
    "CC-BY-4.0": "free use, also commercial; name the authors",
    "CC-BY-NC-4.0": "NON-COMMERCIAL use only; name the authors",
    "CC-BY-NC-SA-4.0": "NON-COMMERCIAL use only; name the authors, share changes alike",
}
"""What each asks, in a line."""

FREE = {"Apache-2.0", "MIT", "CC0-1.0", "CC-BY-4.0"}
"""Those that forbid a musician nothing."""

UNSTATED = "none-stated"
"""Said of files whose authors state no licence; without one nothing is allowed, so it is accepted by this name."""
_UNSTATED = "NONE STATED: the authors say nothing of how these files may be used"


def in_words(licence: str) -> str:
    """The licence with what it asks, in a line."""
    if licence == UNSTATED:
        return _UNSTATED
    return f"{licence}: {LICENCES[licence]}" if licence in LICENCES else licence


def by_tag(tag: str | Sequence[str] | None) -> str:
    """The licence that the hub calls `tag` (`cc-by-nc-4.0`); UNSTATED where it names none, all of several."""
    known = {licence.lower(): licence for licence in LICENCES}
    tags = [tag] if isinstance(tag, str) else tag or ()
    named = [known.get(one.lower(), one) for one in tags if one and one.isprintable()]
    return " and ".join(named) or UNSTATED
