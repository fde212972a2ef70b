"""Who a file is, and cursors as text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.logs.identity import Cursor, file_number, find_inode, identify, identify_path

NUMBERS = st.integers(0, 2**32 - 1)


@given(file=NUMBERS, birth=st.integers(0, 2**44), offset=st.integers(0, 2**59), crc=NUMBERS)
def test_a_cursor_is_read_as_it_was_written(file: int, birth: int, offset: int, crc: int) -> None:
    """parse(str(cursor)) is the cursor."""
    cursor = Cursor(file, birth, offset, crc, crc ^ 1)
    assert Cursor.parse(str(cursor)) == cursor


@given(st.text(max_size=80))
def test_what_is_no_cursor_is_none(text: str) -> None:
    """Anything else is refused without an error."""
    cursor = Cursor.parse(text)
    assert cursor is None or Cursor.parse(str(cursor)) == cursor


def test_path_and_descriptor_give_the_same_identity(tmp_path: Path) -> None:
    """By path, through a symbolic link, or by descriptor: it is the same file."""
    path = tmp_path / "a"
    path.write_bytes(b"")
    (tmp_path / "link").symlink_to(path)
    fd = os.open(path, os.O_RDONLY)
    try:
        assert identify(fd) == identify_path(str(path)) == identify_path(str(tmp_path / "link"))
    finally:
        os.close(fd)


def test_another_file_under_the_same_name_is_another(tmp_path: Path) -> None:
    """Even where the file system gives the inode to the next file at once, the birth time tells."""
    path = tmp_path / "a"
    path.write_bytes(b"")
    first = identify_path(str(path))
    other = tmp_path / "b"
    other.write_bytes(b"")
    before = os.stat(path)
    os.replace(other, path)
    assert identify_path(str(path)) != first
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            identify_path(str(path), before)
        path.unlink(missing_ok=True)


def test_a_file_is_found_by_its_inode_under_any_name(tmp_path: Path) -> None:
    """Rotation may call it what it likes."""
    path = tmp_path / "app.log"
    path.write_bytes(b"")
    number = file_number(identify_path(str(path)))
    path.rename(tmp_path / "something else")
    assert find_inode(str(path), number) == [str(tmp_path / "something else")]
