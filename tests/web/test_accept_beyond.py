"""What is not loaded is counted, found and copied as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.acceptance import (
    add_filter,
    click,
    clipboard,
    following,
    key_of,
    line,
    number,
    settled,
)
from tests.web.looking import until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
LINES = 20_000


def step(i: int) -> str:
    """Return line `i` of another log: one half a second behind every third line of the first."""
    return f"{line(3 * i)[:20]}500Z INFO step {key_of(3 * i)}"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon({"app": "app.log", "other": "other.log"}) as daemon:
        daemon.append("other.log", *map(step, range(LINES // 3)))
        daemon.append("app.log", *map(line, range(LINES)))
        yield daemon


def test_lines_that_are_not_loaded_are_copied(visit: Visit, daemon: Daemon) -> None:
    """A selection from the first line to the last, of which the page holds only the ends' windows,
    is fetched when it is copied, and equals the file; under a filter it equals what grep says."""
    page = visit(daemon.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page, LINES - 1)

    def copied(first: int, last: int) -> str:
        page.keyboard.press("Home")
        until(lambda: page.locator(".row", has_text=key_of(first)).count())
        click(page, key_of(first))
        page.keyboard.press("v")
        page.keyboard.press("End")
        until(lambda: page.locator(".row", has_text=key_of(last)).count())
        settled(page)
        page.locator(".row", has_text=key_of(last)).click(
            modifiers=["Shift"], position={"x": 130, "y": 6}
        )
        page.keyboard.press("Control+c")
        until(lambda: page.locator(".toast", has_text="Copied:").count(), "it is copied", 30)
        text = clipboard(page, daemon)
        page.keyboard.press("Escape")
        return text

    written = daemon.path("app.log").read_text().splitlines()
    assert copied(2, LINES - 3) == "\n".join(written[2 : LINES - 2])
    add_filter(page, "customer=c_3")
    kept = [i for i in range(LINES) if i % 7 == 3]
    until(lambda: page.locator(".chip").count() == 1)
    settled(page)
    page.evaluate("document.querySelector('#toasts').replaceChildren()")
    assert copied(kept[1], kept[-2]) == "\n".join(written[i] for i in kept[1:-1])


def test_lines_of_several_logs_that_are_not_loaded_are_copied(visit: Visit, daemon: Daemon) -> None:
    """In a merged view a selection that is not all held is fetched from each of the logs, and put
    together in the order of time."""
    page = visit(f"{daemon.url}#s=app,other")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page, LINES - 1)
    page.keyboard.press("Home")
    until(lambda: page.locator(".row", has_text=key_of(7)).count())
    click(page, key_of(7))
    page.keyboard.press("v")
    page.keyboard.press("End")
    until(lambda: page.locator(".row", has_text=key_of(LINES - 5)).count())
    settled(page)
    page.locator(".row", has_text=f"step {key_of(LINES - 5)}").click(
        modifiers=["Shift"], position={"x": 150, "y": 6}
    )
    page.keyboard.press("Control+c")
    until(lambda: page.locator(".toast", has_text="Copied:").count(), "it is copied", 30)
    both = [*map(line, range(LINES)), *map(step, range(LINES // 3))]
    first, last = line(7), step((LINES - 5) // 3)
    expected = [one for one in sorted(both) if first[:24] <= one[:24] <= last[:24]]
    assert clipboard(page, daemon) == "\n".join(expected)


def test_loaded_lines_are_downloaded(visit: Visit, daemon: Daemon) -> None:
    """What the page holds can be had as a file: as many lines as it says, and those."""
    page = visit(f"{daemon.url}#s=app", accept_downloads=True)
    following(page, LINES - 1)
    settled(page)
    page.keyboard.press("D")
    part = page.locator(".download-part", has_text="Loaded lines")
    count = int(part.locator("span").inner_text().split()[0].replace(",", ""))
    assert 50 < count < LINES
    with page.expect_download() as info:
        part.click()
    got = Path(info.value.path()).read_text()
    assert got == "".join(f"{line(i)}\n" for i in range(LINES - count, LINES))


def test_a_line_that_the_daemon_shortens_says_so(visit: Visit) -> None:
    """Where the rest of a line is missing stands a chip with what there is and what there was."""
    long = f"{line(1)} {'x' * 9000}"
    bounds = {"block_bytes": "4 KiB", "line_bytes": "1 KiB"}
    with Daemon({"app": "app.log"}, limits={"lines": bounds}) as daemon:
        daemon.append("app.log", line(0), long, line(2))
        page = visit(daemon.url)
        following(page, 2)
        row = page.locator(".row", has_text=key_of(1))
        until(lambda: row.locator(".row-chip").inner_text() == "cut at 1 kB of 9.1 kB")
        assert "tailws" not in row.inner_text()


def test_how_much_of_the_log_a_filter_shows(visit: Visit, daemon: Daemon) -> None:
    """Beside the filter stands how many lines the log has, and how many of them it shows; as long
    as not all of them have been loaded, both are said to be estimates."""
    page = visit(daemon.url)
    count = page.locator(".filter-count")
    until(lambda: count.inner_text() == "about 20k lines")
    add_filter(page, "level:error")
    until(lambda: count.inner_text() == "40 of 20k", "all of the errors are held")
    page.locator(".chip-field").focus()
    page.keyboard.press("Backspace")
    add_filter(page, "customer=c_3")
    until(lambda: count.inner_text().startswith("about 2"))
    shown, whole = count.inner_text().removeprefix("about ").split(" of ")
    assert (shown, whole) == ("2.9k", "20k")


def test_hits_in_hidden_lines_are_told(visit: Visit, daemon: Daemon) -> None:
    """Find says where one is among the hits, and how many more there are in lines that the filter
    hides; one click shows them."""
    page = visit(daemon.url)
    add_filter(page, "customer=c_3")
    page.keyboard.press("/")
    page.keyboard.type("ERROR")
    label = page.locator(".find-label")
    hits = [i for i in range(LINES) if i % 500 == 250 and i % 7 == 3]
    until(lambda: label.inner_text() == f"{len(hits)} hits")
    page.keyboard.press("Shift+Enter")
    until(lambda: label.inner_text() == f"1 of {len(hits)}", "the newest hit")
    page.keyboard.press("Shift+Enter")
    until(lambda: label.inner_text() == f"2 of {len(hits)}", "the one before")
    more = page.locator(".find-bar .text-button", has_text="hidden lines")
    until(lambda: more.inner_text() == f"also in {LINES // 500 - len(hits)} hidden lines")
    more.click()
    until(lambda: label.inner_text().endswith(f"of {LINES // 500}"), "the hidden ones too")
    assert not more.is_visible()


def test_panes_that_are_tied_show_the_same_time(visit: Visit) -> None:
    """With two panes tied, scrolling in one leads the other to the same time, loaded or not, and
    back to the end; untied, each stays where it is."""
    with Daemon({"app": "app.log", "other": "other.log"}) as daemon:
        daemon.append("app.log", *map(line, range(8000)))
        daemon.append("other.log", *map(line, range(0, 8000, 3)))
        page = visit(f"{daemon.url}#s=app&p=s%3Dother")
        first, second = (page.locator(".pane").nth(k) for k in (0, 1))

        def top(pane: Any) -> int:
            """Return the first line that is wholly visible."""
            found: str = pane.evaluate("""(pane) => {
              const top = pane.querySelector('.scroller').getBoundingClientRect().top;
              const rows = [...pane.querySelectorAll('.row:not(.rule)')]
                .map((row) => [row.getBoundingClientRect().top - top, row.textContent])
                .filter(([y]) => y > -1).sort((a, b) => a[0] - b[0]);
              return rows[0]?.[1] ?? 'order=0';
            }""")
            return number(found)

        until(lambda: top(second) > 7800, "the end of both")
        first.locator(".row", has_text=key_of(7990)).click(position={"x": 130, "y": 6})
        page.locator(".pane.focused").get_by_label("Tie the panes").click()
        page.keyboard.press("t")
        page.keyboard.type("2026-11-21T11:00:00Z")
        page.keyboard.press("Enter")
        until(lambda: abs(top(first) - 3600) < 60, "the time in the first")
        until(lambda: 0 <= top(second) - top(first) < 3, "the same in the other")
        wheel(page, -2000)
        until(lambda: top(first) < 3550 and 0 <= top(second) - top(first) < 3, "further up")
        page.keyboard.press("End")
        until(lambda: top(second) > 7800, "the end again")
        page.locator(".pane.focused").get_by_label("Tie the panes").click()
        wheel(page, -2000)
        until(lambda: top(first) < 7900, "the first alone")
        assert second.locator(".row", has_text=key_of(7998)).count() == 1
