"""Readers of one source: where they begin, how they share blocks, and what slow ones cost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tailws.logs import subscription
from tailws.logs.identity import Cursor
from tailws.logs.subscription import Begin, Subscription, View
from tailws.text.match import Filter, Term
from tests.logs.support import Daemon, LogFile, Reader, payload


@pytest.fixture(params=[64, 0], ids=["window", "no window"])
def daemon(tmp_path: Path, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    (tmp_path / "app.log").write_bytes(b"".join(b"line %d\n" % i for i in range(100)))
    daemon = Daemon(tmp_path / "app.log", request.param)
    yield daemon
    daemon.close()


def read(daemon: Daemon, begin: Begin) -> list[bytes]:
    reader = Reader().connect(daemon, begin)
    for _ in range(5):
        daemon.turn()
        reader.read()
    reader.disconnect()
    return reader.lines


def test_the_last_lines(daemon: Daemon) -> None:
    """The last N lines, none, and more than there are."""
    assert read(daemon, Begin(lines=3)) == [b"line 97", b"line 98", b"line 99"]
    assert read(daemon, Begin(lines=0)) == []
    assert len(read(daemon, Begin(lines=1000))) == 100
    assert len(read(daemon, Begin(start=True))) == 100


def test_a_cursor_of_every_line_goes_on_there(daemon: Daemon) -> None:
    """Resuming at the end of any batch gives exactly what comes after it."""
    reader = Reader().connect(daemon, Begin(start=True))
    daemon.turn()
    reader.read()
    ends = [(h["end"], h) for h in reader.heads if h["type"] == "lines"]
    seen = 0
    for end, _ in ends:
        rest = read(daemon, Begin(cursor=str(end)))
        assert rest == [b"line %d" % i for i in range(100)][len(rest) * -1 :] or not rest
        seen = max(seen, len(rest))
    assert seen > 0
    reader.disconnect()


def test_batches_join(daemon: Daemon) -> None:
    """`start` of each batch is `end` of the one before it, over a rotation too."""
    log = LogFile(daemon.path)
    reader = Reader().connect(daemon, Begin(start=True))
    for number in range(6):
        daemon.look()
        reader.read()
        log.write(b"more %d\n" % number)
        if number == 3:
            log.close()
            log.rotate()
            log.write(b"")
    for _ in range(4):
        daemon.look()
        reader.read()
    heads = [h for h in reader.heads if h["type"] == "lines"]
    assert len(heads) > 3
    for before, after in pairwise(heads):
        assert before["end"] == after["start"]
    log.close()


def test_a_live_end_that_is_behind_reads_nearly_two_blocks_at_once(daemon: Daemon) -> None:
    """A file that grows faster than it is read: fewer and larger messages, never of two blocks.
    Who reads the rest by itself, and a live end that has come up, read a block."""
    live = Reader().connect(daemon, Begin(lines=0))
    late = Reader().connect(daemon, Begin(lines=0))
    daemon.turn()
    live.read()
    late.read()
    lines = [b"a line that is number %d" % number for number in range(100)]
    with daemon.path.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    for reader in (live, late):
        daemon.look()
        reader.read()
        daemon.look()
        assert reader.lines == lines
    sizes = [[*steps(reader)] for reader in (live, late)]
    assert sizes[0][0] <= 256
    assert all(256 < size <= 504 for size in sizes[0][1:-1])
    assert daemon.window or all(size <= 256 for size in sizes[1])


def steps(reader: Reader) -> Iterator[int]:
    """How many bytes of the file each message has."""
    offsets = [Cursor.parse(str(head["end"])) for head in reader.heads if head["type"] == "lines"]
    first = Cursor.parse(str(reader.heads[0]["cursor"]))
    for before, after in pairwise([first, *offsets]):
        assert before is not None
        assert after is not None
        yield after.offset - before.offset


def test_a_block_is_encoded_once_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many subscribers, a block is made into a frame once for each view."""
    (tmp_path / "app.log").write_bytes(b"")
    daemon = Daemon(tmp_path / "app.log")
    made: list[View] = []
    original = subscription.block_frame

    def counted(name: str, block: object, view: View) -> bytes:
        made.append(view)
        return original(name, block, view)  # type: ignore[arg-type]

    monkeypatch.setattr(subscription, "block_frame", counted)
    plain, packed = View(), View(deflate=True)
    frames: list[list[bytes]] = []
    subscriptions = []
    for view in [plain] * 20 + [packed] * 20:
        taken: list[bytes] = []
        frames.append(taken)
        subscriptions.append(Subscription(daemon.source, view, Begin(), lambda _s: None))
    daemon.turn()
    for item in subscriptions:
        while item.next():
            pass
    with (tmp_path / "app.log").open("wb") as file:
        file.write(b"x" * 1000 + b"\n")
    daemon.look()
    sent = []
    for item in subscriptions:
        sent.append(item.next())
        assert item.next() is None
    assert made == [plain, packed]
    assert len({id(frame) for frame in sent}) == 2
    for item in subscriptions:
        item.close()
    daemon.close()


def test_a_slow_reader_catches_up_and_joins(daemon: Daemon) -> None:
    """One that does not read for a while gets every line from the file, and then shares blocks."""
    log = LogFile(daemon.path)
    fast = Reader().connect(daemon, Begin())
    slow = Reader().connect(daemon, Begin())
    daemon.turn()
    fast.read()
    slow.read()
    expected = []
    for number in range(400):
        line = b"%d " % number + b"y" * 100
        expected.append(line)
        log.write(line + b"\n")
        daemon.look()
        fast.read()
    slow.ready = True
    slow.read()
    assert fast.lines == slow.lines == expected
    log.write(b"together\n")
    daemon.look()
    fast.read()
    slow.read()
    assert fast.lines[-1] == slow.lines[-1] == b"together"
    log.close()


def test_a_filter_counts_what_it_hides_and_cursors_stay_right(daemon: Daemon) -> None:
    """A filtered reader gets matching lines, the number of the others, and cursors that resume."""
    view = View(filter=Filter.of(["7$"]))
    item = Subscription(daemon.source, view, Begin(start=True), lambda _s: None)
    daemon.turn()
    bodies, hidden = [], 0
    import json

    while (frame := item.next()) is not None:
        first, _, body = payload(frame).partition(b"\n")
        head = json.loads(first)
        hidden += head.get("hidden", 0)
        bodies += body.split(b"\n") if body else []
    item.close()
    assert bodies == [b"line %d" % i for i in range(100) if i % 10 == 7]
    assert hidden == 90


def test_a_missing_file_has_a_cursor_from_which_nothing_is_lost(tmp_path: Path) -> None:
    """Who subscribes before there is a file, goes away and comes back, gets all of it."""
    daemon = Daemon(tmp_path / "app.log")
    reader = Reader().connect(daemon, Begin())
    daemon.turn()
    reader.read()
    assert reader.cursor is not None
    reader.disconnect()
    daemon.restart()
    (tmp_path / "app.log").write_bytes(b"first\n")
    reader.connect(daemon)
    for _ in range(3):
        daemon.look()
        reader.read()
    assert reader.lines == [b"first"]
    daemon.close()


def test_without_a_reader_nothing_is_open(daemon: Daemon) -> None:
    """A source that nobody reads holds no descriptor and no memory of blocks."""
    reader = Reader().connect(daemon, Begin(start=True))
    daemon.turn()
    reader.read()
    assert daemon.source.chain.segments
    reader.disconnect()
    assert not daemon.source.chain.segments


def test_a_live_client_is_handed_its_lines(daemon: Daemon) -> None:
    """Who is at the live end and has room gets each block in the wake itself, once; who refuses
    one gets it and what follows by asking; both have every line in order."""
    handed, asking = Reader(offered=True), Reader()
    for reader in (handed, asking):
        reader.connect(daemon, Begin())
    daemon.turn()
    for reader in (handed, asking):
        reader.read()
    expected = []
    for number in range(20):
        expected.append(b"new %d" % number)
        append(daemon, expected[-1])
        if not handed.ready:
            assert handed.items == expected, "without being asked"
        handed.read()
        asking.read()
        assert handed.items == asking.items == expected
    assert handed.offers > 6


def test_the_live_end_moves_without_a_follower(daemon: Daemon) -> None:
    """A client whose place is passed by another reader at the end loses nothing."""
    handed = Reader(offered=True).connect(daemon, Begin())
    daemon.turn()
    handed.read()
    with daemon.path.open("ab") as file:
        file.write(b"one\ntwo\n")
    late = Reader().connect(daemon, Begin())
    daemon.turn()
    late.read()
    append(daemon, b"three")
    for reader in (handed, late):
        reader.read()
    assert handed.items == [b"one", b"two", b"three"]
    assert late.items[-1:] == [b"three"]


def append(daemon: Daemon, line: bytes) -> None:
    with daemon.path.open("ab") as file:
        file.write(line + b"\n")
    daemon.look()


HEAD, FRAME = b"14:00:00 ERROR failed", b"\tat a.B(C.java:1)"
CAUSE, FINE = b"Caused by: x.YException: timeout", b"14:00:01 INFO fine"


@pytest.mark.parametrize(
    ("include", "exclude", "shown"),
    [
        (Term(level="error"), None, [HEAD, FRAME, FRAME, CAUSE, FRAME]),
        (None, Term(level="error"), [FINE, FINE, FINE]),
        (Term("failed"), None, [HEAD, FRAME, FRAME, CAUSE, FRAME]),
        (Term("timeout"), None, [FRAME, CAUSE, FRAME]),  # the parts before it are passed
        (None, Term("timeout"), [FINE, HEAD, FRAME, FINE, FINE]),
    ],
)
def test_a_record_that_comes_in_parts_is_one(
    daemon: Daemon, include: Term | None, exclude: Term | None, shown: list[bytes]
) -> None:
    """Each part of a stack trace is shown or hidden by all that has come of it, and the cursors and
    counts are right."""
    filter_ = Filter.of(
        [include] if include else [], [exclude] if exclude else [], whole_records=True
    )
    log = LogFile(daemon.path)
    reader = Reader()
    daemon.readers.append(reader)
    reader.subscription = Subscription(
        daemon.source, View(filter=filter_), Begin(), reader._wake, outlet=reader
    )
    daemon.turn()
    reader.read()
    for part in ([FINE, HEAD], [FRAME], [FRAME, CAUSE], [FRAME, FINE], [FINE]):
        log.write(b"".join(line + b"\n" for line in part))
        daemon.look()
        reader.read()
    assert reader.lines == shown
    heads = [head for head in reader.heads if head["type"] == "lines"]
    assert sum(int(str(head.get("hidden", 0))) for head in heads) == 8 - len(shown)
    assert all(one["end"] == other["start"] for one, other in pairwise(heads))
    log.close()


def test_a_long_record_goes_on_however_far_its_head_is(daemon: Daemon) -> None:
    """Blocks of a file that is caught up with are cut anywhere: the head is looked for before."""
    log = LogFile(daemon.path)
    log.write(HEAD + b"\n" + (FRAME + b"\n") * 900 + FINE + b"\n")
    log.close()
    view = View(filter=Filter.of([Term(level="error")], whole_records=True))
    reader = Reader()
    daemon.readers.append(reader)
    reader.subscription = Subscription(daemon.source, view, Begin(start=True), reader._wake)
    for _ in range(200):
        daemon.turn()
        reader.read()
    assert reader.lines == [HEAD] + [FRAME] * 900
