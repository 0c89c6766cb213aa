"""Who holds what may open the page. Pure.

The *key* lies in a file that only this user can read, and `punchin open` shows it. What it gets is a *ticket*, which
the browser finds behind the `#` of its address and trades for a *token*: once, for other users can see with which
address a browser was started. The token is that browser tab's own, and lasts as long as the bridge.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

TICKET_SECONDS = 600.0
MAX_TICKETS, MAX_TOKENS = 16, 64


@dataclass
class Keys:
    """[page] Times are those of one monotonic clock."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _tickets: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _tokens: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def ticket(self, key: str, now: float) -> str | None:
        """A new ticket for who holds the key; None for others."""
        if not _same(key, self.key):
            return None
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = now + TICKET_SECONDS
        while len(self._tickets) > MAX_TICKETS:
            self._tickets.popitem(last=False)
        return ticket

    def enter(self, ticket: str, now: float) -> str | None:
        """A token for a ticket that nobody has used; None for others."""
        held = next((held for held in self._tickets if _same(ticket, held)), None)
        if held is None or self._tickets.pop(held) < now:
            return None
        token = secrets.token_urlsafe(32)
        self._tokens[token] = None
        while len(self._tokens) > MAX_TOKENS:
            self._tokens.popitem(last=False)
        return token

    def is_token(self, token: str) -> bool:
        return any(_same(token, held) for held in self._tokens)


def _same(said: str, held: str) -> bool:
    return secrets.compare_digest(said.encode("utf-8", "surrogatepass"), held.encode())
