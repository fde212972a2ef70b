"""All addresses of a config: opened whole or not at all, and changed while others go on.

Where systemd has passed sockets, they are what is served, and the config's addresses have no part.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tailws.config import Listen
from tailws.runtime.loop import Loop
from tailws.server.listener import (
    Listener,
    ListenError,
    SocketOptions,
    is_filtered,
    open_sockets,
    tls_context,
)

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)

#: What stands for an address of the config where systemd has opened it.
INHERITED = "systemd"


class Accept(Protocol):
    """Takes a connection, as `HttpServer.accept` does."""

    def __call__(
        self, sock: socket.socket, address: str, *, unix: bool, tls: ssl.SSLContext | None
    ) -> None: ...


class Listeners:
    """Owns the listeners, and the TLS contexts of those that have one."""

    def __init__(self, loop: Loop, accept: Accept) -> None:
        self._loop = loop
        self._accept = accept
        self._listeners: dict[str, list[Listener]] = {}  # a name stands for several addresses
        self._tls: dict[str, ssl.SSLContext | None] = {}

    @property
    def addresses(self) -> list[str]:
        """Where we listen, as it would stand in the config."""
        return [each.address for several in self._listeners.values() for each in several]

    @property
    def tls(self) -> bool:
        """Whether the first TCP address speaks TLS."""
        tcp = (
            address
            for address, several in self._listeners.items()
            if not any(each.unix for each in several)
        )
        return self._tls.get(next(tcp, "")) is not None

    def inherit(self, sockets: Sequence[socket.socket], options: SocketOptions) -> bool:
        """Serve what systemd has opened; False when it was nothing."""
        for sock in sockets:
            self._add(INHERITED, sock, options, unlink=False)
        return bool(sockets)

    def apply(self, listening: Sequence[Listen], options: SocketOptions) -> None:
        """Open the addresses that are new, then close those that are no more.

        Raises `ListenError`, and then nothing has changed. Whoever is connected stays so.
        """
        if INHERITED not in self._listeners:
            self._change(listening, options)
        for several in self._listeners.values():
            for listener in several:
                listener.set_options(options)

    def _change(self, listening: Sequence[Listen], options: SocketOptions) -> None:
        tls = {listen.address: tls_context(listen) for listen in listening}
        opened: list[tuple[str, socket.socket]] = []
        try:
            for listen in listening:
                if listen.address not in self._listeners:
                    opened += [(listen.address, sock) for sock in open_sockets(listen)]
        except ListenError:
            for _, sock in opened:
                sock.close()
            raise
        self._tls = tls
        for address in self._listeners.keys() - tls.keys():
            for listener in self._listeners.pop(address):
                listener.close()
        for address, sock in opened:
            self._add(address, sock, options, unlink=True)
            if is_filtered(sock):
                log.warning(
                    "%s: connections from other machines are dropped by IPAddressDeny= of the "
                    "unit, or a firewall; any-address.conf opens it",
                    address,
                )

    def _add(
        self, address: str, sock: socket.socket, options: SocketOptions, *, unlink: bool
    ) -> None:
        unix = sock.family == socket.AF_UNIX

        def accepted(connection: socket.socket, peer: str) -> None:
            self._accept(connection, peer, unix=unix, tls=self._tls.get(address))

        listener = Listener(self._loop, sock, accepted, options, unlink=unlink)
        self._listeners.setdefault(address, []).append(listener)

    def close(self) -> None:
        """Stop listening everywhere. Idempotent."""
        for several in self._listeners.values():
            for listener in several:
                listener.close()
