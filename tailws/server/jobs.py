"""Long work for one client: a few at once, the rest in line, all of it gone when the client goes.

Places (a page of history, where a time is) are waited for by somebody who scrolls; searches take
seconds. So each has a lane of its own. A job begins only when its client has taken what is owed to
it, or a client that asks and never reads would be stored for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tailws.messages import BadCommand, Id
from tailws.runtime.loop import Loop
from tailws.runtime.steps import Steps, Work

#: Jobs in line; what comes beyond is refused.
MOST_WAITING = 128


class Job:
    """A generator and what becomes of it."""

    __slots__ = ("done", "failed", "id", "steps", "stopped", "work")

    def __init__(
        self,
        id_: Id | None,
        work: Work[Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.id = id_
        self.work = work
        self.done = done
        self.failed = failed
        self.steps: Steps[Any] | None = None
        self.stopped = False


class Lane:
    """The jobs of one kind."""

    def __init__(self, loop: Loop, at_once: Callable[[], int], room: Callable[[], bool]) -> None:
        self._loop = loop
        self._at_once = at_once
        self._room = room
        self._running: set[Job] = set()
        self._waiting: deque[Job] = deque()

    def start(self, job: Job) -> None:
        """Run it now or later. Raises BadCommand when too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            raise BadCommand("too-many", "Too many requests wait; wait for an answer.", job.id)
        self._waiting.append(job)
        self.go_on()

    def go_on(self) -> None:
        """Begin what waits, as far as there is room."""
        while self._waiting and len(self._running) < self._at_once() and self._room():
            self._begin(self._waiting.popleft())

    def _begin(self, job: Job) -> None:
        def finished() -> None:
            job.stopped = True
            self._running.discard(job)

        def done(result: Any) -> None:
            finished()
            job.done(result)
            self.go_on()

        def failed(error: Exception) -> None:
            finished()
            job.failed(error)
            self.go_on()

        self._running.add(job)
        job.steps = Steps(self._loop, job.work, done, failed)

    def stop(self, id_: Id) -> bool:
        """End the jobs of that id; False: there is none."""
        found = [job for job in (*self._running, *self._waiting) if job.id == id_]
        for job in found:
            self._stop(job)
        self.go_on()
        return bool(found)

    def _stop(self, job: Job) -> None:
        if job.stopped:
            return
        job.stopped = True
        self._running.discard(job)
        if job in self._waiting:
            self._waiting.remove(job)
        if job.steps is not None:
            job.steps.cancel()
        else:
            job.work.close()

    def close(self) -> None:
        """End all of them."""
        for job in (*self._running, *self._waiting):
            self._stop(job)


class Jobs:
    """Both lanes of one client."""

    def __init__(self, loop: Loop, at_once: Callable[[], int], room: Callable[[], bool]) -> None:
        self.places = Lane(loop, at_once, room)
        self.searches = Lane(loop, at_once, room)

    def go_on(self) -> None:
        """The client has taken what was owed to it."""
        self.places.go_on()
        self.searches.go_on()

    def close(self) -> None:
        """The client has gone."""
        self.places.close()
        self.searches.close()
