"""`/ws`: the handshake over a real connection, judged by another library and by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

from tailws.runtime.stream import Stream
from tailws.server.access import Access, Principal, Token
from tailws.server.http import HttpLimits
from tailws.server.upgrade import WebSocketRoute
from tailws.ws import Accepted, DeflatePolicy, Opcode, encode_frame

from .rig import Rig, wait_for

Make = Callable[..., Rig]

HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


class Started:
    """What was handed over, and a handler that greets."""

    def __init__(self) -> None:
        self.calls: list[tuple[Accepted, Principal, list[tuple[str, str]], bytes]] = []
        self.peer = ""
        self.streams: list[Stream] = []

    def __call__(
        self,
        stream: Stream,
        accepted: Accepted,
        principal: Principal,
        query: Sequence[tuple[str, str]],
        leftover: bytes,
    ) -> None:
        self.calls.append((accepted, principal, list(query), leftover))
        self.peer = stream.peer
        self.streams.append(stream)
        stream.start(self)
        stream.send(encode_frame(Opcode.TEXT, b"hello"))

    def on_data(self, data: bytes) -> None: ...

    def on_room(self) -> None: ...

    def on_eof(self) -> None:
        for stream in self.streams:
            stream.close("a client has gone")

    def on_close(self, reason: str) -> None: ...


def serve(rig: Rig, deflate: DeflatePolicy | None = None) -> Started:
    started = Started()
    route = WebSocketRoute(lambda: rig.server.access, started, deflate=deflate)
    rig.router.add("/ws", route.route)
    rig.start()
    return started


def test_a_handshake_is_answered_and_handed_over(rig: Make) -> None:
    """101 with the accept value of RFC 6455, section 1.3; frames that came early are handed on."""
    server = rig(access=Access([Token("anna", "s3cret")]))
    started = serve(server)
    client = server.client()
    lines = ["GET /ws?source=a%2Fb&lines=5 HTTP/1.1", "Host: localhost", *HANDSHAKE]
    early = encode_frame(Opcode.TEXT, b"early", mask=b"abcd")
    head = "\r\n".join([*lines, "Authorization: Bearer s3cret"]) + "\r\n\r\n"
    client.send(head.encode() + early)
    reply = client.reply()
    assert reply.status == 101
    assert reply.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert reply.headers["upgrade"] == "websocket"
    assert "content-length" not in reply.headers
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(client.exactly(7))
    assert [event.data for event in peer.events() if isinstance(event, TextMessage)] == ["hello"]
    ((accepted, principal, query, leftover),) = started.calls
    assert accepted.subprotocol is None
    assert principal.name == "anna"
    assert query == [("source", "a/b"), ("lines", "5")]
    assert leftover == early
    assert started.peer == "127.0.0.1"


def test_subprotocol_and_compression_are_agreed_on(rig: Make) -> None:
    """`tailws.v1` is selected where it is offered; unknown ones are no reason to refuse."""
    server = rig()
    started = serve(server, DeflatePolicy())
    offers = (
        "Sec-WebSocket-Protocol: chat, tailws.v1",
        "Sec-WebSocket-Extensions: permessage-deflate",
    )
    reply = server.client().get("/ws", *HANDSHAKE, *offers)
    assert reply.headers["sec-websocket-protocol"] == "tailws.v1"
    assert "server_no_context_takeover" in reply.headers["sec-websocket-extensions"]
    reply = server.client().get("/ws", *HANDSHAKE, "Sec-WebSocket-Protocol: chat")
    assert reply.status == 101
    assert "sec-websocket-protocol" not in reply.headers
    server.call(lambda: None)
    assert [call[0].subprotocol for call in started.calls] == ["tailws.v1", None]


def test_the_proxys_client_is_the_peer(rig: Make) -> None:
    """What the logs say of a client is the client, not the proxy in between."""
    server = rig(access=Access(None, proxies=["127.0.0.0/8"]))
    started = serve(server)
    server.client().get("/ws", *HANDSHAKE, "X-Forwarded-For: 203.0.113.9")
    wait_for(lambda: started.peer, "the hand-over")
    assert started.peer == "203.0.113.9"
    assert server.records[0].client == "203.0.113.9"


def test_what_is_no_websocket_is_426(rig: Make) -> None:
    """A plain GET is told the protocol and its version, whether or not it could sign in."""
    server = rig(access=Access([Token("anna", "s3cret")]))
    serve(server)
    client = server.client()
    reply = client.get("/ws")
    assert (reply.status, reply.headers["sec-websocket-version"]) == (426, "13")
    assert reply.headers["upgrade"] == "websocket"
    old = client.get("/ws", *HANDSHAKE[:3], "Sec-WebSocket-Version: 8")
    assert (old.status, old.headers["sec-websocket-version"]) == (426, "13")
    assert client.get("/ws", method="POST").status == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((*HANDSHAKE,), 401),
        ((*HANDSHAKE, "Authorization: Bearer wrong"), 401),
        ((*HANDSHAKE, "Authorization: Bearer s3cret", "Origin: https://evil.example"), 403),
        ((*HANDSHAKE, "Authorization: Bearer s3cret", "Origin: null"), 403),
        ((*HANDSHAKE, "Authorization: Bearer s3cret", "Origin: http://localhost"), 101),
        ((*HANDSHAKE, "Authorization: Bearer s3cret"), 101),
    ],
)
def test_who_may_not_is_refused_before_the_101(
    rig: Make, headers: tuple[str, ...], status: int
) -> None:
    """401 and 403 are HTTP answers, never a socket that is closed at once."""
    server = rig(access=Access([Token("anna", "s3cret")]))
    started = serve(server)
    assert server.client().get("/ws", *headers).status == status
    server.call(lambda: None)
    assert len(started.calls) == (status == 101)


def test_a_cookie_opens_a_websocket(rig: Make) -> None:
    """Browsers cannot set headers on a WebSocket; their cookie is enough."""
    access = Access([Token("anna", "s3cret")])
    server = rig(access=access)
    serve(server)
    from tailws.server.exchange import Peer

    cookie = access.sign_in(Peer("x", host="localhost"), "s3cret")[1].partition(";")[0]
    assert server.client().get("/ws", *HANDSHAKE, f"Cookie: {cookie}").status == 101


def test_one_too_many_is_closed_with_1013(rig: Make) -> None:
    """A page cannot see a failed handshake's status, so one too many gets a Close that it can."""
    server = rig(limits=HttpLimits(connections=1))
    started = serve(server)
    first = server.client()
    assert first.get("/ws", *HANDSHAKE).status == 101
    second = server.client()
    assert second.get("/ws", *HANDSHAKE).status == 101
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(second.rest())
    (close,) = [event for event in peer.events() if isinstance(event, CloseConnection)]
    assert (close.code, close.reason) == (1013, "too many connections")
    server.call(lambda: None)
    assert len(started.calls) == 1
    second.close()
    wait_for(lambda: server.server.connections == 1, "the second to be gone")


def test_one_too_many_still_has_to_say_who_it_is(rig: Make) -> None:
    """Being crowded tells nothing to strangers."""
    server = rig(limits=HttpLimits(connections=1), access=Access([Token("anna", "s3cret")]))
    serve(server)
    server.client().get("/ws", *HANDSHAKE, "Authorization: Bearer s3cret")
    assert server.client().get("/ws", *HANDSHAKE).status == 401
