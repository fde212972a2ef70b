"""The composition root: builds everything from a config, and starts, reloads and stops it.

Each constructor gets its own values; the config as a whole goes no further than this module.

    start    sockets, sources, loop; READY=1
    reload   the new config is loaded whole or refused whole, then applied as a difference
    stop     STOPPING=1 -> listeners closed -> Close 1001 to clients -> a short grace -> the rest
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from urllib.parse import urlencode

import prometheus_client

import tailws
from tailws import config, messages
from tailws.config import Config, ConfigError, Problem
from tailws.logs.catalog import Catalog
from tailws.logs.history import Shelf
from tailws.logs.source import Source
from tailws.messages import HelloHead, Opening, from_query
from tailws.runtime import systemd
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.stream import Stream
from tailws.runtime.watch import Watch
from tailws.server.access import Access, Principal, Token
from tailws.server.access_log import AccessLog, to_log
from tailws.server.client import FEATURES, Client, Shared
from tailws.server.exchange import AccessRecord, Router
from tailws.server.http import HttpLimits, HttpServer
from tailws.server.listener import Listener, SocketOptions, open_sockets
from tailws.server.site import Site, find_page, read_page
from tailws.server.tokens import load_tokens, page_address, random_token
from tailws.server.upgrade import Query, WebSocketRoute
from tailws.ws import Accepted, CloseCode, DeflatePolicy

log = logging.getLogger(__name__)

Reload = Callable[[list[Problem]], Config]
#: Seconds between two rounds over the clients: who is due for a ping, who has not answered one.
ROUND = 1.0
#: Descriptors that are not for log files: sockets, the selector, inotify, the log.
OTHER_FILES = 24


def run(
    cfg: Config,
    *,
    reload: Reload | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError, TokenError."""
    daemon = Daemon(cfg, reload)
    try:
        daemon.start()
        announce(daemon.address)
        daemon.loop.run()
    finally:
        daemon.close()


class Daemon:
    """Owns the loop and all that runs on it."""

    def __init__(self, cfg: Config, reload: Reload | None = None) -> None:
        self.config = cfg
        self._reload = reload
        self.loop = Loop()
        files = _raise_open_files()
        limits = cfg.limits
        self._watch = Watch(self.loop, limits.files.watches, limits.files.watches > 0)
        self.catalog = Catalog(
            self.loop, self._watch, _bounded(limits, files), self._sources_changed
        )
        self.catalog.on_new = self._appeared
        self.catalog.on_gone = self._vanished
        self._shelf = Shelf(limits.files.archive_memory)
        self._random_token = random_token()
        self._access = self._make_access(cfg)
        self._access_log = self._make_access_log(cfg)
        self.clients: set[Client] = set()
        self._shared = Shared(
            self.loop,
            self.catalog,
            self._shelf,
            limits.clients,
            limits.lines,
            limits.search,
            HelloHead(
                version=tailws.__version__,
                sources=[],
                features=FEATURES,
                host=socket.gethostname(),
                zone=_zone(),
                title=cfg.page.title,
                views=[
                    messages.View(name=name, address=address)
                    for name, address in cfg.page.views.items()
                ],
            ),
            time.time,
        )
        self.registry = prometheus_client.CollectorRegistry()
        self._stopping = False
        self.router = Router(_base(cfg))
        self.http = HttpServer(
            self.loop,
            self.router,
            self._access,
            limits=_http_limits(limits),
            access_log=self._log_access,
        )
        site = Site(
            read_page(find_page()),
            lambda: self.http.access,
            ready=lambda: not self._stopping,
            registry=self.registry if cfg.access.metrics != "off" else None,
            health=cfg.access.health,
            metrics=cfg.access.metrics,
        )
        site.add_routes(self.router)
        socket_route = WebSocketRoute(
            lambda: self.http.access, self._start_client, deflate=DeflatePolicy()
        )
        self.router.add("/ws", socket_route.route)
        self._listeners: list[Listener] = []
        self._rounds: Timer | None = None
        self._watchdog: Timer | None = None

    # -- start

    @property
    def address(self) -> str:
        """The one address to open."""
        cfg = self.config
        token = ""
        if cfg.access.tokens != "none" and not cfg.access.tokens:
            token = self._random_token
        return page_address(
            [listener.address for listener in self._listeners], cfg.access.base_path, token
        )

    def start(self) -> None:
        """Open the sockets, find the sources, say that we are ready. Raises ListenError."""
        self._listen()
        self.catalog.apply(self.config.sources, self._limits)
        self.loop.on_signal(signal.SIGTERM, self.stop)
        self.loop.on_signal(signal.SIGINT, self.stop)
        self.loop.on_signal(signal.SIGHUP, self.reload)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # F_SETLEASE sends SIGIO to its holder when a writer comes; the answer is the only news.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        self._rounds = self.loop.call_later(ROUND, self._round)
        interval = systemd.watchdog_interval()
        if interval:
            self._feed_watchdog(interval / 2)
        where = ", ".join(listener.address for listener in self._listeners)
        log.info(
            "tailws %s listens on %s, %d sources", tailws.__version__, where, len(self.catalog)
        )
        if not len(self.catalog):
            log.warning("nothing to follow yet: no path of the config matches a file")
        systemd.notify("READY=1", self._status())

    def _listen(self) -> None:
        clients = self.config.limits.clients
        options = SocketOptions(clients.send_buffer, clients.notsent_lowat)
        inherited = systemd.inherited_sockets()
        if inherited:
            for sock in inherited:
                self._add_listener(sock, options, unlink=False)
            return
        for listen in self.config.listen:
            for sock in open_sockets(listen):
                self._add_listener(sock, options, unlink=True)

    def _add_listener(self, sock: socket.socket, options: SocketOptions, *, unlink: bool) -> None:
        unix = sock.family == socket.AF_UNIX

        def accepted(accepted_sock: socket.socket, address: str) -> None:
            self.http.accept(accepted_sock, address, unix=unix)

        self._listeners.append(Listener(self.loop, sock, accepted, options, unlink=unlink))

    # -- clients

    def _start_client(
        self, stream: Stream, accepted: Accepted, principal: Principal, query: Query, left: bytes
    ) -> None:
        opening, problem = Opening(), None
        try:
            opening = from_query(urlencode(query))
        except messages.BadCommand as error:
            problem = error
        client = Client(
            self._shared, stream, principal, accepted.deflate, opening, self.clients.discard
        )
        self.clients.add(client)
        client.start(opening, left)
        if problem is not None:
            client.complain(problem)

    def _sources_changed(self) -> None:
        for client in list(self.clients):
            client.sources_changed()

    def _appeared(self, source: Source) -> None:
        for client in list(self.clients):
            client.appeared(source)

    def _vanished(self, source: Source) -> None:
        for client in list(self.clients):
            client.vanished(source.name)

    def _round(self) -> None:
        """Ping who is silent, drop who does not answer."""
        clients = self._shared.clients
        now = self.loop.clock()
        for client in list(self.clients):
            if client.pinged_at:
                if now - client.pinged_at > clients.ping_timeout:
                    client.lost()
            elif now - client.seen_at > clients.ping_after:
                client.ping()
        self._rounds = self.loop.call_later(ROUND, self._round)

    # -- systemd

    def _feed_watchdog(self, every: float) -> None:
        systemd.notify("WATCHDOG=1", self._status())
        self._watchdog = self.loop.call_later(every, lambda: self._feed_watchdog(every))

    def _status(self) -> str:
        return f"STATUS={len(self.catalog)} sources, {len(self.clients)} clients"

    # -- reload

    def reload(self) -> None:
        """Load the config anew; a wrong one is refused whole, and the old one goes on."""
        if self._reload is None or self._stopping:
            return
        systemd.reloading()
        warnings: list[Problem] = []
        try:
            cfg = self._reload(warnings)
            access = self._make_access(cfg)
        except (ConfigError, ValueError) as error:
            problems = error.problems if isinstance(error, ConfigError) else [error]
            for problem in problems:
                log.error("%s", problem)
            log.error("the config was not reloaded; the old one goes on")
            systemd.notify("READY=1", "STATUS=the config was refused; the old one goes on")
            return
        for warning in warnings:
            log.warning("%s", warning)
        self._apply(cfg, access)
        log.info("the config was reloaded, %d sources", len(self.catalog))
        systemd.notify("READY=1", self._status())

    def _apply(self, cfg: Config, access: Access) -> None:
        from tailws.log import set_level

        self.config = cfg
        set_level(cfg.log.level)
        self.http.access = access
        self.http.limits = _http_limits(cfg.limits)
        clients = cfg.limits.clients
        for listener in self._listeners:
            listener.set_options(SocketOptions(clients.send_buffer, clients.notsent_lowat))
        self._shared.clients = clients
        self._shared.lines = cfg.limits.lines
        self._shared.search = cfg.limits.search
        if self._access_log is not None:
            self._access_log.close()
        self._access_log = self._make_access_log(cfg)
        self.catalog.apply(cfg.sources, self._limits)

    @property
    def _limits(self) -> config.Limits:
        return _bounded(self.config.limits, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    # -- access

    def _make_access(self, cfg: Config) -> Access:
        access = cfg.access
        tokens = load_tokens(access)
        if tokens == []:
            tokens = [Token("printed", self._random_token, ("**",))]
        return Access(
            tokens,
            hosts=access.hosts,
            origins=access.origins,
            proxies=access.trusted_proxies,
            session=access.session,
            logins=cfg.limits.clients.logins,
            base_path=access.base_path,
        )

    def _make_access_log(self, cfg: Config) -> AccessLog | None:
        if cfg.log.access in ("none", "stderr"):
            return None
        return AccessLog(self.loop, cfg.log.access)

    def _log_access(self, record: AccessRecord) -> None:
        if self._access_log is not None:
            self._access_log.write(record)
        elif self.config.log.access == "stderr":
            to_log(record)

    # -- stop

    def stop(self) -> None:
        """Stop in order; a second call ends the grace."""
        if self._stopping:
            self.loop.stop()
            return
        self._stopping = True
        systemd.notify("STOPPING=1")
        log.info("stopping")
        for listener in self._listeners:
            listener.close()
        self.http.stop()
        for client in list(self.clients):
            client.close(CloseCode.GOING_AWAY, "the daemon stops")
        deadline = self.loop.clock() + self.config.limits.clients.stop_grace
        self._await_clients(deadline)

    def _await_clients(self, deadline: float) -> None:
        if not self.http.connections or self.loop.clock() >= deadline:
            self.loop.stop()
        else:
            self.loop.call_later(0.02, lambda: self._await_clients(deadline))

    def close(self) -> None:
        """Release everything."""
        for client in list(self.clients):
            client.cut("the daemon stops")
        self.http.close()
        for listener in self._listeners:
            listener.close()
        self.loop.turn(0)  # on_close of what was just closed
        self._shelf.close()
        self.catalog.close()
        self._watch.close()
        if self._access_log is not None:
            self._access_log.close()
        self.loop.close()


def _raise_open_files() -> int:
    """Raise the soft limit of descriptors to the hard one (getrlimit(2)); returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            pass
    return soft


def _bounded(limits: config.Limits, files: int) -> config.Limits:
    """The limits, with as many log files open at most as the process may have."""
    import msgspec

    most = max(4, (files - OTHER_FILES) // 2)
    if limits.files.open_files <= most:
        return limits
    return msgspec.structs.replace(
        limits, files=msgspec.structs.replace(limits.files, open_files=most)
    )


def _http_limits(limits: config.Limits) -> HttpLimits:
    clients = limits.clients
    return HttpLimits(
        clients.connections,
        clients.connections_per_address,
        clients.request_head,
        clients.request_body,
        clients.request_timeout,
        clients.idle_timeout,
    )


def _base(cfg: Config) -> str:
    return cfg.access.base_path.rstrip("/") + "/"


def _zone() -> str:
    """The name of the machine's time zone, for times in logs that name none."""
    try:
        target = os.readlink("/etc/localtime")
    except OSError:
        return time.tzname[0]
    return target.partition("zoneinfo/")[2] or time.tzname[0]
