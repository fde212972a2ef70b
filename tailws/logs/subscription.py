"""One reader of one source: a place, a view, and `next()`, which gives the next frame to send.

    locating    where the client asked to begin is being looked for
    own pace    it reads the file by itself, up to where the window begins
    live        it takes what the window has, and pulls when it is first
    following   it has all there is, and is handed each block as it is read (`audience`)

They give way to each other without the caller seeing it: `next()` gives a frame, or None,
and then `wake` is called when it is worth asking again. A view is what makes two subscribers
different: filter, compression, with or without heads. Blocks keep one frame for each view, so a
block is encoded once for all who share it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Final, NamedTuple

from msgspec import Struct

from tailws import config
from tailws.logs.audience import Outlet
from tailws.logs.block import END, Block, Gap, Item, Later, Place, Step
from tailws.logs.document import Library
from tailws.logs.identity import before_birth
from tailws.logs.locate import BadCursor, Located, at_cursor, from_start, last_lines
from tailws.logs.pieces import begun_before
from tailws.logs.seek import last_shown, since
from tailws.logs.segment import Segment, live_end
from tailws.logs.source import Source
from tailws.messages import (
    BehindHead,
    EventHead,
    GapHead,
    Head,
    Id,
    LinesHead,
    Subscribe,
    SubscribedHead,
    encode,
    encode_head,
    seconds,
)
from tailws.runtime.steps import Steps
from tailws.text.match import Filter
from tailws.ws import Opcode, compress, frame_header

log = logging.getLogger(__name__)

#: Seconds between two words about how far behind a client is, and the bytes that are worth one.
BEHIND_EVERY = 0.5
BEHIND_MIN = 256 << 10
#: Smaller payloads are sent as they are: deflate would save less than a network packet's header.
DEFLATE_MIN = 256


class View(NamedTuple):
    """How a subscriber sees blocks; equal views share encoded frames.

    A tuple, for it is looked up for each block and client: its hash costs a tenth of a dataclass's.
    """

    deflate: bool = False  # permessage-deflate was negotiated
    text: bool = False  # lines only, no heads
    framed: bool = True  # WebSocket frames; False: lines with their line feeds, for HTTP
    filter: Filter | None = None


class Begin(Struct, frozen=True):
    """Where a subscription begins: one of them, or `lines` before the end."""

    cursor: str | None = None
    start: bool = False  # of the live file
    search: Callable[[], Generator[float | None, None, Located]] | None = None
    lines: int = 0

    @classmethod
    def of(
        cls, command: Subscribe, limits: config.Lines, source: Source, library: Library
    ) -> Begin:
        """Where a command, or the query of an address, asks to begin. Raises BadCommand."""
        count = limits.first_lines if command.lines is None else command.lines
        search = None
        if command.since is not None:
            moment = seconds(command.since, time.time(), source.zone)
            search = partial(since, source, library, moment)
        start = command.start is not None
        return cls(command.cursor, start, search, min(count, limits.max_lines))


_BEGUN: Final = Begin()
_TEXT: Final = Opcode.TEXT  # to look into an enum takes as long as to pack a header


class Subscription:
    """Owns its place, which holds the segment open that it stands in."""

    __slots__ = (
        "_begin",
        "_follows",
        "_frames",
        "_id",
        "_lag_bytes",
        "_located",
        "_number",
        "_outlet",
        "_steps",
        "_tell",
        "_tell_behind_at",
        "_told_behind",
        "closed",
        "place",
        "source",
        "view",
        "waiting",
    )

    def __init__(
        self,
        source: Source,
        view: View,
        begin: Begin,
        wake: Callable[[Subscription], None],
        lag_bytes: int = 0,
        id_: Id | None = None,
        outlet: Outlet | None = None,
    ) -> None:
        """`wake` is called when it is worth asking for the `next()` frame. An `outlet` is handed
        frames without asking, while nothing else is owed to it."""
        self.source = source
        self.view = view
        self.place: Place | None = None
        self.closed = False
        self._begin = begin
        self._tell = wake
        self._outlet = outlet
        self._follows = False
        self.waiting = False
        self._lag_bytes = lag_bytes  # farther behind it skips to the end; 0: never
        self._id = id_  # of the command, for `subscribed`
        self._told_behind = 0  # bytes, when it was told last
        self._tell_behind_at = 0.0  # by the loop's clock; 0: it has come up
        self._number = -1  # of the window's item that is next; -1: reads by itself
        self._frames: list[bytes] = []  # what goes first: subscribed, gaps, events
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
        self._stop_following()
        self._stand(None)
        self._frames.clear()
        self.source.detach(self._event)

    @property
    def behind(self) -> int:
        """Bytes of the log that this subscriber has still to read."""
        if self.place is None or self._follows:
            return 0
        return self.source.after(self.place)

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
        elif begin.search is not None:
            work = begin.search()
        elif self.view.filter is not None and begin.lines:
            work = last_shown(chain, begin.lines, self.view.filter)
        else:
            work = last_lines(chain, begin.lines)
        steps = Steps(self.source.loop, work, self._begin_at, self._cannot_begin)
        if steps.running:
            self._steps = steps

    def _wait_for_file(self) -> None:
        """There is no file: it will be read from its beginning when it appears."""
        if self._begin.cursor is None:
            cursor = str(before_birth())
            self._begin = Begin(cursor=cursor)
            self._push(self._subscribed(cursor))
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
        if self.source.on_located is not None:
            self.source.on_located(located.place)
        here = located.place.cursor
        # Before a gap the client stands where it stood: should it lose the connection between the
        # two heads, it has to be told of the gap again.
        before = self._begin.cursor if located.gap is not None else None
        self._push(self._subscribed(before or here, located.place.at))
        if located.gap is not None:
            self._push_gap(located.gap)
        self._begin = _BEGUN
        self._tell(self)

    def _subscribed(self, cursor: str, at: int | None = None) -> SubscribedHead:
        head = SubscribedHead(source=self.name, cursor=cursor)
        if self._id is not None:
            head.id = self._id
        if at is not None:
            head.at = at
        return head

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
        """The next frame to send, or None. `waiting`: nothing is behind it now; `wake` is called
        when there may be."""
        source = self.source
        self.waiting = False
        self._stop_following()
        while True:
            if self._frames:
                return self._frames.pop(0)
            here = self.place
            if here is None:
                self.waiting = True
                return None
            live = self._number >= 0
            now = source.loop.clock()
            if live and not self._tell_behind_at:  # a batch that has just come is nothing to tell
                self._tell_behind_at = now + BEHIND_EVERY
            elif now >= self._tell_behind_at:
                self._fall_behind()
                continue
            step = source.item(self._number) if live else self._read(here)
            if step is None:  # too slow for the window, or in it again
                if live:
                    self._number = -1
                    if not self._told_behind:
                        self._tell_behind_at = 0.0
                continue
            if isinstance(step, Later):
                if step is END and self._told_behind:
                    self._say_behind(0)
                    continue
                self._wait()
                return None
            if live:
                self._number += 1
            item, place = step.item, step.place
            if place.segment is here.segment:
                self.place = place
            else:
                self._stand(place)
            frame = self._encode(item)
            if frame is None and not isinstance(item, Block):
                continue
            if live and self._number == source.dry and not self._told_behind:
                self._wait()
            elif frame is None:  # its filter hid all of it: others have their turn
                self.waiting = True
                source.loop.defer(self._wake_again)
            return frame

    def _wake_again(self) -> None:
        if not self.closed:
            self._tell(self)

    def _fall_behind(self) -> None:
        """Now and then while it catches up: say how much is left, or skip it if it is too much."""
        self._tell_behind_at = self.source.loop.clock() + BEHIND_EVERY
        behind = self.behind
        if 0 < self._lag_bytes < behind:
            self._skip(behind)
            behind = 0
        if behind >= BEHIND_MIN or self._told_behind:
            self._say_behind(behind if behind >= BEHIND_MIN else 0)

    def _say_behind(self, count: int) -> None:
        self._told_behind = count
        self._push(BehindHead(source=self.name, bytes=count))

    def _skip(self, behind: int) -> None:
        """Go on at the end: `history` still has what is left out."""
        newest, here = self.source.chain.newest, self.place
        if newest is None or here is None:
            return
        try:
            end = newest.place(live_end(newest))
        except OSError:
            return  # it says so when it is read
        self.source.overtake(end)
        self._push_gap(Gap(behind, "lagging"), here, end)
        self._stand(end)

    def _wait(self) -> None:
        self.waiting = True
        self._tell_behind_at = 0.0
        if self._outlet is not None and self._number == self.source.dry >= 0:
            self._follows = True
            self.place = self.source.end  # one place for all who stand there
            self.source.audience.join(self.view, self, self._outlet)
        else:
            self.source.wait(self._wake)

    def _stop_following(self) -> None:
        """Stand where the live end is, and come for what follows."""
        if self._follows:
            self._follows = False
            self.source.audience.leave(self.view, self)
            self.place, self._number = self.source.end, self.source.next_number

    def left_behind(self, place: Place, number: int) -> None:
        """See `Follower`."""
        self._follows = False
        self.place, self._number = place, number
        self._tell(self)

    def _read(self, place: Place) -> Step | Later | None:
        """By itself, up to where the window begins; None: it is there."""
        source = self.source
        meeting = source.meeting
        if meeting is not None and _is_one(place, meeting):
            self._number = source.meeting_number
            if self._told_behind:
                self._fall_behind()
            return None
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
            if source.end is not None and _is_one(place, source.end):
                self._number = source.next_number
        return step

    # -- frames

    def encode(self, block: Block) -> bytes | None:
        """The block in this view, once for all who share it; nothing: all of it is hidden."""
        frame = block.frames.get(self.view)
        if frame is None:
            frame = block_frame(self.source.name, block, self.view)
            block.frames[self.view] = frame
        return frame or None

    def _encode(self, item: Item) -> bytes | None:
        if isinstance(item, Block):
            return self.encode(item)
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
        self._stop_following()  # or lines would come before it
        self._push(EventHead(source=self.name, event=event))
        self._tell(self)

    def _push_gap(self, gap: Gap, start: Place | None = None, end: Place | None = None) -> None:
        self.source.gaps[gap.reason] += 1
        head = GapHead(source=self.name, bytes=gap.bytes, reason=gap.reason)
        if start is not None and end is not None:
            head.start, head.end = start.cursor, end.cursor
        self._push(head)

    def _push(self, head: Head) -> None:
        if not self.view.text:
            payload = encode(head)
            self._frames.append(frame_header(Opcode.TEXT, len(payload)) + payload)


def _is_one(place: Place, other: Place) -> bool:
    """Whether they are one place, and have one name: after a copy or a rotation a place may have
    that of the one before it, and a batch must start where the last one ended."""
    return place == other and place.cursor == other.cursor


def block_frame(name: str, block: Block, view: View) -> bytes:
    """A block as it goes over the wire in this view; b"" when there is nothing to send."""
    body: bytes | None = block.body
    hidden = 0
    if view.filter is not None:
        begun = begun_before(block) if view.filter.whole_records else b""
        taken = view.filter.take(block.body + b"\n", begun)
        body = taken.text[:-1] if taken.shown else None
        hidden = taken.hidden
    if view.text:
        if body is None:
            return b""
        if not view.framed:
            return body + b"\n"
        payload = body
    else:
        start = block.start
        head = LinesHead(source=name, start=start.cursor, end=block.end.cursor, hidden=hidden)
        if block.unfinished:
            head.unfinished = True
        if block.cut:
            head.cut = list(block.cut)
        if block.read_at:
            head.t = block.read_at
        if (at := start.at) is not None:
            head.at = at
        if start.line and view.filter is None:
            head.number = start.line
        if not view.deflate and body is not None:  # nearly every frame: copied once
            line = encode_head(head)
            size = len(line) + 1 + len(body)
            return b"%b%b\n%b" % (frame_header(_TEXT, size), line, body)
        payload = encode(head, body)
    if view.deflate and len(payload) >= DEFLATE_MIN:
        packed = compress(payload)
        return frame_header(Opcode.TEXT, len(packed), rsv1=True) + packed
    return frame_header(Opcode.TEXT, len(payload)) + payload
