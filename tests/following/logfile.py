"""What an application does to its log: one inode, and a writer that keeps it open.

A descriptor stays with its file through every rename, so a rotated `LogFile` writes on into the
old file, as real programs do until they are told to reopen. Iterating over a `LogFile` gives the
lines that a follower owes its clients for this file, in order.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

_serial = itertools.count(1)


def fresh_line() -> str:
    """A line that no other line of this run equals; their lengths differ, as in real logs."""
    number = next(_serial)
    return f"line {number:07d} " + "." * (number * 7 % 61)


class LogFile:
    def __init__(self, path: Path, opened: ExitStack, *, append: bool = True) -> None:
        self.path = path
        self.owed: list[str] = []
        self._opened = opened
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
        self.fd = os.open(path, flags, 0o644)
        self._close = opened.enter_context(ExitStack())
        self._close.callback(os.close, self.fd)

    def __iter__(self) -> Iterator[str]:
        return iter(self.owed)

    # Writing ---------------------------------------------------------------------------------

    def lines(self, count: int = 1) -> Self:
        """New lines, each by a write(2) of its own."""
        for _ in range(count):
            self.say(fresh_line())
        return self

    def burst(self, count: int) -> Self:
        """New lines, all in one write(2)."""
        text = [fresh_line() for _ in range(count)]
        self.owed += text
        return self.raw("".join(line + "\n" for line in text).encode())

    def say(self, *texts: str) -> Self:
        """These lines, each by a write(2) of its own."""
        for text in texts:
            self.owed.append(text)
            self.raw(text.encode() + b"\n")
        return self

    def raw(self, data: bytes) -> Self:
        """Bytes as they are; what they owe is for the scenario to say."""
        while data:
            data = data[os.write(self.fd, data) :]
        return self

    def forget(self) -> Self:
        """Owe nothing for what was written up to now."""
        self.owed.clear()
        return self

    def close(self) -> Self:
        self._close.close()
        self.fd = -1
        return self

    # What is done to the file -------------------------------------------------------------------

    def rename(self, to: str | Path) -> Self:
        """Move the file; a plain name stays in the same directory."""
        target = self.path.parent / to
        os.rename(self.path, target)
        self.path = target
        return self

    def unlink(self) -> Self:
        self.path.unlink()
        return self

    def successor(self, name: str | None = None) -> LogFile:
        """The file that the application opens next, in this one's directory."""
        return LogFile(self.path.with_name(name or self.path.name), self._opened)

    def rotate(self, keep: int = 9, *, stays: bool = False) -> LogFile:
        """Rename rotation: `.1` becomes `.2` and so on, this file `.1`, and a new one is made.

        The old writer leaves at once, unless it `stays`: then it writes on until it is closed.
        """
        name = self.path
        shift(name, keep)
        self.rename(f"{name.name}.1")
        if not stays:
            self.close()
        return LogFile(name, self._opened)

    def truncate(self, size: int = 0) -> Self:
        os.ftruncate(self.fd, size)
        return self

    def copy(self, suffix: str = ".1") -> Self:
        shutil.copyfile(self.path, self.path.with_name(self.path.name + suffix))
        return self

    def copytruncate(self, suffix: str = ".1") -> Self:
        return self.copy(suffix).truncate()


def shift(name: Path, keep: int) -> None:
    """Make room at `name.1`: each numbered sibling, compressed or not, moves one on; those beyond
    `keep` go."""
    siblings = {}
    for path in name.parent.glob(f"{name.name}.*"):
        number, _, packed = path.name.removeprefix(f"{name.name}.").partition(".")
        if number.isdigit():
            siblings[int(number), packed] = path
    for (number, packed), path in sorted(siblings.items(), reverse=True):
        if number >= keep:
            path.unlink()
        else:
            path.rename(f"{name}.{number + 1}" + (f".{packed}" if packed else ""))
