"""Write the generated parts of the documentation and of hosts' scripts anew, from the tables that the code runs by.

python scripts/update_docs.py            rewrites what is stale, and says what that was
python scripts/update_docs.py --check    only says what is stale; exit code 1 if something is

A part stands between two comments of its file, which stay: the first holds `generated: NAME`, the other `end: NAME`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bridge"), str(ROOT / "server")]  # documents this checkout, whatever is installed

from _docs import cli, osc, parameters, surfaces  # noqa: E402


class Part(NamedTuple):
    """What stands in `file` between the comments of `name`; `text` makes it, and it ends with a line's end."""

    file: str
    name: str
    text: Callable[[], str]


PARTS = (
    Part("docs/cli.md", "exits", cli.exits),
    Part("docs/cli.md", "errors", cli.errors),
    Part("docs/cli.md", "commands", cli.commands),
    Part("docs/osc.md", "osc", osc.tables),
    Part("docs/parameters.md", "parameters", parameters.tables),
    Part("docs/surfaces.md", "surfaces", surfaces.tables),
    Part("plugin_host/lua/params.lua", "params", parameters.lua),
    Part("plugin_host/ableton/Punchin/params.py", "params", parameters.python),
    Part("plugin_host/plugin/view/parameters.cpp", "params", parameters.cpp),
)


def renewed(text: str, part: Part) -> str:
    """`text` with the part in it as it should be. Raises ValueError where its two comments do not stand there once."""
    lines = text.splitlines(keepends=True)
    start, end = (
        [number for number, line in enumerate(lines) if re.search(rf"\b{word}: {part.name}\b", line)]
        for word in ("generated", "end")
    )
    if len(start) != 1 or len(end) != 1:
        raise ValueError(f"{part.file} has {len(start)} beginnings and {len(end)} ends of {part.name!r}")
    return "".join([*lines[: start[0] + 1], part.text(), *lines[end[0] :]])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args()
    stale = []
    for part in PARTS:
        path = ROOT / part.file
        text = path.read_text("utf-8")
        if (new := renewed(text, part)) != text:
            stale.append(part)
            if not options.check:
                path.write_text(new, "utf-8", newline="\n")
    for part in stale:
        print(f"{part.file}: {part.name} {'is stale' if options.check else 'is renewed'}")
    if options.check and stale:
        print("Run `python scripts/update_docs.py`.")
    return bool(options.check and stale)


if __name__ == "__main__":
    sys.exit(main())
