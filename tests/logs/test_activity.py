"""Counts of what comes into logs, whoever reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.logs import activity
from tailws.logs.activity import Count, Counts, Hour, Meter
from tailws.logs.chain import Chain
from tailws.logs.source import Source
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch
from tailws.text.lines import Codec
from tests.logs.support import Clock


class Counted:
    """Sources, a meter over them, and the counts that it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.watch = Watch(self.loop, enabled=False)
        self.sources: list[Source] = []
        self.meter = Meter(self.loop, self.sources)
        self.told: list[Counts] = []
        self.tell = self.told.append

    def source(self, name: str, encoding: str = "auto", *, new: bool = False) -> Path:
        path = self.folder / f"{name}.log"
        chain = Chain(str(path), Codec(encoding), self.clock)
        self.sources.append(Source(name, chain, self.loop, self.watch, from_start=new))
        return path

    def listen(self) -> None:
        self.meter.listen(self.tell)
        self.second()
        self.told.clear()

    def second(self) -> Counts:
        """One second passes: what was counted in it."""
        before = len(self.told)
        self.clock.now += 1.0
        for _ in range(10_000):
            self.loop.turn(0)
            if len(self.told) > before:
                return self.told[-1]
        raise AssertionError("nothing was told")

    def minutes(self, count: int) -> None:
        """So many minutes pass, in which nobody listens."""
        for _ in range(count):
            self.clock.now += 60.0
            for _ in range(30):
                self.loop.turn(0)

    def close(self) -> None:
        self.meter.close()
        for source in self.sources:
            source.close()
        self.watch.close()
        self.loop.close()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    made = Counted(tmp_path)
    yield made
    made.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_lines_bytes_and_errors_of_each_second(counted: Counted) -> None:
    """What was there before is not counted; a line counts when it is whole, once."""
    one, two = counted.source("one"), counted.source("two")
    one.write_bytes(b"old\n" * 100)
    two.write_bytes(b"")
    counted.listen()
    append(one, b"a\nERROR b\nhalf")
    assert counted.second() == {"one": Count(2, 14, 1)}
    append(one, b" a line\n")
    append(two, b"x\n")
    assert counted.second() == {"one": Count(1, 8, 0), "two": Count(1, 2, 0)}
    assert counted.second() == {}  # told all the same: the client sees that we live


def test_a_source_that_appears_is_counted_from_its_beginning(counted: Counted) -> None:
    """Files that match a pattern later, and those that were missing."""
    missing = counted.source("missing")
    counted.listen()
    missing.write_bytes(b"1\n2\n")
    counted.source("new", new=True).write_bytes(b"3\n")
    assert counted.second() == {"missing": Count(2, 4, 0), "new": Count(1, 2, 0)}


def test_rotation_and_truncation_lose_no_count(counted: Counted) -> None:
    """What came into the old file after the last look is counted with the new one."""
    path = counted.source("app")
    path.write_bytes(b"old\n")
    counted.listen()
    append(path, b"one\n")
    counted.second()
    append(path, b"two\n")
    os.rename(path, f"{path}.1")
    path.write_bytes(b"three\nfour\n")
    assert counted.second() == {"app": Count(3, 15, 0)}
    path.write_bytes(b"5\n")  # truncated in place
    assert counted.second() == {"app": Count(1, 2, 0)}


def test_a_flood_is_estimated(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a gigabyte in a second a part is read, and the count is right where lines are alike."""
    monkeypatch.setattr(activity, "MOST", 100_000)
    monkeypatch.setattr(activity, "STEP", 10_000)
    monkeypatch.setattr(activity, "LEVELS_MOST", 20_000)
    path = counted.source("app")
    path.write_bytes(b"")
    counted.listen()
    append(path, b"ERROR 6789\n" * 50_000)
    count = counted.second()["app"]
    assert count.bytes == 550_000
    assert 49_000 < count.lines < 51_000
    assert 49_000 < count.errors < 51_000
    append(path, b"ERROR more\n")
    assert counted.second() == {"app": Count(1, 11, 1)}


def test_utf_16_lines(counted: Counted) -> None:
    """A line feed has two bytes there."""
    path = counted.source("wide")
    path.write_bytes("\ufeffa\n".encode("utf-16-le"))
    counted.listen()
    append(path, "Ċb\nERROR c\n".encode("utf-16-le"))
    assert counted.second() == {"wide": Count(2, 22, 1)}


def test_nobody_listens_nobody_is_told(counted: Counted) -> None:
    """Who has left hears no more; who comes back hears of the seconds from then on."""
    path = counted.source("app")
    path.write_bytes(b"")
    counted.listen()
    counted.meter.unlisten(counted.tell)
    append(path, b"a\n")
    counted.minutes(2)
    assert counted.told == []
    append(path, b"b\n" * 5)
    counted.meter.listen(counted.tell)
    assert counted.second() == {}
    append(path, b"c\n")
    assert counted.second() == {"app": Count(1, 2, 0)}


def test_the_minutes_of_the_last_hour_are_kept(counted: Counted) -> None:
    """Whether anybody listens or not: lines, warnings and errors, of logs to which lines came."""
    app = counted.source("app")
    counted.source("silent").write_bytes(b"old\n")
    app.write_bytes(b"old\n")
    counted.minutes(1)
    for number in range(3):
        append(app, b"fine\n" * number + b"ERROR x\nWARN x\n")
        counted.minutes(1)
    minutes, rates = counted.meter.rates(["app", "silent", "none"])
    assert rates.keys() == {"app"}
    lines, warnings, errors = rates["app"]
    assert len(lines) == len(warnings) == len(errors) == minutes <= 6
    assert [n for n in lines if n] == [2, 3, 4]
    assert [n for n in warnings if n] == [n for n in errors if n] == [1, 1, 1]
    counted.listen()
    append(app, b"ERROR y\n")
    counted.second()
    now = counted.meter.rates(["app"])[1]["app"]
    assert (sum(now[0]), sum(now[2])) == (sum(lines) + 1, sum(errors) + 1)
    counted.meter.unlisten(counted.tell)
    counted.minutes(58)
    minutes, rates = counted.meter.rates(["app"])
    assert minutes == 60
    assert sum(rates["app"][0]) < 10
    counted.minutes(60)
    assert counted.meter.rates(["app"]) == (60, {})


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 1 << 33)), max_size=30))
def test_an_hour_forgets_what_is_older(steps: list[tuple[int, int]]) -> None:
    """Whatever the pauses: a minute's lines are its own, up to what a cell holds."""
    minute, expected, hour = 100, dict.fromkeys(range(1000), 0), Hour(100)
    for pause, lines in steps:
        minute += pause
        hour.add(minute, Count(lines, 0, 0))
        expected[minute] = min(expected.get(minute, 0) + lines, (1 << 32) - 1)
    found = hour.rates(minute, 60)
    assert found is not None
    assert found[0] == [expected.get(number, 0) for number in range(minute - 59, minute + 1)]
    assert hour.rates(minute + 60, 60) is None


def test_levels_are_those_of_the_format(counted: Counted) -> None:
    """Where the config names the format, its fields say how grave a line is."""
    path = counted.source("app")
    path.write_bytes(b"")
    counted.sources[0].format = "access"
    counted.listen()
    append(path, b'shop:80 1.2.3.4 - - [22/Nov/2026:14:02:11 +0000] "GET / HTTP/1.1" 503 7\n')
    assert counted.second()["app"].errors == 1
