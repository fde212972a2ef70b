#!/usr/bin/env python3
"""The page under load, in headless Chromium: does it keep up, and does it stay smooth?

    python benchmarks/page.py [--rates 5000,50000] [--seconds 60]

A log grows at a given rate; the page follows its end. Each line carries when it was written, so
the newest line on the screen tells how old it is: that is looked at after each frame. Beside it:
long tasks (over 50 ms), elements, heap after a collection, and the memory of all of Chromium.
Needs Playwright's Python package and Debian's Chromium.

Goals at 5,000 lines a second: no task over 50 ms, 95 % of looks at lines younger than 50 ms (and
the window of the daemon, 10 ms here), elements and heap flat. At 50,000 it shows the end and says
what it leaves out.
"""

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, Setup, warm_up
from machine import BenchError, Writer, build, free_port, tree
from workloads import scratch, serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--js-flags=--expose-gc",
]
WINDOW_MS = 10
#: Seconds at the start that do not count: the page fills its screen and is compiled.
WARM = 3.0
PROBE = r"""
(() => {
  const probe = (window.probe = { tasks: [], ages: [], frames: 0, offset: 0, on: false });
  new PerformanceObserver((list) => {
    if (probe.on) for (const entry of list.getEntries()) probe.tasks.push(entry.duration);
  }).observe({ type: 'longtask' });
  const look = () => {
    const rows = document.querySelectorAll('.row');
    let newest = 0;
    for (const row of rows) {
      const found = /\b(\d{19})\b/.exec(row.textContent);
      if (found) newest = Math.max(newest, Number(found[1]) / 1e6);
    }
    if (newest) probe.ages.push(performance.now() + probe.offset - newest);
  };
  let last = 0;
  const frame = (now) => {
    probe.frames += 1;
    if (probe.on && now - last > 100) {
      last = now;
      setTimeout(look); // behind the frame: what it has drawn is on the screen by then
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})();
"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or a sentence about what is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BenchError("the playwright package is not installed") from None
    if not os.path.exists(CHROMIUM):
        raise BenchError(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def memory_of_chromium() -> float:
    """Proportional set size of all Chromium processes below this one, MB."""
    total = 0
    for pid in tree(os.getpid()):
        with contextlib.suppress(OSError):
            if "chromium" in Path(f"/proc/{pid}/cmdline").read_text():
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                found = re.search(r"^Pss: +(\d+)", rollup, re.M)
                total += int(found[1]) if found else 0
    return total / 1e3


def set_clock(page: Any) -> None:
    """Have the page know CLOCK_MONOTONIC: the quickest of ten answers is the truest."""
    best = float("inf")
    for _ in range(10):
        before = time.monotonic_ns()
        there = page.evaluate("performance.now()")
        took = time.monotonic_ns() - before
        if took < best:
            best = took
            offset = (before + took / 2) / 1e6 - there
    page.evaluate("(offset) => { probe.offset = offset }", offset)


def state(page: Any, session: Any) -> dict[str, float]:
    """Elements and heap, after a collection."""
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    values = {metric["name"]: metric["value"] for metric in metrics}
    return {
        "elements": page.evaluate("document.getElementsByTagName('*').length"),
        "nodes": values["Nodes"],
        "heap_mb": values["JSHeapUsedSize"] / 1e6,
        "chromium_mb": memory_of_chromium(),
    }


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def watch(browser: Any, rate: int, seconds: float) -> dict[str, float]:
    """Let the log grow, and look."""
    with scratch() as directory:
        path = directory / "app.log"
        path.touch()
        setup = Setup(path, free_port(), WINDOW_MS)
        with serving(CONTENDERS["tailws"], setup) as server:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(PROBE)
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            page.goto(f"http://127.0.0.1:{setup.port}/#s=app")
            page.wait_for_timeout(1000)
            set_clock(page)
            writer = Writer(path=path, lines=int(rate * (seconds + WARM + 2)), rate=rate)
            try:
                page.wait_for_timeout(WARM * 1000)
                first = state(page, session)
                page.evaluate("() => { probe.on = true }")
                cpu, began = server.cpu_ns(), time.monotonic()
                page.wait_for_timeout(seconds * 1000)
                seen = page.evaluate("() => { probe.on = false; return probe }")
                cpu, took = server.cpu_ns() - cpu, time.monotonic() - began
                last = state(page, session)
            finally:
                writer.kill()
            page.close()
    if not seen["ages"]:
        raise BenchError("the page showed no line")
    return {
        "rate": rate,
        "long_tasks": len(seen["tasks"]),
        "longest_ms": max(seen["tasks"], default=0),
        "age_p50_ms": percentile(seen["ages"], 0.5),
        "age_p95_ms": percentile(seen["ages"], 0.95),
        "elements": last["elements"],
        "elements_grew": last["elements"] - first["elements"],
        "heap_mb": last["heap_mb"],
        "heap_grew_mb": last["heap_mb"] - first["heap_mb"],
        "chromium_mb": last["chromium_mb"],
        "daemon_core_percent": cpu / 1e7 / took,
    }


COLUMNS = (
    ("lines/s", "rate", "{:,.0f}"),
    ("tasks > 50 ms", "long_tasks", "{:.0f}"),
    ("longest ms", "longest_ms", "{:.0f}"),
    ("newest line's age p50 ms", "age_p50_ms", "{:.0f}"),
    ("p95 ms", "age_p95_ms", "{:.0f}"),
    ("elements", "elements", "{:,.0f}"),
    ("grew", "elements_grew", "{:+.0f}"),
    ("heap MB", "heap_mb", "{:.1f}"),
    ("grew MB", "heap_grew_mb", "{:+.1f}"),
    ("Chromium MB", "chromium_mb", "{:.0f}"),
    ("daemon, % of a core", "daemon_core_percent", "{:.1f}"),
)


def main() -> int:
    """Print a table; exit code 1 when the page could not be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", default="5000,50000", help="lines a second, with commas")
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    try:
        build()
        warm_up()
        with chromium() as browser:
            results = [watch(browser, int(rate), args.seconds) for rate in args.rates.split(",")]
    except BenchError as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 1
    print("| " + " | ".join(title for title, _, _ in COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for result in results:
        print("| " + " | ".join(form.format(result[key]) for _, key, form in COLUMNS) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
