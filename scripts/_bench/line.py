"""Two computers with a slow line between them: a network namespace with a cable into it (Linux, as root)."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

COUNT = itertools.count()
"""So that a line has other names than the one before, which is taken away a little later."""


class Line(NamedTuple):
    """The other computer's name and its address, and the end of the cable at this one, with its address."""

    namespace: str
    address: str
    end: str
    near: str

    def there(self, *command: str) -> list[str]:
        """A command, as it runs on the other computer."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def cut(self) -> None:
        """Pull the cable out. Nobody is told."""
        _run("ip", "link", "set", self.end, "down")

    def mend(self) -> None:
        _run("ip", "link", "set", self.end, "up")


@contextmanager
def line(mbit: int) -> Iterator[Line]:
    """A line of so many Mbit/s each way. Raises OSError or CalledProcessError where this user may not lay one."""
    number = next(COUNT)
    near, far = f"pi{os.getpid()}a{number}", f"pi{os.getpid()}b{number}"
    net = f"10.77.{os.getpid() % 256}"  # of its own: others may lay lines at the same time
    found = Line(f"punchin-{os.getpid()}-{number}", f"{net}.2", near, f"{net}.1")
    _run("ip", "netns", "add", found.namespace)
    try:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", found.namespace)
        for words in ([], found.there()):
            end, address = (far, found.address) if words else (near, found.near)
            _run(*words, "ip", "addr", "add", f"{address}/30", "dev", end)
            _run(*words, "ip", "link", "set", end, "up")
            shape = ("root", "tbf", "rate", f"{mbit}mbit", "burst", "256kb", "latency", "50ms")
            _run(*words, "tc", "qdisc", "add", "dev", end, *shape)
        _run(*found.there("ip", "link", "set", "lo", "up"))
        yield found
    finally:
        _run("ip", "netns", "del", found.namespace)  # and the cable with it


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=30)
