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
    """Wait until the clock that the kernel stamps files with has ticked, late as that may be on a
    busy machine: what happens within one tick has no order."""
    before = coarse_time()
    while coarse_time() == before:
        time.sleep(0.001)
