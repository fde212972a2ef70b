"""Every line once, in order: lost connections, killed daemons, rotations, truncations."""

from __future__ import annotations

import gzip
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.acceptance import (
    Stream,
    add_filter,
    contiguous,
    following,
    line,
    numbers,
    scroll_until,
    settled,
)
from tests.web.looking import mode, rows, texts, until, wheel
from tests.web.real import Daemon
from tests.web.relay import Relay

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


def rules(page: Any) -> list[str]:
    """Return the texts of the visible rules."""
    return [row["text"] for row in rows(page) if row["rule"]]


def read_back(page: Any, to: int) -> tuple[list[int], list[str]]:
    """Page upwards to a line; return all lines on the way, and the rules, oldest first.

    Each page must run on without a missing or repeated line, and overlap with the one below it.
    """
    page.keyboard.press("End")
    until(lambda: mode(page) == "Following")
    settled(page)
    got: list[int] = []
    drawn: list[str] = []
    while True:
        shown = until(lambda: len(texts(page)) > 5 and numbers(page))
        assert contiguous(shown), shown
        if got:
            assert shown[-1] >= got[0] - 1, f"jumped from {got[0]} to {shown[-1]}"
        got = [*range(shown[0], got[0] if got else shown[-1] + 1), *got]
        drawn = [*(text for text in rules(page) if text not in drawn), *drawn]
        if shown[0] <= to:
            return got, drawn
        page.keyboard.press("PageUp")
        until(lambda: numbers(page) and numbers(page)[0] < shown[0], "a page further up")  # noqa: B023


def test_pulled_out_and_plugged_in_ten_times(visit: Visit) -> None:
    """The connection breaks ten times while lines are written: each is shown once, in order, and no
    rule is drawn, for nothing was lost."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(200)))
    with daemon, Relay(daemon.port) as relay:
        page = visit(relay.url)
        following(page, 199)
        with Stream(daemon, "app.log", 300, 200) as stream:
            for turn in range(10):
                relay.pulled = turn % 3 == 0
                relay.cut()
                time.sleep(0.25)
                relay.pulled = False
                until(lambda: numbers(page)[-1] > stream.next - 200, "caught up", 30)
        end = stream.next
        following(page, end - 1)
        got, drawn = read_back(page, 150)
        assert got[-1] == end - 1
        assert drawn == []
        assert page.locator(".connection").get_attribute("data-kind") == "live"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_the_daemon_dies_and_the_log_is_rotated_meanwhile(
    visit: Visit, sign: signal.Signals
) -> None:
    """Lines that are written appear; the daemon is killed, the file grows, is rotated, compressed
    and rotated again; a new daemon on the same port: the page shows every line once, in order."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(100)))
    with daemon:
        page = visit(daemon.url)
        following(page, 99)
        daemon.append("app.log", *map(line, range(100, 150)))
        following(page, 149)
        daemon.kill(sign)
        until(lambda: page.locator(".connection").get_attribute("data-kind") == "waiting")
        # The rows stay, and stay usable.
        assert numbers(page)[-1] == 149
        app, old = daemon.path("app.log"), daemon.path("app.log.1")
        daemon.append("app.log", *map(line, range(150, 200)))
        app.rename(old)
        daemon.append("app.log", *map(line, range(200, 250)))
        with gzip.open(daemon.path("app.log.2.gz"), "wb") as file:
            file.write(old.read_bytes())
        app.rename(old)
        daemon.append("app.log", *map(line, range(250, 300)))
        daemon.start()
        following(page, 299)
        daemon.append("app.log", *map(line, range(300, 320)))
        following(page, 319)
        got, drawn = read_back(page, 0)
        assert got == list(range(320))
        assert not [text for text in drawn if "could not be read" in text]
        page.keyboard.press("End")
        until(lambda: mode(page) == "Following")


def test_a_gap_stays_in_the_text(visit: Visit) -> None:
    """What was destroyed before anybody read it is a rule with its size and reason; scrolling,
    filtering and reconnecting do not remove it."""
    daemon = Daemon({"app": "app.log"})
    daemon.append("app.log", *map(line, range(60)))
    with daemon, Relay(daemon.port) as relay:
        page = visit(relay.url)
        following(page, 59)
        daemon.kill()
        # Written and emptied while nobody reads: copytruncate without a copy.
        daemon.append("app.log", *map(line, range(60, 1060)))
        daemon.path("app.log").write_text("")
        daemon.append("app.log", *map(line, range(2000, 2020)))
        daemon.start()
        following(page, 2019)

        def gap() -> list[str]:
            return [text for text in rules(page) if "truncated" in text]

        until(gap, "the gap is told")
        (told,) = gap()
        assert re.search(r"could not be read|bytes|kB|lost|not known", told), told
        wheel(page, -3000)
        time.sleep(0.2)
        page.keyboard.press("End")
        until(gap, "after scrolling")
        relay.cut()
        daemon.append("app.log", line(2020))
        following(page, 2020)
        assert gap()
        add_filter(page, "customer")
        time.sleep(0.5)
        page.keyboard.press("\\")
        until(lambda: 2020 in numbers(page))
        until(gap, "after a filter")


def test_a_rotation_is_a_rule_and_nothing_more(visit: Visit) -> None:
    """The file is renamed and a new one appears: a thin rule, all rows stay, Following goes on;
    upwards one reads through all files to the first line, which is said to be the first."""
    daemon = Daemon({"app": "app.log"})
    with gzip.open(daemon.path("app.log.2.gz"), "wt") as file:
        file.writelines(f"{line(i)}\n" for i in range(300))
    daemon.append("app.log.1", *map(line, range(300, 600)))
    daemon.append("app.log", *map(line, range(600, 610)))
    with daemon:
        page = visit(daemon.url)
        following(page, 609)
        daemon.path("app.log.2.gz").rename(daemon.path("app.log.3.gz"))
        daemon.path("app.log.1").rename(daemon.path("app.log.2"))
        daemon.path("app.log").rename(daemon.path("app.log.1"))
        daemon.append("app.log", *map(line, range(610, 620)))
        following(page, 619)
        assert mode(page) == "Following"
        until(lambda: any("rotated at" in text and "nothing lost" in text for text in rules(page)))
        assert set(range(600, 620)) <= set(numbers(page))
        scroll_until(page, -900, lambda: "beginning of the log" in rules(page))
        until(lambda: numbers(page)[:3] == [0, 1, 2])
        got, _ = read_back(page, 0)
        assert got == list(range(620))


def test_lines_are_shown_as_they_are_written(visit: Visit) -> None:
    """A line appears when its newline is written; half a line does not; nothing is shown twice."""
    with Daemon({"app": "app.log"}) as daemon:
        daemon.append("app.log", line(0))
        page = visit(daemon.url)
        until(lambda: numbers(page) == [0])
        with daemon.path("app.log").open("a") as file:
            file.write(line(1)[:40])
            file.flush()
            time.sleep(0.4)
            assert numbers(page) == [0]
            file.write(line(1)[40:] + "\n" + line(2))
            file.flush()
            until(lambda: numbers(page) == [0, 1])
            file.write("\n")
        until(lambda: numbers(page) == [0, 1, 2])
        page.reload()
        until(lambda: numbers(page) == [0, 1, 2])
