"""Which file is this? Device, inode and birth time, and the cursor that names a place in it.

A name says nothing: rotation hands it to another file. Device and inode say who a file is as
long as somebody holds it open; afterwards ext4 and overlayfs give the number to the next file at
once. The birth time tells the two apart; only statx(2) has it, and Python does not wrap that
before 3.15, so this module calls it through ctypes. Where a file system has none it is 0, and the
bytes alone have to prove a place.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import time
import zlib
from typing import NamedTuple

#: Bytes before a place that a cursor proves itself by, and that each read compares. Enough for a
#: timestamp and some text in any log; a CRC of 64 bytes costs a tenth of a microsecond.
ANCHOR = 64
#: Bytes at the head of a file that its cursors carry the CRC of: they tell files apart that have
#: the same bytes before the same offset.
HEAD = 256
#: Directory entries looked at in one scan: beyond it the rest is not seen, so that a directory of
#: a million files does not hold up the loop.
MAX_ENTRIES = 20_000


class Identity(NamedTuple):
    """A file as the kernel knows it; `birth` in ns since the epoch, 0 where there is none."""

    dev: int
    ino: int
    birth: int

    @property
    def key(self) -> tuple[int, int]:
        """Sufficient while one of the two files compared is held open."""
        return self.dev, self.ino


class _Timestamp(ctypes.Structure):
    _fields_ = (
        ("sec", ctypes.c_int64),
        ("nsec", ctypes.c_uint32),
        ("_reserved", ctypes.c_int32),
    )


class _Statx(ctypes.Structure):
    """`struct statx` of statx(2), as far as the birth time; the rest is padding."""

    _fields_ = (
        ("mask", ctypes.c_uint32),
        ("blksize", ctypes.c_uint32),
        ("attributes", ctypes.c_uint64),
        ("nlink", ctypes.c_uint32),
        ("uid", ctypes.c_uint32),
        ("gid", ctypes.c_uint32),
        ("mode", ctypes.c_uint16),
        ("_spare", ctypes.c_uint16),
        ("ino", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("blocks", ctypes.c_uint64),
        ("attributes_mask", ctypes.c_uint64),
        ("atime", _Timestamp),
        ("btime", _Timestamp),
        ("_rest", ctypes.c_uint8 * 160),
    )


_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_STATX_INO = 0x100
_STATX_BTIME = 0x800
_CLOCK_REALTIME_COARSE = 5  # clock_gettime(2); not in Python's time module
_libc = ctypes.CDLL(None, use_errno=True)


def _birth(dirfd: int, path: bytes, flags: int, st: os.stat_result) -> int:
    """Birth time in ns, or 0 where libc, the kernel or the file system has none.

    Raises FileNotFoundError: `st` is of the file that had the name before a rotation.
    """
    statx = getattr(_libc, "statx", None)
    if statx is None:
        return 0
    buf = _Statx()
    failed = statx(dirfd, path, flags, _STATX_INO | _STATX_BTIME, ctypes.byref(buf)) != 0
    if ctypes.get_errno() == errno.ENOENT if failed else buf.ino != st.st_ino:
        raise FileNotFoundError(errno.ENOENT, "another file has the name now", os.fsdecode(path))
    if failed or not buf.mask & _STATX_BTIME:
        return 0
    return int(buf.btime.sec) * 1_000_000_000 + int(buf.btime.nsec)


def identify(fd: int, st: os.stat_result | None = None) -> Identity:
    """The identity of an open file. Raises OSError as fstat(2) does."""
    st = st if st is not None else os.fstat(fd)
    return Identity(st.st_dev, st.st_ino, _birth(fd, b"", _AT_EMPTY_PATH, st))


def identify_path(path: str, st: os.stat_result | None = None) -> Identity:
    """The identity of what `path` names, symbolic links followed.

    Raises OSError; ENOENT also when it names another file by now than that of `st`.
    """
    st = st if st is not None else os.stat(path)
    return Identity(st.st_dev, st.st_ino, _birth(_AT_FDCWD, os.fsencode(path), 0, st))


class Cursor(NamedTuple):
    """A place between two lines, as clients keep it: `str()` to send, `parse` to read.

    Nothing in it is believed: `file` and `birth` only say where to look first; `head` and `tail`
    must agree with the bytes of the file. At offset 0 there are no bytes to agree with, and `tail`
    is the time (ns since the epoch) at which the segment was begun: as it was then, it is meant.
    The file 0 is none: the place before whatever is born after `birth`.
    """

    file: int  # CRC-32 of device and inode
    birth: int  # of the file, ms since the epoch; of what is in it, if it was truncated since
    offset: int  # bytes
    head: int  # CRC-32 of the first min(HEAD, offset) bytes
    tail: int  # CRC-32 of the min(ANCHOR, offset) bytes before the offset

    def __str__(self) -> str:
        return CURSOR_TEXT % self

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor in `text`, or None for anything that `str()` cannot have made."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            return None
        file, birth, offset, head, tail = (int(part, 16) for part in match.groups())
        return cls(file, birth, offset, head, tail)


#: A cursor's text: there is one for each block of lines, and no cursor need be made for it.
CURSOR_TEXT = "%x.%x.%x.%x.%x"
_CURSOR = re.compile(
    r"([0-9a-f]{1,8})\.([0-9a-f]{1,13})\.([0-9a-f]{1,15})\.([0-9a-f]{1,8})\.([0-9a-f]{1,16})",
    re.ASCII,
)


def file_number(identity: Identity) -> int:
    """What stands for device and inode in a cursor."""
    return zlib.crc32(b"%d:%d" % identity.key)


def birth_ms(identity: Identity) -> int:
    return identity.birth // 1_000_000


def coarse_time() -> int:
    """Now, in ns, by the clock that the kernel stamps files with."""
    return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)


def before_birth() -> Cursor:
    """The place before the first file that is born from now on."""
    now = coarse_time()
    return Cursor(0, now // 1_000_000, 0, 0, now)


def find_inode(path: str, number: int) -> list[str]:
    """Files of any name in the directory of `path` that a cursor's `file` number may mean.

    An unreadable directory has none.
    """
    names: list[str] = []
    directory = os.path.dirname(os.path.realpath(path)) or "."
    try:
        device = os.stat(directory).st_dev
        with os.scandir(directory) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_ENTRIES:
                    break
                if file_number(Identity(device, entry.inode(), 0)) == number:
                    names.append(entry.path)
    except OSError:
        pass
    return names
