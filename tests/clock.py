"""Time that passes when a test says so."""

from __future__ import annotations

import time

from tailws.logs.identity import coarse_time


class Clock:
    """Seconds that stand still until the test moves `now`; to be handed to whoever asks for one."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def tick() -> None:
    """Wait until no file can be stamped with a time that one was stamped with before: within a tick
    of the kernel's clock, late as it may come on a busy machine, there is no order."""
    now = time.time_ns()
    while coarse_time() <= now:
        time.sleep(0.001)
