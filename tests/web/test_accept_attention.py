"""When nobody looks: hidden tabs cost nothing, lose nothing, and tell what was asked for."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.acceptance import contiguous, following, line, numbers
from tests.web.looking import rows, texts, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]

_HIDE = """(hidden) => {
  const own = (name, value) => Object.defineProperty(
    document, name, {configurable: true, get: () => value});
  own('hidden', hidden);
  own('visibilityState', hidden ? 'hidden' : 'visible');
  document.hasFocus = () => !hidden;
  document.dispatchEvent(new Event('visibilitychange'));
  if (!hidden) dispatchEvent(new Event('focus'));
}"""


def sent(page: Any) -> list[dict[str, Any]]:
    """Collect the commands that the page sends from now on."""
    commands: list[dict[str, Any]] = []

    def watch(ws: Any) -> None:
        ws.on("framesent", lambda payload: commands.append(json.loads(payload)))

    page.on("websocket", watch)
    return commands


def let_go(page: Any, commands: list[dict[str, Any]]) -> bool:
    """Tell whether the page has ended its subscription."""
    page.evaluate("0")  # what was sent meanwhile is told during a call
    return any(command["type"] == "unsubscribe" for command in commands)


def activity(page: Any) -> list[int]:
    """Collect from now on how many lines each second the daemon tells that it has got."""
    lines: list[int] = []

    def told(payload: Any) -> None:
        head = json.loads(str(payload).partition("\n")[0])
        if head["type"] == "activity":
            lines.extend(counts[0] for counts in head["sources"].values())

    page.on("websocket", lambda ws: ws.on("framereceived", told))
    return lines


def icon(page: Any) -> str:
    """Return the icon of the tab."""
    return str(page.evaluate("document.querySelector('#favicon').href"))


def test_a_hidden_page_lets_go_and_comes_back(visit: Visit) -> None:
    """Hidden for more than a minute, the page asks for no lines and draws none; visible again, it
    shows every line that came, with a rule where the new ones begin."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(100)))
    with daemon:
        page = visit("about:blank", wait=False)
        commands = sent(page)
        page.clock.install()
        page.goto(daemon.url)
        page.wait_for_selector(".row:not(.rule)")
        following(page, 99)
        page.evaluate(_HIDE, True)
        daemon.append("app.log", *map(line, range(100, 110)))
        page.clock.run_for(61_000)
        until(lambda: let_go(page, commands), "it lets go")
        daemon.append("app.log", *map(line, range(110, 120)))
        time.sleep(1.2)
        page.clock.run_for(2000)
        page.evaluate(_HIDE, False)
        page.clock.run_for(1000)
        following(page, 119)
        assert contiguous(numbers(page))

        def marked() -> bool:
            """Tell whether the rule is drawn, once frames had time to come."""
            page.clock.run_for(50)
            return any(row["rule"] and "New since" in row["text"] for row in rows(page))

        until(marked, "the rule where the new ones begin")


def test_eight_hours_hidden(visit: Visit) -> None:
    """A tab that is left alone for eight hours does not grow, and is right again at once."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(100)))
    with daemon:
        page = visit("about:blank", wait=False)
        commands = sent(page)
        page.clock.install()
        page.goto(daemon.url)
        page.wait_for_selector(".row:not(.rule)")
        following(page, 99)
        session = page.context.new_cdp_session(page)

        def heap() -> float:
            session.send("HeapProfiler.collectGarbage")
            return float(session.send("Runtime.getHeapUsage")["usedSize"])

        before = heap()
        page.evaluate(_HIDE, True)
        page.clock.run_for(61_000)
        until(lambda: let_go(page, commands), "it lets go")
        for first in range(100, 40_100, 4000):
            daemon.append("app.log", *map(line, range(first, first + 4000)))
            page.clock.fast_forward(48 * 60_000)
            time.sleep(0.1)
        assert heap() < before + 6e6
        assert heap() < 24e6
        page.evaluate(_HIDE, False)
        page.clock.run_for(2000)
        following(page, 40_099)
        # Much more came than can be caught up with: it lies above, and nothing is missing there.
        hole = page.locator(".rule-hole")
        for _ in range(100):
            wheel(page, -300)
            page.clock.run_for(200)
            if hole.count():
                break
            assert contiguous(numbers(page))
        assert re.search(r"39,300 lines|2\.\d MB", hole.inner_text())
        # Over it, what was there before, and the rule where the new ones begin.
        page.get_by_role("button", name="Jump over").click()
        page.clock.run_for(1000)
        until(lambda: 299 in numbers(page))
        wheel(page, -3700)
        page.clock.run_for(1000)
        until(lambda: 99 in numbers(page))
        shown = [row["text"] for row in rows(page)]
        assert "New since" in shown[next(k for k, text in enumerate(shown) if line(99) in text) + 1]


def test_a_few_long_lines_are_much_too(visit: Visit) -> None:
    """Who comes back to more than a mebibyte, in however few lines, stands at the end at once; what
    came meanwhile is above it, behind a hole that says how much it is."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(700)))
    with daemon:
        page = visit("about:blank", wait=False)
        commands, lines = sent(page), activity(page)
        page.clock.install()
        page.goto(daemon.url)
        page.wait_for_selector(".row:not(.rule)")
        following(page, 699)
        page.evaluate(_HIDE, True)
        page.clock.run_for(61_000)
        until(lambda: let_go(page, commands), "it lets go")
        lines.clear()
        daemon.append("app.log", *(line(n) + " " + "x" * 2000 for n in range(700, 1500)))
        # the call has what was sent meanwhile told, as in `let_go`
        until(lambda: page.evaluate("0") == 0 and sum(lines) >= 800, "the page knows of all")
        page.clock.run_for(2000)
        commands.clear()
        page.evaluate(_HIDE, False)
        page.clock.run_for(1000)
        following(page, 1499)
        again = [command for command in commands if command["type"] == "subscribe"]
        assert again
        assert not any("cursor" in command for command in again), "not all of it once more"


_NOTIFICATION = """
window.told = [];
window.asked = 0;
window.Notification = class {
  static permission = 'default';
  static async requestPermission() {
    window.asked++;
    return (this.permission = 'granted');
  }
  constructor(title, options) { window.told.push({title, ...options}); window.last = this; }
  close() {}
};
"""


def test_errors_are_told_to_one_who_looks_elsewhere(visit: Visit) -> None:
    """The browser's permission is asked for only by a click on the bell; then errors in a hidden
    tab set its title and icon and make one notification for many of them; none while one looks."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(20)))
    with daemon:
        page = visit("about:blank", wait=False)
        page.context.grant_permissions(["notifications"], origin=daemon.url.rstrip("/"))
        page.add_init_script(_NOTIFICATION)
        page.goto(daemon.url)
        page.wait_for_selector(".row:not(.rule)")
        following(page, 19)
        assert page.evaluate("window.asked") == 0
        page.get_by_label("Notify on errors in these logs").click()
        until(lambda: page.evaluate("window.asked") == 1)
        # Errors before one's eyes are not told of.
        daemon.append("app.log", "ERROR seen")
        until(lambda: "ERROR seen" in texts(page)[-1])
        time.sleep(1.2)
        assert page.evaluate("window.told") == []
        plain = icon(page)
        page.evaluate(_HIDE, True)
        daemon.append("app.log", *(f"ERROR failed {i}\x1b[31m" for i in range(12)), "INFO fine")
        until(lambda: page.evaluate("window.told.length") == 1, "told once", 30)
        until(lambda: page.title() == "(12) app", "the count in the title")
        time.sleep(1.2)
        assert page.title() == "(12) app"  # each line once
        assert icon(page) != plain
        (told,) = page.evaluate("window.told")
        assert "app" in told["body"]
        assert len(told["body"]) <= 120
        assert "\x1b" not in told["body"]
        daemon.append("app.log", "ERROR once more")
        time.sleep(1.5)
        assert page.evaluate("window.told.length") == 1  # at most one in ten seconds
        page.evaluate(_HIDE, False)
        until(lambda: page.title() == "app")
        assert icon(page) == plain


def test_what_a_chip_marks_is_told_too(visit: Visit) -> None:
    """With chips in the filter the bell asks what to tell of. A line that one of them marks is told
    with its text, also when the log is not the one on screen any more; a click leads to it."""
    daemon = Daemon({"app": "app.log", "other": "other.log"})
    daemon.append("app.log", *map(line, range(400)))
    daemon.append("other.log", *map(line, range(20)))
    with daemon:
        page = visit("about:blank", wait=False)
        page.add_init_script(_NOTIFICATION)
        page.goto(f"{daemon.url}#s=app&mark=fine")
        following(page, 399)
        page.get_by_label("Notify on errors in these logs").click()
        page.get_by_role("menuitem", name="Notify on “fine”").click()
        until(lambda: page.evaluate("window.asked") == 1)
        bell = page.get_by_label("Notify on errors in these logs")
        until(lambda: bell.get_attribute("aria-pressed") == "true")
        # The daemon obeys in order: with the lines of the other log it watches this one.
        page.locator(".tree-row", has_text="other").click()
        following(page, 19)
        page.evaluate(_HIDE, True)
        daemon.append("app.log", "INFO all is well", "INFO fine again")
        until(lambda: page.evaluate("window.told.length") == 1, "told once", 30)
        (told,) = page.evaluate("window.told")
        assert told["body"] == "1 line with “fine” in app: INFO fine again"
        daemon.append("app.log", *map(line, range(400, 600)))
        page.evaluate(_HIDE, False)
        page.evaluate("window.last.onclick()")
        until(lambda: page.locator(".row.cur", has_text="fine again").count(), "the line", 30)


def test_a_rule_of_the_config_is_told(visit: Visit) -> None:
    """A line that the daemon watches for is told to whoever looks, whatever log is shown, and leads
    to its place."""
    daemon = Daemon(
        {"app": "app.log", "other": "other.log"},
        rules=[{"name": "disk full", "pattern": "No space left", "every": "1 s"}],
    )
    daemon.append("other.log", "the other log")
    daemon.append("app.log", *map(line, range(50)))
    with daemon:
        page = visit(f"{daemon.url}#s=other")
        until(lambda: texts(page) == ["the other log"])
        daemon.append("app.log", "ERROR No space left on device", *map(line, range(50, 60)))
        until(lambda: "disk full: 1 line in app" in page.inner_text(".toasts"))
        assert "No space left on device" in page.inner_text(".toasts")
        page.locator(".toasts").get_by_role("button", name="Show").click()
        until(lambda: page.locator(".row.cur", has_text="No space left").count())
