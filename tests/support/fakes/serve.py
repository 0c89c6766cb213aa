"""The real daemon with the fake engine: `python serve.py --queue 2 ...`, flags as of `punchin serve`."""

import os
import sys
from pathlib import Path

from punchin_server.daemon import launcher, serve
from punchin_server.daemon.serve import main

HERE = Path(__file__).parent
FAKE_WORKER = (sys.executable, os.environ.get("FAKE_WORKER", str(HERE / "worker.py")))
REAL = "REAL_WORKER" in os.environ
WORKER = (sys.executable, "-m", serve.WORKER) if REAL else FAKE_WORKER
ENGINES = serve.WORKER if REAL else "fakes.engine"
PUNCHIN = launcher.PUNCHIN if "REAL_PUNCHIN" in os.environ else (sys.executable, str(HERE / "inpaint.py"))

if "RAY_PATIENCE" in os.environ:
    from punchin_server.daemon.executors import cluster

    cluster.FIXED_SECONDS = float(os.environ["RAY_PATIENCE"])

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], WORKER, PUNCHIN, ENGINES))
