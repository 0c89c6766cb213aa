"""Takes tried again with another seed where they came out mostly silent. Knows no models.

>>> tries = Tries((TakeSpec(1), TakeSpec(2)), retries=1)
>>> for takes in tries.rounds():
...     for take in takes:
...         print(take, tries.passes(take, silent=0.9 if take.spec.seed == 2 else 0.0))
Try(number=0, spec=TakeSpec(seed=1, controls={})) True
Try(number=1, spec=TakeSpec(seed=2, controls={})) False
Try(number=1, spec=TakeSpec(seed=1782165277, controls={})) True
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from punchin_wire.errors import SilentTake
from punchin_wire.messages import TakeSpec
from punchin_wire.silence import MOSTLY


class Try(NamedTuple):
    """Take `number` (from 0) of a request, and the seed that it is tried with."""

    number: int
    spec: TakeSpec


class Tries:
    """The takes of a request in rounds: all of them, then those that were mostly silent, at most `retries` times.
    With none, takes are what they are."""

    def __init__(self, takes: Sequence[TakeSpec], retries: int) -> None:
        self._retries = retries
        self._next = [Try(number, spec) for number, spec in enumerate(takes)]
        self.round = -1
        """The one that was begun last, from 0."""

    @property
    def previewed(self) -> bool:
        """Whether its takes may be heard before they are done: once, or two performances would be heard as one."""
        return self.round == 0

    def rounds(self) -> Iterator[tuple[Try, ...]]:
        while self._next:
            takes, self._next = tuple(self._next), []
            self.round += 1
            yield takes

    def passes(self, take: Try, silent: float | None) -> bool:
        """Whether the take is good; else the next round tries it with another seed. `silent` is the share of the time
        in which it is and what it replaces is not (:func:`punchin_wire.silence.silent_share`). Raises SilentTake in
        the last round."""
        if not self._retries or silent is None or silent <= MOSTLY:
            return True
        if self.round == self._retries:
            raise SilentTake(
                f"Take {take.number + 1} stayed mostly silent with {self._retries + 1} seeds, one after another."
            )
        self._next.append(Try(take.number, msgspec.structs.replace(take.spec, seed=another_seed(take.spec.seed))))
        return False


def another_seed(seed: int) -> int:
    """The seed that is tried after `seed`: always the same one, and no neighbour, which another take may have."""
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4], "big") >> 1


__all__ = ["Tries", "Try", "another_seed"]
