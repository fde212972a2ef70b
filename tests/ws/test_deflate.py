"""permessage-deflate: RFC 7692."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate as TheirDeflate,
)
from websockets.extensions.permessage_deflate import (
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode as TheirOpcode

from tailws.ws import (
    DeflateParameters,
    DeflatePolicy,
    Inflater,
    ProtocolError,
    compress,
    negotiate,
)
from tailws.ws.deflate import Offer
from tests.ws.support import cut, cuts, payloads, single_bytes

ANY_WINDOW = DeflatePolicy(min_server_window_bits=9, client_context_takeover=True)


def inflate(inflater: Inflater, *pieces: bytes) -> bytes:
    return b"".join(
        part
        for i, piece in enumerate(pieces, 1)
        for part in inflater.inflate(piece, final=i == len(pieces))
    )


# -- what is agreed on

# the offer, the answer of a server that takes anything, the answer of one with one form for all
BARE = "permessage-deflate; server_no_context_takeover"
SHARED = f"{BARE}; client_no_context_takeover"
OFFERS: list[tuple[Offer, str | None, str | None]] = [
    ([], BARE, SHARED),
    ([("server_no_context_takeover", None)], BARE, SHARED),
    ([("client_no_context_takeover", None)], SHARED, SHARED),
    ([("client_max_window_bits", None)], BARE, SHARED),
    *(([("client_max_window_bits", str(bits))], BARE, SHARED) for bits in range(8, 16)),
    ([("server_max_window_bits", "15")], BARE, SHARED),
    *(
        ([("server_max_window_bits", str(bits))], f"{BARE}; server_max_window_bits={bits}", None)
        for bits in range(9, 15)
    ),
    # zlib cannot compress with a window of 256 bytes
    ([("server_max_window_bits", "8")], None, None),
    # "contains an extension parameter with an invalid value"
    *(
        ([(f"{side}_max_window_bits", value)], None, None)
        for side in ("client", "server")
        for value in ("7", "16", "0", "-9", "010", "09", "1e1", "", "x", "10.0", "+10", "٩")
    ),
    # "... must have a value" and "... MUST NOT have any value"
    ([("server_max_window_bits", None)], None, None),
    ([("server_no_context_takeover", "true")], None, None),
    ([("client_no_context_takeover", "")], None, None),
    # "contains an extension parameter not defined for use in an offer"
    ([("x", None)], None, None),
    ([("Server_No_Context_Takeover", None)], None, None),
    # "contains multiple extension parameters with the same name"
    ([("client_max_window_bits", "10"), ("client_max_window_bits", "10")], None, None),
    ([("server_no_context_takeover", None)] * 2, None, None),
]


@pytest.mark.parametrize(("offer", "lenient", "shared"), OFFERS)
def test_each_offer_has_the_answer_of_the_rfc(
    offer: Offer, lenient: str | None, shared: str | None
) -> None:
    """Section 7.1: accepted with the right parameters, or declined."""
    for policy, expected in ((ANY_WINDOW, lenient), (DeflatePolicy(), shared)):
        agreed = negotiate([offer], policy)
        assert (agreed.answer() if agreed else None) == expected


def test_the_first_acceptable_of_several_offers_is_taken() -> None:
    """ "The order of elements is important": preferred ones come first (section 5.2)."""
    offers: list[Offer] = [
        [("server_max_window_bits", "8")],
        [("unknown", None)],
        [("server_max_window_bits", "10")],
        [("server_max_window_bits", "12")],
        [],
    ]
    assert negotiate(offers, ANY_WINDOW) == DeflateParameters(10, client_context_takeover=True)
    assert negotiate(offers) == DeflateParameters()
    assert negotiate(offers[:4]) is None
    assert negotiate([]) is None


parameter_names = st.sampled_from(
    [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
        "other",
    ]
)
parameter_values = st.sampled_from([None, None, "8", "9", "12", "15", "16", "08", "no"])


@given(st.lists(st.tuples(parameter_names, parameter_values), max_size=4))
def test_another_library_accepts_the_same_offers(offer: list[tuple[str, str | None]]) -> None:
    """`websockets`, told to answer as we do, accepts what we accept, with the same windows."""
    # It answers a window of 8 bits, which it cannot compress with, with an error of its own.
    assume(("server_max_window_bits", "8") not in offer)
    try:
        _, theirs = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True
        ).process_request_params(offer, [])
    except NegotiationError:
        theirs = None
    ours = negotiate([offer], ANY_WINDOW)
    assert (ours is None) is (theirs is None)
    if ours is not None and theirs is not None:
        assert ours.server_window_bits == theirs.local_max_window_bits
        assert ours.client_context_takeover is not theirs.remote_no_context_takeover


def test_a_window_that_cannot_be_used_is_not_offered() -> None:
    for bits in (8, 16):
        with pytest.raises(ValueError, match="min_server_window_bits"):
            DeflatePolicy(min_server_window_bits=bits)


# -- what is compressed


@given(payloads(), st.integers(9, 15), st.integers(1, 9))
def test_what_is_compressed_is_read_with_the_agreed_window(
    payload: bytes, bits: int, level: int
) -> None:
    """By zlib itself and no larger a window than the peer has, and without any context."""
    compressed = compress(payload, level=level, window_bits=bits)
    assert zlib.decompressobj(-bits).decompress(compressed + b"\0\0\xff\xff") == payload
    assert inflate(Inflater(1 << 20), compressed) == payload


@given(st.lists(payloads(), min_size=1, max_size=3))
def test_another_library_reads_what_is_compressed(contents: list[bytes]) -> None:
    """A client made with `websockets` reads one message after the other."""
    client = TheirDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    for content in contents:
        frame = TheirFrame(TheirOpcode.BINARY, compress(content), rsv1=True)
        assert client.decode(frame).data == content


def test_an_empty_message_is_one_byte() -> None:
    """ "the compressed data [...] of an empty message: 0x00" (section 7.2.3.6)"""
    assert compress(b"") == b"\x00"


# -- what is inflated

# Section 7.2.3: the examples of the RFC, all of them "Hello"
HELLO = {
    "one block": "f248cdc9c90700",
    "no compression": "000500faff48656c6c6f00",
    "BFINAL set": "f348cdc9c9070000",
    "two blocks": "f248050000 00ffffcac9c90700".replace(" ", ""),
}


@pytest.mark.parametrize("octets", HELLO.values(), ids=HELLO.keys())
@pytest.mark.parametrize("takeover", [False, True])
def test_the_examples_of_the_rfc_are_inflated(octets: str, takeover: bool) -> None:
    """Twice on one connection: a message leaves nothing behind that harms the next one."""
    data = bytes.fromhex(octets)
    inflater = Inflater(5, context_takeover=takeover)
    assert inflate(inflater, data) == b"Hello"
    assert inflate(inflater, *single_bytes(data)) == b"Hello"


def test_a_client_may_refer_to_its_earlier_messages_if_that_was_agreed_on() -> None:
    """ "Sharing LZ77 Sliding Window": the second "Hello" is 0xf2 0x00 0x11 0x00 0x00 (7.2.3.2)."""
    first, second = bytes.fromhex("f248cdc9c90700"), bytes.fromhex("f200110000")
    inflater = Inflater(100, context_takeover=True)
    assert inflate(inflater, first) == b"Hello"
    assert inflate(inflater, second) == b"Hello"

    inflater = Inflater(100)
    assert inflate(inflater, first) == b"Hello"
    with pytest.raises(ProtocolError) as refused:
        inflate(inflater, second)
    assert refused.value.code == 1007


@given(st.lists(st.tuples(payloads(), cuts), min_size=1, max_size=3), st.booleans())
def test_what_another_library_compresses_is_inflated(
    contents: list[tuple[bytes, list[int]]], takeover: bool
) -> None:
    """A client made with `websockets`, its payloads cut anywhere, with its context or without."""
    client = TheirDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=not takeover,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    inflater = Inflater(1 << 20, context_takeover=takeover)
    for content, places in contents:
        data = bytes(client.encode(TheirFrame(TheirOpcode.BINARY, content)).data)
        assert inflate(inflater, *cut(data, places)) == content


@given(payloads(), st.integers(0, 70_000), cuts)
def test_the_bound_lets_through_what_fits_and_nothing_more(
    content: bytes, bound: int, places: list[int]
) -> None:
    """1009 for one byte too many, after all those that fit have come out."""
    inflater = Inflater(bound)
    received = bytearray()
    pieces = cut(compress(content), places)
    try:
        for i, piece in enumerate(pieces, 1):
            for part in inflater.inflate(piece, final=i == len(pieces)):
                received += part
        refused = None
    except ProtocolError as error:
        refused = error.code
    assert received == content[:bound]
    assert refused == (1009 if len(content) > bound else None)


def test_a_bomb_costs_no_more_than_the_bound() -> None:
    """A hundred megabytes in a hundred kilobytes: refused before the memory is spent."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(100)) + stream.flush()
    assert len(bomb) < 110_000
    inflater = Inflater(200_000)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError) as refused:
            inflate(inflater, bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.code == 1009
    assert peak < 1_000_000


@given(st.binary(min_size=1, max_size=200))
def test_damaged_data_is_refused_and_nothing_else_happens(data: bytes) -> None:
    """Whatever the bytes: they inflate to something within the bound, or to 1007, 1008, 1009."""
    try:
        assert len(inflate(Inflater(1000), data)) <= 1000
    except ProtocolError as error:
        assert error.code in (1007, 1008, 1009)  # noqa: PT017 - both outcomes are right


@given(payloads().filter(bool), st.booleans(), st.integers(0, 1 << 20))
@example(content=(b"\0\0\1\1\1\4\7`kk" * 6554)[:65_534], takeover=False, place=752)
def test_a_message_that_ends_early_is_not_taken_for_a_whole_one(
    content: bytes, takeover: bool, place: int
) -> None:
    """Inflaters in general give what there is and say nothing."""
    whole = compress(content)
    short = whole[: place % len(whole)]
    try:
        result = inflate(Inflater(1 << 20, context_takeover=takeover), short)
    except ProtocolError as error:
        assert error.code == 1007  # noqa: PT017 - the usual outcome
    else:
        # Cut behind a block, of which zlib writes several for a long message, or in the padding;
        # or where the bytes that RFC 7692 appends (section 7.2.2) happen to end the last block.
        alone = zlib.decompressobj(-15).decompress(short)
        assert content.startswith(alone)
        assert result.startswith(alone)
        assert zlib.decompressobj(-15).decompress(short + b"\0\0\xff\xff\1\0\0\xff\xff") == result


def test_a_message_cannot_consist_of_streams_without_end() -> None:
    """Each ended stream costs a new decompressor, for two bytes of the peer's."""
    empty_streams = b"\x03\x00" * 100_000
    with pytest.raises(ProtocolError) as refused:
        inflate(Inflater(1000), empty_streams)
    assert refused.value.code == 1008
    inflater = Inflater(1000)
    for _ in range(5):
        assert inflate(inflater, b"\x03\x00" * 40 + b"\x00") == b""
