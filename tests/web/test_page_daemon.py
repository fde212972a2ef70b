"""The page on the real daemon and real files: every line once, in order, whatever happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.looking import mode, rows, texts, top_of, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

ESC = "\x1b"


def clipboard(page: Any, daemon: Daemon) -> str:
    """Return what is on the clipboard: the page itself may not read it."""
    other = page.context.new_page()
    other.goto(f"{daemon.url}robots.txt")
    other.bring_to_front()
    text: str = other.evaluate("navigator.clipboard.readText()")
    other.close()
    page.bring_to_front()
    return text


def line(i: int) -> str:
    """Return one line of a plain log."""
    return f"2026-11-22T14:{i // 60 % 60:02d}:{i % 60:02d}Z INFO order accepted order={i:06d}"


def numbers(page: Any) -> list[int]:
    """Return the numbers of the visible lines."""
    return [int(found[1]) for text in texts(page) if (found := re.search(r"order=(\d+)", text))]


def test_lines_written_to_a_file_appear(visit: Callable[..., Any]) -> None:
    """What a program appends is on the page a moment later; a reload shows it again."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(5)))
        page = visit(daemon.url)
        until(lambda: numbers(page) == [0, 1, 2, 3, 4])
        daemon.append("app.log", line(5), line(6))
        until(lambda: numbers(page) == [0, 1, 2, 3, 4, 5, 6])
        page.reload()
        until(lambda: numbers(page) == [0, 1, 2, 3, 4, 5, 6])


def test_kill_rotation_and_restart_lose_nothing(visit: Callable[..., Any]) -> None:
    """SIGKILL, a rotation while nobody listens, a new daemon: each line once, in order."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(2000)))
        page = visit(daemon.url)
        until(lambda: numbers(page)[-1:] == [1999])
        daemon.kill()
        until(lambda: page.locator(".connection").get_attribute("data-kind") == "waiting")
        daemon.append("app.log", *map(line, range(2000, 2100)))
        daemon.path("app.log").rename(daemon.path("app.log.1"))
        daemon.append("app.log", *map(line, range(2100, 2200)))
        daemon.start()
        page.click(".chip-button")
        until(lambda: numbers(page)[-1:] == [2199], seconds=30)
        daemon.append("app.log", line(2200))
        until(lambda: numbers(page)[-1:] == [2200])
        assert not any("could not be read" in row["text"] for row in rows(page))
        seen: list[int] = []
        while True:
            now = until(lambda: numbers(page) if len(texts(page)) > 30 else None)
            assert now == list(range(now[0], now[0] + len(now)))
            seen += now
            if now[0] < 1900:
                break
            page.keyboard.press("PageUp")
            until(lambda: numbers(page)[:1] != now[:1])  # noqa: B023
        assert set(seen) >= set(range(1900, 2201))


def test_the_whole_log_runs_through_rotated_files(visit: Callable[..., Any]) -> None:
    """Scrolling up leads from the live file through .1 and .2.gz to the first line ever kept."""
    import gzip

    with Daemon({"app": "app.log"}) as daemon:
        with gzip.open(daemon.path("app.log.2.gz"), "wt") as file:
            file.writelines(f"{line(i)}\n" for i in range(400))
        daemon.append("app.log.1", *map(line, range(400, 800)))
        daemon.append("app.log", *map(line, range(800, 1200)))
        page = visit(daemon.url)
        until(lambda: numbers(page)[-1:] == [1199])
        for _ in range(200):
            wheel(page, -900)
            time.sleep(0.02)
            if rows(page)[0]["text"] == "beginning of the log":
                break
        until(lambda: rows(page)[0]["text"] == "beginning of the log")
        until(lambda: numbers(page)[:3] == [0, 1, 2])


def test_truncation_in_place_is_told(visit: Callable[..., Any]) -> None:
    """A file that is cut while it is followed goes on from its start, with a rule that says so."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(50)))
        page = visit(daemon.url)
        until(lambda: numbers(page)[-1:] == [49])
        daemon.path("app.log").write_text("")
        daemon.append("app.log", line(900))
        until(lambda: numbers(page)[-1:] == [900])
        until(lambda: any(row["rule"] and "truncated" in row["text"] for row in rows(page)))
        assert 49 in numbers(page)


def test_the_token_signs_in_and_leaves_no_trace(visit: Callable[..., Any]) -> None:
    """The printed address signs in; the token is in no address, history, storage or request."""
    with Daemon({"app": "app.log"}, access=None) as daemon:
        daemon.append("app.log", line(1))
        address = re.search(r"http://\S+#token=(\S+)", daemon.output)
        assert address, daemon.output
        requests: list[str] = []
        page = visit("about:blank", wait=False)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address[0])
        page.wait_for_selector(".row:not(.rule)")
        assert "token" not in page.url
        assert not any(address[1] in url for url in requests)
        kept = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        )
        assert address[1] not in kept
        assert page.evaluate("typeof window.tailwsToken") == "undefined"
        page.reload()
        page.wait_for_selector(".row:not(.rule)")


def test_without_a_token_the_page_asks_for_it(visit: Callable[..., Any]) -> None:
    """Who is not signed in gets a field; a wrong token is told, the right one shows the log."""
    with Daemon({"app": "app.log"}, access=None) as daemon:
        daemon.append("app.log", line(1))
        token = re.search(r"#token=(\S+)", daemon.output)
        assert token
        page = visit(daemon.url, wait=False)
        page.wait_for_selector("dialog.login")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        until(lambda: "not valid" in page.inner_text(".login-error"))
        page.keyboard.type(token[1])
        page.keyboard.press("Enter")
        page.wait_for_selector(".row:not(.rule)")
        assert not page.locator("dialog.login").is_visible()


HOSTILE = [
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "</script></title>&lt;b&gt;",
    "user \u202egpj.exe \u2066isolate\u2069 zero\u200bwidth",
    f"{ESC}]0;owned{ESC}\\title {ESC}]8;;https://evil.example/{ESC}\\link{ESC}]8;;{ESC}\\",
    f"{ESC}]52;c;ZXZpbA=={ESC}\\clip {ESC}[2J{ESC}[8mhidden{ESC}[0m",
    "nul \x00 bell \x07 backspace \x08",
    "zalgo " + "e" + "\u0301" * 10_000,
    "javascript:alert(1) data:text/html,x //evil.example http://user:pw@evil.example/",
    "see https://a.example/b(c). and more",
]


def test_hostile_lines_stay_text(visit: Callable[..., Any]) -> None:
    """Markup, escape sequences, direction marks and NUL become labels; nothing is obeyed."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *HOSTILE)
        outside: list[str] = []
        page = visit(daemon.url, wait=False)
        page.on("request", lambda r: outside.append(r.url) if daemon.url not in r.url else None)
        page.wait_for_selector(".row:not(.rule)")
        until(lambda: len(texts(page)) == len(HOSTILE))
        for raw in (False, True):
            if raw:
                page.keyboard.press("r")
                time.sleep(0.3)
            assert (
                page.evaluate("document.querySelectorAll('.row img, .row script, .row b').length")
                == 0
            )
            assert page.title() == "app"
            shown = page.evaluate(
                "[...document.querySelectorAll('.row')].map((r) => r.textContent)"
            )
            assert not re.search(
                "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", "".join(shown)
            )
            assert any("⟨U+202E⟩" in text for text in shown)
            heights = page.evaluate(
                "[...document.querySelectorAll('.row:not(.rule)')].map((r) => r.offsetHeight)"
            )
            assert set(heights) == {20}
            links = page.evaluate(
                "[...document.querySelectorAll('.row a')].map((a) => [a.href, a.rel])"
            )
            assert links == [["https://a.example/b(c)", "noopener noreferrer"]]
        assert outside == []


def test_a_copy_is_what_is_in_the_file(visit: Callable[..., Any]) -> None:
    """Rows wrapped, coloured and formatted: the file's bytes, without escape sequences."""
    lines = [
        line(0),
        f"{ESC}[31mred{ESC}[0m and\ttabs  and trailing   ",
        "long " + "words and spaces " * 60,
        '{"time":"2026-11-22T14:00:00Z","level":"error","msg":"json  line","n":1.50}',
        line(4),
    ]
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *lines)
        page = visit(daemon.url)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.keyboard.press("z")
        until(lambda: len(texts(page)) == len(lines))
        box = page.locator(".row:not(.rule)").first.bounding_box()
        last = page.locator(".row:not(.rule)").nth(4).bounding_box()
        page.mouse.move(box["x"] + 70, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(last["x"] + 500, last["y"] + 10, steps=5)
        page.mouse.move(last["x"] + 900, last["y"] + 10, steps=3)
        page.mouse.up()
        assert mode(page) == "Reading"
        page.keyboard.press("Control+c")
        copied = clipboard(page, daemon)
        expected = "\n".join(lines).replace(f"{ESC}[31m", "").replace(f"{ESC}[0m", "")
        assert copied.endswith(expected[30:])
        # Whole lines, by the keyboard: v selects, the arrows extend, y copies.
        page.keyboard.press("End")
        for key in ("k", "k", "v", "k", "y"):
            page.keyboard.press(key)
        time.sleep(0.2)
        assert clipboard(page, daemon) == "\n".join(lines[2:4])


def test_thousands_of_lines_are_copied_whole(visit: Callable[..., Any]) -> None:
    """A selection by Shift click over 5,000 lines, scrolled away meanwhile, equals the file."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *map(line, range(6000)))
        page = visit(daemon.url)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        until(lambda: numbers(page)[-1:] == [5999])
        page.locator(".row", has_text="order=005990").click()
        while 990 not in numbers(page):
            wheel(page, -700)
            time.sleep(0.02)
        time.sleep(0.3)
        page.locator(".row", has_text="order=000990").click(modifiers=["Shift"])
        page.keyboard.press("Control+c")
        copied = clipboard(page, daemon)
        assert copied == "\n".join(map(line, range(990, 5991)))


def test_sources_show_their_state(visit: Callable[..., Any]) -> None:
    """Missing and new files stand in the list without a reload; what comes unseen is counted."""
    with Daemon({"app": "app.log", "late": "late.log", "many": "many/*.log"}) as daemon:
        daemon.append("app.log", line(1))
        page = visit(daemon.url)
        names = "[...document.querySelectorAll('.tree-row')].map((r) => r.textContent)"
        until(
            lambda: any("late" in name and "not there yet" in name for name in page.evaluate(names))
        )
        daemon.append("many/one.log", "first line")
        until(lambda: any("one" in name for name in page.evaluate(names)), seconds=30)
        daemon.append("late.log", "here I am")
        until(lambda: not any("not there yet" in name for name in page.evaluate(names)), seconds=30)
        page.locator(".tree-row", has_text="late").click()
        until(lambda: texts(page) == ["here I am"])


def test_a_resize_keeps_the_line(visit: Callable[..., Any]) -> None:
    """Resizing, wrapping, the find bar and the theme do not move the line before the eyes."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", *(f"{line(i)} {'word ' * (i % 60)}" for i in range(3000)))
        page = visit(daemon.url)
        until(lambda: numbers(page)[-1:] == [2999])
        for _ in range(10):
            wheel(page, -1500)
            time.sleep(0.02)
        time.sleep(0.4)
        target = rows(page)[12]
        page.locator(".row", has_text=re.search(r"order=\d+", target["text"])[0]).click()
        name = re.search(r"order=\d+", target["text"])[0]
        place = top_of(page, name)
        steps: list[Callable[[], Any]] = [
            lambda: page.keyboard.press("z"),
            lambda: page.set_viewport_size({"width": 1000, "height": 900}),
            lambda: page.keyboard.press("z"),
            lambda: page.set_viewport_size({"width": 1440, "height": 820}),
            lambda: page.keyboard.press("/"),
            lambda: page.keyboard.press("Escape"),
            lambda: page.get_by_label("Theme").click(),
        ]
        for step in steps:
            step()
            time.sleep(0.25)
            assert abs(top_of(page, name) - place) <= 1
