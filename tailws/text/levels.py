r"""The level of a log line: found where a level stands, never where a word merely looks like one.

A level is a field (`"level":"error"`, `level=warn`), or an upper-case or bracketed word or a label
in the *head* of a line: what loggers write before the message, such as times, host, process and
logger names, in at most `HEAD_BYTES` bytes. The head ends at the first word of prose, so
"0 errors found" and "giving up after ERROR" have no level. Priorities (`<3>`, RFC 5424 section
6.2.1), klog's `E1122 14:02:11` and an access log's 5xx are levels too.

All of it is one grammar, run by RE2 over whole blocks: lines that cannot be of a wanted level are
skipped at the automaton's speed, and only the few others are looked at one by one.
"""

import enum
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from tailws.text import formats
from tailws.text.pattern import lazy
from tailws.text.program import BadPattern, Block, Program

#: How far into a line its level word may stand, fields excepted.
HEAD_BYTES: Final = 120


class Level(enum.IntEnum):
    """Levels in the order of their weight."""

    TRACE = 1
    DEBUG = 2
    INFO = 3
    NOTICE = 4
    WARNING = 5
    ERROR = 6
    FATAL = 7


_WORDS: Final = {
    Level.TRACE: "trace trce trc verbose finest finer",
    Level.DEBUG: "debug dbug dbg fine config",
    Level.INFO: "info information inf log",
    Level.NOTICE: "notice",
    Level.WARNING: "warning warn wrn",
    Level.ERROR: "error err eror severe fail failure",
    Level.FATAL: "fatal ftl critical crit alert emergency emerg panic dpanic",
}
_BY_WORD: Final = {word: level for level, words in _WORDS.items() for word in words.split()}
_BY_LETTER: Final = {
    "V": Level.TRACE,
    "T": Level.TRACE,
    "D": Level.DEBUG,
    "I": Level.INFO,
    "N": Level.NOTICE,
    "W": Level.WARNING,
    "E": Level.ERROR,
    "F": Level.FATAL,
    "C": Level.FATAL,
}
#: syslog(3) severities, and the tens of bunyan and pino: the scales of levels that are numbers.
_BY_NUMBER: Final = {
    0: Level.FATAL,
    1: Level.FATAL,
    2: Level.FATAL,
    3: Level.ERROR,
    4: Level.WARNING,
    5: Level.NOTICE,
    6: Level.INFO,
    7: Level.DEBUG,
    10: Level.TRACE,
    20: Level.DEBUG,
    30: Level.INFO,
    40: Level.WARNING,
    50: Level.ERROR,
    60: Level.FATAL,
}

_KEY: Final = (
    "(?:(?i:level|lvl|severity|loglevel|levelname|log[._]level|level_name|severity_text)"
    "|@l|PRIORITY)"
)

_COLOUR: Final = r"\x1b\[[\d;]*m"

# What may stand before a level: times, numbers, names with a digit or a sign in them, brackets.
_TOKENS: Final = (
    _COLOUR,
    r"[\s|,;:*#=>-]",
    r"\d[\w:.,/+#-]*",
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b",
    r"[A-Z]{2,5}\b|[A-Z],",  # a time zone, Ruby's letter
    r"\[[^\]]*\]|\([^)]*\)|<[^>]*>|'[^']*'",
    r"[A-Za-z_$]+[\d@$./:_\[-][^\s=\"]*",  # app[12]: com.foo.Bar main.go:12 worker-1 user@host
    r"/[^\s=\"]*",
    r"[\w.@/-]+=(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)",  # logfmt
    r"[\w.-]+\s+[|-]",  # "name - LEVEL - message", "service | "
    r"(?:main|npm)\b",
    r"(?:stdout|stderr)\s[FP]\b",  # CRI
)
# A syslog host is any word: `Nov 22 14:02:11 web` and `2026-11-22T14:02:11Z web app[12]: `
_SYSLOG: Final = (
    r"(?:<\d{1,3}>)?(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\d[T ][\w:.+-]+)"
    r" [\w.-]+ [^\s\[:]+(?:\[\d+\])?: "
)
_DOCKER: Final = r'\{"log":"'


def _grammar(levels: Iterable[Level]) -> str:
    """The pattern of lines whose first level is one of `levels`, up to the end of that level."""
    wanted = frozenset(levels)
    words = [word for word, level in _BY_WORD.items() if level in wanted]
    word = f"(?i:{'|'.join(words)})"
    upper = f"(?:{'|'.join(words).upper()})"
    label = f"(?:{upper}|{'|'.join(words)}|{'|'.join(words).title()})"
    letter = f"[{''.join(c for c, level in _BY_LETTER.items() if level in wanted)}]"
    numbers = "|".join(str(n) for n, level in _BY_NUMBER.items() if level in wanted)
    severities = [n for n, level in _BY_NUMBER.items() if n < 8 and level in wanted]
    priorities = "|".join(str(n) for n in range(192) if n % 8 in severities)
    fields = (
        rf'\{{(?:.*?[{{,]\s*)??"{_KEY}"\s*:\s*"?(?:{word}|{numbers})\b',
        rf'\{{\\"(?:.*?[{{,]\s*\\")??{_KEY}\\"\s*:\s*(?:\\")?(?:{word}|{numbers})\b',
        rf'{_KEY}=["\']?(?:{word}|{numbers})\b',
    )
    marks = (
        rf"(?:\b|{_COLOUR}){upper}\b",
        rf"\[\d[\w:.,+-]*\s+{upper}\b",  # env_logger's "[time LEVEL module]"
        rf"[\[(<](?:[\w.]+:)?\s*{word}\s*[\])>]",
        rf"\[{letter}\]",
        rf"(?:\b|{_COLOUR}){label}(?:!?:|\[)",  # "error:" and rustc's "error[E0112]:"
    )
    at_start = []
    if priorities:
        at_start.append(rf"<(?:{priorities})>")
    at_start.append(rf"{letter}\d{{4}} \d\d:")
    if Level.ERROR in wanted:
        at_start.append(r'\S+ \S+ \S+ \[[^\]]+\] "(?:[^"\\]|\\.)*" 5\d\d\b')
    return (
        f"^(?:{'|'.join(at_start)}|(?:{_SYSLOG}|{_DOCKER})??(?:{'|'.join(_TOKENS)})*?"
        f"(?:{'|'.join(fields + marks)}))"
    )


@functools.cache  # at most the subsets of seven levels
def program(levels: frozenset[Level]) -> Program:
    """The program that finds lines of `levels`: all of them, and very few others.

    It takes the first level it is looking for, where `level` takes the first of any. So it is what
    a find by level runs over blocks, and `level_at` has the last word on each hit; `lines_of` does
    both.
    """
    return Program(_grammar(levels), trusted=True)


# Fields that say a level, and the status of a request that failed.
_KEYS: Final = (
    "level",
    "lvl",
    "loglevel",
    "levelname",
    "log.level",
    "log_level",
    "level_name",
    "severity_text",
    "severity",
    "@l",
    "priority",
)


_NUMBER: Final = lazy(r"\d{1,2}", re.ASCII)


def of_fields(found: formats.Fields) -> Level | None:
    """The level that the fields of a line state, or None."""
    lowered = {key.lower(): value for key, value in found.items()}
    for key in _KEYS:
        value = lowered.get(key)
        if isinstance(value, str):
            stated = _BY_WORD.get(value.lower()) or _BY_LETTER.get(value)
            value = int(value) if stated is None and _NUMBER.fullmatch(value) else stated
        if isinstance(value, int) and not isinstance(value, bool | Level):
            value = _BY_NUMBER.get(value)
        if isinstance(value, Level):
            return value
    status = found.get("status")
    if "method" in found and isinstance(status, int) and status >= 500:
        return Level.ERROR
    return None


@functools.cache
def _stating(levels: frozenset[Level]) -> Program:
    """The program of lines whose fields may state one of `levels`, and of those of `program`."""
    words = "|".join(word for word, level in _BY_WORD.items() if level in levels)
    letters = "|".join(letter for letter, level in _BY_LETTER.items() if level in levels)
    numbers = "|".join(str(n) for n, level in _BY_NUMBER.items() if level in levels)
    named = rf'{_KEY}(?:\\*"\s*:|=)\s*\\*["\']?(?:(?i:{words})|{letters}|{numbers})\b'
    status = r'|" 5\d\d\b' if Level.ERROR in levels else ""
    return Program(f"{_grammar(levels)}|{named}{status}", trusted=True)


_ANY: Final = frozenset(Level)
_LOUD: Final = frozenset((Level.WARNING, Level.ERROR, Level.FATAL))

# The level at the end of a match of the grammar.
_KLOG: Final = lazy(rb"([IWEF])\d{4} \d\d:$")
_TAIL: Final = lazy(rb"(\d+|[A-Za-z]+)(?:[\d;]*\[\x1b)?(<)?")  # from right to left


def level_at(block: Block, start: int, end: int) -> Level | None:
    """The level of the line `block[start:end]`, or None."""
    tail = program(_ANY).match_at(block, start, end)
    if tail < 0:
        return None
    head = bytes(block[max(start, tail - 24) : tail])
    if tail - start <= 9 and (klog := _KLOG.match(head)):
        return _BY_LETTER[klog[1].decode()]
    found = _TAIL.match(head.rstrip(b' \t])>:!"[')[::-1])
    if found is None:
        return None
    word = found[1][::-1].decode()
    if word.isdigit():
        number = int(word)
        if found[2]:
            return _BY_NUMBER[number % 8]
        return Level.ERROR if number >= 500 else _BY_NUMBER[number]
    if tail - start > HEAD_BYTES and not _is_field(head):
        return None
    if found[0].endswith(b"[\x1b"):
        word = word[1:]
    return _BY_LETTER.get(word) or _BY_WORD.get(word.lower())


_FIELD: Final = lazy(rb'[=:]\s*\\?["\']?\w+$')


def _is_field(head: bytes) -> bool:
    return _FIELD.search(head) is not None


def level(line: Block) -> Level | None:
    """The level of one line, or None when it states none."""
    return level_at(line, 0, len(line))


def lines_of(
    levels: frozenset[Level],
    block: Block,
    start: int = 0,
    end: int | None = None,
    format_: formats.Format | None = None,
) -> Iterator[tuple[int, int, Level]]:
    """Each line of one of `levels` in whole lines `block[start:end]`: its bounds and level.

    Where the lines are known to be of a format, their fields have the first word.
    """
    at, end = start, len(block) if end is None else end
    next_end = (program if format_ is None else _stating)(levels).next_end
    while at < end and (tail := next_end(block, at, end)) >= 0:
        head = block.rfind(b"\n", at, tail) + 1 or at
        at = block.find(b"\n", tail, end) + 1 or end
        stated = None
        if format_ is not None and (found := format_.read(bytes(block[head:at]).rstrip(b"\r\n"))):
            stated = of_fields(found)
        stated = stated or level_at(block, head, at)
        if stated in levels and stated is not None:
            yield head, at, stated


def count(block: Block, format_: formats.Format | None = None) -> tuple[int, int]:
    """How many lines of a block are errors (or worse) and warnings."""
    errors = warnings = 0
    for _, _, stated in lines_of(_LOUD, block, format_=format_):
        if stated >= Level.ERROR:
            errors += 1
        else:
            warnings += 1
    return errors, warnings


def parse(text: str) -> frozenset[Level]:
    """The levels that `text` names: `>=warning`, `<info`, `!=debug`, `=error,fatal`.

    Raises `BadPattern`.
    """
    found = re.fullmatch(r"\s*(>=|<=|!=|>|<|=)\s*([A-Za-z, ]+)", text)
    names = [name.strip().lower() for name in found[2].split(",")] if found else []
    if found is None or any(name not in _BY_WORD for name in names):
        raise BadPattern(f"{text!r} is no level: take one such as >=warning or =error,fatal.")
    given = [_BY_WORD[name] for name in names]
    if found[1] in ("=", "!="):
        levels = frozenset(given)
        return levels if found[1] == "=" else _ANY - levels
    if len(given) > 1:
        raise BadPattern(f"{found[1]} takes one level, not {len(given)}.")
    compare = {">=": int.__ge__, "<=": int.__le__, ">": int.__gt__, "<": int.__lt__}[found[1]]
    return frozenset(level for level in Level if compare(level, given[0]))
