"""Who is this, and what may they see: tokens, session cookies, proxies, Host and Origin.

Decisions only: no socket, and the clocks are injected. A refusal is raised as `Refused`, whose
sentence tells the person what to do.

Three questions are asked of each request, in this order:

1. *Did it come by a name of ours?* (`check_host`) A page of another site can point its own name
   at our address (DNS rebinding), and then counts as the same origin. Its Host gives it away.
2. *Did a page of ours send it?* (`check_origin`) WebSockets are free of the same-origin policy, so
   any page that a user visits could open one to us (RFC 6455, section 10.2).
3. *Who is it?* (`identify`) A bearer token, or the cookie that a token was traded for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from tailws.names import name_glob
from tailws.server.exchange import Peer, Refused, Request
from tailws.server.forwarded import FORWARDING, bare_host, hops_of, is_ip

#: Addresses whose wrong tokens are remembered; the one unheard of for longest is forgotten.
REMEMBERED_ADDRESSES = 4096

#: RFC 3986 reg-name or IPv4, or a bracketed IPv6 address, and a port; what else a Host could hold
#: has no business in a Content-Security-Policy, where we repeat it.
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?)(:\d{1,5})?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may see the sources whose names match one of the globs."""

    name: str
    sources: tuple[str, ...] = ("**",)
    key: str = field(default="", repr=False, compare=False)  # which secret proved it
    _tests: tuple[Callable[[str], bool], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        everything = "**" in self.sources
        tests = () if everything else tuple(name_glob(glob) for glob in self.sources)
        object.__setattr__(self, "_tests", tests)

    def may_see(self, source: str) -> bool:
        return "**" in self.sources or any(test(source) for test in self._tests)


@dataclass(frozen=True, slots=True)
class Token:
    """A shared secret, its name for the logs, and the sources that it shows."""

    name: str
    secret: str = field(repr=False)
    sources: tuple[str, ...] = ("**",)


@dataclass(frozen=True, slots=True)
class _Key:
    """What is derived from a token: its digest, and the key and name of its cookies."""

    principal: Principal
    digest: bytes
    cookie_key: bytes
    cookie_id: str

    @classmethod
    def of(cls, token: Token) -> _Key:
        secret = token.secret.encode("utf-8", "surrogateescape")
        key = hmac.digest(secret, b"tailws session key", "sha256")
        name = hmac.digest(secret, b"tailws session id", "sha256")[:6]
        cookie_id = base64.urlsafe_b64encode(name).decode()
        return cls(
            Principal(token.name, token.sources, cookie_id),
            hashlib.sha256(secret).digest(),
            key,
            cookie_id,
        )

    def seal(self, expires: int) -> str:
        mac = hmac.digest(self.cookie_key, str(expires).encode(), "sha256")
        return f"{self.cookie_id}.{expires}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


class Access:
    """The rules of one config.

    `tokens` None means `access: none`: whoever connects may see everything; Host and Origin are
    checked all the same. `hosts` are the names that browsers may call us by (`*.example.org`
    stands for all names below); IP addresses and localhost need not be named. `origins` are other
    sites whose pages may connect. `proxies` are the addresses and networks whose forwarding headers
    are believed; `unix` among them says so of whoever connects to a Unix socket. `session` is how
    long a cookie is good for, in seconds; `logins` how many wrong tokens one address may send in a
    minute. `base_path` is where the page is, as in `/logs`.
    """

    def __init__(
        self,
        tokens: Sequence[Token] | None,
        *,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        proxies: Iterable[str] = (),
        session: float = 30 * 86400.0,
        logins: int = 5,
        base_path: str = "",
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = None if tokens is None else [_Key.of(token) for token in tokens]
        self._hosts = {bare_host(host.lower()) for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        proxies = set(proxies)
        self._trust_unix = "unix" in proxies
        self._proxies: list[Network] = [
            ipaddress.ip_network(proxy, strict=False) for proxy in proxies - {"unix"}
        ]
        self._session = session
        self._base_path = base_path.rstrip("/") + "/"
        self._wall = wall
        self._tries = Tries(logins, clock)

    @property
    def open_to_all(self) -> bool:
        """`access: none`."""
        return self._keys is None

    # -- where a request comes from

    def peer(
        self, address: str, headers: Iterable[tuple[bytes, bytes]], *, unix: bool, tls: bool
    ) -> Peer:
        """Return who the client is: the socket's other end, or what a trusted proxy says."""
        values: dict[str, list[str]] = {}
        for name, value in headers:
            if name in FORWARDING:
                values.setdefault(name.decode("ascii"), []).append(value.decode("latin-1"))
        host = values.get("host", [""])[0].strip().lower()
        if not (self._trust_unix if unix else self._trusted(address)):
            return Peer(address, tls, host)
        hops = hops_of(values)
        secure, client = tls, address
        for hop in reversed(hops):  # the last was written by the proxy that is next to us
            client = hop.address or client
            secure = hop.proto == "https" if hop.proto else secure
            host = hop.host or host
            if not hop.address or not self._trusted(hop.address):
                break  # what stands before that was written by somebody we do not know
        return Peer(client, secure, host)

    def _trusted(self, address: str) -> bool:
        if not self._proxies:
            return False
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._proxies)

    # -- the three questions

    def check_host(self, peer: Peer) -> None:
        """Refuse a Host that is none of our names; without one (HTTP/1.0) it is no browser."""
        if not peer.host:
            return
        if not _HOST.fullmatch(peer.host):
            raise Refused(HTTPStatus.BAD_REQUEST, "The Host header is not a host and port.")
        name = bare_host(peer.host)
        if name in self._hosts or name == "localhost" or name.endswith(".localhost"):
            return
        if is_ip(name):
            return
        _, _, parent = name.partition(".")
        while parent:
            if f"*.{parent}" in self._hosts:
                return
            _, _, parent = parent.partition(".")
        raise Refused(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"This daemon does not go by the name {name!r}. If it should, add it to "
            f"'hosts' under 'access' in its config; its address works in any case.",
        )

    def check_origin(self, request: Request, *, null_ok: bool = False) -> None:
        """Refuse what a page of another site has sent; without Origin it is no page."""
        origin = request.header("origin").strip().lower()
        site = request.header("sec-fetch-site")  # browsers set it, pages cannot
        if not origin:
            if site in ("cross-site", "same-site") and (
                request.header("sec-fetch-mode") != "navigate"
            ):
                raise Refused(HTTPStatus.FORBIDDEN, "Pages of other sites may not read this.")
            return
        if origin in self._origins or "*" in self._origins:
            return
        if origin == "null" and (null_ok or site == "same-origin"):
            return
        if _same_host(origin, request.peer):
            return
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"A page of {origin!r} may not connect to {request.peer.host!r}. If it should, add "
            f"it to 'origins' under 'access' in the config; behind a proxy, have the proxy pass "
            f"on the Host that the browser sent.",
        )

    def identify(self, request: Request) -> Principal:
        """Return who it is, by bearer token or cookie. Raises `Refused` with 401 or 429."""
        if self._keys is None:
            return ANYONE
        scheme, _, credentials = request.header("authorization").partition(" ")
        if scheme.lower() == "bearer":
            # h11 gives a header's bytes as they came; `header` has decoded them one by one.
            return self._by_secret(request.peer, credentials.strip().encode("latin-1")).principal
        found = self._by_cookie(request)
        if found is None:
            raise _unauthorized("Sign in with the token that the daemon printed at its start.")
        return found[0].principal

    def still(self, principal: Principal) -> Principal | None:
        """Return who somebody is by these rules who was let in by earlier ones; None: nobody."""
        if self._keys is None:
            return ANYONE
        return next((key.principal for key in self._keys if key.cookie_id == principal.key), None)

    # -- sessions

    def sign_in(self, peer: Peer, secret: str) -> tuple[Principal, str]:
        """Trade a token for a cookie: return who it is and the Set-Cookie value."""
        if self._keys is None:
            return ANYONE, ""
        key = self._by_secret(peer, secret.encode("utf-8", "surrogatepass"))
        return key.principal, self._set_cookie(peer, key)

    def sign_out(self, peer: Peer) -> str:
        """Return the Set-Cookie value that takes the cookie away."""
        return self._cookie(peer, "", 0)

    def renewed(self, request: Request) -> str:
        """Return the Set-Cookie value for a session in its second half, else an empty string.

        So who comes back now and then is never asked again.
        """
        found = self._by_cookie(request) if self._keys is not None else None
        if found is None or found[1] - self._wall() > self._session / 2:
            return ""
        return self._set_cookie(request.peer, found[0])

    def _by_secret(self, peer: Peer, secret: bytes) -> _Key:
        self._tries.check(peer.address)
        given = hashlib.sha256(secret).digest()
        match = None
        for key in self._keys or ():  # all of them, so that time tells nothing
            if hmac.compare_digest(key.digest, given):
                match = key
        if match is None:
            self._tries.failed(peer.address)
            raise _unauthorized("This token is not valid (any more).")
        return match

    def _by_cookie(self, request: Request) -> tuple[_Key, int] | None:
        name = _cookie_name(request.peer)
        for part in request.header("cookie").replace(", ", "; ").split(";"):
            key, _, value = part.strip().partition("=")
            # Several may come: a daemon at another path of this host has its own.
            if key == name and (found := self._unseal(value)):
                return found
        return None

    def _unseal(self, value: str) -> tuple[_Key, int] | None:
        name, _, rest = value.partition(".")
        number = rest.partition(".")[0]
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        expires = int(number)
        for key in self._keys or ():
            if key.cookie_id == name:
                good = hmac.compare_digest(key.seal(expires).encode(), value.encode("latin-1"))
                return (key, expires) if good and expires > self._wall() else None
        return None

    def _set_cookie(self, peer: Peer, key: _Key) -> str:
        expires = math.ceil(self._wall() + self._session)
        return self._cookie(peer, key.seal(expires), math.ceil(self._session))

    def _cookie(self, peer: Peer, value: str, max_age: int) -> str:
        secure = "; Secure" if peer.secure else ""
        return (
            f"{_cookie_name(peer)}={value}; Path={self._base_path}; Max-Age={max_age}; "
            f"HttpOnly; SameSite=Strict{secure}"
        )


ANYONE = Principal("anyone")


class Tries:
    """How many wrong tokens an address may still send: `most` in a minute."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._full_again: OrderedDict[str, float] = OrderedDict()  # address -> when all are back

    def check(self, address: str) -> None:
        """Refuse with 429 and Retry-After when there is no try left."""
        used = self._full_again.get(_network(address), 0.0) - self._clock()
        wait = used - (self._most - 1) * 60 / self._most
        if wait > 0:
            seconds = math.ceil(wait)
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"Too many wrong tokens from your address. Try again in {seconds} s.",
                (("Retry-After", str(seconds)),),
            )

    def failed(self, address: str) -> None:
        """Take one try; it comes back by itself."""
        network, now = _network(address), self._clock()
        back = max(now, self._full_again.pop(network, now)) + 60 / self._most
        self._full_again[network] = back
        if len(self._full_again) > REMEMBERED_ADDRESSES:
            self._full_again.popitem(last=False)


def _unauthorized(text: str) -> Refused:
    return Refused(HTTPStatus.UNAUTHORIZED, text, (("WWW-Authenticate", 'Bearer realm="tailws"'),))


def _cookie_name(peer: Peer) -> str:
    # Browsers do not tell ports apart in cookies, so daemons on one host would sign each other's
    # users out.
    return f"tailws-{peer.port}"


def _network(address: str) -> str:
    """Return what one client commands at will: an IPv4 address, or 64 bits of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False))


def _same_host(origin: str, peer: Peer) -> bool:
    """Tell whether an Origin is the one that the request was sent to (RFC 6454)."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    default = {"http": 80, "https": 443}.get(parts.scheme)
    if default is None or (peer.secure and parts.scheme != "https"):
        return False
    name, colon, ours = peer.host.rpartition(":")
    has_port = bool(colon) and ours.isdigit()
    host = name if has_port else peer.host
    # Without a port in Host, the scheme's default is meant; a TLS proxy that we know nothing of
    # makes that scheme the Origin's, not ours.
    return bare_host(parts.netloc) == bare_host(host) and (port or default) == (
        int(ours) if has_port else default
    )
