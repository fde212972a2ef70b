"""Multi-line records: which lines belong to the line before them.

A stack trace, a wrapped message or pretty-printed JSON is one thing to a reader, so a filter that
shows its head shows all of it. Whether a line is a continuation is decided from that line and the
one before it alone: records can thus be found from any place in a file, forwards and backwards,
and two readers never disagree.
"""

from collections.abc import Iterator
from typing import Final

from tailws.text.pattern import lazy
from tailws.text.program import Block

#: Continuation lines of one record; a longer one is cut into several.
MAX_LINES: Final = 1000

# What a container runtime or syslog puts before a line of the program; lines of one record have
# the same tag (the stream, or host and process).
_WRAPPED: Final = lazy(
    rb'\{"log":"'
    rb"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?P<stream>std(?:out|err)) (?P<flag>[FP]) "
    rb"|(?:<\d+>)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))"
    rb" (?P<app>[\w.-]+ [^\s:\[]+\[\d+\]): "
)
_WRAPPED_BEGINS: Final = frozenset(b"{2<JFMASOND")

_END: Final = rb'(?:\r?(?:\n|$)|\\n")'  # of the line, or of the one in Docker's JSON
# A continuation by its own looks.
_OWN: Final = lazy(
    rb"(?:[ \t]|\\t)+[^\s]"  # indented
    rb"|at [\w$.<>/]+\("  # Java without its tab
    rb"|(?:Caused by|Suppressed|Wrapped by): "
    rb"|\.\.\. \d+ (?:more|common frames)"
    rb"|Traceback \(most recent call last\):"
    rb"|During handling of the above exception, another"
    rb"|The above exception was the direct cause"
    rb"|--- End of (?:inner exception )?stack trace"
    rb"|goroutine \d+ \[|created by \S+"  # Go
    rb"|stack backtrace:|note: run with `RUST_BACKTRACE"  # Rust
    rb"|Stack trace:" + _END + rb"|#\d+ +\S"  # PHP, gdb
    rb"|[\])}]+[;,]?" + _END  # the end of pretty-printed data
)
# Java's first line of a trace: under what was logged, or by itself, as printStackTrace() writes it.
_THROWN: Final = lazy(
    rb"(?:[a-z_$][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)\b(?::|" + _END + rb")"
)
# What is logged has a time or a level, or is a wrapped line of it; no frame of a trace.
_LOGGED: Final = lazy(
    rb"(?!(?:[ \t]|\\t)*(?:at |\.\.\. \d))(?:[ \t]|\\t|.{0,120}?(?:\d\d:\d\d|\b[A-Z]{4,}\b))"
)
_FRAME: Final = lazy(rb" +File \\?\"| {4}(?! *at )")
# Python's last line: `ValueError: x`, `requests.exceptions.Timeout`, but no level's label
_RAISED: Final = lazy(
    rb"(?!(?:Error|Warning|Info|Debug|Notice|Trace|Fatal|Critical|Alert|Panic): )"
    rb"(?:[A-Za-z_]\w*\.)*(?>[A-Z]\w*?[a-z]\w*+)(?:: |:?" + _END + rb")"
)
_GO_FRAME: Final = lazy(rb"[\w./*\-\[\]{}]+\(.*\)" + _END)
_GO_BEFORE: Final = lazy(rb"goroutine \d+ \[|\t|\\t")
_BLANK: Final = lazy(_END)
_INDENTED: Final = lazy(rb"[ \t]|\\t")
_BEFORE_BLANK: Final = lazy(rb"[\w.]*(?:Error|Exception|Exit|Interrupt)\b|panic: |fatal error: ")
#: What may go on with a line before it, and may not.
_UNSURE: Final = (_WRAPPED, _BLANK, _THROWN, _RAISED, _GO_FRAME)


def is_continuation(line: bytes, previous: bytes) -> bool:
    """Whether `line` belongs to the record of the line before it."""
    both = previous.rstrip(b"\n") + b"\n"
    return _continues(both + line, len(both), len(both) + len(line), 0)


def _continues(block: Block, start: int, end: int, previous: int) -> bool:
    """Whether the line at `start` continues the line at `previous` (-1: there is none)."""
    text, before = start, previous
    if start < end and block[start] in _WRAPPED_BEGINS:
        wrapped = _WRAPPED.match(block, start, end)
        if wrapped and previous >= 0:
            text = wrapped.end()
            led = _WRAPPED.match(block, previous, start)
            if led is None or led.group("stream", "app") != wrapped.group("stream", "app"):
                return False
            if led["flag"] == b"P":  # the runtime cut one line in two
                return True
            before = led.end()
    if _OWN.match(block, text, end):
        return True
    if previous < 0:
        return False
    if _THROWN.match(block, text, end) and _LOGGED.match(block, before, start):
        return True
    if _BLANK.match(block, text, end):
        return bool(
            _BEFORE_BLANK.match(block, before, start)
            or (_OWN.match(block, before, start) and not _INDENTED.match(block, before, start))
        )
    if _FRAME.match(block, before, start):
        return _RAISED.match(block, text, end) is not None
    if _GO_BEFORE.match(block, before, start):
        return _GO_FRAME.match(block, text, end) is not None
    return False


def _previous(block: Block, start: int, at: int) -> int:
    """Where the line before the one at `at` begins, or -1 at `start`."""
    return block.rfind(b"\n", start, at - 1) + 1 or start if at > start else -1


def _is_head(block: Block, start: int, at: int, end: int) -> bool:
    return not _continues(block, at, end, _previous(block, start, at))


def grow(block: Block, start: int, end: int, low: int, high: int) -> tuple[int, int]:
    """The smallest run of whole records that holds the lines `block[start:end]`.

    It does not look beyond `block[low:high]`; all are edges of lines.
    """
    find = block.find
    for _ in range(MAX_LINES):
        previous = _previous(block, low, start)
        if previous < 0 or not _continues(
            block, start, find(b"\n", start, high) + 1 or high, previous
        ):
            break
        start = previous
    last = _previous(block, low, end)
    for _ in range(MAX_LINES):
        if end >= high:
            break
        after = find(b"\n", end, high) + 1 or high
        if not _continues(block, end, after, last):
            break
        last, end = end, after
    return start, end


def begun(before: bytes, block: bytes) -> int:
    """How many bytes at the end of `before` are of the record that `block` goes on with.

    Both are whole lines; 0 where the first line of `block` is a head.
    """
    both = before + block[: block.find(b"\n") + 1 or None]
    start, _ = grow(both, len(before), len(both), 0, len(both))
    return len(before) - start


def records(block: Block) -> Iterator[tuple[int, int, int]]:
    """Each record of a block of whole lines: where it begins and ends, and its number of lines.

    The first may lack its head, and the last its end, if the block was cut there.
    """
    at, size = 0, len(block)
    previous, head, lines = -1, 0, 0
    while at < size:
        end = block.find(b"\n", at) + 1 or size
        if lines and (lines > MAX_LINES or not _continues(block, at, end, previous)):
            yield head, at, lines
            head, lines = at, 0
        lines += 1
        previous, at = at, end
    if lines:
        yield head, size, lines


def first_head(block: Block) -> int:
    """Where the first record begins that surely has its head in the block, or the block's length.

    Who scans backwards block by block keeps what is before it for the block before. (What the
    first line is may depend on a line before it: then it is taken for a continuation.)
    """
    at, size, previous = 0, len(block), -1
    while at < size:
        end = block.find(b"\n", at) + 1 or size
        if not _continues(block, at, end, previous) and (
            previous >= 0 or not any(p.match(block, at, end) for p in _UNSURE)
        ):
            return at
        previous, at = at, end
    return size


def last_head(block: Block) -> int:
    """Where the last record of the block begins; 0 if no line in it is a head.

    Who scans forwards block by block takes the next block from there.
    """
    end = at = len(block)
    while at > 0:
        end, at = at, _previous(block, 0, at)
        if _is_head(block, 0, at, end):
            return at
    return 0
