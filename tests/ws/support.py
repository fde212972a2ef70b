"""What the tests of the codec share: the client's side of it, and strategies for hypothesis."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tailws.ws import Event, Frame, FrameParser, Limits, Opcode, ServerConnection, apply_mask

MASK = b"\x37\xfa\x21\x3d"  # that of the RFC's examples

CONTROL = (Opcode.CLOSE, Opcode.PING, Opcode.PONG)


@dataclass(frozen=True)
class Raw:
    """A client's frame, right or wrong: nothing is checked, everything can be said."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0  # 4 is RSV1, 2 RSV2, 1 RSV3
    mask: bytes | None = MASK
    length_bits: int | None = None  # 7, 16 or 64; None: the least that will do

    def encode(self) -> bytes:
        length = len(self.payload)
        bits = self.length_bits or (7 if length <= 125 else 16 if length <= 0xFFFF else 64)
        first = self.fin << 7 | self.rsv << 4 | self.opcode
        masked = 0x80 if self.mask is not None else 0
        match bits:
            case 7:
                head = struct.pack("!BB", first, masked | length)
            case 16:
                head = struct.pack("!BBH", first, masked | 126, length)
            case _:
                head = struct.pack("!BBQ", first, masked | 127, length)
        if self.mask is None:
            return head + self.payload
        return head + self.mask + apply_mask(self.payload, self.mask)


def encode_all(frames: Iterable[Raw]) -> bytes:
    return b"".join(frame.encode() for frame in frames)


def client_frames(data: bytes) -> list[Frame]:
    """What a client reads from what a server has sent; every frame must be whole."""
    parser = FrameParser(Limits(max_message=1 << 30), rsv1_allowed=True, masked=False)
    parser.feed(data)
    return list(iter(parser.next_frame, None))


def feed(connection: ServerConnection, pieces: Iterable[bytes]) -> list[Event]:
    return [event for piece in pieces for event in connection.receive(piece)]


def single_bytes(data: bytes) -> Iterator[bytes]:
    return (data[i : i + 1] for i in range(len(data)))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` in pieces, cut at those places, wherever they lie."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


cuts = st.lists(st.integers(0, 1 << 20), max_size=12)
masks = st.binary(min_size=4, max_size=4)
control_payloads = st.binary(max_size=125)
# Around each change of the length's form, and small ones.
lengths = st.one_of(
    st.integers(0, 200),
    st.sampled_from([124, 125, 126, 127, 0xFFFE, 0xFFFF, 0x10000, 0x10001]),
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Bytes of any of those lengths, cheap to draw."""
    pattern = draw(st.binary(min_size=1, max_size=32))
    length = draw(lengths)
    return (pattern * (length // len(pattern) + 1))[:length]


close_payloads = st.one_of(
    st.just(b""),
    st.builds(
        lambda code, reason: struct.pack("!H", code) + reason.encode()[:123],
        st.sampled_from([1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999]),
        st.text(alphabet="bye ", max_size=20),
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> list[Raw]:
    """One message in some fragments, with control frames between them."""
    opcode = draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY]))
    content = (
        draw(st.text(max_size=60)).encode()
        if opcode is Opcode.TEXT
        else draw(st.binary(max_size=60))
    )
    pieces = cut(content, draw(st.lists(st.integers(0, 200), max_size=4)))
    frames = []
    for number, piece in enumerate(pieces):
        frames.append(
            Raw(
                Opcode.CONTINUATION if number else opcode,
                piece,
                fin=number == len(pieces) - 1,
                mask=draw(masks),
            )
        )
        if draw(st.integers(0, 3)) == 0:
            control = draw(st.sampled_from([Opcode.PING, Opcode.PONG]))
            frames.append(Raw(control, draw(control_payloads), mask=draw(masks)))
    return frames


@st.composite
def conversations(draw: st.DrawFn) -> list[Raw]:
    """What a well-behaved client sends, sometimes up to its Close."""
    frames = [frame for message in draw(st.lists(messages(), max_size=4)) for frame in message]
    if draw(st.booleans()):
        frames.append(Raw(Opcode.CLOSE, draw(close_payloads)))
    return frames


@st.composite
def broken_conversations(draw: st.DrawFn) -> list[Raw]:
    """A conversation in which something is wrong, or nearly."""
    frames = draw(conversations().filter(bool))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(frames) - 1))
        frames[at] = draw(mutations(frames[at]))
        if draw(st.integers(0, 4)) == 0:
            frames = _shuffled(frames, at, draw(st.integers(0, len(frames) - 1)))
    return frames


def mutations(frame: Raw) -> st.SearchStrategy[Raw]:
    return st.one_of(
        st.builds(lambda rsv: replace(frame, rsv=rsv), st.integers(0, 7)),
        st.builds(lambda opcode: replace(frame, opcode=opcode), st.integers(0, 15)),
        st.builds(lambda fin: replace(frame, fin=fin), st.booleans()),
        st.just(replace(frame, mask=None)),
        st.builds(lambda bits: replace(frame, length_bits=bits), st.sampled_from([16, 64])),
        st.builds(lambda payload: replace(frame, payload=payload), st.binary(max_size=140)),
        st.builds(
            lambda code, rest: replace(
                frame, opcode=Opcode.CLOSE, payload=struct.pack("!H", code) + rest
            ),
            st.one_of(st.integers(990, 1020), st.integers(0, 0xFFFF)),
            st.binary(max_size=8),
        ),
        st.builds(
            lambda at, junk: replace(frame, payload=frame.payload[:at] + junk + frame.payload[at:]),
            st.integers(0, 60),
            st.sampled_from(
                [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
            ),
        ),
    )


def _shuffled(frames: Sequence[Raw], first: int, second: int) -> list[Raw]:
    swapped = list(frames)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    return swapped
