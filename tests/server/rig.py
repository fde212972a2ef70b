"""A real server on a real socket: its loop turns in a thread, the test is the client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tailws.config import Listen
from tailws.runtime.loop import Loop
from tailws.server.access import Access
from tailws.server.exchange import AccessRecord, Request, Response, Route, Router
from tailws.server.http import HttpLimits, HttpServer
from tailws.server.listener import Listener, open_sockets

DEADLINE = 20.0


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    version: str = "HTTP/1.1"


class Client:
    """A socket that speaks HTTP as badly as the test wants it to."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(DEADLINE)
        self.buffer = b""

    def send(self, data: str | bytes) -> Client:
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            assert self._fill(), f"the connection was closed; there was {self.buffer!r}"
        taken, mark, self.buffer = self.buffer.partition(mark)
        return taken + mark

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            assert self._fill(), f"the connection was closed; there was {self.buffer!r}"
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        while self._fill():
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def head(self) -> Reply:
        first, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            if line:
                name, value = line.split(":", 1)
                headers[name.lower()] = value.strip()
        return Reply(int(status), headers, b"", version)

    def reply(self, *, bodiless: bool = False) -> Reply:
        reply = self.head()
        if bodiless or reply.status in (101, 204, 304):
            return reply
        if reply.headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n"), 16)
                reply.body += self.exactly(size)
                self.exactly(2)
                if not size:
                    return reply
        if "content-length" in reply.headers:
            reply.body = self.exactly(int(reply.headers["content-length"]))
        else:
            reply.body = self.rest()
        return reply

    def get(self, path: str, *headers: str, method: str = "GET", body: str = "") -> Reply:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines) + "\r\n\r\n" + body)
        return self.reply(bodiless=method == "HEAD")

    def closed(self) -> bool:
        """Wait for the end of the connection; tell that nothing came before it."""
        return self.rest() == b""

    def close(self) -> None:
        self.sock.close()


@dataclass
class Clock:
    """Real time, and as much more as the test says."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@dataclass
class Rig:
    access: Access = field(default_factory=lambda: Access(None))
    limits: HttpLimits = field(default_factory=HttpLimits)
    listen: Listen = field(default_factory=lambda: Listen(address="127.0.0.1:0"))
    base_path: str = "/"

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.router = Router(self.base_path)
        self.records: list[AccessRecord] = []
        self.server = HttpServer(
            self.loop,
            self.router,
            self.access,
            limits=self.limits,
            access_log=self.records.append,
        )
        self.listener = Listener(
            self.loop,
            open_sockets(self.listen)[0],
            lambda sock, address: self.server.accept(sock, address, unix=bool(self.listen.unix)),
            unlink=True,
        )
        self.port = 0 if self.listen.unix else int(self.listener.address.rpartition(":")[2])
        self.clients: list[Client] = []
        self.thread = threading.Thread(target=self.loop.run, daemon=True)

    def start(self) -> Rig:
        self.thread.start()
        return self

    def add(self, path: str, answer: Callable[[Request], object], **options: object) -> None:
        self.router.add(path, Route({"GET": answer, "POST": answer}, **options))  # type: ignore[dict-item,arg-type]

    def client(self) -> Client:
        if self.listen.unix:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.listen.unix)
        else:
            sock = socket.create_connection(("127.0.0.1", self.port))
        self.clients.append(Client(sock))
        return self.clients[-1]

    def call(self, function: Callable[[], object]) -> None:
        """Run in the loop's thread, and wait until it has run."""
        done = threading.Event()

        def run() -> None:
            try:
                function()
            finally:
                done.set()

        self.loop.call_from_thread(run)
        assert done.wait(DEADLINE)

    def later(self, seconds: float) -> None:
        """Let time pass for the server, once it has done what it has to do now."""
        self.call(lambda: None)
        self.call(lambda: None)  # what a turn deferred runs before the next turn
        self.clock.ahead += seconds
        self.loop.call_from_thread(lambda: None)

    def close(self) -> None:
        for client in self.clients:
            client.close()
        if self.thread.is_alive():
            self.call(lambda: (self.server.close(), self.listener.close()))
            # What was handed over sees its client go.
            wait_for(lambda: not self.server.connections, "all connections to be gone")
            self.loop.call_from_thread(self.loop.stop)
            self.thread.join(DEADLINE)
        else:
            self.listener.close()
        self.loop.close()


def text(body: bytes | str) -> Response:
    data = body.encode() if isinstance(body, str) else body
    return Response(200, (("Content-Type", "text/plain"),), data)
