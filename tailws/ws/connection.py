"""One WebSocket connection, seen from the server, without any I/O (RFC 6455, sections 5 to 7).

Bytes go in through `receive`, which returns events; bytes that must go out are fetched with `owed`.
Nothing else happens: no clock, no socket, no logger.

    OPEN ----- close() ------> CLOSING      our Close is on its way, the peer's has not come
     |                            |
     +-- the peer's Close,        |
     |   a violation, the end     |
     v   of the transport         v
    CLOSED <----------------------+         whatever comes in is thrown away

What comes in never raises. A peer that breaks a rule gets the Close frame that the RFC asks for,
the caller gets `Failed`, and the connection is CLOSED.

A Close frame is the last thing that leaves, and it leaves when `owed` is called: until then what
is queued goes before it, so an answer to a message that came together with a Close still goes out.
Whoever calls `owed` only when the transport has room also bounds what a peer can make the server
owe: pings that pile up are answered in part (RFC 6455, section 5.5.3).
"""

from __future__ import annotations

import codecs
from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tailws.ws.deflate import DeflateParameters, Inflater, compress
from tailws.ws.frames import (
    DEFAULT_LIMITS,
    CloseCode,
    Frame,
    FrameParser,
    Limits,
    Opcode,
    ProtocolError,
    decode_close,
    encode_close,
    encode_frame,
)

if TYPE_CHECKING:
    from codecs import IncrementalDecoder

# A peer that is slow to read gets that many answers to its pings, however many it sends.
MAX_PENDING_PONGS: Final = 16

_NOT_UTF8: Final = "the text is not UTF-8"
_utf8_decoder: Final = codecs.getincrementaldecoder("utf-8")


class State(Enum):
    """Where a connection stands; see the top of this module."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Text(Struct, frozen=True):
    """A whole text message."""

    data: str


class Binary(Struct, frozen=True):
    """A whole binary message."""

    data: bytes


class Ping(Struct, frozen=True):
    """The peer asks whether we are there. The Pong is already queued."""

    payload: bytes


class Pong(Struct, frozen=True):
    """The peer's answer to a ping, or unasked for a sign of life (section 5.5.3)."""

    payload: bytes


class Closed(Struct, frozen=True):
    """The peer has closed. Send what is owed, then close the transport.

    `code` is 1005 where its Close frame had none, 1006 where the transport ended without one.
    """

    code: int
    reason: str


class Failed(Struct, frozen=True):
    """The peer broke a rule and is told so. Send what is owed, then close the transport."""

    code: int
    reason: str


Event = Text | Binary | Ping | Pong | Closed | Failed


class ServerConnection:
    """The server's side of one connection, after the opening handshake."""

    __slots__ = (
        "_close",
        "_decoder",
        "_deflate",
        "_inflater",
        "_inflating",
        "_limits",
        "_message",
        "_opcode",
        "_parser",
        "_pongs",
        "_queue",
        "_state",
    )

    def __init__(
        self, limits: Limits = DEFAULT_LIMITS, *, deflate: DeflateParameters | None = None
    ) -> None:
        """`deflate`: what the handshake agreed on (`Accepted.deflate`)."""
        self._limits = limits
        self._deflate = deflate
        self._parser = FrameParser(limits, rsv1_allowed=deflate is not None)
        self._state = State.OPEN
        # What is owed, in the order in which it leaves; None where there is nothing, for most
        # connections are idle most of the time.
        self._pongs: list[bytes] | None = None
        self._queue: list[bytes] | None = None
        self._close: bytes | None = None
        # The message that is coming in.
        self._opcode = Opcode.CONTINUATION
        self._message: bytearray | None = None
        self._decoder: IncrementalDecoder | None = None
        self._inflating = False
        self._inflater: Inflater | None = None

    @property
    def state(self) -> State:
        """Where the connection stands, by what has come in and what was queued."""
        return self._state

    @property
    def deflate(self) -> DeflateParameters | None:
        """What the handshake agreed on; None: messages are not compressed, in either direction."""
        return self._deflate

    # -- bytes in

    def receive(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """What the peer said with these bytes, in its order. They may be cut anywhere.

        Never raises. After `Closed` or `Failed` nothing more comes.
        """
        events: list[Event] = []
        if self._state is State.CLOSED:
            return events
        parser = self._parser
        try:
            parser.feed(data)
            while (frame := parser.next_frame()) is not None:
                event = self._on_frame(frame)
                if event is not None:
                    events.append(event)
                # "after receiving a control frame indicating the connection should be closed, a
                # peer discards any further data received" (section 1.4)
                if isinstance(event, Closed):
                    break
        except ProtocolError as error:
            failed = Failed(error.code, error.reason)
            events.append(self._end(failed, encode_close(error.code, error.reason)))
        return events

    def receive_eof(self) -> list[Event]:
        """The transport has ended, or the peer has closed its half of it.

        Without a Close frame that is `Closed` with code 1006 (section 7.1.5); a server has nothing
        more to say then (section 7.2.1). After `Closed` or `Failed` it is nothing.
        """
        if self._state is State.CLOSED:
            return []
        return [self._end(Closed(CloseCode.ABNORMAL, ""), None)]

    def _on_frame(self, frame: Frame) -> Event | None:
        """The only place where input has an effect."""
        match frame.opcode:
            case Opcode.PING:
                # "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response,
                # unless it already received a Close frame." (section 5.5.2)
                self._queue_pong(frame.payload)
                return Ping(frame.payload)
            case Opcode.PONG:
                return Pong(frame.payload)
            case Opcode.CLOSE:
                code, reason = decode_close(frame.payload)
                # "When sending a Close frame in response, the endpoint typically echos the status
                # code it received." (section 5.5.1)
                return self._end(Closed(code, reason), frame.payload[:2])
            case _:
                return self._on_data(frame)

    def _on_data(self, frame: Frame) -> Event | None:
        opcode, payload, fin, rsv1 = frame
        if fin and not rsv1 and opcode is not Opcode.CONTINUATION:  # nearly every message
            if opcode is Opcode.BINARY:
                return Binary(payload)
            try:
                return Text(str(payload, "utf-8"))
            except UnicodeDecodeError:
                raise ProtocolError(CloseCode.INVALID_DATA, _NOT_UTF8) from None

        if opcode is not Opcode.CONTINUATION:
            self._opcode = opcode
            self._message = bytearray()
            self._decoder = _utf8_decoder() if opcode is Opcode.TEXT else None
            self._inflating = rsv1
        message = self._message
        assert message is not None  # the parser lets no continuation through that continues nothing
        if self._inflating:
            for inflated in self._open_inflater().inflate(payload, final=fin):
                self._check_text(inflated)
                message += inflated
        else:
            self._check_text(payload)
            message += payload
        if not fin:
            return None
        self._check_text(b"", final=True)
        self._message = None
        self._decoder = None
        if self._opcode is Opcode.TEXT:
            return Text(str(message, "utf-8"))
        return Binary(bytes(message))

    def _check_text(self, data: bytes, *, final: bool = False) -> None:
        """Fail at the first wrong byte, without waiting for the end of the message."""
        # "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream
        # is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
        # Connection_." (section 8.1)
        if self._decoder is not None:
            try:
                self._decoder.decode(data, final)
            except UnicodeDecodeError:
                raise ProtocolError(CloseCode.INVALID_DATA, _NOT_UTF8) from None

    def _open_inflater(self) -> Inflater:
        if self._inflater is None:
            assert self._deflate is not None  # else the parser refuses RSV1
            self._inflater = Inflater(
                self._limits.max_message, context_takeover=self._deflate.client_context_takeover
            )
        return self._inflater

    def _queue_pong(self, payload: bytes) -> None:
        # "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
        # previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most
        # recently processed Ping frame." (section 5.5.3)
        if self._pongs is None or len(self._pongs) >= MAX_PENDING_PONGS:
            self._pongs = []
        self._pongs.append(payload)

    # -- bytes out

    def text(self, data: str | bytes) -> bool:
        """Queue a text message; bytes must be UTF-8. Compressed if that was agreed on.

        False, and nothing queued, once a Close frame has left: "The application MUST NOT send any
        more data frames after sending a Close frame" (section 5.5.1).
        """
        return self._queue_message(Opcode.TEXT, data.encode() if isinstance(data, str) else data)

    def binary(self, data: bytes) -> bool:
        """Queue a binary message; else as `text`."""
        return self._queue_message(Opcode.BINARY, data)

    def ping(self, payload: bytes = b"") -> bool:
        """Queue a Ping; the peer answers with a `Pong` of the same payload, at most 125 bytes.

        False as in `text`. Raises ValueError for a longer payload.
        """
        return self._queue_frame(encode_frame(Opcode.PING, payload))

    def close(self, code: int | None = CloseCode.NORMAL, reason: str = "") -> None:
        """Queue a Close frame and wait for the peer's: `Closed` says that it came.

        What the peer had already sent still comes before it. Without effect unless OPEN. A reason
        beyond 123 bytes is cut. Raises ValueError for a code that must not be sent (section 7.4).
        """
        payload = encode_close(code, reason)
        if self._state is State.OPEN:
            self._close = payload
            self._state = State.CLOSING

    def owed(self) -> bytes:
        """Take the bytes that must go out now: pongs, then what was queued, then a Close."""
        if self._pongs is None and self._queue is None and self._close is None:
            return b""
        parts = [encode_frame(Opcode.PONG, payload) for payload in self._pongs or ()]
        parts += self._queue or ()
        if self._close is not None:
            parts.append(encode_frame(Opcode.CLOSE, self._close))
        self._pongs = self._queue = self._close = None
        return b"".join(parts)

    def _queue_message(self, opcode: Opcode, payload: bytes) -> bool:
        if self._deflate is None:
            return self._queue_frame(encode_frame(opcode, payload))
        payload = compress(payload, window_bits=self._deflate.server_window_bits)
        return self._queue_frame(encode_frame(opcode, payload, rsv1=True))

    def _queue_frame(self, frame: bytes) -> bool:
        if self._state is not State.OPEN and self._close is None:
            return False
        if self._queue is None:
            self._queue = []
        self._queue.append(frame)
        return True

    def _end(self, event: Closed | Failed, close: bytes | None) -> Event:
        """Become CLOSED, with a Close frame of that payload if none was sent before."""
        if self._state is State.OPEN:
            self._close = close
        self._state = State.CLOSED
        self._parser = FrameParser(self._limits)
        self._message = self._decoder = self._inflater = None
        return event
