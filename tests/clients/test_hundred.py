"""The main promise under load: a hundred clients, ten of which stall, and nobody misses a line."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

from tailws.ws import FrameParser, Limits, Opcode
from tests.following.rig import Rig

CLIENTS, STALLED = 100, 10
RATE = 2_000  # lines a second
STALL_AFTER, STALL, GO_ON = 2.0, 3.0, 2.0  # s
DEADLINE = 60.0
SEND_BUFFER = 128 * 1024
LIMITS = {"clients": {"send_buffer": SEND_BUFFER}}
REQUEST = (
    "GET /ws?source=app&lines=0 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Watcher:
    """A client that knows what it must get: the bytes of the log, from its first to its last."""

    def __init__(self, rig: Rig, log: bytearray, receive_buffer: int) -> None:
        self.got = 0  # bytes of the log, without a hole
        self.subscribed = False
        self._log = log
        self._parser = FrameParser(Limits(max_message=1 << 24), masked=False)
        self._message = bytearray()
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", rig.port))
        self.sock.sendall(REQUEST.format(rig.port).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.sock.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        self.sock.setblocking(False)

    def read(self) -> None:
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        assert data, f"the daemon has closed the connection behind {self.got} bytes"
        self._parser.feed(data)
        for frame in iter(self._parser.next_frame, None):
            if frame.opcode in (Opcode.TEXT, Opcode.CONTINUATION):
                self._message += frame.payload
                if frame.fin:
                    self._take(self._message)
                    self._message = bytearray()

    def _take(self, message: bytearray) -> None:
        head, _, body = message.partition(b"\n")
        assert b'"type":"gap"' not in head, bytes(head)
        if b'"type":"subscribed"' in head:
            self.subscribed = True
        elif b'"type":"lines"' in head:
            body += b"\n"
            # One comparison for all that could be wrong: missing, repeated, out of order, cut.
            expected = self._log[self.got : self.got + len(body)]
            assert body == expected, f"wrong lines behind {self.got} bytes"
            self.got += len(body)


def test_ten_of_a_hundred_clients_stall(rig: Rig) -> None:
    """2,000 lines a second. The 90 have everything that is written while the ten take nothing,
    the daemon does not grow by what the ten miss, and they have all of it when they read again."""
    log = bytearray()
    watchers = [Watcher(rig, log, 8192 if n < STALLED else 1 << 18) for n in range(CLIENTS)]
    selector = selectors.DefaultSelector()
    file = (rig.logs / "app.log").open("ab", buffering=0)
    for watcher in watchers:
        selector.register(watcher.sock, selectors.EVENT_READ, watcher)

    def turn() -> None:
        for key, _ in selector.select(0.01):
            key.data.read()

    def until(condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            turn()

    def write_for(seconds: float) -> None:
        """Write at the rate; a machine that lags behind it is caught up with."""
        begin, written, due = time.monotonic(), 0, 0
        while due < seconds * RATE:
            due = int(min(time.monotonic() - begin, seconds) * RATE)
            if due > written:
                first = log.count(b"\n")
                numbers = range(first, first + due - written)
                data = b"".join(b"%08d %s\n" % (n, b"-" * 190) for n in numbers)
                log.extend(data)
                file.write(data)
                written = due
            turn()

    try:
        until(lambda: all(watcher.subscribed for watcher in watchers), "the subscriptions")
        write_for(STALL_AFTER)
        stalled, others = watchers[:STALLED], watchers[STALLED:]
        for watcher in stalled:
            selector.unregister(watcher.sock)
        before = int(rig.status("VmRSS").split()[0])
        write_for(STALL)
        until(lambda: all(watcher.got == len(log) for watcher in others), "the 90 to have it all")
        grown = int(rig.status("VmRSS").split()[0]) - before
        assert grown < 4 * 1024, f"the daemon grew by {grown} KiB"
        for watcher in stalled:
            missed = len(log) - watcher.got
            assert missed > 4 * SEND_BUFFER, "the kernel may have taken it all"
            selector.register(watcher.sock, selectors.EVENT_READ, watcher)
        write_for(GO_ON)
        until(lambda: all(watcher.got == len(log) for watcher in watchers), "all to have it all")
        assert log.count(b"\n") == (STALL_AFTER + STALL + GO_ON) * RATE
    finally:
        file.close()
        selector.close()
        for watcher in watchers:
            watcher.sock.close()
