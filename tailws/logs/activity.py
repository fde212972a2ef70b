"""What comes into every log: counted once a second while somebody wants to know, else by minutes.

A look at each file's size says where anything came; only there is read, what is new and in memory
still. So it costs the same whether a log has subscribers or none, and next to nothing where nothing
came. Of a file that grows faster than MOST the rest is estimated from what was counted; levels are
from LEVELS_MOST. The minutes of the last hour are kept, of logs to which anything came in it.
"""

from __future__ import annotations

import errno
import logging
import os
from array import array
from collections.abc import Callable, Generator, Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from tailws.logs.source import Source
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.steps import Steps
from tailws.text import levels
from tailws.text.formats import named

log = logging.getLogger(__name__)

#: Seconds between two counts while somebody listens, and while nobody does.
EVERY: Final = 1.0
MINUTE: Final = 60.0
#: Minutes that are kept: 750 bytes for a log.
KEPT: Final = 60
#: Bytes of one file that are looked at in one count, and those in which levels are told.
MOST: Final = 8 << 20
LEVELS_MOST: Final = 512 << 10
#: Bytes counted in one step, and files looked at in one.
STEP: Final = 64 << 10
LOOKS: Final = 64


class Count(NamedTuple):
    """What came into one log since the last count."""

    lines: int
    bytes: int
    errors: int
    warnings: int = 0

    def __add__(self, other: object) -> Count:
        assert isinstance(other, Count)
        return Count(*map(sum, zip(self, other, strict=True)))


#: A log's last minutes, oldest first: how many lines, how many of them warnings, how many errors.
Rates = tuple[list[int], list[int], list[int]]


class Hour:
    """The last KEPT minutes of one log, in a ring."""

    __slots__ = ("_newest", "_ring")

    def __init__(self, minute: int) -> None:
        self._newest = minute
        self._ring = array("I", bytes(4 * 3 * KEPT))

    def add(self, minute: int, count: Count) -> None:
        """Something came in a minute, which is the newest one or later."""
        for passed in range(max(self._newest, minute - KEPT) + 1, minute + 1):
            self._ring[3 * (passed % KEPT) : 3 * (passed % KEPT) + 3] = array("I", (0, 0, 0))
        self._newest = max(self._newest, minute)
        at = 3 * (self._newest % KEPT)
        for offset, some in enumerate((count.lines, count.warnings, count.errors)):
            self._ring[at + offset] = min(self._ring[at + offset] + some, (1 << 32) - 1)

    def rates(self, minute: int, minutes: int) -> Rates | None:
        """The last `minutes` up to this one; None where nothing came."""
        first = minute - minutes + 1
        if self._newest < first:
            return None
        out: Rates = ([], [], [])
        for number in range(first, minute + 1):
            known = self._newest - KEPT < number <= self._newest
            at = 3 * (number % KEPT)
            for offset, some in enumerate(out):
                some.append(self._ring[at + offset] if known else 0)
        return out


Counts = dict[str, Count]
Listener = Callable[[Counts], None]


class _Seen(Struct):
    """A file as it was at the last look."""

    key: tuple[int, int]  # device and inode
    size: int
    counted: int  # up to here, behind a line feed


class Meter:
    """Counts by minutes from its start on, and by seconds while there is a listener.

    `sources` are looked up at each count.
    """

    def __init__(self, loop: Loop, sources: Iterable[Source]) -> None:
        self._loop = loop
        self._sources = sources
        self._listeners: dict[Listener, None] = {}
        self._seen: dict[str, _Seen | None] = {}
        self._hours: dict[str, Hour] = {}
        self._timer: Timer | None = loop.call_later(0, self._count)  # what is there already
        self._steps: Steps[Counts] | None = None
        self._since = loop.clock()
        self._first = True  # look
        self._heard = False  # somebody listened when the last count began

    def listen(self, listener: Listener) -> None:
        """Call it with the counts of each second from now on."""
        alone = not self._listeners
        self._listeners[listener] = None
        if alone and self._timer is not None:
            self._timer.cancel()
            self._count()

    def unlisten(self, listener: Listener) -> None:
        """Call it no more. Idempotent."""
        self._listeners.pop(listener, None)

    def rates(self, names: Iterable[str]) -> tuple[int, dict[str, Rates]]:
        """How many minutes have been counted, KEPT at most, and each log's own if anything came.

        The last of them is the one that passes now.
        """
        minute = self._minute()
        minutes = min(KEPT, minute - int(self._since // MINUTE) + 1)
        hours = ((name, self._hours.get(name)) for name in names)
        found = {name: hour.rates(minute, minutes) for name, hour in hours if hour is not None}
        return minutes, {name: rates for name, rates in found.items() if rates is not None}

    def close(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
        if self._steps is not None:
            self._steps.cancel()
        self._timer = self._steps = None
        self._listeners.clear()
        self._seen.clear()
        self._hours.clear()

    def _minute(self) -> int:
        return int(self._loop.clock() // MINUTE)

    def _count(self) -> None:
        self._timer = None
        began = self._loop.clock()
        told, self._heard = self._heard, bool(self._listeners)  # a minute's count is no second's

        def counted(counts: Counts) -> None:
            self._steps = None
            due = began + (EVERY if self._listeners else MINUTE)
            self._timer = self._loop.call_at(max(due, self._loop.clock()), self._count)
            self._keep(counts)
            for listener in list(self._listeners):
                listener(counts if told else {})

        def failed(error: Exception) -> None:
            log.error("counting failed", exc_info=error)
            counted({})

        self._steps = Steps(self._loop, self._look(), counted, failed)

    def _keep(self, counts: Counts) -> None:
        minute = self._minute()
        for name, count in counts.items():
            hour = self._hours.get(name)
            if hour is None:
                hour = self._hours[name] = Hour(minute)
            hour.add(minute, count)

    def _look(self) -> Generator[float | None, None, Counts]:
        yield None  # whoever asks has its answer first
        counts: Counts = {}
        sources = list(self._sources)
        first, self._first = self._first, False
        for number, source in enumerate(sources):
            if number % LOOKS == LOOKS - 1:
                yield None
            try:
                st = os.stat(source.path)
                count = yield from self._one(source, st, first)
            except OSError:
                self._seen.setdefault(source.name, None)  # all of what comes will be new
                continue
            if count is not None and count.bytes:
                counts[source.name] = count
        names = {source.name for source in sources}
        for name in self._seen.keys() - names:
            del self._seen[name]
            self._hours.pop(name, None)
        return counts

    def _one(
        self, source: Source, st: os.stat_result, first: bool
    ) -> Generator[float | None, None, Count | None]:
        name, key = source.name, (st.st_dev, st.st_ino)
        known = name in self._seen
        seen = self._seen.get(name)
        if not known and (first or not source.from_start):
            self._seen[name] = _Seen(key, st.st_size, st.st_size)
            return None
        total = Count(0, 0, 0)
        if seen is not None and seen.key != key:
            total += yield from self._rest(source, seen)
            seen = None
        if seen is None or st.st_size < seen.size:
            seen = self._seen[name] = _Seen(key, 0, 0)
        if st.st_size > seen.size:
            total += yield from _count_new(source, source.path, seen, st.st_size)
        return total

    @staticmethod
    def _rest(source: Source, seen: _Seen) -> Generator[float | None, None, Count]:
        """What came into a file after the last look, before it was rotated away."""
        for sibling in source.chain.rotated.scan():
            if sibling.identity.key == seen.key and sibling.size > seen.size:
                return (yield from _count_new(source, sibling.path, seen, sibling.size))
        return Count(0, 0, 0)


def _count_new(
    source: Source, path: str, seen: _Seen, size: int
) -> Generator[float | None, None, Count]:
    """Count one of its files from where it was counted up to `size`; moves `seen`.

    Raises OSError.
    """
    format_ = named(source.format)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        codec = source.chain.codec.for_file(os.pread(fd, 4, 0))
        came = size - seen.size
        start = at = seen.counted
        lines = errors = warnings = looked = 0
        while at < size and at - start < MOST:
            data = _in_memory(fd, min(STEP, size - at), at)
            end = codec.end_of_lines(data)
            if not end:  # a line that is not finished, or one that is very long
                end = len(data) if len(data) == STEP else 0
            if not end:
                break
            data = data[:end]
            lines += codec.count(data)
            if looked < LEVELS_MOST:
                bad, odd = levels.count(codec.utf8(data, False), format_)
                errors, warnings, looked = errors + bad, warnings + odd, looked + end
            at += end
            yield None
    finally:
        os.close(fd)
    if looked and looked < at - start:
        share = (at - start) / looked
        errors, warnings = round(errors * share), round(warnings * share)
    if start < at < size - STEP:  # more than the beginning of a line is left
        share = (size - start) / (at - start)
        lines, errors, warnings = (round(some * share) for some in (lines, errors, warnings))
        at = size
    seen.size, seen.counted = size, at
    return Count(lines, came, errors, warnings)


def _in_memory(fd: int, size: int, at: int) -> bytes:
    """What is in the page cache of a part of a file: the loop does not wait for a disk to count."""
    buffer = bytearray(size)
    try:
        return bytes(buffer[: os.preadv(fd, [buffer], at, os.RWF_NOWAIT)])
    except BlockingIOError:
        return b""
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise
        return os.pread(fd, size, at)
