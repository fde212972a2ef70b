"""The server's side of WebSocket: RFC 6455 and permessage-deflate (RFC 7692), without any I/O.

Bytes go in, events come out, and bytes that must go out are fetched; sockets, clocks and HTTP are
the caller's, so that it fits any loop, thread or test:

    answer = answer_handshake(request.method, request.http_version, request.headers)
    if isinstance(answer, Refused):
        ...                                     # answer.status, answer.headers, answer.reason
    connection = ServerConnection(deflate=answer.deflate)
    while connection.state is not State.CLOSED:
        for event in connection.receive(sock.recv(65536)):
            match event:
                case Text(data):
                    connection.text(data)
        sock.sendall(connection.owed())         # with a Close frame, if it is CLOSED now

A message that goes to many peers is framed once: `frame_header(Opcode.TEXT, len(body)) + body` for
those without compression, and for the others `compress(body)` behind a header with `rsv1=True`.

| module | subject |
|---|---|
| `frames` | one frame: encoder, incremental parser, close codes (RFC 6455, section 5) |
| `deflate` | permessage-deflate: negotiation, compression, bounded inflation (RFC 7692) |
| `handshake` | from the head of a request to 101 or a refusal (RFC 6455, section 4.2) |
| `connection` | messages, control frames, the closing handshake (RFC 6455, sections 5 to 7) |

`docs/codec.md` shows it at work.
"""

from tailws.ws.connection import (
    Binary,
    Closed,
    Event,
    Failed,
    Ping,
    Pong,
    ServerConnection,
    State,
    Text,
)
from tailws.ws.deflate import DeflateParameters, DeflatePolicy, Inflater, compress, negotiate
from tailws.ws.frames import (
    CloseCode,
    Frame,
    FrameParser,
    Limits,
    Opcode,
    ProtocolError,
    apply_mask,
    encode_frame,
    frame_header,
)
from tailws.ws.handshake import Accepted, Refused, accept_value, answer_handshake

__all__ = [
    "Accepted",
    "Binary",
    "CloseCode",
    "Closed",
    "DeflateParameters",
    "DeflatePolicy",
    "Event",
    "Failed",
    "Frame",
    "FrameParser",
    "Inflater",
    "Limits",
    "Opcode",
    "Ping",
    "Pong",
    "ProtocolError",
    "Refused",
    "ServerConnection",
    "State",
    "Text",
    "accept_value",
    "answer_handshake",
    "apply_mask",
    "compress",
    "encode_frame",
    "frame_header",
    "negotiate",
]
