"""Clients that come back and daemons that were killed: a cursor finds its place by proof."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time

import pytest

from .client import Gap
from .logfile import LogFile
from .rig import Rig


def test_client_away_three_times(rig: Rig) -> None:
    log = rig.live()
    for _ in range(3):
        log.lines(3)
        with rig.away():
            log.lines(3)
        log.lines(1)
    rig.expect(log)


def test_cut_connections_while_lines_come(rig: Rig) -> None:
    """The connection drops without a goodbye, again and again, under a writer."""
    log = rig.live()
    for _ in range(10):
        log.lines(200)
        rig.client.pump(0.01)
        rig.client.drop()
        log.lines(100)
        rig.resume()
    rig.expect(log)


def test_away_over_a_rotation(rig: Rig) -> None:
    log = rig.live().lines(2)
    rig.expect(log)
    with rig.away():
        new = log.lines(2).rotate(stays=True).lines(2)
        log.lines(1).close()
    new.lines(1)
    rig.expect(log, new)


def test_away_while_the_rotated_file_is_removed(rig: Rig) -> None:
    """Deleted while nobody followed it: its unread lines are gone, and a gap says so."""
    log = rig.live().lines(2)
    rig.expect(log)
    with rig.killed():
        log.lines(2)
        new = log.rotate().lines(3)
        log.unlink()
    new.lines(1)
    rig.expect(log, new, gaps=True)
    assert rig.client.lines("app") == [*log.owed[:2], *new]
    assert len(rig.client.gaps("app")) == 1


def test_kill(rig: Rig) -> None:
    log = rig.live().lines(3)
    rig.expect(log)
    with rig.killed():
        log.lines(3)
    log.lines(1)
    rig.expect(log)


def test_kill_six_times_under_load_and_rotation(rig: Rig) -> None:
    files = [rig.live()]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            files[-1].lines(5)
            if len(files[-1].owed) > 150:
                files.append(files[-1].rotate(keep=99))
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(6):
            rig.client.quiet(0.2)
            with rig.killed():
                pass
    finally:
        stop.set()
        writer.join()
    rig.expect(*files)


def test_same_inode_again(rig: Rig) -> None:
    """Deleted and made again while no daemon ran: the number of the inode is the same, the file
    is not, though it is longer than the old one."""
    log = rig.live().lines(3)
    rig.expect(log)
    inode = log.path.stat().st_ino
    with rig.killed():
        for _ in range(50):
            log.close()
            log.unlink()
            new = log.successor().forget()
            if new.path.stat().st_ino == inode:
                break
            log = new
        new.lines(10)
    new.lines(1)
    client = rig.client
    client.until(lambda: new.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    assert client.lines("app")[3:] == list(new)


def test_kill_with_half_a_line_read(rig: Rig) -> None:
    log = rig.live().lines(1).raw(b"first half, ")
    rig.expect(log)
    with rig.killed():
        log.raw(b"second half\n")
    rig.expect(log, ["first half, second half"])


def test_restart_with_nothing_new(rig: Rig) -> None:
    log = rig.live().lines(3)
    rig.expect(log)
    for _ in range(2):
        with rig.killed():
            pass
    rig.expect(log)
    rig.expect_nothing(0.5)


def test_second_daemon_on_the_same_address(rig: Rig) -> None:
    """It says in one sentence that the port is taken, and the first one goes on."""
    log = rig.live().lines(1)
    second = subprocess.run(
        [*rig.command(), "--config", rig.home / "tailws.json"],
        cwd=rig.home,
        env=rig.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode not in (0, 1)
    assert "Traceback" not in second.stderr
    assert "in use" in second.stderr
    log.lines(1)
    rig.expect(log)


def test_kill_while_a_long_line_is_half_written(rig: Rig) -> None:
    log = rig.live().lines(1).raw(b"x" * 5_000_000)
    rig.expect(log)
    with rig.killed():
        log.raw(b"x" * 5_000_000)
    log.raw(b"\n").say("after")
    client = rig.client
    client.until(lambda: "after" in client.items["app"], "the line after")
    _, long, after = client.lines("app")
    assert set(long[:1000]) == {"x"}
    assert after == "after"


def test_kill_while_a_half_line_waits_in_a_rotated_file(rig: Rig) -> None:
    log = rig.live().lines(1).raw(b"first half, ")
    rig.expect(log)
    new = log.rotate(stays=True).lines(1)
    rig.expect_nothing(0)
    with rig.killed():
        pass
    log.raw(b"second half\n")
    log.close()
    new.lines(1)
    rig.expect(log, ["first half, second half"], new)


def test_kill_while_the_old_file_is_still_written(rig: Rig) -> None:
    log = rig.live().lines(1)
    new = log.rotate(stays=True).lines(1)
    log.lines(1)
    with rig.killed():
        log.lines(1)
        new.lines(1)
    log.lines(1).close()
    new.lines(1)
    rig.expect(log, new)


def test_pattern_is_changed_over_a_restart(rig: Rig) -> None:
    """Cursors live with the clients: a source that was left out for a while is resumed."""
    one = rig.file("one.log").lines(1).forget()
    two = rig.file("two.log").lines(1).forget()
    rig.follow("one.log", "one")
    rig.follow("two.log", "two")
    rig.up()
    one.lines(2)
    two.lines(2)
    rig.expect_sources({"one": one, "two": two})
    cursor = rig.client.cursors["two"]
    removed = rig.sources.pop()
    rig.kill()
    rig.clients.clear()
    one.lines(2)
    two.lines(2)
    rig.start()
    rig.kill()
    rig.sources.append(removed)
    rig.start()
    client = rig.connect(cursor=cursor)
    client.faults.clear()  # the cursor is no place in `one`
    client.until(lambda: len(client.lines("two")) >= 2, "the lines of two")
    assert client.items["two"] == two.owed[2:]


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "0", "-1", "9" * 300, "é\n\0", '{"a":1}', "a:b:c:d:e", "A" * 64]
)
def test_cursor_that_means_nothing(rig: Rig, cursor: str) -> None:
    """Told in a message; then the client can subscribe anew, and all others notice nothing."""
    log = rig.live().lines(1)
    rig.expect(log)
    other = rig.connect(cursor=cursor)
    other.until(lambda: other.faults or other.gaps("app"), "an answer")
    log.lines(2)
    rig.clients.pop()
    rig.expect(log)
    other.faults.clear()
    other.command(type="subscribe", source="app", lines=2)
    other.until(lambda: set(log.owed[-2:]) <= set(other.items["app"]), "the last two lines")


def test_cursor_of_another_host(rig: Rig) -> None:
    """A well-formed cursor of a file that is not here: a gap, then the live lines."""
    log = rig.live().lines(5)
    rig.expect(log)
    with rig.killed():
        log.close()
        log.unlink()
        new = log.successor().say("something", "entirely", "different")
    new.lines(1)
    client = rig.client
    client.until(lambda: new.owed[-1] in client.items["app"], "the live lines")
    assert len(client.gaps("app")) == 1
    assert client.items["app"] == [*log, client.gaps("app")[0], *new]


def test_forged_cursor(rig: Rig) -> None:
    """A cursor whose proof does not hold is refused or leads to a gap, never into a line."""
    log = rig.live().lines(50)
    rig.expect(log)
    written = set(log.path.read_text().splitlines())
    cursor = rig.client.cursors["app"]
    for at, letter in enumerate(cursor):
        forged = cursor[:at] + ("1" if letter != "1" else "2") + cursor[at + 1 :]
        rig.client.command(type="subscribe", source="app", cursor=forged)
    rig.client.barrier()
    rig.client.faults.clear()
    rig.client.command(type="subscribe", source="app", lines=1)
    rig.client.barrier()
    assert set(rig.client.lines("app")) <= written


def test_restored_from_a_backup(rig: Rig) -> None:
    """Another disk, other inodes, the same bytes: the place is found by its content."""
    log = rig.live().lines(20)
    rig.expect(log)
    with rig.killed():
        log.lines(2)
        shutil.copytree(rig.logs, rig.home / "restored")
        shutil.rmtree(rig.logs)
        (rig.home / "restored").rename(rig.logs)
        restored = LogFile(log.path, rig.stack)
    restored.lines(2)
    rig.expect(log, restored)


def test_restored_with_rotated_siblings(rig: Rig) -> None:
    log = rig.live().lines(20)
    rig.expect(log)
    with rig.killed():
        new = log.lines(2).rotate().lines(2)
        shutil.copytree(rig.logs, rig.home / "restored")
        shutil.rmtree(rig.logs)
        (rig.home / "restored").rename(rig.logs)
        restored = LogFile(new.path, rig.stack)
    restored.lines(2)
    rig.expect(log, new, restored)


def test_resume_at_every_line(rig: Rig) -> None:
    """Each cursor that the daemon ever gave leads to exactly what came after it."""
    files = [rig.live()]
    places = [(rig.client.cursors["app"], 0)]
    for _ in range(3):
        for _ in range(3):
            files[-1].lines(1)
            rig.client.until(
                lambda: len(rig.client.items["app"]) >= sum(len(f.owed) for f in files), "a line"
            )
            places.append((rig.client.cursors["app"], len(rig.client.items["app"])))
        files.append(files[-1].rotate())
    files[-1].lines(2)
    everything = [line for file in files for line in file]
    rig.expect(everything)
    rig.kill()
    rig.clients.clear()
    rig.start()
    for cursor, count in places:
        client = rig.connect(cursor=cursor)
        client.until(lambda c=client: everything[-1] in c.items["app"], "the last line")
        assert client.items["app"] == everything[count:]
        client.disconnect()
        rig.clients.clear()


@pytest.mark.parametrize("program", [None, "gzip", "bzip2", "xz", "zstd"])
def test_history_through_rotations(rig: Rig, program: str | None) -> None:
    """`history` pages backwards from the live file through its older ones, as one document."""
    files = [rig.file().lines(30)]
    for _ in range(3):
        if program:
            for old in rig.logs.glob("app.log.1"):
                subprocess.run([program, "-q", old], check=True)
                old.unlink(missing_ok=True)
            for number in (3, 2, 1):
                for old in rig.logs.glob(f"app.log.{number}.*"):
                    old.rename(old.with_name(f"app.log.{number + 1}{old.suffix}"))
        files.append(files[-1].rotate().lines(30))
    rig.follow("app.log")
    rig.start()
    client = rig.connect(lines=10)
    everything = [line for file in files for line in file]
    rig.expect(everything[-10:])
    before = next(head["start"] for head in client.heads if head["type"] == "lines")
    pages: list[str] = []
    for _ in range(20):
        head, page = client.history("app", before, 17)
        pages = page + pages
        before = head["start"]
        if not head["more"]:
            break
    assert pages == everything[:-10]
    assert not [item for item in client.items["app"] if isinstance(item, Gap)]


def test_cursor_in_an_archive(rig: Rig) -> None:
    """A place that lies in a compressed file is found there, and the way leads on to the end."""
    log = rig.live().lines(50)
    rig.expect(log)
    with rig.killed():
        files = [log]
        for _ in range(3):
            files.append(files[-1].lines(50).rotate().lines(1))
        for number in (1, 2, 3):
            subprocess.run(["gzip", rig.logs / f"app.log.{number}"], check=True)
    rig.expect(*files)


def test_archive_is_cut_short(rig: Rig) -> None:
    """A damaged archive is a gap, not the end of the daemon."""
    log = rig.live().lines(1000)
    rig.expect(log)
    with rig.killed():
        new = log.lines(1000).rotate().lines(2)
        subprocess.run(["gzip", log.path], check=True)
        archive = rig.logs / "app.log.1.gz"
        os.truncate(archive, archive.stat().st_size // 2)
    new.lines(1)
    rig.expect(log, new, gaps=True)
    assert rig.client.gaps("app")
