"""Long work in small steps: a generator that the loop resumes, one step a turn.

A step takes a millisecond or so and then yields: None for «again next turn», or seconds to wait
first. What the generator returns goes to `done`. So a search through a gigabyte, or a page that
has to come from the disk, holds up nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from tailws.runtime.loop import Loop, Timer

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Work = Generator[float | None, None, Result]


class Steps(Generic[Result]):
    """Runs `work` until it returns or `cancel` is called; `failed` gets what it raises."""

    def __init__(
        self,
        loop: Loop,
        work: Work[Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._loop = loop
        self._work: Work[Result] | None = work
        self._done = done
        self._failed = failed
        self._timer: Timer | None = None
        self._step()

    @property
    def running(self) -> bool:
        """Whether there is more to do; False at once, if the first step was the last."""
        return self._work is not None

    def cancel(self) -> None:
        """Take no further step. Idempotent."""
        work, self._work = self._work, None
        if self._timer is not None:
            self._timer.cancel()
        if work is not None:
            work.close()

    def _step(self) -> None:
        self._timer = None
        if self._work is None:
            return
        try:
            delay = next(self._work)
        except StopIteration as end:
            self._work = None
            self._done(end.value)
            return
        except Exception as error:  # noqa: BLE001 (told to the owner, who knows what to say)
            self._work = None
            self._failed(error)
            return
        if delay is None:
            self._loop.defer(self._step)
        else:
            self._timer = self._loop.call_later(delay, self._step)
