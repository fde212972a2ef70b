"""The daemon's own log: its forms, and that nobody who reads it can hold it up."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import re
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tailws import log as log_module
from tailws.log import Outlet, StandardError, iso_time, printable, set_level, set_up, under_systemd

log = logging.getLogger("tailws.test")


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging as it was, whatever the test set up."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), sys.excepthook, threading.excepthook)
    raising = logging.raiseExceptions
    yield
    for handler in root.handlers:
        if handler not in before[1]:
            handler.close()
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    sys.excepthook, threading.excepthook = before[2:]
    logging.captureWarnings(False)
    logging.raiseExceptions = raising
    for name in ("watchdog", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read(fd: int) -> str:
    """All that is there now."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    data = b""
    try:
        while piece := os.read(fd, 65536):
            data += piece
    except BlockingIOError:
        pass
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)
    return data.decode()


def emit(
    handler: StandardError, level: int, message: str, *args: object, error: bool = False
) -> None:
    record = logging.LogRecord("tailws.test", level, "x.py", 1, message, args, None)
    if error:
        try:
            raise ZeroDivisionError("by nought")
        except ZeroDivisionError:
            record.exc_info = sys.exc_info()
    handler.handle(record)


# -- forms


def test_lines_for_people(pipe: tuple[int, int]) -> None:
    """Time, level unless it is info, message; no colours where there is no terminal."""
    handler = StandardError(fd=pipe[1])
    emit(handler, logging.INFO, "started on %s", "port 1")
    emit(handler, logging.WARNING, "careful")
    emit(handler, logging.ERROR, "broken", error=True)
    handler.close()
    first, second, third, *trace = read(pipe[0]).splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d started on port 1", first)
    assert second.endswith(" warning: careful")
    assert third.endswith(" error: broken")
    assert trace[0].startswith("Traceback")
    assert trace[-1] == "ZeroDivisionError: by nought"


def test_lines_for_journald(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where journald's socket cannot be reached, each line has its priority in front, those of a
    traceback too, and no time."""
    monkeypatch.setattr(log_module, "JOURNAL_SOCKET", "/nowhere")
    status = os.fstat(pipe[1])
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    handler = StandardError(fd=pipe[1])
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        emit(handler, level, "message")
    assert read(pipe[0]).splitlines() == [f"<{n}>message" for n in (7, 6, 4, 3, 2)]
    emit(handler, logging.ERROR, "two\nlines", error=True)
    lines = read(pipe[0]).splitlines()
    assert lines[:2] == ["<3>two", "<3>lines"]
    assert all(line.startswith("<3>") for line in lines)
    handler.close()


def fields_of(entry: bytes) -> dict[str, str]:
    """Read an entry as journald does."""
    fields = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(entry[:8], "little")
            value, entry = entry[8 : 8 + size], entry[9 + size :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def journald(
    pipe: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """What journald is to a unit: a stream on standard error, and a socket for entries."""
    status = os.fstat(pipe[1])
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    monkeypatch.setattr(log_module, "JOURNAL_SOCKET", str(tmp_path / "journal"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "journal"))
        sock.setblocking(False)
        yield sock


def test_entries_for_journald(pipe: tuple[int, int], journald: socket.socket) -> None:
    """Under systemd each record is one entry, with priority, logger, place and traceback as fields,
    and text of several lines in one piece; nothing goes to standard error as well."""
    handler = StandardError(fd=pipe[1])
    emit(handler, logging.WARNING, "two\nlines = %s", "ü\x1b")
    emit(handler, logging.ERROR, "broken", error=True)
    handler.close()
    first, second = (fields_of(journald.recv(65536)) for _ in range(2))
    assert first["MESSAGE"] == "two\nlines = ü\\x1b"
    assert (first["PRIORITY"], first["SYSLOG_IDENTIFIER"]) == ("4", "tailws")
    assert (first["LOGGER"], first["CODE_FILE"], first["CODE_LINE"]) == ("tailws.test", "x.py", "1")
    assert "TRACEBACK" not in first
    assert second["PRIORITY"] == "3"
    assert second["TRACEBACK"].endswith("ZeroDivisionError: by nought")
    assert read(pipe[0]) == ""


def test_a_journald_that_stands_still(pipe: tuple[int, int], journald: socket.socket) -> None:
    """It holds up nobody: what its short queue does not take goes to standard error, which it
    reads too, and what that does not take is counted and told."""
    handler = StandardError(fd=pipe[1])
    sent = 0
    while not handler.dropped:
        emit(handler, logging.INFO, "line %d %s", sent, "x" * 3000)
        sent += 1
        assert sent < 100_000
    entries = []
    while True:
        try:
            entries.append(fields_of(journald.recv(65536))["MESSAGE"])
        except BlockingIOError:
            break
    lines = read(pipe[0]).splitlines()
    emit(handler, logging.WARNING, "after")
    told = read(pipe[0])
    got = [entry.split()[1] for entry in entries] + [line.split()[1] for line in lines]
    assert [int(number) for number in got] == list(range(sent - 1))
    assert all(line.startswith("<6>line ") for line in lines)
    assert "<4>1 lines of this log were lost" in told
    assert fields_of(journald.recv(65536))["MESSAGE"] == "after"
    emit(handler, logging.INFO, "x" * 10_000_000)  # cut, so that it fits into a datagram
    assert journald.recv(65536)
    handler.close()


def test_a_journald_that_has_gone(pipe: tuple[int, int], journald: socket.socket) -> None:
    """While it is away standard error has it; its successor at the same place gets the rest."""
    handler = StandardError(fd=pipe[1])
    path = journald.getsockname()
    journald.close()
    emit(handler, logging.INFO, "one")
    os.unlink(path)
    emit(handler, logging.INFO, "two")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as successor:
        successor.bind(path)
        emit(handler, logging.INFO, "three")
        assert b"MESSAGE=three" in successor.recv(65536)
    assert read(pipe[0]) == "<6>one\n<6>two\n"
    handler.close()


def test_journal_stream_must_be_this_descriptor(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is inherited by whatever a unit starts: only device and inode tell."""
    for value in ("1:2", "", "x:y", "1", f"{os.fstat(pipe[1]).st_dev}:1"):
        monkeypatch.setenv("JOURNAL_STREAM", value)
        assert not under_systemd(pipe[1])
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not under_systemd(pipe[1])
    assert not under_systemd(-1)


def test_json(pipe: tuple[int, int]) -> None:
    """One object a line, whatever the message holds, however long."""
    handler = StandardError("json", pipe[1])
    emit(handler, logging.WARNING, 'a "quoted"\nline of %s', "ü")
    emit(handler, logging.ERROR, "broken", error=True)
    emit(handler, logging.INFO, "x" * 1_000_000)
    first, second, third = map(json.loads, read(pipe[0]).splitlines())
    assert first["message"] == 'a "quoted"\nline of ü'
    assert (first["level"], first["logger"]) == ("warning", "tailws.test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert second["traceback"].endswith("ZeroDivisionError: by nought")
    assert third["message"].startswith("xxx")
    handler.close()


def test_controls_do_not_reach_the_terminal(pipe: tuple[int, int]) -> None:
    """A file name with an escape sequence in it is shown, not obeyed."""
    handler = StandardError(fd=pipe[1])
    emit(handler, logging.INFO, "%s", "bad\x1b]0;title\x07name\x9b")
    assert "bad\\x1b]0;title\\x07name\\x9b\n" in read(pipe[0])
    assert printable("plain ü\nline") == "plain ü\nline"
    handler.close()


def test_times() -> None:
    """Milliseconds are rounded once, not cut after a detour through binary fractions."""
    assert iso_time(1795344818.12) == "2026-11-22T10:53:38.120Z"
    assert iso_time(1795344818.9999) == "2026-11-22T10:53:39.000Z"


# -- never waiting


def fill(outlet: Outlet, most: int = 100_000) -> int:
    """Write until something is dropped; return how many lines went through."""
    for number in range(most):
        if not outlet.write(b"line %06d %s\n" % (number, b"x" * 200)):
            return number
    raise AssertionError("it took everything")


def stuff(writer: int) -> None:
    """Fill a pipe to its last byte."""
    own = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
    for piece in (b"\n" * 4096, b"\n"):
        try:
            while os.write(own, piece):
                pass
        except BlockingIOError:
            pass
    os.close(own)


def ends(kind: str) -> tuple[int, int, Callable[[], None]]:
    """A reader's and a writer's descriptor of one kind, and how to close them."""
    if kind in ("stream socket", "datagram socket"):
        type_ = socket.SOCK_STREAM if kind == "stream socket" else socket.SOCK_DGRAM
        one, other = socket.socketpair(socket.AF_UNIX, type_)
        reader, writer = one.detach(), other.detach()
    elif kind == "terminal":
        reader, writer = pty.openpty()
        tty.setraw(writer)
        termios.tcflow(writer, termios.TCOOFF)  # Ctrl-S
        return reader, writer, lambda: (termios.tcflow(writer, termios.TCOON), None)[1]
    else:
        reader, writer = os.pipe()
    return reader, writer, lambda: None


@pytest.mark.parametrize(
    "kind", ["pipe", "stream socket", "datagram socket", "terminal", "foreign pipe"]
)
def test_a_reader_that_stands_still_holds_up_nobody(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not taken is counted, not waited for; when it flows again, whole lines flow."""
    reader, writer, flow = ends(kind)
    if kind == "foreign pipe":  # one that we may not open anew, as after a change of user

        def refuse(*_: object, **__: object) -> int:
            raise PermissionError

        monkeypatch.setattr(log_module.os, "open", refuse)
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    outlet = Outlet(writer)
    monkeypatch.undo()
    went = fill(outlet)
    assert went > 0 or kind == "terminal"
    for _ in range(100):
        assert not outlet.write(b"lost" * 60 + b"\n")  # as long: a short one might find room
    assert outlet.dropped == 101
    assert fcntl.fcntl(writer, fcntl.F_GETFL) == flags, "flags belong to all who share it"
    flow()
    taken = ""
    end = time.monotonic() + 20
    while not outlet.write(b"again\n"):
        taken += read(reader)
        assert time.monotonic() < end
    while "again" not in taken:
        taken += read(reader)
        assert time.monotonic() < end
    lines = taken.splitlines()
    assert lines[-1] == "again"
    assert all(re.fullmatch(r"line \d{6} x{200}", line) for line in lines[:-1])
    assert "lost" not in taken
    outlet.close()
    os.close(reader)
    os.close(writer)


def test_the_loss_is_told_when_it_flows_again(pipe: tuple[int, int]) -> None:
    """How many lines are missing stands where they are missing."""
    handler = StandardError(fd=pipe[1])
    stuff(pipe[1])
    for _ in range(10):
        emit(handler, logging.INFO, "lost")
    assert handler.dropped == 10
    assert read(pipe[0]).strip() == ""
    emit(handler, logging.INFO, "after")
    told = read(pipe[0])
    assert "warning: 10 lines of this log were lost" in told
    assert told.index("were lost") < told.index("after")
    assert handler.dropped == 0
    handler.report_dropped()
    assert read(pipe[0]) == ""
    handler.close()


def test_a_tick_tells_the_loss_without_a_line(pipe: tuple[int, int]) -> None:
    """A daemon with nothing else to say can still tell of the loss."""
    handler = StandardError(fd=pipe[1])
    stuff(pipe[1])
    emit(handler, logging.INFO, "lost")
    handler.report_dropped()
    assert handler.dropped == 1  # still full
    read(pipe[0])
    handler.report_dropped()
    assert "1 lines of this log were lost" in read(pipe[0])
    handler.close()


def test_a_reader_that_has_gone_is_no_error() -> None:
    """EPIPE, a closed descriptor, a full disk: the log is lost, the daemon is not."""
    reader, writer = os.pipe()
    outlet = Outlet(writer)
    os.close(reader)
    assert not outlet.write(b"x\n")
    os.close(writer)
    outlet.close()
    gone = Outlet(writer)
    assert not gone.write(b"x\n")
    gone.close()
    with open("/dev/full", "wb") as full:
        outlet = Outlet(full.fileno())
        assert not outlet.write(b"x\n")
        outlet.close()


def test_a_file_gets_all_of_it(tmp_path: Path) -> None:
    """Redirected into a file, lines are appended where others append too."""
    path = tmp_path / "stderr"
    with path.open("ab") as file:
        handler = StandardError(fd=file.fileno())
        for number in range(1000):
            emit(handler, logging.INFO, "line %d", number)
        handler.close()
    assert len(path.read_text().splitlines()) == 1000


def test_one_record_is_bounded(pipe: tuple[int, int]) -> None:
    """A megabyte of message becomes a line that is cut, with a mark, between characters."""
    handler = StandardError(fd=pipe[1])
    emit(handler, logging.INFO, "ü" * 1_000_000)
    line = read(pipe[0])
    assert line.endswith("ü ...\n")
    assert len(line.encode()) <= log_module.MAX_RECORD + 1
    handler.close()


def test_threads_do_not_mix_lines(pipe: tuple[int, int]) -> None:
    """Watch threads log as well: lines stay whole."""
    handler = StandardError(fd=pipe[1])
    threads = [
        threading.Thread(
            target=lambda name=name: [
                emit(handler, logging.INFO, "<%s>", name * 50) for _ in range(100)
            ]
        )
        for name in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = read(pipe[0]).splitlines()
    assert len(lines) == 300
    assert all(re.fullmatch(r".{19} <(a{50}|b{50}|c{50})>", line) for line in lines)
    handler.close()


# -- set-up


@pytest.mark.usefixtures("restored")
def test_levels_change_while_it_runs(pipe: tuple[int, int]) -> None:
    """More or less can be asked for at any time; libraries' debugging stays out."""
    set_up("warning", fd=pipe[1])
    log.info("one")
    set_level("debug")
    log.debug("two")
    logging.getLogger("watchdog.observers").debug("theirs")
    set_level("error")
    log.warning("three")
    said = read(pipe[0])
    assert "two" in said
    assert not re.search("one|three|theirs", said)


@pytest.mark.usefixtures("restored")
def test_a_daemons_tick_tells_the_loss(pipe: tuple[int, int]) -> None:
    """Whoever has the tick need not know the handler."""
    set_up("info", fd=pipe[1])
    stuff(pipe[1])
    log.info("lost")
    log_module.report_dropped()
    read(pipe[0])
    log_module.report_dropped()
    assert "1 lines of this log were lost" in read(pipe[0])


@pytest.mark.usefixtures("restored")
def test_setting_up_again_replaces(pipe: tuple[int, int]) -> None:
    """There is one handler, however often it is set up, and the old one's descriptor is closed."""
    before = len(os.listdir("/proc/self/fd"))
    for form in ("auto", "json", "text"):
        set_up("info", form, pipe[1])  # type: ignore[arg-type]
    log.info("once")
    assert read(pipe[0]).count("once") == 1
    assert len(os.listdir("/proc/self/fd")) == before + 1


def test_uncaught_errors_go_through_the_log() -> None:
    """In any thread, a bug is a line of the log with its priority, not a bare traceback."""
    program = """
import threading, warnings
from tailws.log import set_up
set_up("info", "json")
warnings.warn("odd")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise SystemError("main")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=False
    )
    assert ended.returncode == 1
    warning, in_thread, in_main = map(json.loads, ended.stderr.splitlines())
    assert "odd" in warning["message"]
    assert in_thread["message"] == in_main["message"] == "this is a bug in tailws"
    assert "ZeroDivisionError" in in_thread["traceback"]
    assert "SystemError: main" in in_main["traceback"]
