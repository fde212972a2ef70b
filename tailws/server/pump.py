"""Moves what a producer has into a stream, as long as the kernel takes it and others need not wait.

It is pulled by whoever has room, so a client that does not read stops its producer, and nothing is
stored in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tailws.runtime.loop import Loop
from tailws.runtime.stream import Stream
from tailws.server.exchange import CutShort, Producer

log = logging.getLogger(__name__)

#: Bytes that one answer may send in one turn of the loop, so that the others get theirs.
TURN_BYTES = 512 * 1024


class Pump:
    """Owns a producer. `frame` makes a chunk ready to be sent; `ended` is told of the last one.

    What the producer raises closes the stream: an answer that breaks off must not look whole.
    """

    __slots__ = ("_due", "_ended", "_frame", "_loop", "_producer", "_stream")

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        start: Callable[[Callable[[], None]], Producer],
        frame: Callable[[bytes], bytes],
        ended: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._stream = stream
        self._frame = frame
        self._ended = ended
        self._due = False
        self._producer: Producer | None = None
        self._producer = start(self.wake)
        self.wake()

    def wake(self) -> None:
        """Go on at the end of the turn: there may be something to send."""
        if self._producer is not None and not self._due and not self._stream.owed:
            self._due = True
            self._loop.defer(self.go)

    def go(self) -> None:
        """Go on now: there is room."""
        self._due = False
        try:
            self._pull()
        except CutShort:
            self._stream.close("the answer was cut short")
        except Exception:
            log.exception("producing an answer for %s failed", self._stream.peer)
            self._stream.close("internal error")

    def _pull(self) -> None:
        room = TURN_BYTES
        while self._producer is not None and not self._stream.owed and not self._stream.closed:
            if room <= 0:
                self.wake()
                return
            chunk = self._producer.next_chunk()
            if chunk is None:
                return
            if not chunk:
                self.close()
                self._ended()
                return
            room -= len(chunk)
            self._stream.send(self._frame(chunk))

    def close(self) -> None:
        """Release the producer. Idempotent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()
