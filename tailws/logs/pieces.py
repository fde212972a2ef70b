"""Whole lines out of a segment, forwards or backwards, as many at a time as there is time for.

What looks through a log (find, history under a filter, outlines, downloads) is a generator for
`runtime.steps`. It takes pieces from here and yields when its `Pace` says that the turn is used up.
A piece is cut by time, not by size: most patterns run at gigabytes a second, and the worst take
microseconds for each byte.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from typing import Final, NamedTuple

from tailws.logs.archive import Archive
from tailws.logs.block import COLD, COLD_DELAY, Block, Place
from tailws.logs.identity import ANCHOR
from tailws.logs.segment import Segment
from tailws.text import records

#: What a step yields: None for "again next turn", or seconds to wait first.
Pause = float | None
#: Seconds that all searches together may take of one turn: no key stroke waits longer for it.
TURN: Final = 0.002
#: The least that one of them gets, however many there are.
LEAST: Final = 0.0003
#: Bytes of a piece: what it begins with, and the bounds between which it adapts.
FIRST: Final = 32 * 1024
SMALLEST: Final = 4 * 1024
LARGEST: Final = 512 * 1024
#: Bytes that are read from the disk ahead of who searches backwards.
AHEAD: Final = 2 << 20
#: Bytes before a block that are looked at for the head of a record, at first and at most.
RECORD: Final = (4 * 1024, 64 * 1024)
#: Bytes of one line that are looked at; the rest of a longer line is passed over.
LONGEST: Final = 512 * 1024


class Piece(NamedTuple):
    """Whole lines as they are in the file, and where they stand.

    `before` are the up to ANCHOR bytes before them. `end` is where the next line begins: behind
    `data`, or farther where a line was longer than LONGEST.
    """

    offset: int
    data: bytes
    before: bytes
    end: int

    def anchor(self, at: int) -> bytes:
        """The bytes before the offset `at` of `data`, as a cursor proves itself by them."""
        if at >= ANCHOR:
            return self.data[at - ANCHOR : at]
        return (self.before + self.data[:at])[-min(ANCHOR, self.offset + at) :]

    def place(self, segment: Segment, at: int) -> Place:
        """The place at the offset `at` of `data`."""
        offset = self.offset + at
        return Place(segment, offset, self.anchor(at) if offset else b"")


class Crowd:
    """How many look through logs at this moment: they share a turn's time."""

    def __init__(self) -> None:
        self.running = 0


class Pace:
    """How large a piece may be, and when the turn is used up."""

    def __init__(self, crowd: Crowd, most: int = 1 << 20) -> None:
        self.size = FIRST
        self._crowd = crowd
        self._most = most  # bytes in one turn
        self._bytes = 0
        self._since = self._piece_since = time.perf_counter()

    def begin(self) -> None:
        """A turn begins."""
        self._bytes = 0
        self._since = self._piece_since = time.perf_counter()

    def spent(self, size: int) -> bool:
        """A piece of `size` bytes was dealt with; True: yield, and `begin` again."""
        now = time.perf_counter()
        share = max(LEAST, TURN / max(1, self._crowd.running))
        took, self._piece_since = now - self._piece_since, now
        if took > share / 2:
            self.size = max(SMALLEST, self.size // 2)
        elif took < share / 6 and size >= self.size // 2:
            self.size = min(LARGEST, self._most, self.size * 2)
        self._bytes += size
        return now - self._since >= share or self._bytes >= self._most


def read(segment: Segment, offset: int, size: int) -> Generator[Pause, None, bytes]:
    """The bytes there, waiting for the disk, or until they are unpacked. Raises OSError."""
    delay = None if isinstance(segment, Archive) else COLD_DELAY
    while True:
        data = segment.read(offset, size)
        if isinstance(data, bytes):
            return data
        assert data is COLD
        yield delay


def begun_before(block: Block) -> bytes:
    """What stands before a block of the record that its first line goes on with; mostly nothing.

    Blocks end where a write or a read did, in the middle of a stack trace too.
    """
    segment, end = block.start.segment, block.start.offset
    if segment.codec.wide:
        return b""
    body, before = block.body + b"\n", b""
    for size in RECORD:
        start = max(segment.start, end - size)
        try:
            data = segment.read(start, end - start)
        except OSError:
            return b""
        if not isinstance(data, bytes):  # it was read a moment ago: never mind
            return b""
        if start > segment.start:
            data = data[data.find(b"\n") + 1 :]
        before = segment.codec.utf8(data, start == 0)
        before = before[len(before) - records.begun(before, body) :]
        if len(before) < len(data) or start == segment.start:
            break
    return before


class Forward:
    """Takes piece after piece from `offset` to `stop`, or to the end of the file.

    With `whole_records`, a piece ends where a record begins, if it has more than one.
    """

    def __init__(
        self,
        segment: Segment,
        offset: int,
        stop: int | None = None,
        whole_records: bool = False,
    ) -> None:
        self.segment = segment
        self.offset = offset
        self.stop = stop
        self._records = whole_records and not segment.codec.wide
        self._before = b""

    def piece(self, size: int) -> Generator[Pause, None, Piece | None]:
        """The next lines, about `size` bytes of them; None: there are no more."""
        segment, offset = self.segment, self.offset
        codec = segment.codec
        if not self._before and offset:
            start = max(0, offset - ANCHOR)
            self._before = yield from read(segment, start, offset - start)
        while True:
            room = size if self.stop is None else min(size, self.stop - offset)
            if room <= 0:
                return None
            data = yield from read(segment, offset, room)
            if not data:
                return None
            end = codec.end_of_lines(data)
            at_end = len(data) < size
            if end or at_end:
                break
            if size >= LONGEST:
                return (yield from self._long(data))
            size = min(LONGEST, size * 8)
        if at_end and (self.stop is not None or segment.final is not None):
            end = len(data)  # a last line without a line feed is a line where the file is final
        if not end:
            return None
        if self._records and not at_end:
            end = records.last_head(data[:end]) or end
        return self._made(data[:end], offset + end)

    def _made(self, data: bytes, end: int) -> Piece:
        piece = Piece(self.offset, data, self._before, end)
        self._before = (self._before + data[-ANCHOR:])[-ANCHOR:]
        self.offset = end
        return piece

    def _long(self, data: bytes) -> Generator[Pause, None, Piece]:
        """A line that is longer than LONGEST: its head, then on behind its end."""
        segment, at = self.segment, self.offset + len(data)
        while True:
            more = yield from read(segment, at, LONGEST)
            found = segment.codec.end_of_line(more)
            at += found or len(more)
            if found or len(more) < LONGEST or (self.stop is not None and at >= self.stop):
                break
            yield None
        tail = yield from read(segment, at - ANCHOR, ANCHOR)
        piece = self._made(data, at)
        self._before = tail
        return piece


class Backward:
    """Takes piece after piece from `offset` back to `start`; records as for `Forward`."""

    def __init__(
        self, segment: Segment, offset: int, start: int, whole_records: bool = False
    ) -> None:
        self.segment = segment
        self.offset = offset
        self.start = start
        self._records = whole_records and not segment.codec.wide
        self._asked = offset - AHEAD  # the kernel was asked to have what is behind it in memory

    def _ask(self) -> None:
        """Who reads backwards has to do what the kernel does for who reads forwards."""
        asked = self._asked
        if self.start < asked and self.offset < asked + AHEAD and self.segment.fd >= 0:
            self._asked = max(self.start, asked - AHEAD)
            length = asked - self._asked
            os.posix_fadvise(self.segment.fd, self._asked, length, os.POSIX_FADV_WILLNEED)

    def piece(self, size: int) -> Generator[Pause, None, Piece | None]:
        """The lines before, about `size` bytes of them; None: there are no more."""
        segment, end = self.segment, self.offset
        codec = segment.codec
        if not isinstance(segment, Archive):
            self._ask()
        unit = len(codec.newline)
        if end <= self.start:
            return None
        at, cut, data = end, 0, b""
        while at > self.start:
            low = max(self.start, at - size)
            low -= (low - self.start) % unit
            data = (yield from read(segment, low, min(at - low, size))) + data
            at = low
            # the first line feed that is not the end of the last line begins a whole line
            cut = codec.end_of_line(data[: -unit or None]) if at > self.start else 0
            if at <= self.start or cut:
                break
            if len(data) > LONGEST:
                data = data[:LONGEST]  # the head of a long line is what is looked at
                yield None
        if self._records and at > self.start:
            found = cut + records.first_head(data[cut:])
            cut = found if found < len(data) else cut
        head = at + cut
        low = max(0, head - ANCHOR)
        before = yield from read(segment, low, head - low)
        self.offset = head
        return Piece(head, data[cut : cut + end - head], before, end)
