"""Webhooks, against a real HTTP server."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tailws.runtime import webhook
from tailws.runtime.webhook import Webhooks

DEADLINE = 20.0


class Hook:
    """A server that answers as told, and what it was sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[str, dict[str, str], Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.got.append((self.path, dict(self.headers), body))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhooks]:
    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.01)
    made = Webhooks()
    yield made
    made.close()
    assert made._thread is None or not made._thread.is_alive()


def until(condition: Any) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_an_event_is_posted_as_json(hook: Hook, hooks: Webhooks) -> None:
    """With its path, query, and login."""
    url = hook.url.replace("//", "//me:s%20t@") + "/a/b?c=d"
    hooks.send(url, {"line": "ü\u2028"}, 5.0, 1)
    until(lambda: hooks.sent)
    [(path, headers, body)] = hook.got
    assert path == "/a/b?c=d"
    assert body == {"line": "ü\u2028"}
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Basic bWU6cyB0"


def test_what_may_go_well_later_is_tried_again(hook: Hook, hooks: Webhooks) -> None:
    """Each try but the last is followed by another one; other events do not wait for it."""
    hook.answers = [503, 429, 200]
    hooks.send(hook.url, {"n": 1}, 5.0, 5)
    until(lambda: hooks.sent == 1)
    assert [body["n"] for _, _, body in hook.got] == [1, 1, 1]
    hook.answers = [500, 500]
    hooks.send(hook.url, {"n": 2}, 5.0, 2)
    until(lambda: hooks.failed == 1)


def test_a_refusal_is_given_up_at_once(
    hook: Hook, hooks: Webhooks, caplog: pytest.LogCaptureFixture
) -> None:
    """404 will not become better; it is logged, without what may be secret in the address."""
    hook.answers = [404]
    hooks.send(f"{hook.url}/secret", {}, 5.0, 5)
    until(lambda: hooks.failed)
    assert len(hook.got) == 1
    assert "answered 404" in caplog.text
    assert "secret" not in caplog.text


def test_nobody_there(hooks: Webhooks, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that is refused is tried again, then given up with the reason."""
    caplog.set_level(logging.WARNING)
    hooks.send("http://127.0.0.1:1/", {}, 1.0, 3)
    until(lambda: hooks.failed)
    assert "refused" in caplog.text


def test_the_heap_is_bounded(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of events costs no more memory than MOST of them, and closing loses what waits."""
    monkeypatch.setattr(webhook, "MOST", 10)
    hooks = Webhooks()
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    for number in range(50):
        hooks.send(hook.url, {"n": number}, 1.0, 1)
    assert len(hooks._waiting) == 10
    assert hooks.failed == 40
    hooks._thread = None
    hooks.close()
    assert hooks._waiting == []
