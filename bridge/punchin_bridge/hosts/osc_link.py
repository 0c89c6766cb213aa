"""Documents by OSC, for hosts that have a socket: JSON in one string, small ones only. Loopback, UDP.

====================================  ==============================================================
`/punchin/host/post` s                host -> bridge: a document; long ones go to the inbox
`/punchin/host/state` s               bridge -> host: its `State`
`/punchin/host/state_file` s          bridge -> host: the file that holds its `State`, when it is long
====================================  ==============================================================

A packet may be lost. That a `State` is said every second, and that every document may be said twice, makes up for it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
from punchin_wire.errors import BadMessage, PunchinError
from punchin_wire.osc.table import MAX_DOCUMENT, check
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from . import spool
from .protocol import State
from .spool import Post

HOST = "127.0.0.1"
PORT = 17813
POST, STATE, STATE_FILE = "/punchin/host/post", "/punchin/host/state", "/punchin/host/state_file"
MOST_AT_ONCE = 64

log = logging.getLogger(__name__)


class OscLink:
    """A non-blocking socket at `port`, or at another where that is taken."""

    def __init__(self, port: int = PORT) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        try:
            self.socket.bind((HOST, port))
        except OSError:
            self.socket.bind((HOST, 0))
        self.port: int = self.socket.getsockname()[1]

    def receive(self) -> Iterator[Post]:
        """What has arrived; what is no document comes as what is wrong with it."""
        for _ in range(MOST_AT_ONCE):
            try:
                data, _peer = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:  # Windows says here that a port we wrote to is gone
                continue
            try:
                text = _document(data).encode()
                yield spool.decode(text, spool.signed(text)[0] or "osc")
            except PunchinError as error:
                yield Post("osc", None, error)

    def tell(self, port: int, state: State, path: Path) -> None:
        """Say `state` to the host at `port` of this machine; `path` is the file that holds it."""
        text = msgspec.json.encode(state).decode()
        said = (STATE, text) if len(text) <= MAX_DOCUMENT else (STATE_FILE, str(path))
        with contextlib.suppress(OSError):  # nobody there: the lease will end
            self.socket.sendto(_packet(*said), (HOST, port))

    def close(self) -> None:
        self.socket.close()


def _document(data: bytes) -> str:
    """The JSON in a packet. Raises BadMessage or BadSetting."""
    try:
        message = OscMessage(data)
        address, args = message.address, message.params
    except Exception as error:  # the parser promises its own error for bad packets, and raises others too
        raise BadMessage(f"The packet is not OSC: {type(error).__name__}.") from None
    if address != POST:
        raise BadMessage(f"The bridge hears {POST} only, not {address[:60]!r}.")
    [text] = check(address, args, "to", "bridge")
    return str(text)


def _packet(address: str, text: str) -> bytes:
    builder = OscMessageBuilder(address)
    builder.add_arg(text, "s")
    return bytes(builder.build().dgram)
