#!/usr/bin/env python3
"""The page under load, in headless Chromium: does it keep up, and does it stay smooth?

    python benchmarks/page.py [--rates 5000,50000] [--seconds 60] [--gigabytes 10] [--write]

Four questions, about six minutes:

- **Following.** A log grows at a rate, the page follows its end. Each line carries when it was
  written, so the newest line on the screen tells how old it is: that is looked at behind frames.
  Beside it: tasks over 50 ms, script and layout a frame, elements, heap after a collection, memory
  of the renderer, and how long Space takes to stop and End to come back.
- **Reading.** The same, but one has stopped: what comes is counted, and kept only up to a bound.
  Then to the end, and into the hole that this leaves, from both of its sides.
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
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from browser import VIEW, Figures, chromium, metrics, renderer, set_clock, visit
from contenders import CONTENDERS, Setup, warm_up
from machine import BenchError, Server, Writer, build, describe, free_port
from workloads import scratch, serving

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- page: begin -->", "<!-- page: end -->"
WINDOW_MS = 10
#: Seconds at the start that do not count: the page fills its screen, is compiled, and its memory
#: is compared from there on; and from later on, which tells growth once from growth for ever.
WARM, LATER = 10.0, 30.0
#: Readings of the memory, half a second apart, of which the mean counts.
READINGS = 5
#: Times that the page is opened, each in a browser context of its own.
OPENINGS = 7
JUMPS = (0.25, 0.75, 0.5, 0.02)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def pressed(page: Any, key: str, so: str) -> float:
    """How long a key takes until the page shows it, ms."""
    page.keyboard.press(key)
    return float(page.evaluate(f"probe.{so}()"))


def weigh(page: Any) -> float:
    """The renderer's memory, MB: the mean of a while, for garbage comes and goes."""
    sizes = []
    for _ in range(READINGS):
        page.wait_for_timeout(500)
        sizes.append(renderer()[0])
    return statistics.mean(sizes)


def watch(page: Any, seconds: float) -> None:
    """Let time pass and the page be looked at, while nothing is asked of the system: that costs."""
    page.evaluate("probe.on = true")
    page.wait_for_timeout(seconds * 1000)
    page.evaluate("probe.on = false")


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
                    sizes = [weigh(page)]
                    (_, first_ns), before = renderer(), metrics(session)
                    page.evaluate("probe.frames = 0")
                    cpu, began = server.cpu_ns(), time.monotonic()
                    watch(page, min(LATER - WARM, seconds))
                    sizes.append(weigh(page))
                    watch(page, max(0.0, seconds - LATER + WARM))
                    seen = page.evaluate("() => ({...probe})")
                    cpu, took = server.cpu_ns() - cpu, time.monotonic() - began
                    after, (_, last_ns) = metrics(session), renderer()
                    sizes.append(weigh(page))
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
        "renderer_mb": max(sizes),
        "renderer_grew_mb": sizes[2] - sizes[0],
        "renderer_grew_later_mb": sizes[2] - sizes[1],
        "stop_ms": max(stops),
        "end_ms": max(ends),
        "daemon_core_percent": cpu / 1e7 / took,
    }


def last_line(path: Path) -> int:
    """The number of the last line of a log; its writer has been stopped."""
    with path.open("rb") as file:
        file.seek(-500, os.SEEK_END)
        return int(file.read().splitlines()[-1].split()[1])


def wait_for(page: Any, so: str, line: int) -> None:
    """Wait until something is so, in the page's words."""
    page.wait_for_function(f"(line) => {so}", arg=line, polling=50, timeout=30_000)


def to_hole(page: Any) -> tuple[int, int]:
    """Scroll up to the hole, not into it; return the lines above and below it."""
    page.mouse.move(VIEW["width"] / 2, VIEW["height"] / 2)
    for _ in range(2000):
        above, hole, below = page.evaluate(
            "() => { const lines = probe.lines(), k = lines.findIndex(Number.isNaN);"
            " return [lines[k - 1] ?? -1, k, lines[k + 1] ?? -1] }"
        )
        if hole > 0 and below >= 0:
            return int(above), int(below)
        page.mouse.wheel(0, -300)
        page.evaluate("new Promise((then) => requestAnimationFrame(() => setTimeout(then)))")
    raise BenchError("there is no hole above the end")


def load_hole(page: Any, line: int) -> float:
    """Load a page of the hole from where one is; return how long a line of it takes, ms."""
    page.get_by_role("button", name="Load here").click()
    took = float(page.evaluate("(line) => probe.shows(line)", line))
    if line not in page.evaluate("probe.lines()"):
        raise BenchError("a page of the hole did not come")
    return took


def read(browser: Any, rate: int, seconds: float) -> Figures:
    """Stop, let the log grow, and go to its end; what comes is counted meanwhile."""
    with scratch() as directory:
        path = directory / "app.log"
        path.touch()
        setup = Setup(path, free_port(), WINDOW_MS)
        with serving(CONTENDERS["tailws"], setup):
            lines = int(rate * (seconds + WARM + 180))
            writer = Writer(path=path, lines=lines, rate=rate)
            try:
                with visit(browser, setup.port) as page:
                    set_clock(page)
                    page.wait_for_timeout(WARM * 1000)
                    # Where one stops is known to the line: all that is written is on the screen.
                    writer.signal(signal.SIGSTOP)
                    first = last_line(path)
                    wait_for(page, "probe.lines().includes(line)", first)
                    pressed(page, " ", "reads")
                    writer.signal(signal.SIGCONT)
                    page.wait_for_timeout(WARM * 1000)  # it writes first what it has missed
                    sizes = [weigh(page)]
                    watch(page, seconds)
                    tasks = page.evaluate("probe.tasks")
                    sizes.append(weigh(page))
                    writer.signal(signal.SIGSTOP)
                    came = last_line(path) - first
                    with contextlib.suppress(Exception):
                        wait_for(page, "probe.told() >= line", came)
                    page.wait_for_timeout(1000)
                    told = page.evaluate("probe.told()")
                    writer.signal(signal.SIGCONT)
                    page.wait_for_timeout(2000)
                    end_ms = pressed(page, "End", "ends")
                    writer.signal(signal.SIGSTOP)
                    wait_for(page, "probe.lines().includes(line)", last_line(path))
                    above, below = to_hole(page)
                    page.get_by_role("button", name="Jump over").click()
                    wait_for(page, "probe.lines().includes(line)", above)
                    took = [load_hole(page, above + 1)]
                    pressed(page, "End", "ends")
                    wait_for(page, "probe.lines().includes(line)", last_line(path))
                    _, below = to_hole(page)
                    took.append(load_hole(page, below - 1))
            finally:
                writer.kill()
    return {
        "rate": rate,
        "long_tasks": len(tasks),
        "longest_ms": max(tasks, default=0),
        "came": came,
        "miscounted": abs(told - came),
        "kept_mb": (above - first) * 100 / 1e6,
        "hole_mb": (below - above) * 100 / 1e6,
        "renderer_mb": max(sizes),
        "renderer_grew_mb": sizes[1] - sizes[0],
        "end_ms": end_ms,
        "hole_ms": max(took),
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
    ("what it grew from second 10 on, MB", "renderer_grew_mb", "{:+.0f}", "10"),
    ("from second 30 on, MB", "renderer_grew_later_mb", "{:+.0f}", ""),
    ("Space to reading, slowest of 5, ms", "stop_ms", "{:.0f}", "100"),
    ("End to the end, slowest of 5, ms", "end_ms", "{:.0f}", "250"),
    ("daemon, % of a core", "daemon_core_percent", "{:.1f}", ""),
)
READING = (
    ("lines/s", "rate", "{:,.0f}", ""),
    ("tasks over 50 ms", "long_tasks", "{:.0f}", "0"),
    ("the longest, ms", "longest_ms", "{:.0f}", ""),
    ("lines that came", "came", "{:,.0f}", ""),
    ("lines by which the count was wrong", "miscounted", "{:,.0f}", "0"),
    ("of these lines kept, MB", "kept_mb", "{:.1f}", "4.3"),
    ("renderer's memory (PSS), MB", "renderer_mb", "{:.0f}", "200"),
    ("what it grew, MB", "renderer_grew_mb", "{:+.0f}", "10"),
    ("End to the end, ms", "end_ms", "{:.0f}", "250"),
    ("the hole above it, MB", "hole_mb", "{:.0f}", ""),
    ("Load here to its lines, slower of both sides, ms", "hole_ms", "{:.0f}", ""),
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


def report(
    followed: list[Figures], reads: Figures, sizes: list[Figures], seconds: float, load: str
) -> str:
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
            f"Reading for {seconds:.0f} s, then to the end, and into the hole:",
            "",
            *table(READING, [reads]),
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
            print(f"reading at {rate} lines/s for {args.seconds:.0f} s ...", file=sys.stderr)
            reads = read(browser, int(rate), args.seconds)
            sizes = []
            for size in (10e6, args.gigabytes * 1e9):
                if size:
                    print(f"opening a log of {size / 1e9:g} GB ...", file=sys.stderr)
                    sizes.append(sized(browser, size))
        text = report(followed, reads, sizes, args.seconds, load)
        print(text)
        if args.write:
            write(text)
    except BenchError as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
