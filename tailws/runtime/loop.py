"""The event loop: file descriptors, timers, deferred calls, signals, and a wake from a thread.

One turn goes: wait for readiness or the next timer -> ready descriptors -> timers that are due ->
calls deferred until now. What a deferred call defers runs a turn later, so that one busy object
cannot keep the others from their descriptors.

Rules for callbacks:

1. They return at once. Whatever may take long is cut into steps that defer the next step.
2. They may register, unregister, close and defer anything, themselves included: the loop checks
   that a descriptor still belongs to the same registration before it calls.
3. What they raise is a bug. It is logged with its traceback, and the loop goes on.
"""

from __future__ import annotations

import heapq
import logging
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable
from types import FrameType

log = logging.getLogger(__name__)

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

Callback = Callable[[], None]
Ready = Callable[[int], None]

#: Cancelled timers are left in the heap until they are due; past this many, and when they are
#: more than half of it, the heap is built anew. A plain heap is enough: timers are few, since
#: connections share the ticks of their owner.
SWEEP_TIMERS = 64


class Timer:
    """A call that is due at `when` (seconds of the loop's clock) unless cancelled before."""

    __slots__ = ("_call", "_loop", "when")

    def __init__(self, loop: Loop, when: float, call: Callback) -> None:
        self._loop = loop
        self.when = when
        self._call: Callback | None = call

    @property
    def active(self) -> bool:
        return self._call is not None

    def cancel(self) -> None:
        """Do not call. Idempotent."""
        if self._call is not None:
            self._call = None
            self._loop._timer_cancelled()


class Loop:
    """A single-threaded loop over `selectors`.

    `clock` is monotonic seconds; tests inject their own together with `selector`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        selector: selectors.BaseSelector | None = None,
    ) -> None:
        self.clock = clock
        self.turns = 0
        self.busy = 0.0  # seconds spent in callbacks, since the start
        self.longest = 0.0  # the longest turn since whoever reports it set it back to 0
        self._selector = selector if selector is not None else selectors.DefaultSelector()
        self._keys: dict[int, selectors.SelectorKey] = {}  # by descriptor, as registered now
        # A heap by when and by number: those that are due together run in the order they were made.
        self._timers: list[tuple[float, int, Timer]] = []
        self._made = 0
        self._cancelled = 0
        self._deferred: list[Callback] = []
        self._from_threads: deque[Callback] = deque()
        self._signals: dict[int, Callback] = {}
        self._pending_signals: set[int] = set()
        self._previous_handlers: dict[int, object] = {}
        self._previous_wakeup = -1
        self._running = False
        self._closed = False
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.register(self._wake_r, READ, self._on_wake)

    # -- descriptors

    def register(self, fd: int, events: int, ready: Ready) -> None:
        """Call `ready(mask)` whenever `fd` is ready for any of `events` (READ | WRITE)."""
        self._keys[fd] = self._selector.register(fd, events, ready)

    def modify(self, fd: int, events: int, ready: Ready) -> None:
        self._keys[fd] = self._selector.modify(fd, events, ready)

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)
        del self._keys[fd]

    # -- time

    def call_later(self, delay: float, call: Callback) -> Timer:
        """Call once, `delay` seconds from now."""
        return self.call_at(self.clock() + delay, call)

    def call_about(self, delay: float, call: Callback) -> Timer:
        """Call once in about `delay` seconds: what may come up to a second early, two of an even
        number, comes when such a second of the clock begins, so that a process with nothing to do
        wakes once for all of it.
        """
        when = self.clock() + delay
        if delay >= 1:
            when -= when % (1 if delay % 2 else 2)
        return self.call_at(when, call)

    def call_at(self, when: float, call: Callback) -> Timer:
        self._made += 1
        timer = Timer(self, when, call)
        heapq.heappush(self._timers, (when, self._made, timer))
        return timer

    def _timer_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > SWEEP_TIMERS and self._cancelled * 2 > len(self._timers):
            self._timers = [due for due in self._timers if due[2].active]
            heapq.heapify(self._timers)
            self._cancelled = 0

    # -- calls

    def defer(self, call: Callback) -> None:
        """Call at the end of this turn (or of the next, when called from a deferred call)."""
        self._deferred.append(call)

    def call_from_thread(self, call: Callback) -> None:
        """Call in the loop soon. The one method that other threads may use."""
        self._from_threads.append(call)
        self._wake()

    def on_signal(self, signum: int, call: Callback) -> None:
        """Call in the loop, not in the signal handler, when `signum` arrives (main thread only)."""
        if not self._signals:
            self._previous_wakeup = signal.set_wakeup_fd(self._wake_w, warn_on_full_buffer=False)
        self._signals[signum] = call
        previous = signal.signal(signum, self._note_signal)
        self._previous_handlers.setdefault(signum, previous)

    def _note_signal(self, signum: int, _frame: FrameType | None) -> None:
        self._pending_signals.add(signum)

    def _wake(self) -> None:
        try:
            os.write(self._wake_w, b"\0")
        except (BlockingIOError, OSError):
            pass  # a full pipe wakes as well; a closed one belongs to a loop that has ended

    def _on_wake(self, _mask: int) -> None:
        try:
            while len(os.read(self._wake_r, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        self._run_signals()
        for _ in range(len(self._from_threads)):
            self._call(self._from_threads.popleft())

    def _run_signals(self) -> None:
        while self._pending_signals:
            self._call(self._signals[self._pending_signals.pop()])

    # -- running

    def run(self) -> None:
        """Turn until `stop()`."""
        self._running = True
        while self._running:
            self.turn()

    def stop(self) -> None:
        """End `run` after this turn."""
        self._running = False

    def turn(self, timeout: float | None = None) -> None:
        """One turn; waits for at most `timeout` seconds (None: as long as nothing is due)."""
        if self._deferred:
            timeout = 0.0
        elif self._timers:
            until = max(0.0, self._timers[0][0] - self.clock())
            timeout = until if timeout is None else min(timeout, until)
        ready = self._selector.select(timeout)
        start = self.clock()
        if self._pending_signals:  # before all else: one may change what the rest means
            self._run_signals()
        keys = self._keys
        for key, mask in ready:
            if keys.get(key.fd) is key:  # an earlier callback may have unregistered it
                try:
                    key.data(mask)
                except Exception:
                    log.exception("a callback for descriptor %d failed", key.fd)
            else:
                self._changed(key, mask)
        if self._timers and self._timers[0][0] <= start:
            self._run_timers(start)
        if self._deferred:
            calls, self._deferred = self._deferred, []
            for call in calls:  # as `_call`, which would cost a client in a fan-out a tenth
                try:
                    call()
                except Exception:
                    log.exception("a callback failed")
        spent = self.clock() - start
        self.turns += 1
        self.busy += spent
        self.longest = max(self.longest, spent)

    def _changed(self, key: selectors.SelectorKey, mask: int) -> None:
        """The registration was modified in this turn: call if it is the same and still asks."""
        now = self._keys.get(key.fd)
        if now is not None and now.data == key.data and now.events & mask:
            try:
                now.data(now.events & mask)
            except Exception:
                log.exception("a callback for descriptor %d failed", key.fd)

    def _run_timers(self, now: float) -> None:
        last = self._made  # one that is made in here and due at once waits for the next turn
        while self._timers and self._timers[0][0] <= now and self._timers[0][1] <= last:
            _, _, timer = heapq.heappop(self._timers)
            call, timer._call = timer._call, None
            if call is None:
                self._cancelled -= 1
                continue
            try:
                call()
            except Exception:
                log.exception("a callback failed")

    @staticmethod
    def _call(call: Callback) -> None:
        try:
            call()
        except Exception:
            log.exception("a callback failed")

    def close(self) -> None:
        """Release the selector, the pipe and the signal handlers. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._signals:
            for signum, handler in self._previous_handlers.items():
                signal.signal(signum, handler)  # type: ignore[arg-type]
            signal.set_wakeup_fd(self._previous_wakeup)
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)
