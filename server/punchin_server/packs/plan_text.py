"""A plan of a pull as people and programs read it, and the question whether its licences are accepted."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import hub, licences, terms
from .catalog import size
from .machine import Machine, this_machine
from .plan import Plan, existing


def as_json(plan: Plan, machine: Machine | None = None) -> dict[str, Any]:
    """The plan for programs; `url` is what another downloader can fetch, `place` where the file must then lie."""
    folder, machine = Path(plan.folder), machine or this_machine()
    return {
        "name": plan.name,
        "title": plan.entry.title,
        "folder": plan.folder,
        "bytes": sum(item.most for item in plan.items),
        "to_fetch": plan.to_fetch(),
        "files": [
            {
                "name": item.name,
                "url": item.wanted().url,
                "place": str(item.target(folder)),
                "size": item.size,
                "sha256": item.sha256,
                "pinned": item.pinned,
                "licence": item.licence,
                "is_here": item.found(folder) is not None,
            }
            for item in plan.items
        ],
        "licences": {part.licence: terms.shown(plan, part.licence) for part in plan.entry.parts},
        "to_accept": terms.open_terms(plan),
        "memory": machine.judge(plan.entry.need),
        "precision": machine.fitting(plan.entry.need),
    }


def in_words(plan: Plan, machine: Machine | None = None) -> str:
    """The plan for people: what is here, what is fetched, from where, to where, what the licences say, what fits."""
    folder, missing = Path(plan.folder), plan.missing()
    whole = sum(item.most for item in plan.items)
    lines = [f"{plan.name}: {plan.entry.title}", ""]
    for item in plan.items:
        state = "to fetch" if item in missing else "here"
        at_most = "" if item.size is not None else "at most "
        lines.append(f"  {state:<8}  {at_most + size(item.most):>16}  {item.name}")
    lines += ["", f"  fetches  {size(plan.to_fetch())} of {size(whole)}"]
    for place, found in _places(plan):
        lines.append(f"  into     {place} ({size(shutil.disk_usage(found).free)} free)")
    for licence in dict.fromkeys(part.licence for part in plan.entry.parts):
        lines += [f"  {line}" for line in terms.shown(plan, licence).splitlines()]
    if any(item.pinned == "first-use" for item in plan.items if item in missing):
        lines.append("  Some files have no published checksum: what comes is opened and checked, and remembered.")
    if plan.entry.need:  # a soundfont has none to speak of, a repository of somebody's does not say
        lines.append(f"  memory   {(machine or this_machine()).judge(plan.entry.need)}")
    if folder.exists() and not missing:
        lines.append("  Everything is here; the files are checked.")
    return "\n".join(lines)


def _places(plan: Plan) -> list[tuple[str, Path]]:
    found = []
    if any(item.place is None for item in plan.items):
        found.append((f"{hub.cache()}, the Hugging Face cache, which other programs share", hub.cache()))
    if any(item.place is not None for item in plan.items):
        found.append((plan.folder, Path(plan.folder)))
    return [(text, existing(path)) for text, path in found]


def ask(plan: Plan, missing: Sequence[str]) -> bool:
    """Ask the person at the terminal for each licence. Anything but yes is no."""
    for licence in missing:
        what = "that no licence is stated" if licence == licences.UNSTATED else licence
        print(f"Do you accept {what} for {plan.name}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return False
    return True
