"""A client that believes nothing: it stores cursors, checks that batches join, and counts.

It reads as a script of a user would, with the `websockets` library and its default limit of
1 MiB for a message, so a frame that such a script could not take fails here too.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

# s; generous: two busy cores, a starting interpreter, a slow look
DEADLINE = float(os.environ.get("TAILWS_RIG_DEADLINE", "15"))


@dataclass(frozen=True)
class Gap:
    """An announced loss, in its place among the lines."""

    reason: str
    bytes: int | None


Item = str | Gap


class Client:
    def __init__(self, url: str, *, subscriptions: Iterable[dict[str, Any]]) -> None:
        self.url = url
        self.subscriptions = list(subscriptions)
        self.items: defaultdict[str, list[Item]] = defaultdict(list)
        self.cursors: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.events: list[tuple[str, str]] = []  # (source, event)
        self.heads: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.messages = 0
        self.greeted = False
        self._pages: list[tuple[dict[str, Any], list[str]]] = []
        self._joint: dict[str, str | None] = {}  # where the next batch of a source must start
        self._socket: ClientConnection | None = None
        self._open = ExitStack()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    # The connection ------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect and subscribe: after the stored cursors where there are any."""
        self._socket = self._open.enter_context(
            connect(self.url, compression=None, close_timeout=2, ping_interval=None)
        )
        self._joint.clear()
        self.greeted = False
        self.until(lambda: self.greeted, "`hello`")
        for wanted in self.subscriptions:
            self.command(**self._resumed(wanted))
        self.barrier()
        live = [name for name, state in self.states.items() if state == "live"]
        due = {name for name in live for wanted in self.subscriptions if _covers(wanted, name)}
        self.until(lambda: due <= self._joint.keys() or self.faults, f"`subscribed` for {due}")

    def _resumed(self, wanted: dict[str, Any]) -> dict[str, Any]:
        source = wanted["source"]
        fresh = {"type": "subscribe", **wanted}
        asked = {key: value for key, value in fresh.items() if key not in {"lines", "from"}}
        if "*" in source and self.cursors:
            return asked | {"cursors": dict(self.cursors)}
        if source in self.cursors:
            return asked | {"cursor": self.cursors[source]}
        return fresh

    def disconnect(self) -> None:
        """Leave. What the daemon had sent by then counts as received."""
        if self._socket is not None:
            self.barrier()
            self._socket = None
            self._open.close()

    def lost(self) -> None:
        """The daemon was killed: take what had arrived, and expect the end."""
        socket, self._socket = self._socket, None
        if socket is None:
            return
        try:
            while True:
                self._take(socket.recv(timeout=DEADLINE))
        except ConnectionClosed:
            self._open.close()

    def command(self, **message: Any) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps(message))

    def history(self, source: str, before: str, lines: int) -> tuple[dict[str, Any], list[str]]:
        """The head and the lines of the page before a cursor."""
        self._pages.clear()
        self.command(type="history", source=source, before=before, lines=lines)
        self.until(lambda: self._pages, "a page of history")
        return self._pages[0]

    def drop(self) -> None:
        """Cut the connection without a word; what was not read by now is not received."""
        socket, self._socket = self._socket, None
        if socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(SHUT_RDWR)
            self._open.close()

    def barrier(self) -> None:
        """Return when the daemon has taken every command and its answers are here."""
        assert self._socket is not None
        answered = self._socket.ping()
        self.until(answered.is_set, "an answer to a ping")
        while self.pump(0):
            pass

    # Receiving ---------------------------------------------------------------------------------

    def pump(self, seconds: float) -> bool:
        """Take one message if one comes within the time."""
        assert self._socket is not None, "the client is not connected"
        try:
            self._take(self._socket.recv(timeout=seconds))
        except TimeoutError:
            return False
        return True

    def until(self, condition: Callable[[], Any], what: str, *, deadline: float = DEADLINE) -> None:
        """Receive until the condition holds."""
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"{what} did not come within {deadline:.0f} s"
            self.pump(0.05)

    def quiet(self, seconds: float) -> None:
        """Receive for so long, whatever comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pump(left)

    def _take(self, message: str | bytes) -> None:
        assert isinstance(message, str), "a binary message"
        head_text, *body = message.split("\n")
        head = json.loads(head_text)
        self.heads.append(head)
        self.messages += 1
        handler = getattr(self, f"_on_{head['type']}", None)
        if handler is not None:
            handler(head, body)

    def _on_hello(self, head: dict[str, Any], body: list[str]) -> None:
        self.greeted = True
        self._on_sources(head, body)

    def _on_sources(self, head: dict[str, Any], body: list[str]) -> None:
        self.states = {source["name"]: source["state"] for source in head["sources"]}

    def _on_subscribed(self, head: dict[str, Any], body: list[str]) -> None:
        source, cursor = head["source"], head.get("cursor")
        self.items[source]  # known from now on, even if nothing ever comes
        self._joint[source] = cursor
        if cursor is not None:
            self.cursors[source] = cursor

    def _on_lines(self, head: dict[str, Any], body: list[str]) -> None:
        source = head["source"]
        joint = self._joint.get(source)
        if joint is not None and head["start"] != joint:
            self.faults.append(f"{source}: a batch starts at {head['start']}, expected {joint}")
        if not body:
            self.faults.append(f"{source}: a batch without lines")
        self.items[source] += body
        self._joint[source] = self.cursors[source] = head["end"]

    def _on_gap(self, head: dict[str, Any], body: list[str]) -> None:
        source = head["source"]
        self.items[source].append(Gap(head["reason"], head["bytes"]))
        self._joint[source] = head.get("end")
        if "end" in head:
            self.cursors[source] = head["end"]

    def _on_history(self, head: dict[str, Any], body: list[str]) -> None:
        self._pages.append((head, body))

    def _on_event(self, head: dict[str, Any], body: list[str]) -> None:
        self.events.append((head["source"], head["event"]))
        self._joint[head["source"]] = None  # the lines go on in another file

    def _on_error(self, head: dict[str, Any], body: list[str]) -> None:
        self.faults.append(f"error {head['code']}: {head['message']}")

    # What was received ---------------------------------------------------------------------------

    def lines(self, source: str) -> list[str]:
        return [item for item in self.items[source] if isinstance(item, str)]

    def gaps(self, source: str) -> list[Gap]:
        return [item for item in self.items[source] if isinstance(item, Gap)]

    def notices(self, source: str) -> set[str]:
        """Everything that this client was told about the fate of the file."""
        told = {event for name, event in self.events if name == source}
        return told | {gap.reason for gap in self.gaps(source)}


def _covers(subscription: dict[str, Any], name: str) -> bool:
    wanted = str(subscription["source"])
    return name.startswith(wanted[:-2]) if wanted.endswith("/**") else name == wanted


def verdict(expected: list[str], items: list[Item], *, gaps: bool = False) -> str | None:
    """None when every line came once and in order; else what went wrong, in a sentence.

    With `gaps`, a gap accounts for any run of lines that is missing in its place.
    """
    at = 0
    for index, item in enumerate(items):
        if isinstance(item, Gap):
            if not gaps:
                return f"unexpected {item} before item {index}"
            following = next((later for later in items[index:] if isinstance(later, str)), None)
            if following is not None and following in expected[at:]:
                at = expected.index(following, at)
            continue
        if at < len(expected) and item == expected[at]:
            at += 1
            continue
        shown = item if len(item) < 200 else f"{item[:200]}… ({len(item)} characters)"
        due = expected[at][:200] if at < len(expected) else "nothing"
        if item in expected[at:]:
            missed = expected.index(item, at) - at
            return f"lost {missed} line(s) before {shown!r}: the next due was {due!r}"
        kind = "repeated" if item in expected else "never written"
        return f"item {index} is {kind}: {shown!r}; due was {due!r}"
    if at < len(expected) and not (gaps and items and isinstance(items[-1], Gap)):
        return f"{len(expected) - at} of {len(expected)} lines did not come: {expected[at][:200]!r}"
    return None
