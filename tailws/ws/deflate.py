"""Compression of messages: the permessage-deflate extension (RFC 7692).

The server always answers `server_no_context_takeover`: each message is compressed on its own, so a
message that goes to many peers is compressed once, and every one of them gets the same bytes. For
the same reason an offer that wants a smaller window than the one in use is declined, by default:
a deflated form made with 32 KiB cannot be read with less.

The module knows offers and payloads; frames and headers are the business of its neighbours.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from tailws.ws.frames import CloseCode, ProtocolError

EXTENSION_NAME: Final = "permessage-deflate"
MAX_WINDOW_BITS: Final = 15
# On 60 KB of access log: level 1 0.16 ms and 15.8 % of the size, 3 0.30 ms and 14.9 %, zlib's
# default of 6 0.70 ms and 12.9 %; on the few lines of a live batch they are all the same.
DEFAULT_LEVEL: Final = 3

# The end of a flushed deflate stream, left out on the wire (RFC 7692, section 7.2.1).
_TAIL: Final = b"\x00\x00\xff\xff"
# An empty stored block with BFINAL set: a stream that stands between two blocks ends with it.
_END: Final = b"\x01\x00\x00\xff\xff"
# A message may be made of several deflate streams (section 7.2.3.4), and each costs a new
# decompressor: real compressors make one, so this is a bound on work, not on what is possible.
_MAX_STREAMS: Final = 64

# "a decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2)
_WINDOW_BITS: Final = {str(bits): bits for bits in range(8, 16)}

# One offer: its parameters in order, None for one without a value.
Offer = Sequence[tuple[str, str | None]]


class DeflatePolicy(Struct, frozen=True):
    """Which offers a server accepts.

    `min_server_window_bits`: an offer that limits the server's window to less is declined. 15
    keeps one deflated form for all peers; 9 is the least that zlib can compress with.
    `client_context_takeover`: whether a client may refer to its earlier messages. It saves bytes
    where clients send much, and costs some 40 KiB for each client that sent anything compressed.
    """

    min_server_window_bits: int = MAX_WINDOW_BITS
    client_context_takeover: bool = False

    def __post_init__(self) -> None:
        if not 9 <= self.min_server_window_bits <= MAX_WINDOW_BITS:
            raise ValueError("min_server_window_bits: from 9 to 15")


DEFAULT_POLICY: Final = DeflatePolicy()


class DeflateParameters(Struct, frozen=True):
    """What was agreed on for one connection; the server never takes its context over."""

    server_window_bits: int = MAX_WINDOW_BITS
    client_context_takeover: bool = False

    def answer(self) -> str:
        """The value of `Sec-WebSocket-Extensions` that says so to the client."""
        words = [EXTENSION_NAME, "server_no_context_takeover"]
        # "A server may include the "client_no_context_takeover" extension parameter in an
        # extension negotiation response even if the extension negotiation offer being accepted
        # [...] didn't include [it]." (section 7.1.1.2)
        if not self.client_context_takeover:
            words.append("client_no_context_takeover")
        if self.server_window_bits < MAX_WINDOW_BITS:
            words.append(f"server_max_window_bits={self.server_window_bits}")
        # No client_max_window_bits: the inflater's window is the largest, whatever a client uses.
        return "; ".join(words)


def negotiate(
    offers: Iterable[Offer], policy: DeflatePolicy = DEFAULT_POLICY
) -> DeflateParameters | None:
    """The parameters of the first acceptable offer, for they come in the client's order of
    preference (RFC 7692, section 5); None when there is none: the connection goes without."""
    return next(filter(None, (_consider(offer, policy) for offer in offers)), None)


def _consider(offer: Offer, policy: DeflatePolicy) -> DeflateParameters | None:
    # "A server MUST decline an extension negotiation offer for this extension if any of the
    # following conditions are met: The negotiation offer contains an extension parameter not
    # defined for use in an offer. [...] an extension parameter with an invalid value. [...]
    # multiple extension parameters with the same name. The server doesn't support the offered
    # configuration." (section 7.1)
    parameters = dict(offer)
    if len(parameters) != len(offer):
        return None
    window = MAX_WINDOW_BITS
    takeover = policy.client_context_takeover
    for name, value in parameters.items():
        match name, value:
            case "server_no_context_takeover", None:
                pass
            case "client_no_context_takeover", None:
                takeover = False
            case "server_max_window_bits", str() if value in _WINDOW_BITS:
                window = _WINDOW_BITS[value]
            case "client_max_window_bits", None:
                pass
            case "client_max_window_bits", str() if value in _WINDOW_BITS:
                pass
            case _:
                return None
    if window < policy.min_server_window_bits:
        return None
    return DeflateParameters(window, takeover)


def compress(
    payload: bytes | bytearray | memoryview,
    *,
    level: int = DEFAULT_LEVEL,
    window_bits: int = MAX_WINDOW_BITS,
) -> bytes:
    """The payload of a compressed message, made without any context (RFC 7692, section 7.2.1).

    It goes into frames of which the first has RSV1 set. The same for all peers whose parameters
    have the same `server_window_bits`. `level` is zlib's, 1 (fast) to 9 (small).
    """
    stream = zlib.compressobj(level, zlib.DEFLATED, -window_bits)
    # "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
    return (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Inflater:
    """Inflates the messages of one peer, one after the other, each to at most `max_message` bytes.

    The bound holds before memory is spent: zlib is never asked for more than one byte beyond it.
    """

    __slots__ = ("_max_message", "_room", "_stream", "_streams", "_takeover")

    def __init__(self, max_message: int, *, context_takeover: bool = False) -> None:
        """`context_takeover`: a message may refer to the ones before it."""
        self._max_message = max_message
        self._takeover = context_takeover
        self._stream: zlib._Decompress | None = None  # some 40 KiB, so not before it is needed
        self._streams = 0  # how many this message has had
        self._room = max_message

    def inflate(self, data: bytes, *, final: bool) -> Iterator[bytes]:
        """Yield what the next piece of a message inflates to; `final` with its last piece.

        Raises ProtocolError: 1009 once all the bytes that fit have been yielded and there are
        more, 1007 for data that is damaged or ends early.
        """
        try:
            yield from self._inflate(data)
            if final:
                # "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the
                # message." (section 7.2.2)
                yield from self._inflate(_TAIL)
                self._finish()
        except zlib.error:
            raise ProtocolError(CloseCode.INVALID_DATA, "the compressed data is damaged") from None

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            stream = self._stream or self._open()
            inflated = stream.decompress(data, self._room + 1)
            if len(inflated) > self._room:
                yield inflated[: self._room]
                raise ProtocolError(
                    CloseCode.TOO_BIG, f"a message of more than {self._max_message} bytes"
                )
            if inflated:
                self._room -= len(inflated)
                yield inflated
            if not stream.eof:
                return
            # "implementors can choose to flush data using DEFLATE blocks with BFINAL set to 1"
            # (section 7.2.3.4): the stream has ended, the message goes on with a new one.
            data = stream.unused_data
            self._stream = None

    def _open(self) -> zlib._Decompress:
        self._streams += 1
        if self._streams > _MAX_STREAMS:
            raise ProtocolError(
                CloseCode.POLICY_VIOLATION,
                f"a message of more than {_MAX_STREAMS} deflate streams",
            )
        self._stream = zlib.decompressobj(-MAX_WINDOW_BITS)
        return self._stream

    def _finish(self) -> None:
        """Check that the message ended where a block ends, and make ready for the next one."""
        # zlib takes the tail into a block that is cut short without a complaint, and a shortened
        # message would pass for a whole one.
        stream = self._stream or self._open()
        end = stream.copy() if self._takeover else stream
        end.decompress(_END)
        if not end.eof:
            raise zlib.error
        if not self._takeover:
            self._stream = None
        self._streams = 0
        self._room = self._max_message
