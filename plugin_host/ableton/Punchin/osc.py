"""OSC packets as bytes: what Live and the bridge send each other over UDP. Knows no sockets and no addresses.

>>> decode(encode("/punchin/host/post", "{}"))
[('/punchin/host/post', ('{}',))]
"""

from __future__ import annotations

import struct

MAX_BUNDLES = 8
"""How deep bundles may lie in bundles."""

_NUMBERS = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}
_CONSTANTS = {"T": True, "F": False, "N": None}


class OscError(ValueError):
    """These bytes are not OSC."""


def encode(address: str, *values: str | int | float) -> bytes:
    """One message. Whole numbers leave as 32 bits where they fit, others as 64; floats as doubles."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags += "s"
            data += _text(value)
        elif isinstance(value, float):
            tags += "d"
            data += struct.pack(">d", value)
        else:
            tag = "i" if -(2**31) <= value < 2**31 else "h"
            tags += tag
            data += struct.pack(_NUMBERS[tag], value)
    return _text(address) + _text(tags) + data


def decode(packet: bytes, depth: int = 0) -> list[tuple[str, tuple[object, ...]]]:
    """The messages of a packet, address and values, bundles opened. Raises OscError, and nothing else."""
    if packet.startswith(b"#bundle\0"):
        return _bundle(packet, depth)
    address, at = _read_text(packet, 0)
    if not address.startswith("/"):
        raise OscError("an address begins with a slash")
    tags, at = _read_text(packet, at) if at < len(packet) else (",", at)
    if not tags.startswith(","):
        raise OscError("type tags begin with a comma")
    values: list[object] = []
    for tag in tags[1:]:
        value, at = _read(tag, packet, at)
        values.append(value)
    if at != len(packet):
        raise OscError("bytes left over")
    return [(address, tuple(values))]


def _bundle(packet: bytes, depth: int) -> list[tuple[str, tuple[object, ...]]]:
    if depth >= MAX_BUNDLES:
        raise OscError("bundles too deep")
    messages = []
    at = 16  # the time tag is not used: everything is for now
    while at < len(packet):
        size, at = _read("i", packet, at)
        if not isinstance(size, int) or size <= 0 or size > len(packet) - at:
            raise OscError("a bundle ends inside a message")
        messages += decode(packet[at : at + size], depth + 1)
        at += size
    return messages


def _text(text: str) -> bytes:
    data = text.encode("utf-8") + b"\0"
    return data + b"\0" * (-len(data) % 4)


def _read_text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.find(b"\0", at)
    if end < 0:
        raise OscError("a text without an end")
    try:
        return packet[at:end].decode("utf-8"), end + 4 - end % 4
    except UnicodeDecodeError:
        raise OscError("a text that is not UTF-8") from None


def _read(tag: str, packet: bytes, at: int) -> tuple[object, int]:
    if tag == "s":
        return _read_text(packet, at)
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    form = _NUMBERS.get(tag)
    if form is None:
        raise OscError(f"type {tag!r} is not read here")
    size = struct.calcsize(form)
    if at + size > len(packet):
        raise OscError("the packet ends inside a number")
    return struct.unpack_from(form, packet, at)[0], at + size
