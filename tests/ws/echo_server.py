"""An echo server made of the daemon's own codec, for conformance tests and for trying clients.

    python -m tests.ws.echo_server [PORT]

It prints its address, then says nothing more. One thread, plain `selectors`. The bounds are those
that conformance suites ask for, not those of the daemon.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys

import h11

from tailws.ws import (
    Binary,
    DeflatePolicy,
    Limits,
    Refused,
    ServerConnection,
    State,
    Text,
    answer_handshake,
)

# Autobahn sends 16 MiB in one message, and 65,536 fragments with an empty one behind them.
LIMITS = Limits(max_message=16 * 1024 * 1024, max_fragments=65_537)
DEFLATE = DeflatePolicy(min_server_window_bits=9, client_context_takeover=True)
READ_SIZE = 65_536


class Peer:
    """One socket: HTTP until the 101, WebSocket after it."""

    def __init__(self, sock: socket.socket, selector: selectors.BaseSelector) -> None:
        self.sock = sock
        self.selector = selector
        self.http: h11.Connection | None = h11.Connection(h11.SERVER)
        self.websocket: ServerConnection | None = None
        self.unsent = memoryview(b"")
        self.finished = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, selectors.EVENT_READ, self)

    def on_ready(self, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                self.send()
            else:
                self.receive(self.sock.recv(READ_SIZE))
        except OSError:
            self.close()

    def receive(self, data: bytes) -> None:
        if self.finished:  # what comes after our last byte is thrown away, until the peer's FIN
            if not data:
                self.close()
            return
        if self.http is not None:
            data = self.upgrade(self.http, data)
        if self.websocket is not None:
            events = self.websocket.receive(data) if data else []
            if not data and self.http is None:
                events += self.websocket.receive_eof()
            for event in events:
                match event:
                    case Text(text):
                        self.websocket.text(text)
                    case Binary(data):
                        self.websocket.binary(data)
            self.http = None
            self.unsent = memoryview(bytes(self.unsent) + self.websocket.owed())
        self.send()

    def upgrade(self, http: h11.Connection, data: bytes) -> bytes:
        """Take bytes of the request; returns those that came behind it."""
        try:
            http.receive_data(data)
            request = http.next_event()
        except h11.RemoteProtocolError:
            self.close()
            return b""
        if not isinstance(request, h11.Request):
            if request is not h11.NEED_DATA:
                self.close()
            return b""
        answer = answer_handshake(
            request.method, request.http_version, request.headers, deflate=DEFLATE
        )
        if isinstance(answer, Refused):
            body = answer.reason.encode() + b"\n"
            headers = [
                *answer.headers,
                (b"content-length", b"%d" % len(body)),
                (b"connection", b"close"),
            ]
            response = http.send(h11.Response(status_code=answer.status, headers=headers)) or b""
            self.unsent = memoryview(response + body)
            self.http, self.finished = None, True
            return b""
        response = http.send(h11.InformationalResponse(status_code=101, headers=answer.headers))
        self.unsent = memoryview(response or b"")
        self.websocket = ServerConnection(LIMITS, deflate=answer.deflate)
        return http.trailing_data[0]

    def send(self) -> None:
        if self.sock.fileno() < 0:
            return
        if self.unsent:
            with contextlib.suppress(BlockingIOError):
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
        closed = self.websocket is not None and self.websocket.state is State.CLOSED
        if not self.unsent and (closed or self.finished):
            # "the server MUST close the connection immediately", but a socket that is closed with
            # unread bytes in it may take our last frame back: send FIN, and wait for the peer's.
            self.finished = True
            self.sock.shutdown(socket.SHUT_WR)
        # One thing at a time: who does not read is not read from.
        wanted = selectors.EVENT_WRITE if self.unsent else selectors.EVENT_READ
        self.selector.modify(self.sock, wanted, self)

    def close(self) -> None:
        self.selector.unregister(self.sock)
        self.sock.close()


def serve(listener: socket.socket) -> None:
    """Echo to everybody, for ever."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, mask in selector.select():
                if key.data is None:
                    Peer(listener.accept()[0], selector)
                else:
                    key.data.on_ready(mask)


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"ws://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            serve(listener)


if __name__ == "__main__":
    main()
