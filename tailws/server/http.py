"""The HTTP server: what all connections share, their limits, and how many there are.

It counts streams, not handlers: a connection that became a WebSocket still takes its place until
its socket is closed. Up to the limit connections are served; some more are read, so that they get
an answer that says why they are not (503, or a Close with 1013); what comes beyond these is closed.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from tailws.runtime.loop import Loop
from tailws.runtime.stream import Stream
from tailws.server.access import Access
from tailws.server.exchange import AccessRecord, Router
from tailws.server.forwarded import is_ip
from tailws.server.http_connection import HttpConnection

if TYPE_CHECKING:
    import ssl

#: Connections above the limit whose requests are still read and answered.
ROOM_TO_REFUSE = 64


class HttpLimits(Struct, frozen=True):
    """Bounds of the server. Sizes are bytes, times are seconds."""

    connections: int = 10_000  # WebSockets included
    connections_per_address: int = 0  # 0: no limit
    head: int = 16 * 1024
    body: int = 64 * 1024
    request_timeout: float = 10.0  # from the first byte of a request to its last
    idle_timeout: float = 60.0  # between requests, and for a client that takes nothing
    linger: float = 3.0  # for the peer to close after our last byte


DEFAULT_LIMITS = HttpLimits()


class HttpServer:
    """Owns the HTTP connections, and counts the streams of those who were handed over.

    `headers` go onto every answer. `access_log` is called once for each request.
    """

    def __init__(
        self,
        loop: Loop,
        router: Router,
        access: Access,
        *,
        limits: HttpLimits = DEFAULT_LIMITS,
        headers: tuple[tuple[str, str], ...] = (),
        access_log: Callable[[AccessRecord], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.loop = loop
        self.router = router
        self.access = access  # may be exchanged at any time: it is asked anew for each request
        self.limits = limits  # likewise
        self.headers = headers
        self.access_log = access_log
        self.wall = wall
        self.turned_away = 0  # connections closed unread, since the start
        self.stopping = False
        self._http: set[HttpConnection] = set()
        self._streams = 0
        self._by_address: Counter[str] = Counter()

    @property
    def connections(self) -> int:
        """Open connections, those that have become WebSockets included."""
        return self._streams

    def accept(
        self,
        sock: socket.socket,
        address: str,
        *,
        unix: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take a connection. `address` is the peer's IP address, or a Unix socket's own path."""
        if self.stopping or self._streams >= self.limits.connections + ROOM_TO_REFUSE:
            self.turned_away += 1
            sock.close()
            return
        place = Place(self, address)
        try:
            stream = self._stream(sock, place, tls)
        except OSError:  # TLS looks at the socket, and the peer has gone already
            sock.close()
            return
        self._streams += 1
        self._by_address[address] += 1
        connection = HttpConnection(self, stream, place, unix=unix, tls=tls is not None)
        self._http.add(connection)
        stream.start(connection)

    def _stream(self, sock: socket.socket, place: Place, tls: ssl.SSLContext | None) -> Stream:
        if tls is None:
            return Stream(self.loop, sock, place.address, place.leave)
        from tailws.runtime.tls import TlsStream  # only here is OpenSSL needed

        return TlsStream(self.loop, sock, place.address, tls, place.leave)

    def left(self, place: Place) -> None:
        """A socket was closed, whoever had it in the end."""
        self._streams -= 1
        self._count(place.address, -1)

    def _count(self, address: str, change: int) -> None:
        self._by_address[address] += change
        if self._by_address[address] <= 0:
            del self._by_address[address]

    def moved(self, place: Place, address: str) -> None:
        """Count a connection for the client that a trusted proxy says it now serves."""
        if place.address != address:
            self._count(place.address, -1)
            self._count(address, +1)
            place.address = address

    def crowded(self, place: Place) -> bool:
        """Tell whether this connection is one too many, in all or from its address."""
        limits = self.limits
        return self._streams > limits.connections or (
            0 < limits.connections_per_address < self._by_address[place.address]
            and is_ip(place.address)
        )

    def forget(self, connection: HttpConnection) -> None:
        """The connection has closed or was handed over."""
        self._http.discard(connection)

    def stop(self) -> None:
        """Take nothing new, close what is idle, let answers that are under way end."""
        self.stopping = True
        for connection in list(self._http):
            connection.stop()

    def close(self) -> None:
        """Close every connection that still speaks HTTP, at once."""
        self.stopping = True
        for connection in list(self._http):
            connection.close("the daemon stops")


class Place:
    """Where a connection is counted: moves with what a proxy says about its clients."""

    __slots__ = ("_server", "address")

    def __init__(self, server: HttpServer, address: str) -> None:
        self._server = server
        self.address = address

    def leave(self) -> None:
        self._server.left(self)
