"""The UDP port of each of Punchin's programs that speak OSC: it never waits, and nothing that arrives makes it raise.

The only module of the wire that opens a socket; what reads and writes messages needs none.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

from ..errors import PunchinError
from .packets import LONGEST, build
from .table import OscValue, Program

LOOPBACK = "127.0.0.1"

Peer = tuple[str, int]
"""Who sent a packet, and gets the answers: address and port."""

log = logging.getLogger(__name__)


class Endpoint:
    """A socket of `program` at `port` of the address `bind`, where 0 is any that is free. With `or_any` it is also
    another where that port is taken; else OSError is raised there. Whoever selects or polls waits for it."""

    def __init__(self, program: Program, port: int = 0, bind: str = LOOPBACK, or_any: bool = False) -> None:
        self._program = program
        self._socket = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            try:
                self._socket.bind((bind, port))
            except OSError:
                if not or_any:
                    raise
                self._socket.bind((bind, 0))
        except OSError:
            self._socket.close()
            raise

    @property
    def address(self) -> Peer:
        host, port = self._socket.getsockname()[:2]
        return host, port

    @property
    def port(self) -> int:
        return self.address[1]

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self, limit: int) -> Iterator[tuple[Peer, bytes]]:
        """The packets that have come, `limit` at the most, for :func:`.packets.messages`; the system keeps some of the
        rest. Of one that is too long only so much is read that it is refused."""
        for _ in range(limit):
            try:
                data, peer = self._socket.recvfrom(LONGEST[self._program] + 1)
            except BlockingIOError:
                return
            except OSError:  # Windows says here that a port we wrote to is gone, or that a packet was too long
                continue
            yield peer[:2], data

    def send(self, peer: Peer, path: str, *args: OscValue) -> None:
        """Send one message. It may be lost: UDP promises no more, and whoever listens is told again or asks again."""
        try:
            self._socket.sendto(build(path, args, "from", self._program), peer)
        except OSError as error:  # nobody there, or no way there
            log.info("%s was not sent to %s:%d: %s", path, *peer, error)
        except PunchinError as error:
            log.error("%s was not sent: %s", path, error)

    def close(self) -> None:
        self._socket.close()
