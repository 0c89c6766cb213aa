"""`python -m punchin_server serve | packs | doctor`: finds the module of the verb, and imports no other."""

from __future__ import annotations

import importlib
import sys

from punchin_wire import program

VERBS = {"serve": "daemon.serve", "packs": "packs.cli", "doctor": "doctor"}


def main(argv: list[str]) -> int:
    """Run one verb; its module's `main` takes the other arguments and returns the exit code."""
    if not argv or argv[0] not in VERBS:
        print(f"usage: python -m punchin_server {{{','.join(VERBS)}}} ...", file=sys.stderr)
        return 2
    return program.run(lambda: program.guarded(lambda: _verb(argv), "--json" in argv))


def _verb(argv: list[str]) -> int:
    found: int = importlib.import_module(f"punchin_server.{VERBS[argv[0]]}").main(argv[1:])
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
