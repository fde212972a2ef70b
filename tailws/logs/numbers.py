"""Line numbers: what `sed -n 17p` takes, counted only when somebody wants them, and once.

How many lines end before each STRIDE bytes of a file is kept with its facts, so a number costs the
count of one STRIDE at most. The live end goes on from there by adding up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator

from tailws.logs.archive import Archive
from tailws.logs.block import Place
from tailws.logs.document import STRIDE, Facts, Library, attached, document
from tailws.logs.pieces import Pause, read
from tailws.logs.segment import Segment
from tailws.logs.source import Source
from tailws.runtime.steps import Steps, Work

log = logging.getLogger(__name__)

#: Bytes counted in one step: some tenths of a millisecond.
STEP = 256 * 1024
#: Seconds that may be spent at once in one turn, so that a small log is numbered from its first
#: message on.
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
    """Counts up to the live ends of the sources that somebody reads, one after the other.

    From then on the numbers go along with the blocks that are read.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._waiting: dict[Source, Work[None]] = {}
        self._running: tuple[Source, Steps[None]] | None = None
        self._turn = -1  # of the loop, in which time was taken at once, and how much is left
        self._left = 0.0

    def want(self, source: Source) -> None:
        """Somebody reads this source: number its lines and place its files."""
        source.on_located = self._located
        end = source.end
        if end is not None and end.line and end.segment.base is not None:
            return
        if source in self._waiting or (self._running and self._running[0] is source):
            return
        work = self._count(source)
        if self._at_once(source, work):
            return
        self._waiting[source] = work
        self._next()

    def _at_once(self, source: Source, work: Work[None]) -> bool:
        """Whether it could be done in the time that is left in this turn."""
        if source.loop.turns != self._turn:
            self._turn, self._left = source.loop.turns, AT_ONCE
        began = time.perf_counter()
        try:
            while time.perf_counter() - began < self._left:
                if next(work) is not None:
                    break
        except StopIteration:
            return True
        except Exception as error:  # noqa: BLE001 (as Steps would tell it)
            self._say(source, error)
            return True
        finally:
            self._left -= time.perf_counter() - began
        return False

    def _next(self) -> None:
        while self._running is None and self._waiting:
            source = next(iter(self._waiting))
            work = self._waiting.pop(source)
            if not source.users:  # everybody has left since
                work.close()
                continue
            over = False

            def done(_: None) -> None:
                nonlocal over
                over, self._running = True, None
                self._next()

            def failed(error: Exception, source: Source = source) -> None:
                self._say(source, error)
                done(None)

            steps = Steps(source.loop, work, done, failed)
            if not over:
                self._running = (source, steps)
                return

    @staticmethod
    def _say(source: Source, error: Exception) -> None:
        if isinstance(error, OSError | LookupError):
            log.info("%s: its lines were not counted: %s", source.name, error)
        else:
            log.error("%s: counting its lines failed", source.name, exc_info=error)

    def forget(self, source: Source) -> None:
        """A source is no longer followed."""
        work = self._waiting.pop(source, None)
        if work is not None:
            work.close()
        if self._running is not None and self._running[0] is source:
            self._running[1].cancel()
            self._running = None
            self._next()

    def close(self) -> None:
        """Count no more."""
        while self._waiting:
            self._waiting.popitem()[1].close()
        if self._running is not None:
            self._running[1].cancel()
            self._running = None

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
