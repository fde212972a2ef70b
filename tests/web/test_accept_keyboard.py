"""Hands on the keyboard, ears on a screen reader: everything can be reached and nothing floods."""

from __future__ import annotations

import html
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.acceptance import Stream, clipboard, following, key_of, line, numbers, scroll_until
from tests.web.looking import mode, texts, until
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]
ROOT = Path(__file__).parents[2]
AXE = ROOT / ".venv" / "node" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon on two logs, with rotated lines before."""
    real = Daemon({"app": "app.log", "shop/other": "other.log"})
    real.append("other.log", *map(line, range(5000, 5040)))
    real.append("app.log", *map(line, range(3000)))
    with real:
        yield real


def active(page: Any) -> str:
    """Return the accessible name or role of what has the focus."""
    return str(
        page.evaluate(
            "((el) => el.getAttribute('aria-label') || el.getAttribute('role') || el.localName)"
            "(document.activeElement)"
        )
    )


def visible_focus(page: Any) -> bool:
    """Tell whether one sees where the focus is."""
    return bool(
        page.evaluate("""() => {
          const seen = (el) => {
            const s = getComputedStyle(el);
            const outlined = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1;
            const bar = getComputedStyle(el, '::after');
            const barred = bar.content !== 'none' && bar.backgroundColor !== 'rgba(0, 0, 0, 0)';
            return outlined || barred || s.boxShadow !== 'none';
          };
          for (let el = document.activeElement; el && el !== document.body; el = el.parentElement) {
            if (seen(el)) return true;
            const inner = el.querySelector('.row.cur');
            if (inner && seen(inner)) return true;
          }
          return false;
        }""")
    )


def test_without_a_mouse(visit: Visit, daemon: Daemon) -> None:
    """Open a log, stop, find, open a line, copy, link, filter, split, close: by keys alone, and one
    always sees where the focus is."""
    page = visit(f"{daemon.url}#s=shop/other")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    following(page, 5039)
    page.keyboard.press("s")
    assert visible_focus(page)
    page.keyboard.type("app")
    page.keyboard.press("Enter")
    following(page, 2999)
    page.keyboard.press(" ")
    until(lambda: mode(page) == "Reading")
    page.keyboard.press("/")
    assert visible_focus(page)
    page.keyboard.type("order=000123")
    page.keyboard.press("Shift+Enter")
    until(lambda: page.locator(".row.cur", has_text=key_of(123)).count())
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    until(lambda: page.locator(".expansion").count() == 1)
    page.keyboard.press("y")
    assert clipboard(page, daemon) == line(123)
    page.keyboard.press("Y")
    until(lambda: "copied" in page.inner_text(".toasts"))
    page.keyboard.press("f")
    assert visible_focus(page)
    page.keyboard.type("c_3")
    page.keyboard.press("Enter")
    until(lambda: {text[-1] for text in texts(page)} == {"3"})
    page.keyboard.press("Escape")
    page.keyboard.press("|")
    until(lambda: page.locator(".pane").count() == 2)
    page.keyboard.press("1")
    until(lambda: page.locator(".pane").nth(0).get_attribute("class").count("focused"))
    page.keyboard.press("2")
    until(lambda: page.locator(".pane").nth(1).get_attribute("class").count("focused"))
    page.keyboard.press("End")
    until(lambda: mode(page) == "Following")
    seen = []
    for _ in range(6):
        page.keyboard.press("F6")
        seen.append(active(page))
        assert visible_focus(page), seen
    assert len(set(seen)) >= 4
    page.keyboard.press("?")
    page.wait_for_selector("dialog.help")
    page.keyboard.type("bookmark")
    until(lambda: page.locator(".help-row").count() == 3)
    page.keyboard.press("Escape")
    until(lambda: page.locator("dialog").count() == 0)


def test_tab_reaches_every_control(visit: Visit, daemon: Daemon) -> None:
    """Tab goes through all controls of the page and comes around; nothing traps it, nothing that
    has the focus is invisible."""
    page = visit(daemon.url)
    following(page, 2999)
    page.locator("#skip").focus()
    names: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(
            "['skip', ''].includes(document.activeElement.id) && "
            "['BODY', 'A'].includes(document.activeElement.nodeName)"
        ):
            break
        names.append(active(page))
        assert visible_focus(page), names[-1]
    assert len(names) < 80
    for wanted in ("Sources", "Theme", "Settings", "All keys", "Wrap long lines"):
        assert wanted in names, names


def test_skip_to_log(visit: Visit, daemon: Daemon) -> None:
    """The first thing on the page offers to skip to the log, and Enter does so."""
    page = visit(daemon.url)
    following(page, 2999)
    first = page.evaluate("document.querySelector('a, button, input, [tabindex=\"0\"]').id")
    assert first == "skip"
    assert not page.locator("#skip").bounding_box()["y"] >= 0
    page.locator("#skip").focus()
    until(lambda: page.locator("#skip").bounding_box()["y"] >= 0, "it shows itself")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "tree"


def _keys() -> list[dict[str, Any]]:
    program = (
        f"import {{ KEYS, keyLabel }} from '{(ROOT / 'web/model/keymap.js').as_posix()}';"
        "console.log(JSON.stringify(KEYS.map((k) => ({...k, labels: k.keys.map(keyLabel)}))))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True
    )
    table: list[dict[str, Any]] = json.loads(done.stdout)
    return table


def test_every_key_of_the_table_works(visit: Visit, daemon: Daemon) -> None:
    """Each key that the help names is taken by the page; none is, while one types in a field; the
    setting that turns single keys off turns them all off."""
    page = visit(daemon.url)
    following(page, 2999)
    page.evaluate("""() => addEventListener('keydown', (e) => {
      window.last = e.defaultPrevented;
    })""")

    def pressed(key: str) -> bool:
        page.evaluate("window.last = null")
        page.keyboard.press(key.replace("Ctrl", "Control"))
        return bool(page.evaluate("window.last"))

    field = page.locator(".pane .chip-field").first
    # What the daemon does not offer has no key: the help knows which these are.
    page.keyboard.press("?")
    offered = page.locator(".help-row dd").all_inner_texts()
    page.keyboard.press("Escape")
    leaving = {"back", "split", "open", "help", "sidebar"}
    for row in _keys():
        if row["text"] not in offered or row["action"] in leaving:
            continue
        for key in row["keys"]:
            while page.locator("dialog[open]").count():
                page.keyboard.press("Escape")
            page.locator(".paper").first.focus()
            assert pressed(key), f"{key} ({row['action']}) is not taken"
            while page.locator("dialog[open]").count():
                page.keyboard.press("Escape")
            if len(key) == 1 or key == "Space":
                field.focus()
                field.fill("")
                assert not pressed(key), f"{key} is taken from a field"
                field.fill("")
    for key in ("Ctrl+k", "?", "o"):
        page.locator(".paper").first.focus()
        assert pressed(key)
        page.keyboard.press("Escape")
    page.get_by_label("Settings").click()
    page.get_by_text("Keys without Ctrl").click()
    page.keyboard.press("Escape")
    page.locator(".paper").first.focus()
    for key in ("j", "/", "?", "g", "z"):
        assert not pressed(key), key
    assert pressed("Ctrl+k")


def test_the_guide_names_the_same_keys() -> None:
    """docs/page.md lists every key of the page, and none that is not."""
    guide = (ROOT / "docs" / "page.md").read_text()
    table = guide.partition("## Keys")[2].partition("|---|---|")[2].partition("\n## ")[0]
    written = {html.unescape(key) for key in re.findall(r"<kbd>(.*?)</kbd>", table)}
    known = {label for row in _keys() for label in row["labels"]}
    assert written == known


def axe(page: Any) -> list[str]:
    """Return what axe-core finds wrong with what is on the screen."""
    if not page.evaluate("typeof window.axe === 'object'"):
        # The page's own policy keeps scripts out; the test's world is a part of the browser.
        page.evaluate(AXE.read_text())
    found = page.evaluate(
        """axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>
          violations.map(({id, help, nodes}) => [id, help,
            ...nodes.slice(0, 3).map((n) => `${n.target} ${n.html.slice(0, 120)}`)].join(' | ')))"""
    )
    return list(found)


@pytest.fixture(scope="session")
def axe_core() -> None:
    """Install axe-core where it is not yet."""
    subprocess.run([ROOT / ".ci" / "node-tools"], check=True, cwd=ROOT)


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_axe_finds_nothing(
    visit: Visit, daemon: Daemon, axe_core: None, scheme: str, phone: bool
) -> None:
    """Following, reading, with find, time, a filter in error, an opened line, every dialog, a split
    window, and with the daemon away: axe-core has no complaint."""
    daemon.append(
        "app.log",
        '{"time":"2026-11-21T11:00:00Z","level":"error","msg":"m","n":1,"u":"https://a.example/"}',
        "\x1b[31mred\x1b[0m \x1b[33myellow\x1b[0m \x1b[34mblue\x1b[0m \u202e mark",
        "ERROR boom", "Traceback (most recent call last):",
        *(f'  File "x.py", line {i}' for i in range(20)), "ValueError: no", line(3000), line(3001),
    )  # fmt: skip
    page = visit(daemon.url, color_scheme=scheme, bypass_csp=True, **(PHONE if phone else {}))
    following(page, 3001)
    assert axe(page) == [], "following"
    page.keyboard.press("k")
    page.keyboard.press("m")
    assert axe(page) == [], "reading"
    page.keyboard.press("Enter")
    assert axe(page) == [], "an opened line"
    page.keyboard.press("/")
    page.keyboard.type("order")
    page.keyboard.press("Shift+Enter")
    until(lambda: page.locator(".find-cur").count())
    assert axe(page) == [], "find"
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.type("nonsense")
    assert axe(page) == [], "a wrong time"
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    until(lambda: 0 in numbers(page))
    page.keyboard.press("End")
    following(page, 3001)
    scroll_until(page, -200, lambda: page.locator(".rule-hole").count())
    assert axe(page) == [], "a hole"
    page.keyboard.press("?")
    assert axe(page) == [], "keys"
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("o")
    assert axe(page) == [], "open"
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+F10")
    assert axe(page) == [], "the menu of a line"
    page.keyboard.press("Escape")
    if phone:
        page.locator(".tab").first.tap()
        time.sleep(0.4)
        assert axe(page) == [], "sources"
        page.keyboard.press("Escape")
    else:
        page.get_by_label("Settings").click()
        assert axe(page) == [], "settings"
        page.keyboard.press("Escape")
        page.locator(".chip-field").focus()
        page.keyboard.type("+order")
        page.keyboard.press("Enter")
        page.keyboard.type("/(/")
        page.keyboard.press("Enter")
        assert axe(page) == [], "filters"
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.keyboard.press("|")
        until(lambda: page.locator(".pane").count() == 2)
        time.sleep(0.3)
        assert axe(page) == [], "split"
    daemon.kill()
    until(lambda: page.locator(".connection").get_attribute("data-kind") == "waiting")
    assert axe(page) == [], "the daemon is away"


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_in_what_is_rare(visit: Visit, axe_core: None, scheme: str) -> None:
    """A merge with one of its logs hidden, a gap, a rotation, a shortened line, tools in a menu,
    and the choice of what to download pass as well."""
    bounds = {"block_bytes": "4 KiB", "line_bytes": "1 KiB"}
    sources = {"app": "app.log", "another-log-of-a-service": "other.log"}
    with Daemon(sources, limits={"lines": bounds}) as daemon:
        daemon.append("app.log", *map(line, range(20)))
        daemon.append("other.log", *map(line, range(20)))
        page = visit(f"{daemon.url}#s=app", color_scheme=scheme, bypass_csp=True)
        following(page, 19)
        daemon.kill()
        daemon.append("app.log", *map(line, range(20, 400)))
        daemon.path("app.log").write_text("")
        daemon.append("app.log", line(500), f"{line(501)} {'x' * 9000}")
        daemon.start()
        until(lambda: page.locator(".rule-gap").count() and page.locator(".row-chip").count())
        daemon.path("app.log").rename(daemon.path("app.log.1"))
        daemon.append("app.log", line(502))
        following(page, 502)
        assert axe(page) == [], "a gap and a rotation"
        page.keyboard.press("D")
        page.locator(".download-part").first.wait_for()
        assert axe(page) == [], "download"
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 610, "height": 600})
        page.goto(f"{daemon.url}#s={','.join(sources)}")
        page.reload()
        following(page, 502)
        page.locator(".log-chip-name", has_text="another").click()
        page.locator(".log-chip.off").wait_for()
        assert axe(page) == [], "a hidden log"
        page.get_by_label("Further tools").click()
        page.get_by_role("menuitem").first.wait_for()
        assert axe(page) == [], "further tools"


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_where_there_is_no_log(visit: Visit, axe_core: None, scheme: str) -> None:
    """Sign-in, first run and a missing log pass as well."""
    with Daemon({"late": "late.log"}, access=None) as daemon:
        page = visit(daemon.url, wait=False, color_scheme=scheme, bypass_csp=True)
        page.wait_for_selector("dialog.login")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        until(lambda: "not valid" in page.inner_text(".login-error"))
        assert axe(page) == [], "signed out"
        found = re.search(r"#token=(\S+)", daemon.output)
        assert found
        page.keyboard.type(found[1])
        page.keyboard.press("Enter")
        page.locator(".tree-row", has_text="late").click()
        until(lambda: page.locator(".notice").is_visible())
        assert axe(page) == [], "missing"
    with Daemon({}) as daemon:
        page = visit(daemon.url, wait=False, color_scheme=scheme, bypass_csp=True)
        until(lambda: "No logs yet" in page.inner_text(".main"))
        assert axe(page) == [], "first run"


def test_a_screen_reader_is_not_flooded(visit: Visit, daemon: Daemon) -> None:
    """At 2,000 lines a second the spoken region changes at most once in five seconds; the lines are
    outside any live region; the active row exists; a change of mode is always said."""
    page = visit(daemon.url)
    following(page, 2999)
    page.locator(".paper").first.focus()
    page.evaluate("""() => {
      window.said = [];
      const region = document.querySelector('#spoken');
      new MutationObserver(() => window.said.push([performance.now(), region.textContent]))
        .observe(region, {childList: true, characterData: true, subtree: true});
    }""")
    with Stream(daemon, "app.log", 2000, 3000):
        time.sleep(6.5)
        said = page.evaluate("window.said")
        assert 1 <= len(said) <= 2, said
        assert re.search(r"[\d,]+ new lines, \d+ errors?", said[0][1]), said
        page.keyboard.press("k")
        until(lambda: page.evaluate("window.said.at(-1)[1]") == "Reading")
        paper = page.locator(".paper").first  # painted in the next frame
        active_row = until(lambda: paper.get_attribute("aria-activedescendant"), "an active row")
        assert page.locator(f"#{active_row}").count() == 1
    assert page.evaluate("""() => {
      for (let el = document.querySelector('.row'); el; el = el.parentElement) {
        const live = el.getAttribute('aria-live');
        if (live) return live;
      }
    }""") == "off"  # fmt: skip
    assert page.locator(".paper").first.get_attribute("role") == "tree"
    for landmark in ("header", "nav", "main", "footer"):
        assert page.locator(f"body > {landmark}").count() == 1


def test_colours_forced_and_motion_reduced(visit: Visit, daemon: Daemon) -> None:
    """With forced colours the text is there and the current line still differs; with reduced motion
    nothing moves by itself."""
    daemon.append("app.log", *(f"2026-11-21T12:00:00Z {word} x" for word in ("ERROR", "WARN")))
    page = visit(daemon.url, forced_colors="active", reduced_motion="reduce")
    until(lambda: "WARN" in texts(page)[-1])
    # Levels are told by the way they are underlined.
    lines = {
        page.locator(f".lv-{level}").first.evaluate("(el) => getComputedStyle(el).textDecoration")
        for level in ("error", "warn", "info")
    }
    assert len(lines) == 3
    page.keyboard.press("k")
    until(lambda: page.locator(".row.cur").count() == 1)
    look = """(el) => {
      const s = getComputedStyle(el);
      return [s.outlineStyle, s.backgroundColor, s.color, s.borderLeftColor].join();
    }"""
    rows_ = page.locator(".row:not(.rule)")
    assert page.evaluate(look, page.locator(".row.cur").element_handle()) != page.evaluate(
        look, rows_.nth(3).element_handle()
    )
    moving = page.evaluate("""() => [...document.querySelectorAll('*')].filter((el) => {
      const s = getComputedStyle(el);
      return (s.animationName !== 'none' && parseFloat(s.animationDuration) > 0.01)
        || s.transitionDuration.split(',').some((t) => parseFloat(t) > 0.01);
    }).map((el) => el.className)""")
    assert moving == []
    assert numbers(page)
