"""`punchin shelf`: a small window from which takes are dragged into any program."""

from __future__ import annotations


def open_shelf() -> None:
    """Open a small window with the takes that are ready, to be dragged into any program.

    A browser cannot hand files to a DAW; this can. Needs PySide6: `pip install 'punchin[shelf]'`.
    """
    from ..page import shelf  # what other commands need not load

    shelf.run()
