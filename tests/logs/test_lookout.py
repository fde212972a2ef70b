"""Watching for lines that match."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailws.logs.lookout import Lookouts, Match
from tailws.logs.source import Source
from tailws.text.match import Filter
from tests.logs.support import Daemon, LogFile
from tests.logs.whole import standing


class Watched:
    """One log, the lookouts over it, and what they told."""

    def __init__(self, path: Path) -> None:
        self.log = LogFile(path)
        self.log.write(b"old ERROR\n")
        self.daemon = Daemon(path)
        self.sources: list[Source] = [self.daemon.source]
        self.lookouts = Lookouts(self.sources)
        self.told: list[Match] = []

    def watch(self, pattern: str = "ERROR", every: float = 10.0, *, records: bool = False) -> None:
        filter_ = Filter.of([pattern], whole_records=records)
        self.lookouts.watch(lambda name: True, lambda _: filter_, every, self.told.append)
        self.turn()

    def write(self, data: bytes) -> None:
        self.log.write(data)
        self.turn()

    def turn(self, seconds: float = 0.2) -> None:
        self.daemon.look()
        self.daemon.turn(seconds, 20)

    def close(self) -> None:
        self.lookouts.close()
        assert self.daemon.source.users == 0
        self.daemon.close()
        self.log.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "app.log")
    yield made
    made.close()


def test_new_lines_that_match_are_told_with_their_place(watched: Watched) -> None:
    """Not what was there before; the cursor is the place before the line."""
    watched.watch()
    watched.write(b"fine\n")
    assert watched.told == []
    watched.write("fine\nan ERROR hier ü\nfine\n".encode())
    [match] = watched.told
    assert match.line.decode() == "an ERROR hier ü"
    assert match.count == 1
    assert standing(watched.daemon.source, match.cursor)[2].startswith(b"an ERROR")


def test_at_most_one_in_a_time_and_the_count_of_all(watched: Watched) -> None:
    """The first at once; what comes in the time after it is told at its end, as one."""
    watched.watch(every=10.0)
    watched.write(b"ERROR 1\n")
    watched.write(b"ERROR 2\nx\nERROR 3\n")
    watched.write(b"ERROR 4\n")
    assert [(m.line, m.count) for m in watched.told] == [(b"ERROR 1", 1)]
    watched.turn(10.0)
    assert [(m.line, m.count) for m in watched.told[1:]] == [(b"ERROR 4", 3)]
    watched.turn(20.0)
    assert len(watched.told) == 2
    watched.write(b"ERROR 5\n")
    assert [(m.line, m.count) for m in watched.told[2:]] == [(b"ERROR 5", 1)]


def test_what_cannot_be_taken_now_is_told_later(watched: Watched) -> None:
    """With the count of all that came meanwhile."""
    answers = [False, False, True]
    told: list[Match] = []

    def tell(match: Match) -> bool:
        told.append(match)
        return answers[len(told) - 1]

    filter_ = Filter.of(["ERROR"])
    watched.lookouts.watch(lambda name: True, lambda _: filter_, 0.0, tell)
    watched.turn()
    watched.write(b"ERROR 1\n")
    watched.write(b"ERROR 2\n")
    watched.turn(5.0)
    assert [(m.line, m.count) for m in told[-1:]] == [(b"ERROR 2", 2)]
    watched.turn(5.0)
    assert len(told) == len(answers)


def test_it_goes_on_through_rotations(watched: Watched) -> None:
    """A watch is a reader: it misses nothing."""
    watched.watch(every=0.0)
    for number in range(5):
        watched.write(b"ERROR %d\n" % number)
        os.close(watched.log.rotate())
        watched.write(b"")
        for _ in range(5):
            watched.turn(3.0)
    assert [m.line for m in watched.told] == [b"ERROR %d" % n for n in range(5)]


def test_sources_come_and_go(watched: Watched, tmp_path: Path) -> None:
    """One that appears is watched from its beginning; one that vanishes is let go."""
    watched.sources.clear()
    watched.watch(every=0.0)
    watched.lookouts.appeared(watched.daemon.source)
    watched.turn()
    assert [m.line for m in watched.told] == [b"old ERROR"]
    watched.lookouts.vanished(watched.daemon.source)
    assert watched.daemon.source.users == 0
    watched.write(b"ERROR more\n")
    assert len(watched.told) == 1


def test_a_record_is_told_once_by_its_first_line(watched: Watched) -> None:
    """Also when it comes in parts, and when only a later part of it matches."""
    watched.watch("ERROR|timeout", every=0.0, records=True)
    watched.write(b"14:00:00 ERROR failed\n\tat a.B(C.java:1)\n")
    watched.write(b"\tat a.B(C.java:2)\nCaused by: x.YException: timeout\n")
    watched.write(b"14:00:01 INFO slow\n")
    assert [(m.line, m.count) for m in watched.told] == [(b"14:00:00 ERROR failed", 1)]
    watched.write(b"Caused by: x.YException: timeout\n14:00:02 ERROR again\n")
    assert [(m.line, m.count) for m in watched.told[1:]] == [(b"14:00:02 ERROR again", 2)]
    watched.write(b"14:00:03 INFO slow\n")
    watched.write(b"Caused by: x.YException: timeout\n")
    assert [(m.line, m.count) for m in watched.told[2:]] == [(b"14:00:03 INFO slow", 1)]
