"""The access log: one line for each request.

    2026-11-22T10:53:38.120Z 192.0.2.7 anna "GET /ws?source=nginx HTTP/1.1" 101 229 0.002 "curl/8"

Time, client, whose token, request, status, bytes sent, seconds, user agent; what is missing is `-`.
Nothing in a line can break it or the terminal that shows it: quotes, backslashes and all that is
not printable ASCII are written as `\\xNN`. Secrets that somebody put into an address are left out.

Lines are gathered for a turn of the loop and appended by one write(2). The file may be renamed,
removed or truncated at any time; it is opened anew when another file, or none, stands in its place.
"""

from __future__ import annotations

import logging
import os
import re

from tailws.log import iso_time
from tailws.runtime.loop import Loop
from tailws.server.exchange import AccessRecord

log = logging.getLogger(__name__)

#: Bytes that wait for the end of the turn; lines beyond are dropped and counted.
MAX_PENDING = 1 << 20
#: Characters of a target and of a user agent; who sends more wants to fill the disk.
MAX_FIELD = 1024
#: Seconds between two looks at whether the file was rotated.
ROTATION_CHECK = 1.0

_SECRET = re.compile(r"([?&;](?:[^=&;]*(?:token|secret|password|key|auth)[^=&;]*)=)[^&;#]*", re.I)
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")


def render(record: AccessRecord) -> str:
    """Return a record's line, without the newline."""
    target = _SECRET.sub(r"\1...", record.target)
    request = f"{record.method} {target} HTTP/{record.version}" if record.method else ""
    return (
        f"{iso_time(record.time)} {record.client or '-'} {_word(record.user)} "
        f"{_quoted(request)} {record.status or '-'} {record.sent} {record.seconds:.3f} "
        f"{_quoted(record.user_agent)}"
    )


def to_log(record: AccessRecord) -> None:
    """Write a record into the daemon's own log instead of a file; it knows the time itself."""
    log.info("%s", render(record).partition(" ")[2])


def _quoted(text: str) -> str:
    cut = text[:MAX_FIELD] + ("..." if len(text) > MAX_FIELD else "")
    return f'"{_UNSAFE.sub(_escape, cut)}"' if cut else '"-"'


def _word(text: str) -> str:
    return _UNSAFE.sub(_escape, text).replace(" ", r"\x20") or "-"


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))


class AccessLog:
    """Appends records to a file; never raises, and never waits for more than the page cache."""

    def __init__(self, loop: Loop, path: str) -> None:
        self.path = path
        self.dropped = 0  # records, since the last that were written
        self._loop = loop
        self._fd = -1
        self._file: os.stat_result | None = None
        self._pending: list[bytes] = []
        self._size = 0
        self._looked = float("-inf")
        self._trouble = ""  # the last that was logged, so that it is logged once

    def write(self, record: AccessRecord) -> None:
        """Append a record at the end of the turn."""
        line = render(record).encode("ascii") + b"\n"
        if self._size + len(line) > MAX_PENDING:
            self.dropped += 1
            return
        if not self._pending:
            self._loop.defer(self.flush)
        self._pending.append(line)
        self._size += len(line)

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._pending, self._size = self._pending, [], 0
        if not lines:
            return
        now = self._loop.clock()
        if self._fd < 0 or now - self._looked >= ROTATION_CHECK:
            self._looked = now
            if self._moved():
                self.reopen()
        try:
            if self._fd < 0:
                raise OSError(self._trouble)
            data = b"".join(lines)
            taken = os.write(self._fd, data)
            if taken < len(data):  # a full disk, or a pipe
                raise OSError("not all of it was taken")
        except OSError as error:
            self.dropped += len(lines)
            self._complain(str(error.strerror or error))
        else:
            if self.dropped:
                log.warning("%s: %d lines could not be written", self.path, self.dropped)
            self.dropped, self._trouble = 0, ""

    def _moved(self) -> bool:
        """Tell whether the path is another file than the one that is open."""
        if self._file is None:
            return True
        try:
            return not os.path.samestat(os.stat(self.path), self._file)
        except OSError:
            return True

    def reopen(self) -> None:
        """Open the file anew: it was rotated, or somebody says so. What fails is logged."""
        try:
            fd = os.open(
                self.path,
                # A FIFO without a reader is an error, not a wait.
                os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC,
                0o640,
            )
        except OSError as error:
            self._complain(str(error.strerror))
            return  # the old one goes on, if there is one
        self._release()
        self._fd, self._file = fd, os.fstat(fd)

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("%s: cannot write the access log: %s", self.path, trouble)

    def close(self) -> None:
        """Write what was gathered, and release the file. Idempotent."""
        self.flush()
        self._release()

    def _release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._file = -1, None
