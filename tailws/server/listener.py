"""Listening sockets: made from an address or inherited, and accepting without ever blocking."""

from __future__ import annotations

import errno
import grp
import ipaddress
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from tailws.config import Listen
from tailws.runtime.loop import READ, Loop, Timer

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)

#: Connections that wait in the kernel until they are accepted; clipped to net.core.somaxconn.
BACKLOG = 1024
#: Connections accepted in one turn of the loop: a flood of them must not hold up the rest.
ACCEPT_BUDGET = 64
#: Seconds without accepting after descriptors or memory ran out. The waiting connection keeps the
#: listener ready, so going on at once would only spin.
EXHAUSTED_PAUSE = 1.0

# What accept(2) says of one connection that has gone wrong, or of the network that it came by.
_GONE = {
    errno.ECONNABORTED, errno.EPERM, errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT,
    errno.EHOSTDOWN, errno.ENONET, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH,
    errno.ECONNRESET, errno.ETIMEDOUT,
}  # fmt: skip
# A peer that vanishes in silence is noticed after 60 + 4 * 15 seconds.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)
_HINTS = {errno.EMFILE: " (LimitNOFILE= of the unit, or ulimit -n, says how many)"}
_TCP_NOTSENT_LOWAT = 25  # tcp(7); the socket module names it from Python 3.12 on


class ListenError(Exception):
    """Listening is not possible; the text is one sentence for the user."""


class SocketOptions(Struct, frozen=True):
    """What the kernel may hold for a client that does not read, in bytes; 0: its own choice."""

    send_buffer: int = 256 * 1024  # SO_SNDBUF
    notsent_lowat: int = 128 * 1024  # TCP_NOTSENT_LOWAT


DEFAULT_OPTIONS = SocketOptions()


def tls_context(listen: Listen) -> ssl.SSLContext | None:
    """Return what an address needs to speak TLS; None: it does not. Raises `ListenError`."""
    if listen.tls is None:
        return None
    import ssl  # only here is OpenSSL needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        for path in (listen.tls.certificate, listen.tls.key):
            with open(path, "rb"):  # OpenSSL does not say which of the two it is
                pass
        context.load_cert_chain(listen.tls.certificate, listen.tls.key, password=_no_password)
    except ssl.SSLError as error:
        why = error.reason or str(error)
        raise ListenError(
            f"{listen.address}: {listen.tls.certificate} and {listen.tls.key} are not a "
            f"certificate and its key ({why})."
        ) from None
    except OSError as error:
        raise ListenError(f"{listen.address}: {error.filename}: {error.strerror}.") from None
    except ValueError as error:
        raise ListenError(f"{listen.address}: {error}") from None
    return context


def _no_password() -> str:
    raise ValueError("the key has a passphrase, which nobody is there to type.")


def open_sockets(listen: Listen, backlog: int = BACKLOG) -> list[socket.socket]:
    """Return listening sockets for one address: several where a name stands for several.

    Raises `ListenError`.
    """
    if listen.unix:
        return [_open_unix(listen, backlog)]
    # As bytes where it can be: for a text Python loads the tables of international names.
    host = listen.host.encode() if listen.host.isascii() else listen.host
    try:
        found = socket.getaddrinfo(
            host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise ListenError(
            f"{listen.address}: this name has no address ({error.strerror})."
        ) from None
    port = listen.port
    opened: list[socket.socket] = []
    failed: list[ListenError] = []
    for family, where in dict.fromkeys((entry[0], entry[4]) for entry in found):
        try:
            sock = _open_tcp(listen, family, (where[0], port, *where[2:]), backlog)
        except ListenError as error:
            failed.append(error)
        else:
            opened.append(sock)
            port = port or sock.getsockname()[1]  # a name's addresses share one port
    # `localhost` is two addresses, of which a machine without IPv6 has only one.
    if not opened or any("in use" in str(error) for error in failed):
        for sock in opened:
            sock.close()
        raise failed[0]
    return opened


def _open_tcp(
    listen: Listen, family: int, where: tuple[object, ...], backlog: int
) -> socket.socket:
    sock: socket.socket | None = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `[::]` is every address, whatever net.ipv6.bindv6only says.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, where[0] != "::")
        sock.bind(where)
        sock.listen(backlog)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise ListenError(f"{listen.address}: {_why(error, listen)}.") from None
    return sock


def _why(error: OSError, listen: Listen) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                "this address is in use; is tailws running already? "
                f"Another one is chosen with --listen {listen.host}:{_another(listen.port)}"
            )
        case errno.EACCES:
            return (
                "not permitted; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
            )
        case errno.EADDRNOTAVAIL:
            return "this machine does not have this address"
    return str(error.strerror)


def _another(port: int) -> int:
    return port + 1 if port < 65535 else port - 1


def _open_unix(listen: Listen, backlog: int) -> socket.socket:
    path = listen.unix
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.bind(path)
        # Nobody can connect before listen(2), so there is no moment with other permissions.
        if listen.group:
            os.chown(path, -1, grp.getgrnam(listen.group).gr_gid)
        os.chmod(path, listen.mode)
        sock.listen(backlog)
    except KeyError:
        sock.close()
        os.unlink(path)
        raise ListenError(f"{path}: there is no group {listen.group!r}.") from None
    except OSError as error:
        sock.close()
        raise ListenError(f"{path}: {error.strerror}.") from None
    return sock


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens on: bind(2) would not replace it."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise ListenError(f"{path}: this exists and is not a socket.")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except BlockingIOError:
        pass  # its backlog is full: somebody listens
    except OSError as error:
        raise ListenError(f"{path}: {error.strerror}.") from None
    raise ListenError(f"{path}: this address is in use; is tailws running already?")


def describe(sock: socket.socket) -> str:
    """Return a listening socket's address as it would stand in the config."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"


def is_filtered(sock: socket.socket) -> bool:
    """Tell whether a filter drops what other machines send to a listening socket.

    `IPAddressDeny=` of the unit (systemd.resource-control(5)) does so in silence, but refuses what
    we send ourselves with EPERM: here an empty datagram to our own address.
    """
    if sock.family == socket.AF_UNIX:
        return False
    host, _, *scope = sock.getsockname()
    ip = ipaddress.ip_address(host.partition("%")[0])
    if ip.is_loopback:
        return False
    try:
        if ip.is_unspecified:
            with socket.socket(sock.family, socket.SOCK_DGRAM) as route:
                route.connect(("192.0.2.1" if ip.version == 4 else "2001:db8::1", 9))
                host = route.getsockname()[0]
        with socket.socket(sock.family, socket.SOCK_DGRAM) as probe:
            probe.sendto(b"", socket.MSG_DONTWAIT, (host, 9, *scope))  # discard (RFC 863)
    except PermissionError:
        return True
    except OSError:
        pass  # no route: then nobody else is there
    return False


def own_names(listening: Iterable[Listen]) -> set[str]:
    """Return the names that browsers may know this machine by: its own, and those it listens on."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"} | {listen.host.lower() for listen in listening} - {""}


class Listener:
    """Owns one listening socket; `accepted(sock, address)` gets each connection.

    `address` is the peer's IP address, or for a Unix socket the path that it connected to.
    `unlink` says that a Unix socket's file is ours to remove.
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        accepted: Callable[[socket.socket, str], None],
        options: SocketOptions = DEFAULT_OPTIONS,
        *,
        unlink: bool = False,
    ) -> None:
        sock.setblocking(False)
        self.address = describe(sock)
        self.unix = sock.family == socket.AF_UNIX
        self._loop = loop
        self._sock = sock
        self._accepted = accepted
        self._resume: Timer | None = None
        self._exhausted = False
        self._registered = False
        self._closed = False
        self._file = os.stat(sock.getsockname()) if self.unix and unlink else None
        self.set_options(options)
        self._register()

    def set_options(self, options: SocketOptions) -> None:
        """Apply socket options to the connections accepted from now on."""
        self._options = options
        if self.unix:
            return
        # On Linux accepted TCP sockets inherit these, which saves the calls for each of them.
        for level, option, value in (
            *_KEEPALIVE,
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer),
            (socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, options.notsent_lowat),
        ):
            if value:
                self._sock.setsockopt(level, option, value)

    def _register(self) -> None:
        if not self._registered and not self._closed:
            self._loop.register(self._sock.fileno(), READ, self._ready)
            self._registered = True

    def _unregister(self) -> None:
        if self._registered:
            self._loop.unregister(self._sock.fileno())
            self._registered = False

    def _ready(self, _mask: int) -> None:
        for _ in range(ACCEPT_BUDGET):
            if self._closed:
                return
            try:
                sock, peer = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _GONE:
                    continue
                self._pause(error)
                return
            if self._exhausted:
                self._exhausted = False
                log.warning("%s: accepting connections again", self.address)
            self._accepted(sock, self._prepare(sock, peer))

    def _prepare(self, sock: socket.socket, peer: object) -> str:
        if self.unix:
            if self._options.send_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._options.send_buffer)
            return self.address.removeprefix("unix:")
        assert isinstance(peer, tuple)
        return sys.intern(str(peer[0]).removeprefix("::ffff:"))  # many may have the same

    def _pause(self, error: OSError) -> None:
        if not self._exhausted:
            self._exhausted = True
            log.error(
                "%s: cannot accept connections, which wait: %s%s",
                self.address,
                error.strerror,
                _HINTS.get(error.errno or 0, ""),
            )
        self._unregister()
        self._resume = self._loop.call_later(EXHAUSTED_PAUSE, self._register)

    def close(self) -> None:
        """Stop listening. Idempotent."""
        if self._closed:
            return
        self._unregister()
        self._closed = True
        if self._resume is not None:
            self._resume.cancel()
        path = self._sock.getsockname()
        self._sock.close()
        if self._file is not None:
            try:
                if os.path.samestat(os.stat(path), self._file):  # not that of a successor
                    os.unlink(path)
            except OSError:
                pass
