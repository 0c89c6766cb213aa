"""At most so many a second, and the last one always comes. Pure: the time is handed in.

Who sends what *is* (a host's state, a surface's picture) asks a :class:`Throttle` each time it looks: what was held
back still differs when it looks again. Who sends what *happens* (a job's events) hands it to a
:class:`ProgressThrottle`, which lets what it holds back go before whatever follows.
"""

from __future__ import annotations

import math

from .messages import EventBody, Progress


class Throttle:
    """Lets one through, and none for `1 / rate` seconds after it, `rate` in Hz.

    >>> throttle = Throttle(20)
    >>> [throttle.passes(now) for now in (0.0, 0.03, 0.06)], throttle.passes(0.07, urgent=True)
    ([True, False, True], True)
    """

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._passed = -math.inf

    def is_due(self, now: float) -> bool:
        return now - self._passed >= self._seconds

    def passes(self, now: float, urgent: bool = False) -> bool:
        """Whether one may go now; an `urgent` one always may. The others wait from then on."""
        if not urgent and not self.is_due(now):
            return False
        self._passed = now
        return True


class ProgressThrottle:
    """Thins out the progress among a job's events to `rate` in Hz; the first and the last of each stage always pass."""

    def __init__(self, rate: float) -> None:
        self._throttle = Throttle(rate)
        self._stage: str | None = None
        self._held: Progress | None = None

    def __call__(self, event: EventBody, now: float) -> list[EventBody]:
        """What is to be sent now that `event` happened: it, or nothing, or one that was held back and it."""
        if isinstance(event, Progress):
            begins = event.stage != self._stage
            if not self._throttle.passes(now, urgent=begins or event.step >= event.total):
                self._held = event
                return []
            self._stage = event.stage
            if not begins:
                self._held = None  # this one says more of the same stage
        held, self._held = self._held, None
        return [event] if held is None else [held, event]
