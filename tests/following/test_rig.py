"""The rig's own judgement: it must not pass a follower that loses, repeats or reorders."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from .client import Client, Gap, Item, verdict

LOST = Gap("rotated", None)


def test_all_lines_once_in_order_pass() -> None:
    assert verdict(["a", "b", "b", "c"], ["a", "b", "b", "c"]) is None


@given(st.lists(st.text("abc", max_size=2), min_size=1), st.data())
def test_any_other_list_fails(lines: list[str], data: st.DataObject) -> None:
    """A line dropped, doubled, swapped or invented is seen."""
    at = data.draw(st.integers(0, len(lines) - 1))
    wrong: list[Item] = list(lines)
    match data.draw(st.sampled_from(["drop", "double", "invent", "swap"])):
        case "drop":
            del wrong[at]
        case "double":
            wrong.insert(at, wrong[at])
        case "invent":
            wrong[at] = "never written"
        case "swap":
            wrong[at], wrong[0] = wrong[0], wrong[at]
    assert (verdict(lines, wrong) is None) == (wrong == lines)


def test_a_gap_must_be_allowed() -> None:
    assert "unexpected" in str(verdict(["a", "b"], ["a", LOST, "b"]))
    assert verdict(["a", "b"], ["a", LOST, "b"], gaps=True) is None


def test_a_gap_accounts_for_missing_lines_in_its_place_only() -> None:
    assert verdict(["a", "b", "c", "d"], ["a", LOST, "d"], gaps=True) is None
    assert verdict(["a", "b", "c", "d"], ["a", "b", LOST], gaps=True) is None
    assert "lost" in str(verdict(["a", "b", "c", "d"], ["a", LOST, "b", "d"], gaps=True))
    assert "repeated" in str(verdict(["a", "b", "c"], ["a", LOST, "c", "b"], gaps=True))
    assert "did not come" in str(verdict(["a", "b", "c"], ["a", LOST, "b"], gaps=True))


def test_batches_must_join() -> None:
    """A batch that starts elsewhere than the last one ended is a fault, unless a gap is between."""

    def faults(*heads: dict[str, object]) -> list[str]:
        client = Client("", subscriptions=[])
        client._take(json.dumps({"type": "subscribed", "source": "s", "cursor": "0"}))
        for head in heads:
            client._take(json.dumps({"source": "s", **head}) + "\nline" * ("start" in head))
        return client.faults

    first = {"type": "lines", "start": "0", "end": "1"}
    second = {"type": "lines", "start": "1", "end": "2"}
    third = {"type": "lines", "start": "2", "end": "3"}
    gap = {"type": "gap", "reason": "rotated", "bytes": 7}
    assert not faults(first, second, third)
    assert faults(first, third)
    assert not faults(first, gap, third)
    assert faults(second)
