r"""Conditions on what a line says: its level (`level>=warning`) or a field (`status>=500`).

Fields are read line by line, which takes microseconds for each, in the format of the log where the
config names it, else by the looks of each line. So a program that is true of every
line which may fulfil the condition, and of few others, picks the lines that are looked at: a line
of JSON or logfmt must hold the field's name, a line with fields by place the value.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Final, Protocol

from tailws.text import formats, levels
from tailws.text.levels import Level
from tailws.text.pattern import lazy
from tailws.text.program import MAX_PATTERN, BadPattern, Block, Program

_CONDITION: Final = lazy(r"\s*([A-Za-z_@][\w.@/-]*)\s*(>=|<=|!=|!~|=|>|<|~)\s*(.*?)\s*", re.S)
_LEVELS: Final = frozenset(("level", "severity", "lvl"))

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}
_COMPARE_TEXT: Final[dict[str, Callable[[str, str], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


class Condition(Protocol):
    """A condition, ready to run over blocks."""

    def runs(self, block: Block, start: int, end: int) -> list[tuple[int, int]]:
        """The bounds of each run of consecutive lines in `block[start:end]` that fulfil it."""


def condition(text: str, format_: formats.Format | None = None) -> Condition:
    """Parse `name op value`: op is one of `= != > >= < <= ~ !~`, the value bare or in quotes.

    `format_` is how the lines are built; None: nobody knows.

    Numbers are compared as numbers, the rest as text; `~` takes a pattern in RE2 syntax. A line
    without that field fulfils no condition, not even `!=`. Raises `BadPattern`.
    """
    if len(text) > MAX_PATTERN:
        raise BadPattern(f"The condition is longer than {MAX_PATTERN:,} characters.")
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadPattern(f"{text!r} is no condition: write one such as status>=500.")
    name, sign, raw = found.groups()
    value = _value(raw, text)
    if name in _LEVELS and not sign.endswith("~"):
        return _OfLevel(levels.parse(sign + value), format_)
    return _OfField(name, sign, value, format_)


def _value(raw: str, text: str) -> str:
    if not raw:
        raise BadPattern(f'{text!r} lacks a value: write "" for an empty one.')
    if raw[0] not in "\"'":
        return raw
    if raw[0] == "'":
        if len(raw) > 1 and raw[-1] == "'":
            return raw[1:-1]
    else:
        try:
            return str(json.loads(raw, strict=False))
        except ValueError:
            pass
    raise BadPattern(f"The quotes around the value in {text!r} do not close.")


class _OfLevel:
    def __init__(self, wanted: frozenset[Level], format_: formats.Format | None) -> None:
        self._wanted = wanted
        self._format = format_

    def runs(self, block: Block, start: int, end: int) -> list[tuple[int, int]]:
        if not self._wanted:
            return []
        out: list[tuple[int, int]] = []
        for head, tail, _ in levels.lines_of(self._wanted, block, start, end, self._format):
            _append(out, head, tail)
        return out


class _OfField:
    def __init__(self, name: str, sign: str, value: str, format_: formats.Format | None) -> None:
        self._name = name
        self._format = format_
        self._candidates = Program(_candidates(name, sign, value), trusted=True)
        self._holds: Callable[[formats.Value], bool]
        if sign.endswith("~"):
            pattern, wanted = Program(value), sign == "~"

            def holds(found: formats.Value) -> bool:
                text = _text(found).encode(errors="replace").replace(b"\n", b" ")
                return (pattern.search(text, 0, len(text)) is not None) is wanted
        else:
            number, compare, compare_text = _number(value), _COMPARE[sign], _COMPARE_TEXT[sign]

            def holds(found: formats.Value) -> bool:
                if number is not None and (given := _number(found)) is not None:
                    return compare(given, number)
                return compare_text(_text(found), value)

        self._holds = holds

    def runs(self, block: Block, start: int, end: int) -> list[tuple[int, int]]:
        out: list[tuple[int, int]] = []
        name, holds = self._name, self._holds
        for low, high in self._candidates.runs(block, start, end):
            at = low
            while at < high:
                tail = block.find(b"\n", at, high) + 1 or high
                found = formats.fields(bytes(block[at:tail]), self._format)
                if name in found and holds(found[name]):
                    _append(out, at, tail)
                at = tail
        return out


def _append(runs: list[tuple[int, int]], head: int, tail: int) -> None:
    if runs and runs[-1][1] == head:
        head = runs.pop()[0]
    runs.append((head, tail))


def _number(value: formats.Value) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: formats.Value) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)  # as it stands in the line: true, null, 1.5


def _candidates(name: str, sign: str, value: str) -> str:
    """A pattern of every line in which the field may fulfil the condition."""
    key = re.escape(name.rpartition(".")[2])
    wanted = _digits(sign, value)
    plain = sign == "=" and _number(value) is None and _PLAIN.fullmatch(value)
    if plain:
        wanted = rf"(?:{re.escape(value)}|.*\\)"  # as it is, or with something in it escaped
    # JSON, logfmt, and JSON in a JSON string: name, a sign between, perhaps quotes
    named = rf'{key}(?:\\*"\s*:|=)\s*\\*"?{wanted}'
    if name not in formats.PLACED:
        return named
    if name == "status":
        return rf'{named}|" {wanted or "[0-9]"}'
    return rf"{re.escape(value)}|\\" if plain else ""


# Values that look in JSON and in logfmt as they are, but for escapes.
_PLAIN: Final = lazy(r"[\w .:/@%+-]*\w[\w .:/@%+-]*")


def _digits(sign: str, value: str) -> str:
    """A pattern of the first characters of every number that may be compared as true."""
    if sign not in ("=", ">", ">=") or not re.fullmatch(r"[1-9][0-9]{0,9}", value):
        return ""
    rest = len(value) - 1
    greater = f"[{value[0]}-9][0-9]{{{rest}}}|[0-9]{{{rest + 2}}}"
    size = value if sign == "=" else greater
    return rf"[+]?0*(?:{size}|[0-9.]*[eE])"
