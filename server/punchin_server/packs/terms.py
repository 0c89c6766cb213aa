"""What the licences of a plan forbid, and that they were accepted. Never accepts for anyone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from punchin_wire.errors import NotAccepted

from . import licences
from .plan import Plan
from .registry import Acceptance


def shown(plan: Plan, licence: str) -> str:
    """The terms of one licence of the plan as they are shown: what it asks, where it stands, what is unclear."""
    parts = [part for part in plan.entry.parts if part.licence == licence]
    lines = [licences.in_words(licence)]
    lines += [f"  {part.home}: {part.licence_url}" if part.home else f"  {part.licence_url}" for part in parts]
    lines += [f"  {note}" for note in dict.fromkeys(part.note for part in parts) if note]
    return "\n".join(dict.fromkeys(lines))


def open_terms(plan: Plan) -> list[str]:
    """The licences that forbid something and were not accepted yet, in the words that are shown now."""
    asked = dict.fromkeys(part.licence for part in plan.entry.parts if part.licence not in licences.FREE)
    known = {(acceptance.licence, acceptance.terms) for acceptance in plan.accepted}
    return [licence for licence in asked if (licence, _digest(plan, licence)) not in known]


def accepted(plan: Plan, accept: Sequence[str], ask: Callable[[Plan, Sequence[str]], bool] | None) -> Plan:
    """The plan with what was accepted, by name (`--accept`) or by a person who was asked. Raises NotAccepted."""
    is_open = open_terms(plan)
    named = {word.lower() for word in accept}
    missing = [licence for licence in is_open if licence.lower() not in named]
    if missing and (ask is None or not ask(plan, missing)):
        words = " ".join(f"--accept {licence}" for licence in is_open)
        raise NotAccepted(
            f"{plan.name} comes under {', '.join(missing)}; that was not accepted, and nothing was fetched.",
            f"Read what it asks, and if you accept it: `punchin packs pull {plan.name} {words}`.",
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new = tuple(Acceptance(licence, now, _digest(plan, licence)) for licence in is_open)
    return msgspec.structs.replace(plan, accepted=plan.accepted + new)


def _digest(plan: Plan, licence: str) -> str:
    return hashlib.sha256(shown(plan, licence).encode()).hexdigest()
