"""A client of the daemon: one DEALER socket, heartbeats from the same loop. Knows no songs and no files.

Every wait has a timeout. A connection that breaks is mended: the client asks for its job's events after the last one it
has seen, so that nothing is lost and nothing comes twice.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

import zmq
from punchin_wire.errors import BadMessage, DaemonUnreachable, JobCancelled, from_info
from punchin_wire.frames import MAX_AUDIO, Audio, Frame, Packet, pack, unpack
from punchin_wire.messages import (
    HEARTBEAT_SECONDS,
    Accepted,
    AnyMessage,
    Attach,
    Cancel,
    Cancelled,
    Done,
    Event,
    Failed,
    FromDaemon,
    PackQuery,
    Packs,
    Ping,
    Pong,
    Refused,
    Release,
    Status,
    StatusQuery,
    Submit,
)
from punchin_wire.remote import keys
from zmq.utils.monitor import recv_monitor_message

from ..settings import Settings
from .endpoint import Endpoint

WAITING_PACKETS = 64
"""Packets that wait in memory until they are read; then the daemon keeps them."""

HANDSHAKES = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
WATCHED = zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_RETRIED | zmq.EVENT_DISCONNECTED | HANDSHAKES
DENIED = 400
"""What the daemon's gate says of a key that it does not know."""
MISMATCH = zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
UNMET_SECONDS = 1.5
"""For how long handshakes break off without a word, ten times a second, until the key is taken for the reason: of those
that say why, some break off like that, and so do those with a daemon that is just ending."""
SLOW_LINE = 250_000
"""Bytes a second of the slowest line to another computer on which an excerpt may travel: all is silent meanwhile."""
HANGS = "Ask again. If that does not help, end its process: the next job starts a new one."
AGAIN = "Ask again: a new daemon starts by itself, and a job with a name goes on under it."

Reply = TypeVar("Reply", Accepted, Status, Pong)


class Client:
    """A connection to the daemon at `endpoint` (`tcp://host:port` where it serves without keys). Not for more than one
    thread. Raises BadKey where the daemon has a key, and this computer none.

    Every method raises KeyRefused where the daemon does not know this computer's key, or is not the one that is meant.
    Whoever iterates over a job's events comes back for the next within `VANISHED_SECONDS`, else the daemon takes the
    client for gone.
    """

    def __init__(self, endpoint: Endpoint | str, settings: Settings = Settings()) -> None:
        self._endpoint = Endpoint(endpoint) if isinstance(endpoint, str) else endpoint
        self._pair = keys.own() if self._endpoint.key else None
        self._settings = settings
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._pinged = self._heard = time.monotonic()
        self._refused: float | None = None  # since when nobody has listened at the daemon's port
        self._is_lost = self._has_met = False  # its connection, since that was asked last; the daemon, ever
        self._unmet: float | None = None  # since when handshakes break off
        self._travels = 0.0  # seconds for which the job's audio may be on its way
        self._open()

    @property
    def remote(self) -> str:
        """The name of the daemon, where it is another computer's."""
        return self._endpoint.remote

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._context.destroy(linger=200)  # a last message may still leave

    # ---- single questions ------------------------------------------------------------------------------------

    def ping(self) -> Pong:
        return self._ask(Ping(), Pong)

    def status(self) -> Status:
        return self._ask(StatusQuery(), Status)

    def cancel(self, job: str) -> None:
        """Stop a job; the daemon has acknowledged it when this returns. Raises UnknownJob."""
        # Ctrl-C may have left half a message in the socket, and anyone may cancel: ask through a new one.
        self._drop()
        self._open()
        self._ask(Cancel(job), Accepted)

    def release(self, job: str) -> None:
        """Let the daemon forget a finished job. Raises UnknownJob."""
        self._ask(Release(job), Accepted)

    def packs(self, query: PackQuery) -> Generator[Packs, None, None]:
        """What `punchin packs` says on the daemon's computer, up to its end. Raises what the daemon refuses with. A
        generator that is closed before has the program there stopped."""
        self._send(pack(query))
        self._heard = time.monotonic()
        code: int | None = None
        try:
            while code is None:
                packet = self._receive(HEARTBEAT_SECONDS / 2)
                if self._is_broken():
                    raise self._endpoint.unreachable(f"The connection to the daemon at {self._endpoint} broke.", AGAIN)
                message = packet.message if packet is not None else None
                if isinstance(message, Refused):
                    raise from_info(message.error)
                if isinstance(message, Packs):
                    code = message.code
                    yield message
        finally:
            if code is None:
                self._send(pack(PackQuery("stop")))

    def _ask(self, message: AnyMessage, kind: type[Reply]) -> Reply:
        """The answer to `message`. Events that come meanwhile are dropped. Raises what the daemon refuses with."""
        self._send(pack(message))
        until = time.monotonic() + self._settings.reply_seconds
        while (left := until - time.monotonic()) > 0:
            packet = self._receive(left)
            if packet is None:
                continue
            if isinstance(packet.message, Refused):
                raise from_info(packet.message.error)
            if isinstance(packet.message, kind):
                return packet.message
        raise self._endpoint.unreachable(f"The daemon at {self._endpoint} did not answer.", HANGS)

    # ---- a job -----------------------------------------------------------------------------------------------

    def run(self, submit: Submit, audio: Sequence[Audio] = ()) -> Iterator[Packet]:
        """Submit a job and yield what happens to it: `Accepted`, then its `Event`\\ s in order up to `Done`.

        Raises what it is refused with or fails of, JobCancelled, or DaemonUnreachable after `give_up_seconds` of
        silence, or `refused_seconds` where nobody listens any more.
        """
        request = pack(submit, audio, shrink=submit.shrink)
        self._travels = sum(map(len, request)) / SLOW_LINE if self.remote else 0.0
        self._send(request)
        self._heard = time.monotonic()
        accepted, seen = False, 0
        while True:
            packet = self._receive(HEARTBEAT_SECONDS / 2)
            if self._is_broken():
                self._drop()
                self._open()
                self._send(pack(Attach(submit.job, seen)) if accepted else request)
            if packet is None:
                continue
            match packet.message:
                case Refused(error, job) if job in ("", submit.job):
                    raise from_info(error)
                case Accepted(job) if job == submit.job and not accepted:
                    accepted = True
                    yield packet
                case Event(job, seq, body) if job == submit.job and seq > seen:
                    seen = seq
                    if isinstance(body, Failed):
                        raise from_info(body.error)
                    if isinstance(body, Cancelled):
                        raise JobCancelled(f"Job {job} was cancelled.")
                    yield packet
                    if isinstance(body, Done):
                        return

    def _is_broken(self) -> bool:
        """Whether the daemon was lost: silent for long, or reached by a new connection, which it does not know."""
        silence = time.monotonic() - self._heard
        travels = self._travels if self._stands else 0.0
        if silence > self._settings.give_up_seconds + travels:
            raise self._endpoint.unreachable(f"The daemon has not answered for {silence:.0f} s.", AGAIN)
        if self._refused and time.monotonic() - self._refused > self._settings.refused_seconds:
            raise self._endpoint.unreachable("The daemon has ended: nobody listens at its port.", AGAIN)
        since = time.monotonic() - max(self._heard, self._connected)
        return self._is_lost or since > self._settings.silence_seconds + travels

    # ---- the socket ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.rcvhwm = WAITING_PACKETS
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_AUDIO + 2**20)
        self._socket.setsockopt(zmq.IPV6, "[" in self._endpoint.address)
        self._socket.setsockopt(zmq.SNDTIMEO, round(1000 * self._settings.reply_seconds))
        if self._pair is not None:
            self._socket.curve_serverkey = bytes.fromhex(self._endpoint.key)
            self._socket.curve_publickey = bytes.fromhex(self._pair.public)
            self._socket.curve_secretkey = bytes.fromhex(self._pair.secret)
        self._monitor = self._socket.get_monitor_socket(WATCHED)
        self._poller = zmq.Poller()
        for socket in (self._socket, self._monitor):
            self._poller.register(socket, zmq.POLLIN)
        if self.remote:  # a line that is dead, and not only slow, is for the system to notice
            self._socket.setsockopt(zmq.TCP_MAXRT, round(1000 * self._settings.silence_seconds))
        self._is_lost = self._stands = False
        try:
            self._socket.connect(self._endpoint.address)
        except zmq.ZMQError as error:
            raise DaemonUnreachable(
                f"{self._endpoint} is no address of a daemon: {error.strerror}.",
                "Set PUNCHIN_BRIDGE_DAEMON to host:port, or leave it unset.",
            ) from None
        self._connected = time.monotonic()

    def _watch(self) -> None:
        """Take in what has become of the connection. Raises KeyRefused."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)
            match event["event"]:
                case zmq.EVENT_DISCONNECTED:
                    self._is_lost, self._stands = True, False
                case zmq.EVENT_CONNECTED:
                    self._refused = None
                case zmq.EVENT_CONNECT_RETRIED:
                    self._refused = self._refused or time.monotonic()
                case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    self._has_met = self._stands = True
                case zmq.EVENT_HANDSHAKE_FAILED_AUTH if event["value"] == DENIED:
                    raise self._endpoint.unknown_here(self._pair.public if self._pair else "KEY")
                case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL if event["value"] == MISMATCH:
                    raise self._endpoint.mismatched()
                case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL if self._pair is not None and not self._has_met:
                    self._unmet = self._unmet or time.monotonic()
                    if time.monotonic() - self._unmet > UNMET_SECONDS:
                        raise self._endpoint.another()

    def _drop(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=0)

    def _send(self, frames: Sequence[Frame]) -> None:
        try:
            self._socket.send_multipart(frames, copy=False)
        except zmq.Again:
            raise self._endpoint.unreachable(f"The daemon at {self._endpoint} takes no messages.", HANGS) from None

    def _receive(self, seconds: float) -> Packet | None:
        """The next packet within `seconds`, or None; sends a heartbeat when one is due."""
        if time.monotonic() - self._pinged >= HEARTBEAT_SECONDS / 2:
            self._send(pack(Ping()))
            self._pinged = time.monotonic()
        self._poller.poll(round(1000 * min(seconds, HEARTBEAT_SECONDS / 2)))
        self._watch()
        if not self._socket.poll(0):
            return None
        frames: list[Frame] = [frame.buffer for frame in self._socket.recv_multipart(copy=False)]
        self._heard = time.monotonic()
        try:
            return unpack(frames, FromDaemon)
        except BadMessage as error:
            raise BadMessage(
                f"{self._endpoint} is no Punchin daemon: {error}", DaemonUnreachable.default_next_step
            ) from None
