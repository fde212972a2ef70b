"""POST of JSON to an address, from a thread of its own, tried again when it fails.

Resolving a name and waiting for an answer may block for seconds, so neither happens in the loop.
The thread is started with the first event, and all events wait for it in one bounded heap, in the
order in which they are due.
"""

from __future__ import annotations

import base64
import heapq
import json
import logging
import threading
import time
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

log = logging.getLogger(__name__)

#: Events that wait, new ones and those that are tried again; beyond it new ones are dropped.
MOST: Final = 1000
#: Seconds until the second try; each further one takes twice as long, up to LONGEST.
FIRST_PAUSE: Final = 1.0
LONGEST: Final = 300.0
#: Seconds that `close` waits for the request under way.
GRACE: Final = 1.0
#: Answers that may be others later (RFC 9110, section 15); the rest of 4xx never will.
_LATER: Final = frozenset((408, 425, 429))


class _Event(Struct, order=True):
    due: float
    number: int
    url: str
    body: bytes
    timeout: float
    left: int  # tries
    pause: float  # before the next one


class Webhooks:
    """Sends events; `send` returns at once."""

    def __init__(self) -> None:
        self._waiting: list[_Event] = []
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._number = 0
        self._dropped = False
        self.sent = 0
        self.failed = 0

    def send(self, url: str, event: dict[str, Any], timeout: float, attempts: int) -> None:
        """POST `event` to `url`, in `attempts` tries at most, each of `timeout` seconds."""
        body = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        with self._news:
            if self._stopped:
                return
            if len(self._waiting) >= MOST:
                self.failed += 1
                if not self._dropped:
                    log.warning(
                        "webhook %s: too many events wait; new ones are dropped", _shown(url)
                    )
                self._dropped = True
                return
            self._number += 1
            heapq.heappush(
                self._waiting,
                _Event(time.monotonic(), self._number, url, body, timeout, attempts, FIRST_PAUSE),
            )
            self._news.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop; what waits is lost, which is logged."""
        with self._news:
            self._stopped = True
            if self._waiting:
                log.warning("%d events were not sent to their webhooks", len(self._waiting))
            self._waiting.clear()
            self._news.notify()
        if self._thread is not None:
            self._thread.join(GRACE)

    def _run(self) -> None:
        while (event := self._next()) is not None:
            event.left -= 1
            problem, later = _post(event)
            if not problem:
                self.sent += 1
                continue
            if later and event.left > 0:
                self._again(event, problem)
                continue
            log.warning("webhook %s: %s; given up", _shown(event.url), problem)
            with self._news:  # the loop's thread counts too
                self.failed += 1

    def _next(self) -> _Event | None:
        with self._news:
            while not self._stopped:
                if not self._waiting:
                    self._dropped = False
                    self._news.wait()
                    continue
                pause = self._waiting[0].due - time.monotonic()
                if pause <= 0:
                    return heapq.heappop(self._waiting)
                self._news.wait(pause)
            return None

    def _again(self, event: _Event, problem: str) -> None:
        log.info("webhook %s: %s; tried again in %.0f s", _shown(event.url), problem, event.pause)
        event.due = time.monotonic() + event.pause
        event.pause = min(LONGEST, 2 * event.pause)
        with self._news:
            if not self._stopped:
                heapq.heappush(self._waiting, event)


def _post(event: _Event) -> tuple[str, bool]:
    """Send one; returns what went wrong ("" for nothing), and whether it may go well later."""
    import http.client  # with it come OpenSSL and the mail parser; most daemons have no webhook

    parts = urlsplit(event.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {"Content-Type": "application/json", "User-Agent": "tailws"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = kind(parts.hostname or "", parts.port, timeout=event.timeout)
    try:
        connection.request("POST", target, event.body, headers)
        answer = connection.getresponse()
        answer.read(1024)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__, True
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return "", False
    return f"answered {answer.status}", answer.status >= 500 or answer.status in _LATER


def _shown(url: str) -> str:
    """An address without what may be secret in it: login, path and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
