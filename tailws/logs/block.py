"""What reading a log gives: places, blocks of whole lines, and what stands between them.

Place      a segment, an offset behind a line feed, and the bytes before it (the anchor)
Block      whole lines between two places, as UTF-8
Crossing   from one file of a log to the next
Gap        lines that are not to be had any more
Later      nothing now, and why
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from tailws.logs.identity import CURSOR_TEXT
from tailws.text.lines import line_feeds

if TYPE_CHECKING:
    from tailws.logs.segment import Segment


class Later(Enum):
    """Why there is no block."""

    END = "nothing more yet"  # a wake follows when there is
    COLD = "not in memory yet"  # ask again next turn
    OVER = "final, and read to its end"  # go on with the link


END: Final = Later.END
COLD: Final = Later.COLD
OVER: Final = Later.OVER

#: Seconds until a page that is not in memory is tried again.
COLD_DELAY = 0.001


class Overwritten(Exception):
    """The bytes before a place are not those that were there: the file was changed in place."""


class Place:
    """Between two lines of a segment. Places compare by segment and offset."""

    __slots__ = ("_cursor", "anchor", "line", "offset", "scanned", "segment", "text")

    def __init__(self, segment: Segment, offset: int, anchor: bytes) -> None:
        self.segment = segment
        self.offset = offset
        self.anchor = anchor  # the min(ANCHOR, offset) bytes before the offset
        self.scanned = offset  # up to here there is no line feed
        self.text = offset  # up to here there are only NUL bytes
        self.line = 0 if offset else 1  # the number of the line behind it; 0: nobody has counted
        self._cursor: str | None = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Place)
            and self.segment is other.segment
            and self.offset == other.offset
        )

    def __hash__(self) -> int:
        return hash((id(self.segment), self.offset))

    def __repr__(self) -> str:
        return f"Place({self.segment.path}, {self.offset})"

    @property
    def at(self) -> int | None:
        """Where it is in the whole log, in bytes; None: nobody has asked yet."""
        base = self.segment.base
        return base + self.offset if base is not None else None

    @property
    def cursor(self) -> str:
        """What a client keeps of this place."""
        if self._cursor is None:
            tail = zlib.crc32(self.anchor) if self.offset else self.segment.begun
            segment = self.segment
            head = segment.head_crc(self.offset)
            self._cursor = CURSOR_TEXT % (segment.number, segment.birth, self.offset, head, tail)
        return self._cursor

    def stands_for(self, before: Place) -> None:
        """Nothing is lost between `before`, the end of the last segment, and here: to clients it
        is the same place, and that one can be proved better than the start of a file."""
        self._cursor = before.cursor


class Block:
    """Consecutive whole lines: `body` is UTF-8, joined by line feeds, none behind the last.

    `cut` names lines that were shortened: (index in the block, bytes in the file). `unfinished`:
    the last line never got its line feed, and its file is final. `more`: there may be more behind
    it already; False when the read came to the end of what was written.
    """

    __slots__ = (
        "body",
        "count",
        "cut",
        "end",
        "frames",
        "more",
        "read_at",
        "start",
        "unfinished",
    )

    def __init__(
        self,
        start: Place,
        end: Place,
        body: bytes,
        cut: tuple[tuple[int, int], ...] = (),
        unfinished: bool = False,
    ) -> None:
        self.start = start
        self.end = end
        self.body = body
        self.cut = cut
        self.unfinished = unfinished
        self.more = True
        self.read_at = 0  # ms since the epoch, set by who reads for the live end
        self.frames: dict[object, bytes] = {}  # encoded once for each view
        self.count = line_feeds(body) + 1  # lines in it
        if start.line:
            end.line = start.line + self.count

    @property
    def is_plain(self) -> bool:
        """Whether the body is what the file has, byte for byte."""
        return len(self.body) + 1 == self.end.offset - self.start.offset


class Gap(NamedTuple):
    """What one reader did not get: bytes (None: unknown), and why."""

    bytes: int | None
    reason: str


class Crossing(NamedTuple):
    """From one segment to the next: what happened, and what this reader has missed of it."""

    event: str | None
    gap: Gap | None


Item = Block | Crossing | Gap


#: Bytes of memory that an item of the window is counted as, beside its text.
ITEM_BYTES = 512


class Step(Struct, frozen=True):
    """What was read, and where the reader stands now."""

    item: Item
    place: Place
    weight: int = ITEM_BYTES  # in the window: of a block its body, and one frame of it
