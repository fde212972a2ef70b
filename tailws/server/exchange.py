"""What an HTTP exchange is made of: a request, three kinds of answer, and the table of routes.

A handler takes a `Request` and returns a `Response` (all of it at once), a `Streaming` (chunks,
pulled as the client takes them) or an `Upgrade` (the connection leaves HTTP). Nothing here does
any input or output, and nothing knows a socket but `Upgrade.start`, which is handed one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, unquote_to_bytes

from msgspec import Struct, field

if TYPE_CHECKING:
    from tailws.runtime.stream import Stream
    from tailws.server.access import Principal

#: A query of a client has a handful of fields; what is beyond is not a mistake of ours to read.
MAX_QUERY_FIELDS = 256


class Refused(Exception):
    """A request that is answered with a status and one sentence for whoever sent it."""

    def __init__(
        self, status: int, sentence: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


class CutShort(Exception):
    """A streaming answer ends in the middle, for a reason that its producer has told the log."""


class Peer(Struct, frozen=True):
    """Who is at the other end, after what trusted proxies say about it."""

    address: str  # an IP address, or the path of the Unix socket that was connected to
    secure: bool = False  # the client speaks TLS, to us or to a trusted proxy
    host: str = ""  # Host as the client wrote it, lower case; "" in HTTP/1.0 without one

    @property
    def port(self) -> int:
        """The port that the client connects to, as far as its Host tells."""
        _, colon, port = self.host.rpartition(":")
        if colon and port.isdigit():
            return int(port)
        return 443 if self.secure else 80


class Request(Struct):
    """A request whose head and body have arrived. Header names are lower case."""

    method: str
    path: str  # percent-decoded, below the base path: starts with "/"
    query: list[tuple[str, str]]
    headers: list[tuple[bytes, bytes]]
    peer: Peer
    target: str = "/"  # as it was sent, for the access log
    version: str = "1.1"
    body: bytes = b""
    principal: Principal | None = None  # set for routes that ask for one

    def header(self, name: str, default: str = "") -> str:
        """Return the values of a header, joined as RFC 9110, section 5.3 has it."""
        wanted = name.encode("ascii")
        values = [value for key, value in self.headers if key == wanted]
        return b", ".join(values).decode("latin-1") if values else default

    def has(self, name: str) -> bool:
        wanted = name.encode("ascii")
        return any(key == wanted for key, _ in self.headers)


class Response(Struct, frozen=True):
    """An answer that is there as a whole."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    close: bool = False  # say good-bye after it, whatever the client would like


class Producer(Protocol):
    """Where the body of a `Streaming` comes from. It is pulled; nothing is stored for it."""

    def next_chunk(self) -> bytes | None:
        """Return bytes to send, b"" at the end, or None for: nothing now, a wake follows.

        The same three as `io.RawIOBase.read` of a non-blocking file. Called when the client has
        room, and again after each wake. What it raises ends the answer in the middle, which the
        client sees as such; `CutShort` is for what is no mistake of ours.
        """

    def close(self) -> None:
        """Release everything: the end was reached, or the client went away. Called once."""


class Streaming(Struct, frozen=True):
    """An answer that is produced as the client takes it.

    `start(wake)` makes the producer; calling `wake` (from the loop, at any time, as often as one
    likes) has `next_chunk` called again at the end of the turn.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    start: Callable[[Callable[[], None]], Producer]


class Upgrade(Struct, frozen=True):
    """101: the connection goes over to another protocol (RFC 9110, section 7.8).

    `start(stream, leftover)` is called behind the answer with the bytes that came after the
    request; it must hand the stream to its new handler. Where there is no `start`, or it raises,
    `last_words` are sent in the new protocol and the connection is closed.
    """

    headers: list[tuple[bytes, bytes]]
    start: Callable[[Stream, bytes], None] | None
    last_words: bytes = b""


class AccessRecord(Struct):
    """One request and its answer, for the access log."""

    time: float  # seconds since the epoch, when the request had arrived
    client: str
    user: str = ""
    method: str = ""
    target: str = ""
    version: str = ""
    user_agent: str = ""
    status: int = 0
    sent: int = 0  # bytes, head and body
    seconds: float = 0.0  # from the request to the last byte handed over for sending


Answer = Response | Streaming | Upgrade
Handler = Callable[[Request], Answer]


class Route(Struct, frozen=True):
    """The methods of one path, and who may call them. HEAD is answered where GET is."""

    methods: Mapping[str, Handler]
    private: bool = True  # only for those who have proved who they are
    when_crowded: Handler | None = None  # called above the limits instead of answering 503
    # A form sent by navigation carries `Origin: null` under `Referrer-Policy: no-referrer`. Only
    # for what changes nothing: its answer is shown to the user, never to the page that sent it.
    null_origin: bool = False


class Router(Struct):
    """The table of routes, below the base path. A path that ends in `/*` stands for a prefix."""

    base_path: str = "/"  # starts and ends with "/"
    not_found: Handler = field(default=lambda _: sentence(404, "There is nothing here."))
    exact: dict[str, Route] = field(default_factory=dict)
    prefixes: dict[str, Route] = field(default_factory=dict)

    def add(self, path: str, route: Route) -> None:
        if path.endswith("/*"):
            self.prefixes[path[:-1]] = route
        else:
            self.exact[path] = route

    def find(self, path: str) -> Route | None:
        route = self.exact.get(path)
        if route is not None:
            return route
        for prefix, candidate in self.prefixes.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return candidate
        return None

    def below_base(self, path: str) -> str:
        """Return the path below the base path, with its leading slash. Raises `Refused`."""
        if self.base_path == "/":
            return path
        if path.startswith(self.base_path):
            return path[len(self.base_path) - 1 :]
        if path + "/" == self.base_path:
            raise Refused(
                HTTPStatus.PERMANENT_REDIRECT,
                f"The page is at {self.base_path}",
                (("Location", self.base_path),),
            )
        raise Refused(HTTPStatus.NOT_FOUND, f"Everything here is below {self.base_path}")


def split_target(target: str) -> tuple[str, list[tuple[str, str]], str]:
    """Return path (percent-decoded), query and authority of a request target.

    Origin form, or absolute form, which servers must take too (RFC 9112, section 3.2.2); the
    authority is "" in origin form. Raises `Refused` for the rest.
    """
    authority = ""
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        authority, slash, tail = rest.partition("/")
        target = slash + tail or "/"
    if not target.startswith("/"):
        raise Refused(HTTPStatus.BAD_REQUEST, "The request target must start with '/'.")
    raw, _, query = target.partition("?")
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
        fields = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Refused(
            HTTPStatus.BAD_REQUEST, "The request target is not percent-encoded UTF-8."
        ) from None
    if "\0" in path:
        raise Refused(HTTPStatus.BAD_REQUEST, "The request target holds a NUL.")
    return path, fields, authority.lower()


def sentence(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return a plain-text answer of one sentence."""
    return Response(
        status,
        (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), *headers),
        f"{text}\n".encode(),
    )


def json_answer(status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return a JSON answer that nobody stores."""
    return Response(
        status,
        (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers),
        json.dumps(value, ensure_ascii=False).encode() + b"\n",
    )
