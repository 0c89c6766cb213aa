"""The real daemon with the fake engine: `python tests/fakes/serve.py --queue 2 ...`, flags as of `punchin serve`."""

import sys
from pathlib import Path

from punchin_server.serve import main

WORKER = (sys.executable, str(Path(__file__).with_name("worker.py")))

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], worker=WORKER))
