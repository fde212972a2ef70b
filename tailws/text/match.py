"""Filters: which lines of a block are shown.

A filter is made of terms. Every `include` term must match a line, no `exclude` term may; a term is
a pattern in RE2 syntax, a fixed string, or a condition on the line's level or one of its fields.
Filters are values: the same terms in any order are the same filter, compiled once and shared by
all who use it, so that each block is filtered once for all of them.

A filter sees what the reader sees: lines as UTF-8, invalid bytes as U+FFFD. It runs over blocks,
never line by line where that can be avoided.
"""

import weakref
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

import msgspec

from tailws.text import formats, records
from tailws.text.conditions import condition
from tailws.text.lines import Codec, line_feeds
from tailws.text.program import BadPattern, Block, Program

__all__ = ["MAX_TERMS", "BadPattern", "Filter", "Run", "Taken", "Term"]

#: Terms in one filter: each costs up to three programs' memory and a pass over the text.
MAX_TERMS: Final = 16

#: Instructions of all patterns of one filter together; see `program.MAX_INSTRUCTIONS`.
MAX_SIZE: Final = 4000

#: Bounds of consecutive whole lines in a block: of the first, and behind the last's line feed.
Run = tuple[int, int]

_UTF8: Final = Codec()
_META: Final = frozenset("\\.+*?()|[]{}^$")


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition on a line. It has one of `pattern`, `level` and `where`."""

    pattern: str | None = None
    """RE2 syntax, or the text itself if `fixed`."""
    ignore_case: bool = False
    word: bool = False
    """Only whole words, as `grep -w`."""
    fixed: bool = False
    level: str | None = None
    """This level or a graver one."""
    where: str | None = None
    """A field and what it must be: `status>=500`, `user="x"`, `path~^/api/`, `level=info,debug`."""

    def canonical(self) -> "Term":
        """The same term in the one form that is compared.

        A pattern without signs is a fixed string, a level is a condition. Raises `BadPattern`.
        """
        if len([part for part in (self.pattern, self.level, self.where) if part is not None]) != 1:
            raise BadPattern("A term has one of 'pattern', 'level' and 'where'.")
        if self.level is not None:
            return Term(where=f"level>={self.level.strip().lower()}")
        if self.where is not None:
            return Term(where=self.where.strip())
        pattern = self.pattern or ""
        fixed = self.fixed or _META.isdisjoint(pattern)
        return Term(pattern, self.ignore_case, self.word, fixed)


class Matcher(Protocol):
    """What a term is compiled to."""

    def runs(self, block: Block, start: int, end: int) -> list[Run]:
        """The runs of matching lines in the lines `block[start:end]`, in order, none adjacent."""


class Taken(NamedTuple):
    """What a filter leaves of a block: the lines it shows, as they were, and the two counts."""

    text: bytes
    shown: int
    hidden: int


class Filter:
    """Terms, compiled; see `Filter.of`. Equal filters are the same object while one is in use."""

    __slots__ = ("__weakref__", "_excludes", "_includes", "key")

    def __init__(
        self, include: tuple[Term, ...], exclude: tuple[Term, ...], whole: bool, format_: str
    ) -> None:
        #: What makes two filters equal; also a name for caches of what a filter yields.
        self.key = (include, exclude, whole, format_)
        known = formats.named(format_)
        self._includes = sorted((_compile(term, known) for term in include), key=_cost)
        self._excludes = sorted((_compile(term, known) for term in exclude), key=_cost)
        programs = [m for m in (*self._includes, *self._excludes) if isinstance(m, Program)]
        size = sum(program.size for program in programs)
        if size > MAX_SIZE:
            raise BadPattern(
                f"The patterns are too large together: {size:,} steps, {MAX_SIZE:,} are allowed."
            )

    @classmethod
    def of(
        cls,
        include: Iterable[Term | str] = (),
        exclude: Iterable[Term | str] = (),
        whole_records: bool = False,
        format_: str = "",
    ) -> "Filter":
        """The filter of these terms; a `str` is a pattern in RE2 syntax.

        `whole_records`: a record (a stack trace with its head) is shown or hidden as one. `format_`
        names how the lines are built ("": nobody knows). Raises `BadPattern`.
        """
        shown, hidden = _canonical(include), _canonical(exclude)
        if len(shown) + len(hidden) > MAX_TERMS:
            raise BadPattern(f"A filter has at most {MAX_TERMS} terms.")
        if all(term.where is None for term in (*shown, *hidden)):
            format_ = ""  # text is text
        key = (shown, hidden, whole_records, format_)
        found = _SHARED.get(key)
        if found is None:
            found = _SHARED[key] = cls(shown, hidden, whole_records, format_)
        return found

    @property
    def whole_records(self) -> bool:
        """Whether records are shown or hidden as one."""
        whole: bool = self.key[2]
        return whole

    def __bool__(self) -> bool:
        """Whether it can hide anything."""
        return bool(self._includes or self._excludes)

    def select(self, block: Block, codec: Codec = _UTF8) -> list[Run]:
        """The runs of lines in a block of whole lines that are shown, in order, none adjacent.

        Lines end with a line feed, the last one perhaps without. Offsets are those of `block`
        also where `codec` has to turn it into UTF-8 first. Whole records are whole within the block
        only: who cuts a file into blocks for them cuts at `records.last_head`, or gives what a
        record began with to `take`.
        """
        raw = bytes(block)
        view = codec.utf8(raw, False)
        runs = self._select(view)
        if len(view) == len(raw) and not codec.wide:
            return runs
        return _back(runs, view, raw, codec)

    def take(self, block: bytes, begun: bytes = b"") -> Taken:
        """The shown lines of a block of UTF-8, with counts.

        `begun` stands before it: what there is of the record that its first line goes on with. It
        has a say in whether that record is shown, and is not shown again.
        """
        lines = count_lines(block)
        runs = self.select(block) if not begun else _behind(len(begun), self.select(begun + block))
        if len(runs) == 1 and runs[0] == (0, len(block)):
            return Taken(block, lines, 0)
        text = b"".join([block[start:end] for start, end in runs])
        shown = count_lines(text)
        return Taken(text, shown, lines - shown)

    def _select(self, view: bytes) -> list[Run]:
        whole: bool = self.key[2]
        runs = [(0, len(view))] if view else []
        for matcher in self._includes:
            if not runs:
                break
            runs = _within(matcher.runs, view, runs, whole)
        for matcher in self._excludes:
            if not runs:
                break
            runs = _without(runs, _within(matcher.runs, view, runs, whole))
        return runs


#: The filters in use: the last to let go of one frees its programs.
_SHARED: Final[weakref.WeakValueDictionary[object, Filter]] = weakref.WeakValueDictionary()


def count_lines(block: Block) -> int:
    """Lines in a block; the last may lack its line feed."""
    return line_feeds(block) + (len(block) > 0 and block[-1] != 10)


def _canonical(terms: Iterable[Term | str]) -> tuple[Term, ...]:
    known = (term if isinstance(term, Term) else Term(term) for term in terms)
    return tuple(sorted({term.canonical() for term in known}, key=repr))


def _compile(term: Term, format_: formats.Format | None) -> Matcher:
    if term.where is not None:
        return condition(term.where, format_)
    pattern = term.pattern
    if not pattern:
        raise BadPattern("An empty pattern says nothing about a line.")
    if "\n" in pattern:
        raise BadPattern("A pattern with a line break matches no line: lines are matched singly.")
    return Program(pattern, ignore_case=term.ignore_case, word=term.word, fixed=term.fixed)


def _cost(matcher: Matcher) -> int:
    """Cheap ones first: they leave less for the others."""
    return 0 if isinstance(matcher, Program) else 1


def _behind(start: int, runs: list[Run]) -> list[Run]:
    """What of `runs` is behind `start`, counted from there."""
    return [(max(head, start) - start, tail - start) for head, tail in runs if tail > start]


def _within(
    find: Callable[[Block, int, int], list[Run]], view: bytes, runs: list[Run], whole: bool
) -> list[Run]:
    """What `find` finds in each of `runs`, grown to whole records if so wished."""
    if not whole:
        return [found for start, end in runs for found in find(view, start, end)]
    out: list[Run] = []
    for low, high in runs:
        done = low
        for start, end in find(view, low, high):
            if end <= done:
                continue  # in the record of the run before
            head, tail = records.grow(view, max(start, done), end, done, high)
            if out and out[-1][1] == head:
                head = out.pop()[0]
            out.append((head, tail))
            done = tail
    return out


def _without(runs: list[Run], holes: list[Run]) -> list[Run]:
    """`runs` minus `holes`, each of which lies in one of the runs."""
    if not holes:
        return runs
    out: list[Run] = []
    at = 0
    for start, end in runs:
        kept = start
        while at < len(holes) and holes[at][1] <= end:
            if kept < holes[at][0]:
                out.append((kept, holes[at][0]))
            kept = holes[at][1]
            at += 1
        if kept < end:
            out.append((kept, end))
    return out


def _back(runs: list[Run], view: bytes, block: bytes, codec: Codec) -> list[Run]:
    """The same lines in `block`, of which `view` is the UTF-8: they are told by their number."""
    out: list[Run] = []
    seen = there = 0  # two places at the same line, in the view and in the block
    for start, end in runs:
        head = _skip(block, there, view.count(b"\n", seen, start), codec)
        there = _skip(block, head, view.count(b"\n", start, end), codec)
        if end == len(view):
            there = len(block)
        out.append((head, there))
        seen = end
    return out


def _skip(block: bytes, at: int, lines: int, codec: Codec) -> int:
    for _ in range(lines):
        at = codec.end_of_line(block, at) or len(block)
    return at
