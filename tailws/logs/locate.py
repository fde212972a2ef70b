"""From what a client asks for to a place: a cursor proved against the bytes, the last N lines.

These are generators for `runtime.steps`: they yield between reads, so that neither a large file
nor an archive that has to be unpacked holds up the loop.

A cursor is looked for where it most likely is, and believed nowhere without proof:

    1. the segments that are open         (the file lives on; somebody reads it)
    2. files of that inode and birth      (rotated while nobody looked; any name)
    3. rotated siblings, packed or not    (compressed, copied, restored to another disk)

If it is nowhere the client is told by a gap, and goes on with the oldest file that is younger
than the one it has read, so that nothing that still exists is left out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import NamedTuple

from tailws.logs.archive import Archive
from tailws.logs.block import COLD, COLD_DELAY, Gap, Place
from tailws.logs.chain import Chain
from tailws.logs.compare import made_before_rename, made_since
from tailws.logs.identity import (
    ANCHOR,
    Cursor,
    Identity,
    birth_ms,
    file_number,
    find_inode,
    identify_path,
)
from tailws.logs.rotated import LOOKS
from tailws.logs.segment import Segment, live_end
from tailws.logs.siblings import Sibling

#: Bytes looked at in one step backwards.
STEP_BACK = 256 * 1024
#: With a filter, how far back the first lines are looked for before fewer have to do.
FILTERED_BACK = 64 << 20

Steps = Generator[float | None, None, "Located"]


class Located(NamedTuple):
    """Where a subscription begins, and what has to be said first. No place: wait for a file."""

    place: Place | None
    gap: Gap | None = None


class BadCursor(Exception):
    """Not a cursor that this daemon can have made."""


def from_start(chain: Chain) -> Steps:
    """The beginning of the live file."""
    yield from ()
    if not chain.segments:
        return Located(None)
    first = chain.segments[-1]
    return Located(first.place(first.start))


def last_lines(chain: Chain, count: int) -> Steps:
    """Before the last `count` lines of the live file."""
    if not chain.segments:
        return Located(None)
    segment = chain.segments[-1]
    end = live_end(segment)
    start, _ = yield from lines_before(segment, end, count)
    return Located(segment.place(start))


def lines_before(
    segment: Segment, offset: int, count: int
) -> Generator[float | None, None, tuple[int, int]]:
    """Where the `count`-th line before `offset` begins, and how many there were (fewer at the
    start of the segment)."""
    codec = segment.codec
    found = 0
    at = offset - len(codec.newline) if offset > segment.start else offset  # the last line's own
    if count <= 0 or at <= segment.start:
        return (offset, 0) if count <= 0 or offset <= segment.start else (segment.start, 1)
    while at > segment.start:
        start = max(segment.start, at - STEP_BACK)
        start -= start % len(codec.newline)
        data = segment.read(start, at - start)
        while data is COLD:
            yield COLD_DELAY if not isinstance(segment, Archive) else None
            data = segment.read(start, at - start)
        assert isinstance(data, bytes)
        if not data.strip(b"\0"):
            at = _before_hole(segment, start)
            yield None
            continue
        here = codec.count(data)
        if found + here < count:
            found += here
        else:
            end = len(data)
            while found < count:
                end = codec.end_of_lines(data[:end]) - len(codec.newline)
                found += 1
            return start + end + len(codec.newline), count
        at = start
        yield None
    return segment.start, found + 1


def _before_hole(segment: Segment, at: int) -> int:
    """The end of the data before a hole that reaches up to `at` (lseek(2), SEEK_HOLE)."""
    if isinstance(segment, Archive):
        return at
    end = segment.start
    position = segment.start
    try:
        for _ in range(1000):
            data = os.lseek(segment.reopen(), position, os.SEEK_DATA)
            if data >= at:
                return end
            position = os.lseek(segment.reopen(), data, os.SEEK_HOLE)
            end = min(position, at)
            if position >= at:
                return at
    except OSError:
        return end
    return at


def at_cursor(chain: Chain, text: str) -> Steps:
    """The place that a cursor names, by proof; else a gap and where to go on.

    Raises BadCursor, OSError.
    """
    cursor = Cursor.parse(text)
    if cursor is None:
        raise BadCursor
    if not cursor.file:
        return _born_since(chain, cursor)
    for _ in range(LOOKS):
        place = _in_chain(chain, cursor)
        if place is not None:
            return Located(place)
        yield None
        siblings = chain.rotated.scan()
        for find in (_by_inode, _by_content):
            place = yield from find(chain, cursor, siblings)
            if place is not None:
                return Located(place)
            yield None
        if chain.rotated.scan() == siblings:
            break  # else a rotation was at work meanwhile
    return _not_found(chain, cursor, siblings)


def _in_chain(chain: Chain, cursor: Cursor) -> Place | None:
    for segment in reversed(chain.segments):
        if not _is_of(cursor, segment):
            continue
        if cursor.birth > segment.birth and segment is not chain.newest:
            continue  # of what was written to that file later
        if not cursor.offset and segment.generation and segment.begun > cursor.tail:
            continue  # the same file, but not as it was then
        with contextlib.suppress(OSError):  # closed, and compressed since
            place = _proved(chain, segment, cursor)
            if place is not None:
                return place
    return None


def _born_since(chain: Chain, cursor: Cursor) -> Located:
    """The first file that was not there when the cursor was given out."""
    siblings = chain.rotated.scan()
    for index, sibling in enumerate(siblings):
        if not sibling.packed and sibling.identity.birth >= cursor.tail:
            segment = chain.rotated.open(sibling)
            if segment is not None:
                chain.resume(segment, siblings[index + 1 :])
                return Located(segment.place(0))
    newest = chain.segments[0]
    return Located(newest.place(max(newest.start, chain.first_start(newest))))


def _proved(chain: Chain, segment: Segment, cursor: Cursor) -> Place | None:
    """The place in `segment`, if the bytes agree."""
    if not segment.proves(cursor) or cursor.offset < segment.start:
        return None
    if segment.final is not None and cursor.offset > segment.final:
        return None
    place = segment.place(cursor.offset)
    if cursor.offset == 0:
        known = chain.copied(place) or segment.final is not None
        if _copied_since(chain, segment, cursor, segment.begun if known else None):
            return None
    return place


def _copied_since(chain: Chain, segment: Segment, cursor: Cursor, until: int | None) -> bool:
    """Whether the file was copied and truncated since the cursor at its start was given out, and
    before `until` (ns), from when on the chain knows of it."""
    if not segment.birth:
        return False
    older = [
        sibling
        for sibling in made_before_rename(segment, chain.rotated.scan())
        if until is None or sibling.made < until
    ]
    return _first_copy(cursor, older, segment.identity) is not None


def _by_inode(
    chain: Chain, cursor: Cursor, siblings: list[Sibling]
) -> Generator[float | None, None, Place | None]:
    """In a rotated file of the cursor's inode and birth time, whatever its name is now."""
    index = next(
        (at for at, sibling in enumerate(siblings) if _is_of(cursor, sibling)),
        None,
    )
    if index is not None:
        return (yield from _in_sibling(chain, cursor, siblings, index))
    known = {segment.identity for segment in chain.segments}
    for path in find_inode(chain.path, cursor.file):
        try:
            st = os.stat(path)
            identity = identify_path(path, st)
            birth = birth_ms(identity)
            if identity in known or birth > cursor.birth:
                continue
        except OSError:
            continue
        renamed = Sibling(path, identity, st.st_size, st.st_mtime_ns, "", False, birth)
        segment = chain.rotated.open(renamed)
        if segment is not None and segment.proves(cursor):
            younger = [s for s in siblings if _is_younger(s, cursor)]
            chain.resume(segment, younger)
            return segment.place(cursor.offset)
    return None


def _in_sibling(
    chain: Chain, cursor: Cursor, siblings: list[Sibling], index: int
) -> Generator[float | None, None, Place | None]:
    if not cursor.offset:  # copies that were made of it since come first; they rank as older
        copy = _first_copy(cursor, siblings[:index], siblings[index].identity)
        index = copy if copy is not None else index
    segment = chain.rotated.open(siblings[index])
    if segment is None:
        return None
    if isinstance(segment, Archive):
        yield from _unpack_to(segment, cursor.offset)
    if not segment.proves(cursor):
        if segment.users == 0:
            segment.close()
        return None
    chain.resume(segment, siblings[index + 1 :])
    return segment.place(cursor.offset)


def _by_content(
    chain: Chain, cursor: Cursor, siblings: list[Sibling]
) -> Generator[float | None, None, Place | None]:
    """In any sibling, or the live file, whose bytes agree: compressed, copied, restored."""
    if cursor.offset == 0:
        return (yield from _copied_whole(chain, cursor, siblings))
    for index in reversed(range(len(siblings))):
        sibling = siblings[index]
        if not sibling.packed and sibling.size < cursor.offset:
            continue
        segment = chain.rotated.open(sibling)
        if segment is None:
            continue
        if isinstance(segment, Archive):
            yield from _unpack_to(segment, cursor.offset)
        if segment.proves(cursor):
            chain.resume(segment, siblings[index + 1 :])
            return segment.place(cursor.offset)
        if segment.users == 0:
            segment.close()
        yield None
    newest = chain.newest
    if newest is not None and newest.fstat().st_size >= cursor.offset and newest.proves(cursor):
        return newest.place(cursor.offset)
    return None


def _copied_whole(
    chain: Chain, cursor: Cursor, siblings: list[Sibling]
) -> Generator[float | None, None, Place | None]:
    """For a cursor at the start of a file that was copied and truncated since: the first copy."""
    yield None
    newest = chain.newest
    if newest is None or not _is_of(cursor, newest):
        return None
    index = _first_copy(cursor, siblings, newest.identity)
    segment = chain.rotated.open(siblings[index]) if index is not None else None
    if index is None or segment is None:
        return None
    chain.resume(segment, siblings[index + 1 :])
    return segment.place(0)


def _first_copy(cursor: Cursor, siblings: list[Sibling], of: Identity) -> int | None:
    """The sibling that was made first of what was written to a file since a cursor at its start."""
    since = (i for i, s in enumerate(siblings) if made_since(s, cursor.tail, of.birth))
    return next(since, None)


def _unpack_to(archive: Archive, offset: int) -> Generator[float | None, None, None]:
    """Unpack up to `offset`, step by step."""
    start = max(0, offset - ANCHOR)
    while archive.read(start, offset - start) is COLD:
        yield None


def _not_found(chain: Chain, cursor: Cursor, siblings: list[Sibling]) -> Located:
    """The bytes before the cursor are nowhere: a gap, then all that is younger than they were,
    beginning with what is in its own file now."""
    newest = chain.newest
    if newest is None:
        return Located(None, Gap(None, "gone"))
    plain = [(at, sibling) for at, sibling in enumerate(siblings) if not sibling.packed]
    same = next((at for at, sibling in plain if _is_of(cursor, sibling)), None)
    younger = (at for at, sibling in plain if _is_younger(sibling, cursor))
    at = same if same is not None else next(younger, None)
    segment = chain.rotated.open(siblings[at]) if at is not None else None
    if at is not None and segment is not None:
        chain.resume(segment, siblings[at + 1 :])
        reason = "truncated" if same is not None else "gone"
        return Located(segment.place(segment.start), Gap(None, reason))
    same_file = newest.number == cursor.file and newest.birth <= cursor.birth
    # within a tick of the kernel's clock all are born together: what has the name came last
    if same_file or newest.birth >= cursor.birth > 0:
        reason = "truncated" if same_file else "gone"
        return Located(newest.place(newest.start), Gap(None, reason))
    return Located(newest.place(live_end(newest)), Gap(None, "unknown-cursor"))


def _is_younger(sibling: Sibling, cursor: Cursor) -> bool:
    """Whether it got the name after the file of the cursor: what was truncated and written anew
    since then had it before."""
    born = sibling.birth if sibling.packed else birth_ms(sibling.identity)
    return born > cursor.birth > 0


def _is_of(cursor: Cursor, file: Sibling | Segment) -> bool:
    """Whether the cursor was given out for this file, as far as it names one."""
    born = min(file.birth, birth_ms(file.identity))
    return file_number(file.identity) == cursor.file and born <= cursor.birth
