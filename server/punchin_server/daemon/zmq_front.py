"""The ZeroMQ front: a ROUTER for clients, an XPUB for observers. Knows frames and peers, holds no policy.

Observers subscribe to a job id (or to everything); each event arrives as `[job, magic, header]`, without audio.
Nothing here blocks: what cannot be sent at once is not sent, and the caller is told.

With a :class:`.gate.Gate` only known keys are heard. A client's jobs have its scope before their names from here on
inwards; outwards it is taken away again, but from the first frame of an event for observers, who get the events of
their own jobs alone.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import zmq
from punchin_wire.errors import BadMessage, DaemonError, KeyRefused, PunchinError, VersionMismatch
from punchin_wire.frames import MAX_AUDIO, Frame, Sealed, pack, unpack_sealed
from punchin_wire.messages import MAX_JOB, Event, FromClient, Message, Refused
from punchin_wire.remote.keys import scope
from punchin_wire.structs import UNREADABLE

from .gate import Gate, scoped

log = logging.getLogger(__name__)


class Client(NamedTuple):
    """A peer: the identity that ZeroMQ gave its connection, and its key, which is empty for this computer's user."""

    identity: bytes
    key: str = ""


MAX_FRAME = MAX_AUDIO + 2**20
"""A connection that sends more is closed by ZeroMQ; a little more than allowed still gets a clear `too_large`."""
WAITING_PACKETS = 8
"""Packets from one client that wait in memory while the daemon is busy with others'."""
MAX_SUBSCRIPTION = 4096
"""Bytes of what an observer says; most of them for the handshake."""
TOPIC = re.compile(rb"[A-Za-z0-9_-]{0,64}")
UNREAD_PACKETS = 64
"""Packets to one client that wait in memory while it does not read; takes and endings then wait on disk."""


class Sent(enum.Enum):
    """What became of a packet to a client."""

    YES = "on its way"
    FULL = "not sent: the client does not read, and no more may wait"
    GONE = "not sent: the connection is closed"


class Received(NamedTuple):
    """A valid packet from a client, with the frames it came in."""

    client: Client
    packet: Sealed
    frames: list[Frame]


class _Named(msgspec.Struct):
    """As much of a refused message as is needed to say which job is refused."""

    job: str = ""


class ZmqFront:
    """Bound sockets. Raises DaemonError when a port is taken."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        bind: str,
        port: int,
        events_port: int,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate
        self.router = context.socket(zmq.ROUTER)
        self.events = context.socket(zmq.XPUB)
        for socket in (self.router, self.events):
            socket.linger = 0
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
            socket.setsockopt(zmq.IPV6, ":" in bind)
            socket.setsockopt(zmq.HANDSHAKE_IVL, 5000)  # what connects and does not speak ZeroMQ is dropped
            if gate is not None:
                gate.guard(socket)
        self.events.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION)
        self.events.setsockopt(zmq.XPUB_MANUAL, 1)
        self.router.rcvhwm = WAITING_PACKETS
        self.router.sndhwm = UNREAD_PACKETS
        self.router.setsockopt(zmq.ROUTER_MANDATORY, 1)  # an error instead of silence when a client is gone or stuck
        try:
            self.port = _bind(self.router, bind, port)
            self.events_port = _bind(self.events, bind, events_port)
        except DaemonError:
            self.close()
            raise

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        """Those that may have something for :meth:`receive`."""
        return [self.router, self.events, *([self._gate.socket] if self._gate else [])]

    def receive(self, limit: int = 100) -> Iterator[Received]:
        """What clients have sent since the last time. Invalid packets are answered here with `Refused`."""
        if self._gate is not None:
            self._gate.step()
        self._subscribe(limit)
        for _ in range(limit):
            try:
                parts = self.router.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            client, frames = Client(parts[0].bytes), list[Frame](part.buffer for part in parts[1:])
            try:
                if self._gate is not None:
                    _check_identity(client.identity)
                    client = Client(client.identity, self._gate.sender(parts[-1]))
                packet = unpack_sealed(frames, FromClient)
                if client.key:
                    packet = packet._replace(message=scoped(packet.message, client.key))
                    frames[1] = msgspec.json.encode(packet.message)
            except PunchinError as error:
                log.info("refused a packet of %d frames: %s", len(frames), error)
                self._refuse(client, frames, error)
            else:
                yield Received(client, packet, frames)

    def _subscribe(self, limit: int) -> None:
        """Let observers have what they ask for, of their own jobs."""
        for _ in range(limit):
            try:
                frame = self.events.recv(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            wants, topic = frame.bytes[:1], frame.bytes[1:]
            if wants not in (b"\0", b"\1") or not TOPIC.fullmatch(topic):
                continue
            try:
                mine = scope(self._gate.sender(frame)).encode() if self._gate else b""
            except KeyRefused:
                continue
            with contextlib.suppress(zmq.ZMQError):  # it has gone meanwhile
                self.events.setsockopt(zmq.SUBSCRIBE if wants == b"\1" else zmq.UNSUBSCRIBE, mine + topic)

    def send(self, client: Client, frames: Sequence[Frame]) -> Sent:
        """Send a packet. A client whose key was revoked is gone."""
        if self._gate is not None and client.key:
            if not self._gate.is_open_to(client.key):
                return Sent.GONE
            frames = [frames[0], bytes(frames[1]).replace(scope(client.key).encode(), b""), *frames[2:]]
        try:
            self.router.send_multipart([client.identity, *frames], zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return Sent.FULL
        except zmq.ZMQError:
            return Sent.GONE
        return Sent.YES

    def answer(self, client: Client, message: Message) -> None:
        self.send(client, pack(message))

    def publish(self, event: Event) -> None:
        magic, header = map(bytes, pack(event)[:2])
        if self._gate is not None:
            key = self._gate.owner(event.job)
            if not self._gate.is_open_to(key):
                return
            header = header.replace(scope(key).encode(), b"")
        with contextlib.suppress(zmq.Again):
            self.events.send_multipart([event.job.encode(), magic, header], zmq.DONTWAIT)

    def close(self) -> None:
        """Last words get half a second to leave."""
        self.router.close(linger=500)
        self.events.close(linger=500)

    def _refuse(self, client: Client, frames: Sequence[Frame], error: PunchinError) -> None:
        job = ""
        if len(frames) > 1:
            with contextlib.suppress(*UNREADABLE):
                job = msgspec.json.decode(frames[1], type=_Named).job[:MAX_JOB]
        magic, header = pack(Refused(error.info(), job))
        if isinstance(error, VersionMismatch):
            magic = bytes(
                frames[0][:32]
            )  # the peer's own, so that it can read why; `refused` is the same in all versions
        self.send(client, [magic, header])


def _check_identity(identity: bytes) -> None:
    """Raises BadMessage where a client chose its identity: it could choose that of one that has just gone, and be sent
    what was meant for that one. Those that ZeroMQ gives begin with a zero."""
    if identity[:1] != b"\0":
        raise BadMessage("A client of a daemon with keys does not choose its ZeroMQ identity.")


def _bind(socket: zmq.Socket[bytes], address: str, port: int) -> int:
    host = f"[{address}]" if ":" in address else address
    try:
        socket.bind(f"tcp://{host}:{port or '*'}")
    except zmq.ZMQError as error:
        raise DaemonError(
            f"Port {port} on {address} cannot be used: {error.strerror}.",
            "Stop the program that holds the port, or choose another with --port and --events-port.",
        ) from None
    return int(socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
