"""What Prometheus may read: the daemon's own counters, looked up when somebody asks.

Nothing is counted twice for it: what collects here reads what the loop, the catalog, the clients
and the HTTP server count anyway. docs/operating.md says what each is good for. This module is
imported when somebody asks first: prometheus_client would take a tenth of the time of a start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import tailws
from tailws.logs.catalog import Catalog
from tailws.logs.source import Source
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch
from tailws.server.client import Client
from tailws.server.http import HttpServer
from tailws.server.totals import Totals

#: Sources with series of their own: each takes the loop some 50 us whenever somebody asks. Those
#: beyond, in the order in which they were found, are counted together.
MAX_SOURCES = 1000
#: The name that they are counted under; no source can have it.
OTHERS = "*"


class Metrics(Collector):
    """Reads the daemon's parts. `clients` is the live collection."""

    def __init__(
        self,
        loop: Loop,
        catalog: Catalog,
        totals: Totals,
        watch: Watch,
        http: HttpServer,
        clients: Collection[Client],
    ) -> None:
        self._loop = loop
        self._catalog = catalog
        self._totals = totals
        self._watch = watch
        self._http = http
        self._clients = clients
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def collect(self) -> Iterator[Metric]:
        """Return the values of this moment."""
        yield _gauge("build_info", "Its value is 1.", [((tailws.__version__,), 1)], ["version"])
        yield _gauge("clients", "WebSocket clients.", len(self._clients))
        yield _gauge("connections", "Open connections of all kinds.", self._http.connections)
        yield _counter(
            "connections_turned_away", "Closed unread: there were too many.", self._http.turned_away
        )
        yield _counter(
            "resumes", "Subscriptions that went on after a cursor.", self._totals.resumes
        )
        yield from self._loop_metrics()
        yield from self._file_metrics()
        yield from self._source_metrics()

    def _loop_metrics(self) -> Iterator[Metric]:
        loop = self._loop
        longest, loop.longest = loop.longest, 0.0
        yield _counter("loop_turns", "Turns of the event loop.", loop.turns)
        yield _counter("loop_busy_seconds", "Time spent in these turns.", loop.busy)
        yield _gauge(
            "loop_longest_turn_seconds", "The longest turn since this was last read.", longest
        )

    def _file_metrics(self) -> Iterator[Metric]:
        states = Counter(source.state for source in self._catalog)
        yield _gauge(
            "sources", "Sources by state.", [((s,), n) for s, n in states.items()], ["state"]
        )
        yield _gauge("open_files", "Log files held open.", self._catalog.open_files)
        yield _gauge("watches", "Files and directories watched by inotify.", self._watch.count)
        yield _gauge(
            "watch_mode",
            "Its value is 1; polling: some files have no watch, and are looked at by the clock.",
            [((self._watch.mode,), 1)],
            ["mode"],
        )

    def _source_metrics(self) -> Iterator[Metric]:
        gaps = [((reason,), count) for reason, count in self._totals.gaps.items()]
        yield _counter("gaps", "Announced losses, by reason.", gaps, ["reason"])
        used = (source for source in self._catalog if source.users or source.lines)
        named = list(islice(used, MAX_SOURCES))
        others = list(used)
        lag = self._lag()

        def series(value: Callable[[Source], float]) -> list[tuple[tuple[str], float]]:
            rows = [((source.name,), value(source)) for source in named]
            if others:
                rows.append(((OTHERS,), sum(map(value, others))))
            return rows

        for made, name, help_, value in (
            (_counter, "source_lines", "Lines read at the live end.", lambda s: s.lines),
            (_counter, "source_bytes", "Bytes read at the live end.", lambda s: s.bytes),
            (_gauge, "source_readers", "Subscriptions and searches.", lambda s: s.users),
            (
                _gauge,
                "source_lag_bytes",
                "How far the client that is farthest behind is from the end of the file.",
                lambda s: lag.get(s.name, 0),
            ),
        ):
            yield made(name, help_, series(value), ["source"])

    def _lag(self) -> dict[str, int]:
        """By source, the bytes that its slowest subscriber has still to read."""
        lag: dict[str, int] = {}
        for client in self._clients:
            for subscription in client.subscriptions.values():
                behind = subscription.behind
                if behind > lag.get(subscription.name, 0):
                    lag[subscription.name] = behind
        return lag


_Rows = Iterable[tuple[tuple[str, ...], float]]


def _counter(
    name: str, help_: str, value: float | _Rows, labels: list[str] | None = None
) -> Metric:
    return _filled(CounterMetricFamily(f"tailws_{name}", help_, labels=labels or []), value)


def _gauge(name: str, help_: str, value: float | _Rows, labels: list[str] | None = None) -> Metric:
    return _filled(GaugeMetricFamily(f"tailws_{name}", help_, labels=labels or []), value)


def _filled(metric: CounterMetricFamily | GaugeMetricFamily, value: float | _Rows) -> Metric:
    rows = [((), value)] if isinstance(value, int | float) else value
    for labels, number in rows:
        metric.add_metric(labels, number)
    return metric
