"""A non-blocking socket, plain or TLS: data comes in by `on_data`, `on_room` asks for more.

Sending is «try now, register only if blocked»: `send` writes at once, and only what the kernel
does not take is kept and written when the socket is ready. So the write mask is the exception,
and whoever sends gets back-pressure as a return value:

    if not stream.send(block):  ...stop; `on_room` is called when everything owed has gone out

Nothing is queued here beyond what was passed to `send`: bounding that is the sender's part, and
`owed` tells it how much there is.

TLS: a read may want to write and the other way round, so the interest mask is derived from what
OpenSSL asked for last, never from what we meant to do.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tailws.runtime.loop import READ, WRITE, Loop

log = logging.getLogger(__name__)

#: Bytes for one recv(2). Clients send commands of some hundred bytes; a larger buffer would be
#: allocated and shrunk for each.
RECV_SIZE = 16 * 1024
#: Bytes for one write to OpenSSL, which takes all or nothing: so what is `owed` shrinks on the way.
TLS_PIECE = 64 * 1024


class Handler(Protocol):
    """What a stream tells its owner. Whatever these raise closes the stream."""

    def on_data(self, data: bytes) -> None:
        """Bytes arrived."""

    def on_room(self) -> None:
        """All that was owed has been taken by the kernel."""

    def on_eof(self) -> None:
        """The peer will send no more; it may still read."""

    def on_close(self, reason: str) -> None:
        """The socket is closed. Called once, at the end of the turn."""


class Stream:
    """Owns one connected socket, the bytes owed to it, and its interest mask."""

    __slots__ = (
        "_events",
        "_fd",
        "_handler",
        "_handshaking",
        "_lingering",
        "_loop",
        "_on_closed",
        "_owed",
        "_paused",
        "_saw_eof",
        "_sock",
        "_tls_wants",
        "owed",
        "peer",
        "received",
        "sent",
    )

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        peer: str,
        tls: ssl.SSLContext | None = None,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        """`on_closed` is for whoever counts streams: it outlives all handlers."""
        sock.setblocking(False)
        self._loop = loop
        self._handshaking = tls is not None
        self._sock: socket.socket | None = sock
        if tls is not None:
            self._sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._fd = self._sock.fileno() if self._sock is not None else -1
        self._handler: Handler | None = None
        self._on_closed = on_closed
        self._owed: deque[memoryview] | None = None  # made when first needed: most never owe
        self._tls_wants = 0
        self._events = 0
        self._paused = False
        self._saw_eof = False
        self._lingering = False
        self.peer = peer  # for people: 127.0.0.1:50312, or the path of a Unix socket
        self.owed = 0  # bytes passed to `send` that the kernel has not taken
        self.sent = 0  # bytes that the kernel has taken
        self.received = 0

    # -- life

    def start(self, handler: Handler) -> None:
        """Hand the stream to its first handler, or over to the next one (an upgrade)."""
        self._handler = handler
        self._update()

    @property
    def closed(self) -> bool:
        return self._sock is None

    def close(self, reason: str = "") -> None:
        """Close at once, dropping what is owed; `on_close` follows at the end of the turn."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if self._events:
            self._loop.unregister(self._fd)
            self._events = 0
        self._owed = None
        self.owed = 0
        sock.close()
        handler, self._handler = self._handler, None
        if handler is not None:
            self._loop.defer(lambda: handler.on_close(reason))
        if self._on_closed is not None:
            self._loop.defer(self._on_closed)

    def end(self) -> None:
        """Close as soon as what is owed has gone out: FIN first, so that the peer gets it all.

        The socket is closed when the peer closes its side; the owner sets the deadline.
        """
        if self._sock is None or self._lingering:
            return
        self._lingering = True
        if not self.owed:
            self._shut_down()

    def _shut_down(self) -> None:
        # Closing with unread input would make the kernel send RST, which can destroy what the
        # peer has not read yet (RFC 9112, section 9.6): so read until its end of file.
        if self._sock is None:
            return
        if self._saw_eof:
            self.close("ended")
            return
        if isinstance(self._sock, ssl.SSLSocket):
            # close_notify, without which the peer takes the end for a cut (RFC 8446, section 6.1).
            # Waiting for the peer's own, which unwrap would like to, is the selector's part.
            try:
                self._sock.unwrap()
            except (OSError, ValueError):
                pass
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close("peer is gone")
            return
        self._paused = False
        self._update()

    # -- sending

    def send(self, data: bytes | memoryview) -> bool:
        """Send, or keep what does not fit. False: something is owed, `on_room` follows."""
        if self._sock is None or self._lingering:
            return False
        if self.owed or self._handshaking:
            return self._keep(memoryview(data))
        if len(data) > TLS_PIECE and isinstance(self._sock, ssl.SSLSocket):
            self._keep(memoryview(data))
            self._flush(told=False)
            return not self.owed and self._sock is not None
        try:
            count = self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return self._keep(memoryview(data))
        except ssl.SSLWantReadError:
            self._tls_wants = READ
            return self._keep(memoryview(data))
        except OSError as error:
            self.close(_why(error))
            return False
        self.sent += count
        if count == len(data):
            return True
        return self._keep(memoryview(data)[count:])

    def _keep(self, rest: memoryview) -> bool:
        if self._owed is None:
            self._owed = deque()
        self._owed.append(rest)
        self.owed += len(rest)
        self._update()
        return False

    def _flush(self, *, told: bool = True) -> None:
        """Write what is owed; when all of it has gone out, go on with whoever waits for that."""
        while self._owed and self._sock is not None:
            data = self._owed[0]
            piece = data[:TLS_PIECE] if isinstance(self._sock, ssl.SSLSocket) else data
            try:
                count = self._sock.send(piece)
            except (BlockingIOError, ssl.SSLWantWriteError):
                return
            except ssl.SSLWantReadError:
                self._tls_wants = READ
                return
            except OSError as error:
                self.close(_why(error))
                return
            self.sent += count
            self.owed -= count
            if count == len(data):
                self._owed.popleft()
            else:
                self._owed[0] = data[count:]
                if count < len(piece):
                    return
        self._owed = None
        if not told:
            self._update()
        elif self._lingering:
            self._shut_down()
        elif self._handler is not None:
            self._handler.on_room()

    # -- receiving

    def pause(self) -> None:
        """Read no more until `resume`: the peer's window fills, and it has to wait."""
        self._paused = True
        self._update()

    def resume(self) -> None:
        self._paused = False
        self._update()

    def _receive(self) -> None:
        while self._sock is not None:
            try:
                data = self._sock.recv(RECV_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except ssl.SSLWantWriteError:
                self._tls_wants = WRITE
                return
            except OSError as error:
                self.close(_why(error))
                return
            if not data:
                self._saw_eof = True
                if self._lingering:
                    if not self.owed:
                        self.close("ended")
                elif self._handler is not None:
                    self._handler.on_eof()
                return
            self.received += len(data)
            if self._lingering:
                return  # we have said good-bye: what still comes is not for us
            if self._handler is not None:
                self._handler.on_data(data)
            # A plain socket is asked again in the next turn, which is fair to the others. OpenSSL
            # may hold decrypted bytes that no selector will ever report.
            if not isinstance(self._sock, ssl.SSLSocket) or not self._sock.pending():
                return

    def _shake_hands(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._tls_wants = READ
        except ssl.SSLWantWriteError:
            self._tls_wants = WRITE
        except (OSError, ValueError) as error:
            self.close(f"TLS handshake failed: {_why(error)}")
        else:
            self._handshaking = False
            self._tls_wants = 0
            self._flush()

    # -- readiness

    def _ready(self, mask: int) -> None:
        try:
            if self._handshaking:
                self._shake_hands()
            else:
                wanted, self._tls_wants = self._tls_wants, 0
                if self._owed and (mask & WRITE or wanted & mask):
                    self._flush()
                if mask & READ or wanted & mask:
                    self._receive()
            self._update()
        except Exception:
            log.exception("serving %s failed", self.peer)
            self.close("internal error")

    def _update(self) -> None:
        """Derive the interest mask from what there is to do, and tell the selector of a change."""
        if self._sock is None:
            return
        if self._handshaking:
            events = self._tls_wants or READ
        else:
            events = self._tls_wants
            if not self._paused and not self._saw_eof:
                events |= READ
            if self._owed:
                events |= WRITE
        if events == self._events:
            return
        if not self._events:
            self._loop.register(self._fd, events, self._ready)
        elif not events:
            self._loop.unregister(self._fd)
        else:
            self._loop.modify(self._fd, events, self._ready)
        self._events = events


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionError | TimeoutError):
        return "peer is gone"
    return str(getattr(error, "strerror", None) or error)
