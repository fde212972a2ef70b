"""What the acceptance tests share: a log whose lines say which they are, and hands and eyes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.web.looking import rows, texts, top_of, until
from tests.web.real import Daemon

#: The time of line 0.
BEGIN = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)


def line(i: int) -> str:
    """Return line `i` of a log: a second passes from each to the next, one in 500 is an error."""
    level = "ERROR" if i % 500 == 250 else "INFO"
    when = (BEGIN + timedelta(seconds=i)).isoformat().replace("+00:00", ".000Z")
    return f"{when} {level} order accepted order={i:06d} customer=c_{i % 7}"


def number(text: str) -> int:
    """Return which line this is."""
    found = re.search(r"order=(\d+)", text)
    assert found, text
    return int(found[1])


def numbers(page: Any) -> list[int]:
    """Return which lines are visible, top to bottom."""
    return [int(found[1]) for text in texts(page) if (found := re.search(r"order=(\d+)", text))]


def key_of(i: int) -> str:
    """Return what stands in line `i` and in no other."""
    return f"order={i:06d}"


def following(page: Any, last: int) -> None:
    """Wait until the end of the log is shown."""
    until(lambda: numbers(page)[-1:] == [last], f"line {last} at the end", 30)


def contiguous(shown: list[int]) -> bool:
    """Tell whether each line follows the one before it."""
    return shown == list(range(shown[0], shown[0] + len(shown)))


def click(page: Any, text: str, **options: Any) -> float:
    """Click into the text of a line, as one does to make it the current one; return its place."""
    row = page.locator(".pane.focused .row", has_text=text).first
    row.click(position={"x": 130, "y": 6}, **options)
    if not options:
        until(lambda: page.locator(".row.cur", has_text=text).count(), f"{text} is current")
    place = top_of(page, text)
    assert place is not None
    return place


def add_filter(page: Any, typed: str) -> None:
    """Type a filter, take it, and go back to the log."""
    page.locator(".pane.focused .chip-field").focus()
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")


def remove_filter(page: Any) -> None:
    """Take the last filter away, and go back to the log."""
    page.locator(".pane.focused .chip-field").focus()
    page.keyboard.press("Backspace")
    page.keyboard.press("Escape")


def scroll_until(page: Any, dy: float, done: Callable[[], Any], turns: int = 600) -> None:
    """Turn the wheel until something is so."""
    box = page.locator(".pane.focused .scroller").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(turns):
        if done():
            return
        page.mouse.wheel(0, dy)
        time.sleep(0.02)
    raise AssertionError(f"not in {turns} turns of the wheel; visible: {texts(page)[:2]}")


def settled(page: Any) -> list[dict[str, Any]]:
    """Return the visible rows once they have stopped to change."""
    before: list[dict[str, Any]] = []
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        now = rows(page)
        if now == before and now:
            return now
        before = now
        time.sleep(0.25)
    raise AssertionError("the rows do not come to rest")


def clipboard(page: Any, daemon: Daemon) -> str:
    """Return what is on the clipboard: the page itself may not read it."""
    other = page.context.new_page()
    other.goto(f"{daemon.url}robots.txt")
    other.bring_to_front()
    text: str = other.evaluate("navigator.clipboard.readText()")
    other.close()
    page.bring_to_front()
    return text


class Stream:
    """A program that appends to a file at a rate until it is stopped."""

    def __init__(
        self,
        daemon: Daemon,
        name: str,
        rate: float,
        first: int = 0,
        make: Callable[[int], str] = line,
    ) -> None:
        self.next = first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(daemon, name, rate, first, make))
        self._thread.start()

    def _run(
        self, daemon: Daemon, name: str, rate: float, first: int, make: Callable[[int], str]
    ) -> None:
        began = time.monotonic()
        while not self._stop.wait(0.02):
            due = first + int((time.monotonic() - began) * rate)
            if due > self.next:
                daemon.append(name, *map(make, range(self.next, due)))
                self.next = due

    def stop(self) -> int:
        """Stop, and return the number of the line that would be next."""
        self._stop.set()
        self._thread.join()
        return self.next

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
