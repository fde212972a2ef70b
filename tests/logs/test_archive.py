"""Compressed files as segments: forwards, backwards, torn, and in bounded steps."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tailws.logs import archive as module
from tailws.logs.archive import Archive
from tailws.logs.block import COLD, Block
from tailws.logs.identity import Cursor
from tailws.text.lines import Codec

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
LINES = [b"%07d %s" % (i, random.Random(i).randbytes(20).hex().encode()) for i in range(20_000)]
TEXT = b"\n".join(LINES) + b"\n"


def opened(tmp_path: Path, ending: str, data: bytes) -> Archive:
    path = tmp_path / f"app.log.1{ending}"
    path.write_bytes(data)
    return Archive.open(str(path), Codec())


def all_lines(archive: Archive) -> list[bytes]:
    place = archive.place(0)
    lines: list[bytes] = []
    while True:
        found = archive.block(place, 65536, 1 << 20)
        if found is COLD:
            continue
        if not isinstance(found, Block):
            return lines
        lines += found.body.split(b"\n")
        place = found.end


@pytest.mark.parametrize("ending", PACK)
def test_every_kind_is_read_whole(tmp_path: Path, ending: str) -> None:
    """gzip, bzip2, xz and zstd give the lines that were packed."""
    archive = opened(tmp_path, ending, PACK[ending](TEXT))
    assert all_lines(archive) == LINES
    assert archive.size == len(TEXT)
    archive.close()


@pytest.mark.parametrize("ending", PACK)
def test_going_back(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places before what is kept in memory are read again, wherever they are."""
    monkeypatch.setattr(module, "KEPT", 64 * 1024)
    monkeypatch.setattr(module, "CHECKPOINT", 256 * 1024)
    archive = opened(tmp_path, ending, PACK[ending](TEXT))
    while not archive.to_end():
        pass
    for offset in random.Random(1).sample(range(len(TEXT)), 12):
        assert archive.read_now(offset, 500) == TEXT[offset : offset + 500]
    archive.close()


def test_members_are_one_document(tmp_path: Path) -> None:
    """As for zcat: what was appended to an archive is read behind it."""
    data = gzip.compress(b"one\n") + gzip.compress(b"two\n") + gzip.compress(b"three\n")
    archive = opened(tmp_path, ".gz", data)
    assert all_lines(archive) == [b"one", b"two", b"three"]
    archive.close()


@pytest.mark.parametrize("ending", PACK)
def test_a_torn_archive_gives_what_is_there(tmp_path: Path, ending: str) -> None:
    """Half an archive is no error: its lines are read as far as they can be unpacked."""
    packed = PACK[ending](TEXT)
    archive = opened(tmp_path, ending, packed[: len(packed) // 2])
    lines = all_lines(archive)
    assert lines[:-1] == LINES[: max(0, len(lines) - 1)]
    archive.close()


def test_one_read_is_a_bounded_step(tmp_path: Path) -> None:
    """A place far into a large archive is COLD at first: each call unpacks a bounded part."""
    archive = opened(tmp_path, ".gz", gzip.compress(b"0" * (64 << 20)))
    calls = 1
    while archive.read((64 << 20) - 10, 10) is COLD:
        calls += 1
    assert calls >= (64 << 20) // (module.STEP.output * 2)
    archive.close()


@pytest.mark.parametrize("ending", PACK)
def test_a_step_takes_in_and_gives_out_little(tmp_path: Path, ending: str) -> None:
    """Time follows both: bzip2 works through the input of a whole block before its first byte."""
    archive = opened(tmp_path, ending, PACK[ending](TEXT))
    step = module.BZIP2 if ending == ".bz2" else module.STEP
    while not archive.complete:
        taken, given = archive._input_at, archive.unpacked
        archive.to_end()
        assert archive._input_at - taken <= 2 * step.input
        assert archive.unpacked - given <= step.output + 128 * 1024
    assert archive.unpacked == len(TEXT)
    archive.close()


@pytest.mark.parametrize("ending", PACK)
def test_an_archive_may_be_utf_16(tmp_path: Path, ending: str) -> None:
    """Its byte order mark says so, as in a plain file."""
    path = tmp_path / f"app.log.1{ending}"
    path.write_bytes(PACK[ending]("\ufeffföne\ntwö\n".encode("utf-16-le")))
    archive = Archive.open(str(path), Codec("auto"))
    assert all_lines(archive) == ["föne".encode(), "twö".encode()]
    archive.close()


def test_a_cursor_is_proved_in_what_it_holds(tmp_path: Path) -> None:
    """A place in a file that was compressed since is known by its bytes."""
    plain = tmp_path / "app.log.1"
    plain.write_bytes(TEXT)
    from tailws.logs.segment import Segment

    segment = Segment.open(str(plain), Codec())
    offset = TEXT.index(b"\n", 100_000) + 1
    cursor = Cursor.parse(segment.place(offset).cursor)
    segment.close()
    assert cursor is not None
    archive = opened(tmp_path, ".gz", gzip.compress(TEXT))
    other = opened(tmp_path, ".bz2", bz2.compress(TEXT.replace(b"a", b"b")))
    assert archive.proves(cursor)
    assert not other.proves(cursor)
    archive.close()
    other.close()
