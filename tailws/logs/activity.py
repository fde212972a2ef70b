"""What comes into every log, counted once a second for as long as somebody wants to know.

A look at each file's size says where anything came; only there is read, what is new and in memory
still. So it costs the same whether a log has subscribers or none. Of a file that grows faster than
MOST the rest is estimated from what was counted; errors are from ERRORS_MOST.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from tailws.logs.siblings import scan
from tailws.logs.source import Source
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.steps import Steps
from tailws.text import levels
from tailws.text.lines import Codec

log = logging.getLogger(__name__)

#: Seconds between two counts.
EVERY: Final = 1.0
#: Bytes of one file counted in one second, and those in which errors are counted.
MOST: Final = 8 << 20
ERRORS_MOST: Final = 512 << 10
#: Bytes counted in one step, and files looked at in one.
STEP: Final = 64 << 10
LOOKS: Final = 64


class Count(NamedTuple):
    """What came into one log since the last count."""

    lines: int
    bytes: int
    errors: int

    def __add__(self, other: object) -> Count:
        assert isinstance(other, Count)
        return Count(self.lines + other.lines, self.bytes + other.bytes, self.errors + other.errors)


Counts = dict[str, Count]
Listener = Callable[[Counts], None]


class _Seen(Struct):
    """A file as it was at the last look."""

    key: tuple[int, int]  # device and inode
    size: int
    counted: int  # up to here, behind a line feed


class Meter:
    """Counts while there is a listener; `sources` are looked up at each count."""

    def __init__(self, loop: Loop, sources: Iterable[Source]) -> None:
        self._loop = loop
        self._sources = sources
        self._listeners: dict[Listener, None] = {}
        self._seen: dict[str, _Seen | None] = {}
        self._timer: Timer | None = None
        self._steps: Steps[Counts] | None = None

    def listen(self, listener: Listener) -> None:
        """Call it with the counts of each second from now on."""
        self._listeners[listener] = None
        if self._timer is None and self._steps is None:
            self._count()

    def unlisten(self, listener: Listener) -> None:
        """Call it no more; without listeners nothing is counted. Idempotent."""
        self._listeners.pop(listener, None)
        if not self._listeners:
            self.close()

    def close(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
        if self._steps is not None:
            self._steps.cancel()
        self._timer = self._steps = None
        self._seen.clear()

    def _count(self) -> None:
        self._timer = None
        due = self._loop.clock() + EVERY

        def counted(counts: Counts) -> None:
            self._steps = None
            self._timer = self._loop.call_at(max(due, self._loop.clock()), self._count)
            for listener in list(self._listeners):
                listener(counts)

        def failed(error: Exception) -> None:
            log.error("counting failed", exc_info=error)
            counted({})

        self._steps = Steps(self._loop, self._look(), counted, failed)

    def _look(self) -> Generator[float | None, None, Counts]:
        yield None  # whoever asks has its answer first
        counts: Counts = {}
        sources = list(self._sources)
        first = not self._seen
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
            total += yield from _count_new(source.path, source.chain.codec, seen, st.st_size)
        return total

    @staticmethod
    def _rest(source: Source, seen: _Seen) -> Generator[float | None, None, Count]:
        """What came into a file after the last look, before it was rotated away."""
        for sibling in scan(source.path, source.chain.folders):
            if sibling.identity.key == seen.key and sibling.size > seen.size:
                return (yield from _count_new(sibling.path, source.chain.codec, seen, sibling.size))
        return Count(0, 0, 0)


def _count_new(
    path: str, codec: Codec, seen: _Seen, size: int
) -> Generator[float | None, None, Count]:
    """Count from where it was counted up to `size`; moves `seen`. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        codec = codec.for_file(os.pread(fd, 4, 0))
        came = size - seen.size
        start = at = seen.counted
        lines = errors = looked = 0
        while at < size and at - start < MOST:
            data = os.pread(fd, min(STEP, size - at), at)
            end = codec.end_of_lines(data)
            if not end:  # a line that is not finished, or one that is very long
                end = len(data) if len(data) == STEP else 0
            if not end:
                break
            data = data[:end]
            lines += codec.count(data)
            if looked < ERRORS_MOST:
                errors += levels.count(codec.utf8(data, False))[0]
                looked += end
            at += end
            yield None
    finally:
        os.close(fd)
    if looked and looked < at - start:
        errors = round(errors * (at - start) / looked)
    if at - start >= MOST and at < size:
        share = (size - start) / (at - start)
        lines, errors, at = round(lines * share), round(errors * share), size
    seen.size, seen.counted = size, at
    return Count(lines, came, errors)
