"""Files cut in place: copytruncate, truncate and refill, holes, editors, replaced links."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import threading
import time
from contextlib import nullcontext

import pytest

from .client import Gap
from .logfile import LogFile, fresh_line, shift
from .rig import NO_INOTIFY, Meanwhile, Rig

# A copy that was found while nobody looked on is an older file like any other.
TRUNCATED = ("truncated", "rotated")


def test_copytruncate(rig: Rig, meanwhile: Meanwhile) -> None:
    """Copied to `.1` and cut: what was unread then is read from the copy; one notice."""
    log = rig.live().lines(20)
    rig.expect(log)
    with meanwhile():
        log.lines(5)
        log.copytruncate()
        log.lines(3)
    log.lines(1)
    rig.expect(log, unsure=True)
    rig.expect_notice(*TRUNCATED)
    told = [event for _, event in rig.client.events if event == "truncated"]
    assert len(told) <= 1


def test_copytruncate_of_a_quiet_log(rig: Rig) -> None:
    """Everything had been read: nothing is lost, nothing comes twice, the client is told."""
    log = rig.live().lines(20)
    rig.expect(log)
    log.copytruncate()
    rig.expect_notice(*TRUNCATED)
    log.lines(3)
    rig.expect(log, unsure=True)


def test_copytruncate_twice_in_one_look(rig: Rig) -> None:
    """Two copies hold what nobody has read: both are read, in order."""
    log = rig.live().lines(5)
    rig.expect(log)
    with rig.frozen():
        log.lines(3)
        log.copytruncate(".1")
        log.lines(20)
        (rig.logs / "app.log.1").rename(rig.logs / "app.log.2")
        log.copytruncate(".1")
        log.lines(2)
    log.lines(1)
    rig.expect(log, unsure=True)


def test_copytruncate_under_a_writer_that_never_pauses(rig: Rig) -> None:
    """All but the lines written between the copy and the cut, which nobody can have."""
    log = rig.live()
    unsure: set[str] = set()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.lines(1)
            time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            time.sleep(0.3)
            before = len(log.owed)
            log.copytruncate(f".{number + 1}")
            unsure.update(log.owed[max(before - 1, 0) : len(log.owed) + 1])
    finally:
        stop.set()
        writer.join()
    log.lines(1)
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.5)
    got = client.lines("app")
    assert len(got) == len(set(got)), "a line came twice"
    assert got == [line for line in log if line in set(got)], "out of order"
    lost = [line for line in log if line not in set(got)]
    assert set(lost) <= unsure, f"{len(lost)} lost, {len(unsure)} could be"
    rig.expect_notice(*TRUNCATED)


@pytest.mark.parametrize("refill", ["shorter", "equal", "longer", "much longer"])
def test_truncated_and_refilled(rig: Rig, meanwhile: Meanwhile, refill: str) -> None:
    """Cut to nothing and filled again, to any size: all new lines, none from its middle."""
    log = rig.live(old=0).lines(30)
    rig.expect(log)
    size = log.path.stat().st_size
    kept = list(log)
    with meanwhile():
        log.truncate().forget()
        if refill == "equal":
            while log.path.stat().st_size < size - 200:
                log.lines(1)
            log.say("e" * (size - log.path.stat().st_size - 1))
            assert log.path.stat().st_size == size
        else:
            log.lines({"shorter": 3, "longer": 40, "much longer": 3000}[refill])
    log.lines(1)
    _expect_after_truncation(rig, kept, log)


def _expect_after_truncation(rig: Rig, before: list[str], log: LogFile) -> None:
    """All lines, once; a notice; a gap may say that something unseen could have been cut off."""
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    assert client.lines("app") == [*before, *log]
    assert not client.faults
    rig.expect_notice(*TRUNCATED)


@pytest.mark.parametrize("blind", [False, True])
def test_written_and_cut_before_anybody_could_look(rig: Rig, blind: bool) -> None:
    """A log that was quiet gets lines that are cut off at once: nobody has seen them, so a gap has
    to say that some may be missing. The daemon is stopped meanwhile, or gets no hints at all."""
    rig.limits = {"files": {"poll": 3, "poll_fast": 3}} if blind else {}
    rig.prefix = NO_INOTIFY if blind else rig.prefix
    log = rig.live(old=0).lines(10)
    rig.expect(log)
    before = list(log)
    rig.expect_nothing(1.5)
    with rig.frozen() if not blind else nullcontext():
        log.lines(4).truncate().forget().lines(2)
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line")
    assert client.items["app"] == [*before, Gap("truncated", None), *log]


def test_cut_and_renamed_before_there_is_a_next_file(rig: Rig) -> None:
    """What was cut off a file that lost its name at once is told of when the next file comes."""
    log = rig.live(old=0).lines(3)
    rig.expect(log)
    before = list(log)
    with rig.frozen():
        log.lines(1).truncate().rename("app.log.1").close()
    rig.expect_notice("missing")
    new = rig.file().lines(2)
    client = rig.client
    client.until(lambda: new.owed[-1] in client.items["app"], "the last line")
    assert client.items["app"] == [*before, Gap("truncated", None), *new]


def test_truncated_by_the_shell(rig: Rig) -> None:
    """`> app.log`, twice, with a little in between."""
    log = rig.live(old=0).lines(10)
    rig.expect(log)
    before = list(log)
    for _ in range(2):
        log.path.write_bytes(b"")
        log.forget().lines(2)
        rig.client.until(lambda: log.owed[-1] in rig.client.items["app"], "the last line")
        before += log
    assert rig.client.lines("app") == before


def test_truncated_to_half(rig: Rig, meanwhile: Meanwhile) -> None:
    """The first half stays: it is not sent again; the lines after it are."""
    log = rig.live(old=0).lines(10)
    rig.expect(log)
    before = list(log)
    half = sum(len(line) + 1 for line in before[:5])
    with meanwhile():
        log.truncate(half).forget()
        log.lines(2)
    log.lines(1)
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    again = client.lines("app")[10:]
    if rig.looked_on:
        assert again == list(log)
    else:  # nobody saw what was there: a cursor proves a place, and that place is gone
        assert again == [*before[:5], *log]
    rig.expect_notice(*TRUNCATED)


def test_truncated_to_half_and_refilled_past_the_old_size(rig: Rig) -> None:
    """The kept half is not sent again even when the file is already longer than before."""
    log = rig.live(old=0).lines(10)
    rig.expect(log)
    before = list(log)
    half = sum(len(line) + 1 for line in before[:5])
    with rig.frozen():
        log.truncate(half).forget().lines(20)
    log.lines(1)
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    got = client.lines("app")
    assert got in ([*before, *log], [*before, *before[:5], *log])
    rig.expect_notice(*TRUNCATED)


def test_copytruncate_under_a_writer_without_append(rig: Rig) -> None:
    """The writer goes on at its old offset: the hole before it is jumped, no NUL is sent."""
    log = rig.live(append=False)
    log.raw(b"f" * 99 + b"\n")
    log.say(*["g" * 99] * 10_000)
    rig.expect(["f" * 99], log)
    log.copytruncate()
    rig.expect_notice(*TRUNCATED)
    log.lines(3)
    rig.client.until(lambda: log.owed[-1] in rig.client.items["app"], "the last line")
    rig.client.quiet(0.3)
    assert rig.client.lines("app") == ["f" * 99, *log]


def test_copytruncate_without_append_in_one_look(rig: Rig, meanwhile: Meanwhile) -> None:
    """As before, but the file has its old size again when the daemon looks."""
    log = rig.live(append=False).lines(2000)
    rig.expect(log)
    with meanwhile():
        log.lines(2)
        log.copytruncate()
        log.lines(3)
    log.lines(1)
    client = rig.client
    client.until(lambda: log.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    assert client.lines("app") == list(log)


def test_snapshot_under_a_pattern(rig: Rig, meanwhile: Meanwhile) -> None:
    """A copy of a followed log is not new data."""
    log = rig.file().lines(10).forget()
    rig.follow("app.log*")
    rig.up()
    log.lines(10)
    rig.expect(log, source="app/app.log")
    with meanwhile():
        log.copy(".1")
        log.lines(2)
        log.copy(".2")
    log.lines(1)
    rig.expect_sources({"app/app.log": log})
    rig.client.quiet(1.5)
    rig.expect_sources({"app/app.log": log})


def test_copytruncate_under_a_pattern(rig: Rig, meanwhile: Meanwhile) -> None:
    log = rig.file().lines(10).forget()
    rig.follow("app.log*")
    rig.up()
    log.lines(10)
    rig.expect(log, source="app/app.log")
    with meanwhile():
        log.lines(2)
        log.copytruncate()
        log.lines(2)
    log.lines(1)
    rig.expect_sources({"app/app.log": log}, unsure=True)
    rig.client.quiet(1)
    rig.expect_sources({"app/app.log": log}, unsure=True)


# Replaced files and links ------------------------------------------------------------------------


def test_atomic_replace(rig: Rig, meanwhile: Meanwhile) -> None:
    """A new file is renamed onto the name: all of it is new."""
    log = rig.live().lines(5)
    rig.expect(log)
    with meanwhile():
        new = rig.file("app.log.tmp").lines(8)
        new.rename("app.log")
        log.close()
    new.lines(1)
    client = rig.client
    client.until(lambda: new.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    assert client.lines("app") == [*log, *new]


@pytest.mark.parametrize("size", [3, 300])
def test_saved_by_an_editor(rig: Rig, meanwhile: Meanwhile, size: int) -> None:
    """A new inode with the old text and one line more: the new line alone, or all of it as a
    new file; never less, and the name lives on."""
    log = rig.live(old=0).lines(size)
    rig.expect(log)
    with meanwhile():
        swap = rig.logs / ".app.log.swp"
        shutil.copyfile(log.path, swap)
        edited = LogFile(swap, rig.stack).lines(1)
        edited.rename("app.log")
        log.close()
    edited.lines(1)
    client = rig.client
    client.until(lambda: edited.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    again = client.lines("app")[size:]
    assert client.lines("app")[:size] == list(log)
    assert again in (list(edited), [*log, *edited])
    if len(again) > len(edited.owed):
        rig.expect_notice("replaced", "rotated", "truncated")


def test_equal_beginnings_are_not_the_same_file(rig: Rig, meanwhile: Meanwhile) -> None:
    """Every file of a program starts with the same long banner: a new one is still new."""
    banner = [f"# banner line {number} " + "=" * 60 for number in range(40)]
    log = rig.live(old=0).say(*banner).lines(5)
    rig.expect(log)
    with meanwhile():
        new = log.rotate().say(*banner).lines(2)
    new.lines(1)
    rig.expect(log, new)


def test_equal_files(rig: Rig, meanwhile: Meanwhile) -> None:
    """The new file starts with exactly the old one's lines, byte for byte: it is still new."""
    same = ["start", "ready", "serving"]
    log = rig.live(old=0).say(*same)
    rig.expect(log)
    with meanwhile():
        new = log.rotate().say(*same)
    new.lines(1)
    rig.expect(log, new)


def test_symlink_is_repointed(rig: Rig, meanwhile: Meanwhile) -> None:
    """The rest of the old target, then all of the new one."""
    log = rig.file("one.log").lines(2).forget()
    link = rig.logs / "app.log"
    link.symlink_to("one.log")
    rig.follow("app.log")
    rig.up()
    log.lines(2)
    rig.expect(log)
    with meanwhile():
        log.lines(1)
        new = rig.file("two.log").lines(2)
        _repoint(rig, "two.log")
        log.close()
    new.lines(1)
    rig.expect(log, new)


def _repoint(rig: Rig, target: str, link: str = "app.log") -> None:
    temporary = rig.logs / ".link"
    temporary.symlink_to(target)
    temporary.rename(rig.logs / link)


def test_kubernetes_volume_swap(rig: Rig, meanwhile: Meanwhile) -> None:
    """The name is a link through `..data`, a link to a directory that is swapped and removed."""
    log = rig.file("..2026_01/app.log").lines(2).forget()
    (rig.logs / "..data").symlink_to("..2026_01")
    (rig.logs / "app.log").symlink_to("..data/app.log")
    rig.follow("app.log")
    rig.up()
    log.lines(2)
    rig.expect(log)
    with meanwhile():
        new = rig.file("..2026_02/app.log").lines(2)
        _repoint(rig, "..2026_02", "..data")
        log.close()
        shutil.rmtree(rig.logs / "..2026_01")
    new.lines(1)
    client = rig.client
    client.until(lambda: new.owed[-1] in client.items["app"], "the last line")
    client.quiet(0.3)
    assert client.lines("app") == [*log, *new]


def test_link_to_a_log_that_is_rotated_elsewhere(rig: Rig, meanwhile: Meanwhile) -> None:
    """A link in one directory, the log and its rotation in another, as containers/ and pods/."""
    log = rig.file("pods/app/0.log").lines(2).forget()
    (rig.logs / "containers").mkdir()
    (rig.logs / "containers/app.log").symlink_to("../pods/app/0.log")
    rig.follow("containers/*.log")
    rig.up()
    source = "app/app.log"
    log.lines(2)
    rig.expect(log, source=source)
    with meanwhile():
        log.lines(1).rename("0.log.20260131-120000")
        new = log.successor("0.log").lines(2)
        log.lines(1)
    log.close()
    new.lines(1)
    rig.expect_sources({source: [*log, *new]})


# Writers that prepare their file -----------------------------------------------------------------


def test_mmap_writer(rig: Rig) -> None:
    """Memory-mapped writes make no event: they are found all the same."""
    log = rig.live(old=0, append=False)
    os.ftruncate(log.fd, 1 << 16)
    with (
        open(log.path, "r+b") as file,
        mmap.mmap(file.fileno(), 1 << 16) as memory,
    ):
        at = 0
        for _ in range(5):
            data = fresh_line()
            log.owed.append(data)
            memory[at : at + len(data) + 1] = data.encode() + b"\n"
            at += len(data) + 1
            rig.expect(log)  # the next write leaves no trace: the page is dirty already


@pytest.mark.parametrize("blocks", ["sparse", "allocated"])
def test_preallocated_file(rig: Rig, blocks: str) -> None:
    """A file full of NULs that is filled in from its front."""
    log = rig.file(append=False)
    if blocks == "sparse":
        os.ftruncate(log.fd, 1 << 20)
    else:
        os.posix_fallocate(log.fd, 0, 1 << 20)
    rig.follow("app.log")
    rig.up()
    log.lines(3)
    rig.expect(log)
    with rig.killed():
        log.lines(3)
    log.lines(1)
    rig.expect(log)


def test_preallocated_file_made_later(rig: Rig) -> None:
    rig.awaited()
    log = rig.file(append=False)
    os.posix_fallocate(log.fd, 0, 1 << 20)
    log.lines(3)
    rig.expect(log)
    log.truncate(sum(len(line) + 1 for line in log))
    new = log.rotate().lines(2)
    rig.expect(log, new)


def test_hole_in_the_middle(rig: Rig) -> None:
    """A hole of a megabyte is no text."""
    log = rig.live(append=False).lines(2)
    os.lseek(log.fd, 1 << 20, os.SEEK_CUR)
    log.lines(2)
    rig.expect(log)


def test_the_copy_of_before_a_restart_is_not_what_follows(rig: Rig) -> None:
    """A copy is younger than its file. When the file is deleted later, and another gets its name,
    the copy that was read before the restart does not go between the two."""
    log = rig.live()
    rig.expect(log.lines(2))
    rig.expect(log.copytruncate().lines(1), unsure=True)
    with rig.killed():
        log.lines(1)
    rig.expect(log, unsure=True)
    new = log.unlink().successor().lines(2)
    rig.expect(log, new, unsure=True)


def test_copied_compressed_and_renamed_in_one_look(rig: Rig) -> None:
    """A compressed copy of what the file was does not stand for the file, which is renamed."""
    log = rig.live()
    rig.expect(log.lines(2))
    with rig.frozen():
        log.lines(2).copytruncate()
        subprocess.run(["gzip", f"{log.path}.1"], check=True)
        shift(log.path, 9)
        log.lines(2).copytruncate()
        new = log.lines(2).rotate().lines(1)
    rig.expect(log, new, unsure=True)
