"""Streams over real socket pairs, plain and TLS."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailws.runtime.loop import Loop
from tailws.runtime.stream import Stream
from tailws.runtime.tls import TLS_PIECE, TlsStream

DEADLINE = 20.0
BIG = random.Random(1).randbytes(4 << 20)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


class Owner:
    """Writes down what a stream tells."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.told: list[str] = []
        self.on: dict[str, Callable[[], None]] = {}

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self.on.get(what.partition(":")[0], lambda: None)()

    def on_data(self, data: bytes) -> None:
        self.data += data
        self.on.get("data", lambda: None)()

    def on_room(self) -> None:
        self._tell("room")

    def on_eof(self) -> None:
        self._tell("eof")

    def on_close(self, reason: str) -> None:
        self._tell(f"close:{reason}")


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    pem = str(Path(__file__).with_name("localhost.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=pem)
    return server, client


class Pair:
    """A stream in the test's loop, and its peer: a blocking socket."""

    def __init__(self, loop: Loop, contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None) -> None:
        self.loop = loop
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        theirs.settimeout(DEADLINE)
        self.owner = Owner()
        self.closed = 0
        self.stream = (
            TlsStream(loop, ours, "peer", contexts[0], self._count)
            if contexts
            else Stream(loop, ours, "peer", self._count)
        )
        self.stream.start(self.owner)
        self.peer: socket.socket = theirs
        if contexts:
            wrapped = self.apart(
                lambda: contexts[1].wrap_socket(theirs, server_hostname="localhost")
            )
            assert isinstance(wrapped, ssl.SSLSocket)
            self.peer = wrapped

    def _count(self) -> None:
        self.closed += 1

    def until(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.loop.turn(0.02)

    def apart(self, call: Callable[[], object]) -> object:
        """Call something that waits in a thread, with the loop turning meanwhile."""
        result: list[object] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                result.append(call())
            except BaseException as error:  # noqa: BLE001  (raised again below)
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self.until(lambda: not thread.is_alive(), "the peer")
        thread.join()
        if failed:
            raise failed[0]
        return result[0]

    def receive(self, size: int) -> bytes:
        def read() -> bytes:
            data = bytearray()
            while len(data) < size and (piece := self.peer.recv(65536)):
                data += piece
            return bytes(data)

        data = self.apart(read)
        assert isinstance(data, bytes)
        return data

    def settle(self) -> None:
        for _ in range(5):
            self.loop.turn(0)

    def end(self) -> None:
        self.peer.close()
        self.stream.close()
        self.settle()
        assert self.closed == 1
        assert sum(told.startswith("close") for told in self.owner.told) <= 1


Make = Callable[[], Pair]


@pytest.fixture(params=["plain", "tls"])
def make(
    request: pytest.FixtureRequest,
    loop: Loop,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> Iterator[Make]:
    pairs: list[Pair] = []

    def pair() -> Pair:
        pairs.append(Pair(loop, contexts if request.param == "tls" else None))
        return pairs[-1]

    yield pair
    for each in pairs:
        each.end()


def test_both_directions(make: Make) -> None:
    """What the peer sends arrives, what is sent the peer gets; both are counted."""
    pair = make()
    pair.peer.sendall(b"hello")
    pair.until(lambda: pair.owner.data == b"hello", "the data")
    assert pair.stream.send(b"answer")
    assert pair.receive(6) == b"answer"
    assert (pair.stream.received, pair.stream.sent, pair.stream.owed) == (5, 6, 0)


def test_back_pressure_is_a_return_value(make: Make) -> None:
    """What the kernel does not take is owed; `on_room` comes once, when all of it has gone out."""
    pair = make()
    pair.owner.told.clear()
    assert not pair.stream.send(BIG)
    assert 0 < pair.stream.owed <= len(BIG)
    assert pair.stream.owed + pair.stream.sent == len(BIG)
    pair.settle()
    assert pair.owner.told == []
    assert not pair.stream.send(b"and this")
    assert pair.receive(len(BIG) + 8) == BIG + b"and this"
    pair.until(lambda: pair.owner.told, "on_room")
    pair.settle()
    assert pair.owner.told == ["room"]
    assert (pair.stream.owed, pair.stream.sent) == (0, len(BIG) + 8)
    assert pair.stream.send(b"x")


def test_what_is_owed_shrinks_on_the_way(make: Make) -> None:
    """Whoever watches `sent` sees a slow peer move, long before it has everything."""
    pair = make()
    pair.stream.send(BIG)
    seen = []
    left = len(BIG)
    while left:
        left -= len(pair.receive(min(left, 512 << 10)))
        seen.append(pair.stream.sent)
    assert len(set(seen)) > 4
    assert seen == sorted(seen)


def test_sending_from_on_room_keeps_the_order(make: Make) -> None:
    """The usual producer: send until there is no room, go on in `on_room`."""
    pair = make()
    pieces = [bytes([n]) * (TLS_PIECE // 2 + n * 1000) for n in range(60)]
    waiting = list(pieces)

    def produce() -> None:
        while waiting and pair.stream.send(waiting.pop(0)):
            pass

    pair.owner.on["room"] = produce
    produce()
    whole = b"".join(pieces)
    assert pair.receive(len(whole)) == whole


def test_what_is_lent_sends_whole_and_in_order_or_refuses(make: Make) -> None:
    """Who hands the same to many loses nothing of what was taken, and nothing overtakes it."""
    pair = make()
    stream = pair.stream
    parts = [bytes((number,)) * 50_000 for number in range(200)]
    taken = []
    for part in parts:
        before = Stream.recalls
        try:
            count = stream.lend()(part)
        except BlockingIOError:
            stream.send(part)
        else:
            if count != len(part) and not stream.lent(part, count):
                assert stream.owed
                continue
        taken.append(part)
        assert bool(stream.owed) == (Stream.recalls != before)
    assert stream.owed
    assert len(taken) < len(parts)
    assert stream.lend()(b"too early") == -1
    expected = b"".join(taken)
    assert pair.receive(len(expected)) == expected
    pair.until(lambda: not stream.owed, "room")
    assert stream.lend()(b"again") == 5
    assert pair.receive(5) == b"again"
    for leave in (stream.end, stream.close):
        before = Stream.recalls
        leave()
        assert Stream.recalls != before
        assert stream.lend()(b"too late") == -1


def test_a_paused_stream_makes_its_peer_wait(make: Make) -> None:
    """While paused nothing is read, so the peer cannot send on; resuming loses nothing."""
    pair = make()
    pair.stream.pause()
    pair.settle()
    sent = threading.Event()

    def send() -> None:
        pair.peer.sendall(BIG)
        sent.set()

    thread = threading.Thread(target=send)
    thread.start()
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pair.loop.turn(0.02)
    assert not sent.is_set()
    assert len(pair.owner.data) <= 64 << 10
    pair.stream.resume()
    pair.until(lambda: len(pair.owner.data) == len(BIG), "the rest")
    thread.join()
    assert pair.owner.data == BIG


def test_a_half_closed_peer_still_gets_its_answer(make: Make) -> None:
    """After the peer's end of file one can still send; it is told once."""
    pair = make()
    if isinstance(pair.peer, ssl.SSLSocket):
        pair.peer.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            pair.peer.unwrap()  # sends close_notify, and would wait for ours
        pair.until(lambda: "eof" in pair.owner.told, "the end of file")
    else:
        pair.peer.shutdown(socket.SHUT_WR)
        pair.until(lambda: "eof" in pair.owner.told, "the end of file")
        pair.stream.send(b"late answer")
        assert pair.receive(11) == b"late answer"
    pair.settle()
    assert pair.owner.told.count("eof") == 1
    assert not pair.stream.closed
    pair.stream.end()
    pair.settle()
    assert pair.stream.closed


def test_end_sends_what_is_owed_first(make: Make) -> None:
    """`end` means: all of it, then the end of file; TLS says so itself (close_notify)."""
    pair = make()
    pair.stream.send(BIG)
    pair.stream.end()
    pair.stream.end()
    assert not pair.stream.send(b"too late")
    if isinstance(pair.peer, ssl.SSLSocket):
        pair.peer.suppress_ragged_eofs = False  # a cut raises, a proper end does not
    assert pair.receive(len(BIG) + 1) == BIG
    pair.peer.close()
    pair.until(lambda: pair.stream.closed, "the stream to close")
    pair.settle()
    assert pair.owner.told[-1] == "close:ended"


def test_a_good_bye_waits_for_room(
    loop: Loop, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Where the kernel has no room left for TLS's good-bye, it is said when there is."""
    pair = Pair(loop, contexts)
    filler = socket.socket(fileno=os.dup(pair.stream._fd))
    peer = socket.socket(fileno=os.dup(pair.peer.fileno()))
    for size in (1000, 1):
        with contextlib.suppress(BlockingIOError):
            while filler.send(b"\0" * size):
                pass
    pair.stream.end()
    pair.settle()
    received = bytearray()
    peer.setblocking(False)

    def ended() -> bool:
        with contextlib.suppress(BlockingIOError):
            while data := peer.recv(1 << 16):
                received.extend(data)
            return True
        return False

    pair.until(ended, "the end of file")
    said = received.rpartition(b"\0" * 100)[2]
    assert said[:3] == b"\x17\x03\x03"  # one record (RFC 8446, section 5.2): close_notify
    assert len(said) == 5 + int.from_bytes(said[3:5])
    for sock in (filler, peer, pair.peer):
        sock.close()
    pair.until(lambda: pair.stream.closed, "the stream to close")


def test_end_does_not_destroy_what_the_peer_has_not_read(make: Make) -> None:
    """Unread input would make close(2) send RST; so it is read and thrown away."""
    pair = make()
    pair.stream.pause()
    pair.peer.sendall(b"x" * 1000)
    pair.stream.send(b"good-bye")
    pair.stream.end()
    pair.settle()
    assert pair.receive(100) == b"good-bye"
    assert bytes(pair.owner.data) in (b"", b"x" * 1000)
    pair.peer.close()
    pair.until(lambda: pair.stream.closed, "the stream to close")


def test_close_is_told_once_and_later(make: Make) -> None:
    """`close` drops what is owed and comes back before anybody is told; twice is once."""
    pair = make()
    pair.owner.told.clear()
    pair.stream.send(BIG)
    pair.stream.close("enough")
    pair.stream.close("again")
    assert pair.stream.closed
    assert pair.owner.told == []
    assert pair.stream.owed == 0
    assert not pair.stream.send(b"x")
    pair.settle()
    assert pair.owner.told == ["close:enough"]
    assert pair.closed == 1


def test_a_handler_may_close_in_any_callback(make: Make) -> None:
    """Closing from within a callback of the stream itself is nothing special."""
    for what in ("data", "room", "eof"):
        pair = make()
        pair.owner.told.clear()
        pair.owner.on[what] = lambda pair=pair: pair.stream.close("from within")
        pair.stream.send(BIG)
        pair.peer.sendall(b"x" * 100)
        if what == "eof":
            pair.receive(len(BIG))
            pair.peer.close()
        elif what == "room":
            pair.apart(lambda pair=pair: [None for _ in iter(lambda: pair.peer.recv(65536), b"")])
        pair.until(lambda pair=pair: pair.stream.closed, f"closing from on_{what}")
        pair.settle()
        assert pair.owner.told[-1] == "close:from within"


def test_a_handler_that_raises_loses_its_stream(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a handler closes that connection and is logged; the loop goes on."""
    pair = make()

    def fail() -> None:
        raise ZeroDivisionError

    pair.owner.on["data"] = fail
    with caplog.at_level(logging.ERROR):
        pair.peer.sendall(b"x")
        pair.until(lambda: pair.stream.closed, "the stream to close")
    pair.settle()
    assert pair.owner.told[-1] == "close:internal error"
    assert any(record.exc_info for record in caplog.records)


def test_handing_over_to_another_handler(make: Make) -> None:
    """From `start` on the new handler is told everything, the old one nothing, not even the end."""
    pair = make()
    pair.owner.told.clear()
    new = Owner()
    pair.owner.on["data"] = lambda: pair.stream.start(new)
    pair.peer.sendall(b"upgrade")
    pair.until(lambda: pair.owner.data, "the first data")
    pair.peer.sendall(b"frame")
    pair.until(lambda: new.data, "the second data")
    assert (pair.owner.data, new.data) == (b"upgrade", b"frame")
    pair.stream.close("over")
    pair.settle()
    assert pair.owner.told == []
    assert new.told == ["close:over"]


def test_a_peer_that_vanishes(loop: Loop) -> None:
    """RST is told as a closed stream, whether we were sending or waiting."""
    for sending in (False, True):
        listener = socket.create_server(("127.0.0.1", 0))
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        owner = Owner()
        stream = Stream(loop, ours, "peer")
        stream.start(owner)
        if sending:
            stream.send(BIG)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        end = time.monotonic() + DEADLINE
        while not stream.closed:
            assert time.monotonic() < end
            loop.turn(0.02)
        loop.turn(0)
        loop.turn(0)
        assert owner.told == ["close:peer is gone"]
        listener.close()


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\x00\x05hello"])
def test_who_does_not_speak_tls_is_closed(
    loop: Loop, contexts: tuple[ssl.SSLContext, ssl.SSLContext], hello: bytes
) -> None:
    """Plain HTTP on a TLS port, or nothing at all: a reason, no traceback."""
    ours, peer = socket.socketpair()
    owner = Owner()
    stream = TlsStream(loop, ours, "peer", contexts[0])
    stream.start(owner)
    peer.sendall(hello)
    peer.shutdown(socket.SHUT_WR)
    end = time.monotonic() + DEADLINE
    while not owner.told:
        assert time.monotonic() < end
        loop.turn(0.02)
    assert owner.told[0].startswith("close:TLS handshake failed") or owner.told == [
        "close:peer is gone"
    ]
    assert stream.closed
    peer.close()


def test_what_is_sent_during_the_handshake_follows_it(
    loop: Loop, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Sending before the handshake is done is keeping, not failing."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE)
    stream = TlsStream(loop, ours, "peer", contexts[0])
    stream.start(Owner())
    assert not stream.send(b"early")
    got: list[bytes] = []

    def client() -> None:
        with contexts[1].wrap_socket(theirs, server_hostname="localhost") as sock:
            got.append(sock.recv(100))

    thread = threading.Thread(target=client)
    thread.start()
    end = time.monotonic() + DEADLINE
    while thread.is_alive():
        assert time.monotonic() < end
        loop.turn(0.02)
    thread.join()
    assert got == [b"early"]
    stream.close()


@settings(deadline=None, max_examples=25)
@given(
    tls=st.booleans(),
    sizes=st.lists(st.integers(0, 200_000), max_size=12),
    back=st.lists(st.integers(1, 100_000), max_size=6),
)
def test_any_sizes_in_both_directions(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], tls: bool, sizes: list[int], back: list[int]
) -> None:
    """Whatever is sent in whatever pieces, at once in both directions, arrives as it was."""
    loop = Loop()
    pair = Pair(loop, contexts if tls else None)
    try:
        out = [random.Random(n).randbytes(size) for n, size in enumerate(sizes)]
        incoming = [random.Random(-n - 1).randbytes(size) for n, size in enumerate(back)]
        for piece in out:
            pair.stream.send(piece)

        def peer() -> str:
            writer = threading.Thread(target=lambda: [pair.peer.sendall(p) for p in incoming])
            if not tls:  # an SSLSocket is for one thread
                writer.start()
            digest, left = hashlib.sha256(), sum(sizes)
            while left:
                piece = pair.peer.recv(65536)
                assert piece
                digest.update(piece)
                left -= len(piece)
            writer.join() if not tls else writer.run()
            return digest.hexdigest()

        assert pair.apart(peer) == hashlib.sha256(b"".join(out)).hexdigest()
        pair.until(lambda: len(pair.owner.data) == sum(back), "the peer's data")
        assert pair.owner.data == b"".join(incoming)
    finally:
        pair.end()
        loop.close()
