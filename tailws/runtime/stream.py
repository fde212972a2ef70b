"""A non-blocking socket: data comes in by `on_data`, `on_room` asks for more.

Sending is «try now, register only if blocked»: `send` writes at once, and only what the kernel
does not take is kept and written when the socket is ready. So the write mask is the exception,
and whoever sends gets back-pressure as a return value:

    if not stream.send(block):  ...stop; `on_room` is called when everything owed has gone out

Nothing is queued here beyond what was passed to `send`: bounding that is the sender's part, and
`owed` tells it how much there is. `tailws.runtime.tls` has the stream that speaks TLS.
"""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Protocol

from tailws.runtime.loop import READ, WRITE, Loop

log = logging.getLogger(__name__)

#: Bytes for one recv(2). Clients send commands of some hundred bytes; a larger buffer would be
#: allocated and shrunk for each.
RECV_SIZE = 16 * 1024


class Socket(Protocol):
    """What a stream needs of a socket. `send` and `recv` raise BlockingIOError for «not now»."""

    def setblocking(self, flag: bool, /) -> None: ...

    def fileno(self) -> int: ...

    def send(self, data: bytes | memoryview, /) -> int: ...

    def recv(self, size: int, /) -> bytes: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


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

    #: How often any stream has begun to owe, or has ended: what was lent before is not to be used.
    recalls: ClassVar = 0

    __slots__ = (
        "_events",
        "_fd",
        "_handler",
        "_lingering",
        "_loop",
        "_on_closed",
        "_owed",
        "_paused",
        "_saw_eof",
        "_sock",
        "owed",
        "peer",
        "received",
        "sent",
    )

    def __init__(
        self,
        loop: Loop,
        sock: Socket,
        peer: str,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        """`on_closed` is for whoever counts streams: it outlives all handlers."""
        sock.setblocking(False)
        self._loop = loop
        self._sock: Socket | None = sock
        self._fd = sock.fileno()
        self._handler: Handler | None = None
        self._on_closed = on_closed
        self._owed: deque[memoryview] | None = None  # made when first needed: most never owe
        self._events = 0
        self._paused = False
        self._saw_eof = False
        self._lingering = False
        self.peer = peer  # for people: 127.0.0.1:50312, or the path of a Unix socket
        self.owed = 0  # bytes passed to `send` that the kernel has not taken
        self.sent = 0  # bytes that the kernel has taken, by a lent `send` left out
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
        Stream.recalls += 1
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
        Stream.recalls += 1
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
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            self._update()
            return
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
        if self.owed:
            return self._keep(memoryview(data))
        try:
            count = self._sock.send(data)
        except BlockingIOError:
            return self._keep(memoryview(data))
        except OSError as error:
            self.close(why(error))
            return False
        self.sent += count
        if count == len(data):
            return True
        return self._keep(memoryview(data)[count:])

    def lend(self) -> Callable[[bytes], int]:
        """The socket's own `send`, or `refuse` while something is owed, for whoever has the same
        for many: one call of C for each of them and nothing else, and methods that are made at
        once lie side by side in memory. It is good until `recalls` changes.
        """
        if self._sock is None or self.owed or self._lingering:
            return refuse
        return self._sock.send

    def lent(self, data: bytes, count: int) -> bool:
        """Tell what a lent `send` returned, when it is not all. False: nothing is kept."""
        if count < 0:
            return False
        self._keep(memoryview(data)[count:])
        return True

    def _keep(self, rest: memoryview) -> bool:
        if self._owed is None:
            self._owed = deque()
        self._owed.append(rest)
        self.owed += len(rest)
        Stream.recalls += 1
        self._update()
        return False

    def _flush(self) -> None:
        """Write what is owed; when all of it has gone out, go on with whoever waits for that."""
        while self._owed and self._sock is not None:
            data = self._owed[0]
            try:
                count = self._sock.send(data)
            except BlockingIOError:
                return
            except OSError as error:
                self.close(why(error))
                return
            self.sent += count
            self.owed -= count
            if count < len(data):
                self._owed[0] = data[count:]
                return
            self._owed.popleft()
        self._owed = None
        if self._lingering:
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
        """One recv(2): a stream that has more is asked again next turn, which is fair to others."""
        assert self._sock is not None
        try:
            data = self._sock.recv(RECV_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(why(error))
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
        # Once we have said good-bye, what still comes is not for us.
        if not self._lingering and self._handler is not None:
            self._handler.on_data(data)

    # -- readiness

    def _ready(self, mask: int) -> None:
        try:
            self._act(mask)
            self._update()
        except Exception:
            log.exception("serving %s failed", self.peer)
            self.close("internal error")

    def _act(self, mask: int) -> None:
        if mask & WRITE and (self._owed or self._lingering):
            self._flush()
        if mask & READ and self._sock is not None:
            self._receive()

    def _update(self) -> None:
        """Derive the interest mask from what there is to do, and tell the selector of a change."""
        if self._sock is None:
            return
        events = self._interest()
        if events == self._events:
            return
        if not self._events:
            self._loop.register(self._fd, events, self._ready)
        elif not events:
            self._loop.unregister(self._fd)
        else:
            self._loop.modify(self._fd, events, self._ready)
        self._events = events

    def _interest(self) -> int:
        events = 0 if self._paused or self._saw_eof else READ
        return events | WRITE if self._owed else events


def refuse(_data: bytes) -> int:
    """What a stream lends that takes nothing now: -1 bytes."""
    return -1


def why(error: Exception) -> str:
    if isinstance(error, ConnectionError | TimeoutError):
        return "peer is gone"
    return str(getattr(error, "strerror", None) or error)
