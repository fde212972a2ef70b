"""Pages of a log before or after a place, through its rotated and compressed files.

A page lies within one file: where it ends short of what was asked, the next page goes on in the
file before (or after) it. Like everything that may have to wait for a disk or an archive, it is a
generator for `runtime.steps`.
"""

from __future__ import annotations

from collections.abc import Generator

from msgspec import Struct

from tailws.logs.archive import Archive
from tailws.logs.block import COLD, COLD_DELAY, OVER, Block, Later, Overwritten, Place
from tailws.logs.document import Document, Library, Part, document, index_of, learn_size
from tailws.logs.identity import ANCHOR
from tailws.logs.locate import lines_before
from tailws.logs.numbers import known_number
from tailws.logs.pieces import Backward, Forward, Pace, Piece, read
from tailws.logs.seek import Where, time_format, time_of
from tailws.logs.segment import Segment, live_end
from tailws.logs.source import Source
from tailws.text.lines import CUT_MARK
from tailws.text.match import Filter

#: Bytes of one page: a browser asks for the next one while it shows this.
PAGE_BYTES = 256 * 1024
#: Bytes searched for lines that a filter shows before an answer says how far it has come.
SEARCHED = 16 << 20
#: Bytes looked at in one step.
STEP = 256 * 1024


class Page(Struct):
    """Consecutive lines, and whether there is more in the direction that was asked for."""

    start: str
    end: str
    body: bytes | None
    more: bool
    hidden: int
    file: str
    at: int | None = None
    number: int | None = None
    time: float | None = None
    left: int | None = None
    """Bytes between the page and the place up to which it may go; None: there is no such place."""
    left_lines: int | None = None
    """The same in lines, where that is known without counting them."""


Paging = Generator[float | None, None, Page]


def page(
    source: Source,
    library: Library,
    cursor: str,
    lines: int,
    before: bool,
    filter_: Filter | None,
    until: str | None = None,
) -> Paging:
    """The page of up to `lines` lines before or after `cursor`, as if the log ended at `until`.

    Raises BadCursor, OSError; LookupError when one of the places is not kept any more.
    """
    whole = yield from document(source, library)
    index, offset = yield from index_of(source, whole, cursor)
    bound: Where | None = None
    if until is not None:
        bound = yield from index_of(source, whole, until)
        if bound >= (index, offset) if before else bound <= (index, offset):
            return Page(cursor, cursor, None, False, 0, whole.parts[index].name, left=0)
    look = _Look(source, library, whole, index, filter_, bound, before)
    try:
        yield from look.open()
        yield from look.step_back(offset) if before else look.step_on(offset)
        return (yield from look.back(lines) if before else look.on(lines))
    finally:
        look.close()


class _Look:
    """One request: the file that the page lies in, and where in it."""

    def __init__(
        self,
        source: Source,
        library: Library,
        whole: Document,
        index: int,
        filter_: Filter | None,
        bound: Where | None,
        before: bool,
    ) -> None:
        self._source = source
        self._library = library
        self._whole = whole
        self._index = index
        self._filter = filter_
        self._bound = bound
        self._before = before
        self._pace = Pace(library.crowd)
        self._segment: Segment | None = None
        self._offset = 0

    # -- which file

    @property
    def _part(self) -> Part:
        return self._whole.parts[self._index]

    @property
    def _is_last(self) -> bool:
        """Whether no file follows in the direction that was asked for."""
        end = 0 if self._before else len(self._whole.parts) - 1
        return self._index == (end if self._bound is None else self._bound[0])

    @property
    def _stop(self) -> int | None:
        """Where in this file the page has to end; None: at the end of the file."""
        return self._bound[1] if self._bound is not None and self._is_last else None

    @property
    def _floor(self) -> int:
        """How far back the page may go in this file."""
        stop = self._stop
        return self._part.start if stop is None else stop

    @property
    def segment(self) -> Segment:
        """The file that it is in."""
        assert self._segment is not None
        return self._segment

    def open(self) -> Generator[float | None, None, None]:
        """Open the file of this part, as all who page in it see it."""
        self.close()
        chain = self._source.chain
        segment = self._part.open(chain)
        if segment is None:
            raise LookupError(self._part.path)
        chain.hold(segment)
        self._segment = segment
        self._library.shelf.keep(segment, chain)
        if segment.lost and segment.final is None:
            try:
                chain.growth.retire(segment)
            except Overwritten:
                raise LookupError(self._part.path) from None
        yield None

    def close(self) -> None:
        """Let the file go."""
        if self._segment is not None:
            self._source.chain.release(self._segment)
            self._segment = None

    def _end(self) -> Generator[float | None, None, int]:
        """Where the lines of the file end: of one that is final, the unfinished one included."""
        segment, stop = self.segment, self._stop
        if stop is not None and not self._before:
            return stop
        if isinstance(segment, Archive):
            while not (segment.complete or self._part.facts.exact):
                segment.to_end()
                yield None
            if segment.complete:
                learn_size(self._part, segment)
            return self._part.end
        return segment.final if segment.final is not None else live_end(segment)

    def step_back(self, offset: int) -> Generator[float | None, None, None]:
        """Stand before `offset`, or at the end of the file before if there is nothing before it."""
        while offset <= self._floor and not self._is_last:
            self._index -= 1
            yield from self.open()
            offset = yield from self._end()
        self._offset = offset

    def step_on(self, offset: int) -> Generator[float | None, None, None]:
        """Stand behind `offset`, or at the start of the file that follows."""
        while not self._is_last and offset >= (yield from self._end()):
            self._index += 1
            yield from self.open()
            offset = self._part.start
        self._offset = offset

    def _place(self, offset: int) -> Generator[float | None, None, Place]:
        """The place there; in an archive, unpacked up to it in steps."""
        yield from read(self.segment, max(0, offset - ANCHOR), min(ANCHOR, offset))
        return self.segment.place(offset)

    # -- the page

    def back(self, lines: int) -> Paging:
        """Up to `lines` lines before."""
        end = yield from self._place(self._offset)
        if self._filter is None:
            start, body = yield from self._lines_back(end, lines)
            hidden = 0
        else:
            start, body, hidden = yield from self._shown_back(end, lines, self._filter)
        more = start.offset > self._floor or not self._is_last
        return (yield from self._made(start, end, body, hidden, more))

    def _lines_back(
        self, end: Place, lines: int
    ) -> Generator[float | None, None, tuple[Place, bytes]]:
        segment = self.segment
        first, _ = yield from lines_before(segment, end.offset, lines)
        first = max(first, self._floor)
        if first < end.offset - PAGE_BYTES:
            first = yield from _line_start(segment, end.offset - PAGE_BYTES, end.offset)
            if first == end.offset:  # one line that is longer than a page
                first, _ = yield from lines_before(segment, end.offset, 1)
        start = at = segment.place(first)
        bodies: list[bytes] = []
        while at.offset < end.offset:
            block = yield from _read(self._source, at, end.offset)
            if not isinstance(block, Block):
                break
            bodies.append(block.body + b"\n")
            at = block.end
        return start, b"".join(bodies)

    def _shown_back(
        self, end: Place, lines: int, filter_: Filter
    ) -> Generator[float | None, None, tuple[Place, bytes, int]]:
        pieces = Backward(self.segment, end.offset, self._floor, filter_.whole_records)
        bodies: list[bytes] = []
        shown = hidden = 0
        first = end.offset
        with self._library.searching():
            self._pace.begin()
            while shown < lines and end.offset - first < SEARCHED:
                piece = yield from pieces.piece(min(self._pace.size, STEP))
                if piece is None:
                    break
                taken = filter_.take(_text(self.segment, piece))
                bodies.append(taken.text)
                shown, hidden = shown + taken.shown, hidden + taken.hidden
                first = piece.offset
                if self._pace.spent(len(piece.data)):
                    yield None
                    self._pace.begin()
        start = yield from self._place(first)
        return start, b"".join(reversed(bodies)), hidden

    def on(self, lines: int) -> Paging:
        """Up to `lines` lines behind."""
        start = yield from self._place(self._offset)
        if self._filter is None:
            end, body, more = yield from self._lines_on(start, lines)
            hidden = 0
        else:
            end, body, hidden, more = yield from self._shown_on(start, lines, self._filter)
        more = more or not self._is_last
        return (yield from self._made(start, end, body, hidden, more))

    def _lines_on(
        self, start: Place, lines: int
    ) -> Generator[float | None, None, tuple[Place, bytes, bool]]:
        at, stop = start, self._stop
        bodies: list[bytes] = []
        count = size = 0
        while count < lines and size < PAGE_BYTES:
            if stop is not None and at.offset >= stop:
                return at, b"".join(bodies), False
            block = yield from _read(self._source, at, stop)
            if not isinstance(block, Block):
                return at, b"".join(bodies), False
            some, body, cut = _cut(block, lines - count)
            bodies.append(body)
            count += some
            size += len(body)
            if cut is not None:
                return self.segment.place(cut), b"".join(bodies), True
            at = block.end
            yield None
        return at, b"".join(bodies), stop is None or at.offset < stop

    def _shown_on(
        self, start: Place, lines: int, filter_: Filter
    ) -> Generator[float | None, None, tuple[Place, bytes, int, bool]]:
        end = self._stop
        if end is None and not self._part.packed:
            end = yield from self._end()
        pieces = Forward(self.segment, start.offset, end, filter_.whole_records)
        bodies: list[bytes] = []
        shown = hidden = 0
        with self._library.searching():
            self._pace.begin()
            while shown < lines and pieces.offset - start.offset < SEARCHED:
                piece = yield from pieces.piece(min(self._pace.size, STEP))
                if piece is None:
                    place = yield from self._place(pieces.offset)
                    return place, b"".join(bodies), hidden, False
                taken = filter_.take(_text(self.segment, piece))
                bodies.append(taken.text)
                shown, hidden = shown + taken.shown, hidden + taken.hidden
                if self._pace.spent(len(piece.data)):
                    yield None
                    self._pace.begin()
        place = yield from self._place(pieces.offset)
        return place, b"".join(bodies), hidden, True

    def _made(self, start: Place, end: Place, body: bytes, hidden: int, more: bool) -> Paging:
        segment, part = self.segment, self._part
        text = body.removesuffix(b"\n") if body else None
        found = Page(start.cursor, end.cursor, text, more, hidden, part.name)
        found.at = part.at + start.offset - part.start
        if self._filter is None:
            found.number = known_number(segment, part.facts, start.offset)
        self._measure(found, (start if self._before else end).offset)
        if body:
            form = yield from time_format(segment, part.facts)
            found.time = time_of(form, body[: body.index(b"\n")], self._source.zone)
        return found

    def _measure(self, found: Page, offset: int) -> None:
        """How much is left between the page, which ends at `offset`, and its bound."""
        if self._bound is None:
            return
        part, (index, stop) = self._part, self._bound
        other = self._whole.parts[index]
        there = other.at + stop - other.start
        found.left = abs(there - (part.at + offset - part.start))
        low, high = sorted((self._index, index))
        if not found.left and all(part.facts.exact for part in self._whole.parts[low:high]):
            found.more = False  # the border of two files is one place
        if other is part and self._filter is None:
            here, end = (known_number(self.segment, part.facts, at) for at in (offset, stop))
            if here is not None and end is not None:
                found.left_lines = abs(end - here)


def _text(segment: Segment, piece: Piece) -> bytes:
    """A piece as UTF-8, with a mark where a line was too long to be looked at."""
    text = segment.codec.utf8(piece.data, piece.offset == 0)
    length = piece.end - piece.offset
    if len(piece.data) == length:
        return text if text.endswith(b"\n") else text + b"\n"
    last = text.rfind(b"\n") + 1
    size = length - len(segment.codec.newline) - len(piece.data) + len(text) - last
    return text + CUT_MARK.format(size).encode() + b"\n"


def _read(
    source: Source, place: Place, stop: int | None
) -> Generator[float | None, None, Block | Later]:
    """One block, waiting for the disk; OVER where the file was overwritten meanwhile."""
    segment, reading = place.segment, source.reading
    while True:
        try:
            block = segment.block(place, reading.block_bytes, reading.line_bytes, stop)
        except Overwritten:
            return OVER
        if block is not COLD:
            return block
        yield COLD_DELAY if not isinstance(segment, Archive) else None


def _line_start(segment: Segment, offset: int, stop: int) -> Generator[float | None, None, int]:
    """The first place behind a line feed at or after `offset`, `stop` at the latest."""
    codec = segment.codec
    offset -= offset % len(codec.newline)
    while offset < stop:
        data = segment.read(offset, min(STEP, stop - offset))
        if data is COLD:
            yield COLD_DELAY if not isinstance(segment, Archive) else None
            continue
        assert isinstance(data, bytes)
        end = codec.end_of_line(data)
        if end:
            return min(offset + end, stop)
        if not data:
            break
        offset += len(data)
    return stop


def _cut(block: Block, room: int) -> tuple[int, bytes, int | None]:
    """What a page takes of a block: how many lines, their text, the offset where it was cut."""
    body = block.body + b"\n"
    count = block.count
    if count <= room or not block.is_plain:
        return count, body, None
    end = -1
    for _ in range(room):
        end = body.index(b"\n", end + 1)
    return room, body[: end + 1], block.start.offset + end + 1
