"""What packs and their files may be called. Knows no torch."""

from __future__ import annotations

from pathlib import PurePosixPath

MANIFEST = "manifest.json"
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""Of a pack: it names a folder, too."""


def leaves(path: str) -> bool:
    """Whether a path that others wrote could be outside the folder of the pack, or garble a terminal."""
    parts = PurePosixPath(path).parts
    return path.startswith("/") or ".." in parts or "\\" in path or ":" in path or not path.isprintable()
