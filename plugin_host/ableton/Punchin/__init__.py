"""Punchin inside Ableton Live 11 and 12, as a Remote Script: select, punch in, and takes come back onto the time line.

Live imports this folder from its User Library and calls :func:`create_instance`. Nothing here waits, starts threads, or
needs a package: Live 11 runs it with Python 3.7, Live 12 with 3.11. It speaks to the bridge, one process for all hosts,
which does the work; `docs/ableton.md` of Punchin says how to use it.
"""

from __future__ import annotations


def create_instance(c_instance: object) -> object:
    """The control surface for one set; `c_instance` is Live's end of it."""
    from .surface import Punchin  # not at the top: the other modules can be imported where there is no Live

    return Punchin(c_instance)
