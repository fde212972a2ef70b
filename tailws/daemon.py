"""The composition root: builds everything from a config, and starts, reloads and stops it.

Each constructor gets its own values; the config as a whole goes no further than this module.

    start    sockets, sources, loop; READY=1
    reload   the new config is loaded whole or refused whole, then applied as a difference
    stop     STOPPING=1 -> listeners closed -> Close 1001 to clients -> a short grace -> the rest
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import tailws
from tailws import config, messages
from tailws.config import Config, ConfigError, Problem
from tailws.log import report_dropped, set_level
from tailws.logs.activity import Meter
from tailws.logs.catalog import Catalog
from tailws.logs.document import Library
from tailws.logs.lookout import Lookouts
from tailws.logs.numbers import Numbering
from tailws.logs.source import Source
from tailws.messages import HelloHead, Opening, from_query
from tailws.reload import answer
from tailws.runtime import systemd
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.stream import Stream
from tailws.runtime.watch import Watch
from tailws.server.access import Access, Principal, Token
from tailws.server.access_log import AccessLog, to_log
from tailws.server.client import Client, Shared
from tailws.server.exchange import AccessRecord, Router
from tailws.server.http import HttpLimits, HttpServer
from tailws.server.listener import ListenError, SocketOptions, own_names
from tailws.server.listeners import Listeners
from tailws.server.liveness import Liveness
from tailws.server.rules import Rules
from tailws.server.site import SECURITY_HEADERS, Site, find_page, read_page
from tailws.server.stream_text import TextRoutes
from tailws.server.tokens import load_tokens, page_address, random_token
from tailws.server.totals import Totals
from tailws.server.upgrade import FEATURES, Query, WebSocketRoute
from tailws.ws import Accepted, CloseCode, DeflatePolicy

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)

Loader = Callable[[list[Problem]], Config]
#: Seconds between two looks at whether there is something to tell about ourselves.
TICK = 2.0
#: Seconds between two looks at what systemd shows as our status.
STATUS = 5.0
#: Seconds for which hints are gathered at most, while they keep coming.
GATHERING = 0.025
#: Descriptors that are not for log files: sockets, the selector, inotify, the log.
OTHER_FILES = 24


def run(
    cfg: Config,
    *,
    loader: Loader | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT; `loader` loads the config anew at SIGHUP.

    Raises ListenError, TokenError.
    """
    daemon = Daemon(cfg, loader)
    try:
        daemon.start()
        announce(daemon.address)
        gc.freeze()  # modules and config need not be looked through again and again
        gc.enable()
        daemon.loop.run()
    finally:
        daemon.close()


class Daemon:
    """Owns the loop and all that runs on it."""

    def __init__(
        self,
        cfg: Config,
        loader: Loader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is monotonic seconds: everything that waits for a time goes by it."""
        self.config = cfg
        self._loader = loader
        self.loop = Loop(clock)
        files = _raise_open_files()
        limits = cfg.limits
        self._watch = Watch(
            self.loop, limits.files.watches, limits.files.watches > 0, _gathering(limits)
        )
        self.catalog = Catalog(
            self.loop, self._watch, _bounded(limits, files), self._sources_changed
        )
        self.catalog.on_new = self._appeared
        self.catalog.on_gone = self._vanished
        self._library = Library(limits.files.archive_memory)
        self._meter = Meter(self.loop, self.catalog)
        self._numbering = Numbering(self._library)
        self._lookouts = Lookouts(self.catalog)
        self._random_token = random_token()
        self._access = self._make_access(cfg)
        self._access_log = self._make_access_log(cfg)
        self.clients: set[Client] = set()
        self._gone = self.clients.discard  # one for all
        self._liveness = Liveness(self.loop, self.clients, lambda: self.config.limits.clients)
        self._rules = Rules(self._lookouts, self.clients, time.time)
        self._shared = Shared(
            self.loop,
            self.catalog,
            self._library,
            self._meter,
            self._numbering,
            self._lookouts,
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
                views=_views(cfg),
            ),
            time.time,
            limits.files.lag_bytes,
        )
        self._text = TextRoutes(
            self.loop,
            self.catalog,
            self._library,
            lambda: self.config.limits.lines,
            lambda: self.config.limits.files.lag_bytes,
        )
        self._stopping = False
        self.http = HttpServer(
            self.loop,
            Router(),
            self._access,
            limits=_http_limits(limits),
            headers=SECURITY_HEADERS,
            access_log=self._log_access,
        )
        self._totals = Totals(self.catalog)
        self._page = read_page(find_page())
        self._route(cfg)
        self._listeners = Listeners(self.loop, self.http.accept)
        self._shown = (0.0, 0)  # when the status was shown, and the lines read until then
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
            self._listeners.addresses, cfg.access.base_path, token, tls=self._listeners.tls
        )

    def start(self) -> None:
        """Open the sockets, find the sources, say that we are ready. Raises ListenError."""
        # Before the sockets: who can connect may send SIGHUP, which would end us.
        self.loop.on_signal(signal.SIGTERM, self.stop)
        self.loop.on_signal(signal.SIGINT, self.stop)
        self.loop.on_signal(signal.SIGHUP, self.reload)
        self.loop.on_signal(signal.SIGCONT, self.catalog.was_stopped)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # F_SETLEASE sends SIGIO to its holder when a writer comes; the answer is the only news.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        options = _socket_options(self.config.limits)
        if not self._listeners.inherit(systemd.inherited_sockets(), options):
            self._listeners.apply(self.config.listen, options)
        self.catalog.apply(self.config.sources, self._limits)
        self._rules.apply(self.config.rules)
        self.loop.call_about(TICK, self._tick)
        log.info(
            "tailws %s listens on %s, %d sources",
            tailws.__version__,
            ", ".join(self._listeners.addresses),
            len(self.catalog),
        )
        if not len(self.catalog):
            log.warning("nothing to follow yet: no path of the config matches a file")
        systemd.notify("READY=1")
        self._show_status()
        interval = systemd.watchdog_interval()
        if interval:
            self._feed_watchdog(interval / 2)

    def _route(self, cfg: Config) -> None:
        """Lay out the table of what can be asked for."""
        router = Router(_base(cfg))
        site = Site(
            self._page,
            lambda: self.http.access,
            ready=lambda: not self._stopping,
            registry=(lambda: self._registry) if cfg.access.metrics != "off" else None,
            health=cfg.access.health,
            metrics=cfg.access.metrics,
        )
        site.add_routes(router)
        socket_route = WebSocketRoute(
            lambda: self.http.access, self._start_client, deflate=DeflatePolicy()
        )
        router.add("/ws", socket_route.route)
        self._text.add_routes(router)
        self.http.router = router

    @cached_property
    def _registry(self) -> CollectorRegistry:
        """What metrics are collected from, made when somebody asks for them."""
        from tailws.server.metrics import Metrics

        return Metrics(
            self.loop, self.catalog, self._totals, self._watch, self.http, self.clients
        ).registry

    # -- clients

    def _start_client(
        self, stream: Stream, accepted: Accepted, principal: Principal, query: Query, left: bytes
    ) -> None:
        opening, problem = Opening(), None
        try:
            opening = from_query(query)
        except messages.BadCommand as error:
            problem = error
        client = Client(self._shared, stream, principal, accepted.deflate, opening, self._gone)
        self.clients.add(client)
        client.start(opening, left)
        if problem is not None:
            client.complain(problem)

    def _sources_changed(self) -> None:
        for client in list(self.clients):
            client.sources_changed()

    def _appeared(self, source: Source) -> None:
        self._lookouts.appeared(source)
        for client in list(self.clients):
            client.appeared(source)

    def _vanished(self, source: Source) -> None:
        self._totals.forget(source)
        self._text.vanished(source)
        self._numbering.forget(source)
        self._lookouts.vanished(source)
        for client in list(self.clients):
            client.vanished(source.name)

    # -- systemd

    def _feed_watchdog(self, every: float) -> None:
        systemd.notify("WATCHDOG=1")
        self._watchdog = self.loop.call_later(every, lambda: self._feed_watchdog(every))

    def _tick(self) -> None:
        """Tell systemd how we are, and the log what it has lost."""
        self.loop.call_about(TICK, self._tick)
        if self.loop.clock() - self._shown[0] >= STATUS:
            self._show_status()
        report_dropped()

    def _show_status(self) -> None:
        """What `systemctl status` shows, with the lines read in each second since the last look."""
        now, lines = self.loop.clock(), self._totals.lines
        before, lines_before = self._shown
        rate = (lines - lines_before) / max(now - before, 1.0)
        self._shown = (now, lines)
        systemd.notify(
            systemd.status(
                f"{len(self.catalog)} sources, {len(self.clients)} clients, "
                f"{rate:.0f} lines a second"
            )
        )

    # -- reload

    def reload(self) -> None:
        """Load the config anew; a wrong one is refused whole, and the old one goes on."""
        if self._access_log is not None:
            self._access_log.reopen()
        if self._loader is None or self._stopping:
            return
        systemd.reloading()
        problems: list[Problem] = []
        try:
            cfg = self._loader(problems)
            access = self._make_access(cfg)
            self._listeners.apply(cfg.listen, _socket_options(cfg.limits))
        except (ConfigError, ValueError, ListenError) as error:
            refused = error.problems if isinstance(error, ConfigError) else [error]
            for problem in refused:
                log.error("%s", problem)
            log.error("the config was not reloaded; the old one goes on")
            systemd.notify("READY=1")
            answer(False, refused)
            return
        for warning in problems:
            log.warning("%s", warning)
        self._apply(cfg, access)
        log.info("the config was reloaded, %d sources", len(self.catalog))
        systemd.notify("READY=1")
        self._show_status()
        answer(True, problems)

    def _apply(self, cfg: Config, access: Access) -> None:
        """Change what is different; nobody else notices."""
        before, self.config = self.config, cfg
        set_level(cfg.log.level)
        self.http.access = access
        self.http.limits = _http_limits(cfg.limits)
        self._watch.limit = cfg.limits.files.watches
        self._watch.pause = _gathering(cfg.limits)
        shared = self._shared
        shared.clients = cfg.limits.clients
        shared.lines = cfg.limits.lines
        shared.search = cfg.limits.search
        shared.lag_bytes = cfg.limits.files.lag_bytes
        shared.hello.title = cfg.page.title
        shared.hello.views = _views(cfg)
        if cfg.access != before.access:
            self._route(cfg)
        if cfg.log.access != before.log.access:
            if self._access_log is not None:
                self._access_log.close()
            self._access_log = self._make_access_log(cfg)
        for client in list(self.clients):
            principal = access.still(client.principal)
            if principal is None:
                client.close(CloseCode.POLICY_VIOLATION, "this token is not valid any more")
            else:
                client.admit(principal)
        self._text.admit(access.still)
        self._liveness.look()
        self.catalog.apply(cfg.sources, self._limits)
        self._rules.apply(cfg.rules)

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
            hosts=own_names(cfg.listen).union(access.hosts),
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
        self._listeners.close()
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
        self._listeners.close()
        self.loop.turn(0)  # on_close of what was just closed
        self._meter.close()
        self._numbering.close()
        self._rules.close()
        self._lookouts.close()
        self._library.close()
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


def _gathering(limits: config.Limits) -> float:
    """How long hints are gathered: half of a window, which then is not exceeded by both."""
    return min(GATHERING, limits.lines.window / 2)


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


def _socket_options(limits: config.Limits) -> SocketOptions:
    return SocketOptions(limits.clients.send_buffer, limits.clients.notsent_lowat)


def _views(cfg: Config) -> list[messages.View]:
    return [messages.View(name=name, address=address) for name, address in cfg.page.views.items()]


def _base(cfg: Config) -> str:
    return cfg.access.base_path.rstrip("/") + "/"


def _zone() -> str:
    """The name of the machine's time zone, for times in logs that name none."""
    try:
        target = os.readlink("/etc/localtime")
    except OSError:
        return time.tzname[0]
    return target.partition("zoneinfo/")[2] or time.tzname[0]
