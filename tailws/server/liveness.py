"""Who is still there: a ping to who has been silent, an end for who does not answer.

A network that drops a connection tells nobody, and TCP notices only when something is to be sent.
One round over all clients takes less than a timer for each of thousands, moved at every message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from tailws.config import Clients
from tailws.runtime.loop import Loop
from tailws.server.client import Client

#: Seconds between two rounds: how late a ping, or the end of a wait for its answer, may come.
ROUND = 1.0


class Liveness:
    """Looks at every client once a round, for as long as the loop runs."""

    def __init__(
        self, loop: Loop, clients: Collection[Client], limits: Callable[[], Clients]
    ) -> None:
        """`limits` is asked in every round: they may change."""
        self._loop = loop
        self._clients = clients
        self._limits = limits
        loop.call_about(ROUND, self._round)

    def _round(self) -> None:
        self._loop.call_about(ROUND, self._round)
        limits = self._limits()
        now = self._loop.clock()
        for client in list(self._clients):
            if client.is_taking():  # over a slow line, and comes to the ping behind megabytes later
                client.seen()
            elif client.pinged_at is not None:
                if now - client.pinged_at > limits.ping_timeout:
                    client.lost()
            elif now - client.seen_at > limits.ping_after:
                client.ping()
