"""Counts of what comes into logs, whoever reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailws.logs import activity
from tailws.logs.activity import Count, Counts, Meter
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
    monkeypatch.setattr(activity, "ERRORS_MOST", 20_000)
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


def test_nobody_listens_nothing_is_counted(counted: Counted) -> None:
    """The last one who leaves stops it."""
    counted.source("app").write_bytes(b"")
    counted.listen()
    counted.meter.unlisten(counted.tell)
    counted.clock.now += 5
    for _ in range(20):
        counted.loop.turn(0)
    assert counted.told == []
