"""Patterns that are compiled late are patterns all the same."""

from __future__ import annotations

import re

import pytest

from tailws.text.pattern import lazy


@pytest.mark.parametrize("text", ["(a)(B)?", b"(a)(B)?"])
def test_it_is_what_re_makes_of_it(text: str | bytes) -> None:
    """Every method and attribute is that of the compiled pattern, again and again."""
    late, made = lazy(text, re.IGNORECASE), re.compile(text, re.IGNORECASE)
    subject = text[:0].join([text[1:2], text[4:5]] * 2)  # aBaB
    for _ in range(2):
        assert late.match(subject).span(2) == made.match(subject).span(2) == (1, 2)  # type: ignore[union-attr]
        assert late.findall(subject) == made.findall(subject)
        assert late.sub(subject, subject) == made.sub(subject, subject)
        assert (late.pattern, late.flags, late.groups) == (made.pattern, made.flags, made.groups)


def test_a_wrong_one_raises_where_it_is_used() -> None:
    """Nothing is compiled before."""
    wrong = lazy("(")
    with pytest.raises(re.error):
        wrong.match("(")
