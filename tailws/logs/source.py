"""One followed log: its live end, the window of recent blocks, and who waits for more.

    hint (inotify, a look by the clock)
      -> `wake`, at the pace that `tailws.logs.pace` sets
      -> the first of those who wait pulls: one block is read at the live end into the window
      -> the others find it there, encoded already

Nothing is read that nobody asked for. A subscriber that falls out of the window reads the file by
itself (`read`), up to the window's first place, where it joins again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, tzinfo

from msgspec import Struct

from tailws.logs.archive import Archive
from tailws.logs.audience import Audience
from tailws.logs.block import (
    COLD,
    COLD_DELAY,
    END,
    ITEM_BYTES,
    OVER,
    Block,
    Crossing,
    Gap,
    Later,
    Overwritten,
    Place,
    Step,
)
from tailws.logs.chain import Chain
from tailws.logs.pace import Pace
from tailws.logs.segment import Link, Segment, live_end
from tailws.logs.window import Window
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.watch import Watch
from tailws.text.times import TimeFormat

log = logging.getLogger(__name__)

#: Seconds between looks at a rotated file that may still be written to.
DRAIN_PAUSE = 0.1


class Reading(Struct, frozen=True):
    """How much is read and kept; `tailws.config` has the reasons."""

    block_bytes: int = 64 << 10
    line_bytes: int = 512 << 10
    window: float = 0.05
    window_blocks: int = 64
    window_bytes: int = 260 << 10

    @property
    def backlog_bytes(self) -> int:
        """Read at once where more was there than one block: nearly two, for a third of what a block
        takes is the same whatever its size. 126 KiB by default: from 128 on malloc(3) maps new
        pages for each."""
        return 2 * self.block_bytes - self.block_bytes // 32


class Source:
    """Owns the chain of segments of one log, its window, its watch and the list of waiters."""

    __slots__ = (
        "_drain_timer",
        "_pace",
        "_rest",
        "_size",
        "_subscribers",
        "_trouble",
        "_waiting",
        "_window",
        "audience",
        "bytes",
        "chain",
        "dry",
        "format",
        "from_start",
        "gaps",
        "lines",
        "loop",
        "name",
        "on_change",
        "on_located",
        "reading",
        "resumes",
        "time_format",
        "zone",
        "zone_name",
    )

    def __init__(
        self,
        name: str,
        chain: Chain,
        loop: Loop,
        watch: Watch,
        reading: Reading | None = None,
        from_start: bool = False,
    ) -> None:
        self.name = name
        self.chain = chain
        self.reading = reading or Reading()
        self.zone: tzinfo = UTC  # of times in it that name none
        self.time_format: TimeFormat | None = None  # where the config says so
        self.zone_name = ""  # the same for pages, where it is not the machine's
        self.format = ""  # how its lines are built, where the config says so
        self.from_start = from_start  # it appeared while we were running: nothing may be skipped
        self._subscribers: dict[Callable[[str], None], None] = {}
        self.lines = 0  # read at the live end, since the start
        self.bytes = 0
        self.resumes = 0  # subscriptions that began after a cursor
        self.gaps: Counter[str] = Counter()  # told to subscribers, by reason
        self.loop = loop
        self._pace = Pace(self, loop, watch, self.reading.window)
        self._window = Window()
        self._size = 0  # bytes that the next block at the live end may have; 0: as others
        self._waiting: dict[Callable[[], None], None] = {}
        self.audience = Audience()  # who stands at the live end, and need not be woken
        self.dry = -1  # number of the item that is not there until the next wake; -1: it may be
        self._drain_timer: Timer | None = None
        self._trouble = ""
        self._rest: Place | None = None  # the live end, if nothing was left to do at the last look
        #: The first subscriber came or the last one left, reading fails or works again.
        self.on_change: Callable[[], None] | None = None
        self.on_located: Callable[[Place], None] | None = None  # to number its line, if known

    def configure(self, reading: Reading) -> None:
        """Go on with these bounds."""
        self.reading = reading
        self._pace.window = reading.window

    # -- subscribers

    @property
    def path(self) -> str:
        return self.chain.path

    @property
    def newest(self) -> Segment | None:
        """What is written to, as far as is known."""
        return self.chain.newest

    @property
    def end(self) -> Place | None:
        """Up to here the live end has been read; None: there was no file yet."""
        return self.chain.end

    @property
    def state(self) -> str:
        return "unreadable" if self._trouble else self.chain.state

    @property
    def reason(self) -> str:
        return self._trouble or self.chain.reason

    @property
    def watched(self) -> bool:
        """Whether a write is seen by itself."""
        return self._pace.is_sure

    def attach(self, tell: Callable[[str], None]) -> None:
        """One subscriber more; the first one opens the file. It gets the state of this moment.

        `tell` is called with what happens to the file besides its lines.
        """
        self._subscribers[tell] = None
        self.look()
        if len(self._subscribers) == 1 and self.on_change is not None:
            self.on_change()

    def detach(self, tell: Callable[[str], None]) -> None:
        """One less; the last one closes all."""
        if self._subscribers.pop(tell, 1) is None and not self._subscribers:
            self.close()
            if self.on_change is not None:
                self.on_change()

    @property
    def users(self) -> int:
        """Subscribers; without one, nothing is open and nothing is read."""
        return len(self._subscribers)

    def close(self) -> None:
        """Release descriptors, watch and timers; readers that hold a segment keep theirs."""
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        self._drain_timer = None
        self._pace.close()
        self._clear_window()
        self._waiting.clear()
        self.chain.end = None
        self._rest = None
        self.chain.close()

    def _begin(self) -> None:
        """Set the live end when the first file is there."""
        if self.chain.end is None and self.chain.segments:
            first = self.chain.segments[0]
            try:
                if self.from_start:
                    first.begun = first.identity.birth or first.begun
                at = first.start or self.chain.first_start(first)
                if not self.from_start:
                    at = live_end(first)
                self.chain.end = first.place(at)
            except OSError as error:
                self._set_trouble(error)
                return
            self._pace.rewatch()

    # -- hints

    def look(self) -> bool:
        """Look at the name and the file, by the clock or because the directory changed. False: all
        is as it was, as with thousands of idle files each time."""
        chain = self.chain
        if not self._subscribers:
            return chain.see()
        changed = chain.look()
        if not changed and self._rest is not None:
            return False
        chain.let_go()
        for event in chain.news:
            for tell in list(self._subscribers):
                tell(event)
        chain.news.clear()
        if self.chain.end is None:
            # Whoever waits for a file that was not there gets all of it.
            self.from_start = self.from_start or bool(self._waiting)
            self._begin()
        self._pace.rewatch()
        if chain.shrunk:
            self._shrunk()
        if changed:
            self._check_end()
        self._rest = self.chain.end if self._is_at_rest else None
        if self._rest is None and (changed or self._trouble or self._is_unfilled):
            self._pace.hint()
        return True

    def is_silent(self) -> bool:
        """Whether it needs no look as long as its name shows the same file: nobody reads it, or
        nothing was left to do and it has the size that it had then. A tenth of a look's cost."""
        rest = self._rest
        if rest is None:
            return not self._subscribers
        fd = rest.segment.fd
        try:
            return fd >= 0 and os.lseek(fd, 0, os.SEEK_END) == rest.offset
        except OSError:
            return False

    @property
    def _is_at_rest(self) -> bool:
        """Nothing is left to do until something changes."""
        end, chain = self.chain.end, self.chain
        return (
            end is not None
            and end.segment is chain.newest
            and end.offset == end.segment.size
            and self.watched
            and not (self._trouble or chain.shrunk or chain.holds_old)
        )

    @property
    def _is_unfilled(self) -> bool:
        """Behind the live end there is something that is no line yet. A writer that has the file
        mapped fills it in without a trace: mmap(2) promises a new time only with msync(2)."""
        end = self.chain.end
        return (
            end is not None and end.segment is self.chain.newest and (end.offset < end.segment.size)
        )

    def _check_end(self) -> None:
        """A file may have been cut before it lost its name. Whoever comes with a cursor now must
        find it as it is."""
        end = self.chain.end
        if end is None or end.segment.final is not None:
            return
        try:
            if not end.offset and self.chain.copied(end):
                self._pace.rewatch()
                return
            if not end.segment.lost:
                return
            if end.segment.is_cut or not end.segment.proves_place(end):
                self._begin_again(end)
        except OSError:
            return  # the reader at the live end will see, and say so

    def _shrunk(self) -> None:
        """The file is smaller than it was: what was there and not read is lost or copied."""
        newest = self.chain.newest
        if newest is None or newest.final is not None:
            return
        place = self.chain.end
        try:
            if place is None or place.segment is not newest:
                place = newest.place(newest.start)
            self._begin_again(place)
        except OSError as error:
            self._set_trouble(error)

    def wait(self, wake: Callable[[], None]) -> None:
        """Call `wake` once when there may be more."""
        self._waiting[wake] = None

    def unwait(self, wake: Callable[[], None]) -> None:
        self._waiting.pop(wake, None)

    def _feed(self) -> None:
        """Read for the audience: one block a turn, so that others have theirs.

        Only what a growing file adds is handed out; whoever crosses to another file comes for it.
        """
        if not self.audience.views:
            return
        end = self.chain.end
        if (
            end is None
            or not end.offset
            or end.segment.lost
            or end.segment is not self.chain.segments[-1]
        ):
            self._disband()
        elif isinstance(self._pull(), Step) and self.dry < 0:
            self.loop.defer(self._feed)

    def _disband(self) -> None:
        if self.chain.end is not None:
            self.audience.disband(self.chain.end, self.next_number)

    def has_more(self) -> bool:
        """Whether the newest file has grown, or another one follows."""
        end = self.chain.end
        if end is None:
            return False
        segment = end.segment
        if segment is not self.chain.segments[-1]:
            return True
        try:
            size = os.lseek(segment.reopen(), 0, os.SEEK_END)
        except OSError:
            return True
        segment.size = max(segment.size, size)
        return size != max(end.offset, end.scanned)

    def _drain_later(self) -> None:
        """A rotated file may still be written to, and nothing hints at it any more."""
        if self._drain_timer is None:
            self._drain_timer = self.loop.call_later(DRAIN_PAUSE, self._drain)

    def _drain(self) -> None:
        self._drain_timer = None
        self._pace.hint()

    # -- the live end

    @property
    def next_number(self) -> int:
        """The number that the next item at the live end will have."""
        return self._window.next

    @property
    def meeting(self) -> Place | None:
        """Where a reader on its own joins: the window's first place, or the live end."""
        return self._window.start or self.chain.end

    @property
    def meeting_number(self) -> int:
        return self._window.first

    def item(self, number: int) -> Step | Later | None:
        """Item `number` of the window, reading the next one if it is the live end's turn.

        None: it has left the window; go on by `read`.
        """
        step = self._window.get(number)
        if step is not None:
            return step
        if number < self._window.first:
            return None
        if number == self.dry:
            return END  # what is written later is for the next wake, in one block for all
        return self._pull()

    def _pull(self) -> Step | Later:
        start = self.chain.end
        if start is None:
            return END
        step = self.read(start, size=self._size)
        if not isinstance(step, Step):
            if step is END:
                self.dry = self.next_number
            return step
        item, place = step.item, step.place
        if not isinstance(item, Block):  # what comes next is in another file, or after a gap
            self._disband()
            self._move_end(place)
            self._keep(start, step)
            return step
        self.chain.end = place
        self._rest = None
        item.read_at = time.time_ns() // 1_000_000
        self.lines += item.count
        self.bytes += place.offset - start.offset
        self.chain.growth.grew(start.segment)
        self._keep(start, step)
        self._size = self.reading.backlog_bytes if item.more else 0
        following = self._window.next
        if not item.more and not start.segment.lost:
            self.dry = following
        if self.audience.views:
            self.audience.take(item, start, following - 1)
        return step

    def _keep(self, start: Place, step: Step) -> None:
        reading = self.reading
        self._window.add(start, step, reading.window_blocks, reading.window_bytes)

    def _clear_window(self) -> None:
        self._disband()
        self._window.clear()

    def _move_end(self, place: Place) -> None:
        self.chain.end = place
        self._rest = None
        segments = self.chain.segments
        while segments and segments[0] is not place.segment and place.segment in segments:
            self.chain.drop_first()

    def after(self, place: Place) -> int:
        """Bytes of the log behind a place, as far as its files are open."""
        segment: Segment | None = place.segment
        count = -place.offset
        while segment is not None:
            if segment.final is not None:
                count += segment.final
            elif segment.fd >= 0:
                count += segment.fstat().st_size
            segment = segment.link.next if segment.link is not None else None
        return max(0, count)

    def overtake(self, place: Place) -> None:
        """A reader stands at the end of what is written, before the live end: it moves there."""
        end = self.chain.end
        if end is None or place.segment not in self.chain.segments:
            return
        if place.segment is end.segment and place.offset <= end.offset:
            return
        self._clear_window()
        self._move_end(place)

    # -- reading

    def read(self, place: Place, stop: int | None = None, size: int = 0) -> Step | Later:
        """What follows `place` (up to offset `stop`; `size` bytes, or a block), or why there is
        nothing now."""
        segment = place.segment
        reading = self.reading
        try:
            if not place.offset and self.chain.copied(place):
                return self._cross(place)
            item = segment.block(place, size or reading.block_bytes, reading.line_bytes, stop)
            if item is END and segment.lost and stop is None:
                if self.chain.growth.retire(segment):
                    item = segment.block(place, reading.block_bytes, reading.line_bytes)
                else:
                    self._drain_later()
            if isinstance(item, Block) and not place.offset and self.chain.copied(place):
                return self._cross(place)  # since we looked, and so it may be of what came then
        except Overwritten:
            return self._overwritten(place)
        except OSError as error:
            return self._unreadable(place, error)
        if self._trouble:
            self._set_trouble(None)
        if isinstance(item, Block):
            return Step(item, item.end, 2 * len(item.body) + ITEM_BYTES)
        if item is OVER:
            return self._cross(place)
        if item is COLD:
            self.loop.call_later(COLD_DELAY, self.wake)
        return item

    def wake(self) -> None:
        """Let all who wait look for more."""
        self._rest = None
        self.dry = -1
        waiting, self._waiting = self._waiting, {}
        for wake in waiting:
            wake()
        self._feed()

    def _cross(self, place: Place) -> Step | Later:
        """From the end of a final segment to the one that follows."""
        link = place.segment.link
        if link is None:
            return END
        gap = Gap(None, link.reason) if link.unsure else None
        if place.offset < link.until:
            gap = Gap(link.until - place.offset, link.reason)
        try:
            link.next = following = self.chain.rotated.found(link.next)
            _lay_behind(place.segment, link)
            if link.copy and following.proves_place(place):
                start = following.place(place.offset)
                start.stands_for(place)
                return Step(Crossing(None, None), start)
            start = following.place(link.start)
        except OSError as error:
            ahead = Place(link.next, link.start, b"")
            if gap is None:
                ahead.stands_for(place)
            return self._unreadable(ahead, error)
        if gap is None:
            start.stands_for(place)
        return Step(Crossing(link.event, gap), start)

    def _overwritten(self, place: Place) -> Step | Later:
        """The bytes before a place have changed; others may have noticed before."""
        segment = place.segment
        if isinstance(segment, Archive):
            return self._gone(place)  # not what it was taken for
        try:
            if segment.final is None:
                at = place
                if self.chain.end is not None and self.chain.end.segment is segment:
                    at = self.chain.end if self.chain.end.offset > place.offset else place
                self._begin_again(at)
        except OSError as error:
            return self._unreadable(place, error)
        if segment.final is None:
            self._drain_later()  # only what was never written is gone
            return END
        segment.final = min(segment.final, place.offset)  # it may have changed once more
        return self._cross(place)

    def _begin_again(self, place: Place) -> None:
        blocks = list(self._window.blocks)
        known = (block for block in blocks if block.start.segment is place.segment)
        self.chain.overwritten(place, known, self._pace.is_watched)
        self._pace.rewatch()

    def _unreadable(self, place: Place, error: OSError) -> Step | Later:
        """EIO, ESTALE and the like: said once, tried again; a file that is gone is a gap."""
        segment = place.segment
        if segment.lost and segment.fd < 0:
            with contextlib.suppress(OSError):
                packed = Place(self.chain.rotated.found(segment), place.offset, place.anchor)
                packed.stands_for(place)
                return Step(Crossing(None, None), packed)
            return self._gone(place, error)
        self._set_trouble(error)
        return END

    def _gone(self, place: Place, error: OSError | None = None) -> Step | Later:
        """What follows a place in a rotated file is not to be had any more."""
        segment = place.segment
        if segment.link is not None:
            link = segment.link
            lost = segment.final - place.offset if segment.final is not None else None
            if lost == 0:
                return self._cross(place)
            why = error or segment.path
            log.warning("%s: %s: a rotated file is gone before it was read", self.name, why)
            try:
                link.next = self.chain.rotated.found(link.next)
                start = link.next.place(link.start)
            except OSError:  # who reads it finds out
                start = Place(link.next, link.start, b"")
            return Step(Gap(lost, "gone"), start)
        if segment.final is None:
            self._set_trouble(error)
        return END  # it was let go; the gap is told when another file follows

    def _set_trouble(self, error: OSError | None) -> None:
        trouble = "" if error is None else (error.strerror or str(error))
        if trouble == self._trouble:
            return
        self._trouble = trouble
        self._rest = None
        if trouble:
            log.warning("%s: %s cannot be read: %s; tried again", self.name, self.path, trouble)
        if self.on_change is not None:
            self.on_change()


def _lay_behind(segment: Segment, link: Link) -> None:
    """The place of a file in the whole log follows from that of the file before it."""
    following = link.next
    if following.base is None and segment.base is not None and segment.final is not None:
        following.base = segment.base + (0 if link.copy else segment.final - link.start)
