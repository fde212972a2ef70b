"""Encodings: recognised when the bytes say so, and only then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import encoding
from tailws.text.encoding import SNIFF_BYTES

LOG = "2026-11-22 14:02:11 server started, größer, 日志\r\n" * 200


@pytest.mark.parametrize("name", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_log_s_encoding_is_told_with_and_without_a_mark(name: str, mark: str) -> None:
    """SQL Server and PowerShell write UTF-16; not all of them write a mark."""
    raw = (mark + LOG).encode(name)
    assert encoding.sniff(raw[:SNIFF_BYTES]) == name
    assert encoding.sniff(raw[:100]) == name


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\0",
        b"\0" * 4096,  # a hole, left by a truncation under a writer that keeps its offset
        b"\0" * 2000 + b"2026-11-22 text\n" * 10,
        b"binary\0field\0\0\0text\n" * 20,
        LOG.encode("latin-1", "replace"),
        b"\xff\xff\xfe",
        bytes(range(256)),
    ],
)
def test_nothing_else_is_taken_for_utf_16(first: bytes) -> None:
    """Stray NULs and bytes that are not UTF-8 do not change how a log is read."""
    assert encoding.sniff(first) == "utf-8"


@given(st.binary(max_size=64))
def test_any_bytes_have_an_encoding(first: bytes) -> None:
    """Whatever a file begins with."""
    assert encoding.sniff(first) in ("utf-8", "utf-16-le", "utf-16-be")


@given(st.text(st.characters(max_codepoint=0x7F), min_size=1, max_size=200))
def test_ascii_is_utf_8(text: str) -> None:
    """Without NULs there is no doubt."""
    assert encoding.sniff(text.replace("\0", "").encode()) == "utf-8"


def test_encodings_are_known_by_their_usual_names() -> None:
    """As people write them in a config; others are unknown, not guessed."""
    assert encoding.known("UTF8") == "utf-8"
    assert encoding.known("ISO_8859-1") == "latin-1"
    assert encoding.known("utf-16le") == encoding.known("UTF-16-LE") == "utf-16-le"
    assert encoding.known("klingon") is None
