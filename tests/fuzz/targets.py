"""What is fuzzed: functions of some bytes that must not raise, whatever the bytes.

Each target drives one door through which bytes of strangers come in, and holds what it promises.
Its return value sums up what happened, coarsely: inputs that make something new happen are worth
mutating further.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Hashable
from pathlib import Path

from tailws.messages import BadCommand, from_query, parse
from tailws.server.exchange import Refused as RefusedRequest
from tailws.server.exchange import split_target
from tailws.ws import (
    Closed,
    DeflateParameters,
    DeflatePolicy,
    Failed,
    Frame,
    FrameParser,
    Inflater,
    Limits,
    Opcode,
    ProtocolError,
    Refused,
    ServerConnection,
    State,
    answer_handshake,
    compress,
    encode_frame,
)

Target = Callable[[bytes], Hashable]

LIMITS = Limits(max_message=4096, max_fragments=8)
MASK = b"\x37\xfa\x21\x3d"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def pieces_of(data: bytes) -> list[bytes]:
    """The same cuts for the same bytes, so that what was found is found again."""
    source = random.Random(data)
    edges = sorted(source.randrange(len(data) + 1) for _ in range(min(8, len(data))))
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]


def fuzz_frames(data: bytes) -> Hashable:
    """The parser: only ProtocolError, and no more payload than there were bytes."""
    rsv1_allowed = len(data) % 2 == 0
    parser = FrameParser(LIMITS, rsv1_allowed=rsv1_allowed)
    frames: list[Frame] = []
    try:
        for piece in pieces_of(data):
            parser.feed(piece)
            frames += iter(parser.next_frame, None)
    except ProtocolError as error:
        outcome = error.reason
    else:
        outcome = ""
    assert sum(len(frame.payload) for frame in frames) <= len(data)
    return outcome, tuple(frame[0::2] for frame in frames[:4])


def fuzz_connection(data: bytes) -> Hashable:
    """The connection: never raises, says the same however the bytes are cut, bounds what it owes,
    and ends with one Close."""
    deflate = (None, DeflateParameters(), DeflateParameters(client_context_takeover=True))[
        len(data) % 3
    ]
    whole, cut = (ServerConnection(LIMITS, deflate=deflate) for _ in range(2))
    events = whole.receive(data)
    others = [event for piece in pieces_of(data) for event in cut.receive(piece)]
    codes, other_codes = (
        [event.code if isinstance(event, Failed) else event for event in each]
        for each in (events, others)
    )
    assert codes == other_codes
    owed = whole.owed()
    assert owed == cut.owed() or isinstance(events[-1], Failed)
    assert len(owed) < 20 * 140
    ended = bool(events) and isinstance(events[-1], Closed | Failed)
    assert (whole.state is State.CLOSED) is ended
    parser = FrameParser(masked=False)
    parser.feed(owed)
    closes = [f.opcode is Opcode.CLOSE for f in iter(parser.next_frame, None)]
    assert closes.count(True) == ended
    assert not ended or closes[-1]
    return tuple(type(event).__name__ for event in events[:6]), *map(str, codes[-1:])


def fuzz_handshake(data: bytes) -> Hashable:
    """The opening handshake: lines of `name: value`, laid over a good request; always an answer."""
    fields = [
        (b"host", b"x"),
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", KEY),
    ]
    lines = [line.partition(b":") for line in data.split(b"\n")]
    changed = {name.strip().lower() for name, _, _ in lines}
    headers = [field for field in fields if field[0] not in changed]
    headers += [(name.strip().lower(), value.strip(b" \t\r")) for name, _, value in lines]
    policy = DeflatePolicy(9, client_context_takeover=True)
    answer = answer_handshake(b"GET", b"1.1", headers, subprotocols=["tailws.v1"], deflate=policy)
    if isinstance(answer, Refused):
        assert answer.status in (400, 426)
        return answer.reason
    assert answer.subprotocol in (None, "tailws.v1")
    return answer.subprotocol, answer.deflate


def fuzz_inflate(data: bytes) -> Hashable:
    """The inflater: only ProtocolError, and never a byte beyond the bound, message by message."""
    inflater = Inflater(LIMITS.max_message, context_takeover=len(data) % 2 == 0)
    sizes = []
    try:
        for message in (data[: len(data) // 2], data):
            pieces = pieces_of(message)
            size = 0
            for i, piece in enumerate(pieces, 1):
                for part in inflater.inflate(piece, final=i == len(pieces)):
                    size += len(part)
                    assert size <= LIMITS.max_message
            sizes.append(size.bit_length())
    except ProtocolError as error:
        return error.reason
    return tuple(sizes)


def fuzz_commands(data: bytes) -> Hashable:
    """A client's message: a command or BadCommand, and so are the patterns in it."""
    try:
        command = parse(data)
        matching = getattr(command, "filter", None) or getattr(command, "wanted", None)
        if matching is not None:
            matching()
    except BadCommand as error:
        return error.code, error.message[:24]
    return type(command).__name__


def fuzz_query(data: bytes) -> Hashable:
    """The query of an address, from the request's target to what it subscribes to."""
    try:
        _, query, _ = split_target("/ws?" + data.decode("latin-1"))
        opening = from_query(query)
        for subscription in opening.subscriptions:
            subscription.filter()
    except RefusedRequest as error:
        return error.status
    except BadCommand as error:
        return error.code, error.message[:24]
    return len(opening.subscriptions), opening.text


TARGETS: dict[str, Target] = {
    "frames": fuzz_frames,
    "connection": fuzz_connection,
    "handshake": fuzz_handshake,
    "inflate": fuzz_inflate,
    "commands": fuzz_commands,
    "query": fuzz_query,
}


def _said(*frames: tuple[Opcode, bytes, bool, bool]) -> bytes:
    return b"".join(
        encode_frame(opcode, payload, fin=fin, rsv1=rsv1, mask=MASK)
        for opcode, payload, fin, rsv1 in frames
    )


_CONVERSATION = _said(
    (Opcode.TEXT, "Grüße".encode(), False, False),
    (Opcode.PING, b"x", True, False),
    (Opcode.CONTINUATION, b"!" * 200, True, False),
    (Opcode.BINARY, b"\xff" * 300, True, False),
    (Opcode.CLOSE, b"\x03\xe8bye", True, False),
)
_COMPRESSED = _said(
    (Opcode.TEXT, compress(b"Hello" * 9)[:4], False, True),
    (Opcode.CONTINUATION, compress(b"Hello" * 9)[4:], True, False),
    (Opcode.BINARY, compress(bytes(5000)), True, True),
)

_PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()

# Where mutation begins; what was ever found lies in corpus/ besides.
SEEDS: dict[str, list[bytes]] = {
    "frames": [_CONVERSATION, _COMPRESSED],
    "connection": [_CONVERSATION, _COMPRESSED, _CONVERSATION[:-20] + _COMPRESSED],
    "handshake": [
        b"sec-websocket-extensions: permessage-deflate; client_max_window_bits",
        b'sec-websocket-extensions: a; b="c\\d", permessage-deflate; server_max_window_bits=10',
        b"sec-websocket-protocol: tailws.v1, other\nconnection: keep-alive, Upgrade",
        b"sec-websocket-key: " + KEY + b"\ncontent-length: 0\nupgrade: WebSocket",
        b"sec-websocket-version: 8",
    ],
    "inflate": [
        compress(b"Hello" * 9),
        compress(bytes(4096), level=9),
        compress(bytes(range(256)) * 8),
        bytes.fromhex("f348cdc9c9070000"),
        bytes.fromhex("f24805000000ffffcac9c90700"),
        bytes.fromhex("000500faff48656c6c6f00"),
    ],
    "commands": [line.encode() for line in re.findall(r'^\{"type":.*', _PROTOCOL, re.MULTILINE)],
    "query": [
        b"source=syslog&lines=100",
        b"source=nginx%2Faccess.log&source=app/*&format=text",
        b"source=syslog&include=err(or)?&include=warn&exclude=%5Btest%5D&from=start",
        b"source=syslog&cursor=5e8d5b05.19aab3c8d10.9c41.7f2ab1d4.10d64be2",
    ],
}
