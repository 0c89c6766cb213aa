"""Documents by OSC, for hosts that have a socket: JSON in one string, small ones only. Loopback, UDP.

====================================  ==============================================================
`/punchin/host/post` s                host -> bridge: a document; long ones go to the inbox
`/punchin/host/state` s               bridge -> host: its `State`
`/punchin/host/state_file` s          bridge -> host: the file that holds its `State`, when it is long
====================================  ==============================================================

A packet may be lost. That a `State` is said every second, and that every document may be said twice, makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from punchin_wire.errors import PunchinError
from punchin_wire.osc.packets import messages
from punchin_wire.osc.table import MAX_DOCUMENT
from punchin_wire.osc.udp import LOOPBACK, Endpoint

from . import spool
from .protocol import State
from .spool import Post

PORT = 17813
POST, STATE, STATE_FILE = "/punchin/host/post", "/punchin/host/state", "/punchin/host/state_file"
MOST_AT_ONCE = 64


class OscLink:
    """The bridge's port for hosts: `port`, or another where that is taken."""

    def __init__(self, port: int = PORT) -> None:
        self.endpoint = Endpoint("bridge", port, or_any=True)
        self.port = self.endpoint.port

    def receive(self) -> Iterator[Post]:
        """What has arrived; what is no document comes as what is wrong with it."""
        for _peer, data in self.endpoint.receive(MOST_AT_ONCE):
            try:
                for path, args in messages(data, "bridge"):
                    if path == POST:
                        document = str(args[0]).encode()
                        yield spool.decode(document, spool.signed(document)[0] or "osc")
            except PunchinError as error:
                yield Post("osc", None, error)

    def send(self, port: int, state: State, path: Path) -> None:
        """Send `state` to the host at `port` of this machine; `path` is the file that holds it."""
        text = msgspec.json.encode(state).decode()
        peer = LOOPBACK, port
        if len(text) <= MAX_DOCUMENT:
            self.endpoint.send(peer, STATE, text)
        else:
            self.endpoint.send(peer, STATE_FILE, str(path))

    def close(self) -> None:
        self.endpoint.close()
