"""Run the tests: `python3 scripts/test.py`. Sets up its environment on the first run, needs only Python 3.11+.

python3 scripts/test.py            everything: style, types, all tests (the parity oracle is installed too)
python3 scripts/test.py --quick    style, types and the pure tests, in seconds
python3 scripts/test.py -- -k splice -x      everything behind `--` goes to pytest
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import bootstrap

QUICK = "not model and not e2e and not peer and not host"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only what runs in seconds")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest")
    options = parser.parse_args()
    bootstrap.relaunch(peers=not options.quick)

    checks = [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["pytest", *(["-m", QUICK] if options.quick else []), *options.pytest],
    ]
    # Two cores and several processes: threads that spin while they wait would cost more than they give.
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
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
