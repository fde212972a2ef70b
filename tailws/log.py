"""The daemon's own log: to standard error, and never waiting for whoever reads it.

A terminal that was stopped with Ctrl-S, a pipe that nobody empties, a journald that stands still:
what they do not take is dropped and counted, and the count is told as soon as they take something
again.

Under systemd records go to journald with their fields. Its queue holds as few as ten datagrams
(net.unix.max_dgram_qlen), so what it does not take at once goes to standard error as a line with
its priority in front (`<N>`, sd-daemon(3)), which journald reads as well. Elsewhere a line starts
with the time. JSON is one object a line.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import stat
import struct
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Literal

log = logging.getLogger(__name__)

Format = Literal["auto", "text", "json"]

#: Bytes of one record, traceback included; what is longer is cut.
MAX_RECORD = 32 * 1024
JOURNAL_SOCKET = "/run/systemd/journal/socket"

# syslog(3)
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)


def under_systemd(fd: int = 2) -> bool:
    """Tell whether a descriptor is connected to journald (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(fd)
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


class Outlet:
    """Writes to a descriptor without ever waiting, and counts what it does not take.

    The flags of the descriptor stay as they are: they belong to all who share it, our parent's
    shell among them.
    """

    def __init__(self, fd: int) -> None:
        self.dropped = 0  # lines, since the last that went through
        self._fd = fd
        self._own = -1
        self._rest = b""  # of a line that was taken in part
        self._write: Callable[[bytes], int] = self._when_ready
        self._sock: socket.socket | None = None
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            return
        if stat.S_ISSOCK(mode):
            self._sock = socket.socket(fileno=os.dup(fd))
            self._write = self._to_socket
        elif stat.S_ISREG(mode):
            self._write = self._to_file
        else:
            try:  # an open file description of our own, so that O_NONBLOCK is ours alone
                self._own = os.open(
                    f"/proc/self/fd/{fd}",
                    os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC,
                )
                self._write = self._to_own
            except OSError:
                pass  # another user's pipe: look before each write

    def write(self, line: bytes) -> bool:
        """Write a whole line, or count it as dropped. May be called from any thread, locked."""
        try:
            if self._rest:
                self._rest = self._rest[self._write(self._rest) :]
            taken = 0 if self._rest else self._write(line)
        except OSError:
            taken = 0  # the reader has gone, or the disk is full
        if not taken:
            self.dropped += 1
            return False
        self._rest = line[taken:]
        return True

    def _to_socket(self, data: bytes) -> int:
        assert self._sock is not None
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0

    def _to_own(self, data: bytes) -> int:
        try:
            return os.write(self._own, data)
        except BlockingIOError:
            return 0

    def _to_file(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def _when_ready(self, data: bytes) -> int:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        # A pipe that is ready takes this much without waiting (pipe(7)).
        return os.write(self._fd, data[: select.PIPE_BUF]) if poll.poll(0) else 0

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        if self._own >= 0:
            os.close(self._own)
            self._own = -1


_COLOURS = {logging.ERROR: "\x1b[31m", logging.WARNING: "\x1b[33m", logging.DEBUG: "\x1b[2m"}
_PLAIN = "\x1b[0m"


class Journal:
    """journald's own socket: one datagram an entry, with its fields."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def send(self, entry: bytes) -> bool:
        """Send an entry; False if journald takes none now: its queue is short, or it has gone."""
        try:
            self._sock.sendto(entry, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, self._path)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._sock.close()


def journal_entry(fields: Mapping[str, str]) -> bytes:
    """Return fields in journald's form (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/)."""
    parts = []
    for name, value in fields.items():
        data = value.encode("utf-8", "backslashreplace")
        if b"\n" in data:
            parts.append(b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data))
        else:
            parts.append(b"%s=%s\n" % (name.encode(), data))
    return b"".join(parts)


def _journal_fields(record: logging.LogRecord) -> dict[str, str]:
    fields = {
        "MESSAGE": printable(record.getMessage())[: MAX_RECORD // 8],
        "PRIORITY": str(_priority(record.levelno)),
        "SYSLOG_IDENTIFIER": "tailws",
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
        "THREAD_NAME": record.threadName or "",
    }
    if record.exc_info:
        fields["TRACEBACK"] = _trace(record)
    return fields


def _trace(record: logging.LogRecord) -> str:
    assert record.exc_info
    return logging.Formatter().formatException(record.exc_info)[-MAX_RECORD // 8 :]


class TextFormatter(logging.Formatter):
    """Lines for people: time, level unless it is info, message; colours on a terminal."""

    def __init__(self, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        start = _COLOURS.get(record.levelno, "") if self._colours else ""
        return f"{when} {start}{level}{_text(self, record)}{_PLAIN if start else ''}"


class PriorityFormatter(logging.Formatter):
    """Each line with its priority in front; journald knows the time and the unit."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in _text(self, record).split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": iso_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[: MAX_RECORD // 8],
        }
        if record.exc_info:
            entry["traceback"] = _trace(record)
        return json.dumps(entry, ensure_ascii=False)


def _text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = printable(record.getMessage())
    if record.exc_info:
        text += "\n" + formatter.formatException(record.exc_info)
    return text


_UNPRINTABLE = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A
}


def printable(text: str) -> str:
    """Return a text without control characters: file names and headers may hold any."""
    return text.translate(_UNPRINTABLE)


def iso_time(seconds: float) -> str:
    """Return a time since the epoch as `2026-11-22T10:53:38.120Z`."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


class StandardError(logging.Handler):
    """The log's handler: renders records, and writes them without waiting."""

    def __init__(self, format_: Format = "auto", fd: int = 2) -> None:
        super().__init__()
        in_journal = format_ == "auto" and under_systemd(fd)
        self._journal = Journal(JOURNAL_SOCKET) if in_journal else None
        self._outlet = Outlet(fd)
        self.setFormatter(_formatter(format_, fd))

    @property
    def dropped(self) -> int:
        """Records that were not taken since the last that was."""
        return self._outlet.dropped

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.report_dropped()
            if self._outlet.dropped:
                self._outlet.dropped += 1
            elif self._journal is None or not self._journal.send(
                journal_entry(_journal_fields(record))
            ):
                self._outlet.write(self._line(record))
        except Exception:  # noqa: BLE001  (what a log call raises would hit whoever logs)
            self.handleError(record)

    def report_dropped(self) -> None:
        """Tell how much was lost, if anything was and somebody reads again."""
        dropped = self._outlet.dropped
        if not dropped:
            return
        told = self._outlet.write(
            self._line(
                logging.makeLogRecord(
                    {
                        "name": __name__,
                        "levelno": logging.WARNING,
                        "levelname": "WARNING",
                        "msg": "%d lines of this log were lost: its reader stood still",
                        "args": (dropped,),
                    }
                )
            )
        )
        self._outlet.dropped = 0 if told else dropped

    def _line(self, record: logging.LogRecord) -> bytes:
        data = self.format(record).encode("utf-8", "backslashreplace")
        if len(data) >= MAX_RECORD:
            data = data[: MAX_RECORD - 8].decode("utf-8", "ignore").encode() + b" ..."
        return data + b"\n"

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._outlet.close()
        super().close()


def _formatter(format_: Format, fd: int) -> logging.Formatter:
    if format_ == "json":
        return JsonFormatter()
    if format_ == "auto" and under_systemd(fd):
        return PriorityFormatter()
    return TextFormatter(os.isatty(fd) and "NO_COLOR" not in os.environ)


def set_up(level: str = "info", format_: Format = "auto", fd: int = 2) -> StandardError:
    """Send all logging to standard error, as the one handler; call again to change it."""
    handler = StandardError(format_, fd)
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, StandardError)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    set_level(level)
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_uncaught_in_thread
    return handler


def report_dropped() -> None:
    """Tell what was lost, if anything was and the reader has come back; for a daemon's tick."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, StandardError):
            with handler.lock or nullcontext():
                handler.report_dropped()


def set_level(level: str) -> None:
    """Change how much is logged, at any time: debug, info, warning or error."""
    logging.getLogger().setLevel(_LEVELS[level])
    # watchdog's and others' debugging is not ours.
    for name in ("watchdog", "asyncio"):
        logging.getLogger(name).setLevel(max(_LEVELS[level], logging.WARNING))


def _on_uncaught(
    kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
) -> None:
    log.critical("this is a bug in tailws", exc_info=(kind, error, trace))


def _on_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        log.critical(
            "this is a bug in tailws",
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )
