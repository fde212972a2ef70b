"""The rotated files of one log, opened: each is one segment for all who ask.

`siblings` says which files there are, by name; here they become segments, and are recognised by
their bytes: a file that was compressed since it was open, a copy of one that was read already, the
copies that copytruncate has made of the file that is followed.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from tailws.logs.archive import Archive
from tailws.logs.block import Place
from tailws.logs.compare import begun_behind, is_copy, made_before_rename, made_since
from tailws.logs.file_pool import FilePool
from tailws.logs.identity import Cursor, Identity
from tailws.logs.segment import Segment
from tailws.logs.siblings import Sibling, scan
from tailws.text.lines import Codec

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Times that the rotated files are looked at while they change.
LOOKS = 3
#: Files remembered as read, so that none is read again under another name: about 2 kB each.
PAST = 512
#: Those of them that were there before us: each is opened once, when the log is.
BEFORE = 32


class Copies(NamedTuple):
    """What copytruncate has kept of a file since a place in it."""

    files: list[Segment]  # oldest first
    now: Segment  # the file as it was when they were looked for
    begun: int  # when what is in it then was begun, at the earliest, ns since the epoch
    birth: int  # what is in it then is younger than all that was copied before, ms
    whole: bool = False  # the first goes on where the place is
    saved: int = 0  # which of them, from 1 on, has what was seen of the file last; 0: none

    def is_still(self, segment: Segment) -> bool:
        """Whether the file was only appended to since they were looked for. Raises OSError."""
        st = os.fstat(segment.reopen())
        same = st.st_size >= self.now.size and self.now.lost == (not st.st_nlink)
        return same and segment.read_head().startswith(self.now.head)


class Rotated:
    """Opens the rotated files of the log at `path`, and knows which were read.

    Those among `segments`, the live end's chain, are open already.
    """

    def __init__(
        self,
        path: str,
        folders: tuple[str, ...],
        codec: Codec,
        pool: FilePool | None,
        segments: list[Segment],
    ) -> None:
        self.past: dict[Identity, Segment] = {}  # what was in the chain, latest last
        self.before: set[Identity] = set()  # what was there when the log was first opened
        self._path = path
        self._folders = folders
        self._codec = codec
        self._pool = pool
        self._segments = segments
        self._gone = 0  # files that were gone before they could be opened
        self._opened: WeakValueDictionary[Identity, Segment] = WeakValueDictionary()

    def close(self) -> None:
        """Release all that no reader holds."""
        for segment in list(self._opened.values()):
            if segment.users <= 0:
                segment.close()

    def scan(self) -> list[Sibling]:
        """Those that are there now, oldest first."""
        return scan(self._path, self._folders)

    def remember(self, segment: Segment) -> None:
        """It is read, or will be: under no other name again."""
        self.past.pop(segment.identity, None)
        self.past[segment.identity] = segment
        if len(self.past) > PAST:
            del self.past[next(iter(self.past))]

    def were_before(self, siblings: list[Sibling]) -> None:
        """They are older than the file that the chain begins with, also when they are compressed
        later on."""
        self.before = {sibling.identity for sibling in siblings}
        for sibling in siblings[-BEFORE:]:
            segment = self.open(sibling) if not sibling.packed else None
            if segment is not None:
                self.remember(segment)
                if segment.users == 0:
                    segment.close()

    def adopt(self, segment: Segment) -> None:
        """Count an open segment among the descriptors that the pool bounds."""
        segment.pool = self._pool
        if self._pool is not None:
            self._pool.opened(segment)

    def open(self, sibling: Sibling) -> Segment | None:
        """A rotated file as a segment, the same one for all who ask; None: it cannot be read."""
        for segment in self._segments:
            if segment.identity == sibling.identity and segment.lost:
                return segment
        opened = self._opened.get(sibling.identity)
        try:
            if opened is None:
                opened = sibling.open(self._codec)
                opened.lost = True
                self.adopt(opened)
                self._opened[sibling.identity] = opened
            else:
                opened.path = sibling.path
                opened.reopen()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESTALE):
                self._gone += 1
            else:
                log.warning("%s: cannot be read: %s", sibling.path, error.strerror)
            return None
        return opened

    def steadily(self, look: Callable[[], T]) -> T:
        """What `look` finds, when no file that it has seen was gone before it could be opened: it
        is compressed at this moment, and found under its other name."""
        for _ in range(LOOKS):
            gone = self._gone
            found = look()
            if self._gone == gone:
                break
        return found

    def index(self, siblings: list[Sibling], segment: Segment) -> int | None:
        """Which of the siblings is `segment`: by identity, or a compressed form of it by proof."""
        for index, sibling in enumerate(siblings):
            if sibling.identity == segment.identity:
                return index
        archives = (at for at, one in enumerate(siblings) if self._is_archive_of(one, segment))
        return next(archives, None)

    def _is_archive_of(self, sibling: Sibling, segment: Segment) -> bool:
        """Whether a compressed file holds what `segment` does."""
        if not segment.head and sibling.identity in self.past:
            return False  # times alone would tell: but it was read as a file of its own
        archive = self.open(sibling) if sibling.packed else None
        if archive is None:
            return False
        same = is_copy(archive, segment)
        if archive.users == 0:
            archive.close()
        return same

    def found(self, segment: Segment) -> Segment:
        """`segment`, opened again if it was closed, or what it was compressed to since then, unless
        that has what came into the file later. Raises OSError: neither is there.
        """
        try:
            segment.reopen()
        except OSError:
            siblings = self.scan() if segment.lost and not segment.superseded else []
            at = self.index(siblings, segment)
            packed = self.open(siblings[at]) if at is not None else None
            if packed is None:
                raise
            if packed.link is None and segment.link is not None and segment.link.next is not packed:
                packed.link = segment.link
            return packed
        return segment

    def is_known(self, segment: Segment, now: Segment, of: Segment) -> bool:
        """Whether it is a copy of the file as it is now, or of one that was read before `of`."""
        return _is_copy_of_now(segment, now) or self._was_read(segment, of)

    def _was_read(self, segment: Segment, of: Segment) -> bool:
        past = (past for past in self.past.values() if past.lost and past is not of)
        return any(is_copy(segment, old) for old in past)

    # -- copies

    def copies(self, place: Place) -> Copies:
        """The copy that goes on where `place` is, and those made of what was written after the
        truncation, if there was one. Raises OSError."""
        return self.steadily(lambda: self._copies(place))

    def _copies(self, place: Place) -> Copies:
        segment = place.segment
        now = as_it_is(segment)
        siblings = made_before_rename(segment, self.scan())
        if segment.lost and not os.fstat(segment.reopen()).st_nlink:
            # what follows its archive, the youngest that holds what it does now, is no copy of it
            youngest = reversed(range(len(siblings)))
            own = (at for at in youngest if self._is_archive_of(siblings[at], now))
            siblings = siblings[: next(own, None)]
        self._account_for_unseen(siblings)
        first = self._copy_of(place, siblings)
        files: list[Segment] = []
        later = siblings
        begun, birth = begun_behind(now.begun, siblings), 0
        if first is not None:
            copy = self.open(siblings[first])
            if copy is not None:
                files.append(copy)
                birth = siblings[first].heir
            later = siblings[first + 1 :]
        for sibling in later:
            if sibling.identity in self.past:
                continue
            if not made_since(sibling, segment.begun, segment.identity.birth):
                continue
            copy = self.open(sibling)
            if copy is None or copy in files:
                continue
            of_now = _is_copy_of_now(copy, now)
            if of_now or not copy.head:  # the file is not truncated yet, or not even copied
                begun = min(begun, sibling.made or sibling.written)
            if not of_now:
                birth = max(birth, sibling.heir)
                if copy.head and not self._was_read(copy, segment):
                    files.append(copy)
            if copy.users == 0 and copy not in files:
                copy.close()
        births = (copy.identity.birth + 1 for copy in files if not isinstance(copy, Archive))
        begun = max(births, default=begun)
        if not files or not files[0].proves_place(place):
            return Copies(files, now, begun, birth)
        # the first has what was seen last, or, if nothing was read yet, the one that begins like it
        head = b"" if place.offset else segment.head
        saved = (n for n, copy in enumerate(files, 1) if copy.head.startswith(head))
        return Copies(files, now, begun, birth, whole=True, saved=next(saved, 0))

    def _account_for_unseen(self, siblings: list[Sibling]) -> None:
        """Files of which nothing was ever seen may have been compressed: find out which archives
        are theirs, the oldest first, before another gets their name."""
        past = self.past.values()
        unseen = [one for one in past if one.lost and not one.head and one.archive is None]
        for sibling in siblings:
            for one in unseen:
                if self._is_archive_of(sibling, one):  # which the file remembers
                    break

    def _copy_of(self, place: Place, siblings: list[Sibling]) -> int | None:
        """Which sibling holds the bytes at `place`: what copytruncate copied them to."""
        cursor = Cursor.parse(place.cursor)
        if cursor is None or place.offset == 0:
            return None
        for index in reversed(range(len(siblings))):
            sibling = siblings[index]
            if sibling.identity.key == place.segment.identity.key:
                continue
            if not sibling.packed and sibling.size < place.offset:
                continue
            copy = self.open(sibling)
            if copy is None:
                continue
            if copy.users == 0 and copy.proves(cursor):
                return index
            if copy.users == 0:
                copy.close()
        return None


def _is_copy_of_now(segment: Segment, now: Segment) -> bool:
    return segment.size <= now.size and is_copy(segment, now)  # 0: an archive, not unpacked yet


def as_it_is(segment: Segment) -> Segment:
    """The file of a segment as it begins at this moment. Raises OSError."""
    now = Segment(segment.path, -1, segment.identity, segment.codec)
    st = os.fstat(segment.reopen())
    now.size, now.written, now.lost = st.st_size, st.st_mtime_ns, not st.st_nlink
    now.head = segment.read_head()
    return now
