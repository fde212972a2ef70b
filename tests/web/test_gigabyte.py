"""Beyond the screen: find, filter, time, places, downloads; over a gigabyte with five archives."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.web import gigabyte
from tests.web.acceptance import add_filter, clipboard, settled
from tests.web.gigabyte import ARCHIVES, LINES, LIVE, NEEDLES, failure, key_of, needle, time_of
from tests.web.looking import mode, texts, until
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
#: Seconds of patience: a busy machine reads a gigabyte slowly.
PATIENCE = 120
FIRST_LIVE = sum(ARCHIVES.values())
LAST = FIRST_LIVE + LIVE - 1


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """The log is written once for all tests of this file."""
    real = Daemon({"app": "app.log"})
    gigabyte.write(real.directory)
    with real:
        yield real


def wait(condition: Callable[[], Any], what: str = "") -> Any:
    return until(condition, what, PATIENCE)


def following(page: Any) -> None:
    wait(lambda: key_of(LAST, LINES - 1) in "".join(texts(page)[-1:]), "the end of the log")


def current(page: Any, text: str) -> None:
    """Wait until a line is the current one."""
    wait(lambda: page.locator(".row.cur", has_text=text).count(), f"{text} is current")


def address(page: Any) -> str:
    """What is in the address bar; `page.url` learns of it only during some call."""
    found: str = page.evaluate("location.href")
    return found


def look_for(page: Any, text: str) -> None:
    """Type into the find bar, by keys."""
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def go_to(page: Any, typed: str) -> None:
    """Go to a time, by keys."""
    page.keyboard.press("t")
    page.keyboard.press("Control+a")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")


def lines_on(page: Any) -> list[str]:
    """The visible lines of the log."""
    return [text for text in texts(page) if text]


def test_find_over_everything(visit: Visit, daemon: Daemon) -> None:
    """It counts the hits of all files, says how far it is and in which file, marks them on the map,
    and leads from one to the next, newest first and back, through archives of every kind. What is
    looked for is in the address."""
    page = visit(daemon.url)
    following(page)
    page.evaluate("""() => {
      window.progress = [];
      new MutationObserver(() => window.progress.push(
        document.querySelector('.find-progress')?.textContent ?? '')
      ).observe(document.body, {subtree: true, childList: true, characterData: true});
    }""")
    look_for(page, "needle=")
    wait(lambda: page.inner_text(".find-label") == f"{len(NEEDLES)} hits", "all hits")
    told = page.evaluate("window.progress")
    assert any("now in app.log" in text for text in told), set(told)
    for second in NEEDLES[::-1]:
        page.keyboard.press("Shift+Enter")
        current(page, f"needle={second}")
    page.keyboard.press("Escape")
    for second in NEEDLES[1:]:
        page.keyboard.press("n")
        current(page, f"needle={second}")
    wait(lambda: "q=needle=" in address(page), "it is in the address")
    for second in NEEDLES:
        wait(lambda: near(ticks(page), second / (LAST + 1)), f"a tick of {second}")  # noqa: B023


def ticks(page: Any) -> list[float]:
    """Where on the map hits are marked, as shares of its height."""
    found: list[float] = page.evaluate("""() => {
      const map = document.querySelector('.map-canvas'), {width, height} = map;
      const pixels = map.getContext('2d').getImageData(width - 3, 0, 1, height).data;
      const rows = [];
      for (let y = 0; y < height; y++) if (pixels[4 * y + 3] > 200) rows.push(y / height);
      return rows;
    }""")
    return found


def near(places: list[float], place: float) -> bool:
    return any(abs(at - place) < 0.02 for at in places)


def test_more_hits_than_are_told_one_by_one(visit: Visit, daemon: Daemon) -> None:
    """The search ends at its bound and says so; the map shows all the same where there are hits."""
    page = visit(daemon.url)
    following(page)
    look_for(page, "ERROR order")
    wait(lambda: page.inner_text(".find-label") == f"{2 * (LAST + 1):,} hits", "all of them")
    look_for(page, "c_3")
    wait(lambda: page.inner_text(".find-label") == "10,000 hits and more", "the bound")
    wait(lambda: all(near(ticks(page), place / 20) for place in range(1, 20)), "ticks all over")


def test_a_search_can_be_stopped(visit: Visit, daemon: Daemon) -> None:
    """What would take minutes ends with a key, and the daemon is free for the next search."""
    page = visit(daemon.url)
    following(page)
    page.keyboard.press("/")
    page.locator(".find-bar").get_by_label("Regular expression").focus()
    page.keyboard.press("Enter")
    look_for(page, "o.{90}r.{90}zz")
    wait(lambda: page.locator(".find-bar-progress").is_visible(), "it looks")
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    wait(lambda: not page.locator(".find-bar-progress").is_visible(), "it has stopped")
    look_for(page, "needle=5[0-9]+")
    wait(lambda: page.inner_text(".find-label") == "1 hit", "the next search")


@pytest.mark.parametrize("second", [520, 5])
def test_go_to_time(visit: Visit, daemon: Daemon, second: int) -> None:
    """In the live file and in archives, to the first line of that time; the place is kept in the
    address, and opens there again."""
    page = visit(daemon.url)
    following(page)
    go_to(page, f"{time_of(second)}Z")
    current(page, key_of(second))
    page.keyboard.press("Escape")
    wait(lambda: "at=" in address(page), "the place is in the address")
    again = visit(address(page))
    current(again, key_of(second))
    assert mode(again) == "Reading"


def test_a_time_in_the_address(visit: Visit, daemon: Daemon) -> None:
    """`since` opens a log at a time, also in an archive; what is no time is said so."""
    page = visit(f"{daemon.url}#s=app&since={time_of(9)}Z")
    current(page, key_of(9))
    page = visit(f"{daemon.url}#s=app&since=soon")
    until(lambda: "Not a time" in page.inner_text(".toasts"))
    following(page)


def test_a_filter_over_everything_and_a_line_in_context(visit: Visit, daemon: Daemon) -> None:
    """The few lines that a filter shows come from all files, stack traces whole; one of them in
    context stands among its neighbours, and one comes back to the filter."""
    page = visit(daemon.url)
    following(page)
    add_filter(page, "/needle=|payment failed/")
    wait(lambda: lines_on(page)[:1] == [needle(1000)], "the filter")
    shown = [
        line
        for second in range(LAST + 1)
        for line in (
            [needle(second)] * (second in NEEDLES)
            + failure(second).splitlines() * (second in gigabyte.FAILURES)
        )
    ]
    page.keyboard.press("Z")
    page.keyboard.press("g")
    wait(lambda: lines_on(page)[:1] == [needle(1)], "the first line that is shown")
    assert len(shown) == 6 + 4 * 16
    wait(lambda: [t.strip() for t in lines_on(page)[:24]] == [t.strip() for t in shown[:24]])
    page.keyboard.press("/")
    page.keyboard.type("needle=9")
    page.keyboard.press("Enter")
    current(page, "needle=9")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    wait(lambda: any(key_of(10) in text for text in texts(page)), "its neighbours")
    now = lines_on(page)
    at = next(i for i, text in enumerate(now) if "needle=9" in text)
    assert key_of(9, LINES - 1) in now[at - 1]
    assert key_of(10) in now[at + 1]
    page.keyboard.press("Alt+ArrowLeft")
    wait(lambda: any("payment failed" in text for text in texts(page)), "the filter again")
    current(page, "needle=9")
    assert "show=" in address(page)


def test_bookmarks_far_apart(visit: Visit, daemon: Daemon) -> None:
    """Two lines, a gigabyte apart: a key leads from one to the other."""
    page = visit(daemon.url)
    following(page)
    for second in (LAST - 1, 6):
        go_to(page, f"{time_of(second)}Z")
        current(page, key_of(second))
        page.keyboard.press("Escape")
        page.keyboard.press("m")
        wait(lambda: page.locator(".row.marked").count() == 1, "marked")
    page.keyboard.press("'")
    current(page, key_of(LAST - 1))
    page.keyboard.press('"')
    current(page, key_of(6))


def saved(page: Any, name: str) -> bytes:
    """What the page's dialog downloads under that name, by keys."""
    page.keyboard.press("D")
    part = page.locator(".download-part", has_text=name)
    part.focus()
    with page.expect_download(timeout=PATIENCE * 1000) as info:
        page.keyboard.press("Enter")
    return Path(info.value.path()).read_bytes()


def test_downloads_of_the_page_are_the_files_bytes(visit: Visit, daemon: Daemon) -> None:
    """Selected lines, and what a filter shows of the whole log, with traces whole."""
    page = visit(daemon.url, accept_downloads=True)
    following(page)
    go_to(page, f"{time_of(7)}Z")
    current(page, key_of(7))
    page.keyboard.press("Escape")
    settled(page)
    page.keyboard.press("v")
    for _ in range(9):
        page.keyboard.press("j")
    page.keyboard.press("v")
    text = b"".join(gigabyte.seconds(7, 1))
    wanted = b"".join(text.splitlines(keepends=True)[:10])
    assert saved(page, "Selected lines") == wanted
    page.keyboard.press("Escape")
    add_filter(page, "/needle=|payment failed/")
    wait(lambda: any("payment failed" in text for text in texts(page)), "the filter")
    shown = b"".join(
        b"".join(
            f"{made(second)}\n".encode()
            for made, those in ((needle, NEEDLES), (failure, gigabyte.FAILURES))
            if second in those
        )
        for second in range(LAST + 1)
    )
    assert saved(page, "This view") == shown


def test_a_download_of_the_whole_is_the_files_bytes(daemon: Daemon) -> None:
    """A gigabyte and five archives, byte by byte."""
    got = expected = 0
    with urlopen(f"{daemon.url}download", urlencode({"source": "app"}).encode()) as answer:
        while data := answer.read(1 << 20):
            got = zlib.crc32(data, got)
    for text in gigabyte.pieces(daemon.directory):
        expected = zlib.crc32(text, expected)
    assert got == expected


def test_a_link_outlives_a_rotation(visit: Visit, daemon: Daemon) -> None:
    """To a line of the live file, and to one of an archive that gets another number."""
    page = visit(daemon.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page)
    links = {}
    for second in (700, 14):
        go_to(page, f"{time_of(second)}Z")
        current(page, key_of(second))
        page.keyboard.press("Escape")
        page.keyboard.press("Y")
        wait(lambda: "copied" in page.inner_text(".toasts"))
        had = set(links.values())  # the toast may be that of the link before
        links[second] = wait(lambda had=had: {clipboard(page, daemon)} - had, "a link").pop()
    for name in ARCHIVES:
        number, _, packing = name.partition(".")
        old = daemon.path(f"app.log.{name}")
        old.rename(daemon.path(f"app.log.{int(number) + 1}.{packing}"))
    daemon.path("app.log").rename(daemon.path("app.log.1"))
    daemon.append("app.log", "a new file")
    for second, link in links.items():
        other = visit(link)
        current(other, key_of(second))
        assert mode(other) == "Reading"
