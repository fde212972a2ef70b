"""Metrics: what a real daemon counts, and that documentation, dashboard and alerts know them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse
from websockets.sync.client import ClientConnection, connect

from tailws.config import Limits, Source
from tailws.logs.catalog import Catalog
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch
from tailws.server.http import HttpServer
from tailws.server.metrics import MAX_SOURCES, OTHERS, Metrics
from tailws.server.totals import Totals

DOCS = Path(__file__).parents[2] / "docs"
DEADLINE = 30.0
CONFIG = """\
listen: 127.0.0.1:0
access: none
sources: [{name: app, path: app.log}, {name: missing, path: missing.log}]
"""

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Daemon:
    def __init__(self, home: Path, url: str) -> None:
        self.log = home / "app.log"
        self.url = url

    def metrics(self) -> Samples:
        with urllib.request.urlopen(f"{self.url}metrics", timeout=DEADLINE) as answer:
            text = answer.read().decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parse(text)
            for sample in family.samples
        }

    def shows(self, value: float, name: str, **labels: str) -> None:
        """Wait until a metric has a value."""
        end = time.monotonic() + DEADLINE
        while (now := self.metrics().get((name, tuple(sorted(labels.items()))))) != value:
            assert time.monotonic() < end, f"{name} is {now}, not {value}"
            time.sleep(0.05)

    def socket(self, query: str = "") -> ClientConnection:
        return connect(f"{self.url.replace('http', 'ws')}ws{query}", compression=None)

    def write(self, *lines: str) -> None:
        with self.log.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "app.log").write_text("one\n")
    config = tmp_path / "tailws.yaml"
    config.write_text(CONFIG)
    with subprocess.Popen(
        [sys.executable, "-m", "tailws", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Daemon(tmp_path, process.stdout.readline().strip())
        process.terminate()


def end_of(socket: ClientConnection) -> str:
    """The cursor behind the next lines."""
    while True:
        message = socket.recv(timeout=DEADLINE)
        assert isinstance(message, str)
        head = json.loads(message.split("\n")[0])
        if head["type"] == "lines":
            return str(head["end"])


def test_what_happens_is_counted(daemon: Daemon) -> None:
    """Clients, lines and bytes by source, readers, resumes, gaps by reason, states."""
    daemon.shows(0, "tailws_clients")
    daemon.shows(1, "tailws_sources", state="live")
    daemon.shows(1, "tailws_sources", state="missing")
    daemon.shows(1, "tailws_watch_mode", mode="inotify")
    with daemon.socket("?source=app&lines=1") as socket:
        end_of(socket)
        daemon.write("two", "three")
        cursor = end_of(socket)
        daemon.shows(1, "tailws_clients")
        daemon.shows(1, "tailws_source_readers", source="app")
        daemon.shows(2, "tailws_source_lines_total", source="app")
        daemon.shows(len("two\nthree\n"), "tailws_source_bytes_total", source="app")
        daemon.shows(0, "tailws_source_lag_bytes", source="app")
    daemon.shows(0, "tailws_clients")
    daemon.shows(0, "tailws_source_readers", source="app")
    with daemon.socket() as socket:
        socket.send(json.dumps({"type": "subscribe", "source": "app", "cursor": cursor}))
        daemon.shows(1, "tailws_resumes_total")
        socket.send(json.dumps({"type": "subscribe", "source": "app", "cursor": "nonsense"}))
        daemon.shows(1, "tailws_gaps_total", reason="unknown-cursor")
    before = daemon.metrics()[("tailws_loop_turns_total", ())]
    assert before < daemon.metrics()[("tailws_loop_turns_total", ())]


def test_lag_is_the_slowest_reader(daemon: Daemon) -> None:
    """A client that does not read is behind by what is in the file and not in the kernel."""
    with daemon.socket("?source=app&lines=1") as socket:
        end_of(socket)
        socket.recv_messages.high = 1  # type: ignore[attr-defined]
        daemon.write(*["x" * 1000] * 20_000)
        end = time.monotonic() + DEADLINE
        name = ("tailws_source_lag_bytes", (("source", "app"),))
        while not daemon.metrics().get(name):
            assert time.monotonic() < end, "nobody is behind"
            time.sleep(0.05)


def names(text: str) -> set[str]:
    return set(re.findall(r"\b(?:tailws|process)_[a-z_]+\b(?!\*)", text)) - {"process_"}


def test_documented_and_drawn(daemon: Daemon) -> None:
    """docs/operating.md lists each metric and no other; dashboard and alerts use what there is."""
    with daemon.socket("?source=app&lines=1") as socket:
        end_of(socket)
        there = {name for name, _ in daemon.metrics()} | {"tailws_gaps_total"}
    manual = (DOCS / "operating.md").read_text()
    table = "\n".join(line for line in manual.splitlines() if line.startswith("| `tailws_"))
    ours = {name for name in there if name.startswith("tailws_")}
    assert names(table) == ours
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    queries = [query["expr"] for panel in dashboard["panels"] for query in panel["targets"]]
    assert names(" ".join(queries)) <= there
    assert ours <= names(" ".join(queries)) | {"tailws_sources", "tailws_watch_mode"}
    assert names((DOCS / "alerts.yml").read_text()) <= there


def test_many_sources_are_bounded(tmp_path: Path) -> None:
    """However many sources are in use, the number of series is not; nothing is left out of sums."""
    count = MAX_SOURCES + 50
    for i in range(count):
        (tmp_path / f"{i}.log").write_text("x\n")
    loop = Loop()
    watch = Watch(loop, 0, False)
    catalog = Catalog(loop, watch, Limits(), lambda: None)
    catalog.apply((Source(name="all", path=(f"{tmp_path}/*.log",)),), Limits())
    http = object.__new__(HttpServer)
    http._streams = http.turned_away = 0
    totals = Totals(catalog)
    metrics = Metrics(loop, catalog, totals, watch, http, [])
    for source in catalog:
        source.lines = 2
    registry: CollectorRegistry = metrics.registry
    series = [
        sample
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "tailws_source_lines_total"
    ]
    assert len(series) == MAX_SOURCES + 1
    assert sum(sample.value for sample in series) == totals.lines == 2 * count
    assert series[-1].labels == {"source": OTHERS}
    gone = next(iter(catalog))
    gone.gaps["truncated"] = 3
    totals.forget(gone)
    catalog.close()
    loop.close()
