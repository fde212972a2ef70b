"""Logs over plain HTTP: `GET /tail/NAME` for curl, `POST /download` for a file to keep.

Both are pulled as the client takes them: a reader of `/tail` is a subscription like any other, and
a download is read from the files piece by piece. Who may see a source is asked as for the page.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from urllib.parse import parse_qsl

from tailws.config import Lines
from tailws.logs.catalog import Catalog
from tailws.logs.document import Library
from tailws.logs.download import Range, download, name_of
from tailws.logs.locate import BadCursor
from tailws.logs.source import Source
from tailws.logs.subscription import Begin, Subscription, View
from tailws.messages import BadCommand, from_form, from_query, seconds
from tailws.runtime.loop import Loop, Timer
from tailws.server.access import ANYONE, Principal
from tailws.server.exchange import CutShort, Refused, Request, Route, Router, Streaming
from tailws.text.match import Filter

log = logging.getLogger(__name__)

#: Fields of a form: a filter has sixteen terms.
MAX_FIELDS = 64

_PLAIN = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),  # nginx would hold lines back until its buffer is full
)
_FILE = (("Content-Type", "text/plain"), ("Cache-Control", "no-store"))


class TextRoutes:
    """The two routes, and the readers of `/tail` that are connected."""

    def __init__(
        self,
        loop: Loop,
        catalog: Catalog,
        library: Library,
        lines: Callable[[], Lines],
        lag_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        self._loop = loop
        self._catalog = catalog
        self._library = library
        self._lines = lines
        self._lag_bytes = lag_bytes
        self._readers: set[Reader] = set()

    def add_routes(self, router: Router) -> None:
        """Add both to the table."""
        router.add("/tail/*", Route({"GET": self.tail}))
        # A form is sent by navigation, and what it answers is shown to its user only.
        router.add("/download", Route({"POST": self.download}, null_origin=True))

    def vanished(self, source: Source) -> None:
        """A source is no longer followed: its readers have come to the end."""
        for reader in list(self._readers):
            if reader.source is source:
                reader.end()

    def admit(self, still: Callable[[Principal], Principal | None]) -> None:
        """The rules have changed: for who may not read on, this is the end.

        `still` returns who somebody is by the new ones (`Access.still`).
        """
        for reader in list(self._readers):
            principal = still(reader.principal)
            if principal is None or not principal.may_see(reader.source.name):
                reader.end()

    def _source(self, name: str, principal: Principal | None) -> Source:
        source = self._catalog.find(name)
        if source is None or principal is None or not principal.may_see(name):
            raise Refused(404, f"There is no source {name[:200]!r}.")
        return source

    # -- GET /tail/NAME

    def tail(self, request: Request) -> Streaming:
        """The last lines, then each new one, until the client leaves."""
        name = request.path.removeprefix("/tail/")
        source = self._source(name, request.principal)
        principal = request.principal or ANYONE
        try:
            (command,) = from_query(request.query, name).subscriptions
            view = View(text=True, framed=False, filter=command.filter(source.format))
            begin = Begin.of(command, self._lines(), source, self._library)
        except BadCommand as error:
            raise Refused(400, error.message) from None

        def start(wake: Callable[[], None]) -> Reader:
            reader = Reader(
                source, view, begin, wake, self._readers.discard, self._lag_bytes(), principal
            )
            self._readers.add(reader)
            return reader

        return Streaming(200, _PLAIN, start)

    # -- POST /download

    def download(self, request: Request) -> Streaming:
        """The log as a file: all of it, or the part and the lines that the form asks for."""
        try:
            fields = parse_qsl(
                request.body.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
            )
            wanted = from_form(fields)
            wanted.filter()  # tells what is wrong with it
        except BadCommand as error:
            raise Refused(400, error.message) from None
        except ValueError:
            raise Refused(400, "The form is not percent-encoded UTF-8, or is too long.") from None
        source = self._source(wanted.source, request.principal)
        filter_ = wanted.filter(source.format)
        try:
            since, until = (
                None if moment is None else seconds(moment, time.time(), source.zone)
                for moment in (wanted.since, wanted.until)
            )
        except BadCommand as error:
            raise Refused(400, error.message) from None
        where = Range(wanted.after, wanted.before, wanted.skip, wanted.lines, since, until)
        disposition = f'attachment; filename="{name_of(source.name)}"'
        headers = (*_FILE, ("Content-Disposition", disposition))

        def start(wake: Callable[[], None]) -> Produced:
            return Produced(self._loop, source, self._library, where, filter_, wake)

        return Streaming(200, headers, start)


class Reader:
    """A reader of `/tail`."""

    def __init__(
        self,
        source: Source,
        view: View,
        begin: Begin,
        wake: Callable[[], None],
        on_closed: Callable[[Reader], None],
        lag_bytes: int,
        principal: Principal,
    ) -> None:
        self.source = source
        self.principal = principal
        self._wake = wake
        self._on_closed = on_closed
        self._ended = False
        self._subscription = Subscription(source, view, begin, lambda _: wake(), lag_bytes)

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._subscription.close()
        self._wake()

    def next_chunk(self) -> bytes | None:
        """The next lines; see `exchange.Producer`."""
        return b"" if self._ended else self._subscription.next()

    def close(self) -> None:
        """The client has gone."""
        self._subscription.close()
        self._on_closed(self)


class Produced:
    """A download: runs the generator that reads the files, as far as the client takes it."""

    def __init__(
        self,
        loop: Loop,
        source: Source,
        library: Library,
        where: Range,
        filter_: Filter | None,
        wake: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._source = source
        self._wake = wake
        self._timer: Timer | None = None
        source.attach(self._heard)
        self._chunks: Generator[bytes | float | None, None, None] = download(
            source, library, where, filter_
        )

    def next_chunk(self) -> bytes | None:
        """The next bytes; see `exchange.Producer`."""
        if self._timer is not None and self._timer.active:
            return None
        try:
            chunk = next(self._chunks)
        except StopIteration:
            return b""
        except (BadCursor, LookupError, OSError) as error:
            log.warning("%s: a download has ended early: %r", self._source.name, error)
            raise CutShort from None
        if isinstance(chunk, bytes):
            return chunk
        if chunk is None:
            self._loop.defer(self._wake)
        else:
            self._timer = self._loop.call_later(chunk, self._wake)
        return None

    def close(self) -> None:
        """The end was reached, or the client has gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._chunks.close()
        self._source.detach(self._heard)

    def _heard(self, _event: str) -> None: ...
