"""The access log: what a line holds, what it never holds, and the life of its file."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.runtime.loop import Loop
from tailws.server import access_log
from tailws.server.access_log import ROTATION_CHECK, AccessLog, render
from tailws.server.exchange import AccessRecord
from tests.clock import Clock

LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<client>\S+) (?P<user>\S+) "
    r'"(?P<request>[^"]*)" (?P<status>\d{3}|-) (?P<sent>\d+) (?P<seconds>\d+\.\d{3}) '
    r'"(?P<agent>[^"]*)"'
)


def record(**values: object) -> AccessRecord:
    known: dict[str, object] = {
        "time": 1795344818.12, "client": "192.0.2.7", "user": "anna", "method": "GET",
        "target": "/ws?source=nginx", "version": "1.1", "user_agent": "curl/8", "status": 101,
        "sent": 229, "seconds": 0.0021,
    }  # fmt: skip
    return AccessRecord(**(known | values))  # type: ignore[arg-type]


def test_a_line_says_it_all() -> None:
    """Time, client, user, request, status, bytes, seconds, user agent."""
    assert render(record()) == (
        '2026-11-22T10:53:38.120Z 192.0.2.7 anna "GET /ws?source=nginx HTTP/1.1" 101 229 0.002 '
        '"curl/8"'
    )
    nothing = record(user="", method="", user_agent="", status=0, client="")
    assert render(nothing) == '2026-11-22T10:53:38.120Z - - "-" - 229 0.002 "-"'


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/x?token=s3cret", "/x?token=..."),
        ("/x?a=1&token=s3cret&b=2", "/x?a=1&token=...&b=2"),
        ("/x?access_token=s3cret", "/x?access_token=..."),
        ("/x?TOKEN=s3cret;b=1", "/x?TOKEN=...;b=1"),
        ("/x?password=s3cret&api-key=s3cret", "/x?password=...&api-key=..."),
        ("/x?a&source=token", "/x?a&source=token"),
    ],
)
def test_secrets_are_left_out(target: str, shown: str) -> None:
    """A token that somebody put into an address does not end in a log that others read."""
    line = render(record(target=target))
    assert f'"GET {shown} HTTP/1.1"' in line
    assert "s3cret" not in line


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=50))
def test_nothing_breaks_a_line(target: str, agent: str, user: str) -> None:
    """Whatever a client sends, a line stays one line of printable ASCII with its fields."""
    line = render(record(target=target, user_agent=agent, user=user))
    assert LINE.fullmatch(line)
    assert line.isascii()
    assert line.isprintable()


def test_quotes_and_controls_are_written_out() -> None:
    """Escapes are unambiguous: a backslash is written out as well."""
    assert '"a\\x22b\\x5cc\\x0ad\\x1b[0m"' in render(record(user_agent='a"b\\c\nd\x1b[0m'))
    assert render(record(user_agent="x" * 5000)).endswith('x..."')


def test_in_the_daemons_own_log_a_line_has_one_time(caplog: pytest.LogCaptureFixture) -> None:
    """`access: stderr`: the same line, without the time that the log gives it anyway."""
    with caplog.at_level(logging.INFO):
        access_log.to_log(record())
    (message,) = caplog.messages
    assert message == render(record()).partition(" ")[2]
    assert message.startswith("192.0.2.7 anna ")


# -- the file


def lines(path: Path) -> list[str]:
    return [
        match["request"].split()[1]
        for match in map(LINE.fullmatch, path.read_text().splitlines())
        if match is not None
    ]


def write(log: AccessLog, loop: Loop, *targets: str) -> None:
    for target in targets:
        log.write(record(target=target))
    loop.turn(0)


def test_lines_are_appended_a_turn_at_a_time(loop: Loop, tmp_path: Path) -> None:
    """What is there stays; a turn's lines go out in one write; others cannot read them."""
    path = tmp_path / "access.log"
    log = AccessLog(loop, str(path))
    write(log, loop, "/a", "/b")
    log.close()
    again = AccessLog(loop, str(path))
    again.write(record(target="/c"))
    assert lines(path) == ["/a", "/b"]
    again.close()  # writes what waits
    assert lines(path) == ["/a", "/b", "/c"]
    assert path.stat().st_mode & 0o007 == 0


def test_a_rotated_file_is_left_for_the_new_one(loop: Loop, clock: Clock, tmp_path: Path) -> None:
    """After a rename or a deletion, lines go where the path is, soon and by itself."""
    path = tmp_path / "access.log"
    log = AccessLog(loop, str(path))
    write(log, loop, "/a")
    path.rename(tmp_path / "access.log.1")
    write(log, loop, "/b")  # not looked yet
    clock.now += ROTATION_CHECK
    write(log, loop, "/c")
    assert lines(tmp_path / "access.log.1") == ["/a", "/b"]
    assert lines(path) == ["/c"]
    path.unlink()
    clock.now += ROTATION_CHECK
    write(log, loop, "/d")
    assert lines(path) == ["/d"]
    log.close()


def test_reopen_is_at_once(loop: Loop, tmp_path: Path) -> None:
    """Told by a signal, it does not wait for its next look."""
    path = tmp_path / "access.log"
    log = AccessLog(loop, str(path))
    write(log, loop, "/a")
    path.rename(tmp_path / "access.log.1")
    log.reopen()
    write(log, loop, "/b")
    assert lines(path) == ["/b"]
    log.close()


def test_a_truncated_file_has_no_hole(loop: Loop, tmp_path: Path) -> None:
    """copytruncate is survived: appending starts at the new end."""
    path = tmp_path / "access.log"
    log = AccessLog(loop, str(path))
    write(log, loop, "/a", "/b")
    os.truncate(path, 0)
    write(log, loop, "/c")
    assert b"\0" not in path.read_bytes()
    assert lines(path) == ["/c"]
    log.close()


def test_a_file_that_cannot_be_written_is_told_once(
    loop: Loop, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are served on; the log says what is wrong, and in the end how much is missing."""
    path = tmp_path / "missing" / "access.log"
    log = AccessLog(loop, str(path))
    with caplog.at_level(logging.WARNING):
        for target in ("/a", "/b", "/c"):
            clock.now += ROTATION_CHECK
            write(log, loop, target)
        assert [r.levelname for r in caplog.records] == ["ERROR"]
        assert str(path) in caplog.text
        assert "No such file" in caplog.text
        assert log.dropped == 3
        path.parent.mkdir()
        clock.now += ROTATION_CHECK
        write(log, loop, "/d")
    assert lines(path) == ["/d"]
    assert "3 lines could not be written" in caplog.text
    log.close()


def test_when_the_directory_goes_the_old_file_goes_on(
    loop: Loop, clock: Clock, tmp_path: Path
) -> None:
    """A failed reopening keeps what is open."""
    path = tmp_path / "logs" / "access.log"
    path.parent.mkdir()
    log = AccessLog(loop, str(path))
    write(log, loop, "/a")
    kept = os.open(path, os.O_RDONLY)
    path.unlink()
    path.parent.rmdir()
    clock.now += ROTATION_CHECK
    write(log, loop, "/b")
    assert os.pread(kept, 10_000, 0).count(b"\n") == 2
    os.close(kept)
    log.close()


def test_a_fifo_without_a_reader_holds_up_nobody(loop: Loop, tmp_path: Path) -> None:
    """Opening a FIFO would wait for its reader, writing to a full one as well: neither does."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    log = AccessLog(loop, str(path))
    write(log, loop, "/a")
    assert log.dropped == 1
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write(log, loop, *["/" + "x" * 900] * 200)
    assert log.dropped
    assert os.read(reader, 100)
    os.close(reader)
    log.close()


def test_what_waits_is_bounded(loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn with very many requests costs lines, not memory; how many is counted."""
    monkeypatch.setattr(access_log, "MAX_PENDING", 1000)
    path = tmp_path / "access.log"
    log = AccessLog(loop, str(path))
    write(log, loop, *["/x"] * 100)
    written = len(lines(path))
    assert 0 < written < 20
    log.close()
