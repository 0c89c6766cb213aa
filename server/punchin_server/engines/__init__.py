"""Engines: generators that know requests and events, not sockets, queues or job ids."""
