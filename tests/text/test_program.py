"""Programs: RE2 over blocks of lines gives what RE2 gives for each line alone."""

import random

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from tailws.text.program import MAX_PATTERN, BadPattern, Program

ATOMS = st.sampled_from(
    [
        *["a", "b", "é", " ", "0", ".", "[^a]", "[ab]", r"\s", r"\S", r"\d", r"\D", r"\w", r"\W"],
        *["^", "$", r"\b", r"\B", r"\A", r"\z", r"\n", r"\x0a", "[^é]", "(?s:.)", "(?s)."],
        *[r"\Qa.b\E", "[[:^alpha:]]", r"[\s\S]", r"[\x00-\x7f]", "(?i:A)", r"\\"],
    ]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "*?", "{0,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)
LINES = st.lists(st.text("ab0 .é\\\t\0A", max_size=8), max_size=8)


def runs_of(flags: list[bool], lines: list[bytes]) -> list[tuple[int, int]]:
    """The runs that `flags` say, over whole lines (with their line feeds)."""
    runs: list[tuple[int, int]] = []
    at = 0
    for flag, line in zip(flags, lines, strict=True):
        end = at + len(line)
        if flag and runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], end)
        elif flag:
            runs.append((at, end))
        at = end
    return runs


def block_of(lines: list[str], final: bool) -> tuple[bytes, list[bytes]]:
    whole = [line.encode() + b"\n" for line in lines]
    if whole and not final and whole[-1] != b"\n":
        whole[-1] = whole[-1][:-1]
    return b"".join(whole), whole


@given(PATTERNS, LINES, st.booleans())
@example("^$", ["a", "b"], True)
def test_a_block_gives_what_each_line_alone_gives(
    pattern: str, lines: list[str], final: bool
) -> None:
    """No class, flag or anchor lets a match cross a line feed or miss a line's edge."""
    alone = re2.compile(pattern)
    block, whole = block_of(lines, final)
    expected = [alone.search(line.decode().rstrip("\n")) is not None for line in whole]
    program = Program(pattern)
    assert program.runs(block, 0, len(block)) == runs_of(expected, whole)
    end = program.next_end(block, 0, len(block))
    first = next((line for flag, line in zip(expected, whole, strict=True) if flag), None)
    if first is None:
        # behind the last line feed there is nothing, though an empty pattern matches it
        assert end < 0 or end == len(block)
    else:
        at = block.find(first)
        assert at <= end <= at + len(first)


@given(PATTERNS, LINES, st.data())
def test_a_range_of_a_block_is_searched_like_that_range_alone(
    pattern: str, lines: list[str], data: st.DataObject
) -> None:
    """Bytes outside of the range asked for are neither found nor change what is found."""
    block, whole = block_of(lines, True)
    edges = [0]
    for line in whole:
        edges.append(edges[-1] + len(line))
    start, end = sorted((data.draw(st.sampled_from(edges)), data.draw(st.sampled_from(edges))))
    program = Program(pattern)
    alone = program.runs(block[start:end], 0, end - start)
    assert program.runs(block, start, end) == [(a + start, b + start) for a, b in alone]


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("café", "un café noir", True),
        ("café", "cafétéria", False),
        ("caf", "café", False),
        ("foo", "foo-bar", True),
        ("foo", "foo_bar", False),
        ("foo", "food foo", True),
        ("foo", "“foo”", True),
        ("foo|bar", "rebar, foo", True),
        ("日志", "看 日志 吧", True),
        ("-x", "a -x b", True),
        ("E", "É E", True),
        ("E", "ÉE", False),
    ],
)
def test_whole_words_are_words_in_any_script(pattern: str, line: str, found: bool) -> None:
    """`word` is `grep -w`, but a letter with an accent is a letter."""
    raw = line.encode()
    assert (Program(pattern, word=True).search(raw, 0, len(raw)) is not None) is found


def test_case_is_ignored_beyond_ascii() -> None:
    """`ignore_case` folds É and é, in a pattern as in a fixed string."""
    raw = "ÉCHEC (Total)".encode()
    for fixed in (True, False):
        assert Program("échec", ignore_case=True, fixed=fixed).search(raw, 0, len(raw))
    assert Program("(total)", ignore_case=True, fixed=True).search(raw, 0, len(raw))


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "missing )"),
        ("a)(?:b", "unexpected )"),
        ("a**", "bad repetition"),
        (r"(?=a)", "invalid perl operator"),
        (r"\1", "invalid escape"),
        (r"a\Cb", r"\C"),
        ("(?-m)^a", "edges of a line"),
        ("(?i-sm:^a)", "edges of a line"),
        ("a" * (MAX_PATTERN + 1), "1,024 characters"),
        ("\ud800", "surrogate"),
        (r"\pL{30}", "too large"),
        ("((a{100}){100}){100}", "RE2 cannot use"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(pattern: str, says: str) -> None:
    """Bad patterns are the author's to mend: one error, a sentence that names the fault."""
    with pytest.raises(BadPattern) as caught:
        Program(pattern)
    sentence = str(caught.value)
    assert says in sentence
    assert sentence.endswith(".")


@given(st.text(max_size=40))
def test_any_text_is_a_program_or_a_bad_pattern(pattern: str) -> None:
    """Nothing that a client sends raises anything else."""
    try:
        Program(pattern).runs(b"some line\nother\n", 0, 16)
    except BadPattern:
        pass


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20))
def test_a_fixed_string_matches_itself(text: str) -> None:
    """No character of a fixed string has a meaning, a NUL and a backslash included."""
    raw = f"<{text}>".encode()
    assert Program(text, fixed=True).search(raw, 0, len(raw)) is not None


@pytest.mark.timeout(60)
def test_patterns_that_ruin_backtracking_engines_stay_linear() -> None:
    """The worst patterns that the bounds admit end in time on a block of 64 KiB."""
    chars = random.Random(1)
    block = "".join(chars.choice("abcxyz ") for _ in range(65_535)).encode() + b"\n"
    for pattern in ("(x+x+)+y", "(a|a)*$", "(.*)(.*)(.*)(.*)q", "[ab].{99}q", "(a?){200}a{200}"):
        Program(pattern).runs(block, 0, len(block))
