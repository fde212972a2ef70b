"""Find, go to time, the map, links, bookmarks: ways to a place in the whole log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.acceptance import (
    BEGIN,
    add_filter,
    click,
    clipboard,
    following,
    key_of,
    line,
    number,
    numbers,
    scroll_until,
    settled,
)
from tests.web.looking import mode, texts, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
COUNT = 20_000


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon on one log of 20,000 lines, the older half of it in a rotated file."""
    monkeypatch.setenv("TZ", "UTC")
    real = Daemon({"app": "app.log"})
    real.append("app.log.1", *map(line, range(COUNT // 2)))
    real.append("app.log", *map(line, range(COUNT // 2, COUNT)))
    with real:
        yield real


def current(page: Any, i: int) -> None:
    """Wait until line `i` is the current one."""
    until(lambda: page.locator(".row.cur", has_text=key_of(i)).count(), f"line {i} is current")


def middle(page: Any) -> float:
    """Return where in the log the middle of the screen is, as a share."""
    shown = numbers(page)
    return shown[len(shown) // 2] / COUNT if shown else -1


def test_find_looks_through_the_whole_log(visit: Visit, daemon: Daemon) -> None:
    """Hits in view are marked as one types; the daemon counts those of all files; n and N lead to
    hits that were not loaded; Escape closes the bar, and once more takes the marks away."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    page.keyboard.press("Control+f")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Find"
    page.keyboard.type("c_3")
    until(lambda: page.locator(".row .find").count() > 3)
    hits = sum("c_3" in line(i) for i in range(COUNT))
    until(lambda: f"{hits:,} hits" in page.inner_text(".find-label"), f"{hits} hits", 30)
    page.keyboard.press("Control+a")
    page.keyboard.type("order=00077")
    until(lambda: "10 hits" in page.inner_text(".find-label"))
    page.keyboard.press("Shift+Enter")
    current(page, 779)
    assert page.locator(".row.cur .find-cur").count() == 1
    assert mode(page) == "Reading"
    page.keyboard.press("Escape")
    page.keyboard.press("N")
    current(page, 778)
    page.keyboard.press("n")
    current(page, 779)
    page.keyboard.press("n")
    current(page, 770)
    until(lambda: "From the beginning" in page.inner_text(".toasts"))
    # In what is opened under a line hits are marked as well, and others when one looks for others.
    page.keyboard.press("Enter")
    opened = page.locator(".expansion :is(.find, .find-cur)")
    until(lambda: opened.all_inner_texts() == ["order=00077"])
    page.keyboard.press("Control+f")
    page.keyboard.type("customer")
    until(lambda: opened.all_inner_texts() == ["customer", "customer"])
    page.keyboard.press("Control+a")
    page.keyboard.type("order=00077")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    until(lambda: page.locator(".row .find-cur").count() == 0)


def test_find_counts_in_all_logs_of_a_merge(visit: Visit) -> None:
    """Hits of each log count, loaded or not, also where one of them is not there; the arrows lead
    through all of them meanwhile, and the map has the ticks of the log that it shows."""
    logs = ["alpha", "beta", "gamma", "absent"]
    daemon = Daemon({name: f"{name}.log" for name in logs})
    for k, name in enumerate(logs[:3]):
        daemon.append(f"{name}.log", *(line(i) for i in range(k, COUNT, 3)))
    with daemon:
        page = visit(f"{daemon.url}#s={','.join(logs)}")
        following(page, COUNT - 1)
        page.keyboard.press("/")
        page.keyboard.type("order=00077")
        until(lambda: page.inner_text(".find-label") == "10 hits", "all of them", 30)
        assert page.inner_text(".find-note") == "in all of these logs"
        assert page.inner_text(".find-error") == ""
        page.keyboard.press("Shift+Enter")
        current(page, 779)
        page.keyboard.press("Shift+Enter")
        current(page, 778)
        add_filter(page, "-c_3")
        hits = sum("c_3" not in line(i) for i in range(770, 780))
        until(lambda: page.inner_text(".find-label") == f"{hits} hits", "under the filter", 30)


def test_a_second_ctrl_f_is_the_browsers(visit: Visit, daemon: Daemon) -> None:
    """Ctrl F finds in the log; pressed again in the field it is left to the browser."""
    page = visit(daemon.url)
    page.evaluate("""() => {
      window.taken = [];
      addEventListener('keydown', (e) => {
        if (e.key === 'f' && e.ctrlKey) window.taken.push(e.defaultPrevented);
      });
    }""")
    page.keyboard.press("Control+f")
    page.keyboard.press("Control+f")
    assert page.evaluate("window.taken") == [True, False]


def test_find_says_where_it_looks(visit: Visit, daemon: Daemon) -> None:
    """Under a filter, find counts among the lines that are shown, and says so."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    add_filter(page, "c_3")
    until(lambda: {text[-1] for text in texts(page)} == {"3"})
    page.keyboard.press("/")
    page.keyboard.type("order=0199")
    hits = sum("order=0199" in line(i) and line(i).endswith("3") for i in range(COUNT))
    until(lambda: f"{hits} hits" in page.inner_text(".find-label"))
    assert "filter" in page.inner_text(".find-note")


def test_a_new_hit_is_counted(visit: Visit, daemon: Daemon) -> None:
    """What is written while one looks is counted as new."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    page.keyboard.press("/")
    page.keyboard.type("order=0200")
    until(lambda: page.inner_text(".find-label") == "No hits")
    daemon.append("app.log", *map(line, range(COUNT, COUNT + 3)))
    until(lambda: "3 new" in page.inner_text(".find-label"), "three new ones")


def test_errors_are_a_key_away(visit: Visit, daemon: Daemon) -> None:
    """E and e go to the previous and next error, in the lines that are loaded and beyond."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    errors = [i for i in range(COUNT) if "ERROR" in line(i)]
    for i in errors[:-6:-1]:
        page.keyboard.press("E")
        current(page, i)
    page.keyboard.press("e")
    current(page, errors[-4])


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("11:00", 3600),
        ("11:00:07", 3607),
        ("2026-11-21T13:30:10Z", 12_610),
        ("2026-11-21 12:00:00", 7200),
        (str(int(BEGIN.timestamp()) + 4000), 4000),
        ("21 Nov 2026 11:00", 3600),
    ],
)
def test_go_to_time(visit: Visit, daemon: Daemon, typed: str, first: int) -> None:
    """A time is echoed as it was read before one goes there; it leads to the first line at or after
    it, and this is said."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    page.clock.set_fixed_time(BEGIN.replace(hour=18))
    page.keyboard.press("t")
    page.keyboard.type(typed)
    until(lambda: "21 Nov" in page.inner_text(".time-echo"))
    page.keyboard.press("Enter")
    current(page, first)
    assert "first line after" in page.inner_text(".time-echo")


def test_a_time_beyond_the_ends(visit: Visit, daemon: Daemon) -> None:
    """A time before the log or after it is said to be so; what is no time as well."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    for typed, word in (
        ("2026-11-22 09:00", "ends before"),
        ("2026-11-20 09:00", "begins after"),
    ):
        page.keyboard.press("t")
        page.keyboard.press("Control+a")
        page.keyboard.type("nonsense")
        until(lambda: page.locator(".time-echo.bad").count())
        page.keyboard.press("Control+a")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        until(lambda: word in page.inner_text(".time-echo"), word)  # noqa: B023


def test_the_map_leads_to_a_share_of_the_bytes(visit: Visit, daemon: Daemon) -> None:
    """A click at a quarter of the map leads to a quarter of the bytes of all files, and the frame
    on it stands there; ticks show where the hits are."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    until(lambda: "in 2 files" in page.inner_text(".pane-fact"), "the extent of the log is known")
    box = page.locator(".map").bounding_box()
    for share in (0.25, 0.75):
        page.mouse.click(box["x"] + 50, box["y"] + share * box["height"])
        until(lambda: abs(middle(page) - share) < 0.01, f"at {share}")  # noqa: B023
    assert mode(page) == "Reading"
    frame = page.locator(".map-frame").bounding_box()
    assert abs((frame["y"] + frame["height"] / 2 - box["y"]) / box["height"] - 0.75) < 0.02


def test_a_link_leads_to_its_line_after_a_rotation(visit: Visit, daemon: Daemon) -> None:
    """A copied link opens the same line in another browser, marked, under the same filter; also
    when the file has been rotated since."""
    page = visit(daemon.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page, COUNT - 1)
    add_filter(page, "c_2")
    until(lambda: {text[-1] for text in texts(page)} == {"2"})
    scroll_until(page, -900, lambda: numbers(page) and numbers(page)[0] < 18_000)
    settled(page)
    i = numbers(page)[10]
    click(page, key_of(i))
    page.keyboard.press("Y")
    until(lambda: "copied" in page.inner_text(".toasts"))
    link = clipboard(page, daemon)
    assert link.startswith(daemon.url + "#s=app&show=c_2&at=")
    daemon.path("app.log.1").rename(daemon.path("app.log.2"))
    daemon.path("app.log").rename(daemon.path("app.log.1"))
    daemon.append("app.log", *map(line, range(COUNT, COUNT + 500)))
    other = visit(link)
    current(other, i)
    assert mode(other) == "Reading"
    assert {text[-1] for text in texts(other)} == {"2"}


def test_a_link_to_a_line_that_is_gone_explains_itself(visit: Visit, daemon: Daemon) -> None:
    """Where the line of a link is no longer kept, the page says so and shows the oldest."""
    page = visit(daemon.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page, COUNT - 1)
    page.keyboard.press("g")
    until(lambda: 0 in numbers(page))
    settled(page)
    click(page, key_of(5))
    page.keyboard.press("Y")
    until(lambda: "copied" in page.inner_text(".toasts"))
    link = clipboard(page, daemon)
    daemon.path("app.log.1").unlink()
    time.sleep(0.5)
    other = visit(link)
    until(lambda: "no longer kept" in other.inner_text(".toasts"), "it explains itself")
    until(lambda: COUNT // 2 in numbers(other), "the oldest line")


def test_back_and_forward(visit: Visit) -> None:
    """Opening a log, a jump and a filter are steps that one can go back and forth."""
    daemon = Daemon({"app": "app.log", "other": "other.log"})
    daemon.append("other.log", "the other log")
    daemon.append("app.log", *map(line, range(3000)))
    with daemon:
        page = visit(f"{daemon.url}#s=app")
        following(page, 2999)
        time.sleep(0.6)
        page.locator(".tree-row", has_text="other").click()
        until(lambda: texts(page) == ["the other log"])
        time.sleep(0.6)
        page.go_back()
        following(page, 2999)
        assert mode(page) == "Following"
        page.keyboard.press("g")
        until(lambda: numbers(page)[:1] == [0])
        time.sleep(0.6)
        add_filter(page, "c_3")
        until(lambda: {text[-1] for text in texts(page)} == {"3"})
        time.sleep(0.6)
        page.go_back()
        until(lambda: numbers(page)[:2] == [0, 1], "the filter is gone, the place is not")
        page.go_back()
        following(page, 2999)
        page.go_forward()
        until(lambda: numbers(page)[:2] == [0, 1])
        page.go_forward()
        until(lambda: {text[-1] for text in texts(page)} == {"3"})


def test_bookmarks(visit: Visit, daemon: Daemon) -> None:
    """m marks a line, ' leads back to it however far away one is; the status bar tells the time
    between it and the current line. The address keeps it."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    wheel(page, -600)
    settled(page)
    i = numbers(page)[5]
    click(page, key_of(i))
    page.keyboard.press("m")
    until(lambda: page.locator(".row.marked").count() == 1)
    for _ in range(4):
        page.keyboard.press("j")
    until(lambda: "4.0 s after the bookmark" in page.inner_text(".foot-right"))
    page.keyboard.press("g")
    until(lambda: 0 in numbers(page))
    page.keyboard.press("'")
    current(page, i)
    page.keyboard.press("g")
    until(lambda: 0 in numbers(page))
    until(lambda: page.evaluate("/&at=.*&marks=/.test(location.hash)"), "the line and the mark")
    again = visit(page.evaluate("location.href"))
    until(lambda: 0 in numbers(again))
    again.keyboard.press("'")
    current(again, i)
    assert again.locator(".row.marked.cur").count() == 1


def test_the_status_bar_says_where_one_is(visit: Visit, daemon: Daemon) -> None:
    """File and number of the current line, as sed takes it, and its date and time."""
    page = visit(daemon.url)
    following(page, COUNT - 1)
    wheel(page, -600)
    settled(page)
    i = numbers(page)[8]
    click(page, key_of(i))
    until(lambda: f"app.log:{i - COUNT // 2 + 1}" in page.inner_text(".foot-right"), "the number")
    assert "21 Nov 2026" in page.inner_text(".foot-right")
    assert number(daemon.path("app.log").read_text().splitlines()[i - COUNT // 2]) == i
