"""Pieces: whatever their size, they are the file, line by line."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailws.logs import pieces
from tailws.logs.pieces import Backward, Crowd, Forward, Pace, Piece
from tailws.logs.segment import Segment
from tailws.text.lines import Codec
from tests.logs.whole import run

LINES = st.lists(st.integers(0, 300), max_size=40)


def opened(data: bytes, encoding: str = "utf-8") -> Segment:
    with tempfile.NamedTemporaryFile(suffix=".log") as file:
        Path(file.name).write_bytes(data)
        return Segment.open(file.name, Codec(encoding))


def taken(reader: Forward | Backward, size: int) -> list[Piece]:
    out = []
    while (piece := run(reader.piece(size))) is not None:
        out.append(piece)
    return out


@settings(deadline=None)
@given(lengths=LINES, size=st.integers(1, 400), wide=st.booleans())
def test_forward_and_backward_give_the_file_in_whole_lines(
    lengths: list[int], size: int, wide: bool
) -> None:
    """Nothing is left out and nothing is cut, in either direction, by any size of pieces; what a
    cursor would prove itself by is what stands before each piece."""
    text = "".join(f"{i}".ljust(length, "ü") + "\n" for i, length in enumerate(lengths))
    encoding = "utf-16-le" if wide else "utf-8"
    data = text.encode(encoding)
    size *= 2
    segment = opened(data, encoding)
    try:
        forward = taken(Forward(segment, 0, len(data)), size)
        backward = taken(Backward(segment, len(data), 0), size)
    finally:
        segment.close()
    assert b"".join(piece.data for piece in forward) == data
    assert b"".join(piece.data for piece in reversed(backward)) == data
    for piece in (*forward, *backward):
        assert piece.data.endswith("\n".encode(encoding))
        assert data[piece.offset : piece.end] == piece.data
        for at in (0, len(piece.data) // 2, len(piece.data)):
            assert piece.anchor(at) == data[max(0, piece.offset + at - 64) : piece.offset + at]


@pytest.mark.parametrize("size", [500, 5000])
def test_a_line_that_is_too_long_is_passed_over(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line of a gigabyte the first part is looked at, and what follows it is found."""
    monkeypatch.setattr(pieces, "LONGEST", 4096)
    data = b"first\n" + b"x" * 50_000 + b"\nlast\n"
    segment = opened(data)
    try:
        forward = taken(Forward(segment, 0, len(data)), size)
        backward = taken(Backward(segment, len(data), 0), size)
    finally:
        segment.close()
    for found in (forward, backward[::-1]):
        assert found[0].offset == 0
        assert found[-1].end == len(data)
        assert all(a.end == b.offset for a, b in itertools.pairwise(found))
        assert sum(len(piece.data) for piece in found) < 20_000
        assert found[-1].data.endswith(b"last\n")
        assert found[-1].anchor(len(found[-1].data)) == data[-64:]


def test_a_last_line_without_a_line_feed_counts_where_the_file_is_final() -> None:
    """A writer that died in the middle of a line has written it all the same."""
    segment = opened(b"one\ntwo")
    try:
        assert [p.data for p in taken(Forward(segment, 0), 100)] == [b"one\n"]
        assert [p.data for p in taken(Forward(segment, 0, 7), 100)] == [b"one\ntwo"]
    finally:
        segment.close()


def test_pieces_shrink_where_a_pattern_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn of the loop stays short with a pattern that needs microseconds for each byte."""
    now = 0.0
    monkeypatch.setattr(pieces.time, "perf_counter", lambda: now)
    crowd = Crowd()
    crowd.running = 1
    pace = Pace(crowd)
    pace.begin()
    for _ in range(20):
        now += pace.size * 1e-6
        if pace.spent(pace.size):
            pace.begin()
    assert pace.size == pieces.SMALLEST
    for _ in range(20):
        now += pace.size * 1e-9
        if pace.spent(pace.size):
            pace.begin()
    assert pace.size == pieces.LARGEST


def test_who_reads_backwards_has_the_disk_read_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel reads ahead for who goes forwards only: backwards it is told what comes next, in
    large parts and before it is needed."""
    monkeypatch.setattr(pieces, "AHEAD", 64 * 1024)
    asked: list[tuple[int, int]] = []
    advise = os.posix_fadvise

    def noted(fd: int, offset: int, length: int, advice: int) -> None:
        if advice == os.POSIX_FADV_WILLNEED:
            asked.append((offset, offset + length))
        advise(fd, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    path = tmp_path / "app.log"
    path.write_bytes(b"0123456\n" * 64 * 1024)
    segment = Segment.open(str(path), Codec())
    backward = Backward(segment, segment.size, 0)
    while (piece := run(backward.piece(8192))) is not None:
        reached = min([low for low, _ in asked], default=segment.size - pieces.AHEAD)
        assert reached <= max(0, piece.end - pieces.AHEAD)
    assert sorted(asked) == [(at, at + pieces.AHEAD) for at in range(0, 7 * 65536, 65536)]
    segment.close()
