"""The chain of segments behind one name: what happened to the file, and what follows what.

The name is looked at (`look`) whenever something hints at a change, and once in a while whatever
the hints say. Then one of these has happened:

    the same file, longer          nothing to do here: readers read on
    the same file, cut or refilled `overwritten`: a new segment begins; the rest of the old bytes
                                   is looked for in a copy that the rotation made of them
    no file                        the old one has lost its name; it is read on, for its writer may
                                   not have noticed yet
    another file                   the old one has lost its name; files that came and went between
                                   two looks are found among the rotated siblings and go between
    another file, the same text    an editor's save: goes on behind the common part

A segment that has lost its name is final when nobody can write to it any more
(`tailws.logs.growth`), and only then do readers cross over: old lines come before new ones.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Callable, Iterable

from tailws.logs import compare
from tailws.logs.archive import Archive
from tailws.logs.block import Block, Place
from tailws.logs.compare import (
    SAME_TEXT_MIN,
    begun_after,
    begun_behind,
    born_after,
    is_copy,
    line_end,
    same_text,
)
from tailws.logs.file_pool import FilePool
from tailws.logs.growth import Growth, Retirement, age
from tailws.logs.identity import identify_path
from tailws.logs.rotated import LOOKS, Copies, Rotated, as_it_is
from tailws.logs.segment import Link, Segment
from tailws.logs.siblings import Sibling, after
from tailws.text.lines import Codec

log = logging.getLogger(__name__)

MISSING = "there is no such file (yet)"


class Chain:
    """Owns the segments of one log, oldest first; the last one has (or had) the name."""

    def __init__(
        self,
        path: str,
        codec: Codec,
        clock: Callable[[], float],
        retirement: Retirement | None = None,
        folders: tuple[str, ...] = (),
        pool: FilePool | None = None,
    ) -> None:
        self.path = path
        self.codec = codec
        self.segments: list[Segment] = []
        self.end: Place | None = None  # up to here the live end has read, in the first of them
        self.rotated = Rotated(path, folders, codec, pool, self.segments)
        self.state = "missing"  # live | missing | unreadable | not-a-file
        self.news: list[str] = []  # what happened that no link will tell: missing, returned, …
        self.shown: tuple[int, int] | None = None  # size, last write (ns) as of the last look
        self.reason = ""  # a sentence for people when the state is not live
        self.growth = Growth(clock, retirement or Retirement())
        self._seen: tuple[int, int, int, int] | None = None  # dev, ino, size, mtime at the name
        self._glimpse: tuple[int, int, int, int] | None = None  # and ctime, while nobody reads it
        self._unlinked = False
        self._refused = ((0, 0), 0)  # dev and ino of an unreadable file; its size at first
        self._shrunk: Segment | None = None  # the one that a look has found shorter, or other
        self._cut: dict[Segment, tuple[int, bool]] = {}  # after the name was lost: had, unsure

    @property
    def newest(self) -> Segment | None:
        return self.segments[-1] if self.segments else None

    @property
    def shrunk(self) -> bool:
        """Whether the newest is shorter than it was, or begins otherwise, and nobody has begun it
        anew: `overwritten` has to see to it."""
        return self._shrunk is not None and self._shrunk is self.newest

    def close(self) -> None:
        """Release all that no reader holds."""
        segments = self.segments[:]
        self.segments.clear()
        for segment in segments:
            self.release(segment)
        self.rotated.close()
        self.growth.clear()
        self._seen = None

    # -- who holds what

    @staticmethod
    def hold(segment: Segment) -> None:
        segment.users += 1

    def release(self, segment: Segment) -> None:
        """One user less; the last one closes the descriptor."""
        segment.users -= 1
        if segment.users <= 0:
            self.growth.forget(segment)
            self._cut.pop(segment, None)
            segment.close()

    def drop_first(self) -> None:
        """The live end has left the first segment."""
        self.release(self.segments.pop(0))

    def _append(self, segment: Segment) -> None:
        self._insert(len(self.segments), segment)

    def _insert(self, at: int, segment: Segment) -> None:
        self.hold(segment)
        self.segments.insert(at, segment)
        self.rotated.remember(segment)

    # -- looking at the name

    def see(self) -> bool:
        """Only the state: what the name shows, without opening it. For a log nobody reads. False:
        it is what it was."""
        try:
            st = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            self.state, self.reason = "missing", MISSING
            return True
        except OSError as error:
            self.state, self.reason = "unreadable", error.strerror or str(error)
            return True
        seen = (st.st_dev, st.st_ino, st.st_size, st.st_ctime_ns)  # the last: who may read it
        if seen == self._glimpse and self.state == "live":
            return False
        if not stat.S_ISREG(st.st_mode):
            self.state, self.reason = "not-a-file", _kind(st.st_mode)
        elif not os.access(self.path, os.R_OK):
            self.state, self.reason = "unreadable", os.strerror(errno.EACCES)
        else:
            self.state, self.reason = "live", ""
            self.shown = st.st_size, st.st_mtime_ns
            self._glimpse = seen
        return True

    def glance(self) -> None:
        """How long it is and when it was written to, for a list; nothing else is concluded."""
        with contextlib.suppress(OSError):  # the next look says so
            st = os.stat(self.path)
            self.shown = st.st_size, st.st_mtime_ns

    def look(self) -> bool:
        """See what the name shows now. True: something changed, readers should try again."""
        try:
            st = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return self._no_file("missing", MISSING)
        except OSError as error:
            return self._no_file("unreadable", error.strerror or str(error))
        seen = (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns)
        if seen == self._seen and self.state == "live":
            return False
        self.shown = st.st_size, st.st_mtime_ns
        newest = self.newest
        if newest is not None and newest.identity.key == seen[:2] and self._same_file(newest):
            if not st.st_nlink and not self._unlinked:
                self.news.append("unlinked")  # a bind mount of a file that was rotated away
            self._unlinked = not st.st_nlink
            self._seen = seen
            self._is_back(newest)
            read = self.end.offset if self.end is not None and self.end.segment is newest else 0
            shrunk = st.st_size < max(newest.size, read)
            if st.st_size > newest.size:
                self.growth.noticed()
            newest.size = max(newest.size, st.st_size)
            try:
                shrunk = shrunk or not newest.remember_head()
            except OSError:  # moved away this very moment, or not readable: look again
                self._seen = None
            self._shrunk = newest if shrunk else None
            return True
        if not stat.S_ISREG(st.st_mode):
            return self._no_file("not-a-file", _kind(st.st_mode))
        try:
            segment = Segment.open(self.path, self.codec)
        except FileNotFoundError:
            return self._no_file("missing", MISSING)
        except OSError as error:
            if self._refused[0] != seen[:2]:  # there already, or has it just come?
                self._refused = seen[:2], st.st_size if self.state == "unreadable" else 0
            return self._no_file("unreadable", error.strerror or str(error))
        self.rotated.adopt(segment)
        self._seen = (*segment.identity.key, segment.size, st.st_mtime_ns)
        self.growth.noticed(age(st))
        self.state, self.reason = "live", ""
        self._follow_on(segment)
        return True

    def first_start(self, segment: Segment) -> int:
        """Where a file that has just appeared is read from: its beginning, or, if it was there all
        the time but could not be read, what was written since. Raises OSError."""
        key, size = self._refused
        return line_end(segment, size) if size and key == segment.identity.key else 0

    def _same_file(self, newest: Segment) -> bool:
        """Equal device and inode mean the same file only while it is held open."""
        with contextlib.suppress(OSError):
            return newest.fd >= 0 or identify_path(self.path) == newest.identity
        return False

    def _no_file(self, state: str, reason: str) -> bool:
        changed = state != self.state
        self.state, self.reason = state, reason
        self._seen = None
        if self.newest is not None and not self.newest.lost:
            self.news.append("missing")
            self.newest.lost = True
            self.newest.path = _path_of(self.newest)
            changed = True
        return changed

    def _is_back(self, newest: Segment) -> None:
        self.state, self.reason = "live", ""
        if newest.lost:
            self.news.append("returned")
            newest.lost = False
            newest.path = self.path
            if newest.link is None:
                newest.final = None

    def _follow_on(self, new: Segment) -> None:
        """`new` has the name now."""
        old = self.newest
        if old is None:
            siblings = self.rotated.scan()
            self.rotated.were_before(siblings)
            # What is in it now is younger than the last copy that was made before a truncation.
            made = (s.identity for s in siblings if not s.packed)
            copies = (after(one.birth) for one in made if born_after(one, new.identity))
            new.birth = max([new.birth, *copies])
            new.begun = begun_behind(new.begun, siblings)
            self._append(new)
            return
        new.begun = new.identity.birth or new.begun
        old.lost = True
        old.path = _path_of(old)
        back = self.rotated.past.get(new.identity)
        if back is not None:  # renamed back over the file that came after it
            if back.final is None:
                back.final = back.fstat().st_size
            new.start = back.final
        elif (same := same_text(old, new)) is not None:
            old.final = new.start = same
            old.link = Link(new, "replaced")
            self._append(new)
            return
        missing = False
        between: list[Segment] = []
        if back is None:
            between, missing = self.rotated.steadily(lambda: self._between(old, new))
        for segment in (*between, new):
            last = self.segments[-1]
            had, unsure = self._cut.pop(last, (0, False))
            reason = "truncated" if had or unsure else "rotated"
            last.link = Link(segment, "rotated", reason, until=had, unsure=unsure or missing)
            missing = False
            self._append(segment)

    # -- what came and went between two looks

    def _between(self, old: Segment, new: Segment) -> tuple[list[Segment], bool]:
        """Segments after `old` and before `new`, and whether one of them may be missing."""
        siblings = self.rotated.scan()
        seen = [self.rotated.index(siblings, old)]
        with contextlib.suppress(OSError):  # cut and filled again, before it was compressed
            seen.append(self.rotated.index(siblings, as_it_is(old)))
        at = max((at for at in seen if at is not None), default=None)
        newer = siblings[at + 1 :] if at is not None else siblings
        known = {*self.rotated.past, *self.rotated.before, new.identity}
        found: list[Segment] = []
        missing = False
        for sibling in newer:
            if sibling.identity in known:
                continue
            if at is None and not begun_after(sibling, old):
                continue
            if sibling.made > new.identity.birth > 0:
                continue  # a copy that the rotation has just made
            segment = self.rotated.open(sibling)
            if segment is None:
                missing = True
                continue
            if self.rotated.is_known(segment, new, new) or self._is_what_was_cut(segment, old):
                segment.close()
                continue
            found.append(segment)
        try:
            gone = old.fstat().st_nlink == 0
        except OSError:
            gone = True
        return found, missing or (at is None and gone and bool(found))

    def _is_what_was_cut(self, copy: Segment, old: Segment) -> bool:
        """Whether `old` was cut before what the live end has read, and `copy` has that."""
        end = self.end
        if end is None or end.segment is not old or not end.offset:
            return False
        try:
            return old.is_cut and copy.proves_place(end)
        except OSError:
            return False  # gone this moment: as well a file that came between

    # -- changed in place

    def overwritten(self, place: Place, known: Iterable[Block], hinted: bool) -> None:
        """The file is not what it was: end its segment where it still is, and begin a new one.

        `place` is how far the live end has read. `known` are blocks of the same segment, latest
        first: they tell up to which line the file is unchanged. `hinted`: each write to it was
        told at once, so that it was looked at between a write and what followed. Raises OSError.
        """
        segment = place.segment
        if segment is self.newest:
            self.look()  # has it still its name?
        blank = place.text >= segment.size  # behind the place there are NULs, if anything
        had = place.offset if blank else max(segment.size, place.offset)
        copies = self._copies(place)
        size = copies.now.size
        refilled = size >= had > place.offset
        if refilled:
            had = place.offset  # how long it was before nobody knows any more
        if self._shrunk is segment:
            self._shrunk = None
        if blank and size >= place.offset and segment.proves_place(place):
            segment.size = size  # a preallocated file is cut to what was written into it
            return
        if segment.lost and not copies.files and size >= max(segment.size, place.offset):
            # It has lost its name, and was written over without being cut: what is in it now is no
            # log (shred(1), logrotate's `shred`). Nor is what it is compressed to.
            segment.final = place.offset
            copies.now.lost = True
            self.rotated.remember(copies.now)
            unsure = refilled or self.growth.is_unseen(segment, hinted=True)
            if segment.link is None:
                self._cut[segment] = had, unsure
            else:
                segment.link.until = max(segment.link.until, had)
                segment.link.reason = "truncated"
                segment.link.unsure |= unsure
            return
        segment.final = kept = compare.kept(segment, place, size, known)
        unsure = 0 < kept < min(SAME_TEXT_MIN, place.offset)
        last = copies.files[copies.saved - 1] if copies.saved else None
        if last is None:
            unsure |= refilled or self.growth.is_unseen(segment, hinted)
        elif isinstance(last, Archive) or last.size >= had:
            unsure |= self.growth.is_recent(segment)  # between the copy and the cut
        else:
            unsure = False
        self._begin_again(segment, kept, copies, had, unsure)

    def copied(self, place: Place) -> bool:
        """Whether the file was copied and truncated before any of it was read.

        At offset 0 there is no anchor to notice it by; the copies that were made since are the
        only sign. Then its segment ends there, and they follow. Raises OSError.
        """
        segment = place.segment
        if place.offset or segment.final is not None:
            return False
        if not self.rotated.copies(place).files:
            return False
        copies = self._copies(place)
        if not copies.files:
            return False
        segment.final = 0
        self._begin_again(segment, 0, copies, 0, False)
        return True

    def _copies(self, place: Place) -> Copies:
        """The copies of a file, looked for while nothing else happened to it and to its name: what
        was rotated meanwhile may have had the name next, or be a copy of that. Raises OSError."""
        segment = place.segment
        for _ in range(LOOKS):
            was = segment.lost, segment.link
            copies = self.rotated.copies(place)
            if segment is self.newest:
                self.look()
            if was == (segment.lost, segment.link) and copies.is_still(segment):
                break
        return copies

    def _begin_again(
        self, segment: Segment, kept: int, copies: Copies, had: int, unsure: bool
    ) -> None:
        """A new segment of the same file from `kept` on, behind the copies of what it was.

        `had` bytes were seen in the file; where no copy has saved them, they are lost.
        """
        fresh = Segment(segment.path, os.dup(segment.reopen()), segment.identity, self.codec)
        os.set_inheritable(fresh.fd, False)
        self.rotated.adopt(fresh)
        # as it was when the copies were told from it: it may have been copied and cut once more
        fresh.size, fresh.head = copies.now.size, copies.now.head
        fresh.codec = self.codec.for_file(fresh.head)
        fresh.start = kept
        fresh.generation = segment.generation + 1
        fresh.after_loss = unsure or (not copies.saved and had > kept)
        fresh.begun = max(copies.begun, segment.begun + 1)  # cursors tell the two apart by it
        fresh.birth = max(fresh.begun // 1_000_000, segment.birth, copies.birth)
        for copy in copies.files:
            if not isinstance(copy, Archive):
                copy.final = copy.size
        fresh.lost, fresh.link = segment.lost, segment.link
        segment.lost = segment.superseded = True
        at = self.segments.index(segment) + 1 if segment in self.segments else None
        last = segment
        for index, following in enumerate((*copies.files, fresh)):
            # what the file had is owed by who leaves it, or by who leaves the copy of all of it
            last.link = Link(
                following,
                "truncated" if index or following is fresh else None,
                "truncated",
                until=had if index == copies.saved else 0,
                unsure=unsure if following is fresh else not (index or copies.whole),
                copy=copies.whole and index == 0,
            )
            last = following
        for new in reversed((*copies.files, fresh)):
            self.rotated.remember(new)
            if at is not None:
                self._insert(at, new)
            elif new.users == 0:
                new.close()

    # -- files that have lost their name

    @property
    def holds_old(self) -> bool:
        """Whether a file that has lost its name is still open."""
        return any(segment.fd >= 0 and segment.lost for segment in self.rotated.past.values())

    def let_go(self) -> None:
        """Close what was deleted a while ago. Readers that had not come to its end get a gap."""
        self.growth.let_go(list(self.rotated.past.values()))

    # -- history

    def before(self, segment: Segment) -> list[Sibling]:
        """The rotated files older than `segment`, oldest first. Raises nothing."""
        siblings = self.rotated.scan()
        heads = [s for s in self.segments if s.head]
        at = self.rotated.index(siblings, segment)
        older = siblings[:at] if at is not None else siblings
        known = {s.identity.key for s in self.segments}
        keep = []
        for sibling in older:
            if sibling.identity.key in known or sibling.identity.key == segment.identity.key:
                continue
            candidate = self.rotated.open(sibling)
            if candidate is None:
                continue
            if not any(is_copy(candidate, other) for other in heads):
                keep.append(sibling)
            if candidate.users == 0:
                candidate.close()
        return keep

    def resume(self, first: Segment, following: list[Sibling]) -> None:
        """Link `first`, a segment from before the chain, by `following` to the chain's start."""
        at_end = [] if self.end is None or self.end.offset else [self.end]
        for unread in (*at_end, *(segment.place(0) for segment in self.segments[1:])):
            with contextlib.suppress(OSError):
                self.copied(unread)  # its copy belongs into the chain, for all readers
        here = self._in_chain(first)
        if here is not None:
            if here is not first:
                first.link = here.link or Link(here, None, copy=True)
            return
        self.rotated.remember(first)
        last = first
        missing = False
        into = self.segments[0] if self.segments else None
        for sibling in following:
            segment = self.rotated.open(sibling)
            if segment is None:
                missing = True
                continue
            here = self._in_chain(segment)
            if here is not None:
                into = here
                break
            if last.link is None or last.link.next is not segment:
                last.link = Link(segment, "rotated", "unreadable", unsure=missing)
            self.rotated.remember(segment)
            if segment.users == 0:
                segment.close()  # opened again by the reader that gets there
            missing = False
            last = segment
        if into is not None:
            reason = "truncated" if into.after_loss else "unreadable"
            last.link = Link(into, "rotated", reason, unsure=missing or into.after_loss)

    def _in_chain(self, segment: Segment) -> Segment | None:
        """The segment of the chain that is the same file, or that it was compressed from."""
        if segment in self.segments:
            return segment
        for mine in self.segments:
            if mine.identity == segment.identity:
                return mine
        if not isinstance(segment, Archive):
            return None
        lost = (mine for mine in self.segments if mine.lost)
        return next((mine for mine in lost if is_copy(segment, mine)), None)


def _path_of(segment: Segment) -> str:
    """Where an open file is now, for people and for history; proc(5)."""
    try:
        return os.readlink(f"/proc/self/fd/{segment.fd}")
    except OSError:
        return segment.path


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "a directory", stat.S_ISFIFO: "a FIFO", stat.S_ISSOCK: "a socket"}
    what = next((name for test, name in kinds.items() if test(mode)), "a device")
    return f"it is {what}, not a file"
