"""A deadline that is moved often and reached seldom.

Cancelling a timer and making another for each message would leave the loop's heap full of dead
ones. So the timer stays where it is while the deadline moves away, and looks again when it is due.
"""

from __future__ import annotations

from tailws.runtime.loop import Callback, Loop, Timer


class Deadline:
    """Calls `expired` once the last `set` is so many seconds ago, unless it was cancelled."""

    __slots__ = ("_expired", "_loop", "_timer", "_when")

    def __init__(self, loop: Loop, expired: Callback) -> None:
        self._loop = loop
        self._expired = expired
        self._when = 0.0
        self._timer: Timer | None = None

    def set(self, seconds: float) -> None:
        """Expire in `seconds` from now, whatever was set before."""
        self._when = self._loop.clock() + seconds
        if self._timer is not None:
            if self._timer.when <= self._when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._when, self._due)

    def cancel(self) -> None:
        """Do not expire. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        if self._loop.clock() < self._when:
            self._timer = self._loop.call_at(self._when, self._due)
        else:
            self._timer = None
            self._expired()
