"""One connection: RFC 6455, sections 5 to 7, and RFC 7692, section 7.2."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from websockets.frames import CloseCode as TheirCloseCode
from websockets.frames import Frame as TheirFrame
from websockets.protocol import Protocol, Side
from wsproto.connection import Connection as TheirConnection
from wsproto.connection import ConnectionState as TheirState
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.events import Ping as TheirPing
from wsproto.events import Pong as TheirPong
from wsproto.extensions import PerMessageDeflate

from tailws.ws import (
    Binary,
    CloseCode,
    Closed,
    DeflateParameters,
    Event,
    Failed,
    Frame,
    Limits,
    Opcode,
    Ping,
    Pong,
    ServerConnection,
    State,
    Text,
    compress,
)
from tailws.ws.connection import MAX_PENDING_PONGS
from tests.ws.support import (
    Raw,
    broken_conversations,
    client_frames,
    conversations,
    cut,
    cuts,
    encode_all,
    feed,
    single_bytes,
)

DEFLATE = DeflateParameters()
TAKEOVER = DeflateParameters(client_context_takeover=True)


def hear(*frames: Raw, deflate: DeflateParameters | None = None) -> list[Event]:
    return ServerConnection(deflate=deflate).receive(encode_all(frames))


def close_frame(code: int, reason: str = "") -> Raw:
    return Raw(Opcode.CLOSE, code.to_bytes(2, "big") + reason.encode())


def sent_close(connection: ServerConnection) -> int | None:
    """The code of the one Close frame that the server owes, which must be the last frame."""
    frames = client_frames(connection.owed())
    assert frames[-1].opcode is Opcode.CLOSE
    assert all(frame.opcode is not Opcode.CLOSE for frame in frames[:-1])
    payload = frames[-1].payload
    return int.from_bytes(payload[:2], "big") if payload else None


# -- messages


def test_messages_come_whole_and_in_order() -> None:
    assert hear(
        Raw(1, "Grüße".encode()),
        Raw(2, b"\x00\xff"),
        Raw(1, b"Hel", fin=False),
        Raw(0, b"lo"),
        Raw(1),
        Raw(2, fin=False),
        Raw(0),
    ) == [Text("Grüße"), Binary(b"\x00\xff"), Text("Hello"), Text(""), Binary(b"")]


def test_control_frames_stand_between_fragments() -> None:
    """ "Control frames themselves MUST NOT be fragmented" but "MAY be injected in the middle of a
    fragmented message" (5.4)."""
    connection = ServerConnection()
    events = connection.receive(
        encode_all([Raw(1, b"a", fin=False), Raw(9, b"p"), Raw(10, b"q"), Raw(0, b"b")])
    )
    assert events == [Ping(b"p"), Pong(b"q"), Text("ab")]
    assert client_frames(connection.owed()) == [Frame(Opcode.PONG, b"p")]


def test_a_close_between_fragments_ends_the_message_too() -> None:
    assert hear(Raw(1, b"a", fin=False), close_frame(1001), Raw(0, b"b")) == [Closed(1001, "")]


@given(conversations(), cuts)
def test_it_does_not_matter_how_the_network_cuts_a_conversation(
    frames: list[Raw], places: list[int]
) -> None:
    data = encode_all(frames)
    whole, pieces, octets = (ServerConnection() for _ in range(3))
    events = whole.receive(data)
    assert feed(pieces, cut(data, places)) == events
    assert feed(octets, single_bytes(data)) == events
    assert pieces.owed() == octets.owed() == whole.owed()


@given(broken_conversations(), cuts, st.sampled_from([None, DEFLATE, TAKEOVER]))
def test_nor_how_it_cuts_a_wrong_one(
    frames: list[Raw], places: list[int], deflate: DeflateParameters | None
) -> None:
    """The same events and the same verdict; with damaged compressed text the same code."""
    data = encode_all(frames)
    limits = Limits(max_message=100, max_fragments=3)
    whole, pieces = (ServerConnection(limits, deflate=deflate) for _ in range(2))
    events, other = whole.receive(data), feed(pieces, cut(data, places))
    if deflate is not None:
        events, other = codes_only(events), codes_only(other)
    assert other == events
    assert pieces.state is whole.state


def codes_only(events: list[Event]) -> list[Event]:
    return [Failed(e.code, "") if isinstance(e, Failed) else e for e in events]


# -- text

# Markus Kuhn's kinds of wrong UTF-8, each with the byte that decides
WRONG_TEXT = [
    b"\x80",
    b"\xc0",
    b"\xc1",
    b"\xe0\x80",
    b"\xed\xa0\x80",  # a surrogate; Python's decoder waits for the third byte
    b"\xf0\x80",
    b"\xf4\x90",  # beyond U+10FFFF
    b"\xf5",
    b"\xfe",
    b"\xff",
    b"\xe2\x28",
    b"\xce\xce",
]


@pytest.mark.parametrize("wrong", WRONG_TEXT)
@pytest.mark.parametrize("begin", [b"", "κόσμε".encode()])
def test_wrong_text_fails_at_the_byte_that_makes_it_wrong(wrong: bytes, begin: bytes) -> None:
    """1007 without waiting for the end of the frame, let alone of the message (8.1)."""
    data = Raw(1, begin + wrong + b"x" * 1000).encode()
    connection = ServerConnection()
    good = len(data) - 1000 - 1
    assert connection.receive(data[:good]) == []
    assert connection.receive(data[good : good + 1]) == [Failed(1007, "the text is not UTF-8")]
    assert connection.receive(data[good + 1 :]) == []
    assert sent_close(connection) == 1007


def test_a_character_may_be_cut_by_fragments_but_not_by_the_end() -> None:
    """ "a particular text frame might include a partial UTF-8 sequence; however, the whole message
    MUST contain valid UTF-8" (5.6)"""
    first, rest = Raw(1, b"\xe2", fin=False), Raw(0, b"\x82\xac")
    assert hear(first, rest) == [Text("€")]
    assert hear(first, Raw(0, b"\x82")) == [Failed(1007, "the text is not UTF-8")]
    assert hear(Raw(1, b"\xe2\x82")) == [Failed(1007, "the text is not UTF-8")]
    assert hear(first, Raw(0)) == [Failed(1007, "the text is not UTF-8")]


def test_binary_is_not_text() -> None:
    assert hear(Raw(2, b"\xff\xfe")) == [Binary(b"\xff\xfe")]


# -- pings


def test_a_ping_is_answered_with_its_payload() -> None:
    """ "A Pong frame sent in response to a Ping frame must have identical "Application data" as
    found in the message body of the Ping frame being replied to." (5.5.3)"""
    connection = ServerConnection()
    assert connection.receive(Raw(9, b"\x00\xff" * 60).encode()) == [Ping(b"\x00\xff" * 60)]
    assert client_frames(connection.owed()) == [Frame(Opcode.PONG, b"\x00\xff" * 60)]
    assert connection.owed() == b""


def test_pings_that_pile_up_cost_a_constant_and_the_newest_is_answered() -> None:
    """ "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently
    processed Ping frame." (5.5.3)"""
    connection = ServerConnection()
    for count in (1, MAX_PENDING_PONGS, MAX_PENDING_PONGS + 1, 1000):
        payloads = [b"%05d" % number + b"x" * 120 for number in range(count)]
        connection.receive(encode_all([Raw(9, payload) for payload in payloads]))
        answers = [frame.payload for frame in client_frames(connection.owed())]
        assert 0 < len(answers) <= MAX_PENDING_PONGS
        assert answers == payloads[-len(answers) :]
        assert count > MAX_PENDING_PONGS or answers == payloads


def test_a_pong_that_nobody_asked_for_is_fine() -> None:
    """ "A Pong frame MAY be sent unsolicited. [...] A response to an unsolicited Pong frame is not
    expected." (5.5.3)"""
    connection = ServerConnection()
    assert connection.receive(Raw(10, b"alive").encode()) == [Pong(b"alive")]
    assert connection.owed() == b""


def test_our_ping_is_a_frame_and_its_payload_is_bounded() -> None:
    connection = ServerConnection()
    assert connection.ping(b"are you there?")
    assert client_frames(connection.owed()) == [Frame(Opcode.PING, b"are you there?")]
    with pytest.raises(ValueError, match="125"):
        connection.ping(bytes(126))


def test_pings_are_answered_while_we_wait_for_the_close() -> None:
    """ "an endpoint MUST send a Pong frame in response, unless it already received a Close
    frame" (5.5.2)."""
    connection = ServerConnection()
    connection.close()
    connection.receive(Raw(9, b"before").encode())
    assert [f.opcode for f in client_frames(connection.owed())] == [Opcode.PONG, Opcode.CLOSE]
    connection.receive(Raw(9, b"after").encode())
    assert client_frames(connection.owed()) == [Frame(Opcode.PONG, b"after")]
    connection.receive(encode_all([close_frame(1000), Raw(9, b"too late")]))
    assert connection.owed() == b""


# -- closing


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 4999])
def test_a_close_is_answered_with_the_same_code(code: int) -> None:
    """ "When sending a Close frame in response, the endpoint typically echos the status code it
    received." (5.5.1)"""
    connection = ServerConnection()
    assert connection.receive(close_frame(code, "bye").encode()) == [Closed(code, "bye")]
    assert connection.state is State.CLOSED
    assert sent_close(connection) == code


def test_a_close_without_a_code_is_answered_without_one() -> None:
    connection = ServerConnection()
    assert connection.receive(Raw(8).encode()) == [Closed(1005, "")]
    assert sent_close(connection) is None


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007)]
)
def test_a_wrong_close_is_a_violation(payload: bytes, code: int) -> None:
    connection = ServerConnection()
    (event,) = connection.receive(Raw(8, payload).encode())
    assert isinstance(event, Failed)
    assert event.code == code
    assert sent_close(connection) == code


def test_nothing_counts_after_a_close() -> None:
    """ "after receiving a control frame indicating the connection should be closed, a peer
    discards any further data received" (1.4)."""
    connection = ServerConnection()
    late = encode_all([Raw(1, b"late"), Raw(9, b"late"), Raw(3)])
    assert connection.receive(close_frame(1000).encode() + late) == [Closed(1000, "")]
    assert connection.receive(late) == []
    assert connection.receive_eof() == []
    assert sent_close(connection) == 1000


def test_we_close_and_hear_what_the_peer_had_still_sent() -> None:
    """Data in flight when the server closes is not lost, and only one Close frame leaves."""
    connection = ServerConnection()
    connection.text("last words")
    connection.close(1001, "the daemon stops")
    assert connection.state is State.CLOSING
    frames = client_frames(connection.owed())
    assert frames == [
        Frame(Opcode.TEXT, b"last words"),
        Frame(Opcode.CLOSE, b"\x03\xe9the daemon stops"),
    ]
    connection.close(1000)
    assert connection.receive(encode_all([Raw(1, b"in flight"), close_frame(1001)])) == [
        Text("in flight"),
        Closed(1001, ""),
    ]
    assert connection.state is State.CLOSED
    assert connection.owed() == b""


def test_both_close_at_once() -> None:
    """ "If an endpoint [...] both sent and received a Close message, the connection is closed"
    whoever was first (5.5.1)."""
    connection = ServerConnection()
    connection.close(1001)
    assert connection.receive(close_frame(1000).encode()) == [Closed(1000, "")]
    assert sent_close(connection) == 1001


def test_no_data_follows_a_close_that_has_left() -> None:
    """ "The application MUST NOT send any more data frames after sending a Close frame." (5.5.1)
    What is said before the frame has left goes before it."""
    connection = ServerConnection()
    connection.close()
    assert connection.text("just in time")
    assert [f.opcode for f in client_frames(connection.owed())] == [Opcode.TEXT, Opcode.CLOSE]
    assert not connection.text("too late")
    assert not connection.binary(b"too late")
    assert not connection.ping()
    assert connection.owed() == b""


def test_an_answer_to_what_came_with_a_close_goes_before_it() -> None:
    """An echo server need not look whether a Close follows in the same bytes."""
    connection = ServerConnection()
    for event in connection.receive(encode_all([Raw(1, b"ping-pong"), close_frame(1000)])):
        if isinstance(event, Text):
            assert connection.text(event.data)
    assert [f.opcode for f in client_frames(connection.owed())] == [Opcode.TEXT, Opcode.CLOSE]


def test_a_violation_after_our_close_is_no_second_close() -> None:
    connection = ServerConnection()
    connection.close()
    assert sent_close(connection) == 1000
    (event,) = connection.receive(Raw(3).encode())
    assert isinstance(event, Failed)
    assert connection.owed() == b""


@pytest.mark.parametrize("closing", [False, True])
def test_a_peer_that_vanishes(closing: bool) -> None:
    """ "If _The WebSocket Connection is Closed_ and no Close control frame was received by the
    endpoint [...], _The WebSocket Connection Close Code_ is considered to be 1006." (7.1.5)"""
    connection = ServerConnection()
    connection.receive(Raw(1, b"half a mess", fin=False).encode()[:-1])
    if closing:
        connection.close()
    assert connection.receive_eof() == [Closed(1006, "")]
    assert connection.state is State.CLOSED
    assert connection.receive_eof() == []
    assert connection.receive(Raw(1, b"x").encode()) == []


def test_a_half_closed_transport_still_takes_what_was_owed() -> None:
    """A client that sends its Close and shuts its half down gets the answer."""
    connection = ServerConnection()
    connection.receive(close_frame(1000).encode())
    assert connection.receive_eof() == []
    assert sent_close(connection) == 1000


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_a_code_that_must_not_be_sent_is_our_mistake_and_raises(code: int) -> None:
    connection = ServerConnection()
    with pytest.raises(ValueError, match=str(code)):
        connection.close(code)
    assert connection.state is State.OPEN


def test_a_reason_is_cut_to_what_fits() -> None:
    connection = ServerConnection()
    connection.close(1008, "ä" * 100)
    (frame,) = client_frames(connection.owed())
    assert frame.payload[2:].decode() == "ä" * 61


# -- bounds


def test_a_message_beyond_the_bound_fails_with_1009() -> None:
    connection = ServerConnection(Limits(max_message=10))
    assert connection.receive(Raw(1, b"x" * 10).encode()) == [Text("x" * 10)]
    (event,) = connection.receive(encode_all([Raw(1, b"x" * 9, fin=False), Raw(0, b"yy")]))
    assert event == Failed(1009, "a message of more than 10 bytes")
    assert sent_close(connection) == 1009


def test_a_message_of_too_many_fragments_fails_with_1008() -> None:
    connection = ServerConnection(Limits(max_fragments=2))
    (event,) = connection.receive(encode_all([Raw(1, fin=False), Raw(0, fin=False), Raw(0)]))
    assert event == Failed(1008, "a message of more than 2 fragments")
    assert sent_close(connection) == 1008


@pytest.mark.parametrize("deflate", [DEFLATE, TAKEOVER])
def test_an_inflated_message_has_the_same_bound(deflate: DeflateParameters) -> None:
    connection = ServerConnection(Limits(max_message=1000), deflate=deflate)
    fits = Raw(1, compress(b"x" * 1000), rsv=4).encode()
    assert connection.receive(fits) == [Text("x" * 1000)]
    assert connection.receive(fits) == [Text("x" * 1000)]
    (event,) = connection.receive(Raw(1, compress(b"x" * 1001), rsv=4).encode())
    assert event == Failed(1009, "a message of more than 1000 bytes")


def test_an_idle_connection_costs_next_to_nothing() -> None:
    """Below half a kilobyte of objects, also after it has talked, compressed or not."""
    count = 200
    parts = [Raw(1, b"x" * 5000, fin=False), Raw(9), Raw(0, b"lo")]
    said = encode_all([Raw(1, compress(b"Hello"), rsv=4), *parts])
    tracemalloc.start()
    try:
        connections = [ServerConnection(deflate=DEFLATE) for _ in range(count)]
        fresh = tracemalloc.get_traced_memory()[0] / count
        for connection in connections:
            connection.receive(said)
            connection.text("Hello")
            connection.owed()
        used = tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
    assert fresh < 400
    assert used < 512


def test_a_connection_that_has_ended_keeps_nothing_of_what_came_in() -> None:
    """Its socket may stay for a while, until the peer has closed too."""
    parts = [Raw(1, compress(bytes(300_000))[:-9], fin=False, rsv=4), Raw(9, b"x")]
    data = encode_all(parts) + Raw(3).encode() + bytes(100_000)
    connection = ServerConnection(deflate=TAKEOVER)
    tracemalloc.start()
    try:
        connection.receive(bytearray(data))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert connection.state is State.CLOSED
    assert held < 2_000


def test_a_message_that_comes_byte_by_byte_costs_what_it_weighs() -> None:
    """Not an object for each piece: the network, not a bound, decides how many there are."""
    connection = ServerConnection()
    data = Raw(1, b"x" * 20_000).encode()
    tracemalloc.start()
    try:
        feed(connection, single_bytes(data[:-1]))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 2 * len(data)
    assert connection.receive(data[-1:]) == [Text("x" * 20_000)]


# -- compression


def test_compression_both_ways() -> None:
    connection = ServerConnection(deflate=DEFLATE)
    compressed = compress(b"Hello" * 10)
    frames = [
        Raw(1, compressed[:3], fin=False, rsv=4),
        Raw(9),
        Raw(0, compressed[3:]),
        Raw(1, b"and a plain one"),
    ]
    assert (
        connection.receive(encode_all(frames))
        == [
            Text("Hello" * 10),
            Text("and a plain one"),
        ]
        or connection.state is State.OPEN
    )
    connection.owed()
    connection.text("Hello" * 10)
    connection.binary(b"")
    assert client_frames(connection.owed()) == [
        Frame(Opcode.TEXT, compressed, rsv1=True),
        Frame(Opcode.BINARY, b"\0", rsv1=True),
    ]


def test_compressed_text_is_checked_as_it_is_inflated() -> None:
    """1007 for wrong text inside of compressed text, before the message ends."""
    stream = zlib.compressobj(wbits=-15)
    payload = stream.compress(b"\xff") + stream.flush(zlib.Z_SYNC_FLUSH)
    (event,) = hear(Raw(1, payload, fin=False, rsv=4), deflate=DEFLATE)
    assert event == Failed(1007, "the text is not UTF-8")


def test_damaged_compressed_data_fails_with_1007() -> None:
    (event,) = hear(Raw(2, b"\xff\xff\xff\xff", rsv=4), deflate=DEFLATE)
    assert event == Failed(1007, "the compressed data is damaged")


def test_rsv1_without_compression_is_a_violation() -> None:
    (event,) = hear(Raw(1, compress(b"Hello"), rsv=4))
    assert isinstance(event, Failed)
    assert event.code == 1002


# -- other libraries


class Theirs:
    """`wsproto` behind our events: what it says about the same bytes."""

    def __init__(self, deflate: PerMessageDeflate | None = None) -> None:
        self.connection = TheirConnection(
            ConnectionType.SERVER, extensions=[deflate] if deflate else []
        )

    def receive(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        text, binary = "", b""
        self.connection.receive_data(data)
        for event in self.connection.events():
            match event:
                case TextMessage(data=part, message_finished=finished):
                    text += part
                    if finished:
                        events.append(Text(text))
                        text = ""
                case BytesMessage(data=part, message_finished=finished):
                    binary += part
                    if finished:
                        events.append(Binary(binary))
                        binary = b""
                case TheirPing(payload=payload):
                    events.append(Ping(bytes(payload)))
                case TheirPong(payload=payload):
                    events.append(Pong(bytes(payload)))
                case CloseConnection(code=code) if self.connection.state is TheirState.OPEN:
                    events.append(Failed(int(code), ""))
                case CloseConnection(code=code, reason=reason):
                    events.append(Closed(int(code), reason or ""))
                    break
        return events


@given(conversations() | broken_conversations())
def test_a_strict_library_has_the_same_verdict(frames: list[Raw]) -> None:
    """The same events in the same order, and where one refuses, both do, with the same code."""
    # It does not know 1014, which IANA has registered since.
    assume(not any(f.opcode == 8 and f.payload[:2] == b"\x03\xf6" for f in frames))
    data = encode_all(frames)
    assert codes_only(ServerConnection().receive(data)) == Theirs().receive(data)


@given(conversations(), st.booleans())
def test_a_strict_library_reads_the_same_compressed_messages(
    frames: list[Raw], takeover: bool
) -> None:
    """Compressed by a client made of `wsproto`, in its fragments; read by both. Without control
    frames: one between compressed fragments makes it forget that they are compressed."""
    client = TheirConnection(ConnectionType.CLIENT, extensions=[_theirs_enabled(takeover)])
    data = b"".join(
        client.send(BytesMessage(data=frame.payload, message_finished=frame.fin))
        for frame in frames
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION)
    )
    deflate = TAKEOVER if takeover else DEFLATE
    ours = ServerConnection(deflate=deflate).receive(data)
    assert ours == Theirs(_theirs_enabled(takeover)).receive(data)
    assert all(not isinstance(event, Failed) for event in ours)


def _theirs_enabled(takeover: bool) -> PerMessageDeflate:
    extension = PerMessageDeflate(
        client_no_context_takeover=not takeover, server_no_context_takeover=True
    )
    extension._enabled = True
    return extension


@given(conversations())
def test_a_lenient_library_reads_the_same_frames(frames: list[Raw]) -> None:
    """`websockets` agrees about every conversation that is as it should be."""
    theirs = Protocol(Side.SERVER)
    data = encode_all(frames)
    theirs.receive_data(data)
    received = [
        (int(frame.opcode), bytes(frame.data), frame.fin)
        for frame in theirs.events_received()
        if isinstance(frame, TheirFrame)
    ]
    sent = [(int(frame.opcode), frame.payload, frame.fin) for frame in frames]
    assert received == sent
    ours = ServerConnection()
    assert not any(isinstance(event, Failed) for event in ours.receive(data))
    assert pongs(ours.owed())[-1:] == pongs(b"".join(theirs.data_to_send()))[-1:]


def pongs(data: bytes) -> list[Frame]:
    return [frame for frame in client_frames(data) if frame.opcode is Opcode.PONG]


def test_close_codes_are_those_of_other_libraries() -> None:
    """Every code of 16 bits: accepted by `websockets` if by us; and it knows the same names."""
    assert {int(code) for code in CloseCode} == {int(code) for code in TheirCloseCode}
    for code in range(0x10000):
        ours = isinstance(hear(close_frame(code))[0], Closed)
        known = code in {c.value for c in TheirCloseCode} - {1005, 1006, 1015}
        assert ours is (known or 3000 <= code < 5000), code


def test_a_client_made_with_another_library_reads_what_we_send() -> None:
    client = TheirConnection(ConnectionType.CLIENT, extensions=[_theirs_enabled(True)])
    connection = ServerConnection(deflate=TAKEOVER)
    source = random.Random(1)
    texts = ["".join(source.choices("abcdef \n€", k=n)) for n in (0, 1, 125, 126, 70_000, 200_000)]
    for text in texts:
        connection.text(text)
    client.receive_data(connection.owed())
    parts: list[str] = []
    messages: list[str] = []
    for event in client.events():
        assert isinstance(event, TextMessage)
        parts.append(event.data)
        if event.message_finished:
            messages.append("".join(parts))
            parts = []
    assert messages == texts
