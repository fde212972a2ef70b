"""A compressed file as a segment: read at an offset of what it holds, in bounded steps.

Compressed streams are read from their start only. So a reader keeps the last KEPT bytes that it
has unpacked, and, for gzip, copies of the decompressor every CHECKPOINT bytes, to which it can go
back. Each `read` does one `Step` of work and answers COLD until the place is reached: a 5 GB
archive takes its time, but never the loop's. Nothing is written to disk.

Concatenated members are one document, as for zcat(1).
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

import zstandard

from tailws.logs.block import COLD, Later, Overwritten, Place
from tailws.logs.identity import ANCHOR, Cursor, Identity, identify
from tailws.logs.segment import KEPT_HEAD, Segment
from tailws.text.lines import Codec


class Step(NamedTuple):
    """The most that is done in one call: compressed bytes taken in, and bytes given out."""

    input: int
    output: int


#: About a millisecond of gzip and zstd, three of xz.
STEP = Step(64 * 1024, 256 * 1024)
#: bzip2 works through the input of 900 kB before it gives out the first of them, and then walks all
#: over them for each byte: both take tens of milliseconds, unless they are done in small parts.
BZIP2 = Step(8 * 1024, 64 * 1024)
#: Unpacked bytes that are kept before the furthest place read, for reading backwards.
KEPT = 8 * 1024 * 1024
#: The same for who reads on and never back: a long line, and a step.
ONCE_KEPT = 1024 * 1024
#: Distance between copies of a gzip decompressor (each about 45 kB): at most CHECKPOINTS of them,
#: after which every other one is dropped and the distance doubles.
CHECKPOINT = 8 * 1024 * 1024
CHECKPOINTS = 64
#: Steps that a proof may take at once; a place further in is proved by who can wait.
PROOF_STEPS = 64


class Unpacker(Protocol):
    """The interface that zlib's, bz2's, lzma's and zstandard's decompressors share."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the shape of bz2's and lzma's; the only one that can be copied."""

    def __init__(self, inner: zlib._Decompress | None = None) -> None:
        self._inner = inner if inner is not None else zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    def copy(self) -> _Gzip:
        return _Gzip(self._inner.copy())


class _Zstandard:
    """zstandard's decompressor, which has no bound on its output: fed by small pieces."""

    #: Compressed bytes at a time; zstd blocks unpack to at most 128 KiB each.
    PIECE = 4 * 1024

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self._input = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + self._input

    @property
    def needs_input(self) -> bool:
        return not self._input

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._input += data
        out = b""
        while self._input and len(out) < max_length and not self._inner.eof:
            piece, self._input = self._input[: self.PIECE], self._input[self.PIECE :]
            out += self._inner.decompress(piece)
        return out


AnyUnpacker = _Gzip | _Zstandard | bz2.BZ2Decompressor | lzma.LZMADecompressor

UNPACKERS: dict[str, Callable[[], AnyUnpacker]] = {
    ".gz": _Gzip,
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lzma.LZMADecompressor,
    ".zst": _Zstandard,
}

_BROKEN = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError)


def is_compressed(path: str) -> bool:
    return os.path.splitext(path)[1] in UNPACKERS


class Archive(Segment):
    """A final, compressed segment. `size` is the unpacked size once `complete`."""

    __slots__ = (
        "_checkpoints",
        "_distance",
        "_input_at",
        "_kept",
        "_kept_at",
        "_make",
        "_most_kept",
        "_step",
        "_unpacker",
        "complete",
        "packed_size",
    )

    def __init__(self, path: str, fd: int, identity: Identity, codec: Codec) -> None:
        super().__init__(path, fd, identity, codec)
        ending = os.path.splitext(path)[1]
        self._make = UNPACKERS[ending]
        self._step = BZIP2 if ending == ".bz2" else STEP
        self._unpacker = self._make()
        self._input_at = 0  # of the compressed file
        self._kept = bytearray()  # unpacked bytes from _kept_at on
        self._kept_at = 0
        self._checkpoints: list[tuple[int, int, _Gzip]] = []  # unpacked at, input at, state
        self._distance = CHECKPOINT
        self._most_kept = KEPT
        self.packed_size = os.fstat(fd).st_size
        self.complete = False

    @classmethod
    def open(cls, path: str, codec: Codec, head: bytes = b"") -> Self:
        """Open a compressed file by its ending; `head` is how it begins, if that is known.

        Raises OSError.
        """
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            archive = cls(path, fd, identify(fd), codec)
            archive.head = head or archive.read_now(0, KEPT_HEAD)
            archive.codec = codec.for_file(archive.head)
        except BaseException:
            os.close(fd)
            raise
        return archive

    @property
    def unpacked(self) -> int:
        """Bytes that have been unpacked from the start on."""
        return self._kept_at + len(self._kept)

    def read_once(self) -> None:
        """It will be read from its start to its end only: keep little, and no way back."""
        self._most_kept = ONCE_KEPT
        self._distance = 1 << 62

    @property
    def progress(self) -> float:
        """How much of the compressed file has been read, 0 to 1."""
        return self._input_at / self.packed_size if self.packed_size else 1.0

    def close(self) -> None:
        super().close()
        self._go_back(0)  # and the memory with it

    def remember_head(self) -> bool:
        return True  # it does not change

    def fstat(self) -> os.stat_result:
        return os.fstat(self.reopen())

    def written_end(self) -> int:
        return self.size

    def is_written(self) -> bool:
        return False

    def read(self, offset: int, size: int, anchor: bytes = b"") -> bytes | Later:
        """As for a plain segment; COLD until the place is unpacked."""
        offset -= len(anchor)
        size += len(anchor)
        if offset < self._kept_at:
            self._go_back(offset)
        end = self._kept_at + len(self._kept)
        if end < offset + size and not self.complete:
            self._unpack(offset)
            end = self._kept_at + len(self._kept)
            if end < offset + size and not self.complete:
                return COLD
        start = offset - self._kept_at
        if anchor and not self._kept.startswith(anchor, start):
            raise Overwritten
        return bytes(self._kept[start + len(anchor) : start + size])

    def read_now(self, offset: int, size: int) -> bytes:
        while (data := self.read(offset, size)) is COLD:
            pass
        assert isinstance(data, bytes)
        return data

    def place(self, offset: int) -> Place:
        count = min(ANCHOR, offset)
        return Place(self, offset, self.read_now(offset - count, count) if count else b"")

    def proves(self, cursor: Cursor) -> bool:
        """As for a plain segment, for a place in what PROOF_STEPS steps unpack."""
        if cursor.offset == 0:
            return True
        count = min(ANCHOR, cursor.offset)
        for _ in range(PROOF_STEPS):
            tail = self.read(cursor.offset - count, count)
            if tail is not COLD:
                break
        if not isinstance(tail, bytes) or len(tail) < count or zlib.crc32(tail) != cursor.tail:
            return False
        return self.head_crc(cursor.offset) == cursor.head

    def to_end(self) -> bool:
        """Unpack one step towards the end; True when the unpacked size is known."""
        if not self.complete:
            self._unpack()
        return self.complete

    def _unpack(self, needed: int | None = None) -> None:
        """Do one step, keeping what lies behind the offset `needed`."""
        before, room = self._input_at, self._step.output
        while room > 0 and not self.complete and self._input_at < before + self._step.input:
            try:
                data = self._some(room)
            except _BROKEN:
                data = b""  # what could be unpacked of a torn archive is what there is
                self._finish()
            room -= len(data) or 1
            self._kept += data
        if len(self._kept) > 2 * self._most_kept:
            surplus = len(self._kept) - self._most_kept
            if needed is not None:
                surplus = max(0, min(surplus, needed - self._kept_at))
            del self._kept[:surplus]
            self._kept_at += surplus
        self._checkpoint()

    def _some(self, room: int) -> bytes:
        unpacker = self._unpacker
        if unpacker.eof:
            rest = unpacker.unused_data
            self._input_at -= len(rest)
            if self._input_at >= self.packed_size:
                self._finish()
                return b""
            self._unpacker = unpacker = self._make()
        data = b""
        if unpacker.needs_input:
            data = os.pread(self.reopen(), self._step.input, self._input_at)
            self._input_at += len(data)
            if not data:
                self._finish()
                return b""
        return unpacker.decompress(data, room)

    def _finish(self) -> None:
        self.complete = True
        # what was unpacked in this step is appended by the caller only when there was no error
        self.size = self.final = self._kept_at + len(self._kept)

    def _checkpoint(self) -> None:
        at = self._kept_at + len(self._kept)
        if not isinstance(self._unpacker, _Gzip) or self._unpacker.eof:
            return
        if self._checkpoints and at < self._checkpoints[-1][0] + self._distance:
            return
        if not self._checkpoints and at < self._distance:
            return
        self._checkpoints.append((at, self._input_at, self._unpacker.copy()))
        if len(self._checkpoints) >= CHECKPOINTS:
            del self._checkpoints[::2]
            self._distance *= 2

    def _go_back(self, offset: int) -> None:
        """Start again from the nearest place before `offset` whose state is known."""
        at, input_at, unpacker = 0, 0, None
        for checkpoint in self._checkpoints:
            if checkpoint[0] > offset:
                break
            at, input_at, unpacker = checkpoint
        self._unpacker = unpacker.copy() if unpacker is not None else self._make()
        self._input_at = input_at
        self._kept = bytearray()
        self._kept_at = at
        self.complete = False
