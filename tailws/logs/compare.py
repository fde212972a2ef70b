"""Which file is made of which, and what is left of what it was: by bytes, and by times.

A rotation copies (copytruncate), compresses, and renames; an editor writes a new file in the place
of the old one. What a file was made of is not written anywhere. The bytes tell it where there are
enough of them; times tell which files cannot be meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from tailws.logs.archive import Archive
from tailws.logs.block import Block, Place
from tailws.logs.identity import Identity
from tailws.logs.segment import KEPT_HEAD, Segment
from tailws.logs.siblings import SECOND, Sibling

#: Bytes compared to tell an editor's save from a new file. Larger files are taken for new ones.
SAME_TEXT_MAX = 16 * 1024 * 1024
#: Below this many bytes, equal text proves nothing: logs begin with the same banner.
SAME_TEXT_MIN = 1024

# -- by bytes


def is_copy(segment: Segment, of: Segment) -> bool:
    """Whether `segment` begins with the same bytes as `of`, more of them than a banner."""
    if segment.size > of.size and not isinstance(segment, Archive):
        return False  # a copy is never longer than what it was made of
    was_closed = of.fd < 0
    try:
        of.remember_head()
    except OSError:
        if len(of.head) < min(KEPT_HEAD, of.size) and segment.size != of.size:
            return False  # too little is known of it
    finally:
        if was_closed:
            of.close()  # whoever has let it go will not do so again
    if not of.head:
        return _is_made_of_unseen(segment, of)
    length = min(len(segment.head), len(of.head))
    if not length or segment.head[:length] != of.head[:length]:
        return False
    if length >= SAME_TEXT_MIN:
        return True
    # all that is known of it: whole lines prove something, the beginning of one does not
    whole = of.codec.end_of_lines(of.head) > 0 or segment.size == of.size
    return whole and length == len(of.head)


def _is_made_of_unseen(archive: Segment, of: Segment) -> bool:
    """Where nothing was ever seen of a file, and it is gone: an empty archive of its time, or, if
    it was not at its end yet, its name, X and X.gz. What gets this name next is not made of it."""
    named = isinstance(archive, Archive) and os.path.splitext(archive.path)[0] == of.path
    named = named and of.final is None
    may_be = of.archive is None and of.lost and (named or _are_empty(archive, of))
    if may_be and _is_gone(of):
        of.archive = archive.identity
    return of.archive == archive.identity


def _is_gone(segment: Segment) -> bool:
    was_closed = segment.fd < 0
    try:
        return os.fstat(segment.reopen()).st_nlink == 0
    except OSError:
        return True
    finally:
        if was_closed:
            segment.close()


def _are_empty(archive: Segment, segment: Segment) -> bool:
    """Whether it is what compression made of a file that is empty: it keeps the time of the last
    write or truncation, else of its birth, or only the second."""
    if not isinstance(archive, Archive) or archive.head or segment.size:
        return False
    try:
        written = archive.fstat().st_mtime_ns
        if segment.fd >= 0:
            segment.fstat()
    except OSError:
        return False
    times = (segment.identity.birth, segment.written)
    return not segment.size and any(written in (at, at - at % SECOND) for at in times)


def same_text(old: Segment, new: Segment) -> int | None:
    """Where to go on in `new` when it begins with all of `old`: an editor saved the file."""
    try:
        size = old.fstat().st_size
        if not SAME_TEXT_MIN <= size <= min(new.size, SAME_TEXT_MAX):
            return None
        last = 0
        for at in range(0, size, 1 << 20):
            length = min(1 << 20, size - at)
            text = os.pread(old.reopen(), length, at)
            if len(text) < length or text != os.pread(new.reopen(), length, at):
                return None
            end = old.codec.end_of_lines(text)
            last = at + end if end else last
        return last
    except OSError:
        return None


def kept(segment: Segment, place: Place, size: int, known: Iterable[Block]) -> int:
    """Up to which line a file of now `size` bytes is what it was, as far as that can be seen; 0
    when it was written anew. It was read up to `place`, and in `known` blocks. Raises OSError."""
    codec = segment.codec
    same = common(segment.head, segment.read_head())
    if same < len(segment.head):
        return min(place.offset, codec.end_of_lines(segment.head[:same]))
    # where nothing was read yet, its head has to tell: a byte or two are no proof
    seen = place.offset or len(segment.head) >= min(KEPT_HEAD, size)
    if seen and place.offset <= size and segment.proves_place(place):  # cut behind what was read
        return line_end(segment, size) if size < segment.size else place.offset
    for block in known:
        at = block.start.offset
        if at <= size and segment.proves_place(block.start):
            body = block.body + b"\n" if block.is_plain else b""
            same = common(body, os.pread(segment.reopen(), len(body), at))
            return at + codec.end_of_lines(body[:same])
    return min(place.offset, codec.end_of_lines(segment.head))


def line_end(segment: Segment, size: int) -> int:
    """The place behind the last line feed before `size`. Raises OSError."""
    start = max(0, size - SAME_TEXT_MAX)
    return start + segment.codec.end_of_lines(os.pread(segment.reopen(), size - start, start))


def common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# -- by times


def born_after(one: Identity, other: Identity) -> bool:
    return bool(one.birth and other.birth and one.birth > other.birth)


def begun_behind(begun: int, siblings: Iterable[Sibling]) -> int:
    """When what comes after all of the siblings was begun, which by the clock is at `begun`, both
    ns: with multigrain timestamps (Linux 6.13) what the kernel stamps a file with may be ahead of
    the clock by its tick."""
    ahead = (one.identity.birth + 1 for one in siblings if one.identity.birth - begun < SECOND)
    return max([begun, *ahead])


def begun_after(sibling: Sibling, old: Segment) -> bool:
    """Whether a sibling was begun after `old`, as far as times tell."""
    if not sibling.packed and sibling.identity.birth and old.identity.birth:
        return sibling.identity.birth > old.identity.birth
    return sibling.written > old.birth * 1_000_000


def made_since(sibling: Sibling, begun: int, birth: int) -> bool:
    """Whether it may be a copy of a file born at `birth`, made after `begun` (both ns); gzip(1)
    keeps the time of the last write. A file that was renamed is older than its successor."""
    born = sibling.identity.birth
    if born and (born < begun or born <= birth):
        return False
    return sibling.written >= begun


def made_before_rename(segment: Segment, siblings: list[Sibling]) -> list[Sibling]:
    """Those of `siblings` that may be copies of `segment`: copytruncate copies what has the name.

    A file that was renamed since is younger than its copies. One that was compressed or deleted
    then is not among the siblings, but its successor tells when it lost the name.
    """
    for index, sibling in enumerate(siblings):
        if sibling.identity == segment.identity:
            return siblings[:index]
    link = segment.link
    if not segment.lost or link is None or link.event != "rotated":
        return siblings
    renamed = link.next.identity.birth
    if isinstance(link.next, Archive) or not renamed:
        return siblings
    if renamed <= segment.identity.birth:
        return []  # it is a copy itself, and never had the name
    return [sibling for sibling in siblings if sibling.made <= renamed]
