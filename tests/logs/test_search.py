"""Find, against a search line by line through what the files hold."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tailws.logs import pieces, search, seek
from tailws.logs.search import Report, Wanted, find
from tailws.text.match import Filter, Term
from tests.logs.whole import PACK, Whole, run, standing, whole


def text(name: str, count: int) -> bytes:
    return b"".join(
        b"%s %05d %s\n" % (name.encode(), i, b"needle" if i % 40 == 3 else b"hay" * (i % 9))
        for i in range(count)
    )


LOG = [
    *((packing, text(packing, 2000)) for packing in PACK if packing),
    ("", text("one", 2000) + b"the last needle without an end"),
    ("", text("live", 3000)),
]
ALL = b"".join(part for _, part in LOG)
LINES = ALL.splitlines(keepends=True)
PLACES = [
    at
    for at, line in zip((sum(map(len, LINES[:i])) for i in range(len(LINES))), LINES, strict=True)
    if b"needle" in line
]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with whole(tmp_path_factory.mktemp("log"), LOG) as made:
        yield made


def reports(log: Whole, filter_: Filter | None = None, **how: Any) -> list[Report]:
    told: list[Report] = []
    wanted = Wanted(filter_ or Filter.of(["needle"]), **how)
    run(find(log.source, log.library, wanted, told.append, lambda: True))
    return told


def places(told: list[Report]) -> list[int]:
    return [hit.at for report in told for hit in report.hits]


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("piece", [100, pieces.FIRST])
def test_it_finds_every_line_in_the_order_of_the_search(
    log: Whole, forward: bool, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest or oldest first, through archives of every kind, and with the count."""
    monkeypatch.setattr(pieces, "FIRST", piece)
    monkeypatch.setattr(pieces, "SMALLEST", min(piece, pieces.SMALLEST))
    told = reports(log, forward=forward)
    assert places(told) == (PLACES if forward else PLACES[::-1])
    assert [report.done for report in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].count == len(PLACES)
    assert told[-1].scanned == told[-1].of == len(ALL)


def test_hits_lead_to_their_lines(log: Whole) -> None:
    """A hit's cursor is the place before the line, for any command that takes one."""
    hits = [hit for report in reports(log) for hit in report.hits]
    for hit in hits[::37]:
        line = standing(log.source, hit.cursor)[2].partition(b"\n")[0]
        assert line == ALL[hit.at :].partition(b"\n")[0]
        assert b"needle" in line


@pytest.mark.parametrize("forward", [False, True])
def test_it_goes_on_from_a_cursor_as_far_as_the_limit(log: Whole, forward: bool) -> None:
    """`n` again and again passes every hit once."""
    found: list[int] = []
    cursor = None
    while True:
        told = reports(log, forward=forward, limit=7, cursor=cursor)
        assert told[-1].done
        here = places(told)
        assert len(here) <= 7
        if not here:
            break
        found += here
        cursor = [hit.cursor for report in told for hit in report.hits][-1]
        if forward:  # behind the line that was found
            behind = seek.Wanted(cursor=cursor, skip=1)
            cursor = run(seek.locate(log.source, log.library, behind)).cursor
    assert found == (PLACES if forward else PLACES[::-1])


def test_it_respects_a_filter(log: Whole) -> None:
    """Only lines that the view shows are hits."""
    filter_ = Filter.of(["live", Term("NEEDLE", ignore_case=True)], ["0004"])
    shown = [i for i in PLACES if ALL[i:].startswith(b"live")]
    assert places(reports(log, filter_, forward=True)) == [
        i for i in shown if b"0004" not in ALL[i : i + 12]
    ]


def test_utf_16_is_searched_as_text(tmp_path: Path) -> None:
    """Offsets are those of the file, whatever its encoding."""
    data = "\ufefföne\ntwö needle\nthree\nneedle\n".encode("utf-16-le")
    with whole(tmp_path, [("", data)]) as log:
        first, second = sorted(places(reports(log)))
    assert data[first:].decode("utf-16-le").startswith("twö needle")
    assert data[second:].decode("utf-16-le") == "needle\n"


def test_reports_wait_for_a_client_that_does_not_take_them(
    log: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored for who does not read: the search waits."""
    monkeypatch.setattr(search, "HITS_EVERY", 0.0)
    told: list[Report] = []
    work = find(log.source, log.library, Wanted(Filter.of(["needle"])), told.append, lambda: False)
    delays = [next(work) for _ in range(2000)]
    assert told == []
    assert delays[-1] == search.ROOM_DELAY
    work.close()
    assert log.library.crowd.running == 0


#: The worst that may be asked: RE2 has to do without its automaton's states.
HOSTILE = r"x.{80}y.{80}z"


def longest_step(work: Generator[Any, None, None], steps: int) -> float:
    longest = 0.0
    for _ in range(steps):
        before = time.thread_time()
        try:
            next(work)
        except StopIteration:
            break
        longest = max(longest, time.thread_time() - before)
    return longest


def test_a_hostile_pattern_takes_small_steps(tmp_path: Path) -> None:
    """A pattern that needs microseconds for each byte is searched in pieces that leave the loop
    free: a step of this search is far below what a block of it would take."""
    data = (b"xyab" * 20 + b"\n") * 20_000
    with whole(tmp_path, [("", data)]) as log:
        told: list[Report] = []
        filter_ = Filter.of([HOSTILE])
        before = time.thread_time()
        filter_.select(data[: 64 << 10])
        block = time.thread_time() - before
        work = find(log.source, log.library, Wanted(filter_), told.append, lambda: True)
        longest_step(work, 10)  # it adapts
        longest = longest_step(work, 50)
        work.close()
    assert longest < max(0.05, block / 2)


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("packing", ["", ".gz"])
def test_of_a_record_its_head_is_the_hit(tmp_path: Path, forward: bool, packing: str) -> None:
    """A match in the middle of a stack trace leads to where it begins, once."""
    head = b"2026-11-22 14:00:00 ERROR failed\n"
    trace = head + b"\tat a.B.needle(D.java:1)\n" * 5 + b"Caused by: x.YException: needle\n"
    plain = b"2026-11-22 14:00:00 INFO fine\n" * 500
    data = (plain + trace) * 20
    with whole(tmp_path, [(packing, data), ("", b"live\n")]) as log:
        filter_ = Filter.of(["needle"], whole_records=True)
        found = places(reports(log, filter_, forward=forward))
    expected = [(len(plain) + len(trace)) * i + len(plain) for i in range(20)]
    assert found == (expected if forward else expected[::-1])
