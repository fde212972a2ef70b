"""Places that are known by something else than a cursor: a time, a share, a number, a filter.

A time is found by halving a plain file, and by reading through an archive, which can be read from
its start only. That takes the lines to be in the order of their times, more or less, as logs are;
lines without a time belong to the one before them.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from datetime import tzinfo
from typing import Final

from msgspec import Struct

from tailws.logs.archive import Archive
from tailws.logs.chain import Chain
from tailws.logs.document import Document, Facts, Library, Part, Walk, document, index_of, opened
from tailws.logs.locate import Located, at_cursor
from tailws.logs.numbers import known_number, offset_of
from tailws.logs.pieces import Backward, Crowd, Forward, Pace, Pause, Piece, read
from tailws.logs.segment import Segment, live_end
from tailws.logs.source import Source
from tailws.text.lines import Codec
from tailws.text.match import Filter
from tailws.text.times import TimeFormat, detect

#: Bytes at the start of a file in which its time format is looked for.
SAMPLE: Final = 16 * 1024
#: Bytes read at each step of halving a file, and what is then read through line by line.
PROBE: Final = 8 * 1024
NEAR: Final = 64 * 1024
#: So many lines at the end of a piece may be late ones, which say nothing of those before them.
LATE: Final = 4
#: Bytes searched backwards for the first lines of a filtered subscription.
FILTERED_BACK: Final = 64 << 20


class Wanted(Struct, frozen=True):
    """What is looked for; one of them."""

    time: float | None = None
    """Seconds since the epoch: the first line at or after it."""
    fraction: float | None = None
    number: int | None = None
    cursor: str | None = None
    skip: int = 0
    filter: Filter | None = None


class Spot(Struct, frozen=True):
    """Where that is, and what is known of the line there. `exact`: it is what was asked for."""

    cursor: str
    exact: bool
    at: int
    number: int | None = None
    time: float | None = None
    oldest: str = ""


Where = tuple[int, int]
"""A part's index, and an offset in it."""


def locate(source: Source, library: Library, wanted: Wanted) -> Generator[Pause, None, Spot]:
    """The place before the line that is wanted; the source must be attached to.

    Raises BadCursor, OSError; LookupError when a cursor's place is not kept any more, or when
    there is no file.
    """
    whole = yield from document(source, library)
    if not whole.parts:
        raise LookupError
    exact, oldest = True, False
    with library.searching():
        if wanted.time is not None:
            where, exact, oldest = yield from _by_time(source, whole, wanted.time)
        elif wanted.fraction is not None:
            where = yield from _by_fraction(source, whole, wanted.fraction)
        elif wanted.number is not None:
            where, exact = yield from _by_number(source, whole, wanted.number)
        else:
            assert wanted.cursor is not None
            where, exact = yield from _by_skip(source, library, whole, wanted)
        return (yield from _spot(source, whole, where, exact, oldest))


def _spot(
    source: Source, whole: Document, where: Where, exact: bool, oldest: bool
) -> Generator[Pause, None, Spot]:
    """What is to be told of a place."""
    index, offset = where
    part = whole.parts[index]
    beginning = ""
    if oldest:
        with opened(source, whole.parts[0]) as segment:
            beginning = segment.place(whole.parts[0].start).cursor
    with opened(source, part) as segment:
        if isinstance(segment, Archive):  # unpacked up to there in steps, not at once
            yield from read(segment, max(0, offset - 64), min(64, offset))
        place = segment.place(offset)
        line = yield from read(segment, offset, 4096)
        form = yield from time_format(segment, part.facts)
        said = time_of(form, first_line(segment, line), source.zone) if line else None
        number = known_number(segment, part.facts, offset)
        return Spot(place.cursor, exact, part.at + offset - part.start, number, said, beginning)


def first_line(segment: Segment, data: bytes) -> bytes:
    """The first line of `data`, as UTF-8."""
    end = segment.codec.end_of_line(data) or len(data)
    return segment.codec.utf8(data[:end], False)


# -- by time


def time_format(segment: Segment, facts: Facts) -> Generator[Pause, None, TimeFormat | None]:
    """How a file writes times, from its first lines; looked for once."""
    if facts.form is None:
        sample = yield from read(segment, segment.start, SAMPLE)
        whole = sample[: segment.codec.end_of_lines(sample)]
        lines = segment.codec.utf8(whole, segment.start == 0).split(b"\n")[:200]
        facts.form = detect([line for line in lines if line])
    return facts.form


def first_time(source: Source, part: Part) -> Generator[Pause, None, float | None]:
    """The first time in a file, in seconds since the epoch; None: it writes none."""
    facts = part.facts
    if facts.first is None and part.size:
        with opened(source, part) as segment:
            form = yield from time_format(segment, facts)
            if form is not None:
                sample = yield from read(segment, part.start, SAMPLE)
                found = _first_timed(segment, form, sample, source.zone)
                facts.first = found[1] if found is not None else None
    return facts.first


def time_of(form: TimeFormat | None, line: bytes, zone: tzinfo) -> float | None:
    """When a line was written, in seconds since the epoch; None: it does not say."""
    return form.parse(line, time.time(), zone) if form is not None else None


def _first_timed(
    segment: Segment, form: TimeFormat, data: bytes, zone: tzinfo
) -> tuple[int, float] | None:
    """Where in `data` the first line with a time begins, and that time."""
    codec, at = segment.codec, 0
    while at < len(data):
        end = codec.end_of_line(data, at) or len(data)
        said = time_of(form, codec.utf8(data[at:end], False), zone)
        if said is not None:
            return at, said
        at = end
    return None


def by_time(source: Source, whole: Document, wanted: float) -> Generator[Pause, None, Where]:
    """The first line at or after a time (in seconds since the epoch), or the end of the log."""
    where, _, _ = yield from _by_time(source, whole, wanted)
    return where


def since(source: Source, library: Library, wanted: float) -> Generator[Pause, None, Located]:
    """The same, to follow the log from there; for `Subscription`."""
    spot = yield from locate(source, library, Wanted(time=wanted))
    return (yield from at_cursor(source.chain, spot.cursor))


def _by_time(
    source: Source, whole: Document, wanted: float
) -> Generator[Pause, None, tuple[Where, bool, bool]]:
    """The first line at or after a time; whether there is one, and whether the log is older."""
    index = len(whole.parts) - 1
    before = False
    while index >= 0:
        first = yield from first_time(source, whole.parts[index])
        if first is not None and first <= wanted:
            before = first <= wanted
            break
        index -= 1
        yield None
    if not before:
        return (0, whole.parts[0].start), False, True
    for number in range(index, len(whole.parts)):
        part = whole.parts[number]
        with opened(source, part) as segment:
            offset = yield from _time_in(segment, part, wanted, source.zone)
            whole.measure()
        if offset is not None:
            return (number, offset), True, False
    last = whole.parts[-1]
    return (len(whole.parts) - 1, last.end), False, False


def _time_in(
    segment: Segment, part: Part, wanted: float, zone: tzinfo
) -> Generator[Pause, None, int | None]:
    """The offset of the first line at or after a time in one file, or None."""
    form = yield from time_format(segment, part.facts)
    if form is None:
        return None
    start, stop = part.start, None if part.packed else part.end
    if stop is not None:
        start = yield from _halved(segment, form, start, stop, wanted, zone)
    pieces = Forward(segment, start, stop)
    while True:
        piece = yield from pieces.piece(NEAR)
        if piece is None:
            return None
        found = _at_or_after(segment, form, piece, wanted, zone)
        if found is not None:
            return found
        yield None


def _halved(
    segment: Segment, form: TimeFormat, low: int, high: int, wanted: float, zone: tzinfo
) -> Generator[Pause, None, int]:
    """A place before the line that is wanted, and not far before it."""
    unit = len(segment.codec.newline)
    while high - low > NEAR:
        middle = (low + high) // 2
        middle -= middle % unit
        at, size, found = middle, PROBE, None
        while found is None and at < high:
            data = yield from read(segment, at, min(size, high - at))
            head = segment.codec.end_of_line(data) if at == middle else 0
            if not data:
                break
            end = segment.codec.end_of_lines(data)
            if end > head:
                timed = _first_timed(segment, form, data[head:end], zone)
                if timed is not None:
                    found = at + head + timed[0], timed[1]
                    break
            at += end or len(data)
            size = min(size * 2, 1 << 20)
            yield None
        if found is None or found[1] >= wanted:
            high = middle
        else:
            low = found[0]
        yield None
    return low


def _at_or_after(
    segment: Segment, form: TimeFormat, piece: Piece, wanted: float, zone: tzinfo
) -> int | None:
    """The first line of a piece at or after a time; the last ones tell whether to look."""
    codec, data = segment.codec, piece.data
    unit = len(codec.newline)
    end, late = len(data), 0
    while end > 0:
        begin = codec.end_of_lines(data[: end - unit])
        said = time_of(form, codec.utf8(data[begin:end], False), zone)
        if said is not None:
            if said >= wanted:
                break
            late += 1
            if late == LATE:
                return None
        end = begin
    at = 0
    while at < end:
        stop = codec.end_of_line(data, at) or end
        said = time_of(form, codec.utf8(data[at:stop], False), zone)
        if said is not None and said >= wanted:
            return piece.offset + at
        at = stop
    return None


# -- by bytes, lines and filters


def _by_fraction(source: Source, whole: Document, fraction: float) -> Generator[Pause, None, Where]:
    """The first line behind that share of the bytes."""
    index, offset = whole.find(round(fraction * whole.size))
    part = whole.parts[index]
    if offset <= part.start or (offset >= part.end and not part.packed):
        return index, offset
    with opened(source, part) as segment:
        unit = len(segment.codec.newline)
        offset -= (offset - part.start) % unit
        while True:
            data = yield from read(segment, offset - unit, NEAR)
            end = segment.codec.end_of_line(data)
            if end:
                return index, min(offset - unit + end, segment.final or part.end)
            if len(data) <= unit:  # the guess of an archive's size was too large
                return index, segment.size if part.packed else part.end
            offset += len(data) - unit
            yield None


def _by_number(
    source: Source, whole: Document, number: int
) -> Generator[Pause, None, tuple[Where, bool]]:
    """A line of the live file, by its number; its end, if it has fewer."""
    index = len(whole.parts) - 1
    part = whole.parts[index]
    with opened(source, part) as segment:
        offset = yield from offset_of(segment, part.facts, number, part.end)
        if offset is None:
            return (index, part.end), False
        return (index, max(offset, part.start)), True


def _by_skip(
    source: Source, library: Library, whole: Document, wanted: Wanted
) -> Generator[Pause, None, tuple[Where, bool]]:
    """The line so many lines behind a cursor, of those that a filter shows."""
    assert wanted.cursor is not None
    start = yield from index_of(source, whole, wanted.cursor)
    skip = wanted.skip
    pace = Pace(library.crowd)
    pace.begin()
    records = wanted.filter is not None and wanted.filter.whole_records
    with closing(Walk(source, whole, start, None, records)) as walk:
        while True:
            piece = yield from walk.piece(pace.size)
            if piece is None:
                last = len(whole.parts) - 1
                return (last, whole.parts[last].end), False
            data, codec = piece.data, walk.segment.codec
            runs = [(0, len(data))]
            if wanted.filter is not None:
                runs = wanted.filter.select(data, codec)
            for low, high in runs:
                count = _lines_in(codec, data[low:high])
                if skip >= count:
                    skip -= count
                    continue
                at = low
                for _ in range(skip):
                    at = codec.end_of_line(data, at)
                return (whole.parts.index(walk.part), piece.offset + at), True
            if pace.spent(len(data)):
                yield None
                pace.begin()


def _lines_in(codec: Codec, data: bytes) -> int:
    """Lines in `data`; the last may lack its line feed."""
    return codec.count(data) + (not data.endswith(codec.newline))


def last_shown(chain: Chain, count: int, filter_: Filter) -> Generator[Pause, None, Located]:
    """Before the last `count` lines of the live file that a filter shows.

    It looks FILTERED_BACK bytes back, no farther: then there are fewer.
    """
    if not chain.segments:
        return Located(None)
    segment = chain.segments[-1]
    end = live_end(segment)
    back = max(segment.start, end - FILTERED_BACK)
    pieces = Backward(segment, end, back, filter_.whole_records)
    if pieces.start > segment.start:  # begin at a line
        pieces.start -= pieces.start % len(segment.codec.newline)
        data = yield from read(segment, pieces.start, NEAR)
        pieces.start += segment.codec.end_of_line(data)
    pace = Pace(Crowd())
    pace.begin()
    left, begin = count, end
    while left > 0:
        piece = yield from pieces.piece(pace.size)
        if piece is None:
            break
        for low, high in reversed(filter_.select(piece.data, segment.codec)):
            lines = _lines_in(segment.codec, piece.data[low:high])
            begin = piece.offset + low
            if lines >= left:
                begin += _last_lines(segment.codec, piece.data[low:high], left)
                left = 0
                break
            left -= lines
        if pace.spent(len(piece.data)):
            yield None
            pace.begin()
    return Located(segment.place(begin))


def _last_lines(codec: Codec, data: bytes, count: int) -> int:
    """Where the last `count` lines of whole lines begin."""
    at = len(data)
    for _ in range(count):
        at = codec.end_of_lines(data[: at - len(codec.newline)])
    return at
