"""Hints from the real inotify."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def until(loop: Loop, ready: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < end, "no hint came"
        loop.turn(0.05)


class Busy:
    """A file in a directory that is written to, and a loop whose clock stands still meanwhile."""

    def __init__(self, path: Path, pause: float) -> None:
        self.now = 100.0
        self.loop = Loop(lambda: self.now)
        self.watch = Watch(self.loop, pause=pause)
        self.path = path
        path.write_bytes(b"")
        self.fds = [os.open(path, os.O_RDWR | os.O_APPEND)]
        self.hints = 0
        self.watch.file(self.fds[0], lambda: self.hint())

    def hint(self) -> None:
        self.hints += 1

    def fail(self) -> None:
        raise ValueError("a mistake")

    def write(self, seconds: float) -> int:
        """Let some time pass, write, and turn the loop once; how many hints that made."""
        self.now += seconds
        os.write(self.fds[0], b"x")
        return self.turn()

    def turn(self, seconds: float = 0.0) -> int:
        self.now += seconds
        before = self.hints
        self.loop.turn(0)
        return self.hints - before

    def close(self) -> None:
        self.watch.close()
        self.loop.close()
        for fd in self.fds:
            os.close(fd)


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Busy]:
    busy = Busy(tmp_path / "a", 0.02)
    yield busy
    busy.close()


def test_now_and_then_hints_at_once(busy: Busy) -> None:
    """With fewer than three in a pause, each write hints in the turn in which it is seen."""
    for seconds in (0.021, 0.007):
        assert [busy.write(seconds) for _ in range(50)] == [1] * 50


def test_all_the_time_is_gathered(busy: Busy) -> None:
    """When writes keep coming they are gathered by the clock; the first one after a pause in which
    there was none hints at once again. No write is left without a hint."""
    while busy.write(0.005):
        assert busy.now < 101
    for _ in range(5):
        assert busy.turn(0.021) == 1  # what came last, and all of the next five
        assert [busy.write(0.001) for _ in range(5)] == [0] * 5
    assert busy.turn(0.021) == 1
    assert busy.turn(0.021) == 0  # nothing came: who writes now is hinted at at once
    assert busy.write(0.0) == 1
    assert busy.write(1.0) == 1


def test_a_flood_is_not_gathered(busy: Busy, tmp_path: Path) -> None:
    """A file that is written to at full speed has to be found out by who watches it, from hints
    that come as fast as they can."""
    other = tmp_path / "b"
    other.write_bytes(b"")
    busy.fds.append(os.open(other, os.O_RDWR | os.O_APPEND))
    busy.watch.file(busy.fds[1], lambda: None)
    while busy.write(0.005):
        assert busy.now < 101
    for _ in range(200):  # in turns, or the kernel makes one event of them
        for fd in busy.fds:
            os.write(fd, b"x")
    assert busy.turn(0.021) == 1
    assert busy.write(0.0) == 1


def test_without_a_pause_nothing_is_gathered(tmp_path: Path) -> None:
    """A pause of 0 means that every write hints at once, however many there are."""
    busy = Busy(tmp_path / "a", 0.0)
    assert [busy.write(0.0001) for _ in range(2000)] == [1] * 2000
    busy.close()


def test_a_mistake_of_who_watches(busy: Busy, caplog: pytest.LogCaptureFixture) -> None:
    """What a hint raises is logged, and hints go on, gathered or not."""
    while busy.write(0.005):
        assert busy.now < 101
    hint, busy.hint = busy.hint, busy.fail  # type: ignore[method-assign]
    busy.turn(0.021)
    assert "a mistake" in caplog.text
    busy.hint = hint  # type: ignore[method-assign]
    assert busy.write(0.021) == 1
    busy.turn(0.021)
    assert busy.write(0.0) == 1


def test_closing_while_hints_are_gathered(busy: Busy) -> None:
    """Nothing is hinted at any more, and nothing is left to do."""
    while busy.write(0.005):
        assert busy.now < 101
    busy.watch.close()
    assert busy.turn(1.0) == 0


def test_a_write_hints(loop: Loop, tmp_path: Path) -> None:
    """A write into a watched file wakes the loop; one into its neighbour does not."""
    watch = Watch(loop)
    file = tmp_path / "a"
    file.write_bytes(b"")
    fd = os.open(file, os.O_RDONLY)
    hints: list[int] = []
    watched = watch.file(fd, lambda: hints.append(1))
    assert watched is not None
    (tmp_path / "b").write_bytes(b"x" * 1000)
    file.write_bytes(b"x")
    until(loop, lambda: hints)
    before = watched.events
    (tmp_path / "b").write_bytes(b"y" * 1000)
    time.sleep(0.05)
    loop.turn(0)
    assert watched.events == before
    os.close(fd)
    watch.close()


def test_a_renamed_file_is_watched_on(loop: Loop, tmp_path: Path) -> None:
    """The watch is on the file, not on its name."""
    watch = Watch(loop)
    file = tmp_path / "a"
    file.write_bytes(b"")
    fd = os.open(file, os.O_RDONLY)
    file.rename(tmp_path / "b")
    hints: list[int] = []
    watch.file(fd, lambda: hints.append(1))
    (tmp_path / "b").write_bytes(b"x")
    until(loop, lambda: hints)
    os.close(fd)
    watch.close()


def test_entries_hint(loop: Loop, tmp_path: Path) -> None:
    """Files that come, go and change their name in a watched directory wake the loop."""
    watch = Watch(loop)
    hints: list[int] = []
    watch.directory(str(tmp_path), lambda: hints.append(1))
    for act in (
        lambda: (tmp_path / "a").write_bytes(b""),
        lambda: (tmp_path / "a").rename(tmp_path / "b"),
        lambda: (tmp_path / "b").chmod(0o600),
        lambda: (tmp_path / "b").unlink(),
    ):
        hints.clear()
        act()
        until(loop, lambda: hints)
    watch.close()


def test_a_directory_that_is_renamed_is_known_as_gone(loop: Loop, tmp_path: Path) -> None:
    """A watch stays on the old directory under its new name: that is noticed."""
    (tmp_path / "d").mkdir()
    watch = Watch(loop)
    watched = watch.directory(str(tmp_path / "d"), lambda: None)
    assert watched is not None
    (tmp_path / "d").rename(tmp_path / "e")
    until(loop, lambda: not watched.alive)
    watch.close()


def test_the_limit_is_kept_and_told(
    loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond the limit there is no watch, and one line in the log that says what to change."""
    watch = Watch(loop, limit=2)
    for number in range(4):
        (tmp_path / str(number)).mkdir()
    found = [watch.directory(str(tmp_path / str(number)), lambda: None) for number in range(4)]
    assert [one is not None for one in found] == [True, True, False, False]
    assert len(caplog.records) == 1
    assert "limits.files.watches" in caplog.text
    watch.close()


def test_nothing_is_left_behind(loop: Loop, tmp_path: Path) -> None:
    """No thread is started, and closing gives every descriptor back, read from or not."""
    before = set(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    for act in (lambda: None, lambda: (tmp_path / "a").write_bytes(b"")):
        hints: list[int] = []
        watch = Watch(loop)
        watch.directory(str(tmp_path), lambda hints=hints: hints.append(1))  # type: ignore[misc]
        act()
        loop.turn(0)
        assert threading.active_count() == threads
        watch.close()
        watch.close()
        assert set(os.listdir("/proc/self/fd")) == before
