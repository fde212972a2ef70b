"""Where tokens come from, a config, a file or a systemd credential, and go: an address."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import stat
from collections.abc import Sequence

from tailws import config
from tailws.server.access import Token

#: Bytes of a file that are looked at for its first line.
MAX_SECRET = 4096


class TokenError(ValueError):
    """A configured token cannot be had; the text is one sentence for the user."""


def random_token() -> str:
    """Return a token of 144 random bits, in 24 characters that need no quoting in an address."""
    return secrets.token_urlsafe(18)


def load_tokens(access: config.Access) -> list[Token] | None:
    """Return the tokens of a config with their secrets; None for `access: none`.

    Raises `TokenError`.
    """
    if access.tokens == "none":
        return None
    return [Token(token.name, _secret(token), token.sources) for token in access.tokens]


def _secret(token: config.Token) -> str:
    if token.token:
        return token.token
    path = token.file
    if token.credential:
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise TokenError(
                f"The token {token.name!r} is the credential {token.credential!r}, but systemd "
                "has passed none: the unit needs LoadCredential=."
            )
        path = os.path.join(directory, token.credential)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise TokenError(f"The token {token.name!r}: {path} is not a regular file.")
            first, _, _ = os.read(fd, MAX_SECRET).partition(b"\n")
        finally:
            os.close(fd)
    except OSError as error:
        raise TokenError(f"The token {token.name!r}: {path}: {error.strerror}.") from None
    secret = first.strip().decode("utf-8", "surrogateescape")
    if not secret:
        raise TokenError(f"The token {token.name!r}: the first line of {path} is empty.")
    return secret


def page_address(
    listening: Sequence[str], base_path: str = "", token: str = "", *, tls: bool = False
) -> str:
    """Return the one address to open, for the first of the addresses that browsers can reach.

    `listening` is what `listener.describe` returned. The token stands in the fragment, which
    browsers send to nobody.
    """
    fragment = f"#token={token}" if token else ""
    for address in listening:
        if not address.startswith("unix:"):
            host, _, port = address.rpartition(":")
            scheme = "https" if tls else "http"
            return f"{scheme}://{_reachable(host)}:{port}{base_path}/{fragment}"
    return listening[0] + fragment if listening else ""


def _reachable(host: str) -> str:
    """Return the host, or where it stands for all addresses, the one that others reach us by."""
    if not ipaddress.ip_address(host.strip("[]")).is_unspecified:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # asks for a route; a datagram socket sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
