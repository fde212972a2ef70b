"""What rotations do between two looks: copies, archives, lost names, times that say little.

Each is a program in which a line once came twice, too late, or not at all.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tailws.logs.identity import Cursor, birth_ms, file_number, identify_path
from tailws.logs.segment import Segment
from tailws.logs.siblings import Sibling
from tailws.logs.subscription import Begin
from tests.clock import tick
from tests.logs.support import Daemon, LogFile, Reader

Start = Callable[..., Daemon]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    log = LogFile(tmp_path / "app.log")
    yield log
    log.close()


@pytest.fixture
def start(log: LogFile) -> Iterator[Start]:
    """Start a daemon over the log."""
    with ExitStack() as resources:

        def start(window: int = 64) -> Daemon:
            daemon = Daemon(log.path, window)
            resources.callback(daemon.close)
            return daemon

        yield start


def reading(daemon: Daemon) -> Reader:
    """A reader that has all that is in the file."""
    reader = Reader().connect(daemon, Begin(start=True))
    daemon.turn()
    reader.read()
    return reader


def test_a_number_that_went_to_a_later_file_leads_nobody_past_what_is_between(
    log: LogFile, start: Start
) -> None:
    """Back at the start of a file that was compressed: the number of its inode is now that of the
    live file, which was copied and truncated. The copy is not what comes next."""
    log.write(b"one\n")
    os.close(log.rotate())
    log.write(b"two\n")
    log.copytruncate()
    daemon = start()
    live = identify_path(str(log.path))
    before = birth_ms(live) - 10_000
    cursor = Cursor(file_number(live), before, 0, 0, before * 1_000_000)
    reader = Reader().connect(daemon, Begin(cursor=str(cursor)))
    for _ in range(5):
        daemon.turn()
        reader.read()
    assert reader.items == [None, b"one", b"two"]


def test_what_may_be_a_copy_is_no_less_read_to_its_end(log: LogFile, start: Start) -> None:
    """Rotated after a file of which nothing was read, and which is gone: until the name is looked
    at it may be a copy of that one, which nobody writes to. It has a writer, and all of that
    comes."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    tick()
    os.close(log.rotate())
    os.unlink(f"{log.path}.1")
    log.write(b"one\n")
    late = log.rotate()
    log.write(b"two\n")
    chain = daemon.source.chain
    chain.copied(chain.segments[0].place(0))
    os.write(late, b"late\n")
    os.close(late)
    daemon.settle(reader)
    assert reader.lines == [b"one", b"late", b"two"]


def test_empty_files_are_found_in_their_own_archives(log: LogFile, start: Start) -> None:
    """Two empty files of one second, with another between them, are compressed before they were
    crossed. Who comes later is not led from the first to what follows the second."""
    log.write(b"first\n")
    daemon = start(window=0)
    readers = [Reader().connect(daemon) for _ in range(2)]
    daemon.turn()
    for reader in readers:
        reader.read()
    held = log.rotate()
    for text in (b"", b"between\n", b""):
        log.write(text)
        tick()
        os.close(log.rotate())
    log.write(b"last\n")
    daemon.restart()  # and so all of them are closed
    for reader in readers:
        reader.connect(daemon)
        daemon.turn()
        reader.read()
    subprocess.run(["gzip", f"{log.path}.1", f"{log.path}.3"], check=True)
    os.close(held)
    for reader in readers:
        for _ in range(8):
            daemon.turn()
            reader.read()
    for reader in readers:
        assert reader.items == [b"first", b"between", b"last"]


def test_a_file_that_was_emptied_is_found_in_its_own_archive(log: LogFile, start: Start) -> None:
    """Copied, truncated, rotated and compressed, copy and all, before anything of it was read: it
    is known what became of it, and that nothing is missing."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    log.write(b"one\n")
    log.copytruncate()
    log.compress()
    tick()
    os.close(log.rotate())
    log.compress()
    log.write(b"two\n")
    daemon.settle(reader)
    assert reader.items == [b"one", b"two"]


@pytest.mark.parametrize("gone", ["compressed", "deleted"])
def test_the_copy_of_what_was_read_is_no_file_that_came_between(
    log: LogFile, start: Start, gone: str
) -> None:
    """Copied, truncated and rotated in one look, and then compressed or deleted: the copy is read
    on from where the live end stood, and not from its start again."""
    log.write(b"one\n")
    daemon = start()
    reader = reading(daemon)
    log.write(b"two\n")
    log.copytruncate()
    tick()
    os.close(log.rotate())
    tick()
    if gone == "compressed":
        log.compress()
    else:
        os.unlink(f"{log.path}.1")
    log.write(b"three\n")
    daemon.settle(reader)
    assert reader.lines == [b"one", b"two", b"three"]


def test_what_comes_between_is_no_copy_of_a_file_of_which_nothing_was_read(
    log: LogFile, start: Start
) -> None:
    """The live end has just come to the start of a file that is copied, truncated and rotated, and
    so is the one after it, in one look."""
    log.write(b"zero\n")
    daemon = start()
    reader = reading(daemon)
    os.close(log.rotate())
    log.write(b"one\n")
    daemon.look()
    reader.read(frames=1)
    log.copytruncate()
    for line in (b"two\n", b"three\n"):
        tick()
        os.close(log.rotate())
        log.write(line)
    daemon.settle(reader)
    assert reader.items == [b"zero", b"one", b"two", b"three"]


def test_a_copy_is_compressed_behind_our_back(
    log: LogFile, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen under one name and gone when it is opened: what it holds is found under the other."""
    log.write(b"one\n")
    daemon = start()
    reader = reading(daemon)
    rotated = daemon.source.chain.rotated
    scan = rotated.scan

    def compressed_meanwhile() -> list[Sibling]:
        siblings = scan()
        log.compress()
        return siblings

    log.write(b"two\n")
    log.copytruncate()
    log.write(b"three\n")
    monkeypatch.setattr(rotated, "scan", compressed_meanwhile)
    daemon.settle(reader)
    assert reader.lines == [b"one", b"two", b"three"]


def test_a_copy_that_another_reader_meets_first_is_no_less_read(log: LogFile, start: Start) -> None:
    """A file is copied and truncated when the live end has just come to its start. A client that
    comes back to an older file at this moment is led through the copy, and so is the live end."""
    log.write(b"zero\n")
    daemon = start()
    live, back = Reader().connect(daemon, Begin(start=True)), Reader()
    daemon.turn()
    live.read()
    back.cursor = live.cursor
    for line in (b"one\n", b"two\n"):
        live.read()
        os.close(log.rotate())
        log.write(line)
        daemon.look()
    back.connect(daemon)
    live.read(frames=1)  # from the file before the last to its start
    log.copytruncate()
    log.write(b"three\n")
    daemon.turn()
    daemon.settle(live, back)
    assert live.lines == [b"zero", b"one", b"two", b"three"]
    assert back.lines == [b"one", b"two", b"three"]


def test_a_byte_in_common_proves_no_line(log: LogFile, start: Start) -> None:
    """A file of which the first byte was seen, and then how long it was, is copied and truncated.
    The lines that come into it begin as the old ones did, and are none of them."""
    log.write(b"l")
    daemon = start()
    reader = reading(daemon)
    log.write(b"ine one\nline two\n")
    assert reader.subscription is not None
    assert reader.subscription.behind == 18
    log.copytruncate()
    log.write(b"line three\n")
    daemon.settle(reader)
    assert reader.lines == [b"line one", b"line two", b"line three"]


def test_a_file_is_cut_between_its_size_and_its_head(
    log: LogFile, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is truncated when a look has seen how long it is, and not yet what it begins with: the
    bytes that come next are not what it began with, and a gap tells of those that are gone."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    log.write(b"line one\nline two\n")
    read_head = Segment.read_head

    def after_a_truncation(segment: Segment) -> bytes:
        monkeypatch.undo()
        os.truncate(log.path, 0)
        log.write(b"line three\n")
        return read_head(segment)

    monkeypatch.setattr(Segment, "read_head", after_a_truncation)
    daemon.settle(reader)
    assert reader.items == [None, b"line three"]


def test_the_archive_of_what_came_later_is_not_read_for_what_was_copied(
    log: LogFile, start: Start
) -> None:
    """A file is copied, truncated, rotated and compressed. The live end has found out what was in
    it, and a slow reader comes to it when it is gone: its archive has what came after the copy."""
    log.write(b"zero\n")
    daemon = start(window=0)
    live, slow = (Reader().connect(daemon, Begin(start=True)) for _ in range(2))
    daemon.turn()
    live.read()
    slow.read()
    for line in (b"one\n", b"two\n"):
        os.close(log.rotate())
        log.write(line)
        if line == b"two\n":
            log.copytruncate()
            log.write(b"three\n")
        daemon.source.look()
    os.close(log.rotate())
    log.compress()
    log.write(b"four\n")
    daemon.source.look()
    for reader in (live, slow):
        daemon.settle(reader)
        assert reader.lines == [b"zero", b"one", b"two", b"three", b"four"]


def test_the_archive_of_a_file_that_was_cut_leads_nobody_round_in_a_circle(
    log: LogFile, start: Start
) -> None:
    """A file loses its last lines, is written on, rotated and compressed. A slow reader comes to it
    when it is gone: all that follows comes once, and what is left out is said."""
    log.write(b"zero\n")
    daemon = start(window=0)
    live, slow = (Reader().connect(daemon, Begin(start=True)) for _ in range(2))
    daemon.turn()
    live.read()
    slow.read()
    os.close(log.rotate())
    log.write(b"one\n")
    daemon.settle(live)
    log.write(b"lost\n")
    daemon.source.look()
    os.truncate(log.path, 4)
    daemon.settle(live)
    log.write(b"two\n")
    daemon.settle(live)
    os.close(log.rotate())
    log.compress()
    log.write(b"three\n")
    daemon.source.look()
    daemon.settle(live)
    daemon.settle(slow)
    assert live.lines == [b"zero", b"one", b"two", b"three"]
    assert slow.items in ([b"zero", None, b"two", b"three"], live.items)


def test_a_file_may_be_stamped_ahead_of_the_clock(
    log: LogFile, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With multigrain timestamps a copy has a time that the clock reaches only a tick later. A
    daemon that starts within this tick takes it for no copy of what it finds in the file."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    log.write(b"one\n")
    log.copytruncate()
    log.write(b"two\n")
    copied = identify_path(f"{log.path}.1").birth
    reader.disconnect()
    monkeypatch.setattr("tailws.logs.segment.coarse_time", lambda: copied - 1_000_000)
    daemon.restart()
    Reader().connect(daemon)
    daemon.turn()
    monkeypatch.undo()
    log.copytruncate()
    daemon.look()
    log.compress()
    reader.connect(daemon)
    daemon.settle(reader)
    assert reader.lines == [b"one", b"two"]


def test_a_file_is_no_younger_for_being_written_anew(log: LogFile, start: Start) -> None:
    """A file is copied, truncated and rotated in the millisecond in which the next one is born. Who
    has read that one, which is deleted, is not led back to what is left in the first."""
    log.write(b"one\n")
    log.copytruncate()
    log.write(b"two\n")
    copied = identify_path(f"{log.path}.1")
    os.close(log.rotate())
    tick()
    log.write(b"three\n")
    daemon = start()
    reader = Reader()
    reader.cursor = str(Cursor(1, birth_ms(copied), 4, 0, 0))
    reader.connect(daemon)
    for _ in range(3):
        daemon.turn()
        reader.read()
    assert reader.items == [None, b"three"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_copy_in_an_archive_is_no_younger_than_what_came_after_it(
    log: LogFile, start: Start, restarted: bool
) -> None:
    """A file is copied and truncated three times, once when it is empty, the last copy is packed,
    and the file is deleted. Who has read all of it is not led back to that copy."""
    log.write(b"one\n")
    daemon = start()
    reader = reading(daemon)
    for text in (b"two\n", b"", b"three\n"):
        log.write(text)
        log.copytruncate()
    log.compress()
    tick()
    log.write(b"four\n")
    if restarted:
        daemon.restart()
        reader.connect(daemon)
    daemon.settle(reader)
    assert reader.lines == [b"one", b"two", b"three", b"four"]
    reader.disconnect()
    log.close()
    log.path.unlink()
    tick()
    log.write(b"five\n")
    daemon.look()
    reader.connect(daemon)
    daemon.settle(reader)
    assert reader.items[reader.items.index(b"four") :] == [b"four", None, b"five"]


def test_what_was_given_up_does_not_come_later(log: LogFile, start: Start) -> None:
    """A file is cut, filled with more than it had, renamed and written to in one look: a gap tells
    of that. It is not read after what follows it, when it is compressed and the next is deleted."""
    log.write(b"one\n")
    daemon = start()
    reader = reading(daemon)
    os.truncate(log.path, 0)
    log.write(b"not seen\n")
    held = log.rotate()
    tick()
    log.write(b"two\n")
    tick()
    os.write(held, b"nor this\n")
    os.close(held)
    daemon.settle(reader)
    assert reader.items == [b"one", None, b"two"]
    log.compress()
    log.close()
    log.path.unlink()
    tick()
    log.write(b"three\n")
    daemon.settle(reader)
    assert reader.lines == [b"one", b"two", b"three"]


@pytest.mark.parametrize("copied", ["all of it", "nothing yet"])
def test_a_look_between_a_copy_and_its_truncation(log: LogFile, start: Start, copied: str) -> None:
    """A file that was cut and written anew is found when it has just been copied, or is about to
    be, and is cut before any of it was read: the copy has what was in it."""
    log.write(b"one\n")
    daemon = start()
    reader = reading(daemon)
    os.truncate(log.path, 0)
    log.write(b"two, longer than one\n")
    tick()
    copy = Path(f"{log.path}.1")
    copy.write_bytes(log.path.read_bytes() if copied == "all of it" else b"")
    tick()
    daemon.source.look()
    copy.write_bytes(log.path.read_bytes())
    os.truncate(log.path, 0)
    log.write(b"three\n")
    daemon.settle(reader)
    assert reader.lines == [b"one", b"two, longer than one", b"three"]


def test_what_a_reader_has_found_out_is_no_news_to_the_next_look(
    log: LogFile, start: Start
) -> None:
    """A file that was seen to grow is copied and truncated, and a reader is there before the next
    look: that finds a file as it should be, in which nothing begins anew once more."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    log.write(b"one\ntwo\n")
    daemon.look()
    log.copytruncate()
    log.write(b"three\n")
    reader.read(frames=1)
    daemon.settle(reader)
    assert reader.items == [b"one", b"two", b"three"]


def test_what_was_written_after_a_copy_is_found_in_its_own_archive(
    log: LogFile, start: Start
) -> None:
    """A file that was seen, and not read yet, is copied, truncated, written to, rotated and
    compressed in one look, and so was the copy: what is in its archive is no file that came after
    it, though the copy's archive has what was seen in it."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    log.write(b"one\n")
    daemon.look()
    log.copytruncate()
    log.compress()
    tick()
    log.write(b"two\n")
    os.close(log.rotate())
    log.compress()
    tick()
    log.write(b"three\n")
    daemon.settle(reader)
    assert reader.items == [b"one", b"two", b"three"]


def test_a_rotation_while_copies_are_looked_for(
    log: LogFile, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file was cut and written anew. While it is found out what became of it the daemon is
    stopped, and it is copied, truncated, rotated and compressed: what was in it when the search
    began comes before what came into it since, and before what followed it."""
    log.write(b"one\n")
    daemon = start()
    reader = reading(daemon)
    os.truncate(log.path, 0)
    log.write(b"line two\n")
    rotated = daemon.source.chain.rotated
    scan = rotated.scan

    def after_a_while() -> list[Sibling]:
        monkeypatch.undo()
        log.copytruncate()
        log.compress()
        tick()
        for line in (b"line three\n", b"line four\n"):
            log.write(line)
            os.close(log.rotate())
            log.compress()
            tick()
        log.write(b"line five\n")
        return scan()

    monkeypatch.setattr(rotated, "scan", after_a_while)
    daemon.settle(reader)
    assert reader.lines == [b"one", b"line two", b"line three", b"line four", b"line five"]


def test_what_had_the_name_next_is_no_copy_though_nothing_has_it_now(
    log: LogFile, start: Start
) -> None:
    """A file is written to, rotated and compressed, and so is the next, and there is none after
    it. Who reads before the name is looked at finds that the first has lost it: the second came
    after it, and is no copy of what was in it before."""
    log.write(b"")
    daemon = start()
    reader = reading(daemon)
    for line in (b"one\n", b"two\n"):
        log.write(line)
        tick()
        os.close(log.rotate())
        if line == b"one\n":
            log.compress()
    chain = daemon.source.chain
    chain.copied(chain.segments[0].place(0))
    daemon.settle(reader)
    log.write(b"three\n")
    daemon.settle(reader)
    assert reader.items == [b"one", b"two", b"three"]


def test_what_has_the_name_now_is_younger_than_what_had_it_in_the_same_tick(
    log: LogFile, start: Start
) -> None:
    """A file is written anew, read and deleted, and the next one made, within one tick of the
    kernel's clock and while the daemon was down: a gap tells of the first, and all of the second
    comes."""
    log.write(b"one\n")
    daemon = start()
    reader = Reader()
    born = birth_ms(identify_path(str(log.path)))
    reader.cursor = str(Cursor(1, born, 4, 0, 0))
    reader.connect(daemon)
    daemon.settle(reader)
    assert reader.items == [None, b"one"]
