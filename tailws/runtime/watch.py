"""Hints that something changed, from inotify(7) through watchdog; never more than hints.

A hint may be late, double, lost or wrong: it only makes the next look come earlier. Watchdog's
`InotifyFD` is used rather than its Observer: one inotify instance for all watches instead of
threads for each, a mask for each path (so the writes into a neighbour file that nobody follows cost
nothing, and our own reads raise no event), and word of a queue that overflowed.

Its thread is not started. The loop reads the descriptor when the selector says so, and gathers what
one read tells: a thread would fight for the interpreter with each `send`, and cost a system call on
either side to hand over a hint.

    directory   entries made, renamed, removed, their attributes; the directory itself moved
    file        written to; by its open descriptor, so a renamed file is watched on

A writer at full speed makes an event for each write. Whoever watches a hot file gives the watch
back and looks at it by the clock instead, as network drivers do with interrupts (NAPI). Many files
that are written to now and then are as busy together, and none of them is hot: when events keep
coming, they too are gathered by the clock, for as long as there are some at each look.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from tailws.runtime.loop import READ, Loop, Timer

log = logging.getLogger(__name__)

_C = InotifyConstants
IN_DIRECTORY = Mask(
    _C.IN_CREATE
    | _C.IN_MOVED_FROM
    | _C.IN_MOVED_TO
    | _C.IN_DELETE
    | _C.IN_ATTRIB
    | _C.IN_DELETE_SELF
    | _C.IN_MOVE_SELF
    | _C.IN_ONLYDIR
)
IN_FILE = Mask(_C.IN_MODIFY)


#: Bytes for one read(2): 256 events of files. What does not fit is there at the next turn.
EVENT_BYTES = 4096
#: So many of them in one pause are too many to be gathered.
FLOOD = EVENT_BYTES // 2
#: Seconds for which events keep coming before they are gathered: longer than a file takes that is
#: written to at full speed to be found out, and looked at by the clock by itself.
BUSY = 0.05
#: Reads in one pause that make gathering worth the wait.
WORTH_IT = 3
#: Of `struct inotify_event`: watch, mask, cookie, length of the name that follows.
_EVENT = struct.Struct("iIII")
#: One for all: there is nothing more to tell, and making it costs more than handing it on.
_WRITTEN = InotifyEvent(WatchDescriptor(0), IN_FILE, 0, b"")


class _Inotify(InotifyFD):
    """Watchdog's inotify for a selector, which says when there is something to read."""

    def __init__(self) -> None:
        super().__init__()
        os.set_blocking(self._inotify_fd, False)

    def fileno(self) -> int:
        return self._inotify_fd

    def take(self) -> int:
        """Read once, and hand each event to those who watch; how many bytes of events there were.

        Raises BlockingIOError when there were none.
        """
        data = os.read(self._inotify_fd, EVENT_BYTES)
        at = 0
        while at < len(data):
            wd, mask, cookie, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            if mask == IN_FILE:  # nearly all
                watch = self._watch_for_wd.get(wd)
                for callback in watch.callbacks.values() if watch is not None else ():
                    callback.on_event(_WRITTEN)
            elif wd != -1 or mask & _C.IN_Q_OVERFLOW:
                name = data[at - length : at].rstrip(b"\0")
                self.handle_event(InotifyEvent(wd, mask, cookie, name))
        return at

    def close(self) -> None:
        self._is_reading = False  # nobody is inside `read_events`: it may close the descriptors
        super().close()


class Watched:
    """One watch. `close` gives it back; `alive` turns False when the kernel has dropped it."""

    __slots__ = ("_changed", "_watch", "alive", "events", "hint", "number", "wd")

    def __init__(
        self, watch: Watch, changed: set[Watched], number: int, hint: Callable[[], None]
    ) -> None:
        self._watch = watch
        self._changed = changed  # those that have something to tell
        self.number = number
        self.hint = hint
        self.wd = WatchDescriptor(-1)
        self.alive = True
        self.events = 0  # since the watch was made: who watches decides what is a flood

    def on_event(self, event: InotifyEvent) -> None:
        self.events += 1
        if event.mask & (_C.IN_MOVE_SELF | _C.IN_DELETE_SELF):
            self.alive = False  # it goes on showing the old directory under a new name
        self._changed.add(self)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 (watchdog's interface)
        self.alive = False
        self._changed.add(self)

    def on_queue_overflow(self) -> None:
        self._changed.add(self)

    def close(self) -> None:
        self._watch._remove(self)


class Watch:
    """Owns the inotify instance and the set of watches that have something to tell.

    `limit` bounds the watches held at once; the kernel's own bound is
    `fs.inotify.max_user_watches`. Without a watch the caller looks by the clock. `pause` is for how
    many seconds events are gathered while they keep coming; 0: never.
    """

    def __init__(
        self, loop: Loop, limit: int = 8192, enabled: bool = True, pause: float = 0.0
    ) -> None:
        self._loop = loop
        self.limit = limit  # these two may be changed at any time
        self.pause = pause
        self._read_at = 0.0
        self._busy_since = 0.0  # from then on one read followed close upon the other
        self._gathering: Timer | None = None  # instead of being registered with the loop
        self._enabled = enabled
        self._inotify: _Inotify | None = None
        self._changed: set[Watched] = set()
        self._count = 0
        self._next = 0
        self._told: set[str] = set()

    @property
    def count(self) -> int:
        """Watches held now."""
        return self._count

    @property
    def mode(self) -> str:
        """«inotify» or «polling», for people."""
        return "inotify" if self._inotify is not None and not self._told else "polling"

    def directory(self, path: str, hint: Callable[[], None]) -> Watched | None:
        """Hint when the entries of a directory change. None: it cannot be watched."""
        return self._add(os.fsencode(path), IN_DIRECTORY, hint)

    def file(self, fd: int, hint: Callable[[], None]) -> Watched | None:
        """Hint when an open file is written to. None: it cannot be watched."""
        return self._add(b"/proc/self/fd/%d" % fd, IN_FILE, hint)

    def close(self) -> None:
        """Give all watches back. Idempotent."""
        inotify, self._inotify = self._inotify, None
        self._enabled = False
        if inotify is not None:
            if self._gathering is None:
                self._loop.unregister(inotify.fileno())
            else:
                self._gathering.cancel()
            inotify.close()

    def _add(self, path: bytes, mask: Mask, hint: Callable[[], None]) -> Watched | None:
        if not self._enabled:
            return None
        if self._count >= self.limit:
            self._tell("the limit of watches is reached", "limits.files.watches")
            return None
        self._next += 1
        watched = Watched(self, self._changed, self._next, hint)
        try:
            if self._inotify is None:
                self._inotify = _Inotify()
                self._listen(self._inotify)
            wd = self._inotify.add_callback(path, mask, watched, CallbackId(watched.number))
        except OSError as error:
            if error.errno not in (2, 20):  # ENOENT, ENOTDIR: it comes back by itself
                self._tell(error.strerror or str(error), "fs.inotify.max_user_watches")
            return None
        if wd == -1:  # EACCES, which watchdog swallows
            return None
        watched.wd = wd
        self._count += 1
        return watched

    def _remove(self, watched: Watched) -> None:
        if watched.wd == -1:
            return
        wd, watched.wd = watched.wd, WatchDescriptor(-1)
        self._count -= 1
        self._changed.discard(watched)
        if self._inotify is not None and watched.alive:
            try:
                self._inotify.remove_callbacks([(wd, CallbackId(watched.number))])
            except (OSError, RuntimeWarning):
                pass  # the kernel was faster
        watched.alive = False

    def _tell(self, why: str, where: str) -> None:
        if where not in self._told:
            self._told.add(where)
            log.warning("inotify: %s (%s); files without a watch are polled", why, where)

    def _read(self, _mask: int) -> None:
        """Take what there is; when something comes all the time, go on by the clock."""
        self._take()
        now = self._loop.clock()
        if now - self._read_at > self.pause / WORTH_IT:
            self._busy_since = now
        self._read_at = now
        if now - self._busy_since > BUSY and self._inotify is not None:
            self._loop.unregister(self._inotify.fileno())
            self._gather_later()

    def _gather_later(self) -> None:
        self._gathering = self._loop.call_later(self.pause, self._gather)

    def _gather(self) -> None:
        """Take what has come in a pause. After none the next event is waited for; after a flood
        too, so that whoever watches the file that makes it can find out."""
        self._gather_later()
        if not 0 < self._take() < FLOOD and self._inotify is not None:
            self._listen(self._inotify)

    def _listen(self, inotify: _Inotify) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._busy_since = self._loop.clock()
        self._loop.register(inotify.fileno(), READ, self._read)

    def _take(self) -> int:
        """Give each watch one hint for all its events; how many bytes of events there were."""
        if self._inotify is None:
            return 0
        try:
            count = self._inotify.take()
        except BlockingIOError:
            return 0
        while self._changed:
            self._changed.pop().hint()
        return count
