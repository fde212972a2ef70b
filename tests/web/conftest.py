"""A real browser for the page: one for each module of tests, a fresh context for each test.

Every page is watched: an error on its console, an exception or a violation of the Content Security
Policy fails the test that opened it, unless the test says which it expects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
    "--enable-precise-memory-info", "--js-flags=--expose-gc",
    "--host-resolver-rules=MAP logs.test 127.0.0.1",
]  # fmt: skip

#: What a browser says by itself when a connection cannot be made: expected where one is cut.
NETWORK = ("WebSocket connection to", "Failed to load resource", "net::ERR_")

#: And on plain http by a name, where it ignores what it trusts only over https.
PLAIN = ("The Cross-Origin-Opener-Policy header has been ignored",)

_WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => window.violations.push(
  `${e.violatedDirective} ${e.blockedURI}`));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address in a context of its own; keywords go to the context."""
    contexts: list[Any] = []
    pages: list[Any] = []
    problems: list[str] = []

    def open_page(url: str, *, wait: bool = True, **options: Any) -> Any:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        options.setdefault("color_scheme", "dark")
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        context.add_init_script(_WATCH)
        contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on(
            "console",
            lambda message: (
                problems.append(f"console: {message.text}")
                if message.type == "error" and not message.text.startswith(NETWORK + PLAIN)
                else None
            ),
        )
        page.goto(url)
        if wait:
            page.wait_for_selector(".row:not(.rule)")
        return page

    yield open_page
    for page in pages:
        if not page.is_closed() and page.url.startswith("http"):
            problems += page.evaluate("window.violations")
    for context in contexts:
        context.close()
    assert problems == []
