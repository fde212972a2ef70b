"""The opening handshake: RFC 6455, section 4.2."""

from __future__ import annotations

import base64

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidHeader
from websockets.headers import parse_extension

from tailws.ws import (
    Accepted,
    DeflateParameters,
    DeflatePolicy,
    Refused,
    accept_value,
    answer_handshake,
)
from tailws.ws.handshake import _parse_extensions, _Refusal

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # that of the RFC's example

REQUEST = {
    b"host": b"server.example.com",
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-key": KEY,
    b"sec-websocket-version": b"13",
}


def ask(
    changes: dict[bytes, bytes | None] | None = None,
    *more: tuple[bytes, bytes],
    method: bytes = b"GET",
    http_version: bytes = b"1.1",
    deflate: DeflatePolicy | None = None,
) -> Accepted | Refused:
    """Send the RFC's request with some headers changed, dropped (None) or added."""
    fields = {**REQUEST, **(changes or {})}
    headers = [(name, value) for name, value in fields.items() if value is not None]
    return answer_handshake(
        method, http_version, [*headers, *more], subprotocols=["tailws.v1"], deflate=deflate
    )


def accepted(answer: Accepted | Refused) -> Accepted:
    assert isinstance(answer, Accepted), answer
    return answer


def refused(answer: Accepted | Refused, status: int) -> dict[bytes, bytes]:
    assert isinstance(answer, Refused), answer
    assert answer.status == status
    assert answer.reason.endswith(".")
    return dict(answer.headers)


def test_the_example_of_the_rfc() -> None:
    """Section 1.3: the key, and the value that proves that it was read."""
    assert accept_value(KEY) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert accepted(ask()) == Accepted(
        [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ],
        None,
        None,
    )


@pytest.mark.parametrize("method", [b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"get"])
def test_the_method_is_get(method: bytes) -> None:
    """ "The method of the request MUST be GET" (4.1); methods are case-sensitive. The 405 says
    what is allowed (RFC 9110, 15.5.6)."""
    assert refused(ask(method=method), 405)[b"allow"] == b"GET"


def test_http_1_0_cannot_upgrade() -> None:
    """ "... and the HTTP version MUST be at least 1.1" (4.1): the sentence says who is to blame,
    for most often it is a proxy."""
    answer = ask(http_version=b"1.0")
    refused(answer, 426)
    assert isinstance(answer, Refused)
    assert "proxy" in answer.reason
    refused(ask({b"host": None}, http_version=b"1.0"), 426)


@pytest.mark.parametrize("value", [b"websocket", b"WebSocket", b"WEBSOCKET", b"h2c, websocket"])
def test_upgrade_in_any_case(value: bytes) -> None:
    """ "the value "websocket", treated as an ASCII case-insensitive value" (4.2.1)"""
    accepted(ask({b"upgrade": value}))


@pytest.mark.parametrize(
    "changes",
    [
        {b"upgrade": None},
        {b"upgrade": b""},
        {b"upgrade": b"h2c"},
        {b"upgrade": b"websockets"},
        {b"connection": None},
        {b"connection": b"keep-alive"},
        {b"connection": b"close"},
        {b"connection": b"upgrades"},
    ],
)
def test_without_upgrade_the_answer_says_what_is_spoken_here(
    changes: dict[bytes, bytes | None],
) -> None:
    """ "A server that sends a 426 response MUST send an Upgrade header field in the response to
    indicate the required protocol(s)" (RFC 9110, 15.5.22)."""
    headers = refused(ask(changes), 426)
    assert headers[b"upgrade"] == b"websocket"
    assert headers[b"connection"] == b"Upgrade"
    assert headers[b"sec-websocket-version"] == b"13"


@pytest.mark.parametrize(
    "value",
    [
        b"Upgrade",
        b"upgrade",
        b"UPGRADE",
        b"keep-alive, Upgrade",
        b"keep-alive,upgrade",
        b"Upgrade , keep-alive",
        b",, uPgRaDe ,",
    ],
)
def test_connection_is_a_list_in_any_case(value: bytes) -> None:
    """ "A |Connection| header field that includes the token "Upgrade", treated as an ASCII
    case-insensitive value" (4.2.1). Firefox sends "keep-alive, Upgrade"."""
    accepted(ask({b"connection": value}))


def test_a_list_may_span_headers() -> None:
    """ "Connection: keep-alive" and "Connection: Upgrade" are one list (RFC 9110, 5.3)."""
    accepted(ask({b"connection": b"keep-alive"}, (b"connection", b"Upgrade")))
    accepted(ask({b"upgrade": b"h2c"}, (b"upgrade", b"websocket")))


@pytest.mark.parametrize(
    "version", [None, b"", b"8", b"12", b"14", b"13, 8", b"013", b"13.0", b"x"]
)
def test_another_version_is_told_which_one_is_spoken(version: bytes | None) -> None:
    """ "If the server doesn't support the requested version, it MUST respond with a
    |Sec-WebSocket-Version| header field [...] containing all versions it is willing to use."
    (4.4)"""
    headers = refused(ask({b"sec-websocket-version": version}), 426)
    assert headers[b"sec-websocket-version"] == b"13"


@pytest.mark.parametrize("name", [b"sec-websocket-version", b"sec-websocket-key", b"host"])
def test_some_headers_stand_there_once(name: bytes) -> None:
    """ "... MUST NOT appear more than once in an HTTP request" (11.3.1, 11.3.5), and one Host
    (RFC 9112, 3.2)."""
    refused(ask(None, (name, REQUEST[name])), 400)


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"short",
        b"dGhlIHNhbXBsZSBub25jZQ",  # no padding
        b"dGhlIHNhbXBsZSBub25jZQ=",
        b"dGhlIHNhbXBsZSBub25jZQ===",
        b"dGhlIHNhbXBsZSBub25j",  # 15 bytes
        b"dGhlIHNhbXBsZSBub25jZTE3",  # 18 bytes
        b"dGhlIHNhbXBsZSBub25jZTE=",  # 17 bytes
        b"dGhlIHNhbXBsZSBub25j*Q==",
        b"dGhl IHNhbXBsZSBub25jZQ==",
        b"\xff" * 24,
    ],
)
def test_the_key_is_16_bytes_in_base64(key: bytes | None) -> None:
    """ "a base64-encoded value that, when decoded, is 16 bytes in length" (4.2.1)"""
    refused(ask({b"sec-websocket-key": key}), 400)


@given(st.binary(min_size=16, max_size=16))
def test_every_key_is_accepted(nonce: bytes) -> None:
    key = base64.b64encode(nonce)
    headers = dict(accepted(ask({b"sec-websocket-key": key})).headers)
    assert headers[b"sec-websocket-accept"] == accept_value(key)


def test_a_request_has_a_host() -> None:
    """ "A |Host| header field containing the server's authority." (4.2.1)"""
    refused(ask({b"host": None}), 400)


def test_a_body_would_be_taken_for_frames() -> None:
    """A GET may have a body; one that opens a WebSocket may not."""
    refused(ask(None, (b"content-length", b"5")), 400)
    refused(ask(None, (b"transfer-encoding", b"chunked")), 400)
    accepted(ask(None, (b"content-length", b"0")))


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ([], None),
        ([b"tailws.v1"], "tailws.v1"),
        ([b"tailws.v2, tailws.v1"], "tailws.v1"),
        ([b"other", b"tailws.v1"], "tailws.v1"),
        ([b"other,another"], None),
        ([b"TAILWS.V1"], None),  # names are case-sensitive
        ([b""], None),
    ],
)
def test_the_subprotocol_is_one_of_those_offered_or_none(
    offered: list[bytes], selected: str | None
) -> None:
    """ "If the server does not wish to agree to one of the suggested subprotocols, it MUST NOT
    send back a |Sec-WebSocket-Protocol| header field in its response." (11.3.4)"""
    answer = accepted(ask(None, *((b"sec-websocket-protocol", value) for value in offered)))
    assert answer.subprotocol == selected
    sent = [value for name, value in answer.headers if name == b"sec-websocket-protocol"]
    assert sent == ([selected.encode()] if selected else [])


def test_the_first_offered_subprotocol_wins() -> None:
    """ "ordered by preference" (4.1): the client's, not the server's."""
    headers = [*REQUEST.items(), (b"sec-websocket-protocol", b"b, a")]
    answer = accepted(answer_handshake(b"GET", b"1.1", headers, subprotocols=["a", "b"]))
    assert answer.subprotocol == "b"


@pytest.mark.parametrize("name", [b"sec-websocket-protocol", b"connection", b"upgrade"])
@pytest.mark.parametrize("value", [b"a b", b"a;b", b"tailws.v1, \xff", b'"quoted"', b"a\x01"])
def test_a_list_that_is_none_is_refused(name: bytes, value: bytes) -> None:
    """ "If the server, while reading the handshake, finds that the client did not send a handshake
    that matches the description below [...], the server MUST stop processing the client's
    handshake and return an HTTP response with an appropriate error code" (4.2.1)"""
    refused(ask(None, (name, value)), 400)


DEFLATE = b"sec-websocket-extensions"
ANSWER = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    "offers",
    [
        [b"permessage-deflate"],
        [b"permessage-deflate; client_max_window_bits"],  # Chromium
        [b"permessage-deflate;client_max_window_bits=15"],
        [b'permessage-deflate ; client_max_window_bits = "10"'],
        [b'permessage-deflate; client_max_window_bits="1\\0"'],
        [b"x-unknown; a=b; c, permessage-deflate"],
        [b"permessage-deflate; unknown, permessage-deflate"],
        [b"permessage-deflate; server_max_window_bits=10", b"permessage-deflate"],
        [b"permessage-deflate; server_max_window_bits=10, permessage-deflate"],
        [b", permessage-deflate ,"],
    ],
)
def test_compression_is_agreed_on(offers: list[bytes]) -> None:
    answer = accepted(ask(None, *((DEFLATE, value) for value in offers), deflate=DeflatePolicy()))
    assert answer.deflate == DeflateParameters()
    assert dict(answer.headers)[DEFLATE] == ANSWER


@pytest.mark.parametrize(
    "offer",
    [
        b"",
        b"permessage-deflate; server_max_window_bits=10",
        b"permessage-deflate; unknown",
        b"x-webkit-deflate-frame",
        b"PERMESSAGE-DEFLATE",
    ],
)
def test_without_an_acceptable_offer_there_is_no_compression(offer: bytes) -> None:
    """ "If the server does not wish to accept [...] it MUST NOT [send one back]": the connection
    goes on without (RFC 7692, section 5.1)."""
    answer = accepted(ask(None, (DEFLATE, offer), deflate=DeflatePolicy()))
    assert answer.deflate is None
    assert DEFLATE not in dict(answer.headers)


def test_a_server_without_compression_declines() -> None:
    answer = accepted(ask(None, (DEFLATE, b"permessage-deflate")))
    assert answer.deflate is None
    assert DEFLATE not in dict(answer.headers)


MALFORMED = [
    "permessage-deflate;",
    "permessage-deflate; =10",
    "permessage-deflate; a=",
    'permessage-deflate; a="',
    'permessage-deflate; a="b c"',
    'permessage-deflate; a=""',
    "permessage-deflate a",
    "permessage-deflate; a b",
    "permessage deflate",
    "permessage-deflate; a=b=c",
    "; a",
    "=",
    '"permessage-deflate"',
    "permessage-deflate\x00",
    "permessage-deflat\xe9",
]


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("deflate", [None, DeflatePolicy()])
def test_malformed_extensions_are_refused(value: str, deflate: DeflatePolicy | None) -> None:
    """ "If a value is received [...] that does not conform to the ABNF below, the recipient of
    such malformed data MUST immediately _Fail the WebSocket Connection_." (9.1)"""
    refused(ask(None, (DEFLATE, value.encode("latin-1")), deflate=deflate), 400)


@given(
    st.lists(
        st.sampled_from(["a", "b-c", ";", ";", ",", ",", "=", '"', '\\"', " ", "\t", "1"])
    ).map(lambda parts: "".join(parts).strip(" \t"))
)
def test_another_library_reads_the_same_extensions(text: str) -> None:
    """`websockets` parses any list to the same offers, and refuses the same ones."""
    try:
        theirs = parse_extension(text)
    except InvalidHeader:
        theirs = None
    try:
        ours = _parse_extensions(text)
    except _Refusal:
        ours = None
    if ours != []:  # an empty list is an error to them; to us, nothing is offered
        assert ours == theirs


@given(
    st.sampled_from([b"GET", b"POST", b"\xff"]),
    st.sampled_from([b"1.0", b"1.1", b"2"]),
    st.lists(
        st.tuples(
            st.sampled_from([*REQUEST, b"sec-websocket-protocol", DEFLATE, b"content-length"]),
            st.binary(max_size=30),
        )
    ),
)
def test_whatever_comes_there_is_an_answer(
    method: bytes, http_version: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Never an exception; and an answer that can be written as HTTP."""
    answer = answer_handshake(method, http_version, headers, deflate=DeflatePolicy())
    if isinstance(answer, Refused):
        assert answer.status in (400, 405, 426)
        h11.Response(status_code=answer.status, headers=answer.headers, reason=b"")
