"""`/ws`: from an HTTP request to a WebSocket client.

Host and Origin have been checked when a request gets here. The handshake is judged first, so that
who comes with a plain GET is told what this address speaks; then it is asked who it is.

Who is one too many gets the 101 nevertheless, and then Close 1013: a browser does not tell its page
the status of a failed handshake, but it does tell the code of a Close.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tailws.runtime.stream import Stream
from tailws.server.access import Access, Principal
from tailws.server.exchange import Answer, Request, Response, Route, Upgrade
from tailws.ws import Accepted, DeflatePolicy, Opcode, answer_handshake, encode_frame
from tailws.ws.frames import CloseCode, encode_close

SUBPROTOCOLS = ("tailws.v1",)
#: What this daemon offers beyond the base protocol.
FEATURES = [
    "history.after",
    "history.until",
    "numbers",
    "locate",
    "find",
    "watch",
    "activity",
    "rates",
    "extent",
    "outline",
    "behind",
    "download",
    "records",
    "since",
]

Query = Sequence[tuple[str, str]]
#: Takes the stream, what was agreed on, who it is, the query of the address, and the bytes that
#: came behind the request; hands the stream to its new handler.
StartClient = Callable[[Stream, Accepted, Principal, Query, bytes], None]


def _close_frame(code: CloseCode, reason: str) -> bytes:
    return encode_frame(Opcode.CLOSE, encode_close(code, reason))


_TOO_MANY = _close_frame(CloseCode.TRY_AGAIN_LATER, "too many connections")
_OUR_FAULT = _close_frame(
    CloseCode.INTERNAL_ERROR, "the daemon has made a mistake; its own log says which"
)


class WebSocketRoute:
    """The handlers of `/ws`: `open` goes over to WebSocket, `turn_away` is for one too many."""

    def __init__(
        self,
        access: Callable[[], Access],
        start_client: StartClient,
        *,
        deflate: DeflatePolicy | None = None,
    ) -> None:
        self._access = access
        self._start_client = start_client
        self._deflate = deflate

    @property
    def route(self) -> Route:
        return Route({"GET": self.open}, private=False, when_crowded=self.turn_away)

    def open(self, request: Request) -> Answer:
        """Switch to WebSocket, or say what is wrong with the handshake."""
        answer = self._handshake(request)
        if not isinstance(answer, Accepted):
            return answer
        accepted = answer
        request.principal = principal = self._access().identify(request)

        def start(stream: Stream, leftover: bytes) -> None:
            stream.peer = request.peer.address  # what a trusted proxy said, for the logs
            self._start_client(stream, accepted, principal, request.query, leftover)

        return Upgrade(accepted.headers, start, _OUR_FAULT)

    def turn_away(self, request: Request) -> Answer:
        """Close with 1013 behind the handshake."""
        answer = self._handshake(request)
        if not isinstance(answer, Accepted):
            return answer
        self._access().identify(request)
        return Upgrade(answer.headers, None, _TOO_MANY)

    def _handshake(self, request: Request) -> Accepted | Response:
        answer = answer_handshake(
            request.method.encode(),
            request.version.encode(),
            request.headers,
            subprotocols=SUBPROTOCOLS,
            deflate=self._deflate,
        )
        if isinstance(answer, Accepted):
            return answer
        headers = [(name.decode(), value.decode()) for name, value in answer.headers]
        return Response(
            answer.status,
            (("Content-Type", "text/plain; charset=utf-8"), *headers),
            f"{answer.reason}\n".encode(),
        )
