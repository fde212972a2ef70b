"""Records: a stack trace belongs to the line that it follows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import records

#: Each record is one paragraph, led by `>`.
SAMPLE = Path(__file__).with_name("records.txt").read_text()
EXPECTED = [part.encode() for part in SAMPLE.strip("\n").split("\n>")]
EXPECTED[0] = EXPECTED[0][1:]
POOL = [line for record in EXPECTED for line in record.split(b"\n")]
LINES = st.lists(st.sampled_from(POOL), max_size=20)


def block_of(lines: list[bytes], final: bool = True) -> bytes:
    block = b"".join(line + b"\n" for line in lines)
    return block if final or block.endswith(b"\n\n") or block == b"\n" else block[:-1]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_traces_of_many_languages_belong_to_their_head(ending: bytes) -> None:
    """Python, Java, Go, JavaScript, Rust, PHP, .NET and pretty-printed JSON."""
    block = b"".join(record.replace(b"\n", ending) + ending for record in EXPECTED)
    found = [block[a:b].replace(ending, b"\n")[:-1] for a, b, _ in records.records(block)]
    assert found == EXPECTED


@given(LINES, st.booleans())
def test_records_are_a_partition_of_the_lines(lines: list[bytes], final: bool) -> None:
    """Each line is in one record; a record begins where a line continues none."""
    block = block_of(lines, final)
    at = 0
    for start, end, count in records.records(block):
        assert start == at
        assert count == block.count(b"\n", start, end) + (block[end - 1] != 10)
        at = end
    assert at == len(block)
    heads = [a for a, _, _ in records.records(block)]
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]
    for number, start in enumerate(starts[1:], 1):
        is_head = not records.is_continuation(lines[number], lines[number - 1])
        assert (start in heads) is is_head


@given(LINES, st.booleans(), st.data())
def test_any_lines_grow_to_the_records_that_hold_them(
    lines: list[bytes], final: bool, data: st.DataObject
) -> None:
    """From any run of lines, in both directions, to the same edges."""
    block = block_of(lines, final)
    if not block:
        return
    spans = [(a, b) for a, b, _ in records.records(block)]
    edges = [0, *(n + 1 for n, byte in enumerate(block) if byte == 10 and n + 1 < len(block))]
    start = data.draw(st.sampled_from(edges))
    end = data.draw(st.sampled_from([e for e in [*edges, len(block)] if e > start]))
    expected = (
        max(a for a, b in spans if a <= start < b),
        min(b for a, b in spans if a < end <= b),
    )
    assert records.grow(block, start, end, 0, len(block)) == expected


@given(LINES, st.integers(0, 20))
def test_scanning_block_by_block_finds_the_same_records(lines: list[bytes], cut: int) -> None:
    """Forwards from `last_head`, backwards to `first_head`: no record is split."""
    block = block_of(lines)
    heads = [a for a, _, _ in records.records(block)]
    at = sum(len(line) + 1 for line in lines[:cut])
    before, behind = block[:at], block[at:]
    if before:
        assert records.last_head(before) in heads
    first = at + records.first_head(behind)
    assert first == len(block) or first in heads


def test_a_record_without_end_is_cut() -> None:
    """A file of indented lines is not one record as long as the file."""
    block = b"head\n" + b"  x\n" * 5000
    sizes = [count for _, _, count in records.records(block)]
    assert max(sizes) <= records.MAX_LINES + 1
    start, end = records.grow(block, 10_001, 10_005, 0, len(block))
    assert block.count(b"\n", start, end) <= 2 * records.MAX_LINES + 1


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_two_lines_have_an_answer(line: bytes, previous: bytes) -> None:
    """No line raises, whatever a program wrote."""
    records.is_continuation(line.replace(b"\n", b""), previous.replace(b"\n", b""))


@pytest.mark.timeout(60)
def test_hostile_lines_take_no_longer_than_others() -> None:
    """The patterns do not backtrack over a long line."""
    before = b"    x"
    for part in (b"A", b"Aa", b"a.", b"(", b"a(", b"#1 ", b" ", b"$", b"]"):
        line = part * (65_536 // len(part))
        records.is_continuation(line, before)
        records.is_continuation(line, b"\tx")
        records.is_continuation(b"", line)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda line: b"2026-11-22T14:02:11.123456789Z stderr F " + line,
        lambda line: b"Nov 22 14:02:11 host app[12]: " + line,
        lambda line: b"<13>2026-11-22T14:02:11.123+01:00 host app[12]: " + line,
        lambda line: json.dumps(
            {"log": line.decode() + "\n", "stream": "stderr"}, separators=(",", ":")
        ).encode(),
    ],
    ids=["cri", "syslog", "rsyslog", "docker"],
)
def test_traces_are_found_within_what_is_wrapped_around_lines(
    wrap: Callable[[bytes], bytes],
) -> None:
    """Container runtimes and syslog write a head before each line, of a trace too."""
    lines = [[wrap(line) for line in record.split(b"\n")] for record in EXPECTED]
    block = block_of([line for record in lines for line in record])
    found = [block[a:b] for a, b, _ in records.records(block)]
    assert found == [block_of(record) for record in lines]


def test_lines_of_two_streams_or_processes_are_not_one_record() -> None:
    """What only looks like a continuation of another program's line is none."""
    for one, other in (
        (b"2026-11-22T14:02:11Z stdout F text", b"2026-11-22T14:02:11Z stderr F   at x"),
        (b"Nov 22 14:02:11 host a[1]: text", b"Nov 22 14:02:11 host a[2]:   at x"),
        (b"text", b"Nov 22 14:02:11 host a[2]:   at x"),
    ):
        assert not records.is_continuation(other, one)


def test_a_line_that_the_runtime_cut_is_one_record() -> None:
    """CRI's partial lines: `P` is followed by the rest of the same line."""
    head = b"2026-11-22T14:02:11Z stdout "
    block = block_of([head + b"P ab", head + b"P cd", head + b"F ef", head + b"F gh"])
    assert [count for _, _, count in records.records(block)] == [3, 1]
