"""`punchin serve` as a process: one per user, log file, signals, exit codes. The work is the daemon's."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

from punchin_wire import VERSION, paths
from punchin_wire.errors import DaemonError, PunchinError

from . import settings
from .daemon import WORKER, Daemon
from .launcher import PUNCHIN

log = logging.getLogger(__name__)


def serve(options: settings.Settings, worker: Sequence[str], punchin: Sequence[str]) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises DaemonError when it cannot."""
    with paths.only_one("daemon"):
        paths.open_log(paths.daemon_log())
        daemon = Daemon(options, worker, punchin)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: daemon.stop())
        paths.write_daemon_record(daemon.record)
        log.info("serving: %s", daemon.record)
        print(f"Punchin {VERSION} serves: port {daemon.front.port}, OSC port {daemon.osc_port}.", flush=True)
        try:
            daemon.run()
        finally:
            paths.remove_daemon_record(os.getpid())


def main(argv: Sequence[str], worker: Sequence[str] = WORKER, punchin: Sequence[str] = PUNCHIN) -> int:
    """`punchin serve`. Returns the exit code; `worker` and `punchin` are the commands of its children."""
    try:
        serve(settings.load(argv, os.environ), worker, punchin)
    except PunchinError as error:
        print(f"{error}\n{error.next_step}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"The daemon cannot use its folders: {error}.\nMake room, or set PUNCHIN_HOME.", file=sys.stderr)
        return DaemonError.exit_code
    except Exception:
        log.exception("the daemon crashed")
        raise
    return 0
