"""What is too much, and the answer to it: over real sockets, with a witness that misses nothing.

Whoever meets a bound is told so and loses at most its own connection. Meanwhile another client
follows the log; every line that is written before, during and after has to be there, once.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tailws.ws import Frame, Opcode
from tailws.ws.deflate import compress
from tests.following.client import Client
from tests.following.logfile import LogFile
from tests.following.rig import Rig, temporary_rig
from tests.ws.support import Raw, client_frames, encode_all

DEADLINE = 30
SEND_BUFFER = 64 * 1024
#: Bytes of a packet on the loopback at most.
PACKET = 65536
CONNECTIONS, PER_ADDRESS, SUBSCRIPTIONS, COMMANDS = 20, 6, 3, 50

LIMITS = {
    "clients": {
        "connections": CONNECTIONS,
        "connections_per_address": PER_ADDRESS,
        "request_head": 1024,
        "request_body": 1024,
        "message_bytes": 2000,
        "fragments": 4,
        "commands_per_second": COMMANDS,
        "subscriptions": SUBSCRIPTIONS,
        "send_buffer": SEND_BUFFER,
    },
    "search": {"at_once": 1, "slice_bytes": 64 * 1024},
}
#: Each client has an address of its own, or they would meet the bound of one address together.
ADDRESSES = (f"127.0.{number // 250}.{number % 250 + 1}" for number in itertools.count(1))


class Peer:
    """A socket, from an address of its own."""

    def __init__(self, rig: Rig, address: str = "", receive_buffer: int = 0) -> None:
        self.address = address or next(ADDRESSES)
        self.port = rig.port
        self.sock = socket.socket()
        self.sock.settimeout(DEADLINE)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.bind((self.address, 0))
        self.sock.connect(("127.0.0.1", rig.port))
        self.received = b""

    def request(self, line: str, *headers: str, body: bytes = b"") -> Peer:
        head = "\r\n".join([f"{line} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers])
        return self.send(head.encode() + b"\r\n\r\n" + body)

    def upgrade(self, query: str = "", *headers: str) -> Peer:
        self.request(
            f"GET /ws{query}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *headers,
        )
        assert self.head().startswith("HTTP/1.1 101 ")
        return self

    def send(self, data: bytes) -> Peer:
        try:
            self.sock.sendall(data)
        except ConnectionError:
            pass  # it was told enough already
        return self

    def head(self) -> str:
        """The head of an answer; what came behind it stays."""
        while b"\r\n\r\n" not in self.received:
            data = self.sock.recv(65_536)
            assert data, f"the connection has ended: {self.received!r}"
            self.received += data
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        return head.decode()

    def closed_with(self) -> int:
        """The code of the Close that comes; it is answered."""
        while (frames := _whole(self.received))[-1:] == [] or frames[-1].opcode is not Opcode.CLOSE:
            data = self.sock.recv(65_536)
            assert data, f"the connection has ended behind {frames}"
            self.received += data
        last = frames[-1]
        self.send(Raw(Opcode.CLOSE, last.payload[:2]).encode())
        assert len(last.payload) > 2, "a Close without a reason"
        code: int = struct.unpack("!H", last.payload[:2])[0]
        return code

    def heads_until(self, enough: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """The heads of the messages that come, up to the one that makes it enough."""
        while True:
            heads = [
                json.loads(frame.payload.partition(b"\n")[0])
                for frame in _whole(self.received)
                if frame.opcode is Opcode.TEXT
            ]
            if heads and enough(heads):
                return heads
            data = self.sock.recv(65_536)
            assert data, f"the connection has ended behind {heads}"
            self.received += data

    def still_answers(self) -> None:
        """The connection goes on."""
        self.send(command(type="ping", id="still there?"))
        self.heads_until(lambda heads: any(head.get("id") == "still there?" for head in heads))


def _whole(data: bytes) -> list[Frame]:
    """The frames that have come whole."""
    frames = client_frames(data)
    while frames and not frames[-1].fin:
        frames.pop()
    return frames


def command(**message: Any) -> bytes:
    return Raw(Opcode.TEXT, json.dumps(message).encode()).encode()


@pytest.fixture(scope="module")
def daemon() -> Iterator[Rig]:
    """A daemon with small bounds on `app`, five logs `many/…`, and a large one, `big`; a client
    that follows `app`."""
    with temporary_rig() as rig:
        rig.limits = LIMITS
        rig.file().forget()
        rig.follow("app.log")
        for number in range(5):
            rig.file(f"many/{number}.log").say("one line")
        rig.follow("many/*.log", "many")
        (rig.logs / "big.log").write_bytes(b"some line of a large log\n" * 400_000)
        rig.follow("big.log", "big")
        rig.start()
        client = Client(rig.url, subscriptions=[{"source": "app", "lines": 0}])
        client.connect()
        rig.clients.append(client)
        yield rig


@pytest.fixture(scope="module")
def log(daemon: Rig) -> LogFile:
    return daemon.file()


@pytest.fixture(autouse=True)
def witness(daemon: Rig, log: LogFile) -> Iterator[Callable[[], None]]:
    """Another client, connected all the time, to whom nothing of it matters; the function writes a
    line and waits for it there."""
    connected = daemon.client._socket

    def look() -> None:
        log.lines(1)
        daemon.client.until(lambda: daemon.client.items["app"][-1:] == log.owed[-1:], "a line")

    look()
    yield look
    look()
    assert daemon.client.lines("app") == log.owed
    assert not daemon.client.faults
    assert daemon.client._socket is connected


# -- requests

CHUNK = b"%x\r\n" % 3000 + b"x" * 3000 + b"\r\n0\r\n\r\n"

REQUESTS = {
    "request_head": (("GET /", "X-Long: " + "x" * 2000), b"", 431),
    "request_head of a WebSocket": (("GET /ws", "Cookie: " + "x" * 2000), b"", 431),
    "request_head without an end": (("GET /" + "x" * 3000,), b"", 431),
    "request_body": (("POST /download", "Content-Length: 3000"), b"x" * 3000, 413),
    "request_body that is never sent": (("POST /download", "Content-Length: 3000"), b"", 413),
    "request_body in chunks": (("POST /download", "Transfer-Encoding: chunked"), CHUNK, 413),
    "no WebSocket": (("GET /ws",), b"", 426),
    "another version": (
        (
            "GET /ws",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 8",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        b"",
        426,
    ),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_beyond_a_bound_has_its_status(daemon: Rig, what: str) -> None:
    """A status, and one sentence about what would be right."""
    (line, *headers), body, status = REQUESTS[what]
    with Peer(daemon).request(line, *headers, body=body).sock as sock:
        peer = sock.recv(65_536).decode()
        head, _, sentence = peer.partition("\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ")
        assert sentence.strip().endswith(".")
        if status == 426:
            assert "sec-websocket-version: 13" in head.lower()


# -- WebSockets

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
BOMB = compress(b" " * 10_000_000)

#: What a client sends, and the code of the Close that it gets.
FRAMES = {
    "message_bytes": ([Raw(1, b" " * 2001)], 1009),
    "message_bytes, announced only": ([Raw(1, b" " * 100_000, length_bits=64)], 1009),
    "message_bytes in fragments": ([Raw(1, b" " * 1500, fin=False), Raw(0, b" " * 501)], 1009),
    "message_bytes, inflated": ([Raw(1, BOMB[:1900], rsv=4)], 1009),
    "fragments": ([Raw(1, b" ", fin=False), *[Raw(0, b" ", fin=False)] * 5], 1008),
    "fragments, empty ones": ([Raw(1, b"", fin=False), *[Raw(0, b"", fin=False)] * 5], 1008),
    "commands_per_second": ([Raw(1, b'{"type":"ping"}')] * (11 * COMMANDS), 1008),
    "commands_per_second, wrong ones": ([Raw(1, b"?")] * (11 * COMMANDS), 1008),
    "binary": ([Raw(2, b"?")], 1003),
    "not masked": ([Raw(1, b"?", mask=None)], 1002),
    "a reserved opcode": ([Raw(3, b"?")], 1002),
    "a reserved bit": ([Raw(1, b"?", rsv=2)], 1002),
    "a control frame in fragments": ([Raw(9, b"?", fin=False)], 1002),
    "a long control frame": ([Raw(9, b"x" * 126)], 1002),
    "a continuation of nothing": ([Raw(0, b"?")], 1002),
    "a length that is not minimal": ([Raw(1, b"?", length_bits=16)], 1002),
    "a Close of one byte": ([Raw(8, b"\x03")], 1002),
    "a Close with a code that must not be": ([Raw(8, b"\x03\xed")], 1002),
    "not UTF-8": ([Raw(1, b"\xff")], 1007),
    "a reason that is not UTF-8": ([Raw(8, b"\x03\xe8\xff")], 1007),
    "not deflated": ([Raw(1, b"\xff\xff", rsv=4)], 1007),
}


@pytest.mark.parametrize("what", FRAMES)
def test_a_frame_beyond_a_bound_or_against_a_rule_has_its_code(daemon: Rig, what: str) -> None:
    """The connection is closed with the code of RFC 6455, section 7.4.1, and a reason."""
    frames, code = FRAMES[what]
    peer = Peer(daemon).upgrade("?source=app&lines=0", DEFLATE)
    with peer.sock:
        peer.send(encode_all(frames))
        assert peer.closed_with() == code


def test_subscriptions_beyond_the_bound_are_errors(daemon: Rig) -> None:
    """Those within go on, and the connection too."""
    peer = Peer(daemon).upgrade()
    with peer.sock:
        for number in range(5):
            peer.send(command(type="subscribe", source=f"many/{number}.log", id=number))
        heads = peer.heads_until(lambda heads: sum("id" in head for head in heads) >= 5)
        answers = {head["id"]: head for head in heads if "id" in head}
        assert [answers[n]["type"] for n in range(5)] == ["subscribed"] * 3 + ["error"] * 2
        assert answers[3]["code"] == "too-many"
        peer.send(command(type="unsubscribe", source="many/0.log"))
        peer.send(command(type="subscribe", source="many/4.log", id="now"))
        heads = peer.heads_until(lambda heads: any(head.get("id") == "now" for head in heads))
        assert next(head["type"] for head in heads if head.get("id") == "now") == "subscribed"


def test_a_glob_beyond_the_bound_is_an_error_too(daemon: Rig) -> None:
    peer = Peer(daemon).upgrade()
    with peer.sock:
        peer.send(command(type="subscribe", source="many/*", id="glob"))
        heads = peer.heads_until(lambda heads: any(head["type"] == "error" for head in heads))
        assert {head["code"] for head in heads if head["type"] == "error"} == {"too-many"}
        peer.still_answers()


def test_searches_beyond_the_bound_wait_and_those_beyond_the_line_are_errors(
    daemon: Rig, witness: Callable[[], None]
) -> None:
    """One at once here, 128 in line. The others' lines come while it searches, and what is stopped
    makes room."""
    peer = Peer(daemon).upgrade()
    with peer.sock:
        for number in range(150):
            peer.send(command(type="find", source="big", id=number, pattern="nowhere"))
        heads = peer.heads_until(lambda heads: any(head.get("id") == 149 for head in heads))
        refused = [head["id"] for head in heads if head["type"] == "error"]
        assert refused == list(range(150 - len(refused), 150))
        assert {head["code"] for head in heads if head["type"] == "error"} == {"too-many"}
        witness()
        for number in range(1, 149):
            peer.send(command(type="stop", id=number))
        peer.heads_until(lambda heads: any(head.get("done") for head in heads))
        peer.still_answers()


# -- connections


@pytest.mark.parametrize("bound", ["connections", "connections_per_address"])
def test_one_connection_too_many_is_told_so(
    daemon: Rig, witness: Callable[[], None], bound: str
) -> None:
    """503 for a request, 101 and Close 1013 for a WebSocket, whose page cannot see a status. Those
    who were there before stay, and who comes when there is room again is let in."""
    address = next(ADDRESSES) if bound == "connections_per_address" else ""
    room = PER_ADDRESS if address else CONNECTIONS - 1  # the witness is one
    with ExitStack() as stack:
        everybody_left(daemon)
        within = []
        for _ in range(room):
            peer = Peer(daemon, address).upgrade("?source=app&lines=0")
            stack.enter_context(peer.sock)
            within.append(peer)
        for _ in range(3):
            peer = Peer(daemon, address).request("GET /")
            with peer.sock:
                assert peer.head().startswith("HTTP/1.1 503 ")
            peer = Peer(daemon, address).upgrade()
            with peer.sock:
                assert peer.closed_with() == 1013
        witness()
        for peer in within:
            peer.still_answers()
    everybody_left(daemon)
    peer = Peer(daemon, address).upgrade()
    with peer.sock:
        peer.still_answers()


def everybody_left(daemon: Rig) -> None:
    """Only the witness is connected."""
    daemon.wait(lambda: len(_sockets(daemon)) == 1, "the others to be gone")


def _sockets(daemon: Rig) -> list[int]:
    """The daemon's established connections, with the bytes that wait in the kernel for each."""
    waiting = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if int(local.partition(":")[2], 16) == daemon.port and state in ("01", "04", "05", "08"):
            waiting.append(int(queues.partition(":")[0], 16))
    return waiting


# -- what is owed


def test_a_client_that_never_reads_costs_what_the_kernel_holds(
    daemon: Rig, log: LogFile, witness: Callable[[], None]
) -> None:
    """A hundred times more is written than the kernel takes: the daemon stores nothing of it."""
    everybody_left(daemon)
    stalled = [
        Peer(daemon, receive_buffer=SEND_BUFFER).upgrade("?source=app&lines=0") for _ in range(10)
    ]
    with ExitStack() as stack:
        for peer in stalled:
            stack.enter_context(peer.sock)
            peer.heads_until(lambda heads: any(head["type"] == "subscribed" for head in heads))
        written = 0
        before = int(daemon.status("VmRSS").split()[0])
        while written < 12_000_000:
            texts = [f"{written + n:09d} " + "#" * 490 for n in range(1000)]
            log.owed += texts
            log.raw("".join(line + "\n" for line in texts).encode())
            written += 501_000
            witness()
        grown = int(daemon.status("VmRSS").split()[0]) - before
        assert grown < 16 * 1024, f"the daemon grew by {grown} KiB"
        waiting = sorted(_sockets(daemon))
        # socket(7): the kernel doubles it; and it asks before a packet, not after it
        assert waiting[-1] <= 2 * SEND_BUFFER + PACKET, waiting
        assert waiting[-10] > 0, "they are not stalled"


def test_a_client_that_asks_and_never_reads_costs_no_more(
    daemon: Rig, witness: Callable[[], None]
) -> None:
    """Its questions wait in the network, once its answers do."""
    everybody_left(daemon)
    peer = Peer(daemon, receive_buffer=4096).upgrade()
    question = command(type="history", source="app", before="?" * 1500, lines=1)
    with peer.sock:
        peer.sock.settimeout(0.5)
        before = int(daemon.status("VmRSS").split()[0])
        end = time.monotonic() + 2
        try:
            while time.monotonic() < end:
                peer.sock.sendall(question)
                time.sleep(1 / COMMANDS / 2)
        except (TimeoutError, ConnectionError):
            pass
        witness()
        grown = int(daemon.status("VmRSS").split()[0]) - before
        assert grown < 4 * 1024, f"the daemon grew by {grown} KiB"
