"""Following and reading on the real daemon and real files: only the user moves the view."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.acceptance import (
    Stream,
    add_filter,
    click,
    contiguous,
    following,
    key_of,
    line,
    number,
    numbers,
    remove_filter,
    scroll_until,
    settled,
)
from tests.web.looking import mode, rows, texts, top_of, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon on one log of 3,000 lines."""
    real = Daemon({"app": "app.log"})
    real.append("app.log", *map(line, range(3000)))
    with real:
        yield real


#: The wheel has turned, and there are rows up to the upper edge.
_FILLED = """(place) => {
  const box = document.querySelector('.scroller');
  const { top } = box.getBoundingClientRect();
  return box.scrollTop < place && [...document.querySelectorAll('.row:not(.rule)')].some((row) => {
    const at = row.getBoundingClientRect();
    return at.top <= top && at.bottom >= top;
  });
}"""


def odd(i: int) -> str:
    """Return a line between 20 and 2,000 characters long."""
    return f"{key_of(i)} " + "word and more " * (i * 37 % 140)


def test_the_first_visit_follows_the_log_that_lives(visit: Visit) -> None:
    """Without a word, the log with the newest line is shown at its end, following, with the focus
    in it."""
    daemon = Daemon({"old": "old.log", "new": "new.log", "older": "older.log"})
    for name, age in (("old.log", 1000), ("new.log", 3000), ("older.log", 2000)):
        daemon.append(name, "an old line")
        os.utime(daemon.path(name), (time.time() - age, time.time() - age))
    with daemon:
        # What counts is the newest line at the time of the visit, not at the start of the daemon.
        daemon.append("new.log", *map(line, range(500)))
        page = visit(daemon.url)
        following(page, 499)
        assert mode(page) == "Following"
        focused = "document.activeElement.getAttribute('role')"
        until(lambda: page.evaluate(focused) == "tree", "the focus is in it")


#: How long after the one before each change of the rows is drawn, ms.
_DRAWN = """
window.drawn = [];
let last = performance.now();
new MutationObserver(() => {
  const now = performance.now();
  drawn.push(now - last);
  last = now;
}).observe(document.querySelector('.rows'), {subtree: true, childList: true, characterData: true});
"""


def test_lines_that_nobody_can_read_are_drawn_in_half_of_the_frames(
    visit: Visit, daemon: Daemon
) -> None:
    """Where more come than the window has room for, the next frame shows none of them any more:
    every other one is left out, and so is half of the work."""
    page = visit(daemon.url)
    following(page, 2999)
    with Stream(daemon, "app.log", 30_000, 3000):
        until(lambda: numbers(page)[-1] > 6000)
        page.evaluate(f"() => {{ {_DRAWN} }}")
        until(lambda: page.evaluate("drawn.length") > 60)
        drawn = page.evaluate("drawn")
    assert len([pause for pause in drawn if pause < 24]) < len(drawn) / 4


def test_a_notch_of_the_wheel_stops_and_then_nothing_moves(visit: Visit, daemon: Daemon) -> None:
    """At 5,000 lines a second one notch upwards reads at once; the line before the eyes then keeps
    its place to the pixel."""
    page = visit(daemon.url)
    following(page, 2999)
    with Stream(daemon, "app.log", 5000, 3000):
        until(lambda: numbers(page)[-1] > 4000)
        wheel(page, -120)
        until(lambda: mode(page) == "Reading")
        time.sleep(0.4)
        marked = rows(page)[10]
        for _ in range(30):
            assert top_of(page, marked["text"]) == marked["top"]
            time.sleep(0.05)


@pytest.mark.parametrize("make", [line, odd])
def test_history_in_front_and_lines_behind_move_nothing(
    visit: Visit, make: Callable[[int], str]
) -> None:
    """Thousands of lines of history are put in front while new ones arrive behind: the line that is
    read stays, and the scroll position is the user's alone. So too when long lines are wrapped."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(make, range(20_000 if make is odd else 33_000)))
    last = 19_999 if make is odd else 32_999
    with daemon:
        page = visit(daemon.url)
        following(page, last)
        if make is odd:
            page.keyboard.press("z")
        page.evaluate("""() => {
          const el = document.querySelector('.scroller');
          const own = Object.getOwnPropertyDescriptor(Element.prototype, 'scrollTop');
          window.writes = 0;
          window.armed = false;
          Object.defineProperty(el, 'scrollTop', {get() { return own.get.call(this); },
            set(v) { if (window.armed) window.writes++; own.set.call(this, v); }});
        }""")
        with Stream(daemon, "app.log", 500, last + 1, make):
            wheel(page, -400)
            until(lambda: mode(page) == "Reading")
            # Where reading began: the stream may have come far by then.
            lowest = began = until(lambda: len(texts(page)) > 1 and numbers(page), "rows")[0]
            page.evaluate("window.armed = true")
            for _ in range(120):
                # Less than a screen, and then until it is filled: never past what is loaded, where
                # it is the page's turn to hold on.
                place = page.evaluate("document.querySelector('.scroller').scrollTop")
                wheel(page, -600)
                page.wait_for_function(_FILLED, arg=place)
                lowest = min(lowest, numbers(page)[0])
            assert lowest < began - (300 if make is odd else 2500)
            marked = settled(page)[3]
            time.sleep(1)
            assert top_of(page, marked["text"][:60]) == marked["top"]
            assert contiguous(numbers(page))
            assert page.evaluate("window.writes") == 0


def test_whatever_changes_around_it_the_current_line_stays(visit: Visit) -> None:
    """Narrower windows down to a phone's, wrapping, a filter, the find bar and the theme leave the
    current line where it is, to a pixel."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *(f"{line(i)} {'word ' * (i % 60)}" for i in range(3000)))
    with daemon:
        page = visit(daemon.url)
        following(page, 2999)
        for _ in range(10):
            wheel(page, -1500)
            time.sleep(0.02)
        settled(page)
        i = next(n for n in numbers(page)[14:] if n % 7 == 3)
        name = key_of(i)
        place = click(page, name)
        steps: list[tuple[str, Callable[[], Any]]] = [
            ("wrap", lambda: page.keyboard.press("z")),
            ("900 px", lambda: page.set_viewport_size({"width": 900, "height": 900})),
            ("390 px", lambda: page.set_viewport_size({"width": 390, "height": 900})),
            ("1440 px", lambda: page.set_viewport_size({"width": 1440, "height": 900})),
            ("no wrap", lambda: page.keyboard.press("z")),
            ("find", lambda: page.keyboard.press("/")),
            ("find closed", lambda: page.keyboard.press("Escape")),
            ("filter", lambda: add_filter(page, "c_3")),
            ("filter off", lambda: page.keyboard.press("\\")),
            ("theme", lambda: page.get_by_label("Theme").click()),
        ]
        for what, step in steps:
            step()
            try:
                until(lambda: abs((top_of(page, name) or 0) - place) <= 1, what, 5)
            except AssertionError:
                raise AssertionError(f"{what}: from {place} to {top_of(page, name)}") from None
            settled(page)
            now = top_of(page, name)
            assert now is not None, what
            assert abs(now - place) <= 1, f"{what}: from {place} to {now}"


def test_a_view_that_shrinks_does_not_follow(visit: Visit, daemon: Daemon) -> None:
    """A filter that leaves a few lines goes on reading; the user's own way to the end follows: the
    wheel down to the last line, End, G, F, and the button."""
    page = visit(daemon.url)
    following(page, 2999)
    for back in ("wheel", "End", "G", "F", "button"):
        wheel(page, -300)
        until(lambda: mode(page) == "Reading")
        add_filter(page, "order=00299")
        until(lambda: numbers(page) == list(range(2990, 3000)), "ten lines are left")
        time.sleep(0.3)
        assert mode(page) == "Reading"
        place = top_of(page, key_of(2990))
        remove_filter(page)
        until(lambda: 2989 in numbers(page), "unfiltered again")
        assert mode(page) == "Reading"
        assert top_of(page, key_of(2990)) == place
        if back == "wheel":
            scroll_until(page, 900, lambda: mode(page) == "Following")
        elif back == "button":
            page.click(".new-button")
        else:
            page.keyboard.press(back)
        until(lambda: mode(page) == "Following", back)
        following(page, 2999)


def test_the_button_counts_what_came_meanwhile(visit: Visit, daemon: Daemon) -> None:
    """While one reads, the button counts exactly the lines that came, and the errors among them;
    the count of errors leads to the first of them."""
    page = visit(daemon.url)
    following(page, 2999)
    page.keyboard.press(" ")
    until(lambda: mode(page) == "Reading")
    daemon.append("app.log", *map(line, range(3000, 4284)))
    errors = sum("ERROR" in line(i) for i in range(3000, 4284))
    until(lambda: "1,284 new lines" in page.inner_text(".new-button"))
    assert page.inner_text(".new-errors") == f"{errors} errors"
    page.click(".new-errors")
    until(lambda: page.locator(".row.cur", has_text=key_of(3250)).count())
    assert mode(page) == "Reading"


def test_one_who_reads_is_not_buried(visit: Visit, daemon: Daemon) -> None:
    """Reading under a flood, the page lets go of the live lines but counts on; End shows the end;
    what was read is above a hole, which is read across line by line, and is kept as it was."""
    page = visit(daemon.url)
    following(page, 2999)
    wheel(page, -300)
    until(lambda: mode(page) == "Reading")
    settled(page)
    marked = rows(page)[8]
    page.locator(".row", has_text=marked["text"]).click(position={"x": 130, "y": 6})
    page.keyboard.press("m")
    wide = "x" * 200

    def make(i: int) -> str:
        return f"{key_of(i)} {wide}"

    for first in range(3000, 43_000, 4000):
        daemon.append("app.log", *map(make, range(first, first + 4000)))
        time.sleep(0.1)
    until(lambda: "40,000 new lines" in page.inner_text(".new-button"), "all are counted", 30)
    assert top_of(page, marked["text"]) == marked["top"]
    held = page.locator(".foot-right").inner_text()
    assert "in memory" in held
    page.keyboard.press("End")
    following(page, 42_999)
    page.keyboard.press("Alt+ArrowLeft")
    until(lambda: top_of(page, marked["text"]) == marked["top"], "back where one was")
    page.keyboard.press("End")
    following(page, 42_999)
    # Over the hole, what was read is where it was, and nothing is asked for to show it.
    hole = page.locator(".rule-hole")
    scroll_until(page, -300, hole.count)
    assert "not loaded" in hole.inner_text()
    page.get_by_role("button", name="Jump over").click()
    until(lambda: page.locator(".row.cur").count(), "the other side")
    assert number(page.locator(".row.cur").inner_text()) < 30_000
    page.keyboard.press("'")
    until(lambda: page.locator(".row.marked.cur", has_text=marked["text"]).count(), "the mark")
    page.keyboard.press("End")
    following(page, 42_999)
    # Upwards from the end, through what was never shown, without a missing line.
    seen = 43_000
    for _ in range(60):
        wheel(page, -900)
        time.sleep(0.02)
        shown = rows(page)
        below = next((k + 1 for k, row in enumerate(shown) if "rule-hole" in row["cls"]), 0)
        lines = [number(row["text"]) for row in shown[below:]]
        if lines:
            assert contiguous(lines)
            assert lines[-1] >= seen - 200
            seen = min(seen, lines[0])
    assert seen < 42_000


def test_sixty_lines_a_frame_are_as_many_elements_as_one(visit: Visit, daemon: Daemon) -> None:
    """At 5,000 lines a second the document stays small and the newest line is in view."""
    page = visit(daemon.url)
    following(page, 2999)
    stream = Stream(daemon, "app.log", 5000, 3000)
    most = 0
    try:
        for _ in range(15):
            time.sleep(0.1)
            most = max(most, page.evaluate("document.querySelectorAll('*').length"))
    finally:
        end = stream.stop()
    assert most < 600
    following(page, end - 1)
    assert contiguous([number(text) for text in texts(page)])
