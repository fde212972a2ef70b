"""Pages of a log, backwards and forwards through rotated and compressed files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from pathlib import Path

import pytest
import zstandard

from tailws.logs.document import Library
from tailws.logs.history import Page, page
from tailws.logs.locate import BadCursor
from tailws.logs.seek import Wanted, locate
from tailws.runtime.steps import Steps
from tailws.text.match import Filter
from tests.logs.support import Daemon
from tests.logs.whole import PACK, run, whole

FILES = 6
EACH = 3000


@pytest.fixture
def daemon(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A live file, a plain rotated one, and one of each kind of archive."""
    lines = [b"%06d some text of a line\n" % i for i in range(FILES * EACH)]
    parts = [b"".join(lines[i * EACH : (i + 1) * EACH]) for i in range(FILES)]
    base = tmp_path / "app.log"
    Path(f"{base}.5.zst").write_bytes(zstandard.ZstdCompressor().compress(parts[0]))
    Path(f"{base}.4.xz").write_bytes(lzma.compress(parts[1]))
    Path(f"{base}.3.bz2").write_bytes(bz2.compress(parts[2]))
    Path(f"{base}.2.gz").write_bytes(gzip.compress(parts[3]))
    Path(f"{base}.1").write_bytes(parts[4])
    base.write_bytes(parts[5])
    daemon = Daemon(base)
    daemon.source.attach(lambda _event: None)
    yield daemon
    daemon.close()


class Pager:
    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.library = Library(64 << 20)

    def ask(
        self,
        cursor: str,
        lines: int,
        before: bool,
        filter_: Filter | None = None,
        until: str | None = None,
    ) -> Page:
        found: list[Page] = []
        failed: list[Exception] = []
        work = page(self.daemon.source, self.library, cursor, lines, before, filter_, until)
        Steps(self.daemon.loop, work, found.append, failed.append)
        for _ in range(100_000):
            if found or failed:
                break
            self.daemon.turn(0.01, 1)
        if failed:
            raise failed[0]
        return found[0]


def live_end(daemon: Daemon) -> str:
    assert daemon.source.end is not None
    return daemon.source.end.cursor


def test_backwards_through_every_archive_to_the_first_line(daemon: Daemon) -> None:
    """Page by page from the live end to the first line ever kept: every line once, in order, the
    files named on the way."""
    pager = Pager(daemon)
    cursor = live_end(daemon)
    lines: list[bytes] = []
    files: list[str] = []
    more = True
    while more:
        found = pager.ask(cursor, 1000, before=True)
        assert found.end == cursor or found.file != files[-1]
        lines[:0] = found.body.split(b"\n") if found.body else []
        cursor, more = found.start, found.more
        files.append(found.file)
    assert lines == [b"%06d some text of a line" % i for i in range(FILES * EACH)]
    assert len(dict.fromkeys(files)) == FILES
    pager.library.close()


def test_forwards_again(daemon: Daemon) -> None:
    """From the first line forwards, over the same borders, to the live end."""
    pager = Pager(daemon)
    cursor = live_end(daemon)
    while True:
        found = pager.ask(cursor, 10_000, before=True)
        cursor = found.start
        if not found.more:
            break
    lines: list[bytes] = []
    more = True
    while more:
        found = pager.ask(cursor, 2000, before=False)
        assert found.start
        lines += found.body.split(b"\n") if found.body else []
        cursor, more = found.end, found.more
    assert lines == [b"%06d some text of a line" % i for i in range(FILES * EACH)]
    pager.library.close()


@pytest.mark.parametrize("include", [None, "7 some"])
def test_a_stretch_is_loaded_from_both_ends_until_they_meet(
    daemon: Daemon, include: str | None
) -> None:
    """Between two places pages come from either side, over the borders of files: every line once,
    none from beyond; what is left is told, and is nothing when they have met."""
    pager = Pager(daemon)
    filter_ = Filter.of([include]) if include else None
    rng = random.Random(11)
    places: list[tuple[int, str]] = [(FILES * EACH, live_end(daemon))]
    while True:
        found = pager.ask(places[-1][1], rng.randint(400, 1400), before=True)
        count = found.body.count(b"\n") + 1 if found.body else 0
        places.append((places[-1][0] - count, found.start))
        if not found.more:
            break
    for _ in range(12):
        (first, low), (last, high) = sorted(rng.sample(places, 2))
        upper: list[bytes] = []
        lower: list[bytes] = []
        left = -1
        while left:
            before = rng.random() < 0.5
            start, until = (high, low) if before else (low, high)
            found = pager.ask(start, rng.randint(1, 900), before, filter_, until)
            lines = found.body.split(b"\n") if found.body else []
            if before:
                lower[:0] = lines
                high = found.start
            else:
                upper += lines
                low = found.end
            assert found.left is not None
            assert found.more == (found.left > 0)
            if found.left_lines is not None:
                assert found.left_lines * len(b"000000 some text of a line\n") == found.left
            left = found.left
        wanted = [b"%06d some text of a line" % i for i in range(first, last)]
        assert upper + lower == [line for line in wanted if not include or b"7 some" in line]
        # Beyond one another there is nothing between them.
        for before in (True, False):
            start, until = (low, high) if before else (high, low)
            found = pager.ask(start, 100, before, filter_, until)
            assert (found.body, found.more, found.left) == (None, False, 0)
    pager.library.close()


def test_filtered_pages(daemon: Daemon) -> None:
    """With a filter, pages hold what matches, count the rest, and still walk the whole log."""
    pager = Pager(daemon)
    cursor = live_end(daemon)
    lines: list[bytes] = []
    hidden = 0
    more = True
    while more:
        found = pager.ask(cursor, 100, before=True, filter_=Filter.of(["^...500 "]))
        lines[:0] = found.body.split(b"\n") if found.body else []
        hidden += found.hidden
        cursor, more = found.start, found.more
    assert lines == [b"%06d some text of a line" % i for i in range(500, FILES * EACH, 1000)]
    assert hidden == FILES * EACH - len(lines)
    pager.library.close()


def test_a_forged_cursor_is_refused(daemon: Daemon) -> None:
    """What is no cursor, or proves itself nowhere, gets an answer that says so."""
    pager = Pager(daemon)
    with pytest.raises(BadCursor):
        pager.ask("../../etc/passwd", 10, before=True)
    with pytest.raises(LookupError):
        pager.ask("1.2.300.4.5", 10, before=True)
    pager.library.close()


def test_a_page_says_where_it_stands(daemon: Daemon) -> None:
    """The byte in the whole log, the number in the file as sed counts, and the file's name; a
    filtered page has no number, for its lines do not follow one another."""
    pager = Pager(daemon)
    size = len(b"000000 some text of a line\n")
    cursor, at = live_end(daemon), FILES * EACH
    while at:
        found = pager.ask(cursor, 700, before=True)
        cursor = found.start
        assert found.body is not None
        at -= found.body.count(b"\n") + 1
        assert found.at == at * size
        assert int(found.body[:6]) == at
        assert found.number in (None, at % EACH + 1)
    found = pager.ask(cursor, 5, before=False, filter_=Filter.of(["9 some"]))
    assert (found.at, found.number, found.file) == (0, None, "app.log.5.zst")
    pager.library.close()


def test_a_line_that_was_never_finished_is_there(tmp_path: Path) -> None:
    """The last line of a rotated file, with and without a filter, in both directions."""
    Path(tmp_path / "app.log.1").write_bytes(b"one\ntwo without an end")
    (tmp_path / "app.log").write_bytes(b"three\n")
    daemon = Daemon(tmp_path / "app.log", quiet=0.0)
    daemon.source.attach(lambda _event: None)
    pager = Pager(daemon)
    end = live_end(daemon)
    first = pager.ask(end, 10, before=True)
    for filter_ in (None, Filter.of(["o"])):
        found = pager.ask(first.start, 10, before=True, filter_=filter_)
        assert found.body == b"one\ntwo without an end"
        assert pager.ask(found.start, 10, before=False, filter_=filter_).body == found.body
    pager.library.close()
    daemon.close()


def test_the_time_of_a_page_is_that_of_its_first_line(tmp_path: Path) -> None:
    """Merged views place a page by it without reading its text."""
    lines = b"".join(b"2026-11-22T14:00:%02dZ line\n" % i for i in range(60))
    (tmp_path / "app.log").write_bytes(lines)
    daemon = Daemon(tmp_path / "app.log")
    daemon.source.attach(lambda _event: None)
    pager = Pager(daemon)
    found = pager.ask(live_end(daemon), 10, before=True)
    assert found.time == 1795356050.0
    assert found.number == 51
    pager.library.close()
    daemon.close()


def test_records_are_shown_whole(tmp_path: Path) -> None:
    """A stack trace whose fourth line matches is there with its head, in both directions, wherever
    the pieces of the search are cut."""
    trace = b"2026-11-22 14:00:00 ERROR failed\njava.lang.IllegalStateException: x\n"
    trace += b"\tat a.B.c(D.java:1)\n" * 9
    trace += b"Caused by: java.io.IOException: needle\n"
    plain = b"".join(b"2026-11-22 14:00:00 INFO line %d\n" % i for i in range(700))
    (tmp_path / "app.log").write_bytes((plain + trace) * 40)
    daemon = Daemon(tmp_path / "app.log")
    daemon.source.attach(lambda _event: None)
    pager = Pager(daemon)
    filter_ = Filter.of(["needle"], whole_records=True)
    found = pager.ask(live_end(daemon), 10_000, before=True, filter_=filter_)
    assert found.body == (trace * 40).removesuffix(b"\n")
    ahead = pager.ask(found.start, 10_000, before=False, filter_=filter_)
    assert ahead.body == found.body
    pager.library.close()
    daemon.close()


@pytest.mark.parametrize("packing", [packing for packing in PACK if packing])
def test_a_large_archive_is_paged_through_to_its_end(tmp_path: Path, packing: str) -> None:
    """Also behind the place where the packed file ends, and before all of it was unpacked."""
    some = random.Random(8)
    text = b"".join(b"%06d %s\n" % (i, some.randbytes(30).hex().encode()) for i in range(40_000))
    with whole(tmp_path, [(packing, text), ("", b"live\n")]) as log:
        spot = run(locate(log.source, log.library, Wanted(fraction=0.8)))
        after = run(page(log.source, log.library, spot.cursor, 5, False, None))
        before = run(page(log.source, log.library, spot.cursor, 5, True, None))
        assert before.body is not None
        assert after.body is not None
        assert before.body + b"\n" + after.body in text
        assert before.body.count(b"\n") == after.body.count(b"\n") == 4
