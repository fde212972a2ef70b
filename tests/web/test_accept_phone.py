"""On a phone: everything is reachable with a thumb, and nothing is cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.acceptance import Stream, clipboard, contiguous, following, line, numbers
from tests.web.looking import mode, texts, until
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]

SIZES = [(390, 844), (320, 568)]


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon on three logs: with long lines, with some, and with a few."""
    real = Daemon({"app": "app.log", "shop/other": "other.log", "few": "few.log"})
    real.append("few.log", *map(line, range(3)))
    real.append("other.log", *map(line, range(5000, 5040)))
    real.append("app.log", *(f"{line(i)} {'word ' * (i % 40)}" for i in range(3000)))
    with real:
        yield real


def phone(visit: Visit, url: str, size: tuple[int, int]) -> Any:
    """Open the page on a phone."""
    width, height = size
    return visit(
        url, viewport={"width": width, "height": height}, has_touch=True, is_mobile=True,
        device_scale_factor=2,
    )  # fmt: skip


def fits(page: Any) -> bool:
    """Tell whether the page is no wider than the screen."""
    return bool(
        page.evaluate(
            "[document.documentElement, document.body].every((el) => el.scrollWidth <= innerWidth)"
        )
    )


def too_small(page: Any) -> list[str]:
    """Return the controls that a thumb would miss."""
    found = page.evaluate("""() => {
      const top = (el) => {
        const b = el.getBoundingClientRect();
        const hit = document.elementFromPoint(b.left + b.width / 2, b.top + b.height / 2);
        return hit && (el === hit || el.contains(hit) || hit.contains(el));
      };
      return [...document.querySelectorAll('button, [role=treeitem], select, input, a[href]')]
        .filter((el) => !el.closest('.row') && el.offsetParent !== null && top(el))
        .map((el) => (el.localName === 'input' && el.closest('.chip-box, .find-box')) || el)
        .map((el) => [el, el.getBoundingClientRect()])
        .filter(([, b]) => b.width > 0 && (b.height < 43.5 || b.width < 43.5))
        .map(([el, b]) => [el.localName, el.className, el.getAttribute('aria-label'),
          el.textContent, Math.round(b.width), Math.round(b.height)].join(' '));
    }""")
    return list(found)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nothing_is_cut_off_and_nothing_too_small(
    visit: Visit, daemon: Daemon, size: tuple[int, int]
) -> None:
    """No sideways scrolling of the page, and every target is as large as a thumb: following,
    reading, with the sources, the filter, find, time and the menu open."""
    page = phone(visit, f"{daemon.url}#s=app", size)
    following(page, 2999)
    assert fits(page)
    assert too_small(page) == []
    page.keyboard.press("k")
    until(lambda: mode(page) == "Reading")
    assert fits(page)
    assert too_small(page) == []
    for name in ("Sources", "Filter", "Time"):
        page.locator(".tab", has_text=name).tap()
        time.sleep(0.4)
        assert fits(page), name
        assert too_small(page) == [], name
        page.keyboard.press("Escape")
        time.sleep(0.3)
    page.get_by_label("Find", exact=True).first.tap()
    time.sleep(0.3)
    assert fits(page)
    assert too_small(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("More").tap()
    time.sleep(0.3)
    assert fits(page)
    assert too_small(page) == []


def test_by_thumb(visit: Visit, daemon: Daemon) -> None:
    """Sources, filter, time, errors, find and the way back to the end work by taps."""
    page = phone(visit, f"{daemon.url}#s=shop/other", (390, 844))
    following(page, 5039)
    page.locator(".tab", has_text="Sources").tap()
    page.locator(".tree-row", has_text="app").tap()
    following(page, 2999)
    page.locator(".tab", has_text="Prev error").tap()
    until(lambda: page.locator(".row.cur", has_text="order=002750").count())
    assert mode(page) == "Reading"
    page.locator(".tab", has_text="Prev error").tap()
    until(lambda: page.locator(".row.cur", has_text="order=002250").count())
    page.locator(".tab", has_text="Next error").tap()
    until(lambda: page.locator(".row.cur", has_text="order=002750").count())
    page.locator(".tab", has_text="Time").tap()
    page.keyboard.type("2026-11-21T10:10:00Z")
    page.keyboard.press("Enter")
    until(lambda: page.locator(".row.cur", has_text="order=000600").count())
    daemon.append("app.log", *map(line, range(3000, 3020)))
    until(lambda: "20 new lines" in page.inner_text(".new-button"))
    page.locator(".new-button").tap()
    following(page, 3019)
    assert mode(page) == "Following"
    page.locator(".tab", has_text="Filter").tap()
    page.keyboard.type("c_3")
    page.keyboard.press("Enter")
    until(lambda: all("c_3" in text for text in texts(page)))
    page.locator(".preset", has_text="Errors").tap()
    until(
        lambda: page.locator(".preset", has_text="Errors").get_attribute("aria-pressed") == "true"
    )


def test_what_stands_in_the_text_can_be_touched_too(visit: Visit, daemon: Daemon) -> None:
    """The button of a folded stack trace is part of its line, whose height it leaves as it is, and
    still a target for a thumb; wrapped lines stay within the screen."""
    frames = (f'  File "/srv/orders/pay/client_{i}.py", line 118, in capture' for i in range(20))
    trace = ["Traceback (most recent call last):", *frames, "ValueError: no"]
    daemon.append("app.log", "ERROR boom", *trace, *map(line, range(3000, 3004)))
    page = phone(visit, f"{daemon.url}#s=app", (390, 844))
    following(page, 3003)
    chip = page.locator(".row-chip", has_text="more lines")
    until(lambda: chip.count() == 1)
    missed = page.evaluate("""(chip) => {
      const at = chip.getBoundingClientRect();
      const [x, y] = [at.left + at.width / 2, at.top + at.height / 2];
      return [-21, -10, 0, 10, 21].filter((dy) => document.elementFromPoint(x, y + dy) !== chip);
    }""", chip.element_handle())  # fmt: skip
    assert missed == []
    assert page.evaluate("""(chip) => {
      const [its, row] = [chip, chip.parentElement].map((el) => el.getBoundingClientRect());
      return its.top >= row.top - 1 && its.bottom <= row.bottom + 1;
    }""", chip.element_handle())  # fmt: skip
    chip.tap()
    until(lambda: any("client_3.py" in text for text in texts(page)))
    assert mode(page) == "Reading"
    wide = "[...document.querySelectorAll('.row')].some((row) => row.offsetWidth > innerWidth)"
    assert not page.evaluate(wide)


def swipes(page: Any) -> Callable[[int], None]:
    """Return a finger that moves over the log by so many pixels, downwards if positive."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *y: int) -> None:
        points = [{"x": 150, "y": at} for at in y]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def swipe(distance: int) -> None:
        step = 40 if distance > 0 else -40
        start = 200 if distance > 0 else 600
        touch("touchStart", start)
        for y in range(start, start + distance + (1 if distance > 0 else -1), step):
            touch("touchMove", y)
        touch("touchEnd")

    return swipe


def test_a_swipe_goes_on_where_there_is_nothing_to_scroll(visit: Visit, daemon: Daemon) -> None:
    """Of a log that fits the screen a swipe downwards reads, and one upwards follows again."""
    page = phone(visit, f"{daemon.url}#s=few", (390, 844))
    following(page, 2)
    swipe = swipes(page)
    swipe(200)
    until(lambda: mode(page) == "Reading")
    swipe(-200)
    until(lambda: mode(page) == "Following")
    daemon.append("few.log", line(3))
    following(page, 3)


def test_a_swipe_is_not_disturbed(visit: Visit, daemon: Daemon) -> None:
    """A touch upwards reads at once; history that is put in front while the finger moves writes no
    scroll position, so momentum goes on."""
    page = phone(visit, f"{daemon.url}#s=app", (390, 844))
    following(page, 2999)
    page.evaluate("""() => {
      const el = document.querySelector('.scroller');
      const own = Object.getOwnPropertyDescriptor(Element.prototype, 'scrollTop');
      window.writes = 0;
      window.armed = false;
      Object.defineProperty(el, 'scrollTop', {get() { return own.get.call(this); },
        set(v) { if (window.armed) window.writes++; own.set.call(this, v); }});
    }""")
    swipe = swipes(page)
    with Stream(daemon, "app.log", 200, 3000):
        swipe(200)
        until(lambda: mode(page) == "Reading")
        page.evaluate("window.armed = true")
        before = numbers(page)[0]
        for _ in range(12):
            swipe(440)
            assert contiguous(numbers(page))
        assert numbers(page)[0] < before - 40
        assert page.evaluate("window.writes") == 0


def test_lines_selected_by_a_long_press(visit: Visit, daemon: Daemon) -> None:
    """A long press selects a line; its two handles are dragged over others, and a bar copies them,
    shows only what is like the first, or lets go; none of it is cut off on the smallest phone."""
    page = phone(visit, f"{daemon.url}#s=shop/other", (390, 844))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page, 5039)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *at: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in at]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def press(i: int) -> None:
        box = page.locator(".row", has_text=f"order={i:06d}").bounding_box()
        touch("touchStart", (box["x"] + 120, box["y"] + 8))
        page.locator(".pick-bar").wait_for()
        touch("touchEnd")

    def drag(handle: str, i: int) -> None:
        from_ = page.locator(handle).bounding_box()
        to = page.locator(".row", has_text=f"order={i:06d}").bounding_box()
        x, y = from_["x"] + 22, from_["y"] + 22
        end = to["y"] + 8 + (y - from_["y"]) * (-1 if handle.endswith(".first") else 1)
        touch("touchStart", (x, y))
        for step in range(1, 9):
            time.sleep(0.03)  # a finger is no faster
            touch("touchMove", (x, y + (end - y) * step / 8))
        touch("touchEnd")

    press(5029)
    assert mode(page) == "Reading"
    drag(".pick-handle:not(.first)", 5031)
    until(lambda: page.inner_text(".pick-count") == "3 lines")
    drag(".pick-handle.first", 5027)
    until(lambda: page.inner_text(".pick-count") == "5 lines")
    time.sleep(0.3)  # a finger that has just let go taps no sooner, and Chromium takes it for none
    page.locator(".pick-bar button", has_text="Copy").tap()
    until(lambda: not page.locator(".pick-bar").is_visible())
    assert clipboard(page, daemon) == "\n".join(map(line, range(5027, 5032)))
    press(5029)
    page.set_viewport_size({"width": 320, "height": 568})
    assert fits(page)
    assert too_small(page) == []
    page.locator(".pick-bar button", has_text="Done").tap()
    until(lambda: not page.locator(".pick-bar").is_visible())
    assert page.locator(".row.picked").count() == 0


def test_without_storage(visit: Visit, daemon: Daemon) -> None:
    """A browser that keeps nothing for the page shows the log and obeys all the same, and the
    settings say so."""
    page = visit("about:blank", wait=False)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }})"
    )
    page.goto(f"{daemon.url}#s=app")
    page.wait_for_selector(".row:not(.rule)")
    following(page, 2999)
    page.get_by_label("Theme").click()
    page.keyboard.press("z")
    page.get_by_label("Settings").click()
    until(lambda: "keeps nothing" in page.inner_text("dialog.settings"))
