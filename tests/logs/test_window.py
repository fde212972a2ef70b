"""The window of recent blocks beside a list of all that was ever read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailws.logs.block import Block, Crossing, Place, Step
from tailws.logs.identity import Identity
from tailws.logs.segment import Segment
from tailws.logs.window import Window
from tailws.text.lines import Codec

SEGMENT = Segment("", -1, Identity(1, 2, 3), Codec())


@given(
    st.lists(st.one_of(st.integers(1, 300), st.none()), max_size=60),
    st.integers(0, 8),
    st.integers(0, 1000),
)
def test_it_holds_the_newest_and_says_which(
    weights: list[int | None], count: int, weight: int
) -> None:
    """A number names one item for ever: it is here, or it is one of the past; never another one.
    No more is kept than the bounds allow, but for the last one alone."""
    window = Window()
    ever: dict[int, tuple[Place, Step]] = {}
    past = -1  # numbers up to here are of the past
    offset = 0
    for each in weights:
        if each is None:
            past = window.next
            window.clear()
            assert window.start is None
            continue
        place = Place(SEGMENT, offset, b"")
        offset += each
        end = Place(SEGMENT, offset, b"")
        item = Block(place, end, b"x" * each) if each % 5 else Crossing("rotated", None)
        step = Step(item, end, each)
        number = window.next
        assert number not in ever
        ever[number] = (place, step)
        window.add(place, step, count, weight)
        held = [n for n in ever if window.get(n) is not None]
        assert held == list(range(window.first, window.next))
        assert all(n > past and window.get(n) is ever[n][1] for n in held)
        assert len(held) <= count
        assert len(held) <= 1 or sum(ever[n][1].weight for n in held) <= weight
        assert window.start == (ever[held[0]][0] if held else None)
        blocks = [item for n in held if isinstance(item := ever[n][1].item, Block)]
        assert list(window.blocks) == blocks[::-1]
        if count and each <= weight:
            assert held[-1:] == [number]
