"""A deleted file that a slow reader still reads does not hold its space for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tailws.logs.chain import Chain
from tailws.logs.file_pool import FilePool
from tailws.logs.growth import Retirement
from tailws.logs.siblings import scan
from tailws.logs.subscription import Begin
from tailws.text.lines import Codec
from tests.logs.support import Daemon, LogFile, Reader


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    made = LogFile(tmp_path / "app.log")
    made.write(b"".join(b"%04d old line\n" % i for i in range(500)))
    return made


def deleted_open(path: Path) -> int:
    """How many of our descriptors are on deleted files of this log."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        found += target.startswith(str(path)) and target.endswith("(deleted)")
    return found


@pytest.mark.parametrize("replaced", [True, False])
def test_a_slow_reader_gets_a_gap_when_its_time_is_over(log: LogFile, replaced: bool) -> None:
    """Within hold_deleted every line is still there; behind it the space is free, what was not
    read is announced with its bytes, and what comes then is all there."""
    daemon = Daemon(log.path, window=0, quiet=1.0)
    daemon.source.chain.growth.retirement = Retirement(1.0, 3600.0, 100.0)
    slow, fast = Reader(), Reader()
    slow.connect(daemon, Begin(start=True))
    fast.connect(daemon, Begin(start=True))
    daemon.look()
    slow.read(3)
    fast.read()
    taken = len(slow.lines)
    log.close()
    log.path.unlink()
    if replaced:
        log.write(b"new line\n")
    for _ in range(30):
        daemon.look()
        daemon.turn(3.0)
        fast.read()
    assert deleted_open(log.path) == 1
    slow.read(3)
    assert len(slow.lines) > taken  # it is still there
    taken = len(slow.lines)
    for _ in range(10):
        daemon.look()
        daemon.turn(3.0)
    assert deleted_open(log.path) == 0
    if not replaced:
        slow.read()
        log.write(b"new line\n")
    for _ in range(10):
        daemon.look()
        daemon.turn(3.0)
        slow.read()
        fast.read()
    assert slow.items[taken:] == [None, b"new line"]
    gap = next(head for head in slow.heads if head["type"] == "gap")
    assert gap["reason"] == "gone"
    assert gap["bytes"] == (500 - taken) * len(b"0000 old line\n")
    assert fast.items[-1] == b"new line"
    assert None not in fast.items
    daemon.close()
    log.close()


def test_a_deleted_file_that_is_still_written_is_followed(log: LogFile) -> None:
    """Deleting a log does not stop its program, and its lines are not lost to who reads along."""
    daemon = Daemon(log.path, quiet=1e9)
    daemon.source.chain.growth.retirement = Retirement(1e9, 3600.0, 10.0)
    reader = Reader().connect(daemon, Begin(start=True))
    daemon.look()
    reader.read()
    writer, log.fd = log.fd, -1
    log.path.unlink()
    for number in range(20):
        os.write(writer, b"more %d\n" % number)
        daemon.look()
        daemon.turn(3.0)
        reader.read()
    assert reader.lines[-1] == b"more 19"
    os.close(writer)
    daemon.close()


def test_what_a_search_has_left_open_is_closed(log: LogFile) -> None:
    """A search for a place may be given up half way: what it has opened is not held for ever, even
    if it is deleted meanwhile and so never closed for want of descriptors."""
    os.close(log.rotate())
    (sibling,) = scan(str(log.path))
    pool = FilePool(64)
    chain = Chain(str(log.path), Codec("auto"), time.monotonic, pool=pool)
    left = chain.rotated.open(sibling)
    assert left is not None
    os.unlink(sibling.path)
    pool.sweep()
    assert left.fd >= 0  # it was used a moment ago
    pool.sweep()
    assert left.fd < 0
    assert not len(pool)
