"""The ZeroMQ front: a ROUTER for clients, a PUB for observers. Knows frames and peers, holds no policy.

Observers subscribe to a job id (or to everything); each event arrives as `[job, magic, header]`, without audio.
Nothing here blocks: what cannot be sent at once is not sent, and the caller is told.
"""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import zmq
from punchin_wire.errors import DaemonError, PunchinError, VersionMismatch
from punchin_wire.frames import MAX_AUDIO, Frame, Packet, pack, unpack
from punchin_wire.messages import Event, FromClient, Message, Refused
from punchin_wire.structs import UNREADABLE

log = logging.getLogger(__name__)

Client = bytes
"""A peer, by the identity that ZeroMQ gave its connection."""

MAX_FRAME = MAX_AUDIO + 2**20
"""A connection that sends more is closed by ZeroMQ; a little more than allowed still gets a clear `too_large`."""
WAITING_PACKETS = 8
"""Packets from one client that wait in memory while the daemon is busy with others'."""
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
    packet: Packet
    frames: list[Frame]


class _Named(msgspec.Struct):
    """As much of a refused message as is needed to say which job is refused."""

    job: str = ""


class ZmqFront:
    """Bound sockets. Raises DaemonError when a port is taken."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], bind: str, port: int, events_port: int) -> None:
        self.router = context.socket(zmq.ROUTER)
        self.events = context.socket(zmq.PUB)
        for socket in (self.router, self.events):
            socket.linger = 0
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
            socket.setsockopt(zmq.IPV6, ":" in bind)
        self.router.rcvhwm = WAITING_PACKETS
        self.router.sndhwm = UNREAD_PACKETS
        self.router.setsockopt(zmq.ROUTER_MANDATORY, 1)  # an error instead of silence when a client is gone or stuck
        self.router.setsockopt(zmq.HANDSHAKE_IVL, 5000)  # what connects and does not speak ZeroMQ is dropped
        try:
            self.port = _bind(self.router, bind, port)
            self.events_port = _bind(self.events, bind, events_port)
        except DaemonError:
            self.close()
            raise

    def receive(self, limit: int = 100) -> Iterator[Received]:
        """What clients have sent since the last time. Invalid packets are answered here with `Refused`."""
        for _ in range(limit):
            try:
                parts = self.router.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            client, frames = parts[0].bytes, list[Frame](part.buffer for part in parts[1:])
            try:
                packet = unpack(frames, FromClient)
            except PunchinError as error:
                log.info("refused a packet of %d frames: %s", len(frames), error)
                self._refuse(client, frames, error)
            else:
                yield Received(client, packet, frames)

    def send(self, client: Client, frames: Sequence[Frame]) -> Sent:
        try:
            self.router.send_multipart([client, *frames], zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return Sent.FULL
        except zmq.ZMQError:
            return Sent.GONE
        return Sent.YES

    def answer(self, client: Client, message: Message) -> None:
        self.send(client, pack(message))

    def publish(self, event: Event) -> None:
        with contextlib.suppress(zmq.Again):
            self.events.send_multipart([event.job.encode(), *pack(event)[:2]], zmq.DONTWAIT)

    def close(self) -> None:
        """Last words get half a second to leave."""
        self.router.close(linger=500)
        self.events.close(linger=500)

    def _refuse(self, client: Client, frames: Sequence[Frame], error: PunchinError) -> None:
        job = ""
        if len(frames) > 1:
            with contextlib.suppress(*UNREADABLE):
                job = msgspec.json.decode(frames[1], type=_Named).job[:64]
        magic, header = pack(Refused(error.info(), job))
        if isinstance(error, VersionMismatch):
            magic = bytes(
                frames[0][:32]
            )  # the peer's own, so that it can read why; `refused` is the same in all versions
        self.send(client, [magic, header])


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
