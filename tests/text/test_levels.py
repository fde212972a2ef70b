"""Levels: found where loggers put them, never in the words of a message."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import levels
from tailws.text.levels import Level
from tailws.text.program import BadPattern

#: Lines as real programs write them, each behind its level; `-` has none, `␛` is an escape.
SAMPLES = Path(__file__).with_name("levels.txt").read_text().replace("␛", "\x1b")
CASES = [(line[:9].strip(), line[9:]) for line in SAMPLES.splitlines()]
PARTS = st.sampled_from(
    [
        *[
            "ERROR",
            "error",
            "[error]",
            "WARN",
            "[Warning]",
            "INFO",
            "DEBUG:",
            "error:",
            "<3>",
            "E1122 14:0",
        ],
        *[
            "2026-11-22",
            "14:02:11",
            "[main]",
            "app[1]:",
            "word",
            "Nov 22 14:02:11 host",
            " - ",
            " | ",
        ],
        *[
            "level=error",
            'msg="level=error"',
            '{"level":"warn"}',
            '{"a":"',
            '","level":"info"',
            "}",
        ],
        *["\x1b[31m", "\x1b[0m", '" 503 ', "é", "\t", "x" * 120, "[INFO]", "<", "(", "\xff"],
    ]
)
LINES = st.lists(st.lists(PARTS, max_size=5).map(" ".join), max_size=8)


@pytest.mark.parametrize(("name", "line"), CASES, ids=[line[:60] for _, line in CASES])
def test_real_lines_have_the_level_that_their_logger_gave_them(name: str, line: str) -> None:
    """Fields, words before the message, labels, priorities: those, and nothing else."""
    found = levels.level(line.encode())
    assert (found.name if found else "-") == name


@pytest.mark.parametrize("name", ["ERROR", "[error]", "level=error"])
def test_a_level_word_stands_near_the_start_and_a_field_anywhere(name: str) -> None:
    """Behind 120 bytes there is only message, but a field remains a field."""
    far = f"{'[x] ' * 40}{name} y".encode()
    assert levels.level(far) is (Level.ERROR if "=" in name else None)


@given(LINES, st.sets(st.sampled_from(Level), min_size=1).map(frozenset))
def test_a_block_has_the_levels_of_its_lines(lines: list[str], wanted: frozenset[Level]) -> None:
    """Skipping over a block neither misses a line nor takes one for another."""
    raw = [line.encode(errors="replace") for line in lines]
    block = b"".join(line + b"\n" for line in raw)
    stated = [levels.level(line) for line in raw]
    assert [block[a : b - 1] for a, b, _ in levels.lines_of(wanted, block)] == [
        line for line, level in zip(raw, stated, strict=True) if level in wanted
    ]
    errors = sum(level is not None and level >= Level.ERROR for level in stated)
    assert levels.count(block) == (errors, stated.count(Level.WARNING))


def test_samples_are_found_in_one_block() -> None:
    """All samples together, as one log, with and without a last line feed."""
    block = "\n".join(line for _, line in CASES).encode()
    for whole in (block, block + b"\n"):
        for level in Level:
            found = [
                whole[a:b].decode().rstrip("\n")
                for a, b, _ in levels.lines_of(frozenset([level]), whole)
            ]
            assert found == [line for name, line in CASES if name == level.name]


@given(st.binary(max_size=200))
def test_any_bytes_have_a_level_or_none(line: bytes) -> None:
    """No line raises, whatever a program wrote."""
    found = levels.level(line.replace(b"\n", b""))
    assert found is None or found in Level


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (">=warning", "WARNING ERROR FATAL"),
        ("> error", "FATAL"),
        ("<debug", "TRACE"),
        ("=error,warn", "WARNING ERROR"),
        ("!=info", "TRACE DEBUG NOTICE WARNING ERROR FATAL"),
        ("<=Info", "TRACE DEBUG INFO"),
    ],
)
def test_levels_are_named_as_people_name_them(text: str, names: str) -> None:
    """Thresholds and lists, in any case, with any logger's word."""
    assert levels.parse(text) == {Level[name] for name in names.split()}


@pytest.mark.parametrize("text", ["", "error", ">=loud", ">=info,warn", "=", "==error", "=error,"])
def test_what_names_no_level_is_refused(text: str) -> None:
    """A typing error must not silently hide everything."""
    with pytest.raises(BadPattern):
        levels.parse(text)


@pytest.mark.timeout(60)
def test_hostile_lines_take_no_longer_than_others() -> None:
    """Heads without end, brackets that do not close: linear, a quarter of a megabyte each."""
    for part in (
        "[",
        "<",
        "a.",
        "x=",
        'x="',
        "{,",
        '{"a":{"level',
        "Nov ",
        "1 ",
        "(a",
        "\x1b[",
        "A ",
    ):
        line = (part * (262_144 // len(part))).encode()
        levels.level(line)
        levels.count(line + b"\n" + line)
