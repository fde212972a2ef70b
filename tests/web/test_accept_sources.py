"""The list of sources, and several logs in one window."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.acceptance import (
    add_filter,
    click,
    contiguous,
    following,
    key_of,
    line,
    number,
    numbers,
    scroll_until,
    settled,
)
from tests.web.looking import rows, texts, top_of, until, wheel
from tests.web.real import Daemon

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


def names(page: Any) -> list[str]:
    """Return what stands in the rows of the list."""
    found = page.evaluate("[...document.querySelectorAll('.tree-row')].map((r) => r.textContent)")
    return list(found)


def test_five_hundred_sources(visit: Visit) -> None:
    """Five hundred files are as many elements as fit on the screen; typing narrows them at once, in
    any order of words; Enter opens; a new file appears by itself."""
    daemon = Daemon({"many": "many/**/*.log"})
    for i in range(500):
        daemon.append(f"many/group{i % 20:02d}/service-{i:03d}.log", line(i))
    with daemon:
        page = visit(daemon.url)
        until(lambda: "500" in page.inner_text(".side"), "500 live", 30)
        assert page.locator(".tree-row").count() < 60
        assert page.evaluate("document.querySelectorAll('*').length") < 600
        page.keyboard.press("s")
        page.keyboard.type("serv 077")
        until(lambda: page.locator(".tree-row.source").count() == 1)
        assert page.locator(".tree-row.source mark").all_inner_texts() == ["serv", "077"]
        page.keyboard.press("Enter")
        until(lambda: numbers(page) == [77])
        page.locator(".side input").fill("brand new")
        until(lambda: "No source has" in page.inner_text(".side"))
        daemon.append("many/brand-new.log", line(500))
        until(lambda: any("brand-new" in name for name in names(page)), "it appears", 30)


def test_states_have_a_shape_and_a_reason(visit: Visit) -> None:
    """A file that is not there, one that may not be read, a directory: each has its own mark and
    word in the list, and says why when it is opened."""
    daemon = Daemon({"app": "app.log", "late": "late.log", "locked": "locked.log", "dir": "dir"})
    daemon.append("app.log", line(1))
    daemon.append("locked.log", "secret")
    daemon.path("dir").mkdir()
    nobody = os.geteuid() == 0
    daemon.path("locked.log").chmod(0)
    with daemon:
        page = visit(daemon.url)
        until(lambda: any("late" in name and "not there yet" in name for name in names(page)))
        shapes = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('.tree-row.source')]"
            ".map((r) => [r.dataset.path, r.querySelector('.mark').className]))"
        )
        assert len({shapes[name] for name in ("app", "late", "dir")}) == 3
        page.locator(".tree-row", has_text="late").click()
        until(lambda: "Not there yet" in page.inner_text(".notice"))
        assert "late.log" in page.inner_text(".notice")
        page.get_by_role("button", name="Open another log").click()
        page.keyboard.type("app")
        page.keyboard.press("Enter")
        following(page, 1)
        # A link may name what is not there any more.
        page.evaluate("location.hash = '#s=gone'")
        until(lambda: "not there" in page.inner_text(".notice"))
        page.get_by_role("button", name="Open another log").click()
        page.wait_for_selector(".palette-field")
        page.keyboard.press("Escape")
        page.locator(".tree-row", has_text="dir").click()
        until(lambda: "not a file" in page.inner_text(".notice").lower())
        if not nobody:  # root may read everything
            page.locator(".tree-row", has_text="locked").click()
            until(lambda: "cannot be read" in page.inner_text(".notice"))
        daemon.append("late.log", "here I am")
        page.locator(".tree-row", has_text="late").click()
        until(lambda: texts(page) == ["here I am"], seconds=30)
        until(lambda: not any("not there yet" in name for name in names(page)))


def test_what_came_unseen_is_counted(visit: Visit) -> None:
    """Lines of a log that is not on screen are counted exactly, red where errors are among them;
    opening it takes the count away and marks where they begin. A saved view counts those of all
    its logs, and draws them."""
    views = {"Both": "s=app,other&show=level:error"}
    daemon = Daemon({"app": "app.log", "other": "other.log"}, page={"views": views})
    daemon.append("app.log", *map(line, range(20)))
    daemon.append("other.log", *map(line, range(240)))
    with daemon:
        page = visit(f"{daemon.url}#s=other")
        following(page, 239)
        page.locator(".tree-row", has_text="app").click()
        following(page, 19)
        daemon.append("other.log", *map(line, range(240, 262)))
        count = page.locator(".tree-row", has_text="other").locator(".tree-count")
        until(lambda: count.inner_text() == "22", "22 unseen")
        assert "errors" in count.get_attribute("class")
        assert page.locator(".view-row .tree-count").inner_text() == "22"
        painted = """() => {
          const canvas = document.querySelector('.view-row canvas');
          const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value) => value > 0);
        }"""
        until(lambda: page.evaluate(painted), "the bars of the view")
        page.locator(".tree-row", has_text="other").click()
        following(page, 261)
        until(lambda: count.inner_text() == "")
        until(lambda: any(row["rule"] and "New since" in row["text"] for row in rows(page)))
        shown = [row["text"] for row in rows(page)]
        rule = next(k for k, text in enumerate(shown) if "New since" in text)
        assert key_of(239) in shown[rule - 1]
        assert key_of(240) in shown[rule + 1]


def at(second: int, name: str) -> str:
    """Return a line of one of three services."""
    return f"2026-11-21T10:{second // 60:02d}:{second % 60:02d}Z {name} says order={second:06d}"


def test_three_logs_in_the_order_of_their_times(visit: Visit) -> None:
    """Merged logs stand in the order of their times, with their names and colours; a late line says
    how late it is and moves nothing; hiding one of them leaves the current line where it is."""
    logs = ["alpha", "beta", "gamma"]
    daemon = Daemon({name: f"{name}.log" for name in logs})
    for k, name in enumerate(logs):
        daemon.append(f"{name}.log", *(at(3 * i + k, name) for i in range(600)))
    with daemon:
        page = visit(f"{daemon.url}#s=alpha,beta,gamma")
        until(lambda: numbers(page)[-1:] == [1799], "the newest last")
        shown = numbers(page)
        assert shown == list(range(shown[0], 1800))
        assert {row["number"] for row in rows(page)} == set(logs)
        colours = {
            page.evaluate("(el) => getComputedStyle(el).borderLeftColor", handle)
            for handle in page.locator(".row:not(.rule)").element_handles()[-6:]
        }
        assert len(colours) == 3
        daemon.append("alpha.log", at(1802, "alpha"))
        until(lambda: numbers(page)[-1] == 1802)
        for _ in range(6):
            wheel(page, -1500)
            time.sleep(0.1)
        before = settled(page)
        i = next(n for n in numbers(page)[10:] if n % 3 == 0)
        place = click(page, key_of(i))
        daemon.append("gamma.log", at(1700, "gamma"))
        time.sleep(1)
        assert [row["text"] for row in rows(page)] == [row["text"] for row in before]
        page.locator(".log-chip-name", has_text="beta").click()
        until(lambda: numbers(page) and all(n % 3 != 1 for n in numbers(page)), "beta is hidden")
        until(lambda: abs((top_of(page, key_of(i)) or 0) - place) <= 1, "it did not move")
        page.keyboard.press("End")
        until(lambda: any("late" in row["text"] for row in rows(page)[-3:]), "the late line")


def test_what_has_no_room_in_the_head_is_in_its_menu(visit: Visit) -> None:
    """In a narrow pane the names of the logs stay readable and the tools that have no room go into
    a menu, from the right; there is no menu where all have room."""
    with Daemon({name: f"{name}.log" for name in ("orders", "access", "worker")}) as daemon:
        for name in ("orders", "access", "worker"):
            daemon.append(f"{name}.log", *map(line, range(5)))
        page = visit(f"{daemon.url}#s=orders,access,worker", viewport={"width": 700, "height": 600})
        more = page.get_by_label("Further tools")
        until(more.is_visible)
        assert page.get_by_label("Wrap long lines").is_visible()
        assert not page.get_by_label("Copy link to this line").is_visible()
        chips = page.locator(".log-chip-label")
        assert not chips.evaluate_all("(all) => all.some((e) => e.scrollWidth > e.clientWidth)")
        more.click()
        page.get_by_role("menuitem", name="Copy link to this line").click()
        until(lambda: "copied" in page.inner_text(".toasts"))
        page.set_viewport_size({"width": 1400, "height": 600})
        until(page.get_by_label("Copy link to this line").is_visible)
        until(lambda: not more.is_visible())


def test_hiding_a_log_keeps_the_place_among_equal_times(visit: Visit) -> None:
    """Four logs with many lines in each second, one of which ended long ago while the last line of
    another is older than those before it: hiding one and showing it again, and loading the page
    anew, keep the line that is read in its place, and no line of a log that is shown is missing."""
    logs = ["alpha", "beta", "gamma"]
    daemon = Daemon({name: f"{name}.log" for name in [*logs, "silent", "absent"]})
    for k, name in enumerate(logs):
        daemon.append(
            f"{name}.log", *(f"{at(i // 8, name)[:26]} {key_of(i)}" for i in range(k, 1800, 3))
        )
    daemon.append("silent.log", *(f"2026-11-21T09:00:00Z silent {i}" for i in range(700)))
    daemon.append("gamma.log", "2026-11-21T09:30:00Z gamma came late")
    with daemon:
        page = visit(f"{daemon.url}#s=alpha,beta,gamma,silent,absent")
        until(lambda: any("late" in text for text in texts(page)), "the end")
        scroll_until(page, -600, lambda: numbers(page) and numbers(page)[0] < 1500)
        settled(page)

        def whole(*ks: int) -> bool:
            """Tell whether nothing is missing in the seconds that are wholly in view."""
            seconds = [n // 8 for n in numbers(page)]
            want = range(8 * (min(seconds) + 1), 8 * max(seconds))
            inside = [n for n in numbers(page) if n in want]
            return bool(inside) and sorted(inside) == [n for n in want if n % 3 in ks]

        i = next(n for n in numbers(page)[15:] if n % 3 == 0)
        place = click(page, key_of(i))
        for name, shown in (
            ("beta", (0, 2)),
            ("gamma", (0,)),
            ("beta", (0, 1)),
            ("gamma", (0, 1, 2)),
        ):
            page.locator(".log-chip-name", has_text=name).click()
            until(lambda: {n % 3 for n in numbers(page)} == set(shown), f"{name} toggled")  # noqa: B023
            until(lambda: abs((top_of(page, key_of(i)) or 0) - place) <= 1, f"{name} toggled")
            settled(page)
            assert abs((top_of(page, key_of(i)) or 0) - place) <= 1
            assert page.locator(".row.cur", has_text=key_of(i)).count() == 1
            assert whole(*shown), texts(page)
        time.sleep(0.6)  # the address is written
        page.reload()
        page.wait_for_selector(".row:not(.rule)")
        until(lambda: page.locator(".row.cur", has_text=key_of(i)).count(), "the same line")
        settled(page)
        assert whole(0, 1, 2)
        # Everything is there, down to the late line.
        page.keyboard.press("g")
        until(lambda: any("silent 0" in text for text in texts(page)), "the beginning")
        got: list[str] = []
        for _ in range(200):
            got += [text for text in texts(page) if text not in got[-80:]]
            if any("came late" in text for text in texts(page)):
                break
            page.keyboard.press("PageDown")
            time.sleep(0.03)
        assert sorted(number(text) for text in got if "order=" in text) == list(range(1800))
        assert sum("silent" in text for text in got) == 700


def test_a_merge_reads_back_through_all(visit: Visit) -> None:
    """Upwards a merge is complete: no line of any log is missing or out of its order."""
    logs = ["alpha", "beta", "gamma"]
    daemon = Daemon({name: f"{name}.log" for name in logs})
    for k, name in enumerate(logs):
        daemon.append(f"{name}.log", *(at(3 * i + k, name) for i in range(500)))
    with daemon:
        page = visit(f"{daemon.url}#s=alpha,beta,gamma")
        until(lambda: numbers(page)[-1:] == [1499])
        got = set(numbers(page))
        for _ in range(200):
            page.keyboard.press("PageUp")
            time.sleep(0.05)
            shown = numbers(page)
            assert shown == list(range(shown[0], shown[0] + len(shown))) if shown else True
            got |= set(shown)
            if 0 in got:
                break
        assert got == set(range(1500))


def share_shown(page: Any, count: int, share: float) -> bool:
    """Whether the lines on the screen are about those at `share` of `count` lines."""
    shown = numbers(page)
    return bool(shown) and abs(shown[len(shown) // 2] / count - share) < 0.01


def test_the_map_of_a_merge_is_that_of_its_largest_log(visit: Visit) -> None:
    """A click on the map of a merge leads to that share of the largest log, and to what the others
    wrote at the same time, in order; the frame on it stands there."""
    logs = ["alpha", "beta", "gamma"]
    count = 12_000
    daemon = Daemon({name: f"{name}.log" for name in logs})
    for k, name in enumerate(logs):
        more = " and a word more" * (name == "beta")
        daemon.append(f"{name}.log", *(line(i) + more for i in range(k, count, 3)))
    with daemon:
        page = visit(f"{daemon.url}#s=alpha,beta,gamma")
        following(page, count - 1)
        bars = "document.querySelector('.map').getAttribute('aria-valuetext')"
        until(lambda: "loaded" not in (page.evaluate(bars) or "loaded"), "the map of a log")
        box = page.locator(".map").bounding_box()
        for share in (0.25, 0.75):
            page.mouse.click(box["x"] + 50, box["y"] + share * box["height"])

            until(lambda share=share: share_shown(page, count, share), f"at {share}")
            assert contiguous(numbers(page))
            assert {row["number"] for row in rows(page)} == set(logs)
        frame = page.locator(".map-frame").bounding_box()
        assert abs((frame["y"] + frame["height"] / 2 - box["y"]) / box["height"] - 0.75) < 0.02
        page.locator(".log-chip-name", has_text="beta").click()
        until(lambda: all(n % 3 != 1 for n in numbers(page)), "beta is hidden")
        page.mouse.click(box["x"] + 50, box["y"] + box["height"] / 2)
        until(lambda: share_shown(page, count, 0.5), "the map of another log")


def test_the_map_leads_on_before_its_size_is_told(visit: Visit) -> None:
    """A click on the map of a log that was opened a moment ago, before the daemon has told how
    large it is, leads to that share of the log, and not of what is loaded; its tip says so."""
    logs = ["alpha", "beta"]
    count = 12_000
    daemon = Daemon({name: f"{name}.log" for name in logs})
    for k, name in enumerate(logs):
        more = " and a word more" * (name == "beta")
        daemon.append(f"{name}.log", *(line(i) + more for i in range(k, count, 2)))
    with daemon:
        page = visit(f"{daemon.url}#s=alpha,beta")
        following(page, count - 1)
        valuetext = "document.querySelector('.map').getAttribute('aria-valuetext')"
        until(lambda: "loaded" not in (page.evaluate(valuetext) or "loaded"), "the map of a log")
        page.evaluate("""() => {
            const map = document.querySelector('.map');
            new MutationObserver((_, seen) => {
                if (!map.getAttribute('aria-valuetext').includes('loaded')) return;
                seen.disconnect();
                const box = map.getBoundingClientRect();
                const at = {pointerId: 1, clientX: box.x + 5, clientY: box.y + box.height / 2};
                for (const type of ['pointerdown', 'pointerup']) {
                    map.dispatchEvent(new PointerEvent(type, at));
                }
                map.dataset.clicked = map.querySelector('.map-tip').textContent;
            }).observe(map, {attributeFilter: ['aria-valuetext']});
        }""")
        page.locator(".log-chip-name", has_text="beta").click()
        page.locator(".map[data-clicked]").wait_for()
        assert page.locator(".map").get_attribute("data-clicked") == "50 %"
        until(lambda: share_shown(page, count, 0.5), "the middle")
        assert all(n % 2 == 0 for n in numbers(page))


def test_errors_of_a_merge_are_a_key_away(visit: Visit) -> None:
    """E and e go through the errors of all logs of a merge in the order of their times, loaded or
    not, round its ends, and with a filter as well."""
    logs = ["alpha", "beta", "gamma"]
    count = 12_000
    errors = [i for i in range(count) if "ERROR" in line(i)]
    daemon = Daemon({name: f"{name}.log" for name in logs})
    for k, name in enumerate(logs):
        daemon.append(f"{name}.log", *(line(i) for i in range(k, count, 3)))
    with daemon:
        page = visit(f"{daemon.url}#s=alpha,beta,gamma")
        following(page, count - 1)

        def reach(key: str, i: int) -> None:
            page.keyboard.press(key)
            what = f"{key} to line {i}"
            until(lambda: page.locator(".row.cur", has_text=key_of(i)).count(), what)

        for i in errors[:-8:-1]:
            reach("E", i)
        page.keyboard.press("g")
        until(lambda: numbers(page)[:1] == [0], "the beginning")
        for i in errors[:5]:
            reach("e", i)
        for i in (*errors[3::-1], errors[-1]):
            reach("E", i)
        reach("e", errors[0])
        add_filter(page, "customer=c_3")
        until(lambda: {n % 7 for n in numbers(page)} == {3}, "the filter")
        page.keyboard.press("g")
        for i in [i for i in errors if i % 7 == 3]:
            reach("e", i)


def test_open_by_name(visit: Visit) -> None:
    """Ctrl K finds logs and commands by a few letters; Enter opens, Ctrl Enter opens beside."""
    daemon = Daemon({"shop/orders": "orders.log", "shop/mailer": "mailer.log"})
    daemon.append("orders.log", *map(line, range(30)))
    daemon.append("mailer.log", *map(line, range(100, 130)))
    with daemon:
        page = visit(f"{daemon.url}#s=shop/orders")
        following(page, 29)
        page.keyboard.press("Control+k")
        page.keyboard.type("mail")
        page.keyboard.press("Enter")
        following(page, 129)
        page.keyboard.press("Control+k")
        page.keyboard.type("orders")
        page.keyboard.press("Control+Enter")
        until(lambda: page.locator(".pane").count() == 2)
        following(page, 29)
        # The address tells of both, and Back closes what was opened.
        # (What the page sees: the driver's own copy may miss the second of two quick changes.)
        both = r"/s=shop\/mailer.*p=s=shop\/orders/.test(location.hash)"
        until(lambda: page.evaluate(both), "both in the address")


def test_first_run(visit: Visit) -> None:
    """A daemon that follows nothing says what to write where, and shows the log that then comes."""
    daemon = Daemon({})
    with daemon:
        page = visit(daemon.url, wait=False)
        until(lambda: "No logs yet" in page.inner_text(".main"))
        text = page.inner_text(".main")
        assert "sources:" in text
        assert "path:" in text
        assert "SIGHUP" in text or "reload" in text


def test_the_last_hour_of_a_log(visit: Visit) -> None:
    """What came before the page was opened is told beside the log, for the daemon has counted it;
    what comes then is added."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(10)))
    with daemon:
        first = visit(daemon.url)
        following(first, 9)
        row = first.locator(".tree-row", has_text="app")
        daemon.append("app.log", *map(line, range(10, 40)))
        until(lambda: "30 lines in the last hour" in (row.get_attribute("title") or ""))
        first.close()
        page = visit(daemon.url)
        row = page.locator(".tree-row", has_text="app")
        until(lambda: "30 lines in the last hour" in (row.get_attribute("title") or ""))
        daemon.append("app.log", line(250))
        until(lambda: "31 lines, 1 error in the last" in (row.get_attribute("title") or ""))
        drawn = page.evaluate("""() => {
          const canvas = document.querySelector('.sources canvas, .side canvas');
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return pixels.data.some((byte) => byte > 0);
        }""")
        assert drawn
