"""What a user sees on the page, asked of the real document."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_ROWS = """() => {
  const box = document.querySelector('.pane.focused .scroller, .scroller').getBoundingClientRect();
  return [...document.querySelectorAll('.pane.focused .row, .pane:not(.focused) .row')]
    .map((row) => [row, row.getBoundingClientRect()])
    .filter(([row, at]) => at.bottom > box.top + 1 && at.top < box.bottom - 1)
    .sort((a, b) => a[1].top - b[1].top)
    .map(([row, at]) => ({text: row.innerText, top: at.top,
      number: document.getElementById(`${row.id}-label`)?.textContent ?? '',
      rule: row.classList.contains('rule'), cls: row.className}));
}"""


def rows(page: Any) -> list[dict[str, Any]]:
    """Return the visible rows, top to bottom."""
    return page.evaluate(_ROWS)


def texts(page: Any) -> list[str]:
    """Return the texts of the visible lines."""
    return [row["text"] for row in rows(page) if not row["rule"]]


def top_of(page: Any, text: str) -> float | None:
    """Return where on the screen the line with this text stands."""
    return next((row["top"] for row in rows(page) if text in row["text"]), None)


def until(condition: Callable[[], Any], what: str = "", seconds: float = 15.0) -> Any:
    """Wait for a condition and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.02)


def wheel(page: Any, dy: float) -> None:
    """Turn the wheel over the log."""
    box = page.locator(".scroller").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, dy)


def mode(page: Any) -> str:
    """Return "Following" or "Reading"."""
    return page.locator(".mode").inner_text()
