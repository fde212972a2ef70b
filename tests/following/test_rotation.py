"""Rotation by rename: the old writer writes on, names change hands, nothing is lost or repeated.

Most scenarios run four times (the `meanwhile` fixture): the daemon looks on, is frozen and sees
only the outcome, has no client, or is killed and started again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from .logfile import LogFile, shift
from .rig import Meanwhile, Rig


def test_rename_rotation(rig: Rig, meanwhile: Meanwhile) -> None:
    """The plain case: renamed, made anew, the writer reopens at once."""
    log = rig.live().lines(3)
    rig.expect(log)
    with meanwhile():
        log.lines(2)
        new = log.rotate().lines(2)
    new.lines(1)
    rig.expect(log, new)


def test_rename_rotation_old_writer_writes_on(rig: Rig, meanwhile: Meanwhile) -> None:
    """A writer that has not reopened: its lines in the old file come before the new file's."""
    log = rig.live().lines(2)
    rig.expect(log)
    with meanwhile():
        new = log.rotate(stays=True).lines(2)
        log.lines(3)
    log.lines(1).close()
    new.lines(1)
    rig.expect(log, new)


def test_old_writer_writes_on_for_a_while(rig: Rig) -> None:
    """Both files grow for one and a half seconds: all lines of both, each file in its order."""
    log = rig.live().lines(2)
    new = log.rotate(stays=True)
    for _ in range(15):
        log.lines(1)
        new.lines(1)
        time.sleep(0.1)
    log.close()
    new.lines(1)
    rig.expect(log, new)


def test_old_writer_never_stops(rig: Rig) -> None:
    """The new file's lines wait for the old writer no longer than `retire_max`."""
    rig.limits = {"files": {"retire_quiet": 1, "retire_max": 1}}
    log = rig.live().lines(2)
    new = log.rotate(stays=True).lines(2)
    client = rig.client
    end = time.monotonic() + 15
    while new.owed[-1] not in client.items["app"] and time.monotonic() < end:
        log.lines(1)
        client.quiet(0.05)
    got = client.lines("app")
    old = [line for line in log if line in set(got)]
    assert got == [*old, *new]
    assert old == log.owed[: len(old)]


def test_no_file_for_a_while(rig: Rig, meanwhile: Meanwhile) -> None:
    """Renamed, a second without a file at the name, the writer writes on; then a new file."""
    log = rig.live().lines(2)
    rig.expect(log)
    with meanwhile():
        log.rename("app.log.1")
        for _ in range(4):
            log.lines(1)
            time.sleep(0.25)
        new = log.successor("app.log").lines(2)
        log.lines(1).close()
    rig.expect(log, new)


def test_two_rotations_in_one_look(rig: Rig, meanwhile: Meanwhile) -> None:
    """The file in the middle had the followed name only between two looks."""
    log = rig.live().lines(2)
    rig.expect(log)
    with meanwhile():
        log.lines(1)
        middle = log.rotate().lines(3)
        new = middle.rotate().lines(2)
    new.lines(1)
    rig.expect(log, middle, new)


def test_five_rotations_in_one_look(rig: Rig, meanwhile: Meanwhile) -> None:
    log = rig.live().lines(1)
    rig.expect(log)
    with meanwhile():
        files = [log]
        for _ in range(5):
            files.append(files[-1].rotate().lines(2))
    files[-1].lines(1)
    rig.expect(*files)


def test_thirty_rotations_keep_three(rig: Rig) -> None:
    """Every line, and no descriptor of a deleted file is left after it."""
    files = [rig.live().lines(5)]
    client = rig.client
    for _ in range(30):
        files.append(files[-1].rotate(keep=3, stays=True).lines(8))
        files[-2].lines(2).close()
        # However busy the machine: what goes next has been seen.
        seen = files[-2].owed[-1]
        client.until(lambda due=seen: due in client.items["app"][-100:], "the old file's end")
    rig.expect(*files)
    rig.wait(
        lambda: not [name for name in rig.open_files() if name.endswith("(deleted)")],
        "the daemon to close deleted files",
    )
    assert len(rig.open_files()) <= 4


def test_rotations_beyond_the_kept_ones(rig: Rig) -> None:
    """What was rotated out of existence while nobody could look is announced, not silent."""
    log = rig.live().lines(1)
    rig.expect(log)
    with rig.killed():
        files = [log]
        for _ in range(5):
            files.append(files[-1].rotate(keep=2).lines(2))
    files[-1].lines(1)
    rig.expect(*files, gaps=True)
    assert rig.client.gaps("app")
    assert set(files[-1]) <= set(rig.client.lines("app"))


def test_renamed_by_date(rig: Rig, meanwhile: Meanwhile) -> None:
    """Rotated names with a date, and two of the same second with a serial."""
    log = rig.live().lines(1)
    rig.expect(log)
    with meanwhile():
        second = log.lines(1).rename("app.log-20260131").close().successor("app.log").lines(2)
        third = second.rename("app.log-20260131.1").close().successor("app.log").lines(2)
    third.lines(1)
    rig.expect(log, second, third)


def test_stem_with_a_date_before_the_suffix(rig: Rig, meanwhile: Meanwhile) -> None:
    """`app-2026-01-31.log`, as Java and Node programs rotate."""
    log = rig.live().lines(1)
    rig.expect(log)
    with meanwhile():
        second = log.lines(1).rename("app-2026-01-31.log").close().successor("app.log").lines(2)
        third = second.rename("app-2026-02-01.log").close().successor("app.log").lines(2)
    third.lines(1)
    rig.expect(log, second, third)


def test_moved_into_another_directory(rig: Rig) -> None:
    """The old directory is elsewhere on the same filesystem; the writer writes on there."""
    (rig.logs / "old").mkdir()
    log = rig.live().lines(2)
    log.rename("old/app.log.1").lines(1)
    new = rig.file("app.log").lines(2)
    log.lines(1).close()
    rig.expect(log, new)


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_compressed_and_removed(rig: Rig, meanwhile: Meanwhile, pattern: str) -> None:
    """Renamed, gzipped, unlinked: nothing comes twice, and no compressed byte as text."""
    log = rig.file().lines(2).forget()
    rig.follow(pattern)
    rig.up()
    source = "app" if pattern == "app.log" else "app/app.log"
    log.lines(2)
    rig.expect(log, source=source)
    with meanwhile():
        log.lines(1)
        new = log.rotate().lines(2)
        subprocess.run(["gzip", log.path], check=True)
    new.lines(1)
    rig.expect_sources({source: [*log, *new]})
    rig.expect_nothing(1, source=source)


@pytest.mark.parametrize("program", ["gzip", "bzip2", "xz", "zstd"])
def test_rest_comes_out_of_the_archive(rig: Rig, program: str) -> None:
    """Lines that nobody had read when their file was compressed are read from the archive."""
    log = rig.live().lines(100)
    rig.expect(log)
    with rig.killed():
        log.lines(100)
        new = log.rotate().lines(2)
        _compress(program, log)
    new.lines(1)
    rig.expect(log, new)


def test_rest_comes_out_of_two_archives(rig: Rig) -> None:
    log = rig.live().lines(10)
    rig.expect(log)
    with rig.killed():
        second = log.lines(10).rotate().lines(10)
        _compress("gzip", log)
        log.path.with_name("app.log.1.gz").rename(rig.logs / "app.log.2.gz")
        third = second.rotate().lines(2)
        _compress("zstd", second)
    rig.expect(log, second, third)


@pytest.mark.parametrize("program", ["gzip", "bzip2", "xz", "zstd"])
def test_empty_file_is_compressed(rig: Rig, program: str) -> None:
    """A file in which nothing was ever written is compressed as well: nothing is missing."""
    log = rig.live().lines(2)
    rig.expect(log)
    empty = log.rotate()
    rig.expect_notice("rotated")
    with rig.frozen():
        time.sleep(0.02)  # the kernel stamps files by its clock tick
        new = empty.rotate().lines(3)
        _compress(program, empty)
    rig.expect(log, new)


def _compress(program: str, log: LogFile) -> None:
    subprocess.run([program, "-q", log.path], check=True)
    log.path.unlink(missing_ok=True)  # zstd keeps it


def test_numbered_chain_under_a_pattern(rig: Rig, meanwhile: Meanwhile) -> None:
    """`.1` becomes `.2` and so on, all of them matched by the pattern: nothing comes twice."""
    for number in (1, 2, 3):
        rig.file(f"app.log.{number}").lines(3).close()
    log = rig.file().lines(3).forget()
    rig.follow("app.log*")
    rig.up()
    log.lines(2)
    rig.expect(log, source="app/app.log")
    with meanwhile():
        second = log.rotate().lines(2)
        third = second.rotate().lines(2)
    third.lines(1)
    rig.expect_sources({"app/app.log": [*log, *second, *third]})
    rig.expect_nothing(1, source="app/app.log")


def test_renamed_away_and_back(rig: Rig, meanwhile: Meanwhile) -> None:
    """The same file leaves its name, grows, and comes back."""
    log = rig.live().lines(2)
    rig.expect(log)
    with meanwhile():
        log.rename("aside.log").lines(2)
        time.sleep(0.2)
        log.rename("app.log").lines(2)
    log.lines(1)
    rig.expect(log)


def test_renamed_away_replaced_and_back(rig: Rig) -> None:
    """Another file had the name meanwhile: each line of both once."""
    log = rig.live().lines(2)
    rig.expect(log)
    log.rename("aside.log")
    other = log.successor("app.log").lines(2)
    log.close()
    rig.expect(log, other)
    other.rename("other.log").close()
    back = LogFile(log.rename("app.log").path, rig.stack).lines(2)
    rig.expect(log, other, back)


def test_one_followed_file_takes_the_name_of_another(rig: Rig) -> None:
    """`mv a.log app.log`, both followed: two sources, and in each of them each line once. For the
    name that was taken it is a new file, so all of it comes."""
    log = rig.file().lines(2).forget()
    other = rig.file("a.log").lines(2)
    rig.follow("app.log")
    rig.follow("a.log", "a")
    rig.up()
    log.lines(2)
    other.lines(2)
    rig.expect_sources({"app": log, "a": other.owed[2:]})
    other.rename("app.log")
    log.close()
    other.lines(2)
    rig.expect(log, other)
    assert rig.client.lines("a") in (other.owed[2:4], other.owed[2:])


def test_rotated_into_another_followed_name(rig: Rig, meanwhile: Meanwhile) -> None:
    """`app.log` and `app.log.1` are both sources: two names, and under each of them each line of
    what passes through it once."""
    log = rig.file().lines(2).forget()
    rig.file("app.log.1").lines(2).close()
    rig.follow("app.log")
    rig.follow("app.log.1", "previous")
    rig.up()
    log.lines(2)
    rig.expect(log)
    with meanwhile():
        new = log.lines(1).rotate().lines(2)
    new.lines(1)
    rig.expect(log, new)
    previous = rig.client.lines("previous")
    assert len(previous) == len(set(previous))
    assert set(new).isdisjoint(previous)


def test_hard_link_made_anew_at_each_rotation(rig: Rig, meanwhile: Meanwhile) -> None:
    """The followed name is a hard link to the newest of dated files."""
    log = rig.file("log.2026-01-01").lines(2).forget()
    link = rig.logs / "app.log"
    os.link(log.path, link)
    rig.follow("app.log")
    rig.up()
    log.lines(2)
    rig.expect(log)
    with meanwhile():
        log.lines(1)
        new = rig.file("log.2026-01-02").lines(2)
        link.unlink()
        os.link(new.path, link)
        log.close()
    new.lines(1)
    rig.expect(log, new)


@pytest.mark.parametrize("frozen", [False, True])
def test_rotated_file_is_shredded(rig: Rig, frozen: bool) -> None:
    """A rotated file that is overwritten in place and unlinked brings no garbage."""
    log = rig.live().lines(5)
    rig.expect(log)

    def shred() -> LogFile:
        new = log.rotate(stays=True).lines(1)
        size = log.path.stat().st_size
        with log.path.open("r+b", buffering=0) as file:
            for _ in range(3):
                file.seek(0)
                file.write(os.urandom(size // 2) + b"\n" + os.urandom(size))
        log.unlink().close()
        return new

    if frozen:
        with rig.frozen():
            new = shred()
    else:
        new = shred()
    new.lines(1)
    client = rig.client
    client.until(lambda: new.owed[-1] in client.items["app"], "the last line")
    client.quiet(1)
    assert client.lines("app") == [*log, *new]


def test_renamed_copied_and_removed(rig: Rig, meanwhile: Meanwhile) -> None:
    """`x` to `x.tmp`, a script, a copy of it to `x.1`, and the temporary name goes."""
    log = rig.file().lines(2).forget()
    rig.follow("app.log*")
    rig.up()
    log.lines(2)
    rig.expect(log, source="app/app.log")
    with meanwhile():
        log.rename("app.log.tmp").lines(1)
        new = log.successor("app.log").lines(2)
        log.close()
        shutil.copyfile(log.path, rig.logs / "app.log.1")
        log.unlink()
    new.lines(1)
    rig.expect_sources({"app/app.log": [*log, *new]})
    rig.expect_nothing(1, source="app/app.log")


def test_compressed_and_gone_before_the_new_file_is_made(rig: Rig, meanwhile: Meanwhile) -> None:
    """The old file's inode is free when the new one is made: it may get the same number."""
    log = rig.live().lines(50)
    rig.expect(log)
    with meanwhile():
        log.lines(2)
        log.rename("app.log.1").close()
        subprocess.run(["gzip", log.path], check=True)
        new = log.successor("app.log").lines(60)
    new.lines(1)
    rig.expect(log, new)


def test_compressed_before_it_was_read(rig: Rig) -> None:
    """Readers come back and wait at an old file that is still written to. What follows it is
    compressed meanwhile: all of it comes from there."""
    rig.limits = {"files": {"retire_quiet": 600}}
    log = rig.live().lines(2)
    rig.expect(log)
    with rig.away():
        first = log.rotate(stays=True).lines(50)
        second = first.rotate().lines(50)
        new = second.rotate().lines(2)
    rig.client.barrier()
    for name in ("app.log.2", "app.log.1"):
        subprocess.run(["gzip", rig.logs / name], check=True)
    log.lines(1).close()
    new.lines(1)
    rig.expect(log, first, second, new)


def test_a_copy_belongs_to_the_file_that_had_the_name(rig: Rig) -> None:
    """Between a file that is still to be read, compressed meanwhile, and the copy that was made of
    its successor, no line changes places."""
    rig.limits = {"files": {"retire_quiet": 600}}
    log = rig.live().lines(2)
    rig.expect(log)
    first = log.rotate(stays=True).lines(50)
    new = first.rotate().lines(2)
    subprocess.run(["gzip", rig.logs / "app.log.1"], check=True)
    with rig.frozen():
        shift(new.path, keep=9)
        new.copytruncate().lines(2)
        log.lines(1).close()
    new.lines(1)
    rig.expect(log, first, new, unsure=True)


def test_renamed_compressed_and_copied_in_one_look(rig: Rig) -> None:
    """An empty log is renamed, written to, and compressed; its successor is copied and truncated.
    The copy is the successor's, whatever is looked at first."""
    log = rig.live(old=0)
    with rig.frozen():
        new = log.rotate(stays=True)
        log.lines(2).close()
        new.lines(1)
        subprocess.run(["gzip", rig.logs / "app.log.1"], check=True)
        shift(new.path, keep=9)
        new.copytruncate()
    new.lines(1)
    rig.expect(log, new, unsure=True)


def test_rotation_at_every_moment(rig: Rig) -> None:
    """Forty files pass through the name as fast as they can be renamed."""
    rig.awaited()
    files = []
    for number in range(40):
        log = rig.file().lines(2)
        files.append(log)
        log.rename(f"app.log.{number + 1}").lines(1)
        log.close()
    files.append(rig.file().lines(1))
    rig.expect(*files)


def test_rotation_while_the_daemon_starts(rig: Rig) -> None:
    """Whatever the daemon has seen of the rotations when its client comes: no hole after it."""
    files = [rig.file().lines(2)]
    rig.follow("app.log")
    rig.start()
    for _ in range(10):
        files.append(files[-1].rotate(keep=40).lines(2))
    rig.connect(**{"from": "start"})
    for _ in range(10):
        files.append(files[-1].rotate(keep=40).lines(2))
    client = rig.client
    client.until(lambda: files[-1].owed[-1] in client.items["app"], "the last line")
    everything = [line for file in files for line in file]
    got = client.lines("app")
    assert got == everything[everything.index(got[0]) :]


def test_log_is_renamed_onto_the_previous_one(rig: Rig) -> None:
    """Only one old file is kept: rename(2) replaces it."""
    files = [rig.live().lines(2)]
    for _ in range(5):
        files[-1].lines(1).rename("app.log.1").close()
        files.append(files[-1].successor("app.log").lines(2))
        rig.expect(*files)


def test_shift_of_siblings_alone_is_no_news(rig: Rig) -> None:
    """Old siblings are renumbered and deleted while the log stays: nothing happens."""
    for number in (1, 2, 3):
        rig.file(f"app.log.{number}").lines(2).close()
    log = rig.live().lines(2)
    shift(log.path, keep=3)
    log.lines(2)
    rig.expect(log)
    rig.expect_nothing(1)


def test_written_late_and_compressed_in_one_look(rig: Rig) -> None:
    """A writer that has not noticed the rotation writes on, and then the file is compressed: its
    time is younger than the next file's birth, and it still comes before that."""
    log = rig.live()
    rig.expect(log.lines(2))
    with rig.frozen():
        late = log.rotate().lines(2)
        new = late.rotate(stays=True).lines(1)
        time.sleep(0.02)  # the kernel's clock ticks
        late.lines(1).close()
        subprocess.run(["gzip", late.path], check=True)
    rig.expect(log, late, new.lines(1))


def test_empty_file_is_compressed_while_it_waits(rig: Rig) -> None:
    """Nothing was in it and nothing is missing, though no bytes can prove which file it was."""
    log = rig.live()
    rig.expect(log.lines(2))
    with rig.killed():
        empty = log.lines(1).rotate(stays=True)
        new = empty.rotate().lines(1)
    rig.expect(log)  # and no further, while it has a writer
    subprocess.run(["gzip", empty.path], check=True)
    log.close()
    rig.expect(log, new.lines(1))


def test_an_older_file_is_compressed_while_its_successor_is_deleted(rig: Rig) -> None:
    """It was there before the daemon was, and is written to after its successor was made; so the
    times of the archive do not tell that it is not what came after."""
    old = rig.file().lines(3)
    log = old.rotate(stays=True).lines(2).forget()
    rig.follow("app.log")
    rig.up()
    rig.expect(log.lines(1))
    with rig.frozen():
        old.lines(1).close()
        subprocess.run(["gzip", old.path], check=True)
        new = log.unlink().successor().lines(2)
    rig.expect(log, new, unsure=True)


def test_two_archives_get_one_name(rig: Rig) -> None:
    """What stands in the place of a file that was empty when it was seen last is taken for it by
    its name; but not what gets this name next, a copy of the live file."""
    log = rig.live()
    rig.expect(log.lines(2))
    empty = log.rotate(stays=True)
    rig.client.quiet(0.2)  # looked at, and not crossed to: the old one has a writer
    new = empty.rotate().lines(2)
    rig.client.quiet(0.2)
    subprocess.run(["gzip", empty.path], check=True)
    rig.client.quiet(0.2)
    with rig.frozen():
        shift(new.path, 9)
        new.copytruncate().lines(1)
        subprocess.run(["gzip", f"{new.path}.1"], check=True)
    log.close()
    rig.expect(log, new, unsure=True)


def test_what_comes_after_a_compressed_file_is_no_copy_of_it(rig: Rig) -> None:
    """Moved away and compressed before it was read, and nothing has the name: the next file that
    had it, rotated as well, comes behind it and not in its place."""
    log = rig.live()
    old = log.rotate(stays=True)
    rig.client.quiet(0.2)  # looked at, and not crossed to: the one before has a writer
    with rig.frozen():
        shift(old.path, 9)
        old.lines(3).rename("app.log.1").close()
    rig.expect_state("missing")
    with rig.frozen():
        new = old.successor("app.log").lines(2)
        shift(new.path, 9)
        new.rename("app.log.1").close()
        subprocess.run(["gzip", new.path.with_name("app.log.2")], check=True)
    log.close()
    last = new.successor("app.log").lines(1)
    rig.expect(log, old, new, last)
