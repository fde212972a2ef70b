"""HTTP connections against raw sockets: framing, limits, deadlines, streaming, upgrade, stop."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailws.config import Listen
from tailws.runtime.stream import Stream
from tailws.server.access import Access, Token
from tailws.server.exchange import CutShort, Refused, Request, Response, Route, Streaming, Upgrade
from tailws.server.http import ROOM_TO_REFUSE, HttpLimits

from .rig import Client, Rig, text, wait_for

Make = Callable[..., Rig]


def echo(request: Request) -> Response:
    return text(f"{request.method} {request.path} {request.query} {request.body.decode()}")


# -- requests and answers


def test_a_request_is_answered_and_the_connection_stays(rig: Make) -> None:
    """HTTP/1.1 connections persist: a second request goes over the same one."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client()
    for number in range(3):
        reply = client.get(f"/x?n={number}")
        assert reply.status == 200
        assert reply.body == f"GET /x [('n', '{number}')] ".encode()


def test_pipelined_requests_are_answered_in_order(rig: Make) -> None:
    """Requests sent without waiting get their answers in order, however they are cut."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client()
    requests = b"".join(b"GET /x?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(50))
    for start in range(0, len(requests), 777):
        client.send(requests[start : start + 777])
    for number in range(50):
        assert f"'{number}'".encode() in client.reply().body


def test_head_has_the_head_of_get_and_no_body(rig: Make) -> None:
    """HEAD is GET without the body, with the same Content-Length (RFC 9110, 9.3.2)."""
    server = rig()
    server.add("/x", lambda _: text("0123456789"))
    client = server.start().client()
    reply = client.get("/x", method="HEAD")
    assert (reply.status, reply.headers["content-length"]) == (200, "10")
    assert client.get("/x").body == b"0123456789"


def test_http_1_0_is_answered_and_closed(rig: Make) -> None:
    """A client of HTTP/1.0 gets its answer, and the end of the connection as its end."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client().send("GET /x HTTP/1.0\r\n\r\n")
    assert client.reply().body.startswith(b"GET /x")
    assert client.closed()


def test_a_body_arrives_in_pieces_or_chunks(rig: Make) -> None:
    """A body is whole when the handler sees it, by length or chunked, and 100-continue is said."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client()
    client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc")
    client.send("def")
    assert client.reply().body.endswith(b"abcdef")
    client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send("3\r\nabc\r\n0\r\n\r\n")
    assert client.reply().body.endswith(b" abc")
    client.send(
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert client.head().status == 100
    client.send("ok")
    assert client.reply().body.endswith(b" ok")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n", 400),
        (b"GET %ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"PUT /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"GET /x HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 100000, 431),
        (b"GET /x HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
    ],
)
def test_bad_requests_are_refused_with_a_sentence(
    rig: Make, request_bytes: bytes, status: int
) -> None:
    """Whatever comes, the answer is a status and one sentence for people, never a traceback."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client().send(request_bytes)
    reply = client.reply()
    assert reply.status == status
    assert reply.body.endswith(b"\n")
    assert reply.body.count(b"\n") == 1
    assert b"Traceback" not in reply.body


def test_an_unbounded_chunked_body_is_cut(rig: Make) -> None:
    """A body without a length is bounded while it arrives."""
    server = rig(limits=HttpLimits(body=1000))
    server.add("/x", echo)
    client = server.start().client()
    client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send("400\r\n" + "x" * 1024 + "\r\n")
    assert client.reply().status == 413
    assert client.closed()


def test_405_names_the_methods(rig: Make) -> None:
    """405 carries Allow (RFC 9110, 15.5.6)."""
    server = rig()
    server.router.add("/x", Route({"GET": echo}, private=False))
    reply = server.start().client().get("/x", method="DELETE")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_absolute_form_takes_its_own_host(rig: Make) -> None:
    """`GET http://host/path` is understood, and its host is the one that is judged."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client()
    client.send("GET http://localhost/x?a=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.reply().status == 200
    client.send("GET http://evil.example/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.reply().status == 421


def test_a_failing_handler_is_500_and_the_connection_lives(rig: Make) -> None:
    """A bug in one handler costs one answer."""
    server = rig()

    def fail(_: Request) -> Response:
        raise ZeroDivisionError

    server.add("/fail", fail)
    server.add("/x", echo)
    client = server.start().client()
    reply = client.get("/fail")
    assert reply.status == 500
    assert b"ZeroDivision" not in reply.body
    assert client.get("/x").status == 200


def test_refusals_of_handlers_carry_their_headers(rig: Make) -> None:
    """A `Refused` from below becomes its status, sentence and headers."""
    server = rig()

    def refuse(_: Request) -> Response:
        raise Refused(429, "Not so fast.", (("Retry-After", "7"),))

    server.add("/x", refuse)
    reply = server.start().client().get("/x")
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert reply.body == b"Not so fast.\n"


def test_a_base_path_is_taken_off(rig: Make) -> None:
    """Below a sub-path everything is found; the sub-path without its slash leads there."""
    server = rig(base_path="/logs/")
    server.add("/", lambda _: text("page"))
    client = server.start().client()
    assert client.get("/logs/").body == b"page"
    moved = client.get("/logs")
    assert (moved.status, moved.headers["location"]) == (308, "/logs/")
    assert client.get("/").status == 404


# -- access


def test_private_routes_need_a_token(rig: Make) -> None:
    """Without credentials a private route is 401 and says how; public ones are served."""
    server = rig(access=Access([Token("anna", "s3cret")]))
    server.add("/private", echo)
    server.add("/public", echo, private=False)
    client = server.start().client()
    refused = client.get("/private")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="tailws"')
    assert client.get("/public").status == 200
    assert client.get("/private", "Authorization: Bearer s3cret").status == 200
    wait_for(lambda: len(server.records) == 3, "the access records")
    assert [record.user for record in server.records] == ["", "", "anna"]


def test_host_and_origin_are_asked_with_and_without_tokens(rig: Make) -> None:
    """`access: none` opens the logs to people, not to the pages that they visit."""
    server = rig()
    server.add("/x", echo)
    client = server.start().client()
    client.send("GET /x HTTP/1.1\r\nHost: rebound.example\r\n\r\n")
    assert client.reply().status == 421
    assert client.get("/x", "Origin: https://evil.example").status == 403
    assert client.get("/x", "Origin: http://localhost").status == 200


# -- limits and deadlines


def test_one_too_many_is_told_so_and_closed(rig: Make) -> None:
    """Above the limit a request is answered 503 and closed; when one leaves, there is room."""
    server = rig(limits=HttpLimits(connections=2))
    server.add("/x", echo)
    server.start()
    first, second, third = (server.client() for _ in range(3))
    assert first.get("/x").status == 503 or second.get("/x").status in (200, 503)
    reply = third.get("/x")
    assert reply.status == 503
    assert reply.headers["retry-after"]
    assert third.closed()
    third.close()
    wait_for(lambda: server.server.connections <= 2, "the place to be free")
    fourth = server.client()
    wait_for(lambda: server.server.connections <= 3, "the count")
    fourth.close()
    wait_for(lambda: server.server.connections <= 2, "the place to be free")


def test_far_too_many_are_closed_unread(rig: Make) -> None:
    """Above the hard cap nothing is read: a flood costs a close(2) each."""
    server = rig(limits=HttpLimits(connections=1))
    server.add("/x", echo)
    server.start()
    crowd = [server.client() for _ in range(1 + ROOM_TO_REFUSE)]
    wait_for(lambda: server.server.connections == len(crowd), "all to be accepted")
    assert server.client().closed()
    assert server.server.turned_away == 1


def test_the_limit_of_an_address_is_its_own(rig: Make) -> None:
    """One address at its limit does not shut out another; a trusted proxy's clients count each."""
    server = rig(
        limits=HttpLimits(connections_per_address=1), access=Access(None, proxies=["127.0.0.1"])
    )
    server.add("/x", echo)
    server.start()
    one, other, more = server.client(), server.client(), server.client()
    assert one.get("/x", "X-Forwarded-For: 192.0.2.1").status == 200
    assert other.get("/x", "X-Forwarded-For: 192.0.2.2").status == 200
    assert more.get("/x", "X-Forwarded-For: 192.0.2.1").status == 503


def test_a_slow_request_is_408(rig: Make) -> None:
    """A head that drips in does not hold a connection longer than the deadline (slowloris)."""
    server = rig(limits=HttpLimits(request_timeout=10))
    server.add("/x", echo)
    client = server.start().client()
    client.send("GET /x HTTP/1.1\r\n")
    wait_for(lambda: server.server.connections == 1, "the connection")
    server.later(6)
    client.send("Host: localhost\r\n")  # a drop does not move the deadline
    server.later(6)
    assert client.reply().status == 408
    assert client.closed()


def test_silent_and_idle_connections_are_closed(rig: Make) -> None:
    """Who connects and says nothing, or nothing more, is closed without a word."""
    server = rig(limits=HttpLimits(request_timeout=10, idle_timeout=60))
    server.add("/x", echo)
    server.start()
    silent, idle = server.client(), server.client()
    assert idle.get("/x").status == 200
    wait_for(lambda: server.server.connections == 2, "both connections")
    server.later(11)
    assert silent.closed()
    assert idle.get("/x").status == 200
    server.later(61)
    assert idle.closed()


def test_who_does_not_take_an_answer_is_closed(rig: Make) -> None:
    """An answer that its client does not read is not kept for ever."""
    server = rig(limits=HttpLimits(idle_timeout=60))
    big = b"x" * (32 << 20)
    server.add("/x", lambda _: text(big))
    client = server.start().client()
    client.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_for(lambda: server.records, "the answer")
    server.later(61)
    server.later(61)
    wait_for(lambda: server.server.connections == 0, "the connection to be closed")
    assert len(client.rest()) < len(big)


def test_a_client_that_reads_slowly_gets_all(rig: Make) -> None:
    """As long as something is taken, an answer may last."""
    server = rig(limits=HttpLimits(idle_timeout=60))
    big = bytes(range(256)) * (64 << 10)
    server.add("/x", lambda _: text(big))
    client = server.start().client()
    client.send("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.until(b"\r\n\r\n")
    taken = 0
    while taken < len(big):
        piece = client.exactly(min(2 << 20, len(big) - taken))
        assert piece == big[taken : taken + len(piece)]
        taken += len(piece)
        server.call(lambda: None)
        server.later(40)


def test_a_peer_that_resets_is_noticed(rig: Make) -> None:
    """RST in the middle of a request frees everything."""
    server = rig()
    client = server.start().client()
    client.send("GET /x HTTP/1.1\r\n")
    wait_for(lambda: server.server.connections == 1, "the connection")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_for(lambda: server.server.connections == 0, "the connection to be gone")


# -- answers that are produced


class Lines:
    """Produces what the test puts in."""

    def __init__(self) -> None:
        self.ready: list[bytes] = []
        self.wake: Callable[[], None] = lambda: None
        self.closed = 0
        self.pulled = 0

    def start(self, wake: Callable[[], None]) -> Lines:
        self.wake = wake
        return self

    def next_chunk(self) -> bytes | None:
        self.pulled += 1
        return self.ready.pop(0) if self.ready else None

    def close(self) -> None:
        self.closed += 1


def streaming(server: Rig, lines: Lines) -> None:
    headers = (("Content-Type", "text/plain"),)
    server.add("/tail", lambda _: Streaming(200, headers, lines.start))


def feed(server: Rig, lines: Lines, *chunks: bytes) -> None:
    def put() -> None:
        lines.ready += chunks
        lines.wake()
        lines.wake()  # waking twice is waking once

    server.call(put)


def test_a_streaming_answer_flows_as_it_is_produced(rig: Make) -> None:
    """Chunks arrive when they are made, the end is an end, and the connection goes on."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    server.add("/x", echo)
    client = server.start().client()
    client.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.head().headers["transfer-encoding"] == "chunked"
    feed(server, lines, b"one\n")
    assert client.until(b"one\n\r\n") == b"4\r\none\n\r\n"
    feed(server, lines, b"two\n", b"three\n", b"")
    assert client.until(b"0\r\n\r\n") == b"4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n"
    assert lines.closed == 1
    assert client.get("/x").status == 200
    wait_for(lambda: len(server.records) == 2, "the access records")


def test_http_1_0_gets_a_stream_without_chunks(rig: Make) -> None:
    """For HTTP/1.0 the end of the connection ends the answer."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    client = server.start().client().send("GET /tail HTTP/1.0\r\n\r\n")
    assert "transfer-encoding" not in client.head().headers
    feed(server, lines, b"one\n", b"")
    assert client.rest() == b"one\n"


def test_head_of_a_stream_starts_nothing(rig: Make) -> None:
    """HEAD does not open a log."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    client = server.start().client()
    assert client.get("/tail", method="HEAD").status == 200
    assert lines.pulled == 0


def test_a_client_that_does_not_read_stops_the_producer(rig: Make) -> None:
    """Back-pressure: what is not taken is not produced, and nothing is lost when it is."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    client = server.start().client()
    client.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    chunks = [bytes([n % 256]) * 65536 for n in range(160)]
    feed(server, lines, *chunks, b"")
    wait_for(lambda: lines.pulled > 2, "the first chunks")
    server.call(lambda: None)
    server.call(lambda: None)
    before = lines.pulled
    server.later(1000)  # it may pause for as long as it likes
    server.call(lines.wake)
    server.call(lambda: None)
    assert lines.pulled == before
    assert before < 150
    received = b""
    while size := int(client.until(b"\r\n"), 16):
        received += client.exactly(size)
        client.exactly(2)
    assert received == b"".join(chunks)


def test_a_client_that_leaves_closes_the_producer(rig: Make) -> None:
    """Nobody keeps a quiet log open for a client that has gone."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    client = server.start().client()
    client.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    client.close()
    wait_for(lambda: lines.closed == 1, "the producer to be closed")
    wait_for(lambda: server.server.connections == 0, "the connection to be closed")


def test_a_producer_that_fails_breaks_its_answer_off(rig: Make) -> None:
    """A broken answer must not look whole: no last chunk."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    client = server.start().client()
    client.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    feed(server, lines, b"one\n", None)  # type: ignore[arg-type]
    client.until(b"one\n\r\n")
    feed(server, lines, 1)  # type: ignore[arg-type]  # not bytes: len() raises
    assert b"0\r\n" not in client.rest()
    wait_for(lambda: lines.closed == 1, "the producer to be closed")


@pytest.mark.parametrize("waited", [False, True])
def test_an_answer_may_be_cut_short(
    rig: Make, caplog: pytest.LogCaptureFixture, waited: bool
) -> None:
    """A producer that says `CutShort` breaks its answer off, whether it was woken or there was room
    again, and that is no mistake to be logged."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    client = server.start().client()
    client.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    chunks = [b"x" * 65536] * (100 if waited else 1)
    plain = lines.next_chunk

    def next_chunk() -> bytes | None:
        chunk = plain()
        if chunk is None and lines.pulled > len(chunks):
            raise CutShort
        return chunk

    lines.next_chunk = next_chunk  # type: ignore[method-assign]
    feed(server, lines, *chunks)
    rest = client.rest()
    assert rest.count(b"x") == 65536 * len(chunks)
    assert not rest.endswith(b"0\r\n\r\n")
    wait_for(lambda: lines.closed == 1, "the producer to be closed")
    assert not caplog.records


def test_requests_behind_a_stream_wait_bounded(rig: Make) -> None:
    """What a client sends during an endless answer is not gathered without end."""
    server, lines = rig(limits=HttpLimits(head=4096)), Lines()
    streaming(server, lines)
    client = server.start().client()
    client.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    client.sock.settimeout(0.3)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += client.sock.send(b"x" * 65536)
    except TimeoutError:
        pass
    assert sent < 32 << 20, "the server read on and on"
    assert len(server.server._http.copy().pop()._h11.trailing_data[0]) < 64 << 10


# -- leaving HTTP


class Raw:
    """What takes over after an upgrade: sends back what it gets."""

    def __init__(self, stream: Stream, leftover: bytes) -> None:
        self.stream = stream
        stream.start(self)
        if leftover:
            stream.send(leftover)

    def on_data(self, data: bytes) -> None:
        self.stream.send(data)

    def on_room(self) -> None: ...

    def on_eof(self) -> None:
        self.stream.end()

    def on_close(self, reason: str) -> None: ...


def upgrading(server: Rig) -> None:
    answer = Upgrade([(b"upgrade", b"raw"), (b"connection", b"Upgrade")], Raw)
    server.add("/raw", lambda _: answer)


UPGRADE = "GET /raw HTTP/1.1\r\nHost: localhost\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"


def test_an_upgrade_hands_over_the_stream_and_all_that_came(rig: Make) -> None:
    """Bytes that were sent together with the request are the new protocol's; none is lost."""
    server = rig()
    upgrading(server)
    client = server.start().client().send(UPGRADE + "early ")
    assert client.head().status == 101
    client.send("late")
    assert client.exactly(10) == b"early late"
    wait_for(lambda: server.records, "the access record")
    assert server.records[0].status == 101
    assert server.server.connections == 1  # it is still counted
    server.later(1000)  # no deadline of HTTP is left
    server.call(lambda: None)
    client.send("still there")
    assert client.exactly(11) == b"still there"
    client.close()
    wait_for(lambda: server.server.connections == 0, "the place to be free")


def test_last_words_are_said_and_the_connection_closed(rig: Make) -> None:
    """An upgrade that is turned away says why in its own protocol, and waits for no one long."""
    server = rig(limits=HttpLimits(linger=3))
    server.add("/raw", lambda _: Upgrade([(b"upgrade", b"raw")], None, b"bye"))
    client = server.start().client().send(UPGRADE)
    assert client.head().status == 101
    assert client.rest() == b"bye"
    server.later(4)
    wait_for(lambda: server.server.connections == 0, "the connection to be cut")


# -- stopping


def test_stopping_ends_what_is_idle_and_finishes_what_is_not(rig: Make) -> None:
    """A stop lets answers go out, breaks streams off, and takes nothing new."""
    server, lines = rig(), Lines()
    streaming(server, lines)
    server.add("/x", echo)
    server.add("/big", lambda _: text(b"x" * (16 << 20)))
    server.start()
    idle, tail, busy = server.client(), server.client(), server.client()
    assert idle.get("/x").status == 200
    tail.send("GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    tail.head()
    busy.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_for(lambda: len(server.records) == 2, "the big answer")
    server.call(server.server.stop)
    assert idle.closed()
    assert tail.closed()
    assert lines.closed == 1
    assert len(busy.reply().body) == 16 << 20
    assert busy.closed()
    assert server.client().closed()


# -- other transports, and whatever comes


def test_a_unix_socket_is_a_listener_too(
    rig: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through a Unix socket everything is the same."""
    path = tmp_path_factory.mktemp("s") / "tailws.sock"
    server = rig(listen=Listen(address=f"unix:{path}"))
    server.add("/x", echo)
    client = server.start().client()
    assert client.get("/x").status == 200
    wait_for(lambda: server.records, "the access record")
    assert server.records[0].client == str(path)


_SHARED: list[Rig] = []


@pytest.fixture(scope="module")
def shared() -> Rig:
    server = Rig()
    server.add("/x", echo)
    server.start()
    yield server  # type: ignore[misc]
    server.close()


_ODD = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"GET /x HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"Host: localhost\r\n", b"\r\n",
                b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"abc", b"0\r\n\r\n",
                b"Connection: close\r\n", b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n",
                b"GET /%zz?%ff=1&&&= HTTP/1.0\r\n", b"Cookie: a=b; tailws-80=x.1.y\r\n",
                b"\x00", b"\r", b"\n", b"\xff\xfe", b"Forwarded: for=\"\r\n",
            ]
        ),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(data=_ODD, cut=st.integers(0, 50))
def test_whatever_comes_the_server_answers_the_next(shared: Rig, data: bytes, cut: int) -> None:
    """Random bytes and random requests: no crash, no 500, and nobody else notices."""
    shared.records.clear()
    odd = Client(socket.create_connection(("127.0.0.1", shared.port)))
    odd.send(data[:cut])
    odd.send(data[cut:])
    odd.sock.shutdown(socket.SHUT_WR)
    answer = odd.rest()
    odd.close()
    assert b" 500 " not in answer
    next_one = Client(socket.create_connection(("127.0.0.1", shared.port)))
    assert next_one.get("/x").status == 200
    next_one.close()
