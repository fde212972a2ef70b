"""Conditions on fields and levels: the lines that are picked first never leave one out."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import formats
from tailws.text.conditions import condition
from tailws.text.program import BadPattern

VALUES = st.one_of(
    st.integers(-20, 1200),
    st.sampled_from(
        [0.5, 1.0, 499.5, 500.0, 1e3, 5e2, "500", "0500", "5e2", "7E2", "+500", "x", "é", "", "a b"]
    ),
    st.booleans(),
)
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": float.__eq__,
    "!=": float.__ne__,
    ">": float.__gt__,
    ">=": float.__ge__,
    "<": float.__lt__,
    "<=": float.__le__,
}


def as_json(name: str, value: object) -> str:
    return json.dumps({"other": 1, name: value, "z": {"status": [7]}})


def as_json_spaced(name: str, value: object) -> str:
    return json.dumps({"req": {name: value}}, separators=(" , ", " : "), ensure_ascii=False)


def as_docker(name: str, value: object) -> str:
    inner = json.dumps({name: value}) + "\n"
    return json.dumps({"log": inner, "stream": "stdout", "time": "2026-11-22T14:02:11Z"})


def as_logfmt(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"other=1 {name}={json.dumps(text, ensure_ascii=False) if ' ' in text else text} z=2"


def as_access(_name: str, value: object) -> str:
    return f'1.2.3.4 - - [22/Nov/2026:14:02:11 +0000] "GET /500 HTTP/1.1" {value} 500 "-" "x"'


FORMS = st.sampled_from([as_json, as_docker, as_logfmt])


def number_of(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(str(value))
    except ValueError:
        return None


def lines_of(text: str, lines: list[str]) -> list[int]:
    """The numbers of the lines that fulfil a condition."""
    block = "".join(f"{line}\n" for line in lines).encode()
    found: list[int] = []
    for start, end in condition(text).runs(block, 0, len(block)):
        first = block.count(b"\n", 0, start)
        found += range(first, first + block.count(b"\n", start, end))
    return found


@given(
    st.lists(st.tuples(FORMS, VALUES), max_size=6),
    st.sampled_from(sorted(COMPARE)),
    st.integers(0, 1200),
)
def test_numbers_are_compared_as_numbers(
    rows: list[tuple[Callable[[str, object], str], object]], sign: str, operand: int
) -> None:
    """In JSON, in Docker's file and in logfmt; `500`, `5e2`, `"500"` and 500.0 are one number.

    What is no number equals none. (How text and numbers are ordered is promised to nobody.)
    """
    if sign not in ("=", "!="):
        rows = [(form, value) for form, value in rows if number_of(value) is not None]
    expected = []
    for at, (_, value) in enumerate(rows):
        number = number_of(value)
        if COMPARE[sign](number, float(operand)) if number is not None else sign == "!=":
            expected.append(at)
    lines = [form("status", value) for form, value in rows]
    assert lines_of(f"status{sign}{operand}", lines) == expected


@given(st.lists(st.integers(100, 599), max_size=6), st.sampled_from(sorted(COMPARE)), st.data())
def test_an_access_log_s_status_is_a_field(
    codes: list[int], sign: str, data: st.DataObject
) -> None:
    """By its place in the line, which shows no name."""
    operand = data.draw(st.sampled_from([*codes, 99, 400, 500, 600, 1000]))
    expected = [
        number for number, code in enumerate(codes) if COMPARE[sign](float(code), float(operand))
    ]
    assert lines_of(f"status{sign}{operand}", [as_access("", code) for code in codes]) == expected


@given(st.lists(st.tuples(FORMS, st.sampled_from(["bob", "Bob", "a b", "é", "a\\b"])), max_size=6))
def test_text_is_compared_as_text(
    rows: list[tuple[Callable[[str, object], str], str]],
) -> None:
    """Quoted or bare, equal or by a pattern; a line without the field fulfils nothing."""
    lines = [form("user", value) for form, value in rows]
    values = [value for _, value in rows]

    def numbers(holds: Callable[[str], bool]) -> list[int]:
        return [number for number, value in enumerate(values) if holds(value)]

    assert lines_of('user="a b"', lines) == numbers("a b".__eq__)
    assert lines_of("user = 'a b'", lines) == numbers("a b".__eq__)
    assert lines_of(r'user="a\\b"', lines) == numbers("a\\b".__eq__)
    assert lines_of("user=é", lines) == numbers("é".__eq__)
    assert lines_of("user!=bob", lines) == numbers("bob".__ne__)
    assert lines_of("user~^[bB]ob$", lines) == numbers(lambda value: value.lower() == "bob")
    assert lines_of('user!~"(?i)^bob$"', lines) == numbers(lambda value: value.lower() != "bob")
    assert lines_of("missing!=x", lines) == []


def test_nested_fields_have_dotted_names() -> None:
    """Whatever the spacing, and also where the dot is part of a name."""
    lines = [as_json_spaced("status", 503), '{"req.status":503}', '{"status":503}']
    assert lines_of("req.status>=500", lines) == [0, 1]
    assert lines_of("status>=500", lines) == [2]


def test_levels_are_conditions_too() -> None:
    """`level` means the line's level wherever it stands, a JSON field included."""
    lines = ["ERROR a", '{"level":"warn"}', "level=info x=1", "0 errors", '{"severity":"ERROR"}']
    assert lines_of("level>=warning", lines) == [0, 1, 4]
    assert lines_of("level=info,error", lines) == [0, 2, 4]
    assert lines_of("level<warning", lines) == [2]
    assert lines_of("level>fatal", lines) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "=5",
        "status>=",
        "a b=c",
        'user="x',
        "user='",
        "level>=loud",
        "a~(",
        "x" * 2000 + "=1",
    ],
)
def test_what_is_no_condition_is_refused_with_a_sentence(text: str) -> None:
    """A typing error is told, and hides nothing."""
    with pytest.raises(BadPattern) as caught:
        condition(text)
    assert str(caught.value).endswith(".")


ACCESS = b'1.2.3.4 - - [22/Nov/2026:14:02:11 +0000] "GET / HTTP/1.1" '


@pytest.mark.parametrize(
    ("format_", "text", "line", "holds"),
    [
        ("plain", "status>=500", b"status=503", False),  # it is never taken apart
        ("", "status>=500", b"status=503", True),
        ("json", 'stream="x"', b'{"log":"stream=y","stream":"x"}', True),
        ("json", 'level="error"', b'{"d":{"level":"debug"},"level":"error"}', True),
        ("", 'level="error"', b'{"d":{"level":"debug"},"level":"error"}', False),
        ("json", "level>=warning", b'{"a":1,"Level":"Warn","msg":"x"}', True),
        ("json", "level>=warning", b'{"level":30,"msg":"level=error"}', False),
        ("json", "level>=warning", b'{"level":true,"severity":4}', True),
        ("json", "level>=error", b"2026-11-22 14:02:11 ERROR a line that is no JSON", True),
        ("logfmt", "level>=error", b"msg=hello world level=error", True),
        ("access", "level>=error", b"h:80 " + ACCESS + b"503 7", True),
        ("access", "level>=error", b"h:80 " + ACCESS + b"403 7", False),
        ("plain", "level>=error", b"2026-11-22 14:02:11 ERROR x", True),
        ("syslog", "level=error", b"<27>Nov 22 14:02:11 web1 app[1]: x", True),
    ],
)  # fmt: skip
def test_the_config_knows_the_format(format_: str, text: str, line: bytes, holds: bool) -> None:
    """Fields and levels are read as the config says the lines are built; a line that is not is read
    by its looks."""
    runs = condition(text, formats.named(format_)).runs(line + b"\n", 0, len(line) + 1)
    assert bool(runs) is holds
