"""Filters: show, hide and mark lines of the whole log, and come back from it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.acceptance import (
    Stream,
    add_filter,
    click,
    following,
    key_of,
    line,
    number,
    numbers,
    remove_filter,
    scroll_until,
    settled,
)
from tests.web.looking import mode, texts, top_of, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon on one log of 20,000 lines."""
    real = Daemon({"app": "app.log"})
    real.append("app.log", *map(line, range(20_000)))
    with real:
        yield real


def customers(page: Any) -> set[str]:
    """Return the last characters of the visible lines: whose orders they are."""
    return {text[-1] for text in texts(page)}


def test_what_is_typed_is_shown_hidden_or_marked(visit: Visit, daemon: Daemon) -> None:
    """x shows, -x hides, +x marks, /x/i is a pattern in any case; a click on a chip turns it off
    and on; what arrives is filtered too."""
    page = visit(daemon.url)
    following(page, 19_999)
    add_filter(page, "/CUSTOMER=c_[356]$/i")
    until(lambda: customers(page) == {"3", "5", "6"})
    add_filter(page, "-c_6")
    until(lambda: customers(page) == {"3", "5"})
    add_filter(page, "+accepted")
    until(lambda: page.locator(".row .mk1").count() > 10)
    daemon.append("app.log", *map(line, range(20_000, 20_014)))
    until(lambda: numbers(page)[-1:] == [20_011])
    assert customers(page) == {"3", "5"}
    page.locator(".chip-main", has_text="c_6").click()
    until(lambda: customers(page) == {"3", "5", "6"})
    assert page.locator(".chip", has_text="c_6").get_attribute("class").split().count("off") == 1
    page.locator(".chip-main", has_text="c_6").click()
    until(lambda: customers(page) == {"3", "5"})
    page.get_by_label("Remove Show").click()
    until(lambda: len(customers(page)) > 4 and "6" not in customers(page))


def test_the_total_of_a_large_log_grows_with_it(visit: Visit, daemon: Daemon) -> None:
    """Lines that come are added to what the daemon has told of the whole log, and of what a filter
    shows of it; who follows stands at the end of the map, however much has come."""
    ends = """() => {
      const [frame, map] = ['.map-frame', '.map'].map((one) => document.querySelector(one)
        .getBoundingClientRect().bottom);
      return Math.abs(frame - map) < 3;
    }"""
    with Stream(daemon, "app.log", 3000, 20_000) as stream:
        page = visit(daemon.url)
        count = page.locator(".filter-count")
        until(lambda: count.inner_text().startswith("about 2"), "how many lines there are")
        until(lambda: page.evaluate(ends), "the end of the map")
        until(lambda: stream.next > 30_000, "a third more")
        assert page.evaluate(ends)
    following(page, stream.next - 1)
    total = round(stream.next / 1000)
    near = "|".join(f"{n}k" for n in range(total - 4, total + 5))
    until(lambda: re.fullmatch(f"about (?:{near}) lines", count.inner_text()), "all that came")
    page.keyboard.press("Space")
    add_filter(page, "c_3")
    until(lambda: re.fullmatch(rf"about [45][.\dk]* of (?:{near})", count.inner_text()))


def test_the_total_of_a_small_log_is_exact(visit: Visit) -> None:
    """How many lines there are, and how many of them a filter shows, is counted and not guessed
    where all of the log is held."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(310)))
        page = visit(daemon.url)
        until(lambda: page.inner_text(".filter-count") == "310 lines")
        add_filter(page, "c_3")
        until(lambda: page.inner_text(".filter-count") == "44 of 310")


def test_all_filters_off_at_the_same_line(visit: Visit, daemon: Daemon) -> None:
    r"""\ takes all filters away and brings them back; the line before the eyes does not move."""
    page = visit(daemon.url)
    following(page, 19_999)
    add_filter(page, "c_4")
    until(lambda: customers(page) == {"4"})
    scroll_until(page, -900, lambda: numbers(page) and numbers(page)[0] < 18_000)
    settled(page)
    i = numbers(page)[15]
    place = click(page, key_of(i))
    for wanted in (7, 1):
        page.keyboard.press("\\")
        until(lambda: len(customers(page)) == wanted, "toggled")  # noqa: B023
        until(lambda: abs((top_of(page, key_of(i)) or 0) - place) <= 1, "at the same place")
    assert mode(page) == "Reading"


def test_a_wrong_pattern_is_explained_and_changes_nothing(visit: Visit, daemon: Daemon) -> None:
    """What is no pattern is told in a sentence; the filter that was there goes on."""
    page = visit(daemon.url)
    following(page, 19_999)
    add_filter(page, "c_5")
    until(lambda: customers(page) == {"5"})
    add_filter(page, "/(unclosed/")
    until(lambda: page.inner_text(".filter-error"))
    assert len(page.inner_text(".filter-error").split()) > 2
    assert customers(page) == {"5"}
    daemon.append("app.log", *map(line, range(20_000, 20_007)))
    until(lambda: numbers(page)[-1] >= 20_000)
    assert customers(page) == {"5"}


def test_what_only_the_daemon_refuses_is_shown_on_the_chip(visit: Visit, daemon: Daemon) -> None:
    """A pattern that the page takes and the daemon does not leaves a marked chip with the daemon's
    sentence; the last good filter stays."""
    page = visit(daemon.url)
    following(page, 19_999)
    add_filter(page, "c_5")
    until(lambda: customers(page) == {"5"})
    add_filter(page, "/x{1000}{1000}/")
    until(lambda: page.inner_text(".filter-error"))
    time.sleep(0.3)
    assert customers(page) == {"5"}


def test_many_filters_stay_in_their_field(visit: Visit, daemon: Daemon) -> None:
    """However many chips there are, all of them stand in the field, and on nothing else."""
    words = "".join(f"&mark=customer=c_{k}+and+more" for k in range(9))
    page = visit(f"{daemon.url}#s=app{words}", viewport={"width": 1000, "height": 700})
    until(lambda: page.locator(".chip").count() == 9)
    field = page.locator(".chip-box").bounding_box()
    for chip in page.locator(".chip").all():
        box = chip.bounding_box()
        assert field["x"] <= box["x"]
        assert box["x"] + box["width"] <= field["x"] + field["width"]
        assert field["y"] <= box["y"]
        assert box["y"] + box["height"] <= field["y"] + field["height"]
    assert page.locator(".scroller").bounding_box()["y"] >= field["y"] + field["height"]


def test_looking_for_what_is_rare_tells_how_far_it_is(visit: Visit) -> None:
    """A filter that matches nothing near says how far it looked; one that matches nothing at all
    says so and offers the way back."""
    daemon = Daemon({"app": "app.log"})
    with daemon.path("app.log").open("w") as file:
        for first in range(0, 600_000, 20_000):
            file.writelines(f"{line(i)}\n" for i in range(first, first + 20_000))
    with daemon:
        page = visit(daemon.url)
        following(page, 599_999)
        add_filter(page, "order=000017")
        seen = set()

        def progress() -> str:
            box = page.locator(".filter-progress")
            return box.inner_text() if box.is_visible() else ""

        until(lambda: seen.add(progress()) or 17 in numbers(page) or len(seen) > 1, "it tells", 60)
        until(lambda: numbers(page) == [17], "found in the end", 60)
        remove_filter(page)
        add_filter(page, "nowhere to be found")
        until(lambda: "No line matches" in page.inner_text(".notice") or progress(), "told", 60)
        page.keyboard.press("\\")
        until(lambda: len(numbers(page)) > 10)


def test_in_context_and_back(visit: Visit, daemon: Daemon) -> None:
    """c shows a line among its true neighbours; Back returns to it among the hits, at its place."""
    page = visit(daemon.url)
    following(page, 19_999)
    add_filter(page, "c_2")
    until(lambda: customers(page) == {"2"})
    scroll_until(page, -900, lambda: numbers(page) and numbers(page)[0] < 18_000)
    settled(page)
    i = numbers(page)[12]
    place = click(page, key_of(i))
    time.sleep(0.6)
    page.keyboard.press("c")
    until(lambda: {i - 1, i, i + 1} <= set(numbers(page)), "its neighbours")
    until(lambda: page.locator(".row.cur", has_text=key_of(i)).count())
    assert abs(top_of(page, key_of(i)) - place) <= 1
    time.sleep(0.6)
    page.go_back()
    until(lambda: customers(page) == {"2"} and i in numbers(page), "back among the hits")
    until(lambda: abs((top_of(page, key_of(i)) or 0) - place) <= 1, "at its place")


def test_two_panes_on_one_log(visit: Visit, daemon: Daemon) -> None:
    """One log stands in two panes with a filter in one of them, and both go on."""
    page = visit(daemon.url)
    following(page, 19_999)
    page.keyboard.press("|")
    until(lambda: page.locator(".pane").count() == 2)
    until(lambda: page.locator(".pane").nth(1).locator(".row").count() > 5)
    add_filter(page, "c_3")

    def last(k: int) -> str:
        found = page.evaluate(
            "(k) => [...document.querySelectorAll('.pane')[k].querySelectorAll('.row:not(.rule)')]"
            ".map((r) => [r.getBoundingClientRect().top, r.textContent])"
            ".sort((a, b) => b[0] - a[0])[0]?.[1] ?? ''", k
        )  # fmt: skip
        return str(found)

    until(lambda: last(1).endswith("c_3"), "filtered")
    daemon.append("app.log", *map(line, range(20_000, 20_008)))
    until(lambda: number(last(0)) == 20_007, "the first pane has all")
    until(lambda: number(last(1)) >= 20_000 and last(1).endswith("c_3"), "the second one its own")
    assert page.evaluate("document.querySelectorAll('*').length") < 900
    # Of the filter of a pane that is not used stands one line: what it is, and what it leaves.
    page.keyboard.press("1")
    other = page.locator(".pane").nth(1).locator(".filter-bar")
    until(lambda: other.locator(".chip").is_visible() and " of " in other.inner_text())
    assert not other.locator(".chip-field").is_visible()
    assert other.bounding_box()["height"] < 40
    wheel(page, -300)


def test_a_saved_view_keeps_logs_and_filters_but_not_what_was_searched(
    visit: Visit, daemon: Daemon
) -> None:
    """A view is kept under its name with its filters; neither the term of a find nor any log text
    is written to the browser's storage."""
    page = visit(daemon.url)
    following(page, 19_999)
    add_filter(page, "c_6")
    until(lambda: customers(page) == {"6"})
    page.keyboard.press("/")
    page.keyboard.type("secretterm")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save view").click()
    page.locator("dialog.ask input").fill("Six")
    page.keyboard.press("Enter")
    until(lambda: page.locator(".side", has_text="Six").count())
    assert page.locator(".view-open").get_attribute("title") == "app  c_6"
    kept = page.evaluate("JSON.stringify({...localStorage})")
    assert "c_6" in kept
    assert "secretterm" not in kept
    assert "accepted" not in kept
    page.reload()
    page.wait_for_selector(".row:not(.rule)")
    page.locator(".side").get_by_text("Six", exact=True).click()
    until(lambda: customers(page) == {"6"})
