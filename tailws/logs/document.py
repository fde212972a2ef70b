"""A log as one document: its files from the oldest one that is kept to the live end.

    app.log.2.gz      app.log.1      app.log
    0 ............ a  a ......... b  b ........ end      `at`: a place in the whole, in bytes

The list is made from the directory and from the segments that are open, when somebody asks, and
is good for that one request. What it takes to know about a file (how large it is unpacked, how it
begins, its first time) is kept in a `Library`, by the file's identity: it is looked into once.
"""

from __future__ import annotations

import os
import struct
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import zstandard
from msgspec import Struct, field

from tailws.logs.archive import KEPT, Archive
from tailws.logs.block import Place
from tailws.logs.chain import Chain
from tailws.logs.locate import at_cursor
from tailws.logs.pieces import Crowd, Forward, Pause, Piece
from tailws.logs.segment import KEPT_HEAD, Segment, live_end
from tailws.logs.siblings import Sibling
from tailws.logs.source import Source
from tailws.text.times import TimeFormat

#: Files whose facts are kept: a few kB each.
FILES: Final = 4096
#: How much larger than its compressed form a log is taken to be while nobody knows.
USUAL_RATIO: Final = 8
#: Bytes of a bzip2 file that are unpacked to guess its size: more than one of its blocks.
BZIP2_SAMPLE: Final = 1 << 20
#: Bytes of the index of an xz file that are read; a larger one is of a file of many gigabytes.
XZ_INDEX: Final = 64 * 1024
#: Bytes between two places whose line number is kept.
STRIDE: Final = 1 << 20

Key = tuple[int, int, int, int]


class Facts(Struct):
    """What was found out about one file."""

    head: bytes = b""
    size: int = 0
    """Unpacked bytes; of a plain file those that it had when it was looked at."""
    exact: bool = True
    form: TimeFormat | None = None
    """How it writes times; None: nobody has looked, or it writes none."""
    first: float | None = None
    """The first time in it, in seconds since the epoch."""
    lines: list[int] = field(default_factory=lambda: [0])
    """How many lines end before each STRIDE bytes, as far as they were counted."""
    counted: int = 0
    """Up to which byte they were."""
    lines_counted: int = 0
    """How many end before that."""
    density: dict[object, object] = field(default_factory=dict)
    """What an outline has counted, by filter."""


class Shelf:
    """Keeps the archives used last unpacked, so that paging on does not begin from their start."""

    def __init__(self, memory: int) -> None:
        self._most = max(1, memory // (2 * KEPT))
        self._held: OrderedDict[Segment, Chain] = OrderedDict()

    def keep(self, segment: Segment, chain: Chain) -> None:
        if not isinstance(segment, Archive):
            return
        if segment in self._held:
            self._held.move_to_end(segment)
            return
        chain.hold(segment)
        self._held[segment] = chain
        while len(self._held) > self._most:
            oldest, its_chain = self._held.popitem(last=False)
            its_chain.release(oldest)

    def close(self) -> None:
        while self._held:
            segment, chain = self._held.popitem()
            chain.release(segment)


class Library:
    """What all requests share: facts about files, archives at hand, and the time of a turn."""

    def __init__(self, archive_memory: int) -> None:
        self.shelf = Shelf(archive_memory)
        self.crowd = Crowd()
        self._facts: OrderedDict[Key, Facts] = OrderedDict()

    def facts(self, key: Key) -> Facts:
        """What is known of a file; nothing at first."""
        found = self._facts.get(key)
        if found is None:
            found = self._facts[key] = Facts()
            if len(self._facts) > FILES:
                self._facts.popitem(last=False)
        else:
            self._facts.move_to_end(key)
        return found

    def facts_of(self, segment: Segment) -> Facts:
        """The same for a file that is open."""
        return self.facts(segment_key(segment))

    @contextmanager
    def searching(self) -> Iterator[Crowd]:
        """For the time of a search, one more shares the turn."""
        self.crowd.running += 1
        try:
            yield self.crowd
        finally:
            self.crowd.running -= 1

    def close(self) -> None:
        """Release the archives."""
        self.shelf.close()


def segment_key(segment: Segment) -> Key:
    """Which file, and which of its lives if it was truncated."""
    packed = segment.packed_size if isinstance(segment, Archive) else 0
    return (*segment.identity.key, segment.birth, packed)


def _sibling_key(sibling: Sibling) -> Key:
    packed = sibling.size if sibling.packed else 0
    return (*sibling.identity.key, sibling.birth, packed)


class Part:
    """One file of a document: its bytes from `start` to `end`, which begin at `at` in the whole."""

    __slots__ = ("_segment", "_sibling", "at", "end", "facts", "path", "start")

    def __init__(
        self, facts: Facts, path: str, start: int, end: int, of: Segment | Sibling
    ) -> None:
        self.facts = facts
        self.path = path
        self.start = start
        self.end = end
        self.at = 0
        self._segment = of if isinstance(of, Segment) else None
        self._sibling = of if isinstance(of, Sibling) else None

    def lay(self) -> None:
        """Tell the open file where it stands in the whole."""
        if self._segment is not None:
            self._segment.base = self.at - self.start

    @property
    def size(self) -> int:
        """Bytes; of an archive that was never unpacked a guess."""
        return self.end - self.start

    @property
    def name(self) -> str:
        """For people: the file's name, valid UTF-8."""
        return (
            os.path.basename(self.path)
            .encode("utf-8", "surrogateescape")
            .decode("utf-8", "replace")
        )

    @property
    def packed(self) -> int:
        """Bytes of a compressed file; 0: it is none."""
        if self._sibling is not None:
            return self._sibling.size if self._sibling.packed else 0
        return self._segment.packed_size if isinstance(self._segment, Archive) else 0

    def is_of(self, segment: Segment) -> bool:
        """Whether this part is that file."""
        if self._segment is not None:
            return self._segment is segment
        assert self._sibling is not None
        return self._sibling.identity == segment.identity

    def open(self, chain: Chain) -> Segment | None:
        """The file, as all see it; the caller holds and releases it. None: it cannot be read."""
        if self._segment is not None:
            return self._segment
        assert self._sibling is not None
        return chain.rotated.open(self._sibling)


class Document:
    """The parts of a log, oldest first."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.measure()

    def measure(self) -> None:
        """Lay the parts end to end, by what is known of their sizes now."""
        at = 0
        for part in self.parts:
            part.at = at
            at += part.size
            part.lay()
        self.size = at

    def index(self, segment: Segment) -> int | None:
        """Which part a segment is."""
        return next((i for i, part in enumerate(self.parts) if part.is_of(segment)), None)

    def at(self, place: Place) -> int | None:
        """Where a place stands in the whole; None: its file is not part of it."""
        index = self.index(place.segment)
        if index is None:
            return None
        part = self.parts[index]
        return part.at + place.offset - part.start

    def find(self, at: int) -> tuple[int, int]:
        """The part in which the byte `at` of the whole stands, and its offset there."""
        for index, part in enumerate(self.parts):
            if at < part.at + part.size or index == len(self.parts) - 1:
                return index, max(part.start, min(part.end, part.start + at - part.at))
        return 0, 0


@contextmanager
def opened(source: Source, part: Part) -> Iterator[Segment]:
    """The file of a part, to be read from somewhere to somewhere, once.

    An archive is opened anew: two who read one unpacker at two places would send each other back
    to its start. Raises OSError, LookupError when the file cannot be read.
    """
    chain = source.chain
    if part.packed:
        archive = Archive.open(part.path, chain.codec, part.facts.head)
        archive.read_once()
        try:
            yield archive
            if archive.complete:
                learn_size(part, archive)
        finally:
            archive.close()
        return
    segment = part.open(chain)
    if segment is None:
        raise LookupError(part.path)
    chain.hold(segment)
    try:
        yield segment
    finally:
        chain.release(segment)


class Walk:
    """Pieces from a place on, through all files that follow; `with closing(Walk(…))`.

    Without `stop` it goes on to the end of the document. What is passed of an archive from its
    start on is counted, so that its line numbers are known afterwards.
    """

    def __init__(
        self,
        source: Source,
        whole: Document,
        start: tuple[int, int],
        stop: tuple[int, int] | None = None,
        whole_records: bool = False,
    ) -> None:
        self._source = source
        self._whole = whole
        self._next, self._start = start
        self._stop = stop
        self._records = whole_records
        self._open = ExitStack()
        self._pieces: Forward | None = None
        self.part: Part = whole.parts[self._next]
        self.segment: Segment = None  # type: ignore[assignment]  # set by the first `piece`

    def close(self) -> None:
        """Close the file that it is in."""
        self._pieces = None
        self._open.close()

    def piece(self, size: int) -> Generator[Pause, None, Piece | None]:
        """The next lines, of `part` and `segment`; None: that is all.

        Raises OSError, LookupError.
        """
        while True:
            if self._pieces is None and not self._go_on():
                return None
            assert self._pieces is not None
            piece = yield from self._pieces.piece(size)
            if piece is not None:
                if isinstance(self.segment, Archive):
                    _count(self.part.facts, self.segment, piece)
                return piece
            self.close()

    def _go_on(self) -> bool:
        """Open the next file."""
        index = self._next
        parts = self._whole.parts
        last = self._stop[0] if self._stop is not None else len(parts) - 1
        if index > last:
            return False
        self.part = part = parts[index]
        self.segment = self._open.enter_context(opened(self._source, part))
        stop: int | None = None if part.packed else part.end  # an archive's size may be a guess
        if self._stop is not None and index == last:
            stop = self._stop[1]
        self._pieces = Forward(self.segment, self._start, stop, self._records)
        self._next += 1
        if self._next < len(parts):
            self._start = parts[self._next].start
        return True


def _count(facts: Facts, segment: Segment, piece: Piece) -> None:
    """Note how many lines end before each STRIDE, if all before the piece are counted."""
    if facts.counted != piece.offset or piece.offset + len(piece.data) != piece.end:
        return
    count = segment.codec.count
    at = 0
    while piece.end >= (boundary := len(facts.lines) * STRIDE):
        cut = boundary - piece.offset
        facts.lines_counted += count(piece.data[at:cut])
        facts.lines.append(facts.lines_counted)
        at = cut
    facts.lines_counted += count(piece.data[at:])
    facts.counted = piece.end


def learn_size(part: Part, archive: Archive) -> None:
    """An archive was unpacked to its end."""
    part.facts.size, part.facts.exact = archive.size, True
    part.end = archive.size


@contextmanager
def attached(source: Source) -> Iterator[None]:
    """Keep the files of a source open, as a subscriber would."""

    def ignore(_event: str) -> None: ...

    source.attach(ignore)
    try:
        yield
    finally:
        source.detach(ignore)


def document(source: Source, library: Library) -> Generator[Pause, None, Document]:
    """The log as it is now; its source must be attached to. Raises OSError."""
    chain = source.chain
    living = _living(chain.segments)
    parts: list[Part] = []
    heads = [segment.head for segment in living if segment.head]
    for sibling in _older(chain, living):
        facts = library.facts(_sibling_key(sibling))
        if not facts.head and sibling.size:
            yield from _look_into(chain, sibling, facts)
            yield None
        if not sibling.packed:
            facts.size = sibling.size
        facts.form = source.time_format or facts.form
        if facts.head and not any(_begins_alike(facts.head, head) for head in heads):
            parts.append(Part(facts, sibling.path, 0, facts.size, sibling))
    for segment in living:
        facts = library.facts_of(segment)
        facts.head = segment.head
        facts.form = source.time_format or facts.form
        end = segment.final if segment.final is not None else live_end(segment)
        if isinstance(segment, Archive) and segment.final is None:
            end = facts.size
        parts.append(Part(facts, segment.path, segment.start, max(segment.start, end), segment))
    return Document(parts)


def index_of(
    source: Source, whole: Document, cursor: str
) -> Generator[Pause, None, tuple[int, int]]:
    """The part of a document that a cursor is in, and the offset there.

    Raises BadCursor, OSError; LookupError when that place is not kept any more.
    """
    located = yield from at_cursor(source.chain, cursor)
    place = located.place
    if place is None:
        raise LookupError(cursor)
    source.chain.hold(place.segment)
    try:
        index = whole.index(place.segment)
        if index is None or located.gap is not None:
            raise LookupError(cursor)
        return index, place.offset
    finally:
        source.chain.release(place.segment)


def _living(segments: list[Segment]) -> list[Segment]:
    """Those whose bytes still exist: what was truncated in place lives on in its copies."""
    return [
        segment
        for index, segment in enumerate(segments)
        if not any(
            later.identity.key == segment.identity.key and not later.start
            for later in segments[index + 1 :]
        )
    ]


def _older(chain: Chain, living: list[Segment]) -> list[Sibling]:
    siblings = chain.rotated.scan()
    known = {segment.identity.key for segment in chain.segments}
    for index, sibling in enumerate(siblings):
        if sibling.identity.key in known and any(s.identity == sibling.identity for s in living):
            siblings = siblings[:index]
            break
    return [sibling for sibling in siblings if sibling.identity.key not in known]


def _begins_alike(one: bytes, other: bytes) -> bool:
    """Whether a file is a copy of another, as far as their heads tell."""
    length = min(len(one), len(other))
    return one[:length] == other[:length] and (length >= KEPT_HEAD or length == len(other))


def _look_into(chain: Chain, sibling: Sibling, facts: Facts) -> Generator[Pause, None, None]:
    """Read the head of a rotated file, and how large it is."""
    segment = chain.rotated.open(sibling)
    if segment is None:
        return
    chain.hold(segment)
    try:
        facts.head = segment.head
        facts.size, facts.exact = sibling.size, True
        if isinstance(segment, Archive):
            while segment.path.endswith(".bz2") and not segment.complete:
                if segment.to_end() or segment.unpacked >= BZIP2_SAMPLE:
                    break
                yield None
            facts.size, facts.exact = _unpacked_size(segment)
        yield None
    except OSError:
        facts.head = b""
    finally:
        chain.release(segment)


def _unpacked_size(archive: Archive) -> tuple[int, bool]:
    """How large an archive is, as it says itself or as its beginning lets one guess."""
    if archive.complete:
        return archive.size, True
    packed = archive.packed_size
    said = 0
    ending = os.path.splitext(archive.path)[1]
    try:
        if ending == ".gz":  # RFC 1952, section 2.3.1: ISIZE, modulo 2^32, of the last member
            said = struct.unpack("<I", os.pread(archive.reopen(), 4, packed - 4))[0]
        elif ending == ".zst":  # RFC 8878, section 3.1.1.1.4
            head = os.pread(archive.reopen(), 64, 0)
            said = max(0, zstandard.frame_content_size(head))
        elif ending == ".xz":
            said = _xz_size(archive.reopen(), packed)
    except (OSError, struct.error, zstandard.ZstdError, IndexError):
        pass
    least = max(packed // 2, archive.unpacked)
    if said >= least:
        return said, False
    if archive.progress > 0.0:
        return max(least, round(archive.unpacked / archive.progress)), False
    return packed * USUAL_RATIO, False


def _xz_size(fd: int, packed: int) -> int:
    """What the index of the last stream says: "The .xz File Format", sections 2.1.2 and 4.

    Raises OSError, struct.error, IndexError where there is none.
    """
    footer = os.pread(fd, 12, packed - 12)
    size = 4 * (struct.unpack("<I", footer[4:8])[0] + 1)
    if footer[10:] != b"YZ" or size > XZ_INDEX:
        return 0
    index = os.pread(fd, size, packed - 12 - size)
    count, at = _multibyte(index, 1)
    total = 0
    for _ in range(count):
        _, at = _multibyte(index, at)
        size, at = _multibyte(index, at)
        total += size
    return total


def _multibyte(data: bytes, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte (section 1.2), and where the next one begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
