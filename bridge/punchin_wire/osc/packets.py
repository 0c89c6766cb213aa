"""OSC packets to messages and back, by the table. python-osc parses and formats; no sockets here (:mod:`.udp`).

>>> parse(build("/punchin/pong", ("0.1",), "from", "daemon"))
[('/punchin/pong', ['0.1'])]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pythonosc.osc_message_builder import BuildError, OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from ..errors import BadMessage, ErrorInfo, TooLarge
from .table import MAX_PACKET, Direction, OscValue, Program, check, find, typed

LONGEST: Mapping[Program, int] = {"daemon": MAX_PACKET, "surfaces": MAX_PACKET, "bridge": 65_507}
"""Bytes of a packet to or from each port. A host's document may be as long as UDP can carry."""
MAX_TEXT = 300
"""Characters of a text that are sent; logs have all of it."""


def parse(data: bytes, longest: int = MAX_PACKET) -> list[tuple[str, list[object]]]:
    """The messages of a packet; those of a bundle all at once, whatever its time tag. Raises BadMessage or TooLarge."""
    if len(data) > longest:
        raise TooLarge(f"An OSC packet has {longest} bytes at most.", "Send fewer or shorter arguments.")
    try:
        found = [(timed.message.address, timed.message.params) for timed in OscPacket(data).messages]
    except Exception as error:  # the parser promises its own error for bad packets, and raises others too
        raise BadMessage(f"The packet is not OSC: {type(error).__name__}.") from None
    if not found:
        raise BadMessage("The packet holds no OSC message.")
    return found


def messages(data: bytes, to: Program) -> Iterator[tuple[str, tuple[OscValue, ...]]]:
    """The messages of a packet that came to this port, each checked when it is its turn. What the port itself would
    send is passed over: an answer to an answer would be answered by another Punchin, for ever.

    Raises BadMessage, BadSetting or TooLarge.
    """
    for path, args in parse(data, LONGEST[to]):
        if find(path, "to", to) is not None or find(path, "from", to) is None:
            yield path, check(path, args, "to", to)


def build(path: str, args: Sequence[OscValue], direction: Direction, at: Program) -> bytes:
    """One packet, checked against the table and typed by it. Raises BadMessage, BadSetting or TooLarge."""
    builder = OscMessageBuilder(address=path)
    try:
        for tag, value in typed(path, args, direction, at):
            builder.add_arg(value, tag)
        data = bytes(builder.build().dgram)
    except BuildError as error:
        raise BadMessage(f"{path} cannot be said: {error}.") from None
    if len(data) > LONGEST[at]:
        raise TooLarge(f"The packet has {len(data)} bytes.")
    return data


def plain(text: str) -> str:
    """One line of at most :data:`MAX_TEXT` characters."""
    return re.sub(r"[\x00-\x20]+", " ", text)[:MAX_TEXT]


def spoken(error: ErrorInfo) -> tuple[str, str, str]:
    """An error as OSC arguments, short enough for a packet."""
    return error.code, plain(error.message), plain(error.next_step)
