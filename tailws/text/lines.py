"""Lines in bytes: where they end, and how they become the UTF-8 that goes over the wire.

Only a line feed ends a line (not CR, not U+2028: `str.splitlines` knows eight more). Bytes are
never decoded in pieces: only whole lines are, so a character that was cut between two writes or
two reads is whole again by then.
"""

from __future__ import annotations

#: What stands for a shortened line's missing rest, behind the part that is kept.
CUT_MARK = " [tailws: line of {} bytes cut here]"


class Codec:
    """How one source's bytes are cut into lines and turned into UTF-8.

    `encoding` is utf-8, latin-1, utf-16-le or utf-16-be, or auto: UTF-16 where a byte order mark
    says so, else UTF-8. Offsets are always those of the file.
    """

    __slots__ = ("auto", "encoding", "newline", "wide")

    def __init__(self, encoding: str = "utf-8") -> None:
        self.auto = encoding == "auto"
        encoding = "utf-8" if self.auto else _NAMES.get(encoding, encoding)
        self.encoding = encoding
        self.wide = encoding.startswith("utf-16")
        self.newline = "\n".encode(encoding)

    def for_file(self, head: bytes) -> Codec:
        """The codec for a file that begins with `head`."""
        if self.auto:
            for encoding, bom in _BOMS.items():
                if encoding != "utf-8" and head.startswith(bom):
                    return Codec(encoding)
        return self

    def end_of_lines(self, data: bytes) -> int:
        """How many bytes of `data` are whole lines: the place behind the last line feed, or 0."""
        if not self.wide:
            return data.rfind(b"\n") + 1
        # `data` begins at a character: all offsets that we read at stand behind a line feed
        at = data.rfind(self.newline)
        while at > 0 and at % 2:  # half of one character and half of the next
            at = data.rfind(self.newline, 0, at + 1)
        return at + 2 if at >= 0 else 0

    def end_of_line(self, data: bytes, start: int = 0) -> int:
        """The place behind the first line feed at or after `start`, or 0."""
        if not self.wide:
            return data.find(b"\n", start) + 1
        at = data.find(self.newline, start)
        while at > 0 and at % 2:
            at = data.find(self.newline, at + 1)
        return at + 2 if at >= 0 else 0

    def count(self, data: bytes) -> int:
        """Line feeds in `data`."""
        if not self.wide:
            return line_feeds(data)
        count = 0
        at = self.end_of_line(data)
        while at:
            count += 1
            at = self.end_of_line(data, at)
        return count

    def utf8(self, data: bytes, at_start: bool) -> bytes:
        """Whole lines as valid UTF-8; what is not becomes U+FFFD. `at_start`: drop a BOM."""
        if not self.wide and data.isascii():
            return data
        if at_start:
            data = _without_bom(data, self.encoding)
        if self.encoding != "utf-8":
            return data.decode(self.encoding, errors="replace").encode()
        try:
            data.decode()
        except UnicodeDecodeError:
            return data.decode(errors="replace").encode()
        return data


_NAMES = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}
_BOMS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


def _without_bom(data: bytes, encoding: str) -> bytes:
    return data.removeprefix(_BOMS.get(encoding, b""))


def line_feeds(data: bytes | bytearray) -> int:
    """How many line feeds are in `data`.

    `bytes.count` looks at byte after byte; `replace` leaps with memchr(3), and takes half the time
    for lines of a hundred bytes, a fifth for longer ones.
    """
    return len(data) - len(data.replace(b"\n", b""))


def leading_nuls(data: bytes) -> int:
    """How many NUL bytes `data` begins with."""
    return len(data) - len(data.lstrip(b"\0")) if data[:1] == b"\0" else 0
