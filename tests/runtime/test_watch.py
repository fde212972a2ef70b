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
