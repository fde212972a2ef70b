"""Frames: RFC 6455, section 5."""

from __future__ import annotations

import tracemalloc
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.streams import StreamReader
from wsproto.frame_protocol import FrameDecoder, ParseFailed

from tailws.ws import Frame, FrameParser, Limits, Opcode, ProtocolError, apply_mask, encode_frame
from tailws.ws.frames import decode_close, encode_close, frame_header, is_close_code
from tests.ws.support import CONTROL, MASK, Raw, cut, cuts, encode_all, masks, payloads

WIDE = Limits(max_message=1 << 30, max_fragments=1 << 20)


def parse(*pieces: bytes, **options: bool) -> list[Frame]:
    parser = FrameParser(WIDE, **options)
    frames: list[Frame] = []
    for piece in pieces:
        parser.feed(piece)
        frames += iter(parser.next_frame, None)
    return frames


def verdict(data: bytes, parser: FrameParser) -> int | None:
    """The code with which the first frame is refused, None for one that is not."""
    parser.feed(data)
    try:
        parser.next_frame()
    except ProtocolError as error:
        return error.code
    return None


def joined(frames: list[Frame]) -> list[Frame]:
    """The pieces of data frames put together again: messages and control frames, in order of
    their beginnings."""
    result: list[Frame] = []
    under_way: int | None = None
    for frame in frames:
        if frame.opcode is Opcode.CONTINUATION:
            assert under_way is not None
            assert not frame.rsv1
            begun = result[under_way]
            result[under_way] = begun._replace(payload=begun.payload + frame.payload, fin=frame.fin)
        else:
            if frame.opcode not in CONTROL:
                under_way = len(result)
            result.append(frame)
    return result


# "Examples" (section 5.7), the RFC's own bytes
EXAMPLES = [
    ("810548656c6c6f", False, Frame(Opcode.TEXT, b"Hello")),
    ("818537fa213d7f9f4d5158", True, Frame(Opcode.TEXT, b"Hello")),
    ("010348656c", False, Frame(Opcode.TEXT, b"Hel", fin=False)),
    ("890548656c6c6f", False, Frame(Opcode.PING, b"Hello")),
    ("8a8537fa213d7f9f4d5158", True, Frame(Opcode.PONG, b"Hello")),
    ("827E0100" + "55" * 256, False, Frame(Opcode.BINARY, b"U" * 256)),
    ("827F0000000000010000" + "55" * 65536, False, Frame(Opcode.BINARY, b"U" * 65536)),
]


@pytest.mark.parametrize(("octets", "masked", "frame"), EXAMPLES)
def test_the_examples_of_the_rfc_are_read_and_written(
    octets: str, masked: bool, frame: Frame
) -> None:
    data = bytes.fromhex(octets)
    assert parse(data, masked=masked) == [frame]
    mask = MASK if masked else None
    assert encode_frame(frame.opcode, frame.payload, fin=frame.fin, mask=mask) == data


@given(st.sampled_from(list(Opcode)), payloads(), st.booleans(), st.booleans(), st.none() | masks)
def test_a_frame_that_is_written_is_read_as_it_was(
    opcode: Opcode, payload: bytes, fin: bool, rsv1: bool, mask: bytes | None
) -> None:
    """parse(encode(x)) == x for every opcode, every form of the length, masked or not."""
    if opcode in CONTROL:
        payload, fin, rsv1 = payload[:125], True, False
    if opcode is Opcode.CONTINUATION:
        rsv1 = False
    data = encode_frame(opcode, payload, fin=fin, rsv1=rsv1, mask=mask)
    begin = b""
    if opcode is Opcode.CONTINUATION:
        begin = encode_frame(Opcode.BINARY, b"", fin=False, mask=mask)
    frames = parse(begin + data, rsv1_allowed=True, masked=mask is not None)
    assert frames[-1] == Frame(opcode, payload, fin, rsv1)
    assert len(frames) == 1 + bool(begin)


@given(st.lists(payloads(), min_size=1, max_size=3), cuts, masks)
def test_it_does_not_matter_how_the_network_cuts_the_bytes(
    contents: list[bytes], places: list[int], mask: bytes
) -> None:
    """Any split gives the same messages; a data frame may come in pieces, a control frame not."""
    frames = []
    for content in contents:
        frames.append(Frame(Opcode.BINARY, content, rsv1=True))
        frames.append(Frame(Opcode.PING, content[:125]))
    data = b"".join(encode_frame(f.opcode, f.payload, rsv1=f.rsv1, mask=mask) for f in frames)
    assert parse(data, rsv1_allowed=True) == frames
    assert joined(parse(*cut(data, places), rsv1_allowed=True)) == frames


@given(payloads(), masks)
def test_masking_is_that_of_the_rfc_and_its_own_inverse(payload: bytes, mask: bytes) -> None:
    """ "j = i MOD 4, transformed-octet-i = original-octet-i XOR masking-key-octet-j" (5.3)"""
    masked = apply_mask(payload, mask)
    assert masked == bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))
    assert apply_mask(masked, mask) == payload


@given(st.sampled_from(list(Opcode)), payloads(), st.booleans(), st.none() | masks)
def test_frames_are_the_same_bytes_as_those_of_another_library(
    opcode: Opcode, payload: bytes, fin: bool, mask: bytes | None
) -> None:
    """`websockets` reads what we write."""
    if opcode in CONTROL:
        payload, fin = payload[:125], True
    reader = StreamReader()
    reader.feed_data(encode_frame(opcode, payload, fin=fin, mask=mask))
    parsing = TheirFrame.parse(reader.read_exact, mask=mask is not None)
    with pytest.raises(StopIteration) as result:
        next(parsing)
    assert result.value.value == TheirFrame(opcode.value, payload, fin)  # type: ignore[arg-type]


@given(st.integers(0, 255), st.integers(0, 255), st.binary(min_size=8, max_size=8))
@example(0x82, 0xFF, b"\x80" + b"\0" * 7)
@example(0x82, 0xFE, b"\0\x7d" + b"\0" * 6)
@example(0x82, 0xFF, b"\0" * 6 + b"\xff\xff")
def test_a_strict_peer_refuses_the_same_headers(first: int, second: int, more: bytes) -> None:
    """Any two bytes, any length behind them: `wsproto` has the same verdict and the same code."""
    if first & 0x0F == 0:  # who follows whom is not judged by their decoder of frames
        first |= 1
    data = bytes((first, second)) + more + MASK
    theirs: int | None = None
    decoder = FrameDecoder(client=False, extensions=[])
    decoder.receive_bytes(data)
    try:
        decoder.process_buffer()
    except ParseFailed as failed:
        theirs = failed.code
    ours = verdict(data, FrameParser(Limits(max_message=1 << 63)))
    assert ours == theirs


def test_every_first_pair_of_bytes_has_the_verdict_of_the_rfc() -> None:
    """All 65,536 of them, against the sentences of sections 5.1, 5.2 and 5.5."""
    for first, second in product(range(256), range(256)):
        opcode, control, length = first & 15, bool(first & 8), second & 127
        wrong = (
            bool(first & 0x70)  # reserved bits
            or opcode not in set(Opcode)
            or opcode == Opcode.CONTINUATION  # of nothing
            or not second & 0x80  # not masked
            or (control and (length > 125 or not first & 0x80))
        )
        code = verdict(bytes((first, second)), FrameParser())
        assert code == (1002 if wrong else None), f"{first:02x} {second:02x}"


# what is sent, the code of the answer, the rule
VIOLATIONS = [
    ([Raw(1, b"x", mask=None)], 1002, "The server MUST close [...] a frame that is not masked"),
    ([Raw(2, b"x" * 125, length_bits=16)], 1002, "the minimal number of bytes MUST be used"),
    ([Raw(2, b"x" * 125, length_bits=64)], 1002, "the minimal number of bytes MUST be used"),
    ([Raw(2, b"x" * 65535, length_bits=64)], 1002, "the minimal number of bytes MUST be used"),
    ([Raw(2, b"", length_bits=64)], 1002, "the minimal number of bytes MUST be used"),
    ([Raw(9, b"x" * 126)], 1002, "MUST have a payload length of 125 bytes or less"),
    ([Raw(8, b"x" * 126)], 1002, "MUST have a payload length of 125 bytes or less"),
    ([Raw(9, b"x" * 5, length_bits=16)], 1002, "MUST have a payload length of 125 bytes or less"),
    ([Raw(9, b"x", fin=False)], 1002, "and MUST NOT be fragmented"),
    ([Raw(0, b"x")], 1002, "an opcode other than 0, followed by"),
    ([Raw(1, b"x", fin=False), Raw(1, b"y")], 1002, "followed by [...] the opcode set to 0"),
    ([Raw(1, b"x", fin=False), Raw(0, b"y"), Raw(0, b"z")], 1002, "terminated by"),
    *(([Raw(opcode, b"x")], 1002, "reserved") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *(([Raw(opcode, b"x", rsv=4)], 1002, "MUST be 0 unless") for opcode in Opcode),
    *(([Raw(1, b"x", rsv=rsv)], 1002, "MUST be 0 unless") for rsv in (1, 2, 3, 5, 6, 7)),
]


@pytest.mark.parametrize(("frames", "code", "rule"), VIOLATIONS)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_a_frame_against_the_rules_is_refused(
    frames: list[Raw], code: int, rule: str, step: int
) -> None:
    data = encode_all(frames)
    with pytest.raises(ProtocolError) as refused:
        parse(*(data[i : i + step] for i in range(0, len(data), step)))
    assert refused.value.code == code
    assert len(refused.value.reason.encode()) <= 123


def test_a_length_has_63_bits() -> None:
    """ "If 127, the following 8 bytes interpreted as a 64-bit unsigned integer (the most
    significant bit MUST be 0) are the payload length." (5.2)"""
    with pytest.raises(ProtocolError) as refused:
        parse(b"\x82\xff\x80" + b"\0" * 7)
    assert refused.value.code == 1002


@pytest.mark.parametrize("opcode", [Opcode.CONTINUATION, *CONTROL])
def test_rsv1_stands_on_the_first_frame_of_a_message_only(opcode: Opcode) -> None:
    """ "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first
    fragments of a data message." (RFC 7692, section 6)"""
    first = Raw(Opcode.TEXT, b"x", fin=False, rsv=4)
    assert parse(first.encode(), rsv1_allowed=True)[0].rsv1
    with pytest.raises(ProtocolError) as refused:
        parse(first.encode() + Raw(opcode, b"x", rsv=4).encode(), rsv1_allowed=True)
    assert refused.value.code == 1002


def test_a_message_beyond_the_bound_is_refused_in_the_header_of_the_frame_that_crosses_it() -> None:
    """1009, before a byte of the payload has come or any memory is spent for it."""
    parser = FrameParser(Limits(max_message=1000))
    parser.feed(Raw(2, b"x" * 600, fin=False).encode() + Raw(0, b"x" * 400, fin=False).encode())
    assert sum(len(frame.payload) for frame in iter(parser.next_frame, None)) == 1000
    parser.feed(Raw(0, b"x").encode()[:2])
    with pytest.raises(ProtocolError) as refused:
        parser.next_frame()
    assert refused.value.code == 1009


def test_the_next_message_has_the_whole_bound_again() -> None:
    parser = FrameParser(Limits(max_message=10, max_fragments=2))
    for _ in range(3):
        parser.feed(encode_all([Raw(2, b"x" * 9, fin=False), Raw(0, b"x"), Raw(9, b"x" * 125)]))
        assert len(list(iter(parser.next_frame, None))) == 3


def test_the_number_of_fragments_is_bounded_empty_ones_too() -> None:
    parser = FrameParser(Limits(max_fragments=3))
    parser.feed(encode_all([Raw(1, fin=False), Raw(0, fin=False), Raw(9), Raw(0, fin=False)]))
    assert len(list(iter(parser.next_frame, None))) == 4
    parser.feed(Raw(0).encode())
    with pytest.raises(ProtocolError) as refused:
        parser.next_frame()
    assert refused.value.code == 1008


def test_nothing_is_held_back_of_a_long_frame() -> None:
    """However long a frame is, the parser holds no more of it than the piece that came last; and
    nothing between two frames."""
    parser = FrameParser(Limits(max_message=1 << 40))
    head = Raw(2, b"x" * 70_000).encode()[:14]
    parser.feed(head[:2] + (1 << 39).to_bytes(8, "big") + head[-4:])
    assert parser.next_frame() is None
    piece = bytes(65_536)
    tracemalloc.start()
    try:
        for _ in range(50):
            parser.feed(piece)
            frame = parser.next_frame()
            assert frame is not None
            assert len(frame.payload) == len(piece)
            assert parser.next_frame() is None
        del frame
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2_000
    assert peak < 5 * len(piece)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_header_can_be_written_without_its_payload(length: int) -> None:
    payload = bytes(length)
    assert frame_header(Opcode.TEXT, length, rsv1=True) + payload == encode_frame(
        Opcode.TEXT, payload, rsv1=True
    )


def test_control_frames_that_must_not_be_are_not_written() -> None:
    with pytest.raises(ValueError, match="125"):
        encode_frame(Opcode.PING, bytes(126))
    with pytest.raises(ValueError, match="one frame"):
        encode_frame(Opcode.CLOSE, b"", fin=False)
    with pytest.raises(ValueError, match="4 bytes"):
        encode_frame(Opcode.TEXT, b"", mask=b"123")


# RFC 6455, sections 7.4.1 and 7.4.2, and IANA's registry for 1012 to 1014
VALID_CODES = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


def test_close_codes_are_those_that_may_be_on_the_wire() -> None:
    """1004 is undefined, 1005, 1006 and 1015 "MUST NOT be set as a status code in a Close control
    frame", 0-999 "are not used", 1016-2999 are reserved for later versions."""
    assert {code for code in range(0x10000) if is_close_code(code)} == VALID_CODES


@given(st.sampled_from(sorted(VALID_CODES)), st.text(max_size=200))
def test_a_close_is_read_as_it_was_written(code: int, reason: str) -> None:
    """A long reason is cut between characters, for a Close frame has at most 125 bytes."""
    payload = encode_close(code, reason)
    assert len(payload) <= 125
    read_code, read_reason = decode_close(payload)
    assert read_code == code
    assert reason.startswith(read_reason)
    if len(reason.encode()) <= 123:
        assert read_reason == reason
    else:
        assert len(payload) > 125 - 4


def test_a_close_frame_without_a_code() -> None:
    """ "If this Close control frame contains no status code, _The WebSocket Connection Close Code_
    is considered to be 1005." (7.1.5)"""
    assert encode_close(None) == b""
    assert decode_close(b"") == (1005, "")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        (b"\x03\xec", 1002),
        (b"\x03\xed", 1002),
        (b"\x03\xee", 1002),
        (b"\x03\xf7", 1002),
        (b"\x00\x00", 1002),
        (b"\xff\xff", 1002),
        (b"\x03\xe8\xff", 1007),
        (b"\x03\xe8\xe2\x82", 1007),
    ],
)
def test_a_close_frame_against_the_rules_is_refused(payload: bytes, code: int) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_close(payload)
    assert refused.value.code == code


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000])
def test_a_close_code_that_must_not_be_sent_is_not(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        encode_close(code)
