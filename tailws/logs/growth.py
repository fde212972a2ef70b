"""How the files of a log grow: how lately, and when one that has lost its name is final.

Such a file is read on, for its writer may not have noticed yet. It is final when the kernel says
that nobody has it open for writing, when it has been quiet for long enough, or when its successor
has waited for too long.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from tailws.logs.archive import Archive
from tailws.logs.block import Overwritten
from tailws.logs.segment import Segment

log = logging.getLogger(__name__)

#: A file that grew this recently (seconds) before it was truncated may have had lines that were
#: written after the last look: the gap is announced even when no missing byte is known.
RECENT = 10.0


class Retirement(Struct, frozen=True):
    """When a segment that has lost its name is final."""

    quiet: float = 10.0  # seconds without growth, where the kernel does not say that none writes
    longest: float = 3600.0  # seconds that its successor waits for a writer that never stops
    deleted: float = 600.0  # seconds that it is held open for slow readers once it was deleted


class Growth:
    """Owns what is known of when each file of a log grew; `clock` is monotonic seconds."""

    __slots__ = (
        "_changed_at",
        "_clock",
        "_deleted",
        "_noticed_at",
        "_stopped_at",
        "_waits",
        "retirement",
    )

    def __init__(self, clock: Callable[[], float], retirement: Retirement) -> None:
        self.retirement = retirement  # may be changed at any time
        self._clock = clock
        self._changed_at: dict[Segment, tuple[int, int, float]] = {}  # size, mtime ns, clock
        self._waits: dict[Segment, float] = {}  # since when it was first read to its end
        self._deleted: dict[Segment, float] = {}  # since when a lost file has no name any more
        self._noticed_at = float("-inf")  # when a look saw that the file at the name had grown
        self._stopped_at = float("-inf")  # when the daemon went on after it was stopped

    def forget(self, segment: Segment) -> None:
        """Nobody reads it any more."""
        for known in (self._changed_at, self._waits, self._deleted):
            known.pop(segment, None)

    def clear(self) -> None:
        """Nobody reads any of them."""
        self._changed_at.clear()
        self._waits.clear()

    # -- how lately

    def grew(self, segment: Segment) -> None:
        """A block of it was read."""
        self._changed_at[segment] = (segment.size, 0, self._clock())

    def noticed(self, ago: float = 0.0) -> None:
        """The file at the name has grown, so many seconds ago."""
        self._noticed_at = self._clock() - ago

    def was_stopped(self) -> None:
        """For a while nobody could look, whatever hinted at a change (SIGSTOP)."""
        self._stopped_at = self._clock()

    def is_recent(self, segment: Segment) -> bool:
        """Whether it grew lately."""
        grown = max(self._noticed_at, self._changed_at.get(segment, (0, 0, self._noticed_at))[2])
        return self._clock() - grown < RECENT

    def is_unseen(self, segment: Segment, hinted: bool) -> bool:
        """Whether lines may have come and gone since the last look at the file."""
        stopped = self._clock() - self._stopped_at < RECENT
        return stopped or not hinted or self.is_recent(segment)

    # -- final

    def retire(self, segment: Segment) -> bool:
        """Whether `segment`, read to its end, is final. Raises OSError, Overwritten."""
        if segment.final is not None or isinstance(segment, Archive):
            return True  # an archive says itself where it ends, once it is unpacked
        if not segment.lost:
            return False
        idle = not segment.is_written()  # asked before the size: what comes later is no write
        st = segment.fstat()
        if st.st_size < segment.size:
            raise Overwritten
        now = self._clock()
        size, mtime, since = self._changed_at.get(segment, (-1, -1, now))
        if (size, mtime) != (st.st_size, st.st_mtime_ns):
            since = now if size >= 0 else now - age(st)
            self._changed_at[segment] = (st.st_size, st.st_mtime_ns, since)
        waited = now - self._waits.setdefault(segment, now)
        if idle or now - since >= self.retirement.quiet or waited >= self.retirement.longest:
            segment.final = st.st_size
            segment.remember_head()  # for the last time, to know it when it is compressed
            return True
        return False

    def let_go(self, segments: Iterable[Segment]) -> None:
        """Close what was deleted a while ago, so that its space on the disk is free."""
        now = self._clock()
        for segment in segments:
            if not segment.lost or segment.fd < 0 or os.fstat(segment.fd).st_nlink:
                self._deleted.pop(segment, None)
                continue
            since = self._deleted.setdefault(segment, now)
            if now - since < self.retirement.deleted:
                continue
            try:
                if not self.retire(segment):
                    continue  # somebody writes on
            except (OSError, Overwritten):
                pass
            log.info("%s: a deleted file is let go", segment.path)
            segment.close()
            self._deleted.pop(segment, None)


def age(st: os.stat_result) -> float:
    """Seconds since the last write, by the wall clock that the file system uses."""
    return max(0.0, time.time() - st.st_mtime)
