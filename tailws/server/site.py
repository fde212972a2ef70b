"""What is answered with no log in it: the page, sessions, health, metrics.

The page's files are read once, at the start, so what can be asked for is a table, not a path on
the disk; each is made ready to be sent when it is first asked for, `main.js` with all modules that
it imports, which are those below a directory. Assets are served below a path that changes with
their content and may be kept for ever; `index.html`, which names that path, is asked for anew each
time. All addresses in it are relative, so it works below any path of a proxy.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs

import tailws
from tailws.server.access import Access
from tailws.server.exchange import (
    Answer,
    Refused,
    Request,
    Response,
    Route,
    Router,
    json_answer,
    sentence,
)
from tailws.server.joined import joined
from tailws.text.pattern import lazy

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: On every answer.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)

_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "clipboard-read", "display-capture",
        "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid", "idle-detection",
        "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
        "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
    )
) + ", clipboard-write=(self)"  # fmt: skip

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
#: Comments with lines of their own, types, and indentation. Nothing else looks like them in the
#: page's sources, whose strings and templates keep to one line each; a test compares the syntax.
_COMMENT = lazy(
    rb"^[ \t]*(?://[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)[ \t]*$|/\*\* @[^*]*(?:\*(?!/)[^*]*)*\*/ ?",
    re.MULTILINE,
)
_ASIDE = lazy(rb" // [^\"'`\n]*$", re.MULTILINE)
_BLANK = lazy(rb"^\s+", re.MULTILINE)
_STYLED = lazy(rb"\s*([{};,])\s*|: +")
_LEAN = (".js", ".css")
_FOREVER = "public, max-age=31536000, immutable"
_ATTRIBUTE = lazy(r'(\b(?:href|src)=")(?:\./)?([^":]+)(")')
_GZIP = lazy(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]+\s*)?(?:,|$)")

Who = Literal["token", "open", "off"]


def find_page() -> Path:
    """Return the directory of the page: in the package, or beside it in a checkout."""
    package = Path(tailws.__file__).parent
    installed = package / "_web"
    return installed if installed.is_dir() else package.parent / "web"


def read_page(directory: Path) -> dict[str, bytes]:
    """Return the page's files by their names, with `/` between directories."""
    files = {}
    for folder, below, names in os.walk(directory):
        below[:] = [name for name in below if name != "node_modules" and name[0] != "."]
        for name in names:
            if os.path.splitext(name)[1] in _TYPES and name[0] != ".":
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    files[os.path.relpath(path, directory)] = file.read()
    return files


def lean(name: str, source: bytes) -> bytes:
    """Return a file as it is sent: scripts and styles without what only their authors read, a third
    of them."""
    if not name.endswith(_LEAN):
        return source
    source = _BLANK.sub(b"", _COMMENT.sub(b"", source))
    if name.endswith(".js"):
        return _ASIDE.sub(b"", source)
    return _STYLED.sub(lambda sign: sign[1] or b":", source)


class _File:
    """One file: its bytes, as they are sent and compressed, and its ETag."""

    def __init__(
        self, name: str, source: bytes, modules: Mapping[str, bytes] | None = None
    ) -> None:
        self.name = name
        self.source = source
        self._modules = modules or {}
        self.etag = hashlib.sha256(b"".join([source, *self._modules.values()])).hexdigest()[:16]

    @cached_property
    def plain(self) -> bytes:
        source = joined(self.source, self._modules) if self._modules else self.source
        return lean(self.name, source)

    @cached_property
    def zipped(self) -> bytes:
        """Compressed once for all; empty where that saves nothing."""
        zipped = gzip.compress(self.plain, 6, mtime=0)  # 9 takes twice as long, for 0.3 % less
        return zipped if len(zipped) < 0.9 * len(self.plain) else b""

    def answer(self, request: Request, headers: tuple[tuple[str, str], ...]) -> Response:
        use = bool(self.zipped) and _GZIP.search(request.header("accept-encoding")) is not None
        etag = f'"{self.etag}{"-gz" if use else ""}"'
        headers = (("ETag", etag), ("Vary", "Accept-Encoding"), *headers)
        if _names(request.header("if-none-match"), etag):
            return Response(304, headers)
        encoding = (("Content-Encoding", "gzip"),) if use else ()
        return Response(
            200,
            (("Content-Type", _TYPES[Path(self.name).suffix]), *encoding, *headers),
            self.zipped if use else self.plain,
        )


def _names(condition: str, etag: str) -> bool:
    """Tell whether an `If-None-Match` names this ETag, by weak comparison (RFC 9110, 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags


class Site:
    """The routes of everything but the logs.

    `files` is what `read_page` returned. `ready` tells whether the daemon serves its sources;
    `registry` gives what metrics are collected from, without it there are none. `health` and
    `metrics` say who may read them.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        access: Callable[[], Access],
        *,
        ready: Callable[[], bool] = lambda: True,
        registry: Callable[[], CollectorRegistry] | None = None,
        health: Who = "open",
        metrics: Who = "token",
    ) -> None:
        self._access = access
        self._ready = ready
        self._registry = registry
        self._who = {"health": health, "metrics": metrics}
        modules = {
            name: files[name] for name in sorted(files) if "/" in name and name[-3:] == ".js"
        }
        self._files = {
            name: _File(name, data, modules if name == "main.js" else None)
            for name, data in files.items()
            if name not in modules
        }
        digest = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            digest.update(f"{name} {file.etag}\n".encode())
        self.assets = f"{tailws.__version__}-{digest.hexdigest()[:8]}"
        index = files.get("index.html", b"").decode()
        self._index = _File("index.html", self._with_asset_paths(index).encode())

    def _with_asset_paths(self, index: str) -> str:
        """Return `index.html` with its links to our files below the path of this version."""

        def stamped(match: re.Match[str]) -> str:
            known = match[2] in self._files and match[2] != "index.html"
            return f"{match[1]}{self.assets}/{match[2]}{match[3]}" if known else match[0]

        return _ATTRIBUTE.sub(stamped, index)

    def add_routes(self, router: Router) -> None:
        """Add all of it to the table."""
        router.not_found = self.not_found
        router.add("/", Route({"GET": self.index}, private=False))
        for name, file in self._files.items():
            if name == "index.html":
                continue
            router.add(f"/{self.assets}/{name}", _asset(file, _FOREVER))
            router.add(f"/{name}", _asset(file, "no-cache"))
        router.add(
            "/session",
            Route(
                {"GET": self.session, "POST": self.sign_in, "DELETE": self.sign_out}, private=False
            ),
        )
        router.add("/robots.txt", Route({"GET": _robots}, private=False))
        self._add_guarded(router, "health", "/healthz", self.health)
        if self._registry is not None:
            self._add_guarded(router, "metrics", "/metrics", self.metrics)

    def _add_guarded(
        self, router: Router, what: str, path: str, handler: Callable[[Request], Answer]
    ) -> None:
        who = self._who[what]
        if who != "off":
            router.add(path, Route({"GET": handler}, private=who == "token"))

    # -- the page

    def index(self, request: Request) -> Response:
        """The page itself; whoever comes back in time stays signed in."""
        if not self._index.source:
            return sentence(503, "The page is not installed; everything else works.")
        renewed = self._access().renewed(request)
        return self._index.answer(
            request,
            (
                ("Cache-Control", "no-cache"),
                ("Content-Security-Policy", _policy(request)),
                ("Permissions-Policy", _PERMISSIONS),
                *((("Set-Cookie", renewed),) if renewed else ()),
            ),
        )

    def not_found(self, request: Request) -> Response:
        """404, with a way to the page for those who have a browser."""
        if "text/html" not in request.header("accept"):
            return sentence(404, "There is nothing here.")
        up = "../" * (request.path.count("/") - 1) or "./"
        body = (
            "<!doctype html><meta charset=utf-8><title>Not found</title>"
            f'<h1>There is nothing here</h1><p><a href="{up}">To the logs</a>'
        )
        return Response(404, (("Content-Type", "text/html; charset=utf-8"),), body.encode())

    # -- sessions

    def session(self, request: Request) -> Response:
        """Who is signed in; 401 if nobody is. The page asks when its WebSocket was refused."""
        access = self._access()
        request.principal = principal = access.identify(request)
        renewed = access.renewed(request)
        headers = (("Set-Cookie", renewed),) if renewed else ()
        return json_answer(200, _who(access, principal.name), headers)

    def sign_in(self, request: Request) -> Response:
        """Trade a token, as JSON or as a form, for a cookie."""
        access = self._access()
        principal, cookie = access.sign_in(request.peer, _token(request))
        request.principal = principal  # for the access log
        headers = (("Set-Cookie", cookie),) if cookie else ()
        return json_answer(200, _who(access, principal.name), headers)

    def sign_out(self, request: Request) -> Response:
        """Take the cookie away."""
        cookie = self._access().sign_out(request.peer)
        return Response(204, (("Set-Cookie", cookie), ("Cache-Control", "no-store")))

    # -- for machines

    def health(self, _request: Request) -> Response:
        """200 when all is well; 503 when the daemon lives but does not serve its sources yet."""
        ready = self._ready()
        return json_answer(200 if ready else 503, {"live": True, "ready": ready})

    def metrics(self, request: Request) -> Response:
        """The metrics, in the form that Prometheus asks for."""
        from prometheus_client.exposition import choose_encoder

        assert self._registry is not None
        encode, content_type = choose_encoder(request.header("accept"))
        return Response(
            200,
            (("Content-Type", content_type), ("Cache-Control", "no-store")),
            encode(self._registry()),
        )


def _asset(file: _File, caching: str) -> Route:
    headers = (("Cache-Control", caching),)
    return Route({"GET": lambda request: file.answer(request, headers)}, private=False)


def _robots(_request: Request) -> Response:
    return sentence(200, "User-agent: *\nDisallow: /")


def _policy(request: Request) -> str:
    # `'self'` does not cover WebSockets in older Safari. The Host was checked before it got here.
    scheme = "wss" if request.peer.secure else "ws"
    sockets = f" {scheme}://{request.peer.host}" if request.peer.host else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'{sockets}; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _who(access: Access, name: str) -> dict[str, str]:
    return {"access": "none"} if access.open_to_all else {"access": "token", "name": name}


def _token(request: Request) -> str:
    """Return the token of a sign-in: `{"token": ...}`, or a form with that field."""
    wanted = 'POST {"token": "..."} as application/json, or a form with the field token.'
    kind = request.header("content-type").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            token = json.loads(request.body).get("token")
        elif kind == "application/x-www-form-urlencoded":
            token = parse_qs(request.body.decode(), strict_parsing=True).get("token", [None])[0]
        else:
            raise Refused(415, wanted)
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise Refused(400, wanted)
    return token
