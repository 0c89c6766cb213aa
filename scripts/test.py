"""Run the tests: `python3 scripts/test.py`. Sets up its environment on the first run, needs only Python 3.11+.

python3 scripts/test.py              everything: style, types, all tests (the parity oracle is installed too)
python3 scripts/test.py --quick      style, types and the pure tests, in seconds
python3 scripts/test.py --endurance  the long runs alone, which everything else has in a short form
python3 scripts/test.py -- -k splice -x      everything behind `--` goes to pytest (`-n 0`: in one process)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import bootstrap

QUICK = "not slow and not torch and not model and not e2e and not peer and not host and not endurance"
MOST_WORKERS = 4  # each may hold models, daemons and a host program


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="only what runs in seconds")
    which.add_argument("--endurance", action="store_true", help="only what runs for minutes")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest")
    options = parser.parse_args()
    bootstrap.relaunch(peers=not (options.quick or options.endurance))

    cores = os.cpu_count() or 1
    workers = min(cores, MOST_WORKERS)
    pytest = ["pytest", "-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    if options.quick:
        pytest += ["-m", QUICK, "--hypothesis-profile", "quick"]
    elif options.endurance:
        pytest += ["-m", "endurance", "-n", "0"]
    style = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
    checks = [*([] if options.endurance else style), [*pytest, *options.pytest]]
    # Several processes on few cores: threads that spin while they wait would cost more than they give.
    threads = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(max(1, cores // workers))}
    environment = {**threads, **os.environ, "HF_HUB_OFFLINE": "1"}
    failed = []
    for check in checks:
        print(f"== {' '.join(check)}", flush=True)
        if subprocess.call([sys.executable, "-m", *check], cwd=bootstrap.ROOT, env=environment):
            failed.append(check[0])
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
