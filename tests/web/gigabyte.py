"""A log of a gigabyte with five archives, whose lines say which they are and when.

It is made of seconds: a megabyte of lines each, the same ones but for their time and their number.
So it is written as fast as the disk takes it, and every line can be told from all others.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import zstandard

#: The time of the first line of the oldest archive.
BEGIN = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
#: Lines in a second.
LINES = 8000
#: Seconds in each archive, oldest first, and in the live file.
ARCHIVES = {"5.bz2": 4, "4.xz": 4, "3.zst": 4, "2.gz": 4, "1.gz": 4}
LIVE = 1000
#: The seconds at whose end something stands that is nowhere else, and what it is.
NEEDLES = (1, 9, 17, 25, 520, 1000)
#: The seconds at whose end something fails, with a stack trace.
FAILURES = (2, 11, 300, 1010)

PACK: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": zstandard.ZstdCompressor(level=1).compress,
    "gz": lambda data: gzip.compress(data, 1),
}

_TIME, _SECOND = b"@@@@@@@@@@@@@@@@@@@", b"#####"


def _lines() -> bytes:
    """The lines of any second."""
    some = random.Random(8)
    return b"".join(
        b"%s.%03dZ %s order accepted order=%s-%04d customer=c_%d request=%s\n"
        % (
            _TIME,
            number * 1000 // LINES,
            b"ERROR" if number % 4000 == 1234 else b"INFO",
            _SECOND,
            number,
            number % 7,
            some.randbytes(22).hex().encode(),
        )
        for number in range(LINES)
    )


def time_of(second: int) -> str:
    """When the lines of a second were written, as they say it."""
    return (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def key_of(second: int, number: int = 0) -> str:
    """What stands in that line and in no other."""
    return f"order={second:05d}-{number:04d}"


def needle(second: int) -> str:
    """A line that is hard to find."""
    return f"{time_of(second)}.999Z WARN slow request, needle={second}"


def failure(second: int) -> str:
    """A record of several lines."""
    return "\n".join(
        (
            f"{time_of(second)}.999Z ERROR payment failed in second {second}",
            "java.lang.IllegalStateException: no answer",
            *(f"\tat com.example.Shop.step{depth}(Shop.java:{depth})" for depth in range(12)),
            f"Caused by: java.io.IOException: timeout of second {second}",
            "\t... 12 more",
        )
    )


def seconds(first: int, count: int) -> Iterator[bytes]:
    """The text of so many seconds, each by itself."""
    lines = _lines()
    for second in range(first, first + count):
        text = lines.replace(_TIME, time_of(second).encode())
        text = text.replace(_SECOND, b"%05d" % second)
        if second in NEEDLES:
            text += f"{needle(second)}\n".encode()
        if second in FAILURES:
            text += f"{failure(second)}\n".encode()
        yield text


def write(folder: Path) -> int:
    """Write `app.log` and its archives; returns the number of the second that would be next."""
    at = 0
    for name, count in ARCHIVES.items():
        text = b"".join(seconds(at, count))
        (folder / f"app.log.{name}").write_bytes(PACK[name.partition(".")[2]](text))
        at += count
    with (folder / "app.log").open("wb") as file:
        for text in seconds(at, LIVE):
            file.write(text)
    return at + LIVE


def pieces(folder: Path) -> Iterator[bytes]:
    """All that the log holds, from its files, oldest first."""
    at = 0
    for count in ARCHIVES.values():
        yield from seconds(at, count)
        at += count
    with (folder / "app.log").open("rb") as file:
        while data := file.read(1 << 20):
            yield data
