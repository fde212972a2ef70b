"""A log, or a range of it, as it stands in its files: for `POST /download`.

The bytes are those of the files, line ends and all that is no UTF-8 included; a filter leaves out
whole lines and changes none.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Final

from msgspec import Struct

from tailws.logs.document import Library, Walk, document, index_of
from tailws.logs.pieces import Pace, Pause, Piece, read
from tailws.logs.seek import by_time
from tailws.logs.segment import Segment
from tailws.logs.source import Source
from tailws.text.match import Filter, Run

#: Bytes of one chunk.
CHUNK: Final = 64 * 1024

Chunks = Generator[bytes | Pause, None, None]


class Range(Struct, frozen=True):
    """From where to where: cursors, or times in seconds since the epoch; None for the ends of the
    log. `lines` after `skip` of them."""

    after: str | None = None
    before: str | None = None
    skip: int = 0
    lines: int | None = None
    since: float | None = None
    until: float | None = None


def download(source: Source, library: Library, wanted: Range, filter_: Filter | None) -> Chunks:
    """The bytes of the range, and pauses between them; the source must be attached to.

    Raises BadCursor, OSError; LookupError when a place is not kept any more.
    """
    whole = yield from document(source, library)
    if not whole.parts:
        return
    begin = (0, whole.parts[0].start)
    end = None
    if wanted.after is not None:
        begin = yield from index_of(source, whole, wanted.after)
    elif wanted.since is not None:
        begin = yield from by_time(source, whole, wanted.since)
    if wanted.before is not None:
        end = yield from index_of(source, whole, wanted.before)
    elif wanted.until is not None:
        end = yield from by_time(source, whole, wanted.until)
    shown = _Shown(filter_, wanted.skip, wanted.lines)
    records = filter_ is not None and filter_.whole_records
    with library.searching() as crowd, closing(Walk(source, whole, begin, end, records)) as walk:
        pace = Pace(crowd)
        pace.begin()
        while not shown.enough:
            piece = yield from walk.piece(min(pace.size, CHUNK))
            if piece is None:
                return
            runs = shown.runs(piece, walk.segment)
            if runs:
                yield b"".join([piece.data[start:stop] for start, stop in runs])
                if runs[-1][1] == len(piece.data):
                    yield from _rest_of(walk.segment, piece)
            if pace.spent(len(piece.data)):
                yield None
                pace.begin()


class _Shown:
    """Which lines are wanted: those that the filter shows, but the first `skip`, then `lines`."""

    def __init__(self, filter_: Filter | None, skip: int, lines: int | None) -> None:
        self._filter = filter_
        self._skip = skip
        self._room = lines

    @property
    def enough(self) -> bool:
        return self._room is not None and self._room <= 0

    def runs(self, piece: Piece, segment: Segment) -> list[Run]:
        data = piece.data
        runs = [(0, len(data))]
        if self._filter is not None:
            runs = self._filter.select(data, segment.codec)
        codec = segment.codec
        out: list[Run] = []
        for start, end in runs:
            if self._room is None and not self._skip:
                out.append((start, end))
                continue
            at = start
            while at < end and not self.enough:
                tail = codec.end_of_line(data, at) or end
                if self._skip:
                    self._skip -= 1
                else:
                    out.append((at, tail))
                    if self._room is not None:
                        self._room -= 1
                at = tail
        return out


def _rest_of(segment: Segment, piece: Piece) -> Chunks:
    """What follows a piece's data when its last line was too long to be looked at."""
    at = piece.offset + len(piece.data)
    while at < piece.end:
        rest = yield from read(segment, at, min(CHUNK, piece.end - at))
        if not rest:
            return
        at += len(rest)
        yield rest


def name_of(source: str) -> str:
    """A name for the file that a browser saves: letters, digits and ._- only."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in source)
    name = name.strip("._-")[-100:].lstrip("._-") or "log"
    return name if name.endswith((".log", ".txt")) else f"{name}.log"
