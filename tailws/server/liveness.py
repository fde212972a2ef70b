"""Who is still there: a ping to who has been silent, an end for who does not answer.

A network that drops a connection tells nobody, and TCP notices only when something is to be sent.
One round over all clients takes less than a timer for each of thousands, moved at every message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from tailws.config import Clients
from tailws.runtime.loop import Loop, Timer
from tailws.server.client import Client

#: Seconds between two rounds while anybody is waited for: how late a ping, or the end of a wait for
#: its answer, may come.
ROUND = 1.0


class Liveness:
    """Looks at every client when the first of them may have to be pinged; in every second while one
    has been, or has not taken all that it was sent."""

    def __init__(
        self, loop: Loop, clients: Collection[Client], limits: Callable[[], Clients]
    ) -> None:
        self._loop = loop
        self._clients = clients
        self._limits = limits
        self._looked_at = loop.clock()
        self._timer: Timer = loop.call_about(ROUND, self.look)

    def look(self) -> None:
        """Ping, or end, whose time has come by the limits as they are now."""
        self._timer.cancel()
        limits = self._limits()
        now = self._loop.clock()
        # What was taken since the last round, if that is long ago, is no sign of life now.
        is_first = now - self._looked_at > 2 * ROUND
        self._looked_at = now
        due = now + limits.ping_after  # of whoever comes meanwhile
        for client in list(self._clients):
            taking = client.is_taking()
            if is_first and client.is_stuck:
                pass  # the next round, in a second, tells whether it takes anything
            elif taking:  # over a slow line, and comes to the ping behind megabytes later
                client.seen()
            elif client.pinged_at is not None:
                if now - client.pinged_at > limits.ping_timeout:
                    client.lost()
            elif now - client.seen_at > limits.ping_after:
                client.ping()
            is_waited_for = client.pinged_at is not None or client.is_stuck
            due = min(due, now if is_waited_for else client.seen_at + limits.ping_after)
        self._timer = self._loop.call_about(max(ROUND, due - now), self.look)
