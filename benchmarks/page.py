#!/usr/bin/env python3
"""The page under load, in headless Chromium: does it keep up, and does it stay smooth?

    python benchmarks/page.py [--rates 5000,50000] [--seconds 60] [--gigabytes 10] [--write]

Three questions, about five minutes:

- **Following.** A log grows at a rate, the page follows its end. Each line carries when it was
  written, so the newest line on the screen tells how old it is: that is looked at behind frames.
  Beside it: tasks over 50 ms, script and layout a frame, elements, heap after a collection, memory
  of the renderer, and how long Space takes to stop and End to come back.
- **Opening.** From the address to the first line, and what was fetched for it.
- **A large log.** Opening a log of so many gigabytes, and jumping to places in it, beside a small
  one.

`--write` puts the tables into docs/performance.md. Needs Playwright's Python package, Debian's
Chromium, a C compiler, and room for the large log.
"""

import argparse
import contextlib
import datetime
import os
import re
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, Setup, warm_up
from machine import BenchError, Server, Writer, build, describe, free_port, tree
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
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- page: begin -->", "<!-- page: end -->"
VIEW = {"width": 1440, "height": 900}
WINDOW_MS = 10
#: Seconds at the start that do not count: the page fills its screen, is compiled, and its memory
#: is compared from there on.
WARM = 10.0
#: Times that the page is opened, each in a browser context of its own.
OPENINGS = 7
JUMPS = (0.25, 0.75, 0.5, 0.02)

#: What the page is watched with. Nothing of it runs before `probe.on`, but for the first line.
PROBE = r"""
(() => {
  const probe = (window.probe = {
    tasks: [], ages: [], frames: 0, offset: 0, on: false, first: 0, elements: 0, answered: 0,
  });
  new PerformanceObserver((list) => {
    if (probe.on) for (const entry of list.getEntries()) probe.tasks.push(entry.duration);
  }).observe({ type: 'longtask' });
  const newest = () => {
    let ns = 0;
    for (const row of document.querySelectorAll('.row')) {
      const found = /\b(\d{19})\b/.exec(row.textContent);
      if (found) ns = Math.max(ns, Number(found[1]) / 1e6);
    }
    return ns;
  };
  const look = () => {
    const ns = newest();
    if (ns) probe.ages.push(performance.now() + probe.offset - ns);
    probe.elements = Math.max(probe.elements, document.getElementsByTagName('*').length);
  };
  let last = 0;
  const frame = (now) => {
    if (!probe.first && document.querySelector('.row:not(.rule)')) probe.first = now;
    probe.frames += 1;
    if (probe.on && now - last > 100) {
      last = now;
      setTimeout(look); // behind the frame: what it has drawn is on the screen by then
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  // How long something takes until the frame behind which it is so; ten seconds at most.
  let pressed = 0;
  addEventListener('keydown', (event) => { pressed = event.timeStamp; }, true);
  const soon = (so, began) => new Promise((resolve) => {
    const look = () => (so() || performance.now() - began() > 10000
      ? resolve(performance.now() - began()) : requestAnimationFrame(wait));
    const wait = () => setTimeout(look); // behind the frame: what it has drawn counts
    requestAnimationFrame(wait);
  });
  probe.until = (so) => soon(so, () => pressed);
  probe.reads = () => probe.until(() => document.querySelector('.mode.reading'));
  probe.ends = () => probe.until(
    () => document.querySelector('.mode.following')
      && performance.now() + probe.offset - newest() < 500);
  // A jump: until other lines are on the screen, all of it.
  probe.moved = (before) => {
    const began = performance.now();
    return soon(() => probe.top() && probe.top() !== before, () => began);
  };
  probe.top = () => {
    const box = document.querySelector('.scroller').getBoundingClientRect();
    return [...document.querySelectorAll('.row:not(.rule)')]
      .map((row) => [row.getBoundingClientRect().top, row.textContent])
      .filter(([y]) => y >= box.top && y < box.bottom)
      .sort((a, b) => a[0] - b[0])[0]?.[1] ?? '';
  };
})();
"""

Figures = dict[str, float]


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


@contextlib.contextmanager
def visit(browser: Any, port: int) -> Iterator[Any]:
    """The page of a daemon, in a browser context of its own: nothing of it is cached."""
    context = browser.new_context(viewport=VIEW)
    try:
        page = context.new_page()
        page.add_init_script(PROBE)
        page.goto(f"http://127.0.0.1:{port}/#s=app")
        page.wait_for_selector(".row:not(.rule)", timeout=30_000)
        yield page
    finally:
        context.close()


def renderer() -> tuple[float, int]:
    """Proportional set size, MB, and CPU time, ns, of the largest renderer below this process."""
    found = [(0.0, 0)]
    for pid in tree(os.getpid()):
        with contextlib.suppress(OSError):
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                size = re.search(r"^Pss: +(\d+)", rollup, re.M)
                cpu = time.clock_gettime_ns((~pid << 3) | 2)
                found.append((int(size[1]) / 1e3 if size else 0.0, cpu))
    return max(found)


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


def metrics(session: Any) -> Figures:
    """What Chromium counts of the page, in seconds and bytes."""
    found = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def pressed(page: Any, key: str, so: str) -> float:
    """How long a key takes until the page shows it, ms."""
    page.keyboard.press(key)
    return float(page.evaluate(f"probe.{so}()"))


def follow(browser: Any, rate: int, seconds: float) -> Figures:
    """Let the log grow, and look."""
    with scratch() as directory:
        path = directory / "app.log"
        path.touch()
        setup = Setup(path, free_port(), WINDOW_MS)
        with serving(CONTENDERS["tailws"], setup) as server:
            lines = int(rate * (seconds + WARM + 120))
            writer = Writer(path=path, lines=lines, rate=rate)
            try:
                with visit(browser, setup.port) as page:
                    session = page.context.new_cdp_session(page)
                    session.send("Performance.enable")
                    set_clock(page)
                    page.wait_for_timeout(WARM * 1000)
                    (first_mb, first_ns), before = renderer(), metrics(session)
                    page.evaluate("probe.frames = 0; probe.on = true")
                    cpu, began = server.cpu_ns(), time.monotonic()
                    page.wait_for_timeout(seconds * 1000)
                    seen = page.evaluate("() => { probe.on = false; return {...probe} }")
                    cpu, took = server.cpu_ns() - cpu, time.monotonic() - began
                    after, (last_mb, last_ns) = metrics(session), renderer()
                    stops = [pressed(page, " ", "reads")]
                    ends = [pressed(page, "End", "ends")]
                    for _ in range(4):
                        page.wait_for_timeout(500)
                        stops.append(pressed(page, " ", "reads"))
                        page.wait_for_timeout(500)
                        ends.append(pressed(page, "End", "ends"))
                    session.send("HeapProfiler.collectGarbage")
                    heap = session.send("Runtime.getHeapUsage")["usedSize"]
            finally:
                writer.kill()
    if not seen["ages"]:
        raise BenchError("the page showed no line")

    def a_frame(name: str) -> float:
        return 1000 * (after[name] - before[name]) / max(1, seen["frames"])

    return {
        "rate": rate,
        "long_tasks": len(seen["tasks"]),
        "longest_ms": max(seen["tasks"], default=0),
        "age_p50_ms": percentile(seen["ages"], 0.5),
        "age_p95_ms": percentile(seen["ages"], 0.95),
        "frames": seen["frames"] / took,
        "renderer_core_percent": (last_ns - first_ns) / 1e7 / took,
        "renderer_ms": (last_ns - first_ns) / 1e6 / max(1, seen["frames"]),
        "script_ms": a_frame("ScriptDuration"),
        "layout_ms": a_frame("LayoutDuration") + a_frame("RecalcStyleDuration"),
        "elements": seen["elements"],
        "heap_mb": heap / 1e6,
        "renderer_mb": last_mb,
        "renderer_grew_mb": last_mb - first_mb,
        "stop_ms": max(stops),
        "end_ms": max(ends),
        "daemon_core_percent": cpu / 1e7 / took,
    }


def come_to_rest(server: Server) -> None:
    """Wait until the daemon has nothing to do: what somebody opened is counted behind it."""
    for _ in range(600):
        before = server.cpu_ns()
        time.sleep(0.1)
        if server.cpu_ns() - before < 5e6:
            return


def opening(browser: Any, port: int, server: Server) -> Figures:
    """Open the page several times; return what it takes in the middle."""
    took, dom, sizes, requests = [], [], [], []
    for _ in range(OPENINGS):
        come_to_rest(server)
        with visit(browser, port) as page:
            found = page.evaluate("""() => {
              const [page] = performance.getEntriesByType('navigation');
              const all = [page, ...performance.getEntriesByType('resource')];
              return {first: probe.first, dom: page.domInteractive, requests: all.length,
                bytes: all.reduce((sum, one) => sum + one.encodedBodySize, 0)};
            }""")
            took.append(found["first"])
            dom.append(found["first"] - found["dom"])
            sizes.append(found["bytes"])
            requests.append(found["requests"])
    return {
        "open_ms": statistics.median(took),
        "behind_dom_ms": statistics.median(dom),
        "kb": max(sizes) / 1e3,
        "requests": max(requests),
    }


def jumps(browser: Any, port: int) -> list[float]:
    """Click on the map, and press Home and End; return how long each takes, ms."""
    took = []
    with visit(browser, port) as page:
        page.wait_for_timeout(1500)
        box = page.locator(".map").bounding_box()
        for share in JUMPS:
            before = page.evaluate("probe.top()")
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + share * box["height"])
            page.mouse.down()
            page.mouse.up()
            took.append(page.evaluate("(before) => probe.moved(before)", before))
            page.wait_for_timeout(300)
        for key in ("g", "End"):
            before = page.evaluate("probe.top()")
            page.keyboard.press(key)
            took.append(page.evaluate("(before) => probe.moved(before)", before))
            page.wait_for_timeout(300)
    return took


def sized(browser: Any, size: float) -> Figures:
    """Write a log of so many bytes, then open it and jump in it."""
    with scratch() as directory:
        path = directory / "app.log"
        wide = 100 if size < 1e8 else 1000
        Writer(path=path, lines=int(size / wide), size=wide).result(600)
        os.sync()
        setup = Setup(path, free_port(), WINDOW_MS)
        with serving(CONTENDERS["tailws"], setup) as server:
            found = opening(browser, setup.port, server)
            took = jumps(browser, setup.port)
    return found | {"gb": size / 1e9, "jump_ms": statistics.median(took), "jump_max_ms": max(took)}


FOLLOWING = (
    ("lines/s", "rate", "{:,.0f}", ""),
    ("tasks over 50 ms", "long_tasks", "{:.0f}", "0"),
    ("the longest, ms", "longest_ms", "{:.0f}", ""),
    ("age of the newest line on the screen, median, ms", "age_p50_ms", "{:.0f}", ""),
    ("95 % of looks below, ms", "age_p95_ms", "{:.0f}", "50 at 5,000 lines/s, 80 at 50,000"),
    ("frames a second", "frames", "{:.0f}", ""),
    ("renderer, % of a core", "renderer_core_percent", "{:.0f}", ""),
    ("its CPU time a frame, all of it, ms", "renderer_ms", "{:.1f}", ""),
    ("script a frame, ms", "script_ms", "{:.1f}", "4"),
    ("style and layout a frame, ms", "layout_ms", "{:.1f}", ""),
    ("elements at most", "elements", "{:,.0f}", "600"),
    ("heap after a collection, MB", "heap_mb", "{:.1f}", "48"),
    ("renderer's memory (PSS), MB", "renderer_mb", "{:.0f}", "200"),
    ("and what it grew, MB", "renderer_grew_mb", "{:+.0f}", "10"),
    ("Space to reading, slowest of 5, ms", "stop_ms", "{:.0f}", "100"),
    ("End to the end, slowest of 5, ms", "end_ms", "{:.0f}", "250"),
    ("daemon, % of a core", "daemon_core_percent", "{:.1f}", ""),
)
SIZES = (
    ("GB", "gb", "{:g}", ""),
    ("from the address to the first line, ms", "open_ms", "{:.0f}", ""),
    ("from the document to the first line, ms", "behind_dom_ms", "{:.0f}", "300"),
    ("fetched, kB", "kb", "{:.0f}", "120"),
    ("requests", "requests", "{:.0f}", "60"),
    ("jump, median, ms", "jump_ms", "{:.0f}", "250"),
    ("slowest of 6 jumps, ms", "jump_max_ms", "{:.0f}", ""),
)


def table(rows: tuple[tuple[str, str, str, str], ...], results: list[Figures]) -> list[str]:
    """Figures down, runs across, the goal behind them."""
    (title, key, form, _), *rest = rows
    heads = [title, *(form.format(result[key]) for result in results), "goal"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * len(results) + "---|"]
    for title, key, form, goal in rest:
        cells = [form.format(result[key]) for result in results]
        lines.append("| " + " | ".join([title, *cells, goal and f"at most {goal}"]) + " |")
    return lines


def report(followed: list[Figures], sizes: list[Figures], seconds: float, load: str) -> str:
    """The results as text."""
    machine = describe()
    where = f"{machine['cpu']}, {machine['memory']}, Linux {machine['kernel']}"
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    begun = f"load average before it began {load}"
    shared = "The browser, the daemon and the program that writes share its cores."
    return "\n".join(
        [
            f"Measured on {date}: {where}; {begun}. {shared}",
            "",
            f"Following for {seconds:.0f} s:",
            "",
            *table(FOLLOWING, followed),
            "",
            "Opening, and jumping by the map, Home and End:",
            "",
            *table(SIZES, sizes),
        ]
    )


def write(text: str) -> None:
    """Put the results between the marks of docs/performance.md."""
    before, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{DOCUMENT} has no {BEGIN} ... {END}")
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> int:
    """Print the tables; exit code 1 when the page could not be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", default="5000,50000", help="lines a second, with commas")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--gigabytes", type=float, default=10, help="of the large log; 0: none")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    args = parser.parse_args()
    load = describe()["load"]
    try:
        build()
        warm_up()
        with chromium() as browser:
            followed = []
            for rate in args.rates.split(","):
                print(f"following at {rate} lines/s for {args.seconds:.0f} s ...", file=sys.stderr)
                followed.append(follow(browser, int(rate), args.seconds))
            sizes = []
            for size in (10e6, args.gigabytes * 1e9):
                if size:
                    print(f"opening a log of {size / 1e9:g} GB ...", file=sys.stderr)
                    sizes.append(sized(browser, size))
        text = report(followed, sizes, args.seconds, load)
        print(text)
        if args.write:
            write(text)
    except BenchError as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
