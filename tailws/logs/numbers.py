"""Line numbers: what `sed -n 17p` takes, counted only when somebody wants them, and once.

How many lines end before each STRIDE bytes of a file is kept with its facts, so a number costs the
count of one STRIDE at most. The live end goes on from there by adding up.
"""

from __future__ import annotations

from collections.abc import Generator

from tailws.logs.archive import Archive
from tailws.logs.document import STRIDE, Facts
from tailws.logs.pieces import Pause, read
from tailws.logs.segment import Segment

#: Bytes counted in one step: some tenths of a millisecond.
STEP = 256 * 1024


def count_on(segment: Segment, facts: Facts, offset: int) -> Generator[Pause, None, bool]:
    """Count up to `offset`, as far as the file goes, a STEP a turn; False: the file is shorter."""
    while facts.counted < offset:
        at = facts.counted
        boundary = len(facts.lines) * STRIDE
        data = yield from read(segment, at, min(STEP, offset - at, boundary - at))
        if not data:
            return False
        data = data[: len(data) - len(data) % len(segment.codec.newline)] or data
        facts.lines_counted += segment.codec.count(data)
        facts.counted = at + len(data)
        if facts.counted == boundary:
            facts.lines.append(facts.lines_counted)
        yield None
    return True


def number_at(segment: Segment, facts: Facts, offset: int) -> Generator[Pause, None, int | None]:
    """The number of the line that begins at `offset`, counting all that has not been counted."""
    if not (yield from count_on(segment, facts, offset)):
        return None
    return known_number(segment, facts, offset)


def known_number(segment: Segment, facts: Facts, offset: int) -> int | None:
    """The number of the line that begins at `offset`; None: it would take long to count."""
    if facts.counted == offset:
        return facts.lines_counted + 1
    index = offset // STRIDE
    if facts.counted < offset:
        if isinstance(segment, Archive) or offset - facts.counted > STRIDE:
            return None
        start, lines = facts.counted, facts.lines_counted
    else:
        start, lines = index * STRIDE, facts.lines[index]
    data = segment.read(start, offset - start) if offset > start else b""
    if not isinstance(data, bytes) or len(data) < offset - start:
        return None
    return lines + segment.codec.count(data) + 1


def offset_of(
    segment: Segment, facts: Facts, number: int, end: int
) -> Generator[Pause, None, int | None]:
    """Where the line of that number begins; None: there are fewer before `end`."""
    while facts.lines_counted < number - 1 and facts.counted < end:
        if not (yield from count_on(segment, facts, min(end, facts.counted + STEP))):
            return None
    if facts.lines_counted < number - 1:
        return None
    index = max(i for i, lines in enumerate(facts.lines) if lines < max(1, number))
    left = number - 1 - facts.lines[index]
    at = index * STRIDE
    while left > 0:
        data = yield from read(segment, at, STEP)
        if not data:
            return None
        count = segment.codec.count(data)
        if count >= left:
            place = 0
            for _ in range(left):
                place = segment.codec.end_of_line(data, place)
            at += place
            break
        left -= count
        at += len(data)
        yield None
    return at if at < end else None
