"""`punchin`, and `python -m punchin_bridge.cli` for whoever knows the interpreter but not its scripts.

Ctrl-C is heard from here on: while the rest is still being loaded, too.
"""

import sys


def main() -> int:
    """Run the command that this process was started with, and return its exit code."""
    try:
        from .main import main as run
    except KeyboardInterrupt:
        from punchin_wire.program import interrupted

        return interrupted()
    return run()


if __name__ == "__main__":
    sys.exit(main())
