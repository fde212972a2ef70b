"""The blocks that were read last at the live end of a log, for those who come a little later.

They are numbered, and a reader keeps the number of the one that is next for it. Who falls out of
the window reads the file by itself, up to the place where the window begins, and joins again. It is
a cache: with no room at all everything works, only slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tailws.logs.block import Block, Place, Step


class Window:
    """What was read, each with the place where it was read; the oldest go first."""

    __slots__ = ("_bytes", "_steps", "first")

    def __init__(self) -> None:
        self._steps: deque[tuple[Place, Step]] = deque()
        self._bytes = 0
        self.first = 0  # the number of the oldest

    @property
    def next(self) -> int:
        """The number that the next one will have."""
        return self.first + len(self._steps)

    @property
    def start(self) -> Place | None:
        """Where it begins; None: there is nothing in it."""
        return self._steps[0][0] if self._steps else None

    @property
    def blocks(self) -> Iterator[Block]:
        """Those that hold lines, the newest first."""
        items = (step.item for _, step in reversed(self._steps))
        return (item for item in items if isinstance(item, Block))

    def get(self, number: int) -> Step | None:
        """What has this number, if it is here."""
        index = number - self.first
        return self._steps[index][1] if 0 <= index < len(self._steps) else None

    def add(self, place: Place, step: Step, count: int, weight: int) -> None:
        """Keep what was read at `place`, and of all no more than `count` that weigh `weight`."""
        steps = self._steps
        steps.append((place, step))
        self._bytes += step.weight
        while len(steps) > count or (self._bytes > weight and len(steps) > 1):
            _, old = steps.popleft()
            self._bytes -= old.weight
            self.first += 1

    def clear(self) -> None:
        """Forget all; every number given out is one of the past then."""
        self.first = self.next + 1
        self._steps.clear()
        self._bytes = 0
