"""A stream that speaks TLS.

OpenSSL may want to read before it can write and the other way round, so the interest mask is
derived from what it asked for last, never from what we meant to do. It also holds decrypted bytes
that no selector will ever report. The rest is `Stream`'s.

This module is imported by who has a certificate: loading OpenSSL is felt at a start.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from tailws.runtime.loop import READ, WRITE, Loop
from tailws.runtime.stream import Stream, why

#: Bytes for one write to OpenSSL, which takes all or nothing: so what is `owed` shrinks on the way.
TLS_PIECE = 64 * 1024


class TlsSocket:
    """OpenSSL's socket with the manners of a plain one: what cannot be now is BlockingIOError.

    `wants` is what it waits for since (READ, WRITE or 0).
    """

    __slots__ = ("_sock", "shaking_hands", "wants")

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.shaking_hands = True
        self.wants = 0

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def shake_hands(self) -> None:
        """Go on with the handshake; raises BlockingIOError until it is done."""
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._wait(READ)
        except ssl.SSLWantWriteError:
            self._wait(WRITE)
        self.shaking_hands = False
        self.wants = 0

    def send(self, data: bytes | memoryview) -> int:
        if self.shaking_hands:
            raise BlockingIOError
        rest = memoryview(data)
        count = 0
        try:
            while rest:
                taken = self._sock.send(rest[:TLS_PIECE])
                count += taken
                rest = rest[taken:]
        except ssl.SSLWantWriteError:
            pass  # the stream waits for room when not all was taken
        except ssl.SSLWantReadError:
            self.wants = READ
        if rest and not count:
            raise BlockingIOError
        return count

    def recv(self, size: int) -> bytes:
        try:
            return self._sock.recv(size)
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLWantWriteError:
            self._wait(WRITE)
        raise AssertionError

    @property
    def pending(self) -> int:
        """Decrypted bytes that have not been received."""
        return self._sock.pending()

    def shutdown(self, how: int) -> None:
        # close_notify, without which the peer takes the end for a cut (RFC 8446, section 6.1).
        # Waiting for the peer's own, which unwrap would like to, is the selector's part.
        try:
            self._sock.unwrap()
        except ssl.SSLWantWriteError:  # the kernel has no room, not even for this
            self._wait(WRITE)
        except (OSError, ValueError):
            pass
        self._sock.shutdown(how)

    def _wait(self, wants: int) -> None:
        self.wants = wants
        raise BlockingIOError from None


class TlsStream(Stream):
    """A stream over a TLS socket; the handshake is its own affair."""

    __slots__ = ("_tls",)

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        peer: str,
        context: ssl.SSLContext,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        """Raises OSError: TLS looks at the socket, and the peer may have gone already."""
        self._tls = TlsSocket(sock, context)
        super().__init__(loop, self._tls, peer, on_closed)

    def _act(self, mask: int) -> None:
        tls = self._tls
        if tls.shaking_hands:
            self._shake_hands()
            return
        wanted, tls.wants = tls.wants, 0
        super()._act(READ | WRITE if wanted & mask else mask)

    def _shake_hands(self) -> None:
        try:
            self._tls.shake_hands()
        except BlockingIOError:
            pass
        except (OSError, ValueError) as error:
            self.close(f"TLS handshake failed: {why(error)}")
        else:
            self._flush()

    def _receive(self) -> None:
        super()._receive()
        while not self.closed and self._tls.pending:
            super()._receive()

    def _interest(self) -> int:
        tls = self._tls
        return (tls.wants or READ) if tls.shaking_hands else tls.wants | super()._interest()
