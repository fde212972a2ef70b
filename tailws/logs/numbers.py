"""Line numbers: what `sed -n 17p` takes, counted only when somebody wants them, and once.

How many lines end before each STRIDE bytes of a file is kept with its facts, so a number costs the
count of one STRIDE at most. The live end goes on from there by adding up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator

from tailws.logs.archive import Archive
from tailws.logs.document import STRIDE, Facts, Library, attached, document
from tailws.logs.pieces import Pause, read
from tailws.logs.segment import Place, Segment
from tailws.logs.source import Source
from tailws.runtime.steps import Steps

log = logging.getLogger(__name__)

#: Bytes counted in one step: some tenths of a millisecond.
STEP = 256 * 1024
#: Seconds that may be spent at once, so that a small log is numbered from its first message on.
AT_ONCE = 0.003


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


class Numbering:
    """Counts up to the live ends of the sources that somebody reads, each once, in the background.

    From then on the numbers go along with the blocks that are read.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._running: dict[Source, Steps[None]] = {}

    def want(self, source: Source) -> None:
        """Somebody reads this source: number its lines and place its files."""
        source.on_located = self._located
        end = source.end
        if source in self._running or (end and end.line and end.segment.base is not None):
            return
        work = self._count(source)
        until = time.perf_counter() + AT_ONCE
        try:
            while time.perf_counter() < until:
                if next(work) is not None:
                    break
        except StopIteration:
            return
        except (OSError, LookupError) as error:
            self._failed(source, error)
            return
        self._running[source] = Steps(
            source.loop,
            work,
            lambda _: self._forget(source),
            lambda error: self._failed(source, error),
        )

    def close(self) -> None:
        """Count no more."""
        while self._running:
            self._running.popitem()[1].cancel()

    def forget(self, source: Source) -> None:
        """A source is no longer followed."""
        steps = self._running.pop(source, None)
        if steps is not None:
            steps.cancel()

    def _forget(self, source: Source) -> None:
        self._running.pop(source, None)

    def _failed(self, source: Source, error: Exception) -> None:
        self._forget(source)
        if isinstance(error, OSError | LookupError):
            log.info("%s: its lines were not counted: %s", source.name, error)
        else:
            log.error("%s: counting its lines failed", source.name, exc_info=error)

    def _count(self, source: Source) -> Generator[Pause, None, None]:
        with attached(source):
            yield from document(source, self._library)
            while True:
                end = source.end
                if end is None or isinstance(end.segment, Archive):
                    return
                facts = self._library.facts_of(end.segment)
                yield from count_on(end.segment, facts, end.offset)
                now = source.end
                if now is None or now.segment is not end.segment:
                    continue
                number = known_number(now.segment, facts, now.offset)
                if number is not None:
                    now.line = number
                    return
                if facts.counted < end.offset:
                    return  # it was truncated
                yield None

    def _located(self, place: Place) -> None:
        """Number a place where somebody begins to read, if that is known."""
        if not place.line and not isinstance(place.segment, Archive):
            facts = self._library.facts_of(place.segment)
            place.line = known_number(place.segment, facts, place.offset) or 0
