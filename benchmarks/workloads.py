"""What is asked of each server, and what is measured while it answers.

A workload's `run` starts the server afresh, drives it once and returns the figures of that one
run; `bench.py` repeats and compares. Every run ends with the same question to the load client:
was any line lost, repeated, swapped or garbled?
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, Contender, Setup, subscribe
from machine import BenchError, Load, Server, Writer, free_port, running
from websockets.sync.client import connect

Figures = dict[str, float]


@dataclass(frozen=True)
class Variant:
    """A contender as a workload uses it: its label, and what differs from the workload's own."""

    label: str
    contender: str
    load: dict[str, Any] = field(default_factory=dict)
    wishes: dict[str, Any] = field(default_factory=dict)


def plain(*names: str) -> tuple[Variant, ...]:
    """Contenders as they are."""
    return tuple(Variant(name, name) for name in names)


@dataclass(frozen=True)
class Workload:
    """One row of the table of goals."""

    key: str
    title: str
    goal: str
    metric: str
    """The figure that the goal is about."""
    run: Callable[[Variant, float], Figures]
    """Run once; the number scales how long (1: full)."""
    variants: tuple[Variant, ...]
    peers: tuple[Variant, ...] = ()
    """Measured too, where there is time."""
    baseline: str = ""
    """The label that `metric` is a ratio to; nothing: the figure stands for itself."""
    higher_is_better: bool = False


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for one run, on the disk: its page cache is part of what is measured."""
    path = Path(tempfile.mkdtemp(prefix="tailws-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def serving(contender: Contender, setup: Setup, wait: bool = True) -> Iterator[Server]:
    """The contender, listening."""
    log = (setup.path if setup.path.is_dir() else setup.path.parent) / "server.out"
    with Server(contender.command(setup), log, contender.env) as server:
        if wait:
            server.wait_listening(setup.port)
        try:
            yield server
        except BenchError as error:
            raise BenchError(f"{error}; the server: {server.words()}") from None


def faults(result: dict[str, Any]) -> Figures:
    """What the load client found wrong, and nothing else."""
    names = ("lost", "unread", "repeated", "swapped", "garbled", "gaps", "errors", "closed")
    return {name: float(result[name]) for name in names}


def figures(result: dict[str, Any], cpu_ns: int) -> Figures:
    """The figures of every run in which lines were delivered."""
    lines = max(1, result["lines"])
    return {
        "cpu_us_per_line": cpu_ns / 1e3 / lines,
        "cpu_s": cpu_ns / 1e9,
        "lines": float(result["lines"]),
        "p50_ms": result["p50_us"] / 1e3,
        "p99_ms": result["p99_us"] / 1e3,
        "max_ms": result["max_us"] / 1e3,
        "wire_bytes_per_line": result["wire"] / lines,
        "lines_per_message": lines / max(1, result["messages"]),
        **faults(result),
    }


def fan_out(
    clients: int,
    rate: float,
    seconds: float,
    window_ms: float = 0,
    size: int = 100,
    limits: dict[str, Any] | None = None,
) -> Callable[[Variant, float], Figures]:
    """`clients` subscribers of one file that grows by `rate` lines a second."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        lines = int(rate * seconds * scale)
        with scratch() as directory:
            path = directory / "app.log"
            path.touch()
            setup = Setup(
                path, free_port(), variant.wishes.get("window_ms", window_ms), limits or {}
            )
            options = {"clients": clients, "lines": lines, "size": size, "port": setup.port}
            options |= contender.load(setup) | variant.load
            step = int(options.get("step", 1))
            options["lines"] = lines // step
            with serving(contender, setup) as server:
                empty = server.memory()
                with running(Load(**options)) as load:
                    load.wait_ready()
                    time.sleep(contender.settle)
                    memory, cpu = server.memory(), server.cpu_ns()
                    writer = Writer(path=path, lines=lines, rate=rate, size=size)
                    result = load.result()
                    cpu = server.cpu_ns() - cpu
                    written = writer.result()
                    wall = result["last_ns"] - written["start_ns"]
                    return {
                        **figures(result, cpu),
                        "wall_s": wall / 1e9,
                        "cpu_us_per_written": cpu / 1e3 / lines,
                        "connection_kb": (memory - empty) / 1e3 / clients,
                        "growth_kb": (server.memory() - memory) / 1e3,
                    }

    return run


def flat_out(megabytes: int) -> Callable[[Variant, float], Figures]:
    """One client, and a file that grows as fast as write(2) goes."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        size = 100
        lines = int(megabytes * scale * variant.wishes.get("share", 1)) * 1_000_000 // size
        with scratch() as directory:
            path = directory / "app.log"
            path.touch()
            setup = Setup(path, free_port())
            options = {"clients": 1, "lines": lines, "size": size, "port": setup.port}
            with (
                serving(contender, setup) as server,
                running(Load(**options, **contender.load(setup))) as load,
            ):
                load.wait_ready()
                time.sleep(contender.settle)
                memory, cpu = server.memory(), server.cpu_ns()
                peak = [memory]
                watch = threading.Thread(
                    target=lambda: peak.append(server.memory_peak_during(load, 0.05))
                )
                watch.start()
                writer = Writer(path=path, lines=lines, size=size)
                written = writer.result()
                watch.join()
                result = load.result()
                cpu = server.cpu_ns() - cpu
                wall = result["last_ns"] - written["start_ns"]
                return {
                    **figures(result, cpu),
                    "wall_s": wall / 1e9,
                    "mb_per_s": result["lines"] * size / 1e6 / (wall / 1e9),
                    "growth_kb": (max(peak) - memory) / 1e3,
                }

    return run


def idle(clients: int, seconds: float) -> Callable[[Variant, float], Figures]:
    """Connections on which nothing happens."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        with scratch() as directory:
            path = directory / "app.log"
            path.touch()
            setup = Setup(path, free_port())
            options = {
                "clients": int(clients * scale),
                "lines": 1,
                "port": setup.port,
                "hold": True,
            }
            with serving(contender, setup) as server:
                time.sleep(0.3)
                memory = server.memory()
                began = server.cpu_ns()
                with running(Load(**options, **contender.load(setup))) as load:
                    load.wait_ready()
                    time.sleep(1 + contender.settle)
                    connecting = server.cpu_ns() - began
                    per_client = (server.memory() - memory) / int(clients * scale)
                    cpu, start = server.cpu_ns(), time.monotonic_ns()
                    time.sleep(seconds)
                    busy = (server.cpu_ns() - cpu) / (time.monotonic_ns() - start)
                    result = load.stop()
            return {
                "connection_kb": per_client / 1e3,
                "connect_us": connecting / 1e3 / int(clients * scale),
                "core_percent": busy * 100,
                "closed": float(result["closed"]),
            }

    return run


def stalled(seconds: float, stalling: bool = True) -> Callable[[Variant, float], Figures]:
    """100 clients, of which 5 read nothing for `seconds`, then do; 2,000 lines/s of 600 bytes."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        rate, size, duration = 2000, 600, seconds * scale
        lines = int(rate * duration)
        with scratch() as directory:
            path = directory / "app.log"
            path.touch()
            setup = Setup(path, free_port(), 10)
            common = {"lines": lines, "size": size, "port": setup.port} | contender.load(setup)
            stall = duration if variant.wishes.get("stall", stalling) else None
            with (
                serving(contender, setup) as server,
                running(Load(clients=95, patience=20, **common)) as live,
                running(Load(clients=5, patience=20, stall=stall, **common)) as slow,
            ):
                live.wait_ready()
                slow.wait_ready()
                time.sleep(contender.settle)
                memory, cpu = server.memory(), server.cpu_ns()
                writer = Writer(path=path, lines=lines, rate=rate, size=size)
                peak = max(server.memory_peak_during(load, 0.01) for load in (live, slow))
                result, late = live.result(), slow.result()
                cpu = server.cpu_ns() - cpu
                writer.result()
                wrong = {f"slow_{key}": value for key, value in faults(late).items()}
                return {
                    **figures(result, cpu),
                    **wrong,
                    "growth_kb": (peak - memory) / 1e3,
                    "catch_up_s": max(0, late["last_ns"] - result["last_ns"]) / 1e9,
                }

    return run


def many_files(files: int, rate: float, seconds: float) -> Callable[[Variant, float], Figures]:
    """One client that follows `files` files which get `rate` lines a second in all."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        with scratch() as directory:
            Writer(path=directory, files=files, lines=files, rate=1e6).result()  # one line in each
            sources = [{"name": "app", "path": str(directory / "*.log")}]
            limits = {"clients": {"subscriptions": files + 1}}
            setup = Setup(directory, free_port(), 50, limits, sources)
            lines = int(rate * seconds * scale) // files * files
            options = {"port": setup.port, "clients": 1, "files": files, "await": files, "first": 1}
            options |= {"path": "/ws", "protocol": "tailws", "subscribe": subscribe("app/*")}
            options |= {"lines": lines} if lines else {"lines": 1, "hold": True}
            with serving(contender, setup) as server:
                before = server.memory()
                with running(Load(**options)) as load:
                    load.wait_ready()
                    time.sleep(1)
                    cpu, start = server.cpu_ns(), time.monotonic_ns()
                    if lines:
                        writer = Writer(
                            path=directory, files=files, lines=lines, rate=rate, first=1
                        )
                        writer.result()
                        result = load.result()
                    else:
                        time.sleep(seconds * scale)
                        result = load.stop()
                    busy, took = server.cpu_ns() - cpu, time.monotonic_ns() - start
                    kilobytes = (server.memory() - before) / 1e3
            return {
                **(figures(result, busy) if lines else {}),
                "core_percent": busy / took * 100,
                "file_kb": kilobytes / files,
            }

    return run


def flood(served: bool, seconds: float) -> Callable[[Variant, float], Figures]:
    """50,000 writes a second to the served file, or to its neighbour in the same directory."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        rate = 50_000
        lines = int(rate * seconds * scale)
        with scratch() as directory:
            path, neighbour = directory / "app.log", directory / "other.log"
            path.touch()
            neighbour.touch()
            setup = Setup(path, free_port(), 50)
            options = {"clients": 1, "lines": lines, "port": setup.port, "hold": not served}
            with (
                serving(contender, setup) as server,
                running(Load(**options, **contender.load(setup))) as load,
            ):
                load.wait_ready()
                time.sleep(contender.settle)
                cpu, start = server.cpu_ns(), time.monotonic_ns()
                Writer(path=path if served else neighbour, lines=lines, rate=rate).result()
                result = load.result() if served else load.stop()
                busy, took = server.cpu_ns() - cpu, time.monotonic_ns() - start
            return {
                **(figures(result, busy) if served else {}),
                "core_percent": busy / took * 100,
                "writes_per_s": lines / (took / 1e9),
            }

    return run


def first_line(variant: Variant, _scale: float) -> Figures:
    """From exec to the first line in a client that connects as soon as it can."""
    contender = CONTENDERS[variant.contender]
    with scratch() as directory:
        path = directory / "app.log"
        path.touch()
        setup = Setup(path, free_port())
        options = {"clients": 1, "lines": 100, "port": setup.port, "retry": True, "hold": True}
        writer = Writer(path=path, lines=1_000_000, rate=1000)
        try:
            with running(Load(**options, **contender.load(setup))) as load:
                time.sleep(0.1)
                with serving(contender, setup, wait=False) as server:
                    load.wait_ready()
                    time.sleep(0.3)
                    result = load.stop()
                    if not result["first_ns"]:
                        raise BenchError("no line came")
                    return {
                        "first_line_ms": (result["first_ns"] - server.started_ns) / 1e6,
                        "subscribed_ms": (result["ready_ns"] - server.started_ns) / 1e6,
                        "cpu_s": server.cpu_ns() / 1e9,
                    }
        finally:
            writer.kill()


def laggards(history_mb: int, seconds: float) -> Callable[[Variant, float], Figures]:
    """20 clients read old lines as fast as they can while 100 live ones get 1,000 lines/s."""

    def run(variant: Variant, scale: float) -> Figures:
        contender = CONTENDERS[variant.contender]
        rate, old, new = 1000, int(history_mb * scale) * 10_000, int(1000 * seconds * scale)
        with scratch() as directory:
            path = directory / "app.log"
            Writer(path=path, lines=old).result()
            setup = Setup(path, free_port(), 10)
            common = {"port": setup.port} | contender.load(setup)
            from_start = dict(common)
            if variant.contender == "tailws":
                from_start["subscribe"] = subscribe().replace('"lines": 0', '"from": "start"')
            else:
                from_start["path"] = "/?from=start"
            count = variant.wishes.get("laggards", 20)
            with (
                serving(contender, setup) as server,
                running(Load(clients=100, first=old, lines=new, **common)) as live,
            ):
                live.wait_ready()
                time.sleep(contender.settle)
                memory = server.memory()
                behind = Load(clients=count, lines=old, **from_start) if count else None
                try:
                    if behind:
                        behind.wait_ready()
                    writer = Writer(path=path, lines=new, rate=rate, first=old)
                    peak = server.memory_peak_during(live)
                    result = live.result()
                    writer.result()
                    late = behind.stop() if behind else None
                finally:
                    if behind and behind.running:
                        behind.kill()
                return {
                    **figures(result, 0),
                    "growth_kb": (peak - memory) / 1e3,
                    "history_mb_per_s": late["lines"] / 1e4 / (seconds * scale) if late else 0.0,
                    "slow_lost": float(late["lost"]) if late else 0.0,
                }

    return run


def find(megabytes: int) -> Callable[[Variant, float], Figures]:
    """Look for a few lines in a log that is in memory, backwards; grep counts them in one go."""
    hits = 10

    def run(variant: Variant, scale: float) -> Figures:
        with scratch() as directory:
            path = directory / "app.log"
            Writer(path=path, lines=int(megabytes * scale) * 10_000).result()
            with path.open("ab") as file:
                for number in range(hits):
                    file.write(b"2026-11-22T14:02:11Z FATAL needle=%d\n" % number)
            size = path.stat().st_size / 1e6
            term = variant.wishes.get("term")
            if term is None:
                before, began = os.times(), time.monotonic()
                said = subprocess.run(
                    ["grep", "-c", "needle=", str(path)],
                    env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=True,
                )  # fmt: skip
                wall, after = time.monotonic() - began, os.times()
                cpu = after.children_user + after.children_system
                cpu -= before.children_user + before.children_system
                found = int(said.stdout)
            else:
                contender, setup = CONTENDERS[variant.contender], Setup(path, free_port())
                with (
                    serving(contender, setup) as server,
                    connect(f"ws://127.0.0.1:{setup.port}/ws", max_size=None) as socket,
                ):
                    socket.recv()
                    before_ns, began = server.cpu_ns(), time.monotonic()
                    command = {"type": "find", "id": 1, "source": "app", "pattern": term}
                    socket.send(json.dumps(command))
                    head: dict[str, Any] = {}
                    while not head.get("done"):
                        head = json.loads(socket.recv())
                    wall, cpu = time.monotonic() - began, (server.cpu_ns() - before_ns) / 1e9
                    found = head.get("count", 0)
            return {
                "mb_per_cpu_s": size / max(cpu, 0.01),
                "mb_per_s": size / wall,
                "lost": float(abs(found - hits)),
            }

    return run


def searching(label: str, term: str | dict[str, Any]) -> Variant:
    """What is looked for."""
    return Variant(label, "tailws", wishes={"term": term})


def filtered(label: str, include: str, share: int | None = None) -> Variant:
    """Every client sees a tenth of the lines. load.c puts which tenth for %d, its number for %n."""
    load = {"subscribe": subscribe(include=include), "step": 10, "share": share}
    return Variant(label, "tailws", load)


NO_WINDOW_PEERS = plain("picows", "websockets", "ws", "frontail", "websocketd")
WINDOW_PEERS = plain("picows", "websockets", "ws")

WORKLOADS = (
    Workload(
        "fanout",
        "100 clients x 1,000 lines/s, no window",
        "<= 1.15 x",
        "cpu_us_per_line",
        fan_out(100, 1000, 5),
        plain("floor", "tailws"),
        NO_WINDOW_PEERS,
        "floor",
    ),
    Workload(
        "window",
        "100 clients x 1,000 lines/s, 10 ms window",
        "<= 1.3 x",
        "cpu_us_per_line",
        fan_out(100, 1000, 5, 10),
        plain("floor", "tailws"),
        WINDOW_PEERS,
        "floor",
    ),
    Workload(
        "crowd",
        "1,000 clients x 100 lines/s, no window",
        "<= 1.3 x",
        "cpu_us_per_line",
        fan_out(1000, 100, 5),
        plain("floor", "tailws"),
        WINDOW_PEERS,
        "floor",
    ),
    Workload(
        "flat-out",
        "one client, 600 MB as fast as it grows",
        ">= 0.8 x",
        "mb_per_s",
        flat_out(600),
        plain("floor", "tailws"),
        (
            Variant("picows", "picows", wishes={"share": 0.2}),
            Variant("websockets", "websockets", wishes={"share": 0.2}),
            Variant("ws", "ws", wishes={"share": 0.2}),
        ),
        "floor",
        higher_is_better=True,
    ),
    Workload(
        "deflate",
        "100 clients, 10 ms window, deflated once for all",
        "<= 1.15 x of not deflated",
        "cpu_us_per_line",
        fan_out(100, 1000, 5, 10),
        (Variant("plain", "tailws"), Variant("deflated", "tailws", {"deflate": True})),
        baseline="plain",
    ),
    Workload(
        "filters",
        "100 clients with 10 different filters, 10 ms window",
        "cost of 10, not of 100",
        "cpu_us_per_written",
        fan_out(100, 1000, 5, 10),
        (
            filtered("1 filter", "tag=3 ", share=3),
            filtered("10 filters", "tag=%d "),
            filtered("100 filters", "tag=%d |nobody-%n"),
        ),
        baseline="1 filter",
    ),
    Workload(
        "idle",
        "5,000 idle connections",
        "<= 4 kB each, CPU 0",
        "connection_kb",
        idle(5000, 5),
        plain("floor", "tailws"),
        WINDOW_PEERS,
    ),
    Workload(
        "stalled",
        "100 clients, 5 of them stalled for 15 s, 2,000 lines/s x 600 B",
        "<= 1 MB growth, p99 as without, all delivered",
        "growth_kb",
        stalled(15),
        (
            Variant("floor", "floor"),
            Variant("tailws", "tailws"),
            Variant("tailws, nobody stalled", "tailws", wishes={"stall": False}),
        ),
        WINDOW_PEERS,
    ),
    Workload(
        "files",
        "500 files x 1 line/s",
        "<= 6 % of a core",
        "core_percent",
        many_files(500, 500, 6),
        plain("tailws"),
    ),
    Workload(
        "silent",
        "500 silent files",
        "0.0 % of a core",
        "core_percent",
        many_files(500, 0, 6),
        plain("tailws"),
    ),
    Workload(
        "hot",
        "a served file with 50,000 writes/s",
        "<= 8 % of a core",
        "core_percent",
        flood(True, 5),
        plain("floor", "tailws"),
    ),
    Workload(
        "neighbour",
        "a neighbour that nobody reads with 50,000 writes/s",
        "<= 8 % of a core",
        "core_percent",
        flood(False, 5),
        plain("tailws"),
    ),
    Workload(
        "start",
        "exec to the first delivered line",
        "<= 150 ms",
        "first_line_ms",
        first_line,
        plain("floor", "tailws"),
        NO_WINDOW_PEERS,
    ),
    Workload(
        "find",
        "find ten lines in 1 GB, beside grep -c",
        "1 GB in seconds, >= 0.3 x of grep",
        "mb_per_cpu_s",
        find(1000),
        (
            Variant("grep -c", "floor"),
            searching("tailws", "needle="),
            searching("tailws, a pattern", "needle=[0-9]+$"),
            searching("tailws, in any case", {"pattern": "NEEDLE=", "ignore_case": True}),
            searching("tailws, by level", {"level": "fatal"}),
        ),
        baseline="grep -c",
        higher_is_better=True,
    ),
    Workload(
        "laggards",
        "20 laggards read 1 GB while 100 live clients get 1,000 lines/s",
        "live p99 < 50 ms",
        "p99_ms",
        laggards(1000, 8),
        plain("floor", "tailws"),
    ),
)
