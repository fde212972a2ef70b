r"""One RE2 program over the bytes of a block: the only place that touches google-re2.

RE2 runs in time linear in the text whatever the pattern, so a pattern from a client cannot stop
the loop; Python's `re` promises no such thing. A program here is bound to lines although it runs
over whole blocks: no match ever spans a line feed, and `^`, `$`, `\A` and `\z` mean the edges of a
line. Thus one call may skip thousands of lines at the speed of the automaton.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import re2

from tailws.text.pattern import lazy

#: Longest pattern, in characters. Longer ones are generated, not typed.
MAX_PATTERN: Final = 1024
#: Memory for one program and its automaton's states, in bytes. RE2 starts the states afresh, and
#: in the end goes on without them, when this is used up: slower, never larger.
MAX_MEMORY: Final = 1 << 20
#: Instructions in one program. Where RE2 has to do without states, each costs a nanosecond or two
#: for each byte: a fifth of a second for the worst pattern on the worst line of 64 KiB. (`.` is
#: nine instructions, a word as many as its letters, `\pL` 1,200.)
MAX_INSTRUCTIONS: Final = 2000

Block = bytes | bytearray
_Match = Callable[[Any, Block, int, int], list[tuple[int, int]]]

_UNANCHORED: Final = re2._re2.RE2.Anchor.UNANCHORED
_AT_START: Final = re2._re2.RE2.Anchor.ANCHOR_START

# What a pattern says about the edges of the text, outside of quoted parts. (In a character class
# RE2 itself refuses these escapes.)
_EDGES: Final = lazy(r"\\Q.*?(?:\\E|$)|\\.|\(\?[a-zA-Z]*-[a-zA-Z]*", re.DOTALL)

# The characters that cannot stand in a word, in few ranges: `[^\pL\pN\pM_]` says the same more
# exactly in 1,300 instructions.
_NO_WORD: Final = (
    r"[^\w\x{AA}\x{B5}\x{BA}\x{C0}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3005}-\x{3007}\x{3021}-\x{D7FF}"
    r"\x{E000}-\x{FDFF}\x{FE70}-\x{FEFE}\x{FF10}-\x{FFEF}\x{10000}-\x{10FFFF}]"
)


class BadPattern(ValueError):
    """A pattern or condition that cannot be used; the message is a sentence for its author."""


class Program:
    """A compiled pattern in RE2 syntax (https://github.com/google/re2/wiki/Syntax).

    `word` demands that what matches is no part of a longer word, as `grep -w` does. Text is taken
    as UTF-8; a byte that is not UTF-8 is matched by nothing (see `lines.Codec.utf8`). The bounds
    hold for what comes from outside; `trusted` is for the daemon's own, larger patterns.

    Raises `BadPattern`.
    """

    __slots__ = ("_ignore_case", "_inner", "_match", "_match_next", "_match_run", "size")

    def __init__(
        self,
        pattern: str,
        *,
        ignore_case: bool = False,
        word: bool = False,
        fixed: bool = False,
        trusted: bool = False,
    ) -> None:
        if len(pattern) > MAX_PATTERN and not trusted:
            raise BadPattern(f"The pattern is longer than {MAX_PATTERN:,} characters.")
        encode(pattern)
        if fixed:
            inner = re2.escape(pattern)
        else:
            _compile(pattern, ignore_case)  # alone, for an unbalanced `)` must not meet our `(`
            inner = _bind_to_lines(pattern)
        if word:
            inner = f"(?:^|{_NO_WORD})(?:{inner})(?:$|{_NO_WORD})"
        single = _compile(f"(?m){inner}", ignore_case)
        self.size: int = max(single.ProgramSize(), single.ReverseProgramSize())
        if self.size > MAX_INSTRUCTIONS and not trusted:
            raise BadPattern(
                f"The pattern is too large: {self.size:,} steps, {MAX_INSTRUCTIONS:,} are allowed. "
                "Repeat less, or use smaller classes."
            )
        self._inner = inner
        self._ignore_case = ignore_case
        self._match: _Match = single.Match
        self._match_run: _Match | None = None
        self._match_next: _Match | None = None

    def search(self, block: Block, start: int, end: int) -> tuple[int, int] | None:
        """The bounds of the leftmost match in `block[start:end]`, or None.

        Both bounds must be edges of lines, for the bytes around them count as context.
        """
        found = self._match(_UNANCHORED, block, start, end)[0]
        return found if found[0] >= 0 else None

    def match_at(self, block: Block, start: int, end: int) -> int:
        """The end of a match that begins at `start`, or -1."""
        return self._match(_AT_START, block, start, end)[0][1]

    def next_end(self, block: Block, start: int, end: int) -> int:
        """The end of the first match in `block[start:end]`, or -1.

        It says which line matches first without looking for the start of the match, which takes a
        second pass, backwards, that is slow for a large pattern.
        """
        if self._match_next is None:
            self._match_next = _compile(rf"(?m)\C*?(?:{self._inner})", self._ignore_case).Match
        return self._match_next(_AT_START, block, start, end)[0][1]

    def _end_of_run(self, block: Block, start: int, end: int) -> int:
        """The end of the lines that match from the line at `start` on without a break, or -1."""
        if self._match_run is None:
            # `\C` takes any byte: the one behind the end of a line is its line feed, which nothing
            # else in the program can match.
            run = rf"(?m)(?:^.*(?:{self._inner}).*$\C)+"
            self._match_run = _compile(run, self._ignore_case).Match
        return self._match_run(_AT_START, block, start, end)[0][1]

    def runs(self, block: Block, start: int, end: int) -> list[tuple[int, int]]:
        """The bounds of each run of consecutive matching lines in `block[start:end]`.

        Both bounds must be edges of lines. A run ends behind the line feed of its last line.
        """
        match, find, rfind = self._match, block.find, block.rfind
        runs: list[tuple[int, int]] = []
        at = start
        while at < end:
            head, tail = match(_UNANCHORED, block, at, end)[0]
            if head < 0 or (head == end and block[end - 1] == 10):
                break  # nothing, or nothing but the void behind the last line feed
            head = rfind(b"\n", at, head) + 1 or at
            tail = find(b"\n", tail, end) + 1 or end
            if runs and runs[-1][1] == head:
                # Matches are dense here: one call takes all that follow one another.
                head = runs.pop()[0]
                tail = max(tail, self._end_of_run(block, tail, end))
            runs.append((head, tail))
            at = tail
        return runs


def encode(pattern: str) -> bytes:
    """The bytes of a pattern; raises `BadPattern` where it has none."""
    try:
        return pattern.encode()
    except UnicodeEncodeError:
        raise BadPattern("The pattern holds half a character (a lone surrogate).") from None


def _compile(pattern: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    options.never_nl = True
    options.never_capture = True  # only the bounds of a match are used: stay in the automaton
    options.case_sensitive = not ignore_case
    # Not `re2.compile`: its cache would hold the memory of 128 programs nobody uses any more.
    program = re2._re2.RE2(pattern.encode(), options)
    if not program.ok():
        reason = program.error().decode(errors="replace")
        raise BadPattern(f"RE2 cannot use this pattern: {reason}.")
    return program


def _bind_to_lines(pattern: str) -> str:
    def token(found: re.Match[str]) -> str:
        text = found.group()
        if text.startswith("\\Q"):
            return text if text.endswith("\\E") else text + "\\E"
        if text == "\\C":
            raise BadPattern(r"\C (any byte) cannot be used: lines are text; take a dot.")
        if text.startswith("(?") and "m" in text.partition("-")[2]:
            raise BadPattern("(?-m) cannot be used: ^ and $ are always the edges of a line.")
        return {"\\A": "^", "\\z": "$"}.get(text, text)

    return _EDGES.sub(token, pattern)
