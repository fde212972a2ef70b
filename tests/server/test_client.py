"""One client of the daemon by an injected clock: who is still there, and how connections end.

The daemon is whole and turns only when a test says so; the client is a non-blocking socket that
reads and writes as the test likes. Nothing here waits for real time but for the kernel.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tailws import config
from tailws.daemon import Daemon
from tailws.logs.subscription import Subscription
from tailws.ws import CloseCode, Frame, FrameParser, Limits, Opcode, accept_value
from tests.logs.support import Clock
from tests.ws.support import Raw, encode_all

DEADLINE = 20.0
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
#: Small, so that a client that does not read is blocked after some blocks.
BUFFER = 16 * 1024
PING_AFTER, PING_TIMEOUT, CLOSE_TIMEOUT = 25.0, 20.0, 5.0
#: A round may come that much later than what it looks for.
ROUND = 1.0


class Server:
    """A daemon on one log, and its clock."""

    def __init__(self, directory: Path, **limits: Any) -> None:
        self.log = directory / "app.log"
        self.log.touch()
        (directory / "other.log").touch()
        clients = {
            "ping_after": PING_AFTER,
            "ping_timeout": PING_TIMEOUT,
            "close_timeout": CLOSE_TIMEOUT,
            "send_buffer": BUFFER,
            "notsent_lowat": 0,
            **limits,
        }
        text = {
            "listen": ["127.0.0.1:0"],
            "access": "none",
            "sources": [
                {"name": "app", "path": str(self.log)},
                {"name": "other", "path": str(directory / "other.log")},
            ],
            # Found by looking, so that no thread has a say in when.
            "limits": {"clients": clients, "files": {"watches": 0}, "lines": {"window": 0}},
        }
        self.clock = Clock()
        self.daemon = Daemon(config.loads(json.dumps(text)), clock=self.clock)
        self.daemon.start()
        self.browsers: list[Browser] = []
        self.written = 0

    @property
    def port(self) -> int:
        port = urlsplit(self.daemon.address).port
        assert port
        return port

    def browser(self, query: str = "", **how: Any) -> Browser:
        self.browsers.append(Browser(self, query, **how))
        return self.browsers[-1]

    def write(self, count: int) -> None:
        """Append to the log, and let the daemon look at it."""
        with self.log.open("a") as file:
            file.writelines(line + "\n" for line in _expected(self.written + count)[-count:])
        self.written += count
        self.later(2.1)  # the look by the clock

    def turn(self) -> None:
        """Let everybody do what there is to do now."""
        for _ in range(6):
            self.daemon.loop.turn(0)
            for browser in self.browsers:
                browser.pump()

    def later(self, seconds: float) -> None:
        """Let time pass, a second at a time at most."""
        self.turn()
        while seconds > 0:
            step = min(seconds, 1.0)
            self.clock.now += step
            seconds -= step
            self.turn()

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Turn until the condition holds; the clock of the daemon stands still."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.daemon.loop.turn(0.01)
            for browser in self.browsers:
                browser.pump()

    def is_let_go(self) -> bool:
        """Whether nothing is left of any client."""
        users = sum(source.users for source in self.daemon.catalog)
        return not self.daemon.clients and not self.daemon.http.connections and not users

    def close(self) -> None:
        for browser in self.browsers:
            browser.sock.close()
        self.daemon.close()


class Browser:
    """A client; it takes what comes unless `reads` is False."""

    def __init__(self, server: Server, query: str, behind: bytes = b"") -> None:
        self.server = server
        self.reads = True
        self.ended = False
        self.was_reset = False
        self.unsent = b""
        self.frames: list[Frame] = []
        self._head = b""
        self._parser: FrameParser | None = None
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.sock.connect(("127.0.0.1", server.port))
        self.sock.setblocking(False)
        request = (
            f"GET /ws{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {KEY.decode()}\r\n\r\n"
        )
        self.sock.sendall(request.encode() + behind)
        server.until(lambda: self._parser is not None or self.ended or self.pump(), "the 101")

    def pump(self) -> None:
        if self.unsent:
            self._send()
        while self.reads and not self.ended:
            try:
                data = self.sock.recv(65_536)
            except BlockingIOError:
                return
            except ConnectionError:
                self.was_reset = self.ended = True
                return
            self.ended = not data
            self._take(data)

    def _take(self, data: bytes) -> None:
        if self._parser is None:
            self._head += data
            head, mark, data = self._head.partition(b"\r\n\r\n")
            if not mark:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            assert accept_value(KEY) in head
            self._parser = FrameParser(Limits(max_message=1 << 24), masked=False)
        self._parser.feed(data)
        for frame in iter(self._parser.next_frame, None):
            if frame.opcode is Opcode.CONTINUATION:  # the parser hands over what it has of a frame
                begun = self.frames[-1]
                frame = Frame(begun.opcode, begun.payload + frame.payload, frame.fin)
                self.frames[-1] = frame
            else:
                self.frames.append(frame)

    def send(self, *frames: Raw) -> None:
        self.unsent += encode_all(frames)
        self._send()

    def _send(self) -> None:
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            pass

    def command(self, type_: str, **keys: Any) -> None:
        self.send(text(type=type_, **keys))

    # -- what came

    def count(self, opcode: Opcode) -> int:
        return sum(frame.opcode is opcode for frame in self.frames)

    @property
    def pings(self) -> int:
        return self.count(Opcode.PING)

    @property
    def heads(self) -> list[dict[str, Any]]:
        texts = (frame.payload for frame in self.frames if frame.opcode is Opcode.TEXT)
        return [json.loads(bytes(payload).partition(b"\n")[0]) for payload in texts]

    def of_type(self, type_: str) -> list[dict[str, Any]]:
        return [head for head in self.heads if head["type"] == type_]

    @property
    def lines(self) -> list[str]:
        texts = [
            str(frame.payload, "utf-8").split("\n") for frame in self.frames if frame.opcode == 1
        ]
        return [line for head, *lines in texts if '"type":"lines"' in head for line in lines]

    @property
    def closed_with(self) -> int | None:
        """The code of the Close that came; 1005 where it had none. It is the last frame."""
        for frame in self.frames[:-1]:
            assert frame.opcode is not Opcode.CLOSE, "something came behind a Close"
        if not self.frames or self.frames[-1].opcode is not Opcode.CLOSE:
            return None
        payload = self.frames[-1].payload
        return struct.unpack("!H", payload[:2])[0] if payload else 1005


def text(**message: Any) -> Raw:
    return Raw(Opcode.TEXT, json.dumps(message).encode())


def close(code: int = 1000) -> Raw:
    return Raw(Opcode.CLOSE, struct.pack("!H", code))


PONG = Raw(Opcode.PONG)

Make = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Make]:
    servers: list[Server] = []

    def make(**limits: Any) -> Server:
        servers.append(Server(tmp_path, **limits))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def server(serve: Make) -> Server:
    return serve()


def stalled(server: Server) -> Browser:
    """A client that has stopped reading while lines come, so that the kernel takes no more."""
    browser = server.browser("?source=app&lines=0")
    server.until(lambda: browser.of_type("subscribed"), "the subscription")
    browser.reads = False
    (client,) = server.daemon.clients
    for _ in range(20):
        server.write(2_000)
        if client._stream.owed:
            return browser
    raise AssertionError("the kernel takes everything")


# -- liveness


def test_a_silent_client_is_pinged_and_one_that_answers_stays(server: Server) -> None:
    """Pings go to idle clients only; each answer buys another `ping_after`."""
    browser = server.browser()
    server.later(PING_AFTER - ROUND)
    assert browser.pings == 0
    for number in range(1, 4):
        server.later(3 * ROUND)
        assert browser.pings == number
        browser.send(PONG)
        server.later(PING_AFTER - ROUND)
        assert browser.pings == number
    assert not browser.ended


@pytest.mark.parametrize(
    "sign", [PONG, Raw(Opcode.PING, b"and you?"), text(type="ping")], ids=["pong", "ping", "text"]
)
def test_whatever_comes_is_a_sign_of_life(server: Server, sign: Raw) -> None:
    """Who says something need not answer a ping to be believed."""
    browser = server.browser()
    server.later(PING_AFTER + 2 * ROUND)
    assert browser.pings == 1
    server.later(PING_TIMEOUT - 3 * ROUND)
    browser.send(sign)
    server.later(PING_AFTER - ROUND)
    assert not browser.ended
    assert browser.pings == 1


def test_who_does_not_answer_a_ping_is_let_go(server: Server) -> None:
    """Without a Close, for there is nobody who could read it; and nothing of it is kept."""
    silent = server.browser("?source=app")
    other = server.browser("?source=app")
    server.later(PING_AFTER + 2 * ROUND)
    other.send(PONG)
    server.later(PING_TIMEOUT - 3 * ROUND)
    assert silent.pings == 1
    assert not silent.ended
    server.later(3 * ROUND)
    assert silent.ended
    assert silent.closed_with is None
    assert not other.ended
    (client,) = server.daemon.clients
    assert [source.users for source in server.daemon.catalog] == [1, 0]
    assert client.subscriptions.keys() == {"app"}


def test_a_client_of_lines_only_is_pinged_too(server: Server) -> None:
    browser = server.browser("?source=app&format=text")
    server.later(PING_AFTER + 2 * ROUND)
    assert [frame.opcode for frame in browser.frames] == [Opcode.PING]


def test_a_busy_log_does_not_hide_that_nobody_is_there(server: Server) -> None:
    """What the kernel takes for a peer that has vanished is no sign of life."""
    browser = server.browser("?source=app&lines=0")
    server.until(lambda: browser.of_type("subscribed"), "the subscription")
    browser.reads = False
    for _ in range(int(PING_AFTER + PING_TIMEOUT + 2 * ROUND) // 2):
        server.write(1)
    server.until(server.is_let_go, "the client to be let go")


def test_who_takes_nothing_is_let_go(server: Server) -> None:
    """A ping behind megabytes is not answered either, and it is only one."""
    stalled(server)
    (client,) = server.daemon.clients
    owed = client._stream.owed
    server.later(PING_AFTER + 2 * ROUND)
    assert client._stream.owed <= owed + 2
    for _ in range(10):  # a full buffer may still give way a little, which counts as taking
        server.later(PING_TIMEOUT)
    assert server.is_let_go()


def test_who_stops_taking_is_let_go_as_soon_as_any_other(server: Server) -> None:
    """What it took while nobody looked is no sign of life when one looks again."""
    begun = server.clock.now
    browser = stalled(server)
    (client,) = server.daemon.clients
    taken = client._stream.sent
    while client._stream.sent == taken:
        browser.sock.recv(1 << 16)
        server.daemon.loop.turn(0)
    assert client._stream.owed
    assert server.clock.now - begun < PING_AFTER
    server.later(begun + PING_AFTER + PING_TIMEOUT + 4 * ROUND - server.clock.now)
    assert server.is_let_go()


def test_who_takes_it_slowly_is_alive(server: Server) -> None:
    """The ping waits behind what was sent before it, for as long as that moves."""
    browser = stalled(server)
    (client,) = server.daemon.clients
    for _ in range(5):
        while not client._stream.owed:  # a pump may have taken all that there was
            server.write(2_000)
        server.later(PING_AFTER - 2 * ROUND)
        taken = client._stream.sent
        while client._stream.sent == taken:
            browser.reads = True
            browser.pump()
            browser.reads = False
            server.turn()
    assert client in server.daemon.clients
    browser.reads = True
    server.until(lambda: len(browser.lines) == server.written, "all lines")
    assert browser.lines == _expected(server.written)
    assert not browser.ended


def test_limits_that_are_loaded_anew_count_at_once(server: Server) -> None:
    browser = server.browser()
    limits = server.daemon.config.limits
    shorter = config.Clients(ping_after=3.0)
    cfg = config.Config(limits=config.Limits(limits.lines, limits.files, shorter))
    server.daemon._apply(cfg, server.daemon.http.access)
    server.later(3 + 2 * ROUND)
    assert browser.pings == 1


# -- the closing handshake


def test_the_daemon_closes_and_waits_for_the_answer(server: Server) -> None:
    """RFC 6455, section 7.1.1: the server closes the socket first, behind both Close frames."""
    browser = server.browser("?source=app")
    browser.send(Raw(Opcode.BINARY, b"?"))
    server.until(lambda: browser.closed_with, "the Close")
    assert browser.closed_with == CloseCode.UNSUPPORTED_DATA
    assert not browser.ended
    browser.send(close(1003))
    server.until(lambda: browser.ended, "the end")
    browser.sock.close()
    server.until(server.is_let_go, "the client to be let go")


def test_an_answer_to_a_close_has_a_deadline(server: Server) -> None:
    """A client that does not answer a Close is cut, and pings do not prolong that."""
    browser = server.browser("?source=app")
    browser.send(Raw(Opcode.BINARY, b"?"))
    server.until(lambda: browser.closed_with, "the Close")
    server.later(CLOSE_TIMEOUT - 1.5)
    browser.send(Raw(Opcode.PING))
    assert server.daemon.clients
    server.later(2)
    assert browser.ended
    assert server.is_let_go()


def test_so_has_the_end_of_a_connection(server: Server) -> None:
    """Both Close frames are there, but the client keeps its socket open."""
    browser = server.browser("?source=app")
    browser.send(close())
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 1000
    assert not server.is_let_go()
    server.later(CLOSE_TIMEOUT + ROUND)
    assert server.is_let_go()


def test_a_close_that_cannot_be_sent_has_the_same_deadline(server: Server) -> None:
    """The client does not even take what was sent before."""
    browser = stalled(server)
    browser.send(Raw(Opcode.BINARY, b"?"))
    server.later(CLOSE_TIMEOUT - ROUND)
    assert server.daemon.clients
    server.later(3 * ROUND)
    assert server.is_let_go()


def test_the_daemon_closes_with_lines_in_flight(server: Server) -> None:
    """What was begun is sent whole, then the Close, and nothing behind it."""
    browser = stalled(server)
    server.write(1_000)
    (client,) = server.daemon.clients
    client.close(CloseCode.GOING_AWAY, "the daemon stops")
    browser.send(text(type="ping"), text(type="subscribe", source="other"), close(1001))
    server.write(1_000)
    browser.reads = True
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 1001
    assert not browser.of_type("pong"), "a command behind our Close was carried out"
    assert browser.lines == _expected(len(browser.lines))
    browser.sock.close()
    server.until(server.is_let_go, "the client to be let go")


def test_the_client_closes_with_lines_in_flight(server: Server) -> None:
    """It gets the rest of what was begun, the echo of its Close, and the end."""
    browser = stalled(server)
    browser.send(text(type="ping", id=1), close(4000))
    server.turn()
    server.write(1_000)
    browser.reads = True
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 4000
    assert browser.lines == _expected(len(browser.lines))
    assert not browser.was_reset


def _expected(count: int) -> list[str]:
    """The first lines of the log."""
    return [f"{number:06d}".ljust(100, ".") for number in range(count)]


def test_both_close_at_once(server: Server) -> None:
    """Each takes the other's Close for the answer to its own (RFC 6455, section 5.5.1)."""
    browser = server.browser()
    (client,) = server.daemon.clients
    browser.send(close())
    client.close(CloseCode.GOING_AWAY, "the daemon stops")
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 1001
    assert browser.count(Opcode.CLOSE) == 1


def test_a_close_ends_what_else_came_with_it(server: Server) -> None:
    """Commands before a Close count, those behind it do not."""
    browser = server.browser()
    browser.send(text(type="ping", id=1), close(), text(type="ping", id=2))
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 1000
    assert not [head for head in browser.of_type("pong") if head["id"] == 2]


# -- sockets that end


def test_a_close_and_the_end_of_the_clients_half(server: Server) -> None:
    """`shutdown(SHUT_WR)` behind a Close: the answer comes, and nothing is waited for."""
    browser = server.browser("?source=app")
    browser.send(close(4001))
    browser.sock.shutdown(socket.SHUT_WR)
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 4001
    server.until(server.is_let_go, "the client to be let go")


def test_a_half_that_ends_without_a_close(server: Server) -> None:
    """Nobody can answer a ping or a Close over it: the connection is over (section 7.1.5)."""
    browser = server.browser("?source=app")
    browser.sock.shutdown(socket.SHUT_WR)
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with is None
    server.until(server.is_let_go, "the client to be let go")


def test_a_half_that_ends_while_lines_are_owed(server: Server) -> None:
    browser = stalled(server)
    browser.sock.shutdown(socket.SHUT_WR)
    server.until(server.is_let_go, "the client to be let go")


@pytest.mark.parametrize("what", ["idle", "owed", "closing", "mid-frame"])
def test_a_client_that_vanishes(server: Server, what: str) -> None:
    """A reset at any moment leaves nothing behind, and nobody else notices."""
    browser = stalled(server) if what == "owed" else server.browser("?source=app")
    other = server.browser("?source=app&lines=0")
    server.turn()
    if what == "closing":
        browser.send(Raw(Opcode.BINARY, b"?"))
        server.until(lambda: browser.closed_with, "the Close")
    elif what == "mid-frame":
        browser.sock.send(Raw(Opcode.TEXT, b"x" * 1000).encode()[:500])
        server.turn()
    browser.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    browser.reads = False
    browser.sock.close()
    server.until(lambda: len(server.daemon.clients) == 1, "the client to be let go")
    server.write(3)
    assert other.lines[-3:] == _expected(server.written)[-3:]


def test_the_daemon_stops(server: Server) -> None:
    """Everybody gets 1001, and who answers is not waited for any longer."""
    browsers = [server.browser("?source=app") for _ in range(3)]
    server.daemon.stop()
    server.until(lambda: all(browser.closed_with for browser in browsers), "the Close frames")
    assert {browser.closed_with for browser in browsers} == {1001}
    for browser in browsers:
        browser.send(close(1001))
        browser.sock.shutdown(socket.SHUT_WR)
    server.until(server.is_let_go, "the clients to be let go")


# -- bounds by the clock


def test_commands_have_a_rate_and_a_burst(serve: Make) -> None:
    """Ten seconds' worth at once, then the rate, then 1008; control frames are free."""
    server = serve(commands_per_second=2)
    browser = server.browser()
    for second in range(5):
        browser.send(*[Raw(Opcode.PING)] * 50)
        browser.send(*[text(type="ping")] * (20 if second == 0 else 2))
        server.later(1)
    assert len(browser.of_type("pong")) == 28
    browser.send(*[text(type="ping")] * 3)
    server.until(lambda: browser.closed_with, "the Close")
    assert browser.closed_with == CloseCode.POLICY_VIOLATION
    assert b"2 commands a second" in browser.frames[-1].payload


def test_who_does_not_take_answers_is_asked_for_no_more_questions(serve: Make) -> None:
    """Answers that are not taken would pile up; so questions wait in the network instead, and all
    of them are answered, in order, when the client reads again."""
    server = serve(commands_per_second=1_000_000)
    browser = stalled(server)
    (client,) = server.daemon.clients
    asked = 0
    while not browser.unsent:
        question = json.dumps({"type": "ping", "id": asked}).ljust(2_000)
        browser.send(Raw(Opcode.TEXT, question.encode()))
        server.turn()
        assert sum(map(len, client._outbox)) < 64 * 1024
        asked += 1
        assert asked < 50_000, "the daemon takes everything"
    browser.reads = True
    server.until(lambda: not browser.unsent, "all questions to be taken")
    browser.command("ping", id="last")
    server.until(lambda: b'"last"' in browser.frames[-1].payload, "all answers")
    assert [head["id"] for head in browser.of_type("pong")] == [*range(asked), "last"]


def test_who_is_asked_no_more_can_still_be_closed(serve: Make) -> None:
    """Its Close is heard, though its questions are not."""
    server = serve(commands_per_second=1_000_000)
    browser = stalled(server)
    (client,) = server.daemon.clients
    browser.send(*[text(type="ping")] * 100)
    server.turn()
    assert client._outbox
    client.close(CloseCode.GOING_AWAY, "the daemon stops")
    browser.send(close(1001))
    browser.reads = True
    server.until(lambda: browser.ended, "the end")
    assert browser.closed_with == 1001


def test_of_a_list_of_sources_only_the_latest_counts(server: Server) -> None:
    """A client that does not read is not stored for, however often files come and go."""
    browser = stalled(server)
    (client,) = server.daemon.clients
    for _ in range(1_000):
        client.sources_changed()
        server.daemon.loop.turn(0)
    assert not client._outbox
    browser.reads = True
    server.until(lambda: browser.of_type("sources"), "the list")
    server.turn()
    assert len(browser.of_type("sources")) == 1


# -- mistakes of ours


def fail(*_: object) -> None:
    raise RuntimeError("a mistake of ours")


def handed_over_wrongly(server: Server, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr("tailws.daemon.from_query", fail)
    return server.browser()


def greeted_wrongly(server: Server, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr("tailws.server.client.encode", fail)
    return server.browser()


def understood_wrongly(server: Server, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr("tailws.messages.parse", fail)
    browser = server.browser()
    browser.command("ping")
    return browser


def served_wrongly(server: Server, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(Subscription, "next", fail)
    return server.browser("?source=app")


MISTAKES = [handed_over_wrongly, greeted_wrongly, understood_wrongly, served_wrongly]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_ours_closes_with_1011(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mistake: Callable[[Server, pytest.MonkeyPatch], Browser],
) -> None:
    """Wherever it happens, the log has its traceback, the client is told, others go on, and a
    client that does not answer the Close is not kept."""
    other = server.browser("?source=other&lines=0")
    with monkeypatch.context() as patched:
        browser = mistake(server, patched)
        server.until(lambda: browser.closed_with, "the Close")
    assert browser.closed_with == CloseCode.INTERNAL_ERROR
    assert "RuntimeError: a mistake of ours" in caplog.text
    caplog.clear()
    server.later(CLOSE_TIMEOUT + ROUND)
    assert browser.ended
    assert len(server.daemon.clients) == 1
    assert server.daemon.http.connections == 1
    other.command("ping")
    server.until(lambda: other.of_type("pong"), "an answer for the other one")
