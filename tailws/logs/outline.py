"""What a log looks like from afar: its files, and how many lines and errors stand where.

A file is divided into cells of equal size. Of each cell a SAMPLE is counted and taken for the
whole; small cells are counted in full. So an outline costs at most CELLS samples a file, whatever
its size, and only once: what was counted stays with the file's facts, and only the cell at the
live end is counted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Final, NamedTuple

from tailws.logs.document import Document, Library, Part, Walk, document, opened
from tailws.logs.pieces import Forward, Pace, Pause, Piece
from tailws.logs.seek import first_time
from tailws.logs.segment import Segment
from tailws.logs.source import Source
from tailws.text import levels
from tailws.text.formats import named
from tailws.text.match import Filter

#: Cells of one file, at most; they are of SMALLEST bytes, or of as many as it takes.
CELLS: Final = 512
SMALLEST: Final = 64 << 10
#: Bytes counted of one cell.
SAMPLE: Final = 128 << 10
#: Compressed bytes of all archives that are unpacked for an outline; older ones stay unknown until
#: somebody searches through them.
PACKED: Final = 64 << 20
#: Seconds between two reports.
EVERY: Final = 0.25
#: Filters whose counts are kept for one file.
FILTERS: Final = 4


class File(NamedTuple):
    """One file of a log, as `extent` tells of it."""

    name: str
    size: int
    exact: bool
    first: float | None
    start: str


def extent(source: Source, library: Library) -> Generator[Pause, None, list[File]]:
    """The files of a log, oldest first; its source must be attached to. Raises OSError."""
    whole = yield from document(source, library)
    files = []
    for part in whole.parts:
        try:
            first = yield from first_time(source, part)
            with opened(source, part) as segment:
                start = segment.place(part.start).cursor
        except (OSError, LookupError):
            continue
        files.append(File(part.name, part.size, part.facts.exact, first, start))
        yield None
    return files


Bucket = tuple[int, int] | None
"""Lines and errors; None: nobody has looked."""


class Report(NamedTuple):
    """The buckets so far, and how many of the log's bytes they stand for."""

    buckets: list[Bucket]
    scanned: int
    of: int
    done: bool


class Cells:
    """What was counted of one file under one filter."""

    def __init__(self, size: int) -> None:
        self.size = SMALLEST
        self.counts: dict[int, tuple[float, float]] = {}
        self.fit(size)

    def fit(self, size: int) -> None:
        """Make cells larger, two by two, until the file has few enough."""
        while size > CELLS * self.size:
            self.size *= 2
            pairs = self.counts
            self.counts = {
                number // 2: (
                    pairs[number][0] + pairs[number + 1][0],
                    pairs[number][1] + pairs[number + 1][1],
                )
                for number in pairs
                if number % 2 == 0 and number + 1 in pairs
            }


def outline(
    source: Source,
    library: Library,
    buckets: int,
    filter_: Filter | None,
    tell: Callable[[Report], None],
    room: Callable[[], bool],
) -> Generator[Pause, None, None]:
    """Count, and `tell` how far it is while `room` says that reports are taken.

    The last report is `done`. The source must be attached to. Raises OSError.
    """
    whole = yield from document(source, library)
    work = _Outline(source, whole, filter_)
    with library.searching() as crowd:
        told_at = time.perf_counter()
        pace = Pace(crowd)
        pace.begin()
        for part in work.order():
            steps = work.packed(part, pace) if part.packed else work.plain(part, pace)
            for pause in steps:
                yield pause
                if time.perf_counter() - told_at > EVERY and room():
                    tell(work.report(buckets, done=False))
                    told_at = time.perf_counter()
    while not room():
        yield 0.02
    tell(work.report(buckets, done=True))


class _Outline:
    def __init__(self, source: Source, whole: Document, filter_: Filter | None) -> None:
        self._source = source
        self._whole = whole
        self._filter = filter_
        self._live: dict[int, tuple[float, float]] = {}  # the cell at the end of each part

    def order(self) -> list[Part]:
        """Newest first, archives last, and not more of them than is cheap."""
        newest = self._whole.parts[::-1]
        packed, room = [], PACKED
        for part in newest:
            if part.packed:
                room -= part.packed
                if room >= 0:
                    packed.append(part)
        return [part for part in newest if not part.packed] + packed

    def _cells(self, part: Part) -> Cells:
        key = self._filter.key if self._filter is not None else None
        kept = part.facts.density
        cells = kept.get(key)
        if not isinstance(cells, Cells):
            if len(kept) >= FILTERS:
                del kept[next(iter(kept))]
            cells = kept[key] = Cells(part.end)
        cells.fit(part.end)
        return cells

    def _count(self, segment: Segment, piece: Piece) -> tuple[int, int]:
        data = segment.codec.utf8(piece.data, False)
        if self._filter is not None:
            data = self._filter.take(data).text
        return data.count(b"\n"), levels.count(data, named(self._source.format))[0]

    def plain(self, part: Part, pace: Pace) -> Generator[Pause, None, None]:
        """Count the cells of a plain file that were not counted before."""
        cells = self._cells(part)
        with opened(self._source, part) as segment:
            for number in range(part.start // cells.size, -(-part.end // cells.size)):
                if number in cells.counts:
                    continue
                start = max(part.start, number * cells.size)
                stop = min(part.end, (number + 1) * cells.size)
                pieces = Forward(segment, start, min(stop, start + SAMPLE))
                yield from self._cell(cells, number, pieces, segment, stop - start, pace, part)

    def _cell(
        self,
        cells: Cells,
        number: int,
        pieces: Forward,
        segment: Segment,
        size: int,
        pace: Pace,
        part: Part,
    ) -> Generator[Pause, None, None]:
        lines = errors = looked = 0
        while (piece := (yield from pieces.piece(pace.size))) is not None:
            more = self._count(segment, piece)
            lines, errors = lines + more[0], errors + more[1]
            looked += piece.end - piece.offset
            if pace.spent(len(piece.data)):
                yield None
                pace.begin()
        share = size / looked if looked > 0 else 0.0
        counted = (lines * share, errors * share)
        if (number + 1) * cells.size <= part.end:
            cells.counts[number] = counted
        else:
            self._live[id(part)] = counted

    def packed(self, part: Part, pace: Pace) -> Generator[Pause, None, None]:
        """The same for an archive, which has to be unpacked from its start for it."""
        cells = self._cells(part)
        if part.facts.exact and len(cells.counts) >= -(-part.end // cells.size):
            return
        one = Document([part])
        sums: dict[int, list[float]] = {}  # lines, errors, bytes counted, bytes passed
        with closing(Walk(self._source, one, (0, part.start))) as walk:
            while (piece := (yield from walk.piece(pace.size))) is not None:
                size = piece.end - piece.offset
                number = piece.offset // cells.size
                known = sums.get(number, (0, 0, 0, 0))[2] >= SAMPLE
                lines, errors = (0, 0) if known else self._count(walk.segment, piece)
                for low, high in _cut(piece.offset, piece.end, cells.size):
                    cell = sums.setdefault(low // cells.size, [0, 0, 0, 0])
                    share = (high - low) / size
                    cell[0] += lines * share
                    cell[1] += errors * share
                    cell[2] += 0 if known else high - low
                    cell[3] += high - low
                if pace.spent(len(piece.data)):
                    yield None
                    pace.begin()
        self._whole.measure()
        for number, (some, bad, looked, passed) in sums.items():
            if looked:
                cells.counts[number] = (some * passed / looked, bad * passed / looked)

    def report(self, buckets: int, *, done: bool) -> Report:
        """Lay the cells over the buckets; a cell that lies in two is shared between them."""
        whole = self._whole
        width = max(1.0, whole.size / buckets)
        lines, errors, known = [0.0] * buckets, [0.0] * buckets, [0.0] * buckets
        for part in whole.parts:
            cells = self._cells(part)
            counts = dict(cells.counts)
            if id(part) in self._live:
                counts[part.end // cells.size] = self._live[id(part)]
            for number, (some_lines, some_errors) in counts.items():
                start = max(part.start, number * cells.size)
                stop = min(part.end, (number + 1) * cells.size)
                low = float(part.at + start - part.start)
                high = float(part.at + stop - part.start)
                bucket = int(low / width)
                while low < high and bucket < buckets:
                    edge = min(high, (bucket + 1) * width)
                    share = (edge - low) / (stop - start)
                    lines[bucket] += some_lines * share
                    errors[bucket] += some_errors * share
                    known[bucket] += edge - low
                    low, bucket = edge, bucket + 1
        out: list[Bucket] = []
        more, worse = 0.0, 0.0  # what rounding left is passed on, so that no line is told twice
        for some, bad, seen in zip(lines, errors, known, strict=True):
            if not seen:
                out.append(None)
                continue
            more, worse = more + some * width / seen, worse + bad * width / seen
            out.append((round(more), round(worse)))
            more, worse = more - round(more), worse - round(worse)
        return Report(out, round(sum(known)), whole.size, done)


def _cut(low: int, high: int, width: int) -> Iterator[tuple[int, int]]:
    """A range in pieces, none of which lies in two cells of that width."""
    while low < high:
        edge = min(high, (low // width + 1) * width)
        yield low, edge
        low = edge
