"""Files that come and go: missing, created, deleted, unreadable, odd, many."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from .logfile import LogFile
from .rig import AS_NOBODY, Meanwhile, Rig, needs_root


def test_file_created_later(rig: Rig, meanwhile: Meanwhile) -> None:
    """A file that appears is followed from its beginning."""
    rig.awaited()
    with meanwhile():
        log = rig.file().burst(5)
    log.lines(1)
    rig.expect(log)


def test_directory_created_later(rig: Rig) -> None:
    """Two levels of directories are missing at the start."""
    rig.awaited("a/b/app.log")
    log = rig.file("a/b/app.log").lines(3)
    rig.expect(log)


def test_new_file_under_a_pattern(rig: Rig) -> None:
    """A new match is followed from its beginning; what does not match is not."""
    old = rig.file("one.log").lines(2).forget()
    rig.follow("*.log")
    rig.up()
    new = rig.file("two.log").lines(3)
    rig.file("three.txt").lines(3)
    rig.file(".four.log.swp").lines(3)
    old.lines(1)
    rig.expect_sources({"app/one.log": old, "app/two.log": new})


def test_tree_made_and_written_at_once(rig: Rig) -> None:
    """A line in a new directory below new directories is not lost to the race with the watch."""
    rig.awaited("svc*/*/out.log")
    due = {f"app/svc{n}/deep/out.log": rig.file(f"svc{n}/deep/out.log").lines(1) for n in range(20)}
    for log in due.values():
        log.lines(1)
    rig.expect_sources(due)


def test_unlinked_file_is_read_on(rig: Rig) -> None:
    """A deleted file is read until its writer has left it; then comes the new one."""
    log = rig.live().lines(2)
    rig.expect(log)
    log.unlink().lines(3)
    new = log.successor().lines(2)
    log.lines(1).close()
    new.lines(1)
    rig.expect(log, new)


def test_unlinked_while_frozen(rig: Rig) -> None:
    """Lines that were written before and after the unlink, all in one look."""
    log = rig.live().lines(2)
    rig.expect(log)
    with rig.frozen():
        log.lines(2).unlink().lines(2).close()
        new = log.successor().lines(2)
    new.lines(1)
    rig.expect(log, new)


def test_deleted_and_made_again_at_once(rig: Rig) -> None:
    log = rig.live().lines(2)
    rig.expect(log)
    log.unlink().close()
    new = log.successor().lines(1)
    rig.expect(log, new)


@pytest.mark.parametrize("frozen", [False, True])
def test_made_again_larger_than_before(rig: Rig, frozen: bool) -> None:
    """A new file that is longer than the old one is still read from its beginning."""
    log = rig.live().lines(2)
    rig.expect(log)
    if frozen:
        with rig.frozen():
            log.unlink().close()
            new = log.successor().lines(10)
    else:
        log.unlink().close()
        new = log.successor().lines(10)
    rig.expect(log, new)


def test_directory_renamed_away_and_made_again(rig: Rig) -> None:
    """The old file is read on in the moved directory, then the file in the new one."""
    log = rig.live("dir/app.log").lines(1)
    rig.expect(log)
    (rig.logs / "dir").rename(rig.logs / "gone")
    log.lines(2)
    rig.expect(log)
    log.close()
    new = rig.file("dir/app.log").lines(2)
    rig.expect(log, new)
    new.lines(1)
    rig.expect(log, new)


def test_directory_removed_and_made_again(rig: Rig) -> None:
    log = rig.live("dir/app.log").lines(1)
    rig.expect(log)
    log.close()
    shutil.rmtree(rig.logs / "dir")
    new = rig.file("dir/app.log").lines(2)
    rig.expect(log, new)


def _as_plain_user(rig: Rig) -> None:
    if os.geteuid() == 0:
        rig.prefix = [*rig.prefix, *AS_NOBODY]
    # Only the owner of a file may ask whether it is open for writing: others wait.
    rig.limits = {"files": {"retire_quiet": 1}}


def test_unreadable_at_start(rig: Rig) -> None:
    """Unreadable is a state; once readable, all comes that was written since the start."""
    _as_plain_user(rig)
    log = rig.file().lines(2).forget()
    log.path.chmod(0)
    rig.follow("app.log")
    rig.up()
    rig.expect_state("unreadable")
    log.lines(3)
    log.path.chmod(0o644)
    rig.expect(log)
    rig.expect_state("live")


def test_rotation_that_creates_and_then_changes_the_mode(rig: Rig) -> None:
    """A new file that is unreadable at first is read from its beginning."""
    _as_plain_user(rig)
    log = rig.live().lines(1)
    rig.expect(log)
    log.rename("app.log.1")
    os.close(os.open(rig.logs / "app.log", os.O_CREAT | os.O_WRONLY, 0o000))
    log.close()
    new = LogFile(rig.logs / "app.log", rig.stack).lines(2)
    rig.expect_nothing(0.5)
    new.path.chmod(0o644)
    new.lines(1)
    rig.expect(log, new)


def test_directory_is_closed_for_a_while(rig: Rig) -> None:
    """Nobody may search the directory: a state, and no rotation. The writer's lines come."""
    _as_plain_user(rig)
    log = rig.live("dir/app.log").lines(2)
    rig.expect(log)
    log.path.parent.chmod(0)
    rig.stack.callback(log.path.parent.chmod, 0o755)
    rig.expect_state("unreadable")
    log.lines(2)
    log.path.parent.chmod(0o755)
    rig.expect_state("live")
    log.lines(1)
    rig.expect(log)


def test_name_is_a_directory_for_a_while(rig: Rig) -> None:
    log = rig.live().lines(1)
    rig.expect(log)
    log.unlink().close()
    log.path.mkdir()
    rig.expect_nothing(0.5)
    log.path.rmdir()
    new = log.successor().lines(2)
    rig.expect(log, new)


def test_things_that_are_no_logs_harm_nobody(rig: Rig) -> None:
    """A FIFO, a directory, a socket, a device: a state each, and the others are followed."""
    log = rig.file().lines(1).forget()
    os.mkfifo(rig.logs / "fifo")
    (rig.logs / "directory").mkdir()
    rig.follow("app.log")
    rig.follow("fifo", "fifo")
    rig.follow("directory", "directory")
    rig.follow("/dev/null", "null")
    rig.follow("/dev/zero", "zero")
    rig.up()
    log.lines(3)
    rig.expect(log)
    for name in ("fifo", "directory", "null", "zero"):
        assert rig.client.states[name] != "live"
        assert not rig.client.items[name]


def test_things_that_are_no_logs_under_a_pattern(rig: Rig) -> None:
    log = rig.file("a.log").lines(1).forget()
    os.mkfifo(rig.logs / "fifo.log")
    (rig.logs / "directory.log").mkdir()
    rig.follow("*.log")
    rig.up()
    os.mkfifo(rig.logs / "another.log")
    log.lines(3)
    rig.expect_sources({"app/a.log": log})


def test_name_is_a_fifo_first(rig: Rig) -> None:
    """What was no log becomes one when a file takes the name."""
    os.mkfifo(rig.logs / "app.log")
    rig.awaited()
    (rig.logs / "app.log").unlink()
    log = rig.file().lines(2)
    rig.expect(log)


def test_dangling_symlink_whose_target_comes_later(rig: Rig) -> None:
    (rig.logs / "app.log").symlink_to("real/target.log")
    rig.awaited()
    log = rig.file("real/target.log").lines(2)
    rig.expect(log)
    log.lines(1)
    rig.expect(log)


def test_two_thousand_files_at_once(rig: Rig) -> None:
    """As many files appear as one directory listing brings: a line from each."""
    rig.awaited("*.log")
    due = {}
    for number in range(2000):
        log = rig.file(f"{number}.log").lines(1)
        log.close()
        due[f"app/{number}.log"] = log.owed
    client = rig.client
    client.until(lambda: len(client.items) >= 2000, "2000 sources", deadline=40)
    client.until(lambda: sum(map(len, client.items.values())) >= 2000, "2000 lines", deadline=40)
    assert dict(client.items) == due
    assert not client.faults


ODD_NAMES = [b"line\nfeed.log", b" blanks .log", b"lit[1].log", b"caf\xe9.log", b"star*.log"]


def test_odd_names(rig: Rig) -> None:
    """Any file name can be followed; each has a name of its own that can be subscribed to."""
    rig.follow("*.log")
    logs = [
        LogFile(rig.logs / os.fsdecode(name), rig.stack).lines(1).forget() for name in ODD_NAMES
    ]
    rig.up()
    names = sorted(rig.client.states)
    assert len(names) == len(logs)
    for log in logs:
        log.lines(2)
    client = rig.client
    client.until(lambda: sum(map(len, client.items.values())) >= 2 * len(logs), "all lines")
    assert sorted(map(tuple, client.items.values())) == sorted(tuple(log.owed) for log in logs)
    others = [rig.connect() for _ in names]
    for name, other in zip(names, others, strict=True):
        other.command(type="unsubscribe", source="app/**")
        other.command(type="subscribe", source=name, lines=2)
        other.until(lambda c=other: sum(map(len, c.items.values())) >= 2, f"lines of {name!r}")
        assert other.lines(name) == client.lines(name)


def test_brackets_in_a_path_that_exists(rig: Rig) -> None:
    """A path that exists as it is written is that file, whatever a pattern would make of it."""
    log = rig.live("lit[1].log").lines(2)
    (source,) = rig.client.states
    rig.expect(log, source=source)


def test_hard_links_are_two_sources(rig: Rig) -> None:
    """One file under two followed names: each line once for each name, under that name."""
    log = rig.file("one.log").lines(1).forget()
    os.link(log.path, rig.logs / "two.log")
    rig.follow("one.log", "one")
    rig.follow("two.log", "two")
    rig.up()
    log.lines(3)
    rig.expect_sources({"one": log, "two": log})


def test_attributes_change_between_lines(rig: Rig) -> None:
    """touch, chmod, chown and a time stamp of 1970 are no news."""
    log = rig.live()
    for stamp in (0, 1, 2_000_000_000):
        log.lines(1)
        os.utime(log.path, (stamp, stamp))
        log.path.chmod(0o640)
        log.lines(1)
        log.path.touch()
        log.path.chmod(0o644)
    rig.expect(log)
    rig.expect_nothing(1.5)


@needs_root
def test_mount_over_the_directory(rig: Rig) -> None:
    """What the name shows is followed, under a mount and again after it."""
    rig.limits = {"files": {"retire_quiet": 1}}
    log = rig.live("dir/app.log").lines(2)
    rig.expect(log)
    directory = str(log.path.parent)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    rig.stack.callback(subprocess.run, ["umount", "-l", directory], stderr=subprocess.DEVNULL)
    mounted = rig.file("dir/app.log").lines(2)
    rig.expect(log, mounted)
    mounted.lines(1).close()
    rig.expect(log, mounted)
    subprocess.run(["umount", "-l", directory], check=True)
    log.lines(2)
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line after the unmount")
    rig.client.quiet(0.5)
    assert client.lines("app")[: len(log.owed[:2] + mounted.owed)] == log.owed[:2] + mounted.owed
    rest = client.lines("app")[len(log.owed[:2] + mounted.owed) :]
    assert rest in (log.owed[2:], log.owed)


@needs_root
def test_file_bind_mounted_into_a_container(rig: Rig) -> None:
    """A bind mount stays with the old file when the host rotates: its lines come, and the
    client is told once the file has no name any more."""
    host = rig.file("host/app.log").lines(1).forget()
    view = rig.file("view/app.log").path
    subprocess.run(["mount", "--bind", str(host.path), str(view)], check=True)
    rig.stack.callback(subprocess.run, ["umount", "-l", str(view)])
    rig.follow("view/app.log")
    rig.up()
    host.lines(2)
    rig.expect(host)
    host.rotate(stays=True).lines(1)
    host.lines(2)
    rig.expect(host)
    host.unlink().lines(1)
    rig.expect(host)
    rig.expect_notice("unlinked", "deleted", "missing")
