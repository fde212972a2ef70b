"""Headless Chromium as the benchmark sees it: opened, watched from inside, and weighed.

Needs Playwright's Python package and Debian's Chromium. A visited page has `probe`, which looks at
what is on the screen and when; the renderer is asked for its memory and CPU time by the system.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import BenchError, tree

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
VIEW = {"width": 1440, "height": 900}

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
  const visible = (rows) => {
    const box = document.querySelector('.scroller').getBoundingClientRect();
    return [...document.querySelectorAll(rows)]
      .map((row) => [row.getBoundingClientRect().top, row.textContent])
      .filter(([y]) => y >= box.top && y < box.bottom)
      .sort((a, b) => a[0] - b[0])
      .map(([, text]) => text);
  };
  probe.top = () => visible('.row:not(.rule)')[0] ?? '';
  // The lines on the screen by their numbers; NaN for the hole.
  probe.lines = () => visible('.row').map((text) => Number(text.split(' ')[1]));
  probe.shows = (line) => soon(() => probe.lines().includes(line), () => pressed);
  addEventListener('mousedown', (event) => { pressed = event.timeStamp; }, true);
  probe.told = () => Number(document.querySelector('.new-lines').textContent.replace(/\D/g, ''));
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
