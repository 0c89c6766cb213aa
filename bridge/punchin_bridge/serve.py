"""`punchin bridge`: one process for all hosts of this user. One thread of control, `[loop]`, waits for nothing long."""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import time
from pathlib import Path

from punchin_wire import VERSION, paths
from punchin_wire.errors import PunchinError
from punchin_wire.paths import BridgeRecord

from . import remotes
from .audio import foreign
from .daemon import launch
from .hosts.jobs import ENDED, WORKING
from .hosts.osc_link import PORT, OscLink
from .hosts.packs import HostPacks
from .hosts.protocol import LEASE_SECONDS, CommandResult, FromHost, Submit
from .hosts.runner import Find, HasFailed, IsCancelled, IsReady, JobRunner, Waits, Works, settle
from .hosts.seats import SeatsWatch
from .hosts.sessions import HostSessions
from .hosts.spool import Post, Spool
from .packs.pulls import Pulls
from .page.edge import PageEdge
from .settings import Settings
from .surfaces.console import Console
from .surfaces.edge import Edge
from .surfaces.midi.edge import MidiEdge
from .surfaces.midi.mapping import MappingFile, mapping_file
from .surfaces.midi.ports import open_ports
from .surfaces.osc.port import PORT as SURFACE_PORT
from .surfaces.osc.port import SurfacePort, allowed
from .surfaces.osc.query import OscQuery

TICK_SECONDS = 0.02
"""How often the inbox is looked at, which a host's request waits for at most."""
KEEP_SECONDS = 30 * 86_400.0
"""How long takes wait for their project to be opened again."""

log = logging.getLogger(__name__)


class Bridge:
    """The hosts' sessions, the runner behind them, and the carriers between. `run` returns after :meth:`stop`."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        osc_port: int = PORT,
        idle_exit: float = 0.0,
        surface_port: int = SURFACE_PORT,
        find: Find = launch.find_or_start,
    ) -> None:
        self.spool = Spool(root)
        self.spool.open()
        self.link = OscLink(osc_port)
        self.runner = JobRunner(self.spool, settings, find, lambda: self.page.is_shown)
        pulls = Pulls()  # one at a time, whoever asks for it
        self.packs = HostPacks(pulls)
        self.sessions = HostSessions(self.spool, self.runner, self.packs, lambda: remotes.used_name(settings))
        self.console = Console(self.sessions)
        self._seats = SeatsWatch(settings)
        midi = MidiEdge(self.console, MappingFile(mapping_file()), open_ports)
        self.surfaces = SurfacePort(self.console, midi.learn, surface_port, allowed(settings.surfaces), pulls=pulls)
        self.edges: list[Edge] = [self.surfaces, midi]
        self.query_port = 0
        if settings.oscquery:
            query = OscQuery(self.console, self.surfaces.port)
            self.edges.append(query)
            self.query_port = query.port
        self.page = PageEdge(
            self.console, self.sessions, pulls, self.runner.previews, self._say, root, paths.page_key()
        )
        self.edges.append(self.page)
        self._idle_exit = idle_exit
        self._stopped = False
        self._began = time.monotonic()
        self._strangers = set(self.spool.hosts())  # of a bridge before: some are alive, and will say hello
        self._resume(self._began, time.time())

    @property
    def record(self) -> BridgeRecord:
        return BridgeRecord(os.getpid(), self.link.port, VERSION, self.surfaces.port, self.query_port, self.page.port)

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        for edge in self.edges:
            edge.close()
        self.link.close()

    def run(self) -> None:
        """[loop] Until :meth:`stop`, or nobody was here for long."""
        busy = time.monotonic()
        while not self._stopped:
            sources = [source for edge in self.edges for source in edge.sources]
            select.select([self.link.endpoint, *sources], [], [], TICK_SECONDS)
            now = time.monotonic()
            try:
                self.step(now)
            except Exception:  # a mistake of ours; what it was about comes or is sent again, and others go on
                log.exception("a step failed")
            busy = busy if self.sessions.is_idle and not self.page.is_watched else now
            if self._idle_exit and now - busy > self._idle_exit:
                log.info("nobody was here for %.0f s", now - busy)
                return

    def step(self, now: float) -> None:
        """[loop] Take in what has come, and send what is new."""
        for post in self.spool.receive():
            receive(post, self.console, self.sessions, now, time.time())
        for post in self.link.receive():
            receive(post, self.console, self.sessions, now, time.time())
        self._take_events(now)
        self.sessions.expire(now)
        self.console.expire(now)
        self.console.seats = self._seats.step(now, self.sessions.daemon, self.sessions.jobs)
        for edge in self.edges:
            edge.step(now)
        self.packs.step(now)
        self._forget_strangers(now)
        for hello, state in self.sessions.news(now):
            try:
                path = self.spool.send(state)
            except OSError as error:
                log.error("%s cannot be sent its state: %s", hello.host, error)
                continue
            if hello.port:
                self.link.send(hello.port, state, path)

    def _say(self, document: FromHost, now: float) -> None:
        """[loop] A document of a host that lives in this process: the page's."""
        receive(Post(document.host, document), self.console, self.sessions, now, time.time())

    def _take_events(self, now: float) -> None:
        """What has become of jobs."""
        while True:
            try:
                event = self.runner.events.get_nowait()
            except queue.Empty:
                return
            match event:
                case Waits(job, position):
                    self.sessions.waiting(job, position)
                case Works(job, progress):
                    self.sessions.working(job, progress, now)
                case IsReady(record):
                    self.sessions.ready(record, now)
                case HasFailed(job, error):
                    self.sessions.failed(job, error, now)
                case IsCancelled(job):
                    self.sessions.cancelled(job, now)

    def _resume(self, now: float, wall: float) -> None:
        """Take up what an earlier bridge left, and clear away what it left of no use."""
        # What is ready comes first, so that its files have their names before others look for free ones.
        for record, written in sorted(self.spool.records(), key=lambda found: found[0].phase in WORKING):
            if record.phase in ENDED or wall - written > KEEP_SECONDS:
                self.spool.finish(record)
                continue
            try:
                self.sessions.resume(settle(record, self.spool), now)
            except PunchinError as error:
                log.error("job %s: %s", record.submit.job, error)
                continue
            log.info("job %s goes on: %s", record.submit.job, record.phase)

    def _forget_strangers(self, now: float) -> None:
        if self._strangers and now - self._began > LEASE_SECONDS:
            for host in self._strangers - self.sessions.hosts.keys():
                self.sessions.leave(host, now)
            self._strangers.clear()


def receive(post: Post, console: Console, sessions: HostSessions, now: float, wall: float) -> None:
    """[loop] A document of a host, to whom it concerns: a new job gets what was played for it before it is accepted,
    and surfaces learn what has become of their commands."""
    match post.document:
        case Submit() as submit if submit.job not in sessions.jobs:
            try:
                post = post._replace(document=console.complete(submit))
            except PunchinError as error:
                post = post._replace(document=None, error=error)
        case CommandResult(_, command, error_text):
            console.finished(command, error_text)
    sessions.receive(post, now, wall)


def serve(settings: Settings, osc_port: int = PORT, idle_exit: float = 0.0, surface_port: int = SURFACE_PORT) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises DaemonError where a bridge of this user runs already."""
    with paths.only_one("bridge"):
        paths.open_log(paths.bridge_log())
        foreign.tidy()
        bridge = Bridge(paths.spool_folder(), settings, osc_port, idle_exit, surface_port)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: bridge.stop())
        paths.write_bridge_record(bridge.record)
        log.info("serving: %s", bridge.record)
        ports = f"OSC ports {bridge.link.port} (hosts) and {bridge.surfaces.port} (surfaces)"
        print(f"Punchin {VERSION} bridges: {ports}, spool {bridge.spool.root}.", flush=True)
        try:
            bridge.run()
        finally:
            paths.remove_bridge_record(os.getpid())
            bridge.close()
