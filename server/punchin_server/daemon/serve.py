"""`punchin serve` as a process: one per user, log file, signals, exit codes. The work is the daemon's."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from punchin_wire import VERSION, paths, program
from punchin_wire.errors import DaemonError, PunchinError

from . import settings
from .daemon import Daemon
from .executors import need_ray
from .executors.cluster import InCluster
from .executors.local import Local
from .hosted import Executor
from .launcher import PUNCHIN

log = logging.getLogger(__name__)

WORKER = "punchin_server.worker"
CONNECTIONS = 65_536


def serve(options: settings.Settings, worker: Sequence[str], punchin: Sequence[str], engines: str) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises DaemonError when it cannot."""
    with paths.only_one("daemon"), contextlib.ExitStack() as stack:
        paths.open_log(paths.daemon_log())
        if options.keys:
            _allow_connections()
        executor = stack.enter_context(contextlib.closing(_executor(options, worker, engines)))
        daemon = Daemon(options, executor, punchin)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: daemon.stop())
        paths.write_daemon_record(daemon.record)
        log.info("serving: %s", daemon.record)
        known_by = f", key {daemon.record.key}" if options.keys else ""
        osc = daemon.osc_port or "off"
        print(f"Punchin {VERSION} serves: port {daemon.front.port}, OSC port {osc}{known_by}.", flush=True)
        try:
            daemon.run()
        finally:
            paths.remove_daemon_record(os.getpid())


def _allow_connections() -> None:
    """As many open files as we may have: strangers' connections must not use up those that takes are kept with."""
    if os.name == "posix":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = CONNECTIONS if most == resource.RLIM_INFINITY else min(most, CONNECTIONS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _executor(options: settings.Settings, worker: Sequence[str], engines: str) -> Executor:
    """Where workers run. Raises BadSetting where that is not installed."""
    if options.executor == "local":
        return Local(worker, options.devices)
    need_ray()
    return InCluster(options, engines)


def main(
    argv: Sequence[str],
    worker: Sequence[str] = (sys.executable, "-m", WORKER),
    punchin: Sequence[str] = PUNCHIN,
    engines: str = WORKER,
) -> int:
    """`punchin serve`. Returns the exit code. `worker` and `punchin` are the commands of its children; workers that are
    none get their engines from the module `engines`."""
    try:
        serve(settings.load(argv, os.environ), worker, punchin, engines)
    except PunchinError as error:
        return program.fail(error, as_json=False)
    except OSError as error:
        cannot = f"The daemon cannot use {error.filename or 'its folders'}: {error.strerror or error}."
        return program.fail(DaemonError(cannot, "Make room, or set PUNCHIN_HOME."), as_json=False)
    except Exception:
        log.exception("the daemon crashed")
        raise
    return 0
