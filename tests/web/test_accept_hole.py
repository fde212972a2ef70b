"""Who goes to the end keeps what he read: between them is a hole, which can be loaded."""

from __future__ import annotations

import gzip
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.acceptance import (
    add_filter,
    click,
    clipboard,
    contiguous,
    following,
    key_of,
    line,
    number,
    numbers,
    scroll_until,
    settled,
)
from tests.web.looking import mode, rows, top_of, until
from tests.web.real import Daemon
from tests.web.relay import Relay

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
LINES = 6000


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon on one log of 6,000 lines: a third in an archive, a third in a rotated file."""
    daemon = Daemon({"app": "app.log"})
    third = LINES // 3
    with gzip.open(daemon.path("app.log.2.gz"), "wt") as file:
        file.writelines(f"{line(i)}\n" for i in range(third))
    daemon.append("app.log.1", *map(line, range(third, 2 * third)))
    daemon.append("app.log", *map(line, range(2 * third, LINES)))
    with daemon:
        yield daemon


def hole(page: Any) -> str:
    """Return what the rule of the hole says, where it is in view; its buttons left out."""
    found = [row["text"] for row in rows(page) if "rule-hole" in row["cls"]]
    return found[0].split("\n")[0] if found else ""


def sides(page: Any) -> tuple[list[int], list[int]]:
    """Return the visible lines above the hole, and below it."""
    shown = rows(page)
    at = next(k for k, row in enumerate(shown) if "rule-hole" in row["cls"])
    above, below = (
        [number(row["text"]) for row in part if not row["rule"]]
        for part in (shown[:at], shown[at + 1 :])
    )
    return above, below


def to_hole(page: Any, dy: float = -300) -> tuple[list[int], list[int]]:
    """Scroll to the hole and no farther: nothing of it is loaded by that."""
    scroll_until(page, dy, lambda: hole(page) and all(sides(page)))
    said = hole(page)
    settled(page)
    assert hole(page) == said
    return sides(page)


def read_first(page: Any) -> None:
    """Read the beginning of the log, then go to its end."""
    following(page, LINES - 1)
    page.keyboard.press("Home")
    until(lambda: 0 in numbers(page), "the beginning")
    page.keyboard.press("End")
    following(page, LINES - 1)


def held(page: Any, lines: int) -> None:
    """Wait until the page says that it holds so many lines."""
    foot = page.locator(".foot-right")
    until(lambda: foot.inner_text().endswith(f"in memory {lines:,} lines"), f"{lines} lines")


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name).click()


def test_it_is_loaded_from_both_sides_until_it_is_closed(visit: Visit, daemon: Daemon) -> None:
    """The rule says how much is not loaded; scrolling to it loads nothing. Then pages come in from
    the side where one reads, over the borders of files, and move nothing. When the sides have met
    the rule is gone, and what is held is the log."""
    page = visit(daemon.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    read_first(page)
    above, below = to_hole(page)
    assert contiguous(above)
    assert contiguous(below)
    assert below[0] == LINES - 500
    size = sum(len(line(i)) + 1 for i in range(above[-1] + 1, below[0]))
    told = re.fullmatch(r"([\d.]+) kB not loaded", hole(page))
    assert told, hole(page)
    assert abs(float(told[1]) * 1000 - size) < 2000

    # From below: by the button, then by scrolling on.
    kept = top_of(page, key_of(below[0]))
    press(page, "Load here")
    until(lambda: below[0] - 1 in numbers(page), "what is before it")
    assert top_of(page, key_of(below[0])) == kept
    scroll_until(page, -900, lambda: numbers(page) and numbers(page)[0] < LINES - 2600)
    assert contiguous(numbers(page))

    # From above: what was read is still there. A key that cannot go on says so, and loads.
    page.keyboard.press("Home")
    until(lambda: 0 in numbers(page), "the beginning")
    above, below = to_hole(page, 300)
    assert below[0] < LINES - 2500
    last = click(page, key_of(above[-1]))
    page.keyboard.press("j")
    until(lambda: above[-1] + 1 in numbers(page), "what follows")
    assert "not loaded" in page.inner_text("#spoken")
    assert top_of(page, key_of(above[-1])) == last
    page.keyboard.press("j")
    until(lambda: page.locator(".row.cur", has_text=key_of(above[-1] + 1)).count(), "the next line")
    scroll_until(page, 4000, lambda: mode(page) == "Following")
    held(page, LINES)

    # All of it is held, each line once.
    page.keyboard.press("Home")
    until(lambda: 0 in numbers(page), "the beginning")
    click(page, key_of(0))
    page.keyboard.press("v")
    page.keyboard.press("End")
    following(page, LINES - 1)
    page.locator(".row", has_text=key_of(LINES - 1)).click(
        modifiers=["Shift"], position={"x": 130, "y": 6}
    )
    page.keyboard.press("Control+c")
    until(lambda: page.locator(".toast", has_text=f"{LINES:,} lines copied").count(), "copied")
    assert clipboard(page, daemon) == "\n".join(map(line, range(LINES)))


def test_over_to_the_other_side_and_back(visit: Visit, daemon: Daemon) -> None:
    """By keys: Tab to the button, Enter; what is before the eyes is of that side, on the map too.
    A rotation in the hole changes nothing, and the page goes on to count what comes."""
    page = visit(daemon.url)
    read_first(page)
    above, below = to_hole(page)
    for old, new in ((".2.gz", ".3.gz"), (".1", ".2"), ("", ".1")):
        daemon.path(f"app.log{old}").rename(daemon.path(f"app.log{new}"))
    daemon.append("app.log", *map(line, range(LINES, LINES + 20)))
    until(lambda: "20 new lines" in page.inner_text(".new-button"))

    def percent() -> int:
        """Return where on the map the frame is."""
        return int(page.locator(".map").get_attribute("aria-valuetext").split()[-2])

    assert percent() > 90
    page.focus(".paper")
    for words in ("Load here", "Jump over"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == words
    page.keyboard.press("Enter")
    until(lambda: page.locator(".row.cur", has_text=key_of(above[-1])).count(), "the other side")
    assert page.evaluate("document.activeElement.className") == "paper"
    now, beyond = sides(page)
    assert len(now) > len(beyond) > 0
    assert (now[-1], beyond[0]) == (above[-1], below[0])
    until(lambda: percent() < 10, "on the map")
    press(page, "Jump over")
    until(lambda: page.locator(".row.cur", has_text=key_of(below[0])).count(), "and back")
    press(page, "Load here")
    scroll_until(page, -4000, lambda: 0 in numbers(page))
    scroll_until(page, 4000, lambda: mode(page) == "Following")
    following(page, LINES + 19)
    held(page, LINES + 20)


@pytest.mark.parametrize("how", ["skip", "lag"])
def test_what_is_left_out_is_a_hole_and_no_gap(visit: Visit, how: str) -> None:
    """Skip to live, and a daemon that moves on who is too far behind: what was shown stays above a
    hole, which is read across to the end without a missing line."""
    rng = random.Random(5)

    def make(i: int) -> str:
        return f"{key_of(i)} {rng.randbytes(300).hex()}"  # deflate has little to save

    lag = "0" if how == "skip" else "2 MiB"
    daemon = Daemon({"app": "app.log"}, limits={"files": {"lag_bytes": lag}})
    daemon.append("app.log", *map(make, range(200)))
    with daemon, Relay(daemon.port) as relay:
        # Another one keeps up, so that the daemon has read what this one has not.
        following(visit(daemon.url), 199)
        page = visit(relay.url)
        following(page, 199)
        relay.rate = 500_000 if how == "skip" else 1
        daemon.append("app.log", *map(make, range(200, 12_000)))
        if how == "skip":
            page.get_by_role("button", name="Skip to live").click(timeout=30_000)
        else:
            time.sleep(1)
        relay.rate = None
        following(page, 11_999)
        above, below = to_hole(page)
        assert contiguous(above)
        assert contiguous(below)
        assert above[-1] < below[0] - 1000
        assert not page.locator(".rule-gap").count()
        kept = top_of(page, key_of(below[0]))
        press(page, "Load here")
        until(lambda: below[0] - 1 in numbers(page), "what is before it")
        assert top_of(page, key_of(below[0])) == kept
        assert contiguous(numbers(page))


def test_what_is_in_it_is_found_filtered_and_copied(visit: Visit, daemon: Daemon) -> None:
    """Lines that are selected across the hole are fetched, the next hit may be one in it, and under
    a filter it is one as well."""
    page = visit(daemon.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    read_first(page)
    above, below = to_hole(page)
    click(page, key_of(above[-1]))
    page.locator(".row", has_text=key_of(below[2])).click(
        modifiers=["Shift"], position={"x": 130, "y": 6}
    )
    page.keyboard.press("Control+c")
    until(lambda: page.locator(".toast", has_text="Copied:").count(), "it is copied", 30)
    assert clipboard(page, daemon) == "\n".join(map(line, range(above[-1], below[2] + 1)))
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type(key_of(4321))
    page.keyboard.press("Enter")
    until(lambda: page.locator(".row.cur", has_text=key_of(4321)).count(), "a hit in it")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    add_filter(page, "customer=c_3")
    shown = [i for i in range(LINES) if i % 7 == 3]
    until(lambda: set(numbers(page)) <= set(shown), "filtered")
    page.keyboard.press("Home")
    until(lambda: 3 in numbers(page), "the beginning")
    page.keyboard.press("End")
    following(page, shown[-1])
    above, below = to_hole(page)
    assert above == shown[shown.index(above[0]) :][: len(above)]
    assert below == shown[shown.index(below[0]) :][: len(below)]
    assert above[-1] < below[0] - 7
    press(page, "Load here")
    until(lambda: below[0] - 7 in numbers(page), "what is before it")
    scroll_until(page, -4000, lambda: 3 in numbers(page))
    held(page, len(shown))


def test_each_window_has_its_bound(visit: Visit) -> None:
    """Who follows a flood keeps what he read before: the hole grows, not the memory."""
    wide = "x" * 2000

    def make(i: int) -> str:
        return f"{key_of(i)} {wide}"

    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(make, range(3000)))
        page = visit(daemon.url)
        following(page, 2999)
        page.keyboard.press("Home")
        until(lambda: 0 in numbers(page), "the beginning")
        page.keyboard.press("End")
        following(page, 2999)
        for first in range(3000, 9000, 1000):
            daemon.append("app.log", *map(make, range(first, first + 1000)))
            time.sleep(0.1)
        following(page, 8999)
        page.keyboard.press("Home")
        until(lambda: 0 in numbers(page), "it is still held")
        above, below = to_hole(page, 300)
        assert contiguous(above)
        assert above[0] < 1000
        assert contiguous(below)
        assert 9000 - (8 << 20) / 2000 - 200 < below[0] < 9000 - 3500
        assert hole(page) == f"{below[0] - above[-1] - 1:,} lines not loaded"
