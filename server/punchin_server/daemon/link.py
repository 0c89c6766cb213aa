"""What supervisor and worker say to each other beyond the wire's own messages. Knows no sockets.

Same frames as the wire, over a loopback socket that only the worker's token opens. The worker is told where to
connect by one line on its standard input (:class:`Orders`), which then stays open: when it ends, the daemon is gone
or wants the worker gone, and the worker exits.

=============  ==========================================
to the worker  `Submit` with its audio, `Cancel`
from it        `Heartbeat`, `Event` (its `seq` is always 0)
=============  ==========================================
"""

from __future__ import annotations

import msgspec
from punchin_wire.messages import Cancel, Event, Message, Submit
from punchin_wire.structs import ready

BEAT_SECONDS = 0.5


class Orders(msgspec.Struct, frozen=True):
    """The worker's first and only line of standard input. An engine unused for `keep_alive` seconds is given up. With
    `server_key` the line is encrypted by CURVE, and the daemon knows the worker's key."""

    endpoint: str
    token: str
    device: str
    precision: str
    keep_alive: float
    server_key: str = ""


class Heartbeat(Message, frozen=True):
    """The worker lives. `memory` is its resident size in bytes, `vram` what it holds of its GPU, `packs` what it has
    loaded, as `pack:engine`."""

    device: str
    packs: tuple[str, ...]
    memory: int
    vram: int = 0


ToWorker = Submit | Cancel
FromWorker = Event | Heartbeat
ready(Orders, ToWorker, FromWorker)
