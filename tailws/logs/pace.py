"""When those who wait for a log's lines are woken: at once after silence, then once in a window.

    hint (inotify, a look by the clock)  ->  `hint`  ->  `wake`, now or when the pause ends

The pause between two wakes begins at a millisecond, or at nine times what the wake has taken, and
doubles while lines keep coming, up to the window: lines that come one by one take a tenth of a core
at most, as long as a wake takes less than a tenth of the window.

While there are some at every pause's end the file is hot: its watch is given back and it is looked
at by the clock, because each write would cost an event. After some quiet looks the watch is made
again, and the file is looked at once more, for what came in between.
"""

from __future__ import annotations

from typing import Protocol

from tailws.logs.segment import Segment
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.watch import Watch, Watched

#: The shortest pause between two wakes while lines keep coming; it doubles up to the window.
FIRST_PAUSE = 0.001
#: A pause is at least so many times as long as the wake before it took, within the window.
REST = 9
#: From this pause on the file counts as hot.
HOT_PAUSE = 0.008
#: Looks without news after which a hot file is watched again.
COOL_LOOKS = 10


class Followed(Protocol):
    """Whose file it is, and who waits for its lines."""

    @property
    def newest(self) -> Segment | None:
        """What is written to, as far as is known."""

    def wake(self) -> None:
        """Have all there is read."""

    def has_more(self) -> bool:
        """Whether the file has grown."""


class Pace:
    """Owns the watch of a log's newest file, and the timer of the next wake or look."""

    __slots__ = (
        "_ends",
        "_hot",
        "_log",
        "_loop",
        "_pause",
        "_quiet_looks",
        "_segment",
        "_timer",
        "_watch",
        "_watched",
        "window",
    )

    def __init__(self, log: Followed, loop: Loop, watch: Watch, window: float) -> None:
        self.window = window  # seconds; 0: no pause at all
        self._log = log
        self._loop = loop
        self._watch = watch
        self._watched: Watched | None = None
        self._segment: Segment | None = None  # the one that is watched
        self._pause = 0.0  # the least after the next wake; 0: the last one came after silence
        self._ends = 0.0  # of the pause: until then nobody is woken again
        self._timer: Timer | None = None  # of a wake that is due then, or of a look at a hot file
        self._hot = False
        self._quiet_looks = 0

    @property
    def is_watched(self) -> bool:
        """Whether the kernel hints at each write."""
        return self._watched is not None and self._watched.alive

    @property
    def is_sure(self) -> bool:
        """Whether a write is seen by itself: watched for, or looked for all the time."""
        return self._hot or self.is_watched

    def close(self) -> None:
        """Give back the watch and the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._unwatch()
        self._hot = False

    def rewatch(self) -> None:
        """Watch the newest file, by its descriptor, unless it is hot."""
        newest = self._log.newest
        if self._hot or newest is None or newest.fd < 0:
            return
        if self._segment is newest and self.is_watched:
            return
        self._unwatch()
        self._watched = self._watch.file(newest.fd, self.hint)
        self._segment = newest
        self.hint()  # what was written before the watch was there

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.close()
        self._watched = self._segment = None

    def hint(self) -> None:
        """Something may have changed."""
        if self._timer is not None:
            return
        if self._loop.clock() >= self._ends:
            self._pause = 0.0
            self._wake()
        else:
            self._timer = self._loop.call_at(self._ends, self._after_pause)

    def _wake(self) -> None:
        if self.window <= 0:
            self._log.wake()
            return
        begun = self._loop.clock()
        self._log.wake()
        now = self._loop.clock()
        # No timer for it: a line by itself, as most are, would wake the loop a second time.
        self._ends = now + min(self.window, max(self._pause, FIRST_PAUSE, REST * (now - begun)))
        if self._hot:
            self._timer = self._loop.call_at(self._ends, self._look)

    def _after_pause(self) -> None:
        self._timer = None
        self._pause = min(self.window, max(2 * self._pause, FIRST_PAUSE))
        if 0 < min(HOT_PAUSE, self.window) <= self._pause:
            self._hot = True
            self._quiet_looks = 0
            self._unwatch()
        self._wake()

    def _look(self) -> None:
        """The pause of a hot file has ended."""
        self._timer = None
        if self.window > 0 and self._log.has_more():
            self._quiet_looks = 0
            self._pause = min(self.window, 2 * self._pause)
            self._wake()
            return
        self._quiet_looks += 1
        if self.window > 0 and self._quiet_looks < COOL_LOOKS:
            self._timer = self._loop.call_later(self._pause, self._look)
            return
        self._hot = False
        self._pause = 0.0
        self.rewatch()
        if self._log.has_more():
            self.hint()
