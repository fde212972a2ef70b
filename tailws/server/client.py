"""One browser: its stream, its WebSocket, its subscriptions, and whose turn is next.

    on_data -> ServerConnection.receive -> messages.parse -> a handler of the table -> answer
    a subscription has something -> `_ready` -> once a turn `_flush` -> next() -> stream.send

What is sent is pulled: while the kernel takes no more, nothing is read from any file for this
client, so a browser that does not read costs its cursors and what the kernel holds; nor is anything
read from who does not take the answers to what it asks. Subscriptions take turns by frames. Answers
to commands go before lines, control frames before both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from tailws import messages
from tailws.config import Clients, Lines, Search
from tailws.logs.activity import Meter
from tailws.logs.catalog import Catalog
from tailws.logs.document import Library, attached
from tailws.logs.lookout import Lookouts
from tailws.logs.numbers import Numbering
from tailws.logs.source import Source
from tailws.logs.subscription import Begin, Subscription, View
from tailws.messages import (
    BadCommand,
    ErrorCode,
    ErrorHead,
    Head,
    HelloHead,
    Opening,
    SourceInfo,
    SourcesHead,
    Subscribe,
    Unsubscribe,
    UnsubscribedHead,
    encode,
)
from tailws.names import name_glob
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.stream import Stream
from tailws.server.access import Principal
from tailws.server.jobs import Jobs
from tailws.ws import (
    Binary,
    CloseCode,
    Closed,
    DeflateParameters,
    Failed,
    Limits,
    Opcode,
    Ping,
    Pong,
    ServerConnection,
    State,
    Text,
    frame_header,
)

log = logging.getLogger(__name__)

#: Seconds that one client may take of a turn, however little comes of it.
TURN_SECONDS = 0.005
#: Seconds over which the rate of commands is an average.
RATE_SPAN = 10.0


class Shared(Struct):
    """What all clients have in common; the daemon replaces values on reload."""

    loop: Loop
    catalog: Catalog
    library: Library
    meter: Meter
    numbering: Numbering
    lookouts: Lookouts
    clients: Clients
    lines: Lines
    search: Search
    hello: HelloHead
    wall: Callable[[], float]
    lag_bytes: int = 0  # of limits.files


@lru_cache(maxsize=4)
def _limits(message: int, fragments: int) -> Limits:
    """One for all clients."""
    return Limits(message, fragments)


@lru_cache(maxsize=4)
def _view(deflate: bool, text: bool) -> View:
    """One for all who see everything."""
    return View(deflate, text)


class Glob:
    """A subscription to all sources whose names match, now and later."""

    __slots__ = ("command", "matches")

    def __init__(self, command: Subscribe) -> None:
        self.command = command
        self.matches = name_glob(command.source)


class Client:
    """A stream's handler behind the 101."""

    __slots__ = (
        "_allowance",
        "_allowed_at",
        "_closing",
        "_commands",
        "_globs",
        "_held",
        "_jobs",
        "_outbox",
        "_ready",
        "_scheduled",
        "_sources_due",
        "_stream",
        "_taken",
        "_text",
        "_ws",
        "on_closed",
        "pinged_at",
        "principal",
        "seen_at",
        "shared",
        "subscriptions",
    )

    def __init__(
        self,
        shared: Shared,
        stream: Stream,
        principal: Principal,
        deflate: DeflateParameters | None,
        opening: Opening,
        on_closed: Callable[[Client], None],
    ) -> None:
        limits = shared.clients
        self.shared = shared
        self._stream = stream
        self.principal = principal
        self._ws = ServerConnection(
            _limits(limits.message_bytes, limits.fragments), deflate=deflate
        )
        self._text = opening.text
        self.on_closed = on_closed
        self.subscriptions: dict[str, Subscription] = {}
        self._globs: dict[str, Glob] | None = None  # made when first needed, as what follows
        # lists, though they are queues: short ones, and an empty deque takes 760 bytes
        self._ready: list[Subscription] = []
        self._outbox: list[bytes] = []
        self._held: dict[object, Callable[[], None]] | None = None
        self._jobs: Jobs | None = None
        self._scheduled = False
        self._sources_due = False
        self._closing: Timer | None = None
        self.seen_at = shared.loop.clock()
        self.pinged_at: float | None = None  # None: no answer is awaited
        self._taken = stream.sent
        self._allowance = limits.commands_per_second * RATE_SPAN
        self._allowed_at = self.seen_at

    def start(self, opening: Opening, leftover: bytes) -> None:
        """Say hello, subscribe to what the address asked for, and take what came early."""
        self._stream.start(self)
        try:
            if not self._text:
                hello = self.shared.hello
                hello.sources = self.sources()
                hello.now = int(self.shared.wall() * 1000)
                self.say(hello)
            for command in opening.subscriptions:
                self._guard(command)
                if self._text and self._stream.closed:
                    return
        except Exception:  # noqa: BLE001 (it is logged)
            self._failed()
        if leftover:
            self.on_data(leftover)

    @property
    def peer(self) -> str:
        return self._stream.peer

    def sources(self) -> list[SourceInfo]:
        """What this client may see."""
        may_see = self.principal.may_see
        self.shared.catalog.glance()
        return [source_info(source) for source in self.shared.catalog if may_see(source.name)]

    # -- the stream

    def on_data(self, data: bytes) -> None:
        self.seen()
        try:
            self._take(data)
        except Exception:  # noqa: BLE001 (it is logged)
            self._failed()
        if self._ws.state is State.CLOSED:
            self._leave()
        elif not self._stream.owed:
            self._send_owed()

    def _take(self, data: bytes) -> None:
        for event in self._ws.receive(data):
            match event:
                case Text():
                    self._on_text(event.data)
                case Binary():
                    self.close(CloseCode.UNSUPPORTED_DATA, "commands are text")
                case Failed():
                    log.info("%s: closed with %d: %s", self.peer, event.code, event.reason)
                case Ping() | Pong() | Closed():
                    pass

    def on_room(self) -> None:
        self.seen()
        self._send_owed()
        self._flush()

    def on_eof(self) -> None:
        self._ws.receive_eof()
        self._stream.close("the client has gone")

    def on_close(self, _reason: str) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._follow_nothing()
        if self._jobs is not None:
            self._jobs.close()
        while self._held:
            self._held.popitem()[1]()
        self.on_closed(self)

    # -- closing

    def close(self, code: CloseCode, reason: str) -> None:
        """Begin the closing handshake (RFC 6455, section 7.1.2)."""
        if self._ws.state is not State.OPEN:
            return
        self._ws.close(code, reason)
        self._follow_nothing()
        self._outbox.clear()
        self._stream.resume()  # the peer's Close is awaited
        self._send_owed()
        self._cut_off_later()

    def _leave(self) -> None:
        """Both Close frames are on their way, or the rules were broken: the server closes first."""
        self._follow_nothing()
        self._send_owed()
        self._stream.end()
        self._cut_off_later()

    def _cut_off_later(self) -> None:
        if self._closing is None:
            self._closing = self.shared.loop.call_later(
                self.shared.clients.close_timeout,
                lambda: self._stream.close("the closing handshake took too long"),
            )

    def _follow_nothing(self) -> None:
        """No line may come behind a Close frame (RFC 6455, section 5.5.1)."""
        for subscription in self.subscriptions.values():
            subscription.close()
        self.subscriptions.clear()
        self._globs = None
        self._ready.clear()

    def _failed(self) -> None:
        """Close for a mistake of ours that has just been raised."""
        log.exception("serving %s failed", self.peer)
        self.close(
            CloseCode.INTERNAL_ERROR, "the daemon has made a mistake; its own log says which"
        )

    def cut(self, reason: str) -> None:
        """Close the socket without a closing handshake."""
        self._stream.close(reason)

    def lost(self) -> None:
        """No answer to a ping: there is nobody to say good-bye to."""
        log.info("%s: no answer to a ping; closed", self.peer)
        self.cut("no answer to a ping")

    def complain(self, error: BadCommand) -> None:
        """The address asked for something that cannot be."""
        self.error(error.code, error.message)

    def ping(self) -> None:
        """Ask whether the client is still there; one that is being closed has its own deadline."""
        if self._ws.ping():
            self.pinged_at = self.shared.loop.clock()
            self._send_owed()

    def seen(self) -> None:
        """There was a sign of life."""
        self.seen_at = self.shared.loop.clock()
        self.pinged_at = None

    def is_taking(self) -> bool:
        """Tell whether it has taken anything of what is owed since this was asked last."""
        before, self._taken = self._taken, self._stream.sent
        return self._stream.owed > 0 and self._taken > before

    # -- sending

    @property
    def has_room(self) -> bool:
        """Whether all that was said so far has been taken by the kernel."""
        return not self._outbox and not self._stream.owed

    @property
    def is_stuck(self) -> bool:
        """Whether the kernel has no room for what was sent to it: it does not read."""
        return self._stream.owed > 0

    @property
    def jobs(self) -> Jobs:
        """Its long work."""
        if self._jobs is None:
            shared = self.shared
            self._jobs = Jobs(shared.loop, lambda: shared.search.at_once, lambda: self.has_room)
        return self._jobs

    def hold(self, key: object, release: Callable[[], None]) -> None:
        """Something that goes on until it is released, at the latest when the client goes."""
        if self._held is None:
            self._held = {}
        self._held[key] = release

    def holds(self, kind: str) -> int:
        """How many things of a kind it holds: the first half of their keys."""
        return sum(isinstance(key, tuple) and key[0] == kind for key in self._held or ())

    def release(self, key: object) -> bool:
        """End it; False: there is no such thing."""
        release = self._held.pop(key, None) if self._held else None
        if release is not None:
            release()
        return release is not None

    def say(self, head: Head, body: bytes | None = None) -> None:
        """Queue a message; nothing for a client that wants lines only."""
        if self._text or self._ws.state is not State.OPEN:
            return
        payload = encode(head, body)
        self._outbox.append(frame_header(Opcode.TEXT, len(payload)) + payload)
        self._schedule()

    def sources_changed(self) -> None:
        """Say what may be seen now, as soon as there is room: only the latest list counts."""
        if not self._text:
            self._sources_due = True
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.shared.loop.defer(self._flush)

    def _is_ready(self, subscription: Subscription) -> None:
        self._ready.append(subscription)
        if not self._scheduled:
            self._scheduled = True
            self.shared.loop.defer(self._flush)

    def _send_owed(self) -> None:
        owed = self._ws.owed()
        if owed:
            self._stream.send(owed)

    def _flush(self) -> None:
        self._scheduled = False
        if self._closing is not None or self._stream.closed:
            return
        try:
            if self._outbox or self._sources_due:
                self._send_answers()
            self._send_lines()
        except Exception:  # noqa: BLE001 (it is logged)
            self._failed()

    def _send_answers(self) -> None:
        stream = self._stream
        outbox = self._outbox
        if self._sources_due and not stream.owed:
            self._sources_due = False
            self.say(SourcesHead(sources=self.sources()))
        while outbox and not stream.owed:
            stream.send(outbox.pop(0))
        # Who does not take answers is asked for no more questions, or they would pile up here.
        if outbox:
            stream.pause()
        else:
            stream.resume()

    def _send_lines(self) -> None:
        stream = self._stream
        if stream.owed:
            return  # `on_room` goes on
        ready = self._ready
        room = self.shared.clients.turn_bytes
        until = 0.0
        while ready and not stream.owed and room > 0:
            subscription = ready[0]
            frame = subscription.next()
            if subscription.waiting:
                ready.pop(0)
            else:
                ready.append(ready.pop(0))
            if frame is not None:
                room -= len(frame)
                stream.send(frame)
            if ready:  # a filter may take long, and leave next to nothing
                now = self.shared.loop.clock()
                until = until or now + TURN_SECONDS
                if now >= until:
                    break
        if self._jobs is not None:
            self._jobs.go_on()
        if (ready or self._outbox) and not stream.owed:
            self._schedule()

    # -- commands

    def _on_text(self, text: str) -> None:
        if self._ws.state is not State.OPEN or not self._may_command():
            return
        if self._text and not text.startswith("{"):
            return  # Enter in a terminal, to mark a place, as people do under tail -f
        try:
            command = messages.parse(text)
        except BadCommand as error:
            self.error(error.code, error.message, error.id)
            return
        self._guard(command)

    def _may_command(self) -> bool:
        """A token bucket: commands_per_second on average, and ten seconds' worth at once."""
        rate = self.shared.clients.commands_per_second
        now = self.shared.loop.clock()
        self._allowance = min(rate * RATE_SPAN, self._allowance + (now - self._allowed_at) * rate)
        self._allowed_at = now
        if self._allowance < 1:
            self.close(CloseCode.POLICY_VIOLATION, f"more than {rate} commands a second")
            return False
        self._allowance -= 1
        return True

    def _guard(self, command: messages.Command) -> None:
        """Carry a command out; whatever is wrong with it becomes an `error`."""
        handler = HANDLERS.get(type(command)) or _handler(type(command))
        try:
            if handler is None:
                raise BadCommand("not-offered", "This daemon does not offer that.", command.id)
            handler(self, command)
        except BadCommand as error:
            source = getattr(command, "source", "")
            self.error(error.code, error.message, error.id or command.id, source)

    def error(
        self, code: ErrorCode, message: str, id_: messages.Id | None = None, source: str = ""
    ) -> None:
        if self._text:
            self.close(CloseCode.POLICY_VIOLATION, message[:100])
            return
        head = ErrorHead(code=code, message=message, source=source)
        if id_ is not None:
            head.id = id_
        self.say(head)

    def source(self, name: str) -> Source:
        source = self.shared.catalog.find(name)
        if source is None or not self.principal.may_see(name):
            raise BadCommand("unknown-source", f"There is no source '{name[:200]}'.")
        return source

    def _subscribe(self, command: Subscribe) -> None:
        if command.is_glob:
            command.filter()  # tells what is wrong with it
            self._unsubscribe_glob(command.source)
            glob = Glob(command)
            self._globs = {**(self._globs or {}), command.source: glob}
            for source in list(self.shared.catalog):
                if glob.matches(source.name) and self.principal.may_see(source.name):
                    cursors = command.cursors
                    if cursors is None:
                        begin = self._begin(command, source)
                    elif source.name in cursors:
                        begin = Begin(cursor=cursors[source.name])
                    else:
                        begin = Begin(start=True)
                    self._add(source, begin, command, command.id)
            return
        source = self.source(command.source)
        self._add(source, self._begin(command, source), command, command.id)

    def _begin(self, command: Subscribe, source: Source) -> Begin:
        return Begin.of(command, self.shared.lines, source, self.shared.library)

    def _add(
        self, source: Source, begin: Begin, command: Subscribe, id_: messages.Id | None = None
    ) -> None:
        filter_ = command.filter(source.format)
        self._drop(source.name)
        if len(self.subscriptions) >= self.shared.clients.subscriptions:
            raise BadCommand(
                "too-many",
                f"One client may subscribe to {self.shared.clients.subscriptions} sources.",
            )
        view = _view(self._ws.deflate is not None, self._text)
        if filter_ is not None:
            view = view._replace(filter=filter_)
        shared = self.shared
        with attached(source):
            if not self._text:
                shared.numbering.want(source)
            self.subscriptions[source.name] = Subscription(
                source, view, begin, self._is_ready, shared.lag_bytes, id_, self._stream
            )

    def appeared(self, source: Source) -> None:
        """A new source: whoever subscribed to a glob that matches gets it from its beginning."""
        if not self.principal.may_see(source.name) or source.name in self.subscriptions:
            return
        for glob in (self._globs or {}).values():
            if glob.matches(source.name):
                try:
                    self._add(source, Begin(start=True), glob.command)
                except BadCommand as error:
                    self.error(error.code, error.message, None, source.name)
                return

    def admit(self, principal: Principal) -> None:
        """The rules have changed: this is who it is now."""
        if principal == self.principal:
            return
        self.principal = principal
        for name in [name for name in self.subscriptions if not principal.may_see(name)]:
            self.vanished(name)
        for source in list(self.shared.catalog):
            self.appeared(source)
        self.sources_changed()

    def vanished(self, name: str) -> None:
        """A source is no longer followed."""
        if self._drop(name):
            self.say(UnsubscribedHead(source=name))

    def _drop(self, name: str) -> bool:
        subscription = self.subscriptions.pop(name, None)
        if subscription is None:
            return False
        subscription.close()
        if subscription in self._ready:
            self._ready.remove(subscription)
        return True

    def _unsubscribe(self, command: Unsubscribe) -> None:
        if self._globs and command.source in self._globs:
            self._unsubscribe_glob(command.source)
        elif not self._drop(command.source):
            raise BadCommand("unknown-source", f"Not subscribed to '{command.source[:200]}'.")
        self.say(UnsubscribedHead(source=command.source))

    def _unsubscribe_glob(self, pattern: str) -> None:
        glob = self._globs.pop(pattern, None) if self._globs else None
        if glob is not None:
            for name in [name for name in self.subscriptions if glob.matches(name)]:
                self._drop(name)


Handler = Callable[..., None]

HANDLERS: dict[type, Handler] = {
    Subscribe: Client._subscribe,
    Unsubscribe: Client._unsubscribe,
}


def _handler(kind: type) -> Handler | None:
    """The handler of every other command."""
    from tailws.server import commands  # a start is not to wait for all that searches

    return commands.HANDLERS.get(kind)


def source_info(source: Source) -> SourceInfo:
    info = SourceInfo(
        name=source.name,
        state=source.state,
        detail=source.reason,
        path=_shown(source.path),
        zone=source.zone_name,
        format=source.format,
    )
    if source.chain.shown is not None and info.state == "live":
        size, written = source.chain.shown  # by these a page opens the log that is alive
        info.size, info.modified = size, written // 1_000_000
    return info


def _shown(path: str) -> str:
    """A path for people: bytes that are no UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
