"""Frames of the WebSocket protocol: bytes to frames and frames to bytes (RFC 6455, section 5).

This module knows one frame at a time and the rule by which frames make a message (section 5.4).
It never looks into a payload: text, compression and the closing handshake belong to `connection`.

A frame's payload is handed on as it comes in, so that a frame needs no memory of its own however
long it says it is, and wrong text is found at its first wrong byte. What bounds a peer is the size
of the whole message and the number of its fragments, both checked in the frame's header.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from msgspec import Struct


class Opcode(IntEnum):
    """What a frame carries (RFC 6455, section 5.2). 3-7 and 11-15 are reserved."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """Why a connection is closed (RFC 6455, section 7.4.1, and IANA's registry of 1012-1014)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS = 1005  # never on the wire: the peer's Close had no code
    ABNORMAL = 1006  # never on the wire: the transport ended without a Close
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015  # never on the wire


class ProtocolError(Exception):
    """The peer broke a rule; the only exception that input from the network can cause.

    `code` is the close code to answer with, `reason` a sentence of at most 123 bytes for the peer.
    """

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(f"{reason} ({code:d})")
        self.code = code
        self.reason = reason


class Limits(Struct, frozen=True):
    """What one peer may cost.

    `max_message`: bytes of one message, on the wire and inflated; beyond it the peer gets 1009.
    The default is that of most servers.
    `max_fragments`: frames of one message; beyond it 1008. Without it a peer could send empty
    fragments for ever, each of them work, none of them counted by `max_message`.
    """

    max_message: int = 1024 * 1024
    max_fragments: int = 1024


DEFAULT_LIMITS: Final = Limits()


class Frame(NamedTuple):
    """One frame, or a piece of one (see `FrameParser`); `payload` is unmasked."""

    opcode: Opcode
    payload: bytes
    fin: bool = True
    rsv1: bool = False


MAX_CONTROL_PAYLOAD: Final = 125

_FIN: Final = 0x80
_RSV1: Final = 0x40
_RSV2_RSV3: Final = 0x30
_MASKED: Final = 0x80
_OPCODES: Final = tuple(Opcode(i) if i in set(Opcode) else None for i in range(16))
_HEADER_16: Final = struct.Struct("!BBH")
_HEADER_64: Final = struct.Struct("!BBQ")
_UINT16: Final = struct.Struct("!H")
_UINT64: Final = struct.Struct("!Q")

# Codes that may stand in a Close frame: those of section 7.4.1 and of IANA's registry that are not
# "MUST NOT be set as a status code in a Close control frame", and the ranges of section 7.4.2 that
# are open to libraries (3000-3999) and to applications (4000-4999).
_REGISTERED_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


def frame_header(opcode: Opcode, length: int, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """The header of an unmasked frame, as a server sends it, before `length` bytes of payload.

    Header and payload need not be joined: a payload that goes to many peers is framed once.
    """
    first = opcode | _FIN if fin else opcode
    if rsv1:
        first |= _RSV1
    # "the minimal number of bytes MUST be used to encode the length" (section 5.2)
    if length <= 125:
        return bytes((first, length))
    if length <= 0xFFFF:
        return _HEADER_16.pack(first, 126, length)
    return _HEADER_64.pack(first, 127, length)


def encode_frame(
    opcode: Opcode,
    payload: bytes | bytearray | memoryview,
    *,
    fin: bool = True,
    rsv1: bool = False,
    mask: bytes | None = None,
) -> bytes:
    """A whole frame: unmasked as a server sends it, or masked with the 4 bytes of `mask`.

    A client draws a fresh, unpredictable mask for each frame (section 5.3).
    Raises ValueError for a control frame that is fragmented or has more than 125 bytes
    (section 5.5), and for a mask that is not 4 bytes.
    """
    if opcode >= Opcode.CLOSE and (not fin or len(payload) > MAX_CONTROL_PAYLOAD):
        raise ValueError("a control frame is one frame of at most 125 bytes (RFC 6455, 5.5)")
    header = frame_header(opcode, len(payload), fin=fin, rsv1=rsv1)
    if mask is None:
        return header + payload
    if len(mask) != 4:
        raise ValueError("a mask has 4 bytes (RFC 6455, 5.3)")
    return b"".join(
        (header[:1], bytes((header[1] | _MASKED,)), header[2:], mask, apply_mask(payload, mask))
    )


def apply_mask(data: bytes | bytearray | memoryview, mask: bytes) -> bytes:
    """`data` masked, or unmasked, by the 4 bytes of `mask` (section 5.3)."""
    # One XOR of two long integers: the fastest there is in pure Python, and linear.
    length = len(data)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(length, "little")


def encode_close(code: int | None, reason: str = "") -> bytes:
    """The payload of a Close frame (section 5.5.1); `None` makes it empty.

    A reason that is too long is cut between characters, to 123 bytes.
    Raises ValueError for a code that must not be on the wire.
    """
    if code is None:
        return b""
    if not is_close_code(code):
        raise ValueError(f"{code} must not be sent as a close code (RFC 6455, 7.4)")
    text = reason.encode("utf-8", "replace")[: MAX_CONTROL_PAYLOAD - 2]
    return _UINT16.pack(code) + text.decode("utf-8", "ignore").encode()


def decode_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a Close frame; 1005 and "" where it is empty (section 7.1.5).

    Raises ProtocolError: 1002 for a cut or forbidden code, 1007 for a reason that is not UTF-8.
    """
    if not payload:
        return CloseCode.NO_STATUS, ""
    # "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
    if len(payload) == 1:
        raise ProtocolError(CloseCode.PROTOCOL_ERROR, "a Close frame with half a code")
    (code,) = _UINT16.unpack_from(payload)
    if not is_close_code(code):
        raise ProtocolError(CloseCode.PROTOCOL_ERROR, f"{code} must not be sent as a close code")
    try:
        return code, str(payload[2:], "utf-8")
    except UnicodeDecodeError:
        raise ProtocolError(
            CloseCode.INVALID_DATA, "the reason of a Close frame is not UTF-8"
        ) from None


def is_close_code(code: int) -> bool:
    """Whether `code` may stand in a Close frame (section 7.4)."""
    return code in _REGISTERED_CODES or 3000 <= code <= 4999


class FrameParser:
    """Bytes in, frames out: `feed` some, then call `next_frame` until it returns None.

    A control frame comes out whole. The payload of a data frame comes out as it comes in: a frame
    that arrives in pieces is handed on as one frame for each piece, the first with the frame's
    opcode, the next ones as continuations, and `fin` on the last piece of the last frame. That is
    what section 5.4 lets any intermediary do to a message. Frames that arrive whole come out as
    they are.

    At most a header and a control frame are ever held back (139 bytes). After a ProtocolError the
    parser is of no further use.
    """

    __slots__ = (
        "_data",
        "_fin",
        "_fragments",
        "_in_message",
        "_limits",
        "_mask",
        "_masked",
        "_message_length",
        "_opcode",
        "_position",
        "_remaining",
        "_rsv1",
        "_rsv1_allowed",
    )

    def __init__(
        self, limits: Limits = DEFAULT_LIMITS, *, rsv1_allowed: bool = False, masked: bool = True
    ) -> None:
        """`rsv1_allowed`: an extension that uses RSV1 has been negotiated (RFC 7692, section 6).

        `masked`: which side's frames are read: True a client's, False a server's.
        """
        self._limits = limits
        self._rsv1_allowed = rsv1_allowed
        self._masked = masked
        self._data = b""  # what was fed
        self._position = 0  # how much of it is done with
        # the data frame whose payload is under way
        self._opcode = Opcode.CONTINUATION
        self._fin = True
        self._rsv1 = False
        self._mask = b""
        self._remaining = 0
        # the message that it belongs to
        self._in_message = False
        self._fragments = 0
        self._message_length = 0

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take what came from the network; call `next_frame` until None before feeding more."""
        self._data = self._data[self._position :] + data if self._data else bytes(data)
        self._position = 0

    def next_frame(self) -> Frame | None:
        """The next frame or piece of one; None when more bytes are needed.

        Raises ProtocolError: 1009 for a message beyond `max_message`, 1008 for one of more than
        `max_fragments` frames, 1002 for all else.
        """
        frame = self._next_piece() if self._remaining else self._next_header()
        if frame is None:
            # What was read is let go now: the next byte may be hours away.
            self._data = self._data[self._position :]
            self._position = 0
        return frame

    def _next_header(self) -> Frame | None:
        """The frame that begins at the position; None and no effect while it is incomplete."""
        data = self._data
        start = self._position
        available = len(data) - start
        if available < 2:
            return None
        first = data[start]
        second = data[start + 1]
        opcode = _OPCODES[first & 0x0F]
        length = second & 0x7F

        # The checks stand in the order in which the bytes come in, so that the verdict does not
        # depend on how the network cut them.
        if first & (_RSV1 | _RSV2_RSV3):
            self._check_reserved_bits(first)
        # "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
        # Connection_." (section 5.2)
        if opcode is None:
            raise ProtocolError(CloseCode.PROTOCOL_ERROR, f"reserved opcode {first & 0x0F}")
        control = opcode >= Opcode.CLOSE
        if control:
            # "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be
            # fragmented." (section 5.5)
            if not first & _FIN:
                raise ProtocolError(CloseCode.PROTOCOL_ERROR, "a fragmented control frame")
            if length > MAX_CONTROL_PAYLOAD:
                raise ProtocolError(
                    CloseCode.PROTOCOL_ERROR, "a control frame of more than 125 bytes"
                )
        else:
            self._check_sequence(opcode)
        # "a client MUST mask all frames that it sends to the server" and "The server MUST close
        # the connection upon receiving a frame that is not masked." (section 5.1)
        if bool(second & _MASKED) is not self._masked:
            raise ProtocolError(
                CloseCode.PROTOCOL_ERROR,
                "a frame that is not masked" if self._masked else "a masked frame from a server",
            )

        end = start + 2
        if length > 125:
            size = 2 if length == 126 else 8
            if available < 2 + size:
                return None
            end += size
            length = self._extended_length(start + 2, size)
        if not control:
            total = length + self._message_length if opcode is Opcode.CONTINUATION else length
            if total > self._limits.max_message:
                raise ProtocolError(
                    CloseCode.TOO_BIG,
                    f"a message of more than {self._limits.max_message} bytes",
                )
        mask = b""
        if self._masked:
            mask = data[end : end + 4]
            end += 4
        if len(data) < end or (control and len(data) < end + length):
            return None

        if control:
            self._position = end + length
            payload = data[end : end + length]
            return Frame(opcode, apply_mask(payload, mask) if mask else payload)

        fin = bool(first & _FIN)
        if opcode is Opcode.CONTINUATION:
            self._fragments += 1
            self._message_length += length
        else:
            self._fragments = 1
            self._message_length = length
        self._in_message = not fin
        self._position = end
        if not length:
            return Frame(opcode, b"", fin, bool(first & _RSV1))
        self._opcode = opcode
        self._fin = fin
        self._rsv1 = bool(first & _RSV1)
        self._mask = mask
        self._remaining = length
        return self._next_piece()

    def _next_piece(self) -> Frame | None:
        """What has arrived of the payload under way."""
        start = self._position
        payload = self._data[start : start + self._remaining]
        taken = len(payload)
        if not taken:
            return None
        self._position = start + taken
        self._remaining -= taken
        mask = self._mask
        if mask:
            payload = apply_mask(payload, mask)
            turn = taken % 4
            self._mask = mask[turn:] + mask[:turn] if self._remaining else b""
        frame = Frame(self._opcode, payload, self._fin and not self._remaining, self._rsv1)
        self._opcode = Opcode.CONTINUATION
        self._rsv1 = False
        return frame

    def _check_reserved_bits(self, first: int) -> None:
        # "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values.
        # If a nonzero value is received and none of the negotiated extensions defines the meaning
        # of such a nonzero value, the receiving endpoint MUST _Fail the WebSocket Connection_."
        # (section 5.2)
        if first & _RSV2_RSV3 or not self._rsv1_allowed:
            raise ProtocolError(CloseCode.PROTOCOL_ERROR, "a reserved bit is set")
        # "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and
        # non-first fragments of a data message." (RFC 7692, section 6)
        if first & 0x0F not in (Opcode.TEXT, Opcode.BINARY):
            raise ProtocolError(
                CloseCode.PROTOCOL_ERROR, "RSV1 is set on a frame that does not begin a message"
            )

    def _check_sequence(self, opcode: Opcode) -> None:
        """That this data frame may follow the one before (section 5.4)."""
        # "A fragmented message consists of a single frame with the FIN bit clear and an opcode
        # other than 0, followed by zero or more frames with the FIN bit clear and the opcode set
        # to 0, and terminated by a single frame with the FIN bit set and an opcode of 0."
        if (opcode is Opcode.CONTINUATION) is not self._in_message:
            raise ProtocolError(
                CloseCode.PROTOCOL_ERROR,
                "a new message inside of a fragmented one"
                if self._in_message
                else "a continuation of no message",
            )
        if self._in_message and self._fragments >= self._limits.max_fragments:
            raise ProtocolError(
                CloseCode.POLICY_VIOLATION,
                f"a message of more than {self._limits.max_fragments} fragments",
            )

    def _extended_length(self, at: int, size: int) -> int:
        """The length that stands in the 2 or 8 bytes at `at` (section 5.2)."""
        length: int
        (length,) = (_UINT16 if size == 2 else _UINT64).unpack_from(self._data, at)
        # "the most significant bit MUST be 0"
        if length >> 63:
            raise ProtocolError(CloseCode.PROTOCOL_ERROR, "a frame length of more than 63 bits")
        # "the minimal number of bytes MUST be used to encode the length"
        if length <= (125 if size == 2 else 0xFFFF):
            raise ProtocolError(
                CloseCode.PROTOCOL_ERROR, "a frame length in more bytes than it needs"
            )
        return length
