"""Random programs of a writer, a rotation and readers, against the one promise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.logs.support import Daemon, LogFile, Reader, accounted

#: The suite runs the same programs each time; asked for a number, others each time.
ASKED = os.environ.get("TAILWS_PROGRAMS")
RUNS = int(ASKED or "150")

ACTIONS = [
    "append",
    "append",
    "burst",
    "half",
    "rotate",
    "late",
    "close-late",
    "copytruncate",
    "copytruncate-slowly",
    "truncate",
    "compress",
    "look",
    "look",
    "read",
    "read-one",
    "drop",
    "resume",
    "restart",
    "wait",
]


class World:
    """One file, what was written to it in the order of the document, and two readers."""

    def __init__(self, folder: Path, window: int) -> None:
        self.log = LogFile(folder / "app.log")
        self.daemon = Daemon(self.log.path, window)
        self.number = 0
        self.half = b""
        self.destroyed = self.copied = False
        self.document: list[list[bytes]] = [[]]  # lines by file, oldest first
        self.late: list[tuple[int, list[bytes]]] = []
        self.log.write(b"")
        self.readers = [Reader(offered).connect(self.daemon) for offered in (False, True)]
        self.daemon.look()
        for reader in self.readers:
            reader.read()  # `subscribed`: without a cursor nothing can be resumed

    def line(self) -> bytes:
        self.number += 1
        return b"%06d " % self.number + b"x" * (self.number * 37 % 90)

    def do(self, action: str) -> None:
        getattr(self, "_" + action.replace("-", "_"))()

    def _append(self) -> None:
        line = self.half or self.line()
        self.log.write(line[3:] + b"\n" if self.half else line + b"\n")
        self.half = b""
        self.document[-1].append(line)

    def _burst(self) -> None:
        self._append()
        lines = [self.line() for _ in range(12)]
        self.log.write(b"\n".join(lines) + b"\n")
        self.document[-1] += lines

    def _half(self) -> None:
        if not self.half:
            self.half = self.line()
            self.log.write(self.half[:3])

    def _finish_half(self) -> None:
        if self.half:
            self._append()

    def _rotate(self) -> None:
        self._finish_half()
        fd = self.log.rotate()
        if fd >= 0:
            self.late.append((fd, self.document[-1]))
        self.document.append([])
        self.log.write(b"")

    def _late(self) -> None:
        if self.late:
            fd, lines = self.late[-1]
            line = self.line()
            os.write(fd, line + b"\n")
            lines.append(line)

    def _close_late(self) -> None:
        if self.late:
            os.close(self.late.pop(0)[0])

    def _copytruncate(self, between: Callable[[], object] = int) -> None:
        self._finish_half()
        self._tell()
        self.copied = True
        self.log.copytruncate(between=between)
        self.document.append([])

    def _copytruncate_slowly(self) -> None:
        """The daemon looks meanwhile, and nobody reads yet."""
        self._copytruncate(self.daemon.source.look)

    def _compress(self) -> None:
        """If its writer has left it: what is written to a file at work in gzip(1) is lost."""
        rotated = Path(f"{self.log.path}.1")
        written = {os.fstat(fd).st_ino for fd, _ in self.late}
        if rotated.exists() and rotated.stat().st_ino not in written:
            self.log.compress()

    def _truncate(self) -> None:
        self._finish_half()
        self._resume()
        if self.copied:  # a copy and a truncation in one look are not told apart
            self.destroyed = True
            self._tell()
        end = self.daemon.source.end
        ino = os.stat(self.log.path).st_ino
        if end is None or not end.offset or end.segment.identity.ino != ino:
            self.daemon.look()  # what comes and goes in a file before it is read leaves no trace
        os.truncate(self.log.path, 0)
        self.destroyed = True
        self.document.append([])

    def _look(self) -> None:
        self.daemon.look()

    def _read(self) -> None:
        self.readers[0].read()

    def _read_one(self) -> None:
        self.readers[1].read(1)

    def _tell(self) -> None:
        """A file that has nothing of what it was cannot tell a new daemon that there was more: the
        one that saw it has to."""
        if self.destroyed:
            self.destroyed = self.copied = False
            while self.late:  # the file before has to be final, or nobody comes that far
                self._close_late()
            for _ in range(3):
                self.daemon.look()
                for reader in self.readers:
                    reader.read()

    def _drop(self) -> None:
        self._tell()
        self.readers[0].disconnect()

    def _resume(self) -> None:
        if self.readers[0].subscription is None:
            self.readers[0].connect(self.daemon, written=self.number)
            self.daemon.turn()

    def _restart(self) -> None:
        self._tell()
        self.daemon.restart()
        for reader in self.readers:
            reader.connect(self.daemon, written=self.number)
        self.daemon.turn()

    def _wait(self) -> None:
        while self.late:  # what is written to a file that was quiet for so long is not followed
            self._close_late()
        self.daemon.turn(11.0)

    def finish(self) -> None:
        self._finish_half()
        for fd, _ in self.late:
            os.close(fd)
        self.late.clear()
        self._resume()
        for _ in range(60):
            self.daemon.look()
            self.daemon.turn(2.0)
            for reader in self.readers:
                reader.read()

    def close(self) -> None:
        for fd, _ in self.late:
            os.close(fd)
        self.daemon.close()
        self.log.close()


@pytest.mark.parametrize("window", [64, 0])
@settings(
    max_examples=RUNS,
    derandomize=ASKED is None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(program=st.lists(st.sampled_from(ACTIONS), max_size=30))
@example(
    program=[
        "rotate",
        "drop",
        "close-late",
        "look",
        "read-one",
        "look",
        "read-one",
        "append",
        "copytruncate",
    ]
)
@example(program=["append", "copytruncate", "restart", "append", "copytruncate", "drop"])
@example(program=["append", "look", "read", "rotate", "append", "late", "look", "read"])
@example(program=["burst", "look", "read", "copytruncate", "append", "copytruncate", "append"])
@example(program=["append", "copytruncate", "restart", "rotate", "drop"])
@example(program=["append", "truncate", "append", "rotate", "append", "truncate", "drop"])
@example(program=["append", "truncate", "append", "rotate", "append", "truncate", "restart"])
@example(program=["rotate", "append", "copytruncate", "append", "copytruncate", "compress"])
@example(program=["append", "copytruncate", "compress", "restart"])
@example(
    program=[*("append",) * 6, "restart", "read-one", "read-one", "copytruncate", "append"],
)
@example(program=["append", "look", "read-one", "append", "copytruncate"])
@example(program=["look", "append", "read", "copytruncate", "drop"])
@example(program=["append", "restart", "truncate", "append", "rotate"])
@example(
    program=[
        *("append",) * 13,
        "copytruncate",
        "copytruncate",
        "compress",
        "restart",
        "rotate",
        "wait",
        "compress",
    ]
)
@example(
    program=[
        *("append",) * 13,
        "copytruncate",
        "append",
        "restart",
        "copytruncate",
        "rotate",
        "wait",
        "compress",
    ]
)
@example(
    program=[
        *("append",) * 11,
        "copytruncate",
        "restart",
        "append",
        "read-one",
        "read-one",
        "copytruncate",
        "append",
    ]
)
@example(program=["append", "copytruncate", "compress", "half", "drop", "resume"])
@example(program=["append", "copytruncate", "compress", "rotate", "half", "drop", "resume"])
@example(program=["append", "restart", "read", "drop", "copytruncate", "look", "compress"])
@example(
    program=[*("append",) * 14, "restart", "copytruncate", "append", "rotate", "wait", "compress"]
)
@example(
    program=[
        *("append",) * 10,
        "copytruncate",
        "rotate",
        "half",
        "restart",
        "append",
        "read",
        "late",
        "close-late",
        "compress",
    ]
)
@example(
    program=[
        *("append",) * 12,
        "copytruncate",
        "burst",
        "rotate",
        "restart",
        "late",
        "close-late",
        "read",
        "compress",
    ]
)
@example(
    program=[
        "append",
        "rotate",
        "append",
        "copytruncate",
        "half",
        "compress",
        "restart",
        "copytruncate",
        "drop",
    ]
)
@example(
    program=[
        "append",
        "copytruncate",
        "restart",
        "compress",
        "rotate",
        "append",
        "copytruncate",
    ]
)
@example(program=["copytruncate", "append", "copytruncate", "compress", "half", "restart"])
@example(program=["rotate", "append", "copytruncate", "append", "look", "copytruncate"])
@example(
    program=[
        "append",
        "copytruncate",
        "append",
        "restart",
        "copytruncate",
        "look",
        "drop",
        "compress",
    ]
)
def test_each_line_once_in_order_or_a_gap(window: int, program: list[str]) -> None:
    """Whatever happens to the file, the readers and the daemon: a client gets each line once, in
    order, or a gap where lines are missing. With the window of recent blocks and without."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), window)
        try:
            for action in program:
                world.do(action)
            world.finish()
            expected = [line for lines in world.document for line in lines]
            for reader in world.readers:
                wrong = accounted(reader, expected)
                assert wrong is None, f"{wrong}; got {reader.items[:12]} {reader.events}"
        finally:
            world.close()
