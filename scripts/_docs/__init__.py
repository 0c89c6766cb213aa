"""Tables of the documentation, each from the table that the code runs by. `update_docs.py` puts them into the pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, with a line's end."""
    return "".join([_row(head), "|---" * len(head), "|\n", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
