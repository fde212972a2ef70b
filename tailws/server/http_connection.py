"""One HTTP/1.1 connection: the first handler of every accepted stream.

h11 reads requests and frames answers; this module decides when. One request at a time is read,
routed and answered; pipelined ones wait in h11's buffer. An answer is whole, produced as the client
takes it, or an upgrade, after which the stream has another handler and this object is done.

Every wait has a deadline: for a request to arrive whole (slowloris), between two requests, for a
client to take its answer, for its good-bye. One deadline a connection serves them all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

from tailws.runtime.deadline import Deadline
from tailws.runtime.stream import Stream
from tailws.server.exchange import (
    AccessRecord,
    Answer,
    Handler,
    Peer,
    Refused,
    Request,
    Response,
    Route,
    Streaming,
    Upgrade,
    sentence,
    split_target,
)
from tailws.server.pump import Pump

if TYPE_CHECKING:
    from tailws.server.http import HttpServer, Place

log = logging.getLogger(__name__)


class _Phase(Enum):
    IDLE = "between requests"
    READING = "a request has begun to arrive"
    ANSWERING = "an answer is under way; nothing is read from h11"
    LEAVING = "the last byte is on its way"
    GONE = "closed, or handed over"


class HttpConnection:
    """One connection as long as it speaks HTTP: a stream's `Handler`."""

    __slots__ = (
        "_address",
        "_ahead",
        "_body",
        "_deadline",
        "_h11",
        "_head",
        "_phase",
        "_place",
        "_progress",
        "_pump",
        "_record",
        "_sent_before",
        "_server",
        "_since",
        "_stream",
        "_tls",
        "_unix",
    )

    def __init__(
        self, server: HttpServer, stream: Stream, place: Place, *, unix: bool, tls: bool
    ) -> None:
        self._server = server
        self._stream = stream
        self._place = place
        self._address = place.address
        self._unix = unix
        self._tls = tls
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=server.limits.head)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._phase = _Phase.IDLE
        self._ahead = 0  # bytes that came while an answer was under way
        self._pump: Pump | None = None
        self._record: AccessRecord | None = None
        self._since = 0.0
        self._sent_before = 0
        self._progress = 0
        self._deadline = Deadline(server.loop, self._expired)
        # A connection that sends nothing is closed as one that sends slowly is.
        self._deadline.set(server.limits.request_timeout)

    # -- what the stream tells

    def on_data(self, data: bytes) -> None:
        self._h11.receive_data(data)
        if self._phase is _Phase.ANSWERING:
            self._ahead += len(data)
            if self._ahead > self._server.limits.head:
                self._stream.pause()  # it has to wait for its answer first
            return
        if self._phase is _Phase.IDLE:
            self._phase = _Phase.READING
            self._deadline.set(self._server.limits.request_timeout)
        self._advance()

    def on_room(self) -> None:
        if self._phase is not _Phase.ANSWERING:
            return
        if self._pump is not None:
            self._pump.go()
        elif self._h11.our_state is h11.DONE:
            self._next_request()
            self._advance()

    def on_eof(self) -> None:
        # A client that only closed its sending side cannot be told from one that has gone: a whole
        # answer is still sent, but nobody keeps a quiet log open for it.
        if self._pump is not None or self._phase is _Phase.READING:
            self.close("the client has gone")
            return
        self._h11.receive_data(b"")
        if self._phase is _Phase.IDLE:
            self._leave()

    def on_close(self, _reason: str) -> None:
        self._drop()

    # -- reading

    def _advance(self) -> None:
        """Read what h11 has, up to the end of one request."""
        while self._phase in (_Phase.IDLE, _Phase.READING):
            try:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    if self._h11.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[])
                        self._stream.send(self._h11.send(go_on) or b"")
                    return
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > self._server.limits.body:
                        raise _too_large(self._server.limits.body)
                elif isinstance(event, h11.EndOfMessage):
                    self._serve()
                else:  # ConnectionClosed
                    self._leave()
            except h11.RemoteProtocolError as error:
                if error.error_status_hint == 431:
                    self._refuse(_head_too_large(self._server.limits.head))
                else:
                    self._refuse(Refused(error.error_status_hint, f"{error}."))
            except Refused as refused:
                self._refuse(refused)

    def _begin(self, head: h11.Request) -> None:
        self._phase = _Phase.READING  # also when it was pipelined
        self._head = head
        self._body.clear()
        if not head.http_version.startswith(b"1."):
            raise Refused(505, "HTTP/1.1 is spoken here.")
        limits = self._server.limits
        size = len(head.target)
        for name, value in head.headers:
            size += len(name) + len(value) + 4
            if name == b"content-length" and int(value) > limits.body:
                raise _too_large(limits.body)
        if size > limits.head:  # h11 looks at heads that have not arrived whole
            raise _head_too_large(limits.head)

    def _refuse(self, refused: Refused) -> None:
        """Answer what cannot be read any further, and end."""
        if self._record is None:
            self._start_record()
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = sentence(refused.status, str(refused), refused.headers)
            self._respond(Response(answer.status, answer.headers, answer.body, close=True))
        else:
            self.close("protocol error")

    # -- answering

    def _serve(self) -> None:
        self._phase = _Phase.ANSWERING
        self._ahead = len(self._h11.trailing_data[0])
        self._deadline.set(self._server.limits.idle_timeout)
        self._progress = self._stream.sent
        self._start_record()
        try:
            answer = self._route(self._request())
        except Refused as refused:
            answer = sentence(refused.status, str(refused), refused.headers)
        except Exception:
            log.exception("answering a request of %s failed", self._address)
            answer = sentence(500, "The daemon has made a mistake; its own log says which.")
        if isinstance(answer, Upgrade):
            self._upgrade(answer)
        elif isinstance(answer, Streaming):
            self._stream_out(answer)
        else:
            self._respond(answer)

    def _request(self) -> Request:
        head = self._head
        assert head is not None  # h11 gives one before the end of its message
        target = head.target.decode("latin-1")
        path, query, authority = split_target(target)
        headers = [(bytes(name), bytes(value)) for name, value in head.headers]
        peer = self._server.access.peer(
            self._address,
            headers,
            unix=self._unix,
            tls=self._tls,
        )
        if authority:  # it stands above the Host header (RFC 9112, section 3.2.2)
            peer = Peer(peer.address, peer.secure, authority)
        return Request(
            method=head.method.decode("ascii"),
            path=path,
            query=query,
            headers=headers,
            peer=peer,
            target=target,
            version=head.http_version.decode("ascii"),
            body=bytes(self._body),
        )

    def _route(self, request: Request) -> Answer:
        """Ask all that stands before a handler, in the order of what it costs; then call it."""
        server = self._server
        server.moved(self._place, request.peer.address)
        if self._record is not None:
            self._record.client = request.peer.address
        server.access.check_host(request.peer)
        request.path = server.router.below_base(request.path)
        route = server.router.find(request.path)
        if route is None:
            return server.router.not_found(request)
        handler = _handler(route, request.method)
        server.access.check_origin(request, null_ok=route.null_origin)
        if route.private:
            request.principal = server.access.identify(request)
        if server.crowded(self._place):
            if route.when_crowded is None:
                raise Refused(503, "Too many connections. Try again later.", _RETRY_SOON)
            handler = route.when_crowded
        answer = handler(request)
        if self._record is not None and request.principal is not None:
            self._record.user = request.principal.name
        return answer

    def _respond(self, answer: Response) -> None:
        self._phase = _Phase.ANSWERING
        headers = list(answer.headers)
        bodiless = answer.status in (204, 304)
        if not bodiless:
            headers.append(("Content-Length", str(len(answer.body))))
        data = self._head_bytes(answer.status, headers, close=answer.close)
        if answer.body and not bodiless and not self._is_head():
            data += self._h11.send(h11.Data(data=answer.body)) or b""
        self._stream.send(data + (self._h11.send(h11.EndOfMessage()) or b""))
        self._finish()

    def _head_bytes(self, status: int, headers: list[tuple[str, str]], *, close: bool) -> bytes:
        server = self._server
        names = {name.lower() for name, _ in headers}
        common = [pair for pair in server.headers if pair[0].lower() not in names]
        headers = [("Date", _date(int(server.wall()))), *common, *headers]
        if close or server.stopping or server.crowded(self._place):
            headers.append(("Connection", "close"))
        if self._record is not None:
            self._record.status = status
        reason = HTTPStatus(status).phrase
        response = h11.Response(status_code=status, headers=headers, reason=reason)
        return self._h11.send(response) or b""

    def _is_head(self) -> bool:
        return self._head is not None and self._head.method == b"HEAD"

    def _finish(self) -> None:
        """An answer has been handed over: what comes next?"""
        self._write_record()
        if self._stream.closed:
            return
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            self._leave()
        elif not self._stream.owed:
            self._next_request()
        # else: `on_room` goes on, when the client has taken what it asked for

    def _next_request(self) -> None:
        self._h11.start_next_cycle()
        self._head = None
        if self._server.stopping:
            self._leave()
            return
        self._phase = _Phase.IDLE
        waiting, self._ahead = self._ahead, 0
        limits = self._server.limits
        self._deadline.set(limits.request_timeout if waiting else limits.idle_timeout)
        self._stream.resume()

    # -- answers that are produced

    def _stream_out(self, answer: Streaming) -> None:
        data = self._head_bytes(answer.status, list(answer.headers), close=False)
        if self._is_head():
            self._stream.send(data + (self._h11.send(h11.EndOfMessage()) or b""))
            self._finish()
            return
        self._stream.send(data)
        self._pump = Pump(
            self._server.loop,
            self._stream,
            answer.start,
            lambda chunk: self._h11.send(h11.Data(data=chunk)) or b"",
            self._streamed,
        )

    def _streamed(self) -> None:
        self._pump = None
        self._stream.send(self._h11.send(h11.EndOfMessage()) or b"")
        self._finish()
        self._advance()

    # -- leaving HTTP, or leaving

    def _upgrade(self, answer: Upgrade) -> None:
        headers = [(b"date", _date(int(self._server.wall())).encode()), *answer.headers]
        head = h11.InformationalResponse(
            status_code=101, headers=headers, reason="Switching Protocols"
        )
        data = self._h11.send(head) or b""
        leftover = self._h11.trailing_data[0]
        if self._record is not None:
            self._record.status = 101
        self._stream.send(data)
        self._write_record()
        if self._stream.closed:
            return
        if answer.start is None or not self._handed_over(answer.start, leftover):
            self._stream.send(answer.last_words)
            self._leave()

    def _handed_over(self, start: Callable[[Stream, bytes], None], leftover: bytes) -> bool:
        """Go over to the new handler; False: it has failed, and the connection is still here."""
        self._stream.resume()
        try:
            start(self._stream, leftover)
        except Exception:
            log.exception("a connection of %s could not be handed over", self._address)
            if not self._stream.closed:
                self._stream.start(self)
                return False
        self._drop()
        return True

    def _leave(self) -> None:
        """Send what is owed, say good-bye, and wait for the peer's, but not for long."""
        self._phase = _Phase.LEAVING
        self._progress = self._stream.sent
        self._deadline.set(self._server.limits.linger)
        self._stream.end()

    def stop(self) -> None:
        """The daemon stops: end as soon as the answer under way has gone out."""
        if self._pump is not None:
            self._end_pump()  # without a last chunk: the client sees that it is not the end
            self._write_record()
            self._leave()
        elif self._phase is not _Phase.ANSWERING and not self._stream.owed:
            self.close("the daemon stops")

    def close(self, reason: str) -> None:
        """Close at once. Idempotent; `on_close` follows."""
        self._stream.close(reason)

    def _drop(self) -> None:
        """Release everything but the stream. Idempotent."""
        self._phase = _Phase.GONE
        self._deadline.cancel()
        self._end_pump()
        self._write_record()
        self._server.forget(self)

    def _end_pump(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.close()

    # -- deadlines

    def _expired(self) -> None:
        if self._phase is _Phase.READING:
            self._refuse(Refused(408, "The request did not arrive in time."))
        elif self._phase in (_Phase.ANSWERING, _Phase.LEAVING) and self._moved_on():
            self._deadline.set(self._server.limits.idle_timeout)
        else:
            self.close("deadline")

    def _moved_on(self) -> bool:
        """Tell whether the client took anything since the last look.

        A streaming answer may pause for as long as its client likes: it costs a cursor.
        """
        before, self._progress = self._progress, self._stream.sent
        return self._pump is not None or (self._stream.owed > 0 and self._progress > before)

    # -- the access log

    def _start_record(self) -> None:
        self._since = self._server.loop.clock()
        self._sent_before = self._stream.sent + self._stream.owed
        self._record = record = AccessRecord(self._server.wall(), self._address)
        if self._head is not None:
            record.method = self._head.method.decode("ascii")
            record.target = self._head.target.decode("latin-1")
            record.version = self._head.http_version.decode("ascii")
            record.user_agent = next(
                (v.decode("latin-1") for name, v in self._head.headers if name == b"user-agent"), ""
            )

    def _write_record(self) -> None:
        record, self._record = self._record, None
        if record is not None:
            record.sent = self._stream.sent + self._stream.owed - self._sent_before
            record.seconds = self._server.loop.clock() - self._since
            self._server.access_log(record)


_RETRY_SOON = (("Retry-After", "5"),)


def _handler(route: Route, method: str) -> Handler:
    handler = route.methods.get("GET" if method == "HEAD" else method)
    if handler is None:
        allowed = [*route.methods, *(["HEAD"] if "GET" in route.methods else [])]
        raise Refused(405, f"{method} means nothing here.", (("Allow", ", ".join(allowed)),))
    return handler


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The body of a request may have at most {limit} bytes.")


def _head_too_large(limit: int) -> Refused:
    return Refused(431, f"The head of a request may have at most {limit} bytes.")


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """RFC 9110, section 5.6.7. `email.utils` knows it too, and is felt at a start."""
    t = time.gmtime(second)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04} {clock} GMT"
