"""What a controller's rings, motors and lamps show of a mapping's entry. Pure: a view in, messages out."""

from __future__ import annotations

from punchin_wire.params import BY_NAME

from ...hosts.jobs import WORKING
from ..console import View
from .mapping import Entry
from .signals import FULL


def light(entry: Entry, view: View) -> tuple[int, int, int] | None:
    """Status, number and value of the message that shows what an entry drives; None where there is nothing to show."""
    if entry.control is not None and entry.cc is not None:
        place = BY_NAME[entry.control].normalized(view.values[entry.control])
        return 0xB0, entry.cc, round(place * FULL)
    if entry.note is None:
        return None
    busy = view.job is not None and view.job.phase in WORKING
    going = {
        "punch": view.foot != "up",
        "inpaint": busy and view.job is not None and view.job.engine == "inpaint",
        "transfer": busy and view.job is not None and view.job.engine == "transfer",
        "cancel": busy,
    }
    if entry.action not in going:
        return None
    return 0x90, entry.note, FULL if going[entry.action] else 0
