"""Filters: what is shown is what each line's own terms say, in blocks of any shape."""

import gc
import weakref

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tailws.text import records
from tailws.text.lines import Codec
from tailws.text.match import MAX_TERMS, BadPattern, Filter, Term, count_lines
from tests.text.test_program import runs_of

TERMS = st.one_of(
    st.sampled_from(["a", "b", "ab", "é", " ", "\0", ".", "\N{REPLACEMENT CHARACTER}"]).map(
        lambda text: Term(text, fixed=True)
    ),
    st.sampled_from(["a", "^a", "b$", "a.b", "[^a]", "^$", r"\s", "x|é", "^  ", "."]).map(Term),
    st.sampled_from(["A", "É"]).map(lambda text: Term(text, fixed=True, ignore_case=True)),
    st.sampled_from(["a", "ab"]).map(lambda text: Term(text, fixed=True, word=True)),
    st.sampled_from(["level>=warning", "n>=5", "n=7", "n!=7"]).map(lambda text: Term(where=text)),
)
LINES = st.lists(
    st.one_of(
        st.binary(max_size=6).map(lambda raw: raw.replace(b"\n", b"a")),
        st.text("ab é\t\0A", max_size=6).map(str.encode),
        st.sampled_from(
            [
                b"  at x",
                b"ERROR a",
                b"WARN b",
                b'{"n":7}',
                b"n=5 m=1",
                b"caf\xe9 b",
                b"Caused by: a",
            ]
        ),
    ),
    max_size=12,
)
RECORDS = st.one_of(
    LINES, st.lists(st.sampled_from([b"a", b"b", b"  a", b"  b", b"  x"]), max_size=12)
)


def whole_lines(lines: list[bytes], final: bool) -> list[bytes]:
    whole = [line + b"\n" for line in lines]
    if whole and not final and whole[-1] != b"\n":
        whole[-1] = whole[-1][:-1]
    return whole


def alone(term: Term, line: bytes) -> bool:
    """Whether one term matches one line, asked without any other line around it."""
    text = line.decode(errors="replace").removesuffix("\n").encode() + b"\n"
    return bool(Filter.of([term]).select(text))


@given(LINES, st.lists(TERMS, max_size=3), st.lists(TERMS, max_size=3), st.booleans())
def test_a_block_shows_the_lines_that_all_terms_show(
    lines: list[bytes], include: list[Term], exclude: list[Term], final: bool
) -> None:
    """All includes, no excludes: the same for a line in a block as for that line alone."""
    whole = whole_lines(lines, final)
    block = b"".join(whole)
    flags = [
        all(alone(term, line) for term in include) and not any(alone(t, line) for t in exclude)
        for line in whole
    ]
    filter_ = Filter.of(include, exclude)
    assert filter_.select(block) == runs_of(flags, whole)
    taken = filter_.take(block)
    assert taken.text == b"".join(line for flag, line in zip(flags, whole, strict=True) if flag)
    assert (taken.shown, taken.hidden) == (sum(flags), len(flags) - sum(flags))


@given(RECORDS, st.lists(TERMS, max_size=2), st.lists(TERMS, max_size=2), st.booleans())
@example([b"a", b"  x", b"  a", b"a"], [Term("a")], [], True)
@example([b"a", b"  x", b"  a", b"b"], [], [Term("a")], True)
def test_records_are_shown_or_hidden_as_one(
    lines: list[bytes], include: list[Term], exclude: list[Term], final: bool
) -> None:
    """With whole records, each term holds for a record if it holds for one of its lines."""
    whole = whole_lines(lines, final)
    block = b"".join(whole)
    flags: list[bool] = []
    at = 0
    for start, end, count in records.records(block):
        assert start == sum(map(len, whole[:at]))
        part = whole[at : at + count]
        assert b"".join(part) == block[start:end]
        shown = all(any(alone(term, line) for line in part) for term in include)
        hidden = any(alone(term, line) for term in exclude for line in part)
        flags += [shown and not hidden] * count
        at += count
    assert Filter.of(include, exclude, whole_records=True).select(block) == runs_of(flags, whole)


@given(
    st.lists(st.text("ab é日\t", max_size=6), max_size=8),
    st.lists(TERMS, max_size=2),
    st.sampled_from(["utf-16-le", "utf-16-be", "latin-1"]),
)
@example(["日日日", "a"], [Term("a")], "utf-16-le")
def test_offsets_are_those_of_the_file_in_any_encoding(
    lines: list[str], terms: list[Term], encoding: str
) -> None:
    """The runs in a UTF-16 or Latin-1 block hold the same lines as in its UTF-8."""
    text = "".join(f"{line}\n" for line in lines)
    if encoding == "latin-1":
        text = text.replace("日", "ß")
    filter_, raw, utf8 = Filter.of(terms), text.encode(encoding), text.encode()
    there = [raw[a:b].decode(encoding) for a, b in filter_.select(raw, Codec(encoding))]
    assert there == [utf8[a:b].decode() for a, b in filter_.select(utf8)]


def test_bytes_that_are_no_text_hide_nothing() -> None:
    """A dot takes an invalid byte, as it takes the U+FFFD that the reader sees in its place."""
    block = b"caf\xe9 failed\n\xff\xfe\nok \xf0\x9f\x98\n"
    assert Filter.of(["^caf. failed$"]).take(block).text == b"caf\xe9 failed\n"
    assert Filter.of(["�"]).take(block).text == block
    assert Filter.of([], ["�$"]).take(block).text == b"caf\xe9 failed\n"


def test_equal_filters_are_one_object_and_leave_with_their_last_user() -> None:
    """One compilation serves all subscribers, whatever order or spelling they use."""
    one = Filter.of(["b", "a+"], [Term("x", fixed=True)])
    other = Filter.of([Term("a+"), Term("b", fixed=True), "b"], ["x"])
    assert one is other
    assert one is not Filter.of(["b", "a+"], ["x"], whole_records=True)
    assert one is not Filter.of([Term("b", ignore_case=True), "a+"], ["x"])
    gone = weakref.ref(one)
    del one, other
    gc.collect()
    assert gone() is None


def test_an_empty_filter_hides_nothing_and_says_so() -> None:
    """`bool(filter)` tells whether a block has to be looked at."""
    assert not Filter.of()
    assert Filter.of(["a"])
    assert Filter.of([], ["a"])
    assert Filter.of().take(b"a\n\nb") == (b"a\n\nb", 3, 0)
    assert Filter.of().take(b"") == (b"", 0, 0)


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ([""], "empty"),
        ([Term("", fixed=True)], "empty"),
        (["a\nb"], "line break"),
        ([Term("a\nb", fixed=True)], "line break"),
        ([Term("x" * 2000, fixed=True)], "1,024"),
        ([Term("\udc80", fixed=True)], "surrogate"),
        ([str(n) for n in range(MAX_TERMS + 1)], "at most 16"),
        ([r"a\pL", r"b\pL", r"c\pL", r"d\pL"], "too large together"),
        ([Term(where="nonsense")], "no condition"),
        ([Term(level="loud")], "no level"),
        ([Term()], "one of"),
        ([Term("a", level="error")], "one of"),
    ],
)
def test_what_cannot_be_a_filter_is_refused_with_a_sentence(terms: list[str], says: str) -> None:
    """One error for all that a client may get wrong."""
    with pytest.raises(BadPattern, match=says):
        Filter.of(terms)


def test_lines_are_counted_with_or_without_a_last_line_feed() -> None:
    """A block's last line counts also when its line feed is not there."""
    assert [count_lines(block) for block in (b"", b"\n", b"a", b"a\n", b"a\nb", b"a\n\n")] == [
        *(0, 1, 1, 1, 2, 2)
    ]
