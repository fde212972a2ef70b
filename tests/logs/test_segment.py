"""Reading one file at a place: lines, long lines, holes, encodings, and the proof of the place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.logs.block import COLD, END, OVER, Block, Later, Overwritten, Place
from tailws.logs.file_pool import FilePool
from tailws.logs.identity import Cursor
from tailws.logs.segment import Segment
from tailws.text.lines import Codec


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def opened(path: Path, data: bytes, encoding: str = "utf-8") -> Segment:
    path.write_bytes(data)
    return Segment.open(str(path), Codec(encoding))


def block(segment: Segment, place: Place, size: int = 65536, line_max: int = 1 << 20) -> Block:
    """The next block, asked for as often as the file system and long lines need."""
    while (found := segment.block(place, size, line_max)) is COLD:
        pass
    assert isinstance(found, Block), found
    return found


def read_all(segment: Segment, size: int = 65536, line_max: int = 1 << 20) -> list[bytes]:
    place = segment.place(segment.start)
    lines: list[bytes] = []
    while True:
        found = segment.block(place, size, line_max)
        if found is COLD:
            continue
        if isinstance(found, Later):
            return lines
        lines += found.body.split(b"\n")
        place = found.end


def test_whole_lines_only(path: Path) -> None:
    """A line without its line feed waits; nothing of it goes out."""
    segment = opened(path, b"one\ntw")
    first = block(segment, segment.place(0))
    assert first.body == b"one"
    assert segment.block(first.end, 65536, 1024) is END
    with path.open("ab") as file:
        file.write(b"o\n")
    assert block(segment, first.end).body == b"two"
    segment.close()


def test_only_a_line_feed_ends_a_line(path: Path) -> None:
    """CR, VT, FF, FS, GS, RS, NEL, U+2028 and U+2029 are text."""
    text = "a\rb\vc\fd\x1ce\x1df\x1eg\x85h\u2028i\u2029j"
    segment = opened(path, text.encode() + b"\r\nnext\n")
    assert read_all(segment) == [text.encode() + b"\r", b"next"]
    segment.close()


def test_an_unfinished_line_goes_out_when_the_segment_is_final(path: Path) -> None:
    """A final segment's last line without a line feed is a line, and says so."""
    segment = opened(path, b"one\nhalf")
    segment.final = 8
    first = block(segment, segment.place(0), size=4)
    last = block(segment, first.end)
    assert (last.body, last.unfinished) == (b"half", True)
    assert segment.block(last.end, 65536, 1024) is OVER
    segment.close()


def test_a_long_line_is_shortened_and_the_next_is_whole(path: Path) -> None:
    """A line over the bound is cut with a mark that says how long it is; its neighbours are not
    touched."""
    segment = opened(path, b"before\n" + b"x" * 900_000 + b"\nafter\n")
    lines = read_all(segment, size=4096, line_max=100_000)
    assert lines[0] == b"before"
    assert lines[1].startswith(b"x" * 100_000 + b" [tailws: line of 900000 bytes")
    assert lines[2] == b"after"
    segment.close()


def test_a_character_is_not_cut_by_shortening(path: Path) -> None:
    """Shortening leaves whole characters."""
    segment = opened(path, "é".encode() * 1000 + b"\n")
    found = block(segment, segment.place(0), size=100, line_max=101)
    assert found.body.decode().startswith("é" * 50 + " [tailws")
    assert found.cut == ((0, 2000),)
    segment.close()


def test_bytes_that_are_no_utf8_become_replacement_characters(path: Path) -> None:
    """What goes out is UTF-8 whatever the file holds."""
    segment = opened(path, b"caf\xe9 \xff\n")
    assert block(segment, segment.place(0)).body.decode() == "caf\ufffd \ufffd"
    segment.close()


@pytest.mark.parametrize("size", [4096, 4097, 65536])
def test_characters_cut_by_the_reads_are_whole(path: Path, size: int) -> None:
    """Blocks are cut at line feeds, so no character is ever split between two."""
    lines = [("ä€😀" * (i % 50)).encode() for i in range(2000)]
    segment = opened(path, b"\n".join(lines) + b"\n")
    assert read_all(segment, size) == lines
    segment.close()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16(path: Path, encoding: str) -> None:
    """UTF-16 is cut at its own line feeds, found by its byte order mark, and sent as UTF-8."""
    text = "\ufeffeins\nzw\u0a0aei\n\u0a00drei\u000a"
    segment = opened(path, text.encode(encoding), "auto")
    assert segment.codec.encoding == encoding
    assert b"\n".join(read_all(segment, 4096)).decode() == text[1:-1]
    segment.close()


def test_a_byte_order_mark_is_no_text(path: Path) -> None:
    """The mark at the head of a file is not part of its first line; elsewhere it is text."""
    segment = opened(path, b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    assert read_all(segment, 4096) == [b"one", b"\xef\xbb\xbftwo"]
    segment.close()


def test_a_hole_is_skipped(path: Path) -> None:
    """A megabyte of NUL bytes that nobody wrote is no line, at the start and in the middle."""
    with path.open("wb") as file:
        file.seek(1 << 20)
        file.write(b"one\n")
        file.seek(3 << 20)
        file.write(b"two\n")
    segment = Segment.open(str(path), Codec())
    assert read_all(segment) == [b"one", b"two"]
    segment.close()


def test_a_short_hole_at_the_start_is_skipped(path: Path) -> None:
    """A writer without O_APPEND leaves as many NUL bytes as the file had before truncation."""
    segment = opened(path, b"\0" * 10 + b"one\n")
    assert read_all(segment) == [b"one"]
    segment.close()


def test_nul_bytes_in_a_line_stay(path: Path) -> None:
    """NUL bytes inside a line are part of it."""
    segment = opened(path, b"a\0b\n\0c\n")
    assert read_all(segment) == [b"a\0b", b"\0c"]
    segment.close()


def test_a_preallocated_file_is_read_as_it_is_filled(path: Path) -> None:
    """NUL bytes up to the end are not written yet: the place stays before them."""
    path.write_bytes(b"\0" * 300_000)
    segment = Segment.open(str(path), Codec())
    assert segment.written_end() == 0
    place = segment.place(0)
    fd = os.open(path, os.O_WRONLY)
    seen: list[bytes] = []
    at = 0
    for number in range(20):
        line = b"line %d\n" % number
        os.pwrite(fd, line, at)
        at += len(line)
        found = segment.block(place, 65536, 1024)
        assert isinstance(found, Block)
        seen.append(found.body)
        place = found.end
        assert not isinstance(segment.block(place, 65536, 1024), Block)
    os.close(fd)
    assert seen == [b"line %d" % number for number in range(20)]
    assert segment.written_end() == at
    segment.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.truncate(path, 0),
        lambda path: path.write_bytes(b"other\n" * 3),
        lambda path: path.write_bytes(b"other text of more bytes than before\n" * 9),
    ],
    ids=["emptied", "refilled to the same size", "refilled past it"],
)
def test_a_place_notices_that_the_file_was_overwritten(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Whatever took the place of the bytes before it, a place is not read at by mistake."""
    segment = opened(path, b"first\nline 2\nlin")
    place = block(segment, segment.place(0)).end
    change(path)
    with pytest.raises(Overwritten):
        segment.block(place, 65536, 1024)
    segment.close()


@given(
    lines=st.lists(st.binary(max_size=200).filter(lambda b: b"\n" not in b and b"\0" not in b)),
    size=st.integers(16, 300),
    at=st.integers(0, 10),
)
def test_blocks_are_the_lines_and_cursors_find_their_place(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, at: int
) -> None:
    """Blocks of any size are the lines of the file in order; the cursor of any block's end proves
    itself and goes on exactly there."""
    path = tmp_path_factory.mktemp("s") / "app.log"
    segment = opened(path, b"".join(line + b"\n" for line in lines), "latin-1")
    try:
        expected = [line.decode("latin-1").encode() for line in lines]
        assert read_all(segment, size) == expected
        place = segment.place(0)
        read: list[bytes] = []
        for _ in range(at):
            found = segment.block(place, size, 1 << 20)
            if not isinstance(found, Block):
                break
            read += found.body.split(b"\n")
            place = found.end
        cursor = Cursor.parse(place.cursor)
        assert cursor is not None
        assert segment.proves(cursor)
        again = segment.place(cursor.offset)
        rest: list[bytes] = []
        while isinstance(found := segment.block(again, size, 1 << 20), Block):
            rest += found.body.split(b"\n")
            again = found.end
        assert read + rest == expected
    finally:
        segment.close()


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    """Opening what is no regular file is an error at once."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        Segment.open(str(tmp_path / "fifo"), Codec())


def test_the_pool_bounds_open_files(tmp_path: Path) -> None:
    """More segments than descriptors: idle ones give theirs back, and read on where they were."""
    pool = FilePool(4)
    segments = []
    for number in range(20):
        file = tmp_path / f"{number}.log"
        file.write_bytes(b"one %d\ntwo %d\n" % (number, number))
        segment = Segment.open(str(file), Codec())
        segment.pool = pool
        pool.opened(segment)
        segments.append(segment)
        assert len(pool) <= 5
    for number, segment in enumerate(segments):
        assert read_all(segment) == [b"one %d" % number, b"two %d" % number]
        assert len(pool) <= 5
    for segment in segments:
        segment.close()
    assert len(pool) == 0


def test_a_parked_segment_finds_its_renamed_file(tmp_path: Path) -> None:
    """A file that was renamed while its descriptor was given back is found by its inode."""
    path = tmp_path / "app.log"
    segment = opened(path, b"one\n")
    segment.close()
    path.rename(tmp_path / "any name")
    path.write_bytes(b"another\n")
    assert read_all(segment) == [b"one"]
    segment.close()


def test_what_is_not_in_memory_yet_is_not_taken_for_the_end(path: Path) -> None:
    """A read that comes to a page on the disk is short, as one at the end of the file is: the rest
    of the file must not be taken for never written."""
    data = os.urandom(1 << 20)
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    os.pread(fd, 65536, 0)  # only the beginning is in memory now, where the file system lets us
    segment = Segment.open(str(path), Codec())
    found = segment.read(0, len(data))
    assert found in (COLD, data)
    while (found := segment.read(0, len(data))) is COLD:
        pass
    assert found == data
    assert segment.read(len(data) - 4096, 65536) == data[-4096:]  # the end, on a page's edge
    segment.close()
    os.close(fd)
