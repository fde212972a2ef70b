"""What is copied is what is in the file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.acceptance import (
    click,
    clipboard,
    following,
    key_of,
    line,
    numbers,
    scroll_until,
    settled,
)
from tests.web.looking import mode, texts, until
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
ESC = "\x1b"
ALLOWED = ["clipboard-read", "clipboard-write"]


def test_rows_wrapped_folded_and_coloured(visit: Visit) -> None:
    """A long wrapped line, a folded stack trace, a coloured line, tabs, trailing spaces and JSON:
    selected and copied they are the file's text, without its escape sequences."""
    trace = [
        "2026-11-21T10:00:00Z ERROR boom",
        "Traceback (most recent call last):",
        *(f'  File "x.py", line {i}, in f' for i in range(20)),
        "ValueError: no",
    ]
    lines = [
        line(0),
        f"{ESC}[31mred{ESC}[0m and\ttabs  and trailing   ",
        "long " + "words and spaces " * 60,
        *trace,
        '{"time":"2026-11-21T10:00:09Z","level":"error","msg":"json  line","n":1.50}',
        line(1),
    ]
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *lines)
        page = visit(daemon.url)
        page.context.grant_permissions(ALLOWED)
        page.keyboard.press("z")
        until(lambda: page.locator(".row-chip").count() == 1)
        settled(page)
        click(page, "order=000001")
        page.locator(".row", has_text="order=000000").click(
            modifiers=["Shift"], position={"x": 130, "y": 6}
        )
        page.keyboard.press("Control+c")
        written = daemon.path("app.log").read_text().rstrip("\n")
        expected = written.replace(f"{ESC}[31m", "").replace(f"{ESC}[0m", "")
        assert clipboard(page, daemon) == expected
        # The browser's own selection, by the mouse, from within one line into another.
        page.keyboard.press("Escape")
        first = page.locator(".row", has_text="order=000000").bounding_box()
        last = page.locator(".row", has_text="order=000001").bounding_box()
        page.mouse.move(first["x"] + 90, first["y"] + 8)
        page.mouse.down()
        page.mouse.move(last["x"] + 200, last["y"] + 10, steps=5)
        page.mouse.move(last["x"] + 1100, last["y"] + 10, steps=3)
        page.mouse.up()
        page.keyboard.press("Control+c")
        copied = clipboard(page, daemon)
        assert expected.endswith(copied)
        assert len(copied) > len(expected) - 60


def test_five_thousand_lines(visit: Visit) -> None:
    """A selection by Shift click over 5,000 lines, scrolled away meanwhile, equals the file."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(6000)))
        page = visit(daemon.url)
        page.context.grant_permissions(ALLOWED)
        following(page, 5999)
        click(page, key_of(5990))
        scroll_until(page, -900, lambda: 990 in numbers(page)[2:-2])
        settled(page)
        page.locator(".row", has_text=key_of(990)).click(
            modifiers=["Shift"], position={"x": 130, "y": 6}
        )
        page.keyboard.press("Control+c")
        until(lambda: "5,001 lines copied" in page.inner_text(".toasts"))
        assert clipboard(page, daemon) == "\n".join(map(line, range(990, 5991)))


def test_whole_lines_by_dragging_before_the_text(visit: Visit) -> None:
    """The mouse that goes down over the line numbers selects whole lines; beyond the edge of the
    pane it goes on, and Shift click takes it farther."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(400)))
        page = visit(daemon.url)
        page.context.grant_permissions(ALLOWED)
        following(page, 399)
        box = page.locator(".row", has_text=key_of(390)).bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"] + 30, box["y"] + 68, steps=4)
        page.mouse.up()
        until(lambda: page.locator(".row.picked").count() == 4)
        page.keyboard.press("Control+c")
        assert clipboard(page, daemon) == "\n".join(map(line, range(390, 394)))
        assert mode(page) == "Reading"
        page.mouse.move(box["x"] + 20, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"] + 30, 30, steps=4)
        until(lambda: 300 in numbers(page), "it scrolls")
        page.mouse.up()
        page.locator(".row", has_text=key_of(300)).click(
            modifiers=["Shift"], position={"x": 130, "y": 6}
        )
        page.keyboard.press("Control+c")
        assert clipboard(page, daemon) == "\n".join(map(line, range(300, 391)))


def test_by_keyboard(visit: Visit) -> None:
    """v begins to select whole lines, the arrows extend, y copies."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(100)))
        page = visit(daemon.url)
        page.context.grant_permissions(ALLOWED)
        following(page, 99)
        for key in ("k", "k", "v", "k", "k", "y"):
            page.keyboard.press(key)
        time.sleep(0.2)
        assert clipboard(page, daemon) == "\n".join(map(line, range(96, 99)))
        assert mode(page) == "Reading"


def test_what_one_does_with_a_line_stands_behind_it(visit: Visit) -> None:
    """Copy, link and more are behind the line that the mouse is over, where they can be reached,
    and else behind the current one."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(100)))
        page = visit(daemon.url, permissions=ALLOWED)
        following(page, 99)
        tools = page.locator(".row-tools")

        def beside(i: int) -> bool:
            box, row = tools.bounding_box(), page.locator(".row", has_text=key_of(i)).bounding_box()
            return bool(box and row) and abs(box["y"] - row["y"]) < 2

        assert not tools.is_visible()
        for _ in range(3):
            page.keyboard.press("k")
        until(lambda: beside(97), "behind the current line")
        row = page.locator(".row", has_text=key_of(90)).bounding_box()
        page.mouse.move(row["x"] + 200, row["y"] + 8)
        until(lambda: beside(90), "behind the one that the mouse is over")
        tools.locator("button", has_text="Copy line").click()
        until(lambda: clipboard(page, daemon) == line(90), "this line is copied")
        page.keyboard.press("k")
        until(lambda: beside(96), "behind the one that a key went to")
        page.keyboard.press("End")
        until(lambda: not tools.is_visible(), "gone where nothing is current")


def test_on_plain_http(visit: Visit) -> None:
    """Where the browser gives no clipboard to pages, on http by a name, copying works all the same:
    by Ctrl C, by y, and by a link."""
    daemon = Daemon({"app": "app.log"}, access={"tokens": "none", "hosts": ["logs.test"]})
    daemon.append("app.log", *map(line, range(50)))
    with daemon:
        page = visit(f"http://logs.test:{daemon.port}/")
        following(page, 49)
        assert page.evaluate("[isSecureContext, typeof navigator.clipboard]") == [
            False,
            "undefined",
        ]
        page.context.grant_permissions(ALLOWED, origin=daemon.url.rstrip("/"))
        click(page, key_of(40))
        page.keyboard.press("y")
        assert clipboard(page, daemon) == line(40)
        page.locator(".row", has_text=key_of(44)).click(
            modifiers=["Shift"], position={"x": 130, "y": 6}
        )
        page.keyboard.press("Control+c")
        assert clipboard(page, daemon) == "\n".join(map(line, range(40, 45)))
        page.keyboard.press("Escape")
        page.keyboard.press("Y")
        until(lambda: "copied" in page.inner_text(".toasts"))
        assert clipboard(page, daemon).startswith(f"http://logs.test:{daemon.port}/#s=app&at=")
        assert texts(page)


def test_a_long_line_that_does_not_wrap(visit: Visit) -> None:
    """Of a line that goes far beyond the pane only what is near is in the document: whoever goes
    there sees the rest, and what is copied is the whole line."""
    long = f"{line(1)} {' '.join(f'w{i:03}' for i in range(600))} end"
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", line(0), long, line(2))
        page = visit(daemon.url)
        page.context.grant_permissions(ALLOWED)
        row = page.locator(".row", has_text="order=000001")
        until(lambda: "w010" in row.text_content())
        assert len(row.text_content()) < 700
        row.click(click_count=3, position={"x": 300, "y": 6})
        page.keyboard.press("Control+c")
        assert clipboard(page, daemon).rstrip("\n") == long
        page.keyboard.press("$")
        until(lambda: row.text_content().endswith("w599 end"))
        page.keyboard.press("0")
        until(lambda: len(row.text_content()) < 700)
