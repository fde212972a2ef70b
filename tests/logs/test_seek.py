"""Places by time, share, number and filter, against a search line by line."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailws.logs import numbers, seek
from tailws.logs.seek import Spot, Wanted, last_shown, locate
from tailws.text.match import Filter
from tests.logs.whole import PACK, Whole, run, standing, whole

START = 1_795_300_000


def text(first: int, count: int, *, traces: bool = True) -> bytes:
    """Lines a second apart, some of them with a trace that has no time."""
    out = []
    for i in range(first, first + count):
        at = datetime.fromtimestamp(START + i, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        out.append(f"{at} line {i} {'ERROR' if i % 97 == 5 else 'ok'}\n")
        if traces and i % 50 == 7:
            out += ["\tat some.java.Frame(File.java:1)\n"] * (i % 7)
    return "".join(out).encode()


PARTS = [*((p, text(n * 1000, 1000)) for n, p in enumerate(PACK) if p), ("", text(5000, 1000))]
LOG = [*PARTS, ("", text(6000, 4000))]
ALL = b"".join(part for _, part in LOG)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with whole(tmp_path_factory.mktemp("log"), LOG) as made:
        yield made


def spot(log: Whole, **wanted: Any) -> Spot:
    return run(locate(log.source, log.library, Wanted(**wanted)))


def line_at(at: int) -> bytes:
    return ALL[at:].partition(b"\n")[0]


def place_of(log: Whole, cursor: str) -> tuple[str, int]:
    """Where a cursor leads, as another request would find it."""
    return standing(log.source, cursor)[:2]


@pytest.mark.parametrize("second", [1001, 1500, 2001, 3333, 4999, 5000, 5500, 6000, 6007, 9999])
def test_a_time_leads_to_the_first_line_at_or_after_it(log: Whole, second: int) -> None:
    """In every kind of file, also where lines without a time stand around it."""
    found = spot(log, time=START + second - 0.5)
    assert f" line {second} ".encode() in line_at(found.at)
    assert found.exact
    assert found.time == START + second
    assert not found.oldest


def test_a_time_beyond_the_ends_says_so(log: Whole) -> None:
    """Before the log it is its beginning, behind it its end; neither is exact."""
    before = spot(log, time=START - 1000.0)
    assert (before.at, before.exact) == (0, False)
    assert place_of(log, before.oldest) == place_of(log, before.cursor) == ("app.log.5.gz", 0)
    after = spot(log, time=START + 1e6)
    assert (after.at, after.exact) == (len(ALL), False)


def test_a_late_line_at_the_end_hides_none_of_those_before_it(tmp_path: Path) -> None:
    """The last line was written late, with an older time: places by time are where they were."""
    lines = text(0, 300, traces=False)
    late = lines.partition(b"\n")[0] + b" came late\n"
    with whole(tmp_path, [("", lines + late)]) as made:
        found = run(locate(made.source, made.library, Wanted(time=START + 250)))
        assert found.exact
        assert b" line 250 " in lines[found.at :][:40]


def test_times_are_in_the_zone_of_the_source(tmp_path: Path) -> None:
    """What names no zone is in the zone that the config gives."""
    from tailws.logs.zone import zone

    with whole(tmp_path, [("", b"2026-11-22 14:00:00 a\n2026-11-22 15:00:00 b\n")]) as log:
        log.source.zone = zone("+02:00")
        wanted = datetime(2026, 11, 22, 13, 0, tzinfo=UTC).timestamp()
        found = spot(log, time=wanted)
        assert (found.at, found.time) == (22, wanted)


@pytest.mark.parametrize("near", [64, 64 * 1024])
def test_halving_and_reading_agree(
    tmp_path: Path, near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of a file is found by its time, however the file is halved."""
    monkeypatch.setattr(seek, "NEAR", near)
    monkeypatch.setattr(seek, "PROBE", 100)
    data = text(0, 400)
    with whole(tmp_path, [("", data)]) as log:
        for second in random.Random(7).sample(range(400), 60):
            found = spot(log, time=START + second)
            assert f" line {second} ".encode() in data[found.at :].partition(b"\n")[0]


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5, 0.73, 0.999, 1.0])
def test_a_fraction_is_of_the_bytes_of_the_whole_log(log: Whole, fraction: float) -> None:
    """A click on the map lands where it points, at the start of a line."""
    spot(log, time=START + 1e6)  # by now archives have been unpacked: sizes are known
    run(_all(log))
    found = spot(log, fraction=fraction)
    assert abs(found.at - fraction * len(ALL)) < 200
    assert found.at in (0, len(ALL)) or ALL[found.at - 1 : found.at] == b"\n"
    name, offset = place_of(log, found.cursor)
    assert name.startswith("app.log")
    assert offset <= found.at


def _all(log: Whole) -> Any:
    from tailws.logs.download import Range, download

    yield from download(log.source, log.library, Range(), None)


@pytest.mark.parametrize("stride", [1000, 1 << 20])
@pytest.mark.parametrize("step", [70, 256 * 1024])
def test_a_number_is_the_one_that_sed_takes(
    tmp_path: Path, stride: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted from the first line of the live file; one that is not there is its end."""
    monkeypatch.setattr(numbers, "STRIDE", stride)
    monkeypatch.setattr(numbers, "STEP", step)
    data = text(0, 300)
    lines = data.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    with whole(tmp_path, [("", data)]) as log:
        for number in (200, 1, 2, len(lines), 17, 150):
            found = spot(log, number=number)
            assert (found.at, found.exact, found.number) == (starts[number - 1], True, number)
        beyond = spot(log, number=len(lines) + 1)
        assert (beyond.at, beyond.exact) == (len(data), False)


def test_lines_behind_a_cursor_are_counted_under_a_filter(log: Whole) -> None:
    """A link names a cursor and the lines behind it; it leads through files, and to the end."""
    begin = spot(log, fraction=0.0)
    lines = ALL.splitlines(keepends=True)
    for skip in (0, 1, 999, 4321):
        assert spot(log, cursor=begin.cursor, skip=skip).at == sum(map(len, lines[:skip]))
    errors = [i for i, line in enumerate(lines) if b"ERROR" in line]
    for skip in (0, 1, 20, 60):
        found = spot(log, cursor=begin.cursor, skip=skip, filter=Filter.of(["ERROR"]))
        assert found.at == sum(map(len, lines[: errors[skip]]))
        assert found.exact
    beyond = spot(log, cursor=begin.cursor, skip=10**6)
    assert (beyond.at, beyond.exact) == (len(ALL), False)


@settings(deadline=None, max_examples=40)
@given(count=st.integers(1, 60), rare=st.integers(1, 50))
def test_the_last_lines_under_a_filter(
    count: int, rare: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A filtered subscription begins with as many lines as were asked for, if there are."""
    lines = [b"%d %s\n" % (i, b"x" if i % rare == 0 else b"y") for i in range(500)]
    data = b"".join(lines)
    with whole(tmp_path_factory.mktemp("f"), [("", data)]) as log:
        found = run(last_shown(log.source.chain, count, Filter.of([" x"])))
    assert found.place is not None
    shown = [line for line in lines if b" x" in line]
    rest = data[found.place.offset :].splitlines(keepends=True)
    assert [line for line in rest if b" x" in line] == shown[-count:]


def test_a_filtered_subscription_looks_back_so_far_and_no_farther(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that shows nothing does not read a terabyte before it begins."""
    monkeypatch.setattr(seek, "FILTERED_BACK", 1000)
    data = b"x\n" + b"yyyyyy\n" * 1000
    with whole(tmp_path, [("", data)]) as log:
        found = run(last_shown(log.source.chain, 5, Filter.of(["x"])))
    assert found.place is not None
    assert found.place.offset == len(data)
