"""One file of a log, opened: read at an offset, without blocking, with proof that it is the place.

A log is a chain of segments: yesterday's `app.log.1`, then today's `app.log`. A file that is
truncated in place begins a new segment too, with the same inode: a segment is one growing
sequence of bytes, never changed once written.

A `Link` says what follows a segment that is final, and what to tell of the change.

Every read starts at the anchor, ANCHOR bytes early, and compares. Whatever happened to the file
since the place was made (truncated, truncated and refilled, another file under the same inode),
the bytes before the place are others then, and `Overwritten` is raised: the one check that, in a
random model of all this, never let a wrong byte through.

Reads take what is in the page cache (preadv2(2) with RWF_NOWAIT); for the rest the kernel is
asked to read ahead, and `COLD` says «come again in a moment».
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import zlib
from collections.abc import Iterator
from typing import ClassVar, Self

from tailws.logs.block import COLD, END, OVER, Block, Later, Overwritten, Place
from tailws.logs.file_pool import FilePool
from tailws.logs.identity import (
    ANCHOR,
    HEAD,
    Cursor,
    Identity,
    birth_ms,
    coarse_time,
    file_number,
    find_inode,
    identify,
)
from tailws.text.lines import CUT_MARK, Codec, leading_nuls

#: A run of NUL bytes at the start of a line that is at least this long is a hole (a writer without
#: O_APPEND after a truncation, a preallocated file), not text. At the start of a file any is.
HOLE = 64
#: The head that is kept to recognise a file whose tail was cut off.
KEPT_HEAD = 1024
#: The page cache is made of pages of this size, or of multiples of it.
PAGE = 4096
#: Bytes searched for the end of a long line in one call.
SCAN = 256 * 1024
#: How often a page that is not in the cache is waited for before the read may block, for file
#: systems whose read-ahead does nothing.
COLD_TRIES = 64


class Link:
    """From a final segment to what follows it.

    `until`: the segment once had bytes up to here; who crosses before it has missed the rest.
    `copy`: the next segment is a copy of this one, and goes on at the same offset.
    """

    __slots__ = ("copy", "event", "next", "reason", "start", "unsure", "until")

    def __init__(
        self,
        following: Segment,
        event: str | None,
        reason: str = "rotated",
        *,
        until: int = 0,
        unsure: bool = False,
        copy: bool = False,
    ) -> None:
        self.next = following
        self.start = following.start  # and of what it is found to be compressed to
        self.event = event  # «rotated», «truncated», …: for a mark in the view
        self.reason = reason  # of a gap, if there is one
        self.until = until
        self.unsure = unsure  # something may be missing, nobody knows how much
        self.copy = copy


class Segment:
    """One growing sequence of bytes, and the descriptor that it is read through."""

    #: What is read goes through here: a buffer for each read would be allocated and cleared for the
    #: few bytes that are new. It has the size of the largest read so far.
    _buffer: ClassVar = memoryview(b"")

    __slots__ = (
        "__weakref__",
        "_cold",
        "_head_crc",
        "_nowait",
        "after_loss",
        "archive",
        "base",
        "begun",
        "birth",
        "codec",
        "fd",
        "final",
        "generation",
        "head",
        "identity",
        "link",
        "lost",
        "number",
        "path",
        "pool",
        "size",
        "start",
        "superseded",
        "touched",
        "users",
        "written",
    )

    def __init__(
        self, path: str, fd: int, identity: Identity, codec: Codec, start: int = 0
    ) -> None:
        self.path = path  # where it was seen last
        self.fd = fd  # -1: parked, or released
        self.identity = identity
        self.codec = codec
        self.number = file_number(identity)
        self.birth = birth_ms(identity)
        self.start = start  # bytes before belong to the segment before (a kept prefix, a copy)
        self.size = 0  # the largest that was seen
        self.written = 0  # when it was written to or cut last, as of the last fstat(2), ns
        self.superseded = False  # what its file has since belongs to another segment
        self.after_loss = False  # what was cut off before it is not known to be all read
        self.generation = 0  # how often the file was truncated before, while we looked
        self.begun = coarse_time()  # copies made before are of what it was before
        self.base: int | None = None  # where its first byte stands in the whole log
        self.final: int | None = None  # where it ends, once nothing more can come
        self.archive: Identity | None = None  # what it was compressed to, if only its name told
        self.link: Link | None = None  # what follows when it is final
        self.lost = False  # it has lost its name, or its bytes were cut away
        self.head = b""  # the first KEPT_HEAD bytes, as far as they were there
        self.users = 0  # readers with a place in it, and the source while it is in its chain
        self.pool: FilePool | None = None  # bounds the open descriptors it shares in
        self.touched = True  # used since the pool looked last
        self._head_crc: int | None = None
        self._nowait = os.RWF_NOWAIT if hasattr(os, "RWF_NOWAIT") else 0
        self._cold = 0

    def __repr__(self) -> str:
        return f"Segment({self.path}, ino={self.identity.ino}, final={self.final})"

    @classmethod
    def open(cls, path: str, codec: Codec) -> Self:
        """Open a regular file. Raises OSError; ENOTSUP for a FIFO, a directory, a device.

        O_NONBLOCK: opening a FIFO for reading would wait for its writer, open(2).
        """
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            st = os.fstat(fd)
            if not stat.S_ISREG(st.st_mode):
                raise OSError(errno.ENOTSUP, "not a regular file", path)
            segment = cls(path, fd, identify(fd, st), codec)
            segment.size, segment.written = st.st_size, st.st_mtime_ns
            segment.remember_head()
        except BaseException:
            os.close(fd)
            raise
        return segment

    # -- the file

    def fstat(self) -> os.stat_result:
        """fstat(2), remembering the largest size and the last write. Raises OSError."""
        st = os.fstat(self.reopen())
        self.size = max(self.size, st.st_size)
        self.written = st.st_mtime_ns
        return st

    def close(self) -> None:
        """Release the descriptor. Idempotent. The next read opens the file again, if it can."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
            if self.pool is not None:
                self.pool.closed(self)

    def reopen(self) -> int:
        """The descriptor, opened again if it was closed: by name, else by inode.

        Raises OSError, ESTALE when the file is not to be found.
        """
        self.touched = True
        if self.fd >= 0:
            return self.fd
        for path in self._whereabouts():
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise
                continue
            if identify(fd) == self.identity:
                self.fd, self.path = fd, path
                if self.pool is not None:
                    self.pool.opened(self)
                return fd
            os.close(fd)
        raise OSError(errno.ESTALE, "the file is not there any more", self.path)

    def _whereabouts(self) -> Iterator[str]:
        """Where the file may be: where it was seen last; only then the directory is read."""
        yield self.path
        yield from find_inode(self.path, self.number)

    def remember_head(self) -> bool:
        """Keep the first bytes, to know the file again by them. False: they are others now."""
        if len(self.head) < KEPT_HEAD and len(self.head) < self.size:
            head = self.read_head()
            if not head.startswith(self.head) or self.is_cut:  # this very moment: of what is next
                return False
            self.head = head
            self.codec = self.codec.for_file(self.head)
        return True

    def read_head(self) -> bytes:
        """The first bytes as they are now; NULs behind them are not written yet. Raises OSError."""
        data = os.pread(self.reopen(), KEPT_HEAD, 0)
        head = data.rstrip(b"\0")
        if self.codec.for_file(head).wide:  # the last character may end with a NUL
            head = data[: len(head) + len(head) % 2]
        return head

    def head_crc(self, offset: int) -> int:
        """CRC-32 of the first min(HEAD, offset) bytes, as cursors carry it."""
        if offset >= HEAD:
            if self._head_crc is None:
                self._fill_head(HEAD)
                if len(self.head) < HEAD:
                    return 0
                self._head_crc = zlib.crc32(self.head[:HEAD])
            return self._head_crc
        self._fill_head(offset)
        return zlib.crc32(self.head[:offset])

    def _fill_head(self, length: int) -> None:
        if len(self.head) < length:
            with contextlib.suppress(OSError):  # the cursor will not prove itself later
                self.remember_head()

    def is_written(self) -> bool:
        """Whether somebody may still write to it: False only when the kernel says that nobody has
        it open for writing (F_SETLEASE in fcntl(2); needs the file's owner or CAP_LEASE)."""
        try:
            fcntl.fcntl(self.reopen(), fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:
            return True
        return False

    # -- reading

    def read(self, offset: int, size: int, anchor: bytes = b"") -> bytes | Later:
        """Up to `size` bytes at `offset` (b"" behind the end), or COLD.

        Raises OSError, and Overwritten when the bytes before are not those of `anchor`.
        """
        fd = self.fd if self.fd >= 0 else self.reopen()
        self.touched = True
        known = len(anchor)
        offset -= known
        size += known
        if self._nowait:
            buffer = Segment._buffer
            if size > len(buffer):
                buffer = Segment._buffer = memoryview(bytearray(size))
            try:
                count = os.preadv(fd, [buffer[:size]], offset, self._nowait)
                if count < size and not (offset + count) % PAGE:
                    self._read_on(fd, offset + count)
            except BlockingIOError:
                os.posix_fadvise(fd, offset, size, os.POSIX_FADV_WILLNEED)
                self._cold += 1
                if self._cold <= COLD_TRIES:
                    return COLD
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                    raise
                self._nowait = 0
            else:
                self._cold = 0
                if count < known or buffer[:known].tobytes() != anchor:
                    raise Overwritten
                return buffer[known:count].tobytes()
        self._cold = 0
        data = os.pread(fd, size, offset)
        if not data.startswith(anchor):
            raise Overwritten
        return data[known:]

    def _read_on(self, fd: int, offset: int) -> None:
        """What is in memory ends at a page: is that the end of the file? Raises BlockingIOError if
        not, for with RWF_NOWAIT a read that comes to a page on the disk is short, preadv2(2)."""
        if os.preadv(fd, [bytearray(1)], offset, self._nowait):
            raise BlockingIOError

    def read_now(self, offset: int, size: int) -> bytes:
        """As `read`, waiting for the disk: for the few reads that a start needs."""
        return os.pread(self.reopen(), size, offset)

    def place(self, offset: int) -> Place:
        """The place at `offset`, whose anchor is read from the file (blocking). Raises OSError."""
        anchor = b""
        if offset:
            anchor = os.pread(self.reopen(), min(ANCHOR, offset), offset - min(ANCHOR, offset))
        return Place(self, offset, anchor)

    def proves(self, cursor: Cursor) -> bool:
        """Whether the bytes here agree with `cursor` (at offset 0 there is nothing to agree)."""
        offset = cursor.offset
        if offset == 0:
            return True
        count = min(ANCHOR, offset)
        tail = os.pread(self.reopen(), count, offset - count)
        if len(tail) < count or zlib.crc32(tail) != cursor.tail:
            return False
        return self.head_crc(offset) == cursor.head

    def block(
        self, place: Place, size: int, line_max: int, stop: int | None = None
    ) -> Block | Later:
        """The next lines after `place`, about `size` bytes of them, not past the offset `stop`.

        A line longer than `line_max` bytes is shortened, with a mark. What is left without a line
        feed at the end of a final segment is a line as well, `unfinished`.
        Raises Overwritten, OSError.
        """
        offset, final = place.offset, self.final
        if final is not None:
            if offset >= final:
                return OVER
            stop = final if stop is None else min(stop, final)
        if stop is not None:
            size = min(size, stop - offset)
        data = self.read(offset, size, place.anchor)
        if not isinstance(data, bytes):
            return data
        if not offset and not data.startswith(self.head[: len(data)]):
            raise Overwritten  # at the start of a file its head is what was there
        text = offset
        if data[:1] == b"\0":
            past = self._past_hole(place, data, size)
            if isinstance(past, Later):
                return self._nothing_but_hole(place) if past is END else past
            if past != offset:
                text = past
                more = self.read(text, size if stop is None else min(size, stop - text))
                if isinstance(more, Later):
                    return more
                data = more
        elif data and place.text != offset:  # a hole has been filled in from its front
            place.text = place.scanned = offset
        end = self.codec.end_of_lines(data)
        if not end:
            if len(data) < size and text + len(data) != final:
                if final is not None:
                    raise Overwritten  # it was cut short after all
                return END
            return self._long_line(place, text, line_max, stop)
        to_end = len(data) < size
        # one byte is looked for at the speed of memchr(3), two at a tenth of it
        if b"\0" in data and not self.codec.wide and b"\n\0" in data:
            end = _before_hole(data, end)
            to_end = False
        block = self._made(place, data, end, text + end)
        block.more = not to_end
        return block

    def _made(self, place: Place, data: bytes, end: int, offset: int) -> Block:
        """A block of `data` up to `end`: whole lines, and `offset` is behind them."""
        if end >= ANCHOR:
            anchor = data[end - ANCHOR : end]
        elif offset - place.offset == end:
            anchor = (place.anchor + data[:end])[-ANCHOR:]
        else:  # behind a hole
            anchor = (bytes(ANCHOR) + data[:end])[-min(ANCHOR, offset) :]
        known = len(self.head)
        if place.offset <= known < min(KEPT_HEAD, offset) and offset - place.offset == end:
            self.head = (self.head[: place.offset] + data[:end])[:KEPT_HEAD]
        body = self.codec.utf8(data[: end - len(self.codec.newline)], place.offset == 0)
        return Block(place, Place(self, offset, anchor), body)

    def _past_hole(self, place: Place, data: bytes, size: int) -> int | Later:
        """Where the text begins behind the NUL bytes at `place`; END when nothing follows them.

        `place.text` remembers how far the hole is known to reach, for a writer may take hours to
        fill a preallocated file from its front, and the file may be large.
        """
        nuls = leading_nuls(data)
        if nuls < len(data):
            is_hole = place.offset == 0 or nuls >= HOLE
            return place.offset + nuls if is_hole else place.offset
        if len(data) < size:
            place.text = place.offset + len(data)
            return END
        at = max(place.text, place.offset + len(data))
        try:
            at = max(at, os.lseek(self.fd, at, os.SEEK_DATA))
        except OSError as error:
            if error.errno == errno.ENXIO:  # lseek(2): there is no data behind
                place.text = max(at, self.fstat().st_size)
                return END
            if error.errno != errno.EINVAL:
                raise
        more = self.read(at, SCAN)
        if isinstance(more, Later):
            return more
        place.text = at + leading_nuls(more)
        if place.text < at + len(more):
            return place.text
        return COLD if len(more) == SCAN else END

    def _nothing_but_hole(self, place: Place) -> Later:
        """NUL bytes up to the end are not written yet, or, in a final segment, never were."""
        if self.final is None:
            return END
        self.final = place.offset
        return OVER

    def _long_line(self, place: Place, text: int, line_max: int, stop: int | None) -> Block | Later:
        """Look for the end of a line that began at `text`, SCAN bytes a call.

        `place.scanned` remembers how far, so that a line that grows to many megabytes by small
        writes is not searched from its start at each of them.
        """
        at = max(place.scanned, text)
        limit = SCAN if stop is None else min(SCAN, stop - at)
        data = self.read(at, limit)
        if isinstance(data, Later):
            return data
        end = self.codec.end_of_line(data)
        if end:
            return self._one_line(place, text, at + end, line_max)
        if self.final is not None and at + len(data) >= self.final:
            return self._one_line(place, text, self.final, line_max, unfinished=True)
        if self.final is not None and not data:
            raise Overwritten
        place.scanned = at + len(data) - len(data) % len(self.codec.newline)
        return COLD if len(data) == limit else END

    def _one_line(
        self, place: Place, text: int, offset: int, line_max: int, unfinished: bool = False
    ) -> Block | Later:
        """A block of the one line from `text` to `offset`, shortened when it is too long."""
        length = offset - text if unfinished else offset - text - len(self.codec.newline)
        data = self.read(text, min(length, line_max))
        tail = self.read(offset - min(ANCHOR, offset), min(ANCHOR, offset))
        if isinstance(data, Later) or isinstance(tail, Later):
            return COLD
        end = Place(self, offset, tail)
        at_start = place.offset == 0
        if length <= line_max:
            if unfinished:
                data = data.rstrip(b"\0")
            return Block(place, end, self.codec.utf8(data, at_start), unfinished=unfinished)
        body = self.codec.utf8(_whole_characters(data, self.codec), at_start)
        body += CUT_MARK.format(length).encode()
        return Block(place, end, body, ((0, length),), unfinished)

    @property
    def is_cut(self) -> bool:
        """Whether it is shorter than it was. Raises OSError."""
        return os.fstat(self.reopen()).st_size < self.size

    def proves_place(self, place: Place) -> bool:
        """Whether this, a copy, has the bytes before `place` of another segment. Raises OSError."""
        count = len(place.anchor)
        return self.read_now(place.offset - count, count) == place.anchor

    # -- the end of what is written

    def written_end(self) -> int:
        """The size without the NUL bytes of a preallocated tail. Raises OSError. May block."""
        size = self.fstat().st_size
        if size == 0 or os.pread(self.fd, 1, size - 1) != b"\0":
            return size
        low, high = 0, size  # everything from `high` on is NUL; before `low` something is not
        while low < high:
            middle = (low + high) // 2
            try:
                data_at = os.lseek(self.fd, middle, os.SEEK_DATA)
            except OSError:
                data_at = high
            found = self._some_text(data_at, min(high, data_at + SCAN)) if data_at < high else 0
            if found:
                low = found
            else:
                high = middle
        return low + low % len(self.codec.newline)  # a wide character may end with a NUL

    def _some_text(self, start: int, stop: int) -> int:
        """The place behind the last byte that is not NUL in the range, 0 when all are."""
        data = os.pread(self.fd, stop - start, start)
        return start + len(data.rstrip(b"\0")) if data.strip(b"\0") else 0


def live_end(segment: Segment) -> int:
    """The place behind the last line feed: where a file that is there at the start is followed
    from. Raises OSError."""
    end = segment.written_end()
    end += -end % len(segment.codec.newline)  # a NUL may be half of a UTF-16 line feed
    at = end
    while at > segment.start:
        start = max(segment.start, at - 65536)
        if segment.codec.wide:
            start -= start % 2
        data = segment.read_now(start, at - start)
        found = segment.codec.end_of_lines(data)
        if found:
            return start + found
        at = start
        if end - at > 64 << 20:
            return end  # no line in 64 MiB: begin in the middle rather than not at all
    return segment.start


def _before_hole(data: bytes, end: int) -> int:
    """Where to end a block so that the next begins with the hole, if there is one in `data`."""
    at = data.find(b"\n\0", 0, end)
    while at >= 0:
        if leading_nuls(data[at + 1 : at + 1 + HOLE]) >= HOLE:
            return at + 1
        at = data.find(b"\n\0", at + 1, end)
    return end


def _whole_characters(data: bytes, codec: Codec) -> bytes:
    """`data` without a character that was cut at its end."""
    if codec.encoding != "utf-8":
        return data[: len(data) - len(data) % len(codec.newline)]
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:  # the first byte of a character of several
            return data[:-back]
        if byte & 0x80 == 0:
            break
    return data
