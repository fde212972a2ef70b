"""Time that passes when a test says so."""

from __future__ import annotations


class Clock:
    """Seconds that stand still until the test moves `now`; to be handed to whoever asks for one."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
