"""Pages of a log before or after a place, through its rotated and compressed files.

A page lies within one file: where it ends short of what was asked, the next page goes on in the
file before (or after) it. Like everything that may have to wait for a disk or an archive, it is a
generator for `runtime.steps`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from tailws.logs.archive import Archive
from tailws.logs.chain import Chain
from tailws.logs.document import Shelf
from tailws.logs.locate import at_cursor, lines_before
from tailws.logs.segment import COLD, END, OVER, Block, Later, Link, Overwritten, Place, Segment
from tailws.logs.source import COLD_DELAY, Source, live_end
from tailws.text.match import Filter

#: Bytes of one page: a browser asks for the next one while it shows this.
PAGE_BYTES = 256 * 1024
#: Bytes searched for lines that a filter shows before an answer says how far it has come.
SEARCHED = 16 << 20
#: Bytes looked at in one step.
STEP = 256 * 1024


@dataclass(slots=True)
class Page:
    """Consecutive lines, and whether there is more in the direction that was asked for."""

    start: str
    end: str
    body: bytes | None
    more: bool
    hidden: int
    file: str


Paging = Generator[float | None, None, Page]


def page(
    source: Source, shelf: Shelf, cursor: str, lines: int, before: bool, filter_: Filter | None
) -> Paging:
    """The page of up to `lines` lines before or after `cursor`.

    Raises BadCursor, OSError; LookupError when the place is not kept any more.
    """
    chain = source.chain
    located = yield from at_cursor(chain, cursor)
    place = located.place
    if place is None or located.gap is not None:
        raise LookupError
    held = [place.segment]
    chain.hold(place.segment)
    try:
        if not before:
            return (yield from _after(source, place, lines, filter_))
        while place.offset <= place.segment.start:
            shelf.keep(place.segment, chain)
            earlier = _before(chain, place.segment)
            if earlier is None:
                return Page(place.cursor, place.cursor, None, False, 0, place.segment.path)
            chain.hold(earlier)
            held.append(earlier)
            place = earlier.place((yield from _end_of(earlier)))
        shelf.keep(place.segment, chain)
        return (yield from _back(source, place, lines, filter_))
    finally:
        for segment in held:
            chain.release(segment)


def _before(chain: Chain, segment: Segment) -> Segment | None:
    """The segment before `segment`, linked to it."""
    for earlier, later in zip(chain.segments, chain.segments[1:], strict=False):
        if later is segment:
            return earlier
    for sibling in reversed(chain.before(segment)):
        earlier_ = chain.open(sibling)
        if earlier_ is not None:
            if earlier_.link is None:
                earlier_.link = Link(segment, "rotated")
            return earlier_
    return None


def _end_of(segment: Segment) -> Generator[float | None, None, int]:
    """Where the lines of a rotated segment end, its last one without a line feed included."""
    if isinstance(segment, Archive):
        while not segment.to_end():
            yield None
        return segment.size
    if segment.final is not None:
        return segment.final
    return segment.written_end() if segment.lost else live_end(segment)


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


def _back(source: Source, place: Place, lines: int, filter_: Filter | None) -> Paging:
    """Up to `lines` lines before `place`, in its segment."""
    segment = place.segment
    end = place
    found: list[bytes] = []
    shown = hidden = 0
    searched = 0
    while shown < lines and place.offset > segment.start and searched < SEARCHED:
        want = lines - shown if filter_ is None else lines
        start, _ = yield from lines_before(segment, place.offset, want)
        first = max(start, place.offset - (PAGE_BYTES if filter_ is None else STEP))
        if first > start:
            first = yield from _line_start(segment, first, place.offset)
        at = segment.place(first)
        bodies: list[bytes] = []
        while at.offset < place.offset:
            block = yield from _read(source, at, place.offset)
            if not isinstance(block, Block):
                break
            body = block.body + b"\n"
            if filter_ is not None:
                taken = filter_.take(body)
                body, count = taken.text, taken.shown
                hidden += taken.hidden
            else:
                count = block.count
            shown += count
            bodies.append(body)
            at = block.end
        searched += place.offset - first
        found[:0] = bodies
        place = segment.place(first)
        if filter_ is None:
            break
        yield None
    body = b"".join(found)
    more = place.offset > segment.start or _before(source.chain, segment) is not None
    return Page(place.cursor, end.cursor, body[:-1] if body else None, more, hidden, segment.path)


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


def _after(source: Source, place: Place, lines: int, filter_: Filter | None) -> Paging:
    """Up to `lines` lines after `place`, in its segment or the one that follows it."""
    start = place
    bodies: list[bytes] = []
    shown = hidden = size = 0
    searched = 0
    more = True
    while shown < lines and size < PAGE_BYTES and searched < SEARCHED:
        block = yield from _read(source, place, None)
        if block is END and source.chain.retire(place.segment):
            continue  # a rotated file that nobody writes to any more
        if block is OVER and place.segment.link is not None and not bodies:
            following = place.segment.link.next
            place = following.place(following.start)
            start = place if not searched else start
            continue
        if not isinstance(block, Block):
            more = place.segment.link is not None
            break
        taken, body = _cut(block, lines - shown, filter_)
        shown += taken[0]
        hidden += taken[1]
        size += len(body)
        searched += block.end.offset - block.start.offset
        if body:
            bodies.append(body)
        if taken[2] is not None:
            place = place.segment.place(taken[2])
            break
        place = block.end
        yield None
    text = b"".join(bodies)
    return Page(
        start.cursor, place.cursor, text[:-1] if text else None, more, hidden, place.segment.path
    )


def _cut(
    block: Block, room: int, filter_: Filter | None
) -> tuple[tuple[int, int, int | None], bytes]:
    """What a page takes of a block: (shown, hidden, offset where it was cut), and its text."""
    body = block.body + b"\n"
    if filter_ is not None:
        taken = filter_.take(body)
        return (taken.shown, taken.hidden, None), taken.text
    count = block.count
    plain = len(block.body) + 1 == block.end.offset - block.start.offset
    if count <= room or not plain:
        return (count, 0, None), body
    end = -1
    for _ in range(room):
        end = body.index(b"\n", end + 1)
    return (room, 0, block.start.offset + end + 1), body[: end + 1]
