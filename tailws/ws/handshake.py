"""The opening handshake, judged from the server's side (RFC 6455, section 4.2).

A pure function from a request's head to an answer; parsing HTTP and writing the response are the
caller's. So are `Origin` and everything else about who may connect: check it before the 101.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from tailws.ws.deflate import (
    EXTENSION_NAME,
    DeflateParameters,
    DeflatePolicy,
    Offer,
    negotiate,
)

Headers = list[tuple[bytes, bytes]]

# "0x258EAFA5-E914-47DA-95CA-C5AB0DC85B11" (section 1.3)
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_UPGRADE: Final = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
_VERSION: Final = (b"sec-websocket-version", b"13")

_TCHARS: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ONE_TOKEN: Final = re.compile(_TCHARS)
_LIST_GAP: Final = re.compile(r"[ \t,]*")
_EXTENSION: Final = re.compile(rf"({_TCHARS})[ \t]*")
# "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
# conform to the 'token' ABNF." (section 9.1)
_PARAMETER: Final = re.compile(
    rf';[ \t]*({_TCHARS})[ \t]*(?:=[ \t]*(?:({_TCHARS})|"((?:[^"\\]|\\.)*)")[ \t]*)?'
)


class Accepted(Struct, frozen=True):
    """Answer 101 with `headers`; then the connection speaks WebSocket."""

    headers: Headers
    subprotocol: str | None
    deflate: DeflateParameters | None


class Refused(Struct, frozen=True):
    """Answer `status` with `headers` and, as the body, `reason`: a sentence for people."""

    status: int
    headers: Headers
    reason: str


class _Refusal(Exception):
    def __init__(self, status: int, reason: str, headers: Headers | None = None) -> None:
        super().__init__(reason)
        self.answer = Refused(status, headers or [], reason)


def answer_handshake(
    method: bytes,
    http_version: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    subprotocols: Sequence[str] = (),
    deflate: DeflatePolicy | None = None,
) -> Accepted | Refused:
    """Judge the head of a request to open a WebSocket.

    `method` as sent, `http_version` like b"1.1", `headers` with names in lower case and values
    without white space around them: what h11 gives. `subprotocols` are those that the server
    speaks; the first one offered that is among them is selected, and a client that offers only
    others gets none. `deflate` None: compression is not offered.

    Never raises.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    try:
        _check_request(method, http_version, fields)
        _check_upgrade(http_version, fields)
        _check_version(fields)
        key = _check_key(fields)
        offered = _tokens(fields, b"sec-websocket-protocol")
        extensions = _extensions(fields)
    except _Refusal as refusal:
        return refusal.answer

    answer = [*_UPGRADE, (b"sec-websocket-accept", accept_value(key))]
    # "The value chosen MUST be derived from the client's handshake, specifically by selecting one
    # of the values from the |Sec-WebSocket-Protocol| field [...] If the server does not agree to
    # any of the client's requested subprotocols, the only acceptable value is null." (4.2.2)
    subprotocol = next((name for name in offered if name in subprotocols), None)
    if subprotocol is not None:
        answer.append((b"sec-websocket-protocol", subprotocol.encode()))
    agreed = None
    if deflate is not None:
        agreed = negotiate((o for name, o in extensions if name == EXTENSION_NAME), deflate)
        if agreed is not None:
            answer.append((b"sec-websocket-extensions", agreed.answer().encode()))
    return Accepted(answer, subprotocol, agreed)


def accept_value(key: bytes) -> bytes:
    """The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (section 4.2.2, item 5.4)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _check_request(method: bytes, http_version: bytes, fields: dict[bytes, list[bytes]]) -> None:
    # "The method of the request MUST be GET" (section 4.1)
    if method != b"GET":
        raise _Refusal(405, "A WebSocket is opened with GET.", [(b"allow", b"GET")])
    # "A |Host| header field containing the server's authority." (section 4.2.1); one, by RFC 9112,
    # section 3.2. HTTP/1.0 has none, and is told what is wrong with it below.
    if http_version != b"1.0" and len(fields.get(b"host", ())) != 1:
        raise _Refusal(400, "The request needs exactly one Host header.")
    # What follows the head would be taken for frames.
    lengths = fields.get(b"content-length", [])
    if b"transfer-encoding" in fields or any(length.strip(b"0") for length in lengths):
        raise _Refusal(400, "A request to open a WebSocket has no body.")


def _check_upgrade(http_version: bytes, fields: dict[bytes, list[bytes]]) -> None:
    # "An |Upgrade| header field containing the value "websocket", treated as an ASCII
    # case-insensitive value. A |Connection| header field that includes the token "Upgrade",
    # treated as an ASCII case-insensitive value." (section 4.2.1)
    # "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request."
    # (RFC 9110, section 7.8)
    if http_version < b"1.1":
        reason = "The request came as HTTP/1.0; a proxy in between must speak HTTP/1.1 to upgrade."
    elif "websocket" not in (t.lower() for t in _tokens(fields, b"upgrade")):
        reason = "This address speaks WebSocket: the request needs the header Upgrade: websocket."
    elif "upgrade" not in (t.lower() for t in _tokens(fields, b"connection")):
        reason = "The request needs the header Connection: Upgrade; a proxy in between may drop it."
    else:
        return
    raise _Refusal(426, reason, [*_UPGRADE, _VERSION])


def _check_version(fields: dict[bytes, list[bytes]]) -> None:
    values = fields.get(b"sec-websocket-version", [])
    # "The |Sec-WebSocket-Version| header field MUST NOT appear more than once in an HTTP request."
    # (section 11.3.5)
    if len(values) > 1:
        raise _Refusal(400, "Sec-WebSocket-Version stands there more than once.")
    # "If this version does not match a version understood by the server, the server MUST abort the
    # WebSocket handshake [...] and instead send an appropriate HTTP error code (such as 426
    # Upgrade Required) and a |Sec-WebSocket-Version| header field indicating the version(s) the
    # server is capable of understanding." (section 4.2.2)
    if values != [b"13"]:
        raise _Refusal(426, "Only version 13 of WebSocket is spoken here.", [*_UPGRADE, _VERSION])


def _check_key(fields: dict[bytes, list[bytes]]) -> bytes:
    # "The |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP request."
    # (section 11.3.1)
    values = fields.get(b"sec-websocket-key", [])
    if len(values) != 1:
        found = "stands there more than once" if values else "is missing"
        raise _Refusal(400, f"Sec-WebSocket-Key {found}.")
    # "a base64-encoded (see Section 4 of [RFC4648]) value that, when decoded, is 16 bytes in
    # length" (section 4.2.1)
    (key,) = values
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16 or len(key) != 24:
        raise _Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64.")
    return key


def _tokens(fields: dict[bytes, list[bytes]], name: bytes) -> list[str]:
    """The elements of a comma-separated list; a list may span several headers (RFC 9110, 5.3)."""
    tokens = []
    for value in fields.get(name, ()):
        for part in value.decode("latin-1").split(","):
            token = part.strip(" \t")
            if not token:
                continue
            # An Upgrade may say a protocol's version: "HTTP/2.0".
            if not all(map(_ONE_TOKEN.fullmatch, token.split("/", 1))):
                raise _Refusal(400, f"The header {name.decode()} is malformed.")
            tokens.append(token)
    return tokens


def _extensions(fields: dict[bytes, list[bytes]]) -> list[tuple[str, Offer]]:
    """The extensions offered, in order (section 9.1)."""
    offers = []
    for value in fields.get(b"sec-websocket-extensions", ()):
        offers += _parse_extensions(value.decode("latin-1"))
    return offers


def _parse_extensions(text: str) -> list[tuple[str, Offer]]:
    # "If a value is received [...] that does not conform to the ABNF below, the recipient of such
    # malformed data MUST immediately _Fail the WebSocket Connection_." (section 9.1)
    malformed = _Refusal(400, "The header sec-websocket-extensions is malformed.")
    offers: list[tuple[str, Offer]] = []
    position = _skip_gap(text, 0)
    while position < len(text):
        extension = _EXTENSION.match(text, position)
        if extension is None:
            raise malformed
        position = extension.end()
        parameters: list[tuple[str, str | None]] = []
        while parameter := _PARAMETER.match(text, position):
            position = parameter.end()
            name, value, quoted = parameter.groups()
            if quoted is not None:
                value = re.sub(r"\\(.)", r"\1", quoted)
                if not _ONE_TOKEN.fullmatch(value):
                    raise malformed
            parameters.append((name, value))
        offers.append((extension[1], parameters))
        if not text.startswith(",", position) and position < len(text):
            raise malformed
        position = _skip_gap(text, position)
    return offers


def _skip_gap(text: str, position: int) -> int:
    """Where the next element of a list begins: empty elements are nothing (RFC 9110, 5.6.1)."""
    gap = _LIST_GAP.match(text, position)
    return gap.end() if gap else position
