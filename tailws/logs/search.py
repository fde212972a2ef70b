"""Find: the lines of a whole log that a filter shows, newest or oldest first, as they are found.

A plain file is read in the direction of the search. An archive can be read from its start only: so
searching backwards it is read forwards, and its hits are told, newest first, when it is through.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final, NamedTuple

from msgspec import Struct, field

from tailws.logs.document import Document, Library, Part, Walk, document, index_of, opened
from tailws.logs.pieces import Backward, Pace, Pause, Piece
from tailws.logs.segment import Segment
from tailws.logs.source import Source
from tailws.text import records
from tailws.text.match import Filter

#: Seconds between two reports when there are hits, and when there are none.
HITS_EVERY: Final = 0.05
PROGRESS_EVERY: Final = 0.25
#: Seconds until it is asked again whether the client has taken the last report.
ROOM_DELAY: Final = 0.02
#: Hits in one report.
BATCH: Final = 500


class Hit(NamedTuple):
    """A line that was found: the place before it, in the file and in the whole log."""

    cursor: str
    at: int


class Report(Struct, frozen=True):
    """The hits since the last report, and how far the search is, in bytes."""

    hits: list[Hit]
    scanned: int
    of: int
    file: str
    count: int
    done: bool = False


class Wanted(Struct, frozen=True):
    """What to look for, and from where; without a cursor from the end, or the beginning."""

    filter: Filter
    cursor: str | None = None
    forward: bool = False
    limit: int = 10_000
    slice_bytes: int = 1 << 20


Tell = Callable[[Report], None]
Search = Generator[Pause, None, None]


def find(
    source: Source, library: Library, wanted: Wanted, tell: Tell, room: Callable[[], bool]
) -> Search:
    """Search, and `tell` what was found while `room` says that reports are taken.

    The last report is `done`. The source must be attached to. Raises BadCursor, OSError;
    LookupError when the cursor's place is not kept any more.
    """
    whole = yield from document(source, library)
    if not whole.parts:
        tell(Report([], 0, 0, "", 0, done=True))
        return
    last = len(whole.parts) - 1
    start = (0, whole.parts[0].start) if wanted.forward else (last, whole.parts[last].end)
    if wanted.cursor is not None:
        start = yield from index_of(source, whole, wanted.cursor)
    with library.searching() as crowd:
        finder = _Finder(source, whole, wanted, start, Pace(crowd, wanted.slice_bytes), tell, room)
        yield from finder.forward() if wanted.forward else finder.backward()
        yield from finder.end()


class _Finder(Struct):
    source: Source
    whole: Document
    wanted: Wanted
    start: tuple[int, int]
    pace: Pace
    tell: Tell
    room: Callable[[], bool]
    count: int = 0
    scanned: int = 0
    file: str = ""
    hits: list[Hit] = field(default_factory=list)
    told_at: float = field(default_factory=time.perf_counter)

    @property
    def _records(self) -> bool:
        return self.wanted.filter.whole_records

    def enough(self) -> bool:
        """Whether the limit is reached."""
        return self.count >= self.wanted.limit

    @property
    def of(self) -> int:
        """Bytes that there are to search in all."""
        index, offset = self.start
        part = self.whole.parts[index]
        at = part.at + offset - part.start
        return max(self.scanned, self.whole.size - at if self.wanted.forward else at)

    def forward(self) -> Search:
        """From the start to the live end."""
        with closing(Walk(self.source, self.whole, self.start, None, self._records)) as walk:
            self.pace.begin()
            while not self.enough():
                piece = yield from walk.piece(self.pace.size)
                if piece is None:
                    return
                self.file = walk.part.name
                for at in self._matching(piece, walk.segment):
                    self._hit(walk.part, walk.segment, piece, at)
                    if self.enough():
                        break
                yield from self._searched(piece)

    def backward(self) -> Search:
        """From the start to the beginning of the log."""
        index, offset = self.start
        while index >= 0 and not self.enough():
            part = self.whole.parts[index]
            self.file = part.name
            if part.packed:
                stop = (index, offset) if index == self.start[0] else None
                yield from self._archive(index, stop)
                self.whole.measure()
            else:
                yield from self._back(part, offset)
            index -= 1
            offset = self.whole.parts[index].end

    def _back(self, part: Part, offset: int) -> Search:
        with opened(self.source, part) as segment:
            pieces = Backward(segment, offset, part.start, self._records)
            self.pace.begin()
            while not self.enough():
                piece = yield from pieces.piece(self.pace.size)
                if piece is None:
                    return
                for at in reversed(self._matching(piece, segment)):
                    self._hit(part, segment, piece, at)
                    if self.enough():
                        break
                yield from self._searched(piece)

    def _archive(self, index: int, stop: tuple[int, int] | None) -> Search:
        part = self.whole.parts[index]
        found: deque[Hit] = deque(maxlen=self.wanted.limit - self.count)
        one = Document([part])
        begin = (0, part.start)
        end = stop and (0, stop[1])
        with closing(Walk(self.source, one, begin, end, self._records)) as walk:
            self.pace.begin()
            while True:
                piece = yield from walk.piece(self.pace.size)
                if piece is None:
                    break
                for at in self._matching(piece, walk.segment):
                    offset = piece.offset + at
                    found.append(Hit(piece.place(walk.segment, at).cursor, offset))
                yield from self._searched(piece)
        self.whole.measure()
        for hit in reversed(found):
            self.hits.append(Hit(hit.cursor, part.at + hit.at - part.start))
            self.count += 1
            if len(self.hits) >= BATCH:
                yield from self._report()

    def _matching(self, piece: Piece, segment: Segment) -> list[int]:
        """Where in a piece the lines begin that match, or the records of which one does."""
        codec, data = segment.codec, piece.data
        out: list[int] = []
        for low, high in self.wanted.filter.select(data, codec):
            if self.wanted.filter.whole_records:
                out += [low + head for head, _, _ in records.records(data[low:high])]
                continue
            at = low
            while 0 <= at < high:
                out.append(at)
                at = codec.end_of_line(data, at) or high
        return out

    def _hit(self, part: Part, segment: Segment, piece: Piece, at: int) -> None:
        offset = piece.offset + at
        cursor = piece.place(segment, at).cursor
        self.hits.append(Hit(cursor, part.at + offset - part.start))
        self.count += 1

    def _searched(self, piece: Piece) -> Search:
        """A piece is done: report, and yield when the turn is used up."""
        self.scanned += piece.end - piece.offset
        pause = HITS_EVERY if self.hits else PROGRESS_EVERY
        if len(self.hits) >= BATCH or time.perf_counter() - self.told_at >= pause:
            yield from self._report()
        if self.pace.spent(len(piece.data)):
            yield None
            self.pace.begin()

    def _report(self) -> Search:
        while not self.room():
            yield ROOM_DELAY
        hits, self.hits = self.hits, []
        for at in range(0, max(1, len(hits)), BATCH):
            batch = hits[at : at + BATCH]
            self.tell(Report(batch, self.scanned, self.of, self.file, self.count))
        self.told_at = time.perf_counter()

    def end(self) -> Search:
        """Say that it is over."""
        while not self.room():
            yield ROOM_DELAY
        scanned = self.scanned if self.enough() else max(self.scanned, self.of)
        hits, self.hits = self.hits, []
        while len(hits) > BATCH:
            self.tell(Report(hits[:BATCH], scanned, self.of, self.file, self.count))
            hits = hits[BATCH:]
        self.tell(Report(hits, scanned, max(scanned, self.of), self.file, self.count, done=True))
