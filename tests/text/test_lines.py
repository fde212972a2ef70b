"""Lines in bytes: where they end in each encoding, and what becomes of bytes that are no text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text.lines import Codec, leading_nuls

ENCODINGS = ["utf-8", "latin-1", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=st.text(st.sampled_from("a\nĊ਀\u0a0d\u0d0a上"), max_size=12), cut=st.integers(0, 3))
def test_only_a_line_feed_ends_a_line(encoding: str, text: str, cut: int) -> None:
    """The last, the first and the number of line feeds are those of the decoded text, also when
    a byte of 0A stands in other characters and the data ends within one."""
    codec = Codec(encoding)
    text = text.encode(encoding, errors="ignore").decode(encoding)
    data = text.encode(encoding)
    whole = text[: text.rfind("\n") + 1]
    first = text[: text.find("\n") + 1]
    data += "上".encode(encoding, errors="ignore")[:cut] if encoding != "utf-8" else b""
    if encoding.startswith("utf-16"):
        data = data[: len(data) - cut % 2]
        whole = data[: len(data) - len(data) % 2].decode(encoding, errors="ignore")
        first = whole[: whole.find("\n") + 1]
        whole = whole[: whole.rfind("\n") + 1]
    assert codec.end_of_lines(data) == len(whole.encode(encoding))
    assert codec.end_of_line(data) == len(first.encode(encoding))
    assert codec.count(data) == whole.count("\n")


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(data=st.binary(max_size=40), at_start=st.booleans())
def test_whatever_the_bytes_the_text_is_utf8(encoding: str, data: bytes, at_start: bool) -> None:
    """Every line can be sent: what is no text becomes U+FFFD, and no line feed comes or goes."""
    codec = Codec(encoding)
    data = data[: codec.end_of_lines(data)]
    text = codec.utf8(data, at_start).decode()
    assert text.count("\n") == codec.count(data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_the_byte_order_mark_is_no_text(encoding: str) -> None:
    codec = Codec(encoding)
    data = "\ufeffäb\n\ufeffc\n".encode(encoding)
    assert codec.utf8(data, at_start=True).decode() == "äb\n\ufeffc\n"
    assert codec.utf8(data, at_start=False).decode() == "\ufeffäb\n\ufeffc\n"


@given(st.integers(0, 5), st.binary(max_size=5))
def test_leading_nuls(count: int, rest: bytes) -> None:
    data = b"\0" * count + rest
    assert data[leading_nuls(data) :] == data.lstrip(b"\0")
