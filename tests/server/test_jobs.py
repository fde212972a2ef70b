"""Long work of one client: a few at once, the rest in line."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tailws.messages import BadCommand
from tailws.runtime.loop import Loop
from tailws.server import jobs
from tailws.server.jobs import Job, Jobs


class Working:
    """Jobs that take so many steps, and what became of them."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.room = True
        self.at_once = 2
        self.jobs = Jobs(self.loop, lambda: self.at_once, lambda: self.room)
        self.running: set[str] = set()
        self.most = 0
        self.ended: list[Any] = []

    def work(self, name: str, steps: int) -> Generator[float | None, None, str]:
        self.running.add(name)
        self.most = max(self.most, len(self.running))
        try:
            for _ in range(steps):
                yield None
            if name.startswith("bad"):
                raise OSError(name)
            return name
        finally:
            self.running.discard(name)

    def start(self, name: str, steps: int = 3) -> None:
        job = Job(name, self.work(name, steps), self.ended.append, self.ended.append)
        self.jobs.searches.start(job)

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.loop.turn(0)


@pytest.fixture
def working() -> Iterator[Working]:
    made = Working()
    yield made
    made.jobs.close()
    assert made.running == set()
    made.loop.close()


def test_so_many_at_once_and_the_rest_in_order(working: Working) -> None:
    """All of them come to their end, those that fail included."""
    names = ["a", "b", "bad c", "d", "e"]
    for name in names:
        working.start(name)
    working.turn(30)
    assert [str(ended) for ended in working.ended] == names
    assert working.most == 2


def test_what_takes_one_step_goes_on_to_the_next(working: Working) -> None:
    """A job that is done before it began does not block its lane."""
    for number in range(20):
        working.start(str(number), 0)
    assert working.ended == [str(number) for number in range(20)]


def test_places_do_not_wait_for_searches(working: Working) -> None:
    """Who scrolls does not wait for four searches."""
    for number in range(4):
        working.start(str(number), 1000)
    job = Job(None, working.work("page", 1), working.ended.append, working.ended.append)
    working.jobs.places.start(job)
    working.turn(3)
    assert working.ended == ["page"]


def test_nothing_begins_for_a_client_that_does_not_take_its_answers(working: Working) -> None:
    """Nothing is stored for it; what it asked for goes on when it reads again."""
    working.room = False
    working.start("a")
    working.turn(10)
    assert working.running == set()
    working.room = True
    working.jobs.go_on()
    working.turn(10)
    assert working.ended == ["a"]


def test_stop_ends_what_runs_and_what_waits(working: Working) -> None:
    """Its generator is closed; nothing of it is told, and the next one begins."""
    for name in ("a", "b", "c", "d"):
        working.start(name, 1000)
    assert working.jobs.searches.stop("a")
    assert working.jobs.searches.stop("d")
    assert not working.jobs.searches.stop("x")
    assert working.running == {"b", "c"}
    working.jobs.close()
    assert working.running == set()
    assert working.ended == []


def test_the_line_is_bounded(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks without end is refused."""
    monkeypatch.setattr(jobs, "MOST_WAITING", 3)
    for number in range(5):
        working.start(str(number), 1000)
    with pytest.raises(BadCommand, match="wait"):
        working.start("x")
