"""The real worker process with the fake engine: `python worker.py`, started by the supervisor."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from punchin_server.worker import main

from fakes.engine import ENGINES

if __name__ == "__main__":
    main(ENGINES)
