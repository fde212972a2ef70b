"""What the daemon says: heads, one line of JSON each, which bodies of raw lines may follow.

Each head is a structure with the keys that may stand in it; `encode` writes it in a third of a
microsecond, and leaves out what has its default. Heads of `lines` are written once for each block,
for they say nothing about who subscribes.

Names of sources are wire names (`tailws.names.wire_name`). Times are milliseconds since 1970.
Cursors are ASCII without quotes and backslashes.
"""

from collections.abc import Callable

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tailws.messages.commands import ErrorCode, Id

#: The subprotocol of the WebSocket (RFC 6455, section 1.9).
SUBPROTOCOL = "tailws.v1"


class SourceInfo(Struct, kw_only=True, omit_defaults=True):
    """A source as the list shows it."""

    name: str
    state: str
    """`live`, `missing`, `unreadable`, `not-a-file`, or another word with a `detail`."""
    detail: str = ""
    """Why it is not live, in a sentence."""
    path: str = ""
    size: int | UnsetType = UNSET
    """Bytes of the live file."""
    modified: int | UnsetType = UNSET
    zone: str = ""
    """Of times in the log that name none, if it is not the daemon's."""
    format: str = ""
    """How its lines are built, if the config says so: `plain`, `json`, …"""


class View(Struct, kw_only=True):
    """A saved view of the config."""

    name: str
    address: str


class FileInfo(Struct, kw_only=True, omit_defaults=True):
    """One of the files of a log."""

    name: str
    size: int
    """Bytes, unpacked."""
    exact: bool = True
    """False where the size of a compressed file is an estimate."""
    first: int | UnsetType = UNSET
    """The time of its first line."""
    start: str = ""
    """The cursor of its beginning."""


class Hit(Struct, kw_only=True, omit_defaults=True):
    """A line that was found: the one `skip` lines behind `cursor`."""

    cursor: str
    skip: int = 0
    at: int | UnsetType = UNSET


class Head(Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """The first line of a message."""


class HelloHead(Head, kw_only=True, tag="hello"):
    """The first message."""

    version: str
    sources: list[SourceInfo]
    features: list[str]
    host: str = ""
    zone: str = ""
    """Of the machine: `Europe/Berlin`."""
    now: int | UnsetType = UNSET
    title: str = ""
    views: list[View] = []


class SourcesHead(Head, kw_only=True, tag="sources"):
    """The list again, because it changed."""

    sources: list[SourceInfo]


class SubscribedHead(Head, kw_only=True, tag="subscribed"):
    """Where a subscription stands."""

    source: str
    cursor: str
    id: Id | UnsetType = UNSET
    at: int | UnsetType = UNSET


class UnsubscribedHead(Head, kw_only=True, tag="unsubscribed"):
    """Nothing more of this source follows."""

    source: str
    id: Id | UnsetType = UNSET


class LinesHead(Head, kw_only=True, tag="lines"):
    """Consecutive lines."""

    source: str
    start: str
    end: str
    """The cursor to resume from."""
    t: int | UnsetType = UNSET
    """When they were read."""
    at: int | UnsetType = UNSET
    """Where the first one stands in the whole log, in bytes."""
    number: int | UnsetType = UNSET
    """What the first one is in its file, counted from 1."""
    hidden: int = 0
    """How many lines between the two cursors a filter left out."""
    unfinished: bool = False
    """The last line never got its line feed: its file is final."""
    cut: list[tuple[int, int]] = []
    """Lines that were shortened: which one, and how many bytes it has in the file."""


class HistoryHead(Head, kw_only=True, tag="history"):
    """The answer to `history`."""

    source: str
    start: str
    end: str
    more: bool
    """Whether there is more in this direction, as far as is known."""
    id: Id | UnsetType = UNSET
    at: int | UnsetType = UNSET
    number: int | UnsetType = UNSET
    hidden: int = 0
    file: str = ""
    time: int | UnsetType = UNSET
    left: int | UnsetType = UNSET
    """Bytes between the page and `until`."""
    left_lines: int | UnsetType = UNSET
    """The same in lines, where known."""


class GapHead(Head, kw_only=True, tag="gap"):
    """Lines that this client did not get and will not get by itself."""

    source: str
    bytes: int | None
    reason: str
    start: str = ""
    end: str = ""
    t: int | UnsetType = UNSET


class EventHead(Head, kw_only=True, tag="event"):
    """What happened to a file; nothing was lost by it."""

    source: str
    event: str
    file: str = ""
    detail: str = ""
    t: int | UnsetType = UNSET


class BehindHead(Head, kw_only=True, tag="behind"):
    """How many bytes of a source this client has yet to get."""

    source: str
    bytes: int


class ErrorHead(Head, kw_only=True, tag="error"):
    """What was wrong with a command."""

    code: ErrorCode
    message: str
    id: Id | UnsetType = UNSET
    source: str = ""


class LocatedHead(Head, kw_only=True, tag="located"):
    """The answer to `locate`."""

    source: str
    cursor: str | None
    exact: bool
    id: Id | UnsetType = UNSET
    at: int | UnsetType = UNSET
    number: int | UnsetType = UNSET
    time: int | UnsetType = UNSET
    oldest: str = ""


class FoundHead(Head, kw_only=True, tag="found"):
    """Hits of a `find`, and how far it is."""

    id: Id
    source: str
    hits: list[Hit]
    scanned: int
    of: int
    file: str = ""
    count: int = 0
    """All hits so far."""
    done: bool = False


class StoppedHead(Head, kw_only=True, tag="stopped"):
    """A `find` or `watch` has ended as `stop` asked."""

    id: Id


class MatchHead(Head, kw_only=True, tag="match"):
    """A line matched a `watch`, or a rule of the config."""

    source: str
    cursor: str
    count: int
    """Matching lines since the last one that was told, this one included."""
    id: Id | UnsetType = UNSET
    rule: str = ""
    t: int | UnsetType = UNSET


class ActivityHead(Head, kw_only=True, tag="activity"):
    """What came in the last second: lines, bytes, errors and warnings."""

    sources: dict[str, list[int]]
    t: int | UnsetType = UNSET


class RatesHead(Head, kw_only=True, tag="rates"):
    """How much came in each of the last minutes, oldest first; the last one is passing."""

    minutes: int
    sources: dict[str, tuple[list[int], list[int], list[int]]]
    """Lines, warnings and errors; a source to which nothing came is left out."""
    t: int | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    done: bool = False


class ExtentHead(Head, kw_only=True, tag="extent"):
    """Which files a log consists of, oldest first."""

    source: str
    files: list[FileInfo]
    id: Id | UnsetType = UNSET


class OutlineHead(Head, kw_only=True, tag="outline"):
    """How many lines, and errors, stand in each part of a log; null where nobody has looked."""

    source: str
    buckets: list[list[int] | None]
    scanned: int
    of: int
    id: Id | UnsetType = UNSET
    done: bool = False


class PongHead(Head, kw_only=True, tag="pong"):
    """The daemon's clock."""

    t: int
    id: Id | UnsetType = UNSET


#: A head by itself, without a call in between.
encode_head: Callable[[Head], bytes] = msgspec.json.Encoder().encode


def encode(head: Head, body: bytes | None = None) -> bytes:
    """Return a message: the head, and a body of whole lines without the last line feed.

    An empty body is one empty line; None is none.
    """
    line = encode_head(head)
    return line if body is None else b"%b\n%b" % (line, body)
