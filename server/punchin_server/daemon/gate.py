"""Who may come in where the daemon is open to other computers: CURVE on its sockets, and a ZAP handler that asks the
files of :mod:`punchin_wire.remote.keys`. Knows keys, and nothing of jobs.

CURVE alone only encrypts; the handler (ZeroMQ RFC 27) lets in who is known. A connection that stands stays open when
its key is revoked, so the front asks again with every packet (:meth:`Gate.sender`).

What a key calls its job is in the daemon that name behind the key's *scope*, so that no client can name a job of
another::

    verse-2  ->  1f0c3a5be7d29460-verse-2        of the key whose SHA-256 begins so
    verse-2  ->  verse-2                         of this computer's own user, who may name every job
"""

from __future__ import annotations

import logging
from typing import Any, TypeVar

import msgspec
import zmq
from punchin_wire.errors import BadSetting, KeyRefused
from punchin_wire.messages import MAX_NAME, Message
from punchin_wire.remote import keys
from punchin_wire.remote.keys import SCOPE_DIGITS, scope

from .zap import Handler

log = logging.getLogger(__name__)

DOMAIN = b"punchin"
KEEPALIVE = {zmq.TCP_KEEPALIVE: 1, zmq.TCP_KEEPALIVE_IDLE: 60, zmq.TCP_KEEPALIVE_INTVL: 15, zmq.TCP_KEEPALIVE_CNT: 4}

M = TypeVar("M", bound=Message)


class Gate:
    """The handler of a context, of which there can be one. Raises BadKey where this computer has no key."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._pair = keys.own()
        self._handler = Handler(context, self._admitted)
        self._scopes: dict[str, str] = {}  # scope: key, of those that were let in

    @property
    def key(self) -> str:
        """The daemon's public key."""
        return self._pair.public

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Let a socket talk to known keys only. To be called before it is bound."""
        socket.curve_server = True
        socket.curve_publickey = bytes.fromhex(self._pair.public)
        socket.curve_secretkey = bytes.fromhex(self._pair.secret)
        socket.zap_domain = DOMAIN
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without an answer from us nobody comes in
        # Of computers that were switched off or carried away the system notices, else each would cost an open file.
        for option, value in KEEPALIVE.items():
            socket.setsockopt(option, value)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """Where those knock whom :meth:`step` answers."""
        return self._handler.socket

    def step(self) -> None:
        """Answer those who knock."""
        self._handler.step()

    def _admitted(self, domain: bytes, address: bytes, presented: bytes) -> str:
        """The key that is let in, or nothing."""
        key = presented.hex()
        if domain == DOMAIN and self.is_open_to(key):
            if key != self._pair.public:
                self._scopes[scope(key)] = key
            return key
        log.info("refused a connection from %s with the key %s", address.decode("ascii", "replace"), key or "none")
        return ""

    def is_open_to(self, key: str) -> bool:
        return key == self._pair.public or keys.is_allowed(key)

    def owner(self, job: str) -> str:
        """The key whose job that is, as far as anyone of that key has come in since the daemon started."""
        return self._scopes.get(job[: SCOPE_DIGITS + 1], self._pair.public)

    def sender(self, frame: zmq.Frame) -> str:
        """The key that a frame came from; empty for this computer's own user. Raises KeyRefused where it has been
        revoked."""
        key = user(frame)
        if not self.is_open_to(key):
            raise KeyRefused(
                "This computer's key was revoked by the daemon.",
                "Ask who looks after the daemon's computer to run `punchin keys allow NAME KEY` there again.",
            )
        return "" if key == self._pair.public else key

    def close(self) -> None:
        self._handler.close()


def user(frame: zmq.Frame) -> str:
    """What the handler said of the connection that a frame came over; empty where it was not asked."""
    try:
        return str(frame.get("User-Id") or "")
    except zmq.ZMQError:
        return ""


def scoped(message: M, key: str) -> M:
    """A message of that key's client, as the daemon means it. Raises BadSetting."""
    job: Any = getattr(message, "job", None)
    if not key or job is None:
        return message
    if len(job) > MAX_NAME:
        raise BadSetting(f"A job's name has {MAX_NAME} letters at most.", "Give it a shorter one.")
    return msgspec.structs.replace(message, job=f"{scope(key)}{job}")
