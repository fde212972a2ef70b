"""A daemon that can be told to misbehave: it speaks `tailws.v1` and serves the real page.

For what the real daemon cannot be made to do on purpose: a set rate, a cut connection, a gap, a
close code, a missing feature, a machine full of sources. It holds its logs in memory; a cursor is
the number of the next line. Everything else is tested against the real daemon.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

WEB = Path(__file__).parents[2] / "web"
VERSION = "v-test"
FEATURES = (
    "history.after", "history.until", "locate", "find", "activity", "extent", "outline", "numbers",
)  # fmt: skip
_LINK = re.compile(r'(\b(?:href|src)=")([^":]+)(")')
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?")
_ERROR = re.compile(r"\b(?:ERROR|FATAL|CRITICAL)\b")


@dataclass
class Log:
    """One source: its lines, and what is known of them."""

    name: str
    lines: list[str] = field(default_factory=list)
    state: str = "live"
    detail: str = ""
    path: str = ""
    modified: int = 0
    first_number: int = 1
    files: list[tuple[str, int]] = field(default_factory=list)  # name, lines; oldest first
    _places: list[int] = field(default_factory=list)

    def info(self) -> dict[str, Any]:
        info = {
            "name": self.name,
            "state": self.state,
            "path": self.path or f"/var/log/{self.name}",
        }
        if self.detail:
            info["detail"] = self.detail
        if self.modified:
            info["modified"] = self.modified
        return info

    def at(self, index: int) -> int:
        """Return the byte place of a line."""
        while len(self._places) <= index:
            done = len(self._places)
            if done == 0:
                self._places.append(0)
            else:
                self._places.append(self._places[-1] + len(self.lines[done - 1].encode()) + 1)
        return self._places[index]

    @property
    def size(self) -> int:
        return self.at(len(self.lines))


@dataclass
class _Subscription:
    next: int
    keep: Callable[[str], bool]
    filtered: bool
    there: int  # lines that were there before


@dataclass
class _Client:
    ws: ServerConnection
    subscriptions: dict[str, _Subscription] = field(default_factory=dict)
    activity: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    searches: dict[Any, asyncio.Task[None]] = field(default_factory=dict)


class FakeDaemon:
    """Serves on a free port from `start` to `stop`; any thread may call its methods."""

    def __init__(
        self,
        logs: Iterable[Log] = (),
        *,
        features: Iterable[str] = FEATURES,
        token: str | None = None,
        host: str = "127.0.0.1",
        views: Iterable[dict[str, str]] = (),
    ) -> None:
        self.logs = {log.name: log for log in logs}
        self.features = list(features)
        self.token = token
        self.host = host
        self.views = list(views)
        self.port = 0
        self.clients: list[_Client] = []
        self.requests: list[str] = []
        self.commands: list[dict[str, Any]] = []
        self.answer_delay = 0.0
        self.script_delay = 0.0
        self.refuse: tuple[int, str] | None = None
        self.search_delay = 0.0
        self.max_history_scan: int | None = None
        self.tries = 0
        self.downloads: list[str] = []
        self._pending: dict[str, list[int]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="fake-daemon", daemon=True
        )
        self._server: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life

    def start(self) -> FakeDaemon:
        self._thread.start()
        self.call(self._open)
        return self

    async def _open(self) -> None:
        self._server = await serve(
            self._client,
            self.host,
            self.port,
            process_request=self._answer,
            compression=None,
            subprotocols=["tailws.v1"],  # type: ignore[list-item]
            max_size=1 << 20,
            write_limit=1 << 20,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks.append(asyncio.ensure_future(self._tick()))

    def stop(self) -> None:
        async def close() -> None:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks.clear()
            self._server.close()
            await self._server.wait_closed()

        self.call(close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> FakeDaemon:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a coroutine function in the daemon's thread and return what it returns."""
        return asyncio.run_coroutine_threadsafe(function(*args), self._loop).result(30)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    # -- what tests make happen

    def write(self, name: str, lines: Iterable[str]) -> None:
        """Append lines."""

        async def go() -> None:
            self._append(name, list(lines))

        self.call(go)

    def _append(self, name: str, lines: list[str]) -> None:
        log = self.logs[name]
        log.lines.extend(lines)
        log.modified = int(time.time() * 1000)
        counts = self._pending.setdefault(name, [0, 0, 0])
        counts[0] += len(lines)
        counts[1] += sum(map(len, lines)) + len(lines)
        counts[2] += sum(1 for line in lines if _ERROR.search(line))
        for client in self.clients:
            client.wake.set()

    def stream(
        self, name: str, rate: float, make: Callable[[int], str], step: float = 0.02
    ) -> Callable[[], int]:
        """Append `rate` lines a second until the returned function is called; it says how many."""
        stop, done = threading.Event(), threading.Event()
        count = 0

        async def run() -> None:
            nonlocal count
            began = self._loop.time()
            while not stop.is_set():
                due = int((self._loop.time() - began) * rate)
                if due > count:
                    self._append(name, [make(i) for i in range(count, due)])
                    count = due
                await asyncio.sleep(step)
            done.set()

        async def begin() -> None:
            self._tasks.append(asyncio.ensure_future(run()))

        def end() -> int:
            stop.set()
            assert done.wait(10)
            return count

        self.call(begin)
        return end

    def say(self, head: dict[str, Any], body: str | None = None) -> None:
        """Send a message to every client."""

        async def go() -> None:
            for client in self.clients:
                await client.ws.send(
                    json.dumps(head) if body is None else f"{json.dumps(head)}\n{body}"
                )

        self.call(go)

    def gap(self, name: str, size: int | None, reason: str) -> None:
        """Tell every client of a loss."""
        self.say({"type": "gap", "source": name, "bytes": size, "reason": reason, "t": _now()})

    def event(self, name: str, event: str, file: str = "") -> None:
        """Tell every client what happened to a file."""
        self.say({"type": "event", "source": name, "event": event, "file": file, "t": _now()})

    def raw(self, text: str) -> None:
        """Send anything."""

        async def go() -> None:
            for client in self.clients:
                await client.ws.send(text)

        self.call(go)

    def set_sources(self, logs: Iterable[Log]) -> None:
        """Replace the list of sources and tell of it."""
        self.logs = {log.name: log for log in logs}
        self.say({"type": "sources", "sources": [log.info() for log in self.logs.values()]})

    def cut(self, code: int = 0, reason: str = "") -> None:
        """Cut all connections: without a closing handshake, or with a code."""

        async def go() -> None:
            for client in list(self.clients):
                if code:
                    await client.ws.close(code, reason)
                else:
                    client.ws.transport.abort()

        self.call(go)

    # -- HTTP

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.endswith("/main.js"):
            await asyncio.sleep(self.script_delay)
        return self._http(connection, request)

    def _http(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        self.requests.append(request.path)
        if url.path == "/ws":
            if self.refuse and self.refuse[0] < 1000:
                return _response(self.refuse[0], b"refused")
            if self.token and not self._signed_in(request):
                return _response(401, b"sign in")
            return None
        if url.path == "/":
            index = (WEB / "index.html").read_text()
            page = _LINK.sub(
                lambda m: f"{m[1]}{VERSION}/{m[2]}{m[3]}" if (WEB / m[2]).is_file() else m[0], index
            )
            host = request.headers.get("Host", "")
            policy = (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                f"connect-src 'self' ws://{host}; form-action 'self'; base-uri 'none'; "
                "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
            )
            return _response(
                200,
                page.encode(),
                "text/html; charset=utf-8",
                [
                    ("Content-Security-Policy", policy),
                    ("Cache-Control", "no-cache"),
                    ("Referrer-Policy", "no-referrer"),
                ],
            )
        if url.path == "/session":
            return self._session(request)
        path = WEB / url.path.removeprefix("/").removeprefix(f"{VERSION}/")
        if path.is_file() and WEB in path.resolve().parents:
            kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
            return _response(
                200,
                path.read_bytes(),
                kind or "application/octet-stream",
                [("Cache-Control", "public, max-age=31536000, immutable")],
            )
        return _response(404, b"There is nothing here.")

    def _signed_in(self, request: Request) -> bool:
        return f"session={self.token}" in request.headers.get("Cookie", "")

    def _session(self, request: Request) -> Response:
        # The library reads no bodies and takes GET alone; a sign-in is tested with the real daemon.
        if self.token and not self._signed_in(request):
            return _response(401, b"{}", "application/json")
        return _response(200, b'{"access": "none"}', "application/json")

    # -- WebSocket

    async def _client(self, ws: ServerConnection) -> None:
        client = _Client(ws)
        if self.refuse:
            await ws.close(*self.refuse)
            return
        self.clients.append(client)
        sender = asyncio.ensure_future(self._send(client))
        try:
            await self._say(
                client,
                {
                    "type": "hello",
                    "version": "0",
                    "host": "web-01.example.net",
                    "zone": "UTC",
                    "now": _now(),
                    "features": self.features,
                    "views": self.views,
                    "sources": [log.info() for log in self.logs.values()],
                },
            )
            async for text in ws:
                command = json.loads(text)
                self.commands.append(command)
                await self._obey(client, command)
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
            for search in client.searches.values():
                search.cancel()
            self.clients.remove(client)

    async def _say(self, client: _Client, head: dict[str, Any], body: str | None = None) -> None:
        text = json.dumps(head) if body is None else f"{json.dumps(head)}\n{body}"
        await client.ws.send(text)

    async def _send(self, client: _Client) -> None:
        try:
            while True:
                await client.wake.wait()
                client.wake.clear()
                for name, sub in list(client.subscriptions.items()):
                    await self._lines(client, name, sub)
        except ConnectionClosed:
            pass

    async def _lines(self, client: _Client, name: str, sub: _Subscription) -> None:
        log = self.logs.get(name)
        while log and sub.next < len(log.lines) and client.subscriptions.get(name) is sub:
            start = sub.next
            some = log.lines[start : start + 5000]
            sub.next = start + len(some)
            body = [line for line in some if sub.keep(line)] if sub.filtered else some
            head: dict[str, Any] = {
                "type": "lines",
                "source": name,
                "start": str(start),
                "end": str(sub.next),
            }
            if start >= sub.there:
                head["t"] = _now()
            if len(log.lines) < 200_000:
                head["at"] = log.at(start)
            if not sub.filtered:
                head["number"] = log.first_number + start
            if body or sub.filtered:
                await self._say(client, head, "\n".join(body) if body else None)

    async def _obey(self, client: _Client, command: dict[str, Any]) -> None:
        if self.answer_delay:
            await asyncio.sleep(self.answer_delay)
        kind = command["type"]
        name = command.get("source", "")
        ident = {"id": command["id"]} if "id" in command else {}
        if "source" in command and name not in self.logs:
            if kind != "unsubscribe":
                await self._say(
                    client,
                    {
                        "type": "error",
                        "code": "unknown-source",
                        "source": name,
                        **ident,
                        "message": f"There is no source '{name}'.",
                    },
                )
            return
        try:
            keep, filtered = _filter(command)
        except re.error as error:
            await self._say(
                client,
                {
                    "type": "error",
                    "code": "bad-pattern",
                    "source": name,
                    **ident,
                    "message": f"The pattern is not valid: {error}.",
                },
            )
            return
        handler = getattr(self, f"_on_{kind}", None)
        if handler:
            await handler(client, command, self.logs.get(name), keep, filtered, ident)

    async def _on_subscribe(self, client, command, log, keep, filtered, ident) -> None:
        if "cursor" in command:
            start = int(command["cursor"])
        elif command.get("from") == "start":
            start = 0
        else:
            wanted = command.get("lines", 100)
            start = len(log.lines)
            least = max(0, start - (self.max_history_scan or start))
            while start > least and wanted > 0:
                start -= 1
                wanted -= keep(log.lines[start])
        sub = _Subscription(start, keep, filtered, len(log.lines))
        client.subscriptions[log.name] = sub
        await self._say(
            client, {"type": "subscribed", "source": log.name, "cursor": str(start), **ident}
        )
        client.wake.set()

    async def _on_unsubscribe(self, client, command, log, keep, filtered, ident) -> None:
        client.subscriptions.pop(log.name, None)
        await self._say(client, {"type": "unsubscribed", "source": log.name, **ident})

    async def _on_history(self, client, command, log, keep, filtered, ident) -> None:
        wanted = command.get("lines", 100)
        found: list[str] = []
        scan = self.max_history_scan or 10**9
        if "before" in command:
            end = at = int(command["before"])
            until = min(end, int(command.get("until", 0)))
            while at > until and len(found) < wanted and end - at < scan:
                at -= 1
                if keep(log.lines[at]):
                    found.append(log.lines[at])
            found.reverse()
            start, more = at, at > until
            left = (until, start)
        else:
            start = at = int(command["after"])
            until = max(start, int(command.get("until", len(log.lines))))
            while at < until and len(found) < wanted and at - start < scan:
                if keep(log.lines[at]):
                    found.append(log.lines[at])
                at += 1
            end, more = at, at < until
            left = (end, until)
        head = {
            "type": "history",
            "source": log.name,
            "start": str(start),
            "end": str(end),
            "more": more,
            "at": log.at(start),
            **ident,
        }
        if not filtered:
            head["number"] = log.first_number + start
        if "until" in command:
            head["left"] = log.at(left[1]) - log.at(left[0])
            if not filtered:
                head["left_lines"] = left[1] - left[0]
        if not found and start < len(log.lines) and (t := _time(log.lines[start])):
            head["time"] = t
        await self._say(client, head, "\n".join(found) if found else None)

    async def _on_locate(self, client, command, log, keep, filtered, ident) -> None:
        exact = True
        if "fraction" in command:
            target = command["fraction"] * log.size
            index = next(
                (i for i in range(len(log.lines)) if log.at(i + 1) > target), len(log.lines)
            )
        elif "time" in command:
            times = ((i, _time(line)) for i, line in enumerate(log.lines))
            index = next(
                (i for i, t in times if t is not None and t >= command["time"]), len(log.lines)
            )
        elif "number" in command:
            index = command["number"] - log.first_number
        else:
            index = int(command["cursor"])
            skip = command.get("skip", 0)
            while index < len(log.lines) and (skip > 0 or not keep(log.lines[index])):
                skip -= keep(log.lines[index])
                index += 1
        index = max(0, min(index, len(log.lines)))
        head = {
            "type": "located",
            "source": log.name,
            "cursor": str(index),
            "exact": exact,
            "at": log.at(index),
            **ident,
        }
        if index < len(log.lines) and (t := _time(log.lines[index])):
            head["time"] = t
        await self._say(client, head)

    async def _on_find(self, client, command, log, keep, filtered, ident) -> None:
        matches, _ = _filter({"include": command["pattern"]})
        forward = command.get("forward", False)

        async def search() -> None:
            total = len(log.lines)
            start = int(command["cursor"]) if "cursor" in command else (0 if forward else total)
            order = range(start, total) if forward else range(start - 1, -1, -1)
            hits: list[dict[str, Any]] = []
            count = 0
            limit = command.get("limit")
            for n, i in enumerate(order):
                if keep(log.lines[i]) and matches(log.lines[i]):
                    hits.append({"cursor": str(i), "at": log.at(i)})
                    count += 1
                    if limit and count >= limit:
                        break
                if n % 2000 == 1999:
                    await self._say(
                        client,
                        {
                            "type": "found",
                            "source": log.name,
                            "hits": hits,
                            "scanned": log.at(n),
                            "of": log.size,
                            "count": count,
                            **ident,
                        },
                    )
                    hits = []
                    await asyncio.sleep(self.search_delay)
            await self._say(
                client,
                {
                    "type": "found",
                    "source": log.name,
                    "hits": hits,
                    "scanned": log.size,
                    "of": log.size,
                    "count": count,
                    "done": True,
                    **ident,
                },
            )

        client.searches[command["id"]] = asyncio.ensure_future(search())

    async def _on_stop(self, client, command, log, keep, filtered, ident) -> None:
        search = client.searches.pop(command["id"], None)
        if search:
            search.cancel()
        await self._say(client, {"type": "stopped", **ident})

    async def _on_activity(self, client, command, log, keep, filtered, ident) -> None:
        client.activity = command.get("on", True)

    async def _on_extent(self, client, command, log, keep, filtered, ident) -> None:
        files = log.files or [(log.path or log.name, len(log.lines))]
        out = []
        index = 0
        for k, (name, lines) in enumerate(files):
            stop = len(log.lines) if k == len(files) - 1 else index + lines
            info: dict[str, Any] = {
                "name": name,
                "size": log.at(stop) - log.at(index),
                "start": str(index),
            }
            if index < len(log.lines) and (t := _time(log.lines[index])):
                info["first"] = t
            out.append(info)
            index = stop
        await self._say(client, {"type": "extent", "source": log.name, "files": out, **ident})

    async def _on_outline(self, client, command, log, keep, filtered, ident) -> None:
        n = command.get("buckets", 200)
        buckets = [[0, 0] for _ in range(n)]
        size = max(1, log.size)
        for i, line in enumerate(log.lines):
            if not keep(line):
                continue
            bucket = buckets[min(n - 1, log.at(i) * n // size)]
            bucket[0] += 1
            bucket[1] += bool(_ERROR.search(line))
        await self._say(
            client,
            {
                "type": "outline",
                "source": log.name,
                "buckets": buckets,
                "scanned": size,
                "of": size,
                "done": True,
                **ident,
            },
        )

    async def _on_ping(self, client, command, log, keep, filtered, ident) -> None:
        await self._say(client, {"type": "pong", "t": _now(), **ident})

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            counts, self._pending = self._pending, {}
            if not counts:
                continue
            for client in list(self.clients):
                if client.activity:
                    try:
                        await self._say(
                            client, {"type": "activity", "sources": counts, "t": _now()}
                        )
                    except ConnectionClosed:
                        pass


def _now() -> int:
    return int(time.time() * 1000)


def _time(line: str) -> int | None:
    from datetime import UTC, datetime

    match = _TIME.search(line)
    if not match:
        return None
    return int(
        datetime.fromisoformat(match[0].replace(",", ".")).replace(tzinfo=UTC).timestamp() * 1000
    )


def _filter(command: dict[str, Any]) -> tuple[Callable[[str], bool], bool]:
    def compiled(key: str) -> list[Callable[[str], bool]]:
        terms = command.get(key)
        if terms is None:
            return []
        return [_term(term) for term in (terms if isinstance(terms, list) else [terms])]

    include, exclude = compiled("include"), compiled("exclude")

    def keep(line: str) -> bool:
        return all(match(line) for match in include) and not any(match(line) for match in exclude)

    return keep, bool(include or exclude)


def _term(term: str | dict[str, Any]) -> Callable[[str], bool]:
    if isinstance(term, str):
        term = {"pattern": term}
    if "level" in term:
        word = {"error": "ERROR|FATAL", "warn": "WARN|WARNING|ERROR|FATAL"}[term["level"]]
        return lambda line, found=re.compile(rf"\b(?:{word})\b"): bool(found.search(line))
    pattern = re.escape(term["pattern"]) if term.get("fixed") else term["pattern"]
    if term.get("word"):
        pattern = rf"\b(?:{pattern})\b"
    found = re.compile(pattern, re.IGNORECASE if term.get("ignore_case") else 0)
    return lambda line: bool(found.search(line))


def _response(
    status: int, body: bytes, kind: str = "text/plain", headers: list[tuple[str, str]] | None = None
) -> Response:
    return Response(
        status,
        "",
        Headers(
            [
                ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("X-Content-Type-Options", "nosniff"),
                *(headers or []),
            ]
        ),
        body,
    )
