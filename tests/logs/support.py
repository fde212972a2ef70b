"""Real files, a real loop and readers without a socket, for tests of the log layer."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

from tailws.logs.chain import Chain
from tailws.logs.file_pool import FilePool
from tailws.logs.growth import Retirement
from tailws.logs.source import Reading, Source
from tailws.logs.subscription import Begin, Subscription, View
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch
from tailws.text.lines import Codec
from tests.clock import Clock, tick

#: More than any program writes.
MOST_FRAMES = 10_000


class LogFile:
    """A log and its writers: each keeps its descriptor until it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = -1

    def write(self, data: bytes) -> None:
        if self.fd < 0:
            self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(self.fd, data)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def rotate(self, keep: int = 9) -> int:
        """Rename as logrotate does; returns the descriptor of the writer that has not noticed."""
        shift(self.path, keep)
        if self.path.exists():
            self.path.rename(f"{self.path}.1")
        fd, self.fd = self.fd, -1
        return fd

    def copytruncate(self, keep: int = 9, between: Callable[[], object] = int) -> None:
        """Copy and truncate; `between` is called when the copy is there, and when it is whole."""
        tick()
        shift(self.path, keep)
        with open(f"{self.path}.1", "wb") as copy:
            between()
            copy.write(self.path.read_bytes())
        between()
        os.truncate(self.path, 0)

    def compress(self) -> None:
        """The file rotated last becomes `.1.gz`, as gzip(1) does it: a new inode with the old time,
        before the old one goes."""
        plain, packed = Path(f"{self.path}.1"), Path(f"{self.path}.1.gz")
        if plain.exists():
            st = plain.stat()
            packed.write_bytes(gzip.compress(plain.read_bytes()))
            os.utime(packed, ns=(st.st_atime_ns, st.st_mtime_ns))
            plain.unlink()


def shift(path: Path, keep: int) -> None:
    for number in range(keep, 0, -1):
        for packed in ("", ".gz"):
            old = Path(f"{path}.{number}{packed}")
            if not old.exists():
                continue
            if number == keep:
                old.unlink()
            else:
                old.rename(f"{path}.{number + 1}{packed}")


class Daemon:
    """The log layer of a daemon over one file; `restart` forgets all that it knows."""

    def __init__(self, path: Path, window: int = 64, quiet: float = 10.0, files: int = 64) -> None:
        self.path = path
        self.clock = Clock()
        self.window = window
        self.quiet = quiet
        self.files = files
        self._start()

    def _start(self) -> None:
        tick()
        self.loop = Loop(self.clock)
        self.watch = Watch(self.loop, enabled=False)
        chain = Chain(
            str(self.path),
            Codec("auto"),
            self.clock,
            Retirement(self.quiet),
            pool=FilePool(self.files),
        )
        reading = Reading(block_bytes=256, line_bytes=1024, window=0.0, window_blocks=self.window)
        self.source = Source("app", chain, self.loop, self.watch, reading)
        self.readers: list[Reader] = []

    def restart(self) -> None:
        """As after kill -9: readers keep their cursors, the daemon keeps nothing."""
        self.close()
        self._start()

    def close(self) -> None:
        for reader in self.readers:
            reader.disconnect()
        self.source.close()
        self.watch.close()
        self.loop.close()

    def look(self) -> None:
        """The look by the clock, and all that follows from it at once."""
        self.source.look()
        self.turn()

    def settle(self, *readers: Reader) -> None:
        """Until these have all that there is, whatever has happened to the files."""
        for _ in range(5):
            self.look()
            self.turn()
            for reader in readers:
                reader.read()

    def turn(self, seconds: float = 0.2, turns: int = 3) -> None:
        for _ in range(turns):
            self.clock.now += seconds / turns
            self.loop.turn(0)


class Reader:
    """A client without a socket: takes frames when told to, and keeps what a page would keep.

    `offered`: it takes live frames as they come too, two of three, as a client with room does.
    """

    def __init__(self, offered: bool = False) -> None:
        self.offered = offered
        self.offers = 0
        self.cursor: str | None = None
        self.joint: str | None = None  # where the next batch has to start
        self.items: list[bytes | None] = []  # lines; None stands for a gap
        self.exact: set[int] = set()  # which of them are gaps of a known size
        self.announced: dict[int, int] = {}  # see `connect`
        self.events: list[str] = []
        self.heads: list[dict[str, object]] = []
        self.ready = False
        self.subscription: Subscription | None = None

    def connect(self, daemon: Daemon, begin: Begin | None = None, written: int = 0) -> Reader:
        """`written`: the number of the last line so far. Behind a gap there is no cursor before the
        next line: who comes back then is led once more through what the gap was about, and what
        of it can be told only once may be missing by now, in whatever order the rest comes."""
        if self.items and self.items[-1] is None:
            self.announced[len(self.items)] = written
        if begin is None:
            begin = Begin(cursor=self.cursor) if self.cursor else Begin(start=True)
        self.ready = False
        daemon.readers.append(self)
        outlet = self if self.offered else None
        self.subscription = Subscription(daemon.source, View(), begin, self._wake, outlet=outlet)
        return self

    def lend(self) -> Callable[[bytes], int]:
        return self._push

    def _push(self, frame: bytes) -> int:
        self.offers += 1
        if self.ready or self.offers % 3 == 0:
            return -1
        self._take(payload(frame))
        return len(frame)

    def lent(self, _frame: bytes, count: int) -> bool:
        assert count == -1
        return False

    def send(self, _frame: bytes) -> bool:
        raise AssertionError("only who lends what raises is sent anything")

    def _wake(self, _subscription: Subscription) -> None:
        self.ready = True

    def disconnect(self) -> None:
        if self.subscription is not None:
            self.subscription.close()
            self.subscription = None

    def read(self, frames: int = MOST_FRAMES) -> None:
        """Take up to `frames` frames; fewer than all that there are, or they have no end."""
        while self.subscription is not None and self.ready and frames:
            assert len(self.heads) < MOST_FRAMES, "the log goes round in a circle"
            frame = self.subscription.next()
            if frame is None:
                self.ready = False
                return
            frames -= 1
            self._take(payload(frame))

    def _take(self, message: bytes) -> None:
        first, newline, body = message.partition(b"\n")
        head = json.loads(first)
        self.heads.append(head)
        match head["type"]:
            case "lines":
                assert head["start"] == self.joint or self.joint is None, (self.joint, head)
                self.cursor = self.joint = head["end"]
                if newline:
                    self.items += body.split(b"\n")
            case "subscribed":
                self.cursor = self.joint = head["cursor"]
            case "gap":
                self.joint = head.get("end")
                if head["bytes"] is not None:
                    self.exact.add(len(self.items))
                self.items.append(None)
            case "event":
                self.joint = None
                self.events.append(head["event"])

    @property
    def lines(self) -> list[bytes]:
        return [item for item in self.items if item is not None]


_MASK = b"\1\2\3\4"


def payload(frame: bytes) -> bytes:
    """What is in a server's frame (RFC 6455, section 5.2)."""
    length = frame[1]
    if length < 126:
        return frame[2:]
    return frame[4:] if length == 126 else frame[10:]


def accounted(reader: Reader, expected: list[bytes]) -> str | None:
    """Whether each expected line is there once, in order, or behind a gap; else what is wrong."""
    at = announced = 0
    gap = exact = False
    for index, item in enumerate(reader.items):
        if index in reader.announced:  # led back, to before the loss whose size was known
            announced, exact = reader.announced[index], False
        if item is None:
            gap = True
            exact = exact or index in reader.exact
            continue
        try:
            found = expected.index(item, at)
        except ValueError:
            if item in expected[:at]:
                return f"{item!r} is repeated, or comes too late"
            return f"{item!r} was never written"
        if not gap and (lost := [line for line in expected[at:found] if int(line[:6]) > announced]):
            return f"{lost!r} are lost without a gap before {item!r}"
        if found == at and exact:
            return f"a gap before {item!r}, and nothing is missing there"
        at = found + 1
        gap = exact = False
    announced = reader.announced.get(len(reader.items), announced)
    if not gap and (lost := [line for line in expected[at:] if int(line[:6]) > announced]):
        return f"{lost!r} are lost at the end"
    return None
