"""What only a misbehaving daemon can show: cuts, refusals, garbage, missing features, a flood."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.fake_daemon import FakeDaemon, Log
from tests.web.looking import mode, rows, texts, top_of, until, wheel

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


def line(i: int) -> str:
    """Return a line that says which it is."""
    level = "ERROR" if i % 97 == 0 else "INFO"
    when = f"2026-11-22T14:02:06.{i % 1000:03d}Z"
    return f"{when} {level} order accepted order={i:07d} customer=c_{i % 7}"


def numbers(page: Any) -> list[int]:
    """Return which lines are visible."""
    return [int(found[1]) for text in texts(page) if (found := re.search(r"order=(\d+)", text))]


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    """A daemon on one log of 3,000 lines."""
    with FakeDaemon([Log("app", [line(i) for i in range(3000)], modified=1)]) as fake:
        yield fake


def test_cut_again_and_again(visit: Visit, daemon: FakeDaemon) -> None:
    """Ten cuts while lines come: no line is missing or repeated, and no rule is drawn."""
    page = visit(daemon.url)
    end = daemon.stream("app", 300, lambda i: line(3000 + i))
    for _ in range(10):
        time.sleep(0.1)
        daemon.cut()
    until(lambda: page.locator(".connection").get_attribute("data-kind") == "live", seconds=30)
    last = 3000 + end() - 1
    until(lambda: numbers(page)[-1:] == [last], f"line {last}", 30)
    shown = numbers(page)
    assert shown == list(range(shown[0], last + 1))
    assert not any(row["rule"] for row in rows(page))


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1013, "", "Too many connections"),
        (1008, "too many commands", "too many commands"),
        (1001, "", "Daemon stopped"),
    ],
)
def test_a_refusal_is_told_and_tried_again(
    visit: Visit, daemon: FakeDaemon, code: int, reason: str, words: str
) -> None:
    """The chip says why there is no connection; the rows stay; Now tries again and goes on."""
    page = visit(daemon.url)
    daemon.refuse = (code, reason)
    daemon.cut(code, reason)
    until(lambda: words in page.inner_text(".connection"), words)
    assert numbers(page)[-1] == 2999
    daemon.refuse = None
    daemon.write("app", [line(3000)])
    # In one step: the page may try again by itself between a look and a click.
    page.evaluate("(b => b.hidden || b.click())(document.querySelector('.chip-button'))")
    until(lambda: numbers(page)[-1:] == [3000], "it goes on", 30)


@pytest.mark.parametrize("fragment", ["", "#s=app", "#s=app&show=order", "#s=app,other"])
def test_the_first_lines_are_asked_for_once(visit: Visit, fragment: str) -> None:
    """What is asked before the modules are here is what they ask, and is not asked again; where
    the address wants something else, nothing is asked too early."""
    logs = [
        Log("other", [line(i) for i in range(9)], modified=1),
        Log("app", [line(i) for i in range(300)], modified=2),
    ]
    with FakeDaemon(logs) as fake:
        fake.script_delay = 1
        page = visit(fake.url + fragment)
        until(lambda: numbers(page)[-1:] == [299], "the end of the log")
        subscribed = [one for one in fake.commands if one["type"] == "subscribe"]
        wanted = [["app"], ["app", "other"]]["," in fragment]
        assert sorted(one["source"] for one in subscribed) == wanted
        early = fake.commands[0]["type"] == "subscribe"
        assert early == (fragment in {"", "#s=app"})
        assert not any(one["type"] == "unsubscribe" for one in fake.commands)


def test_a_log_asked_for_too_early_is_let_go(visit: Visit) -> None:
    """Where a name is two in the address, what was asked for first is taken back."""
    logs = [Log(name, [line(i) for i in range(9)]) for name in ("a", "b", "a,b")]
    with FakeDaemon(logs) as fake:
        fake.script_delay = 1
        page = visit(fake.url + "#s=a,b")
        until(lambda: len(numbers(page)) == 18, "both logs")
        assert [one["source"] for one in fake.commands if one["type"] == "unsubscribe"] == ["a,b"]


def test_stop_ends_the_search_of_a_rare_filter(visit: Visit, daemon: FakeDaemon) -> None:
    """While a filter finds nothing the page says how far back it has looked, and Stop stops it."""
    daemon.max_history_scan = 5
    daemon.answer_delay = 0.1  # a minute for all of the log
    page = visit(daemon.url + "#s=app&show=nowhere+to+be+found", wait=False)
    progress = page.locator(".filter-progress")
    until(progress.is_visible, "the search is told of")
    until(lambda: "searched back to 22 Nov 2026" in progress.inner_text(), "how far it is")
    progress.get_by_role("button", name="Stop").click()
    until(lambda: not progress.is_visible(), "it is told no more")

    def asked() -> int:
        return sum(one["type"] == "history" for one in daemon.commands)

    def at_rest() -> bool:
        before = asked()
        time.sleep(1)
        return asked() == before

    until(at_rest, "nothing more is asked for")
    assert asked() < 200


def test_garbage_is_ignored(visit: Visit, daemon: FakeDaemon) -> None:
    """Messages that are no messages, of unknown types, or about other logs change nothing."""
    page = visit(daemon.url)
    for text in ("", "{", "null", "[]", '{"type":5}', '{"type":"news"}\nbody', '{"no":"type"}'):
        daemon.raw(text)
    daemon.say({"type": "lines", "source": "other", "start": "a", "end": "b"}, "not ours")
    daemon.say({"type": "history", "source": "app", "start": "a", "end": "b", "more": True}, "no")
    daemon.say({"type": "found", "id": 77, "source": "app", "hits": [], "scanned": 1, "of": 1})
    daemon.say({"type": "error", "code": "unknown-source", "source": "other", "message": "no"})
    daemon.write("app", [line(3000)])
    until(lambda: numbers(page)[-1:] == [3000])
    assert numbers(page) == list(range(numbers(page)[0], 3001))


def test_what_is_not_offered_is_not_shown(visit: Visit) -> None:
    """A daemon without the extras gets a page without dead controls, on which the rest works."""
    logs = [Log("app", [line(i) for i in range(3000)], modified=1)]
    with FakeDaemon(logs, features=[]) as fake:
        page = visit(fake.url)
        for name in ("Go to time", "Download"):
            assert not page.locator(".tool", has_text=name).is_visible()
        page.keyboard.press("?")
        assert "Go to a time" not in page.inner_text(".help-list")
        page.keyboard.press("Escape")
        wheel(page, -4000)
        until(lambda: mode(page) == "Reading")
        page.keyboard.press("/")
        page.keyboard.type("c_3")
        until(lambda: "loaded" in page.inner_text(".find-label"))
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        until(lambda: 0 in numbers(page))
        page.keyboard.press("End")
        until(lambda: numbers(page)[-1:] == [2999])


def test_a_browser_that_keeps_nothing(visit: Visit, daemon: FakeDaemon) -> None:
    """Where storage is refused the page works all the same."""
    page = visit("about:blank", wait=False)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }})"
    )
    page.goto(daemon.url)
    page.wait_for_selector(".row:not(.rule)")
    page.get_by_label("Theme").click()
    page.keyboard.press("z")
    assert numbers(page)[-1] == 2999


def test_a_flood_while_reading(visit: Visit, daemon: FakeDaemon) -> None:
    """At 50,000 lines a second one reads undisturbed, every line is counted, and the end is one key
    away; from there one reads back without a seam."""
    page = visit(daemon.url)
    wheel(page, -300)
    until(lambda: mode(page) == "Reading")
    time.sleep(0.3)
    marked = rows(page)[8]
    end = daemon.stream("app", 50_000, lambda i: line(3000 + i))
    until(lambda: len(daemon.logs["app"].lines) > 90_000, "more than is kept", 30)
    count = end()
    assert top_of(page, marked["text"]) == marked["top"]
    until(lambda: f"{count:,} new lines" in page.inner_text(".new-button"), f"{count} lines", 30)
    page.keyboard.press("End")
    until(lambda: numbers(page)[-1:] == [3000 + count - 1])
    for _ in range(12):
        wheel(page, -1000)
        time.sleep(0.02)
    time.sleep(0.3)
    shown = numbers(page)
    assert shown == list(range(shown[0], shown[0] + len(shown)))


def test_every_module_is_part_of_the_page() -> None:
    """What nothing imports is not sent, and has no reason to be there."""
    from tests.web.fake_daemon import WEB

    seen: set[str] = set()
    todo = [WEB / "main.js"]
    while todo:
        path = todo.pop()
        name = path.relative_to(WEB).as_posix()
        if name in seen:
            continue
        seen.add(name)
        imports = re.findall(r'^(?:import|export)\s[^;]*?from "(\.[^"]+)";', path.read_text(), re.M)
        todo += [(path.parent / found).resolve() for found in imports]
    written = {path.relative_to(WEB).as_posix() for path in WEB.glob("*/*.js")}
    assert seen == {"main.js"} | written


def test_views_compose_only_where_they_should() -> None:
    """Only `main.js`, `page/` and the parts of the pane put views together; the others know the
    document, the rows and the dialogs."""
    from tests.web.fake_daemon import WEB

    base = {"dom.js", "rows.js", "dialogs.js"}
    composers = {"pane.js", "reader.js", "viewport.js", "finder.js"}
    for path in (WEB / "view").glob("*.js"):
        imports = set(re.findall(r'from "\./([^"]+)"', path.read_text()))
        if path.name not in composers:
            assert imports <= base, f"{path.name} imports {imports - base}"
