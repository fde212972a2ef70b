"""One reader of one source: a place, a view, and `next()`, which gives the next frame to send.

    locating    where the client asked to begin is being looked for
    own pace    it reads the file by itself, up to where the window begins
    live        it takes what the window has, and pulls when it is first

The three give way to each other without the caller seeing it: `next()` gives a frame, or None,
and then `wake` is called when it is worth asking again. A view is what makes two subscribers
different: filter, compression, with or without heads. Blocks keep one frame for each view, so a
block is encoded once for all who share it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tailws.logs.identity import before_birth
from tailws.logs.locate import BadCursor, Located, at_cursor, from_start, last_lines
from tailws.logs.segment import Block, Later, Place, Segment
from tailws.logs.source import Gap, Item, Source, Step
from tailws.messages import EventHead, GapHead, Head, LinesHead, SubscribedHead, encode
from tailws.runtime.steps import Steps
from tailws.text.match import Filter
from tailws.ws import Opcode, compress, frame_header

log = logging.getLogger(__name__)

#: Smaller payloads are sent as they are: deflate would save less than a network packet's header.
DEFLATE_MIN = 256


@dataclass(frozen=True, slots=True)
class View:
    """How a subscriber sees blocks; equal views share encoded frames."""

    deflate: bool = False  # permessage-deflate was negotiated
    text: bool = False  # lines only, no heads
    framed: bool = True  # WebSocket frames; False: lines with their line feeds, for HTTP
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a subscription begins: one of them, or `lines` before the end."""

    cursor: str | None = None
    start: bool = False  # of the live file
    lines: int = 0


class Subscription:
    """Owns its place, which holds the segment open that it stands in."""

    def __init__(
        self,
        source: Source,
        view: View,
        begin: Begin,
        wake: Callable[[Subscription], None],
        lag_bytes: int = 0,
    ) -> None:
        self.source = source
        self.view = view
        self.place: Place | None = None
        self.closed = False
        self._begin = begin
        self._tell = wake
        self._lag_bytes = lag_bytes
        self._number = -1  # of the window's item that is next; -1: reads by itself
        self._frames: deque[bytes] = deque()  # what goes first: subscribed, gaps, events
        self._steps: Steps[Located] | None = None
        self._located = False
        source.attach(self._event)
        self._locate()

    @property
    def name(self) -> str:
        return self.source.name

    def close(self) -> None:
        """Give everything back. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self._steps is not None:
            self._steps.cancel()
        self.source.unwait(self._wake)
        self._stand(None)
        self._frames.clear()
        self.source.detach(self._event)

    @property
    def behind(self) -> int:
        """Bytes of the log that this subscriber has still to read."""
        return self.source.after(self.place) if self.place is not None else 0

    # -- where to begin

    def _locate(self) -> None:
        chain, begin = self.source.chain, self._begin
        if not chain.segments:
            self._wait_for_file()
            return
        if begin.cursor is not None:
            work = at_cursor(chain, begin.cursor)
        elif begin.start:
            work = from_start(chain)
        else:
            work = last_lines(chain, begin.lines)
        self._steps = Steps(self.source.loop, work, self._begin_at, self._cannot_begin)

    def _wait_for_file(self) -> None:
        """There is no file: it will be read from its beginning when it appears."""
        if self._begin.cursor is None:
            cursor = str(before_birth())
            self._begin = Begin(cursor=cursor)
            self._push(SubscribedHead(source=self.name, cursor=cursor))
            self._tell(self)
        self.source.wait(self._wake)

    def _begin_at(self, located: Located) -> None:
        self._steps = None
        if self.closed:
            return
        if located.place is None:
            self._wait_for_file()
            return
        self._stand(located.place)
        self._located = True
        self.source.resumes += self._begin.cursor is not None
        self._push(SubscribedHead(source=self.name, cursor=located.place.cursor))
        if located.gap is not None:
            self._push_gap(located.gap)
        self._tell(self)

    def _cannot_begin(self, error: Exception) -> None:
        self._steps = None
        if isinstance(error, BadCursor):
            self._begin = Begin()
            self._locate()
            self._push_gap(Gap(None, "unknown-cursor"))
            return
        if not isinstance(error, OSError):
            log.error("%s: locating failed", self.name, exc_info=error)
        self.source.wait(self._wake)

    def _stand(self, place: Place | None) -> None:
        """Move, holding the segment stood in and letting the last one go."""
        before: Segment | None = self.place.segment if self.place is not None else None
        after = place.segment if place is not None else None
        self.place = place
        if before is after:
            return
        chain = self.source.chain
        if after is not None:
            chain.hold(after)
        if before is not None:
            chain.release(before)

    # -- what is next

    def _wake(self) -> None:
        if not self._located and self._steps is None:
            if not self.closed:
                self._locate()
            return
        self._tell(self)

    def next(self) -> bytes | None:
        """The next frame to send; None: nothing now, `wake` is called when there may be."""
        while True:
            if self._frames:
                return self._frames.popleft()
            if not self._located or self.place is None:
                return None
            step = self._step(self.place)
            if isinstance(step, Later):
                self.source.wait(self._wake)
                return None
            self._stand(step.place)
            frame = self._encode(step.item)
            if frame is not None:
                return frame

    def _step(self, place: Place) -> Step | Later:
        source = self.source
        if self._number >= 0:
            step = source.item(self._number)
            if step is not None:
                if isinstance(step, Step):
                    self._number += 1
                return step
            self._number = -1  # too slow for the window
        meeting = source.meeting
        if meeting is not None and place == meeting:
            self._number = source.meeting_number
            return self._step(place)
        stop = None
        if (
            meeting is not None
            and meeting.segment is place.segment
            and place.offset < meeting.offset
        ):
            stop = meeting.offset
        step = source.read(place, stop)
        if isinstance(step, Later) and stop is None:
            source.overtake(place)
            if source.end == place:
                self._number = source.next_number
        return step

    # -- frames

    def _encode(self, item: Item) -> bytes | None:
        if isinstance(item, Block):
            frame = item.frames.get(self.view)
            if frame is None:
                frame = item.frames[self.view] = block_frame(self.name, item, self.view)
            return frame or None
        if isinstance(item, Gap):
            self._push_gap(item)
        else:
            if item.gap is not None:
                self._push_gap(item.gap)
            if item.event is not None:
                self._push(EventHead(source=self.name, event=item.event))
        return None

    def _event(self, event: str) -> None:
        """Something happened to the file that no line shows."""
        self._push(EventHead(source=self.name, event=event))
        self._tell(self)

    def _push_gap(self, gap: Gap) -> None:
        self.source.gaps[gap.reason] += 1
        self._push(GapHead(source=self.name, bytes=gap.bytes, reason=gap.reason))

    def _push(self, head: Head) -> None:
        if not self.view.text:
            payload = encode(head)
            self._frames.append(frame_header(Opcode.TEXT, len(payload)) + payload)


def block_frame(name: str, block: Block, view: View) -> bytes:
    """A block as it goes over the wire in this view; b"" when there is nothing to send."""
    body: bytes | None = block.body
    hidden = 0
    if view.filter is not None:
        taken = view.filter.take(block.body + b"\n")
        body = taken.text[:-1] if taken.shown else None
        hidden = taken.hidden
    if view.text:
        if body is None:
            return b""
        if not view.framed:
            return body + b"\n"
        payload = body
    else:
        head = LinesHead(
            source=name,
            start=block.start.cursor,
            end=block.end.cursor,
            hidden=hidden,
            unfinished=block.unfinished,
            cut=list(block.cut),
        )
        if block.read_at:
            head.t = block.read_at
        payload = encode(head, body)
    if view.deflate and len(payload) >= DEFLATE_MIN:
        packed = compress(payload)
        return frame_header(Opcode.TEXT, len(packed), rsv1=True) + packed
    return frame_header(Opcode.TEXT, len(payload)) + payload
