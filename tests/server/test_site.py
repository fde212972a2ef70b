"""The page and its neighbours: what is served, how it may be kept, who may ask."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import prometheus_client
import pytest

import tailws
from tailws.server.access import Access, Token
from tailws.server.site import SECURITY_HEADERS, Site, find_page, read_page

from .rig import Client, Reply, Rig

Make = Callable[..., Rig]

INDEX = b"""<!doctype html><script src="boot.js"></script>
<link rel="icon" href="./icon.svg"><link rel=stylesheet href="css/app.css">
<script type="module" src="main.js"></script><a href="#log"></a><a href="https://x.example/main.js">
<a href="elsewhere.js"></a>"""
FILES = {
    "index.html": INDEX,
    "boot.js": b"// boot",
    "main.js": b"export const x=1\n" * 200,
    "icon.svg": b"<svg/>",
    "css/app.css": b"a{}" * 500,
    "pixel.png": bytes(range(256)),
}
TOKENS = [Token("anna", "s3cret")]


class Visit:
    """A site on a server, and a client of it."""

    def __init__(self, rig: Rig, files: dict[str, bytes] = FILES, **options: object) -> None:
        self.rig = rig
        self.site = Site(files, lambda: rig.server.access, **options)  # type: ignore[arg-type]
        self.site.add_routes(rig.router)
        rig.server.headers = SECURITY_HEADERS
        rig.start()
        self.client = rig.client()

    def get(self, path: str, *headers: str, **options: str) -> Reply:
        return self.client.get(path, *headers, **options)  # type: ignore[arg-type]


def test_the_index_links_to_this_versions_assets(rig: Make) -> None:
    """Its own files get the path of the version; everything else in it stays as it is."""
    visit = Visit(rig())
    page = visit.get("/").body.decode()
    base = visit.site.assets
    assert base.startswith(tailws.__version__)
    assert f'src="{base}/boot.js"' in page
    assert f'href="{base}/icon.svg"' in page
    assert f'href="{base}/css/app.css"' in page or "href=css" not in page
    assert f'src="{base}/main.js"' in page
    for unchanged in ('href="#log"', 'href="https://x.example/main.js"', 'href="elsewhere.js"'):
        assert unchanged in page


def test_assets_are_for_ever_and_the_index_is_not(rig: Make) -> None:
    """What has the version in its path may be kept; what names the version may not."""
    visit = Visit(rig())
    index = visit.get("/")
    assert index.headers["cache-control"] == "no-cache"
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    asset = visit.get(f"/{visit.site.assets}/main.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
    assert asset.body == FILES["main.js"]
    assert visit.get("/main.js").headers["cache-control"] == "no-cache"


def test_another_content_is_another_path() -> None:
    """A changed file must not be hidden by a kept one."""
    paths = {
        Site(files, lambda: Access(None)).assets
        for files in (FILES, FILES | {"main.js": b"y"}, FILES | {"new.js": b""})
    }
    assert len(paths) == 3


def test_unchanged_is_304(rig: Make) -> None:
    """A browser that has it gets no body, by its ETag, for plain and compressed alike."""
    visit = Visit(rig())
    for encoding in ("Accept-Encoding: identity", "Accept-Encoding: gzip"):
        for path in ("/", "/main.js"):
            first = visit.get(path, encoding)
            again = visit.get(path, encoding, f"If-None-Match: {first.headers['etag']}")
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            weak = visit.get(path, encoding, f'If-None-Match: "x", W/{first.headers["etag"]}')
            assert weak.status == 304
            assert visit.get(path, encoding, 'If-None-Match: "x"').status == 200


@pytest.mark.parametrize(
    ("accept", "zipped"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("identity", False),
        ("x-gzipped", False),
        ("br", False),
        ("", False),
    ],
)
def test_compression_is_negotiated(rig: Make, accept: str, zipped: bool) -> None:
    """gzip for those who take it (RFC 9110, 12.5.3), and caches are told that it depends."""
    visit = Visit(rig())
    reply = visit.get("/main.js", f"Accept-Encoding: {accept}")
    assert ("content-encoding" in reply.headers) == zipped
    assert reply.headers["vary"] == "Accept-Encoding"
    assert (gzip.decompress(reply.body) if zipped else reply.body) == FILES["main.js"]
    assert len(reply.body) == int(reply.headers["content-length"])


def test_what_does_not_shrink_is_sent_as_it_is(rig: Make) -> None:
    """A picture is not compressed again."""
    assert "content-encoding" not in Visit(rig()).get("/pixel.png", "Accept-Encoding: gzip").headers


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/css",
        "/css/", "/index.html/", "/main.js/", "/.git/config", "/main.js%00.css", "/MAIN.JS",
        "/css//app.css", "/./main.js", "/index.html",
    ],
)  # fmt: skip
def test_there_is_no_way_out_of_the_table(rig: Make, path: str) -> None:
    """Paths are keys, not places on a disk: what is not in the table is not there."""
    assert Visit(rig()).get(path).status in (400, 404)


def test_the_security_headers(rig: Make) -> None:
    """The policy of the page: nothing inline, nothing foreign, no framing, text stays text."""
    visit = Visit(rig())
    headers = visit.get("/").headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self' ws://localhost; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    permissions = headers["permissions-policy"].split(", ")
    allowed = [permission for permission in permissions if not permission.endswith("=()")]
    assert allowed == ["clipboard-write=(self)"]
    for path in ("/nothing", "/session", "/healthz", "/main.js"):
        assert visit.get(path).headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in visit.get(path).headers["content-security-policy"]


def test_behind_tls_the_socket_is_wss(rig: Make) -> None:
    """The policy names the WebSocket as the browser will call it."""
    visit = Visit(rig(access=Access(None, proxies=["127.0.0.1"], hosts=["logs.example.org"])))
    policy = visit.get(
        "/", "X-Forwarded-Proto: https", "X-Forwarded-Host: logs.example.org"
    ).headers["content-security-policy"]
    assert "connect-src 'self' wss://logs.example.org;" in policy


def test_not_found_is_friendly(rig: Make) -> None:
    """A browser gets a way back that works below any path; a script gets a sentence."""
    visit = Visit(rig(base_path="/logs/"))
    plain = visit.get("/logs/nothing")
    assert (plain.status, plain.body) == (404, b"There is nothing here.\n")
    for path, up in (("/logs/nothing", "./"), ("/logs/a/b/c", "../../")):
        page = visit.get(path, "Accept: text/html,*/*")
        assert page.status == 404
        assert f'<a href="{up}">'.encode() in page.body


def test_robots_stay_outside(rig: Make) -> None:
    """Logs are nothing for search engines."""
    assert Visit(rig()).get("/robots.txt").body == b"User-agent: *\nDisallow: /\n"


def test_without_a_page_the_rest_works(rig: Make) -> None:
    """An installation without the page says so, and is healthy otherwise."""
    visit = Visit(rig(), files={})
    assert visit.get("/").status == 503
    assert visit.get("/healthz").status == 200


def test_the_real_page_is_found_and_served(rig: Make) -> None:
    """What is in the package, or beside it in a checkout, is a page; all that it links is there."""
    files = read_page(find_page())
    assert "index.html" in files
    assert not [name for name in files if "node_modules" in name or name.endswith(".json")]
    visit = Visit(rig(), files=files)
    page = visit.get("/").body.decode()
    links = re.findall(r'(?:src|href)="(?!#|https?:)([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith(visit.site.assets + "/"), f"{link} is not a file of the page"
        assert visit.get(f"/{link}").status == 200


def test_only_what_browsers_need_is_read(tmp_path: Path) -> None:
    """Hidden files, tests' tools and unknown types beside the page are not part of it."""
    for name in ("index.html", "view/x.js", ".hidden.js", "node_modules/a/b.js", "package.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert sorted(read_page(tmp_path)) == ["index.html", "view/x.js"]


# -- sessions


def cookie(reply: Reply) -> str:
    return "Cookie: " + reply.headers["set-cookie"].partition(";")[0]


def test_a_session_from_sign_in_to_sign_out(rig: Make) -> None:
    """POST a token, be somebody, DELETE, be nobody."""
    visit = Visit(rig(access=Access(TOKENS)))
    assert visit.get("/session").status == 401
    json_type = "Content-Type: application/json"
    reply = visit.get("/session", json_type, method="POST", body='{"token": "s3cret"}')
    assert reply.status == 200
    assert json.loads(reply.body) == {"access": "token", "name": "anna"}
    assert "HttpOnly; SameSite=Strict" in reply.headers["set-cookie"]
    mine = cookie(reply)
    assert json.loads(visit.get("/session", mine).body)["name"] == "anna"
    gone = visit.get("/session", mine, method="DELETE")
    assert gone.status == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    visit.rig.call(lambda: None)
    assert [record.user for record in visit.rig.records] == ["", "anna", "anna", ""]


def test_a_form_signs_in_too(rig: Make) -> None:
    """The token as a form field, percent-encoded."""
    visit = Visit(rig(access=Access([Token("x", "a b&ü")])))
    form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
    reply = visit.get("/session", form, method="POST", body="token=a+b%26%C3%BC")
    assert reply.status == 200


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", '{"token": "wrong"}', 401),
        ("application/json", '{"token": ""}', 401),
        ("application/json", '{"token": 5}', 400),
        ("application/json", '["token"]', 400),
        ("application/json", "null", 400),
        ("application/json", "{", 400),
        ("application/json", "[" * 60000, 400),
        ("application/json", '"\xff"', 400),
        ("application/json", '{"token": "\\ud800"}', 401),
        ("application/x-www-form-urlencoded", "nothing", 400),
        ("application/x-www-form-urlencoded", "a=b", 400),
        ("application/x-www-form-urlencoded", "token=%ff", 401),
        ("text/plain", "s3cret", 415),
        ("", "s3cret", 415),
    ],
)
def test_bad_sign_ins(rig: Make, kind: str, body: str, status: int) -> None:
    """Each is told what is wrong; none is an error of ours."""
    visit = Visit(rig(access=Access(TOKENS)))
    reply = visit.get("/session", f"Content-Type: {kind}", method="POST", body=body)
    assert reply.status == status
    assert "set-cookie" not in reply.headers


def test_five_wrong_tokens_and_the_wait_is_told(rig: Make) -> None:
    """Guessing ends at five; the page can tell how long to wait."""
    visit = Visit(rig(access=Access(TOKENS, logins=5)))
    kind = "Content-Type: application/json"
    statuses = [
        visit.get("/session", kind, method="POST", body='{"token": "x"}').status for _ in range(6)
    ]
    assert statuses == [401] * 5 + [429]
    reply = visit.get("/session", kind, method="POST", body='{"token": "s3cret"}')
    assert (reply.status, "retry-after" in reply.headers) == (429, True)


def test_a_foreign_page_cannot_sign_in_or_out(rig: Make) -> None:
    """Sign-in is for our page and for scripts, not for other sites' forms."""
    visit = Visit(rig(access=Access(TOKENS)))
    for method in ("POST", "DELETE", "GET"):
        assert visit.get("/session", "Origin: https://evil.example", method=method).status == 403


def test_access_none_has_no_sessions(rig: Make) -> None:
    """The page is told that there is nothing to sign in to."""
    visit = Visit(rig())
    assert json.loads(visit.get("/session").body) == {"access": "none"}


def test_opening_the_page_renews_a_session(rig: Make) -> None:
    """Who comes back in time is not asked for the token again."""
    now = [1_800_000_000.0]
    visit = Visit(rig(access=Access(TOKENS, session=1000, wall=lambda: now[0])))
    kind = "Content-Type: application/json"
    mine = cookie(visit.get("/session", kind, method="POST", body='{"token": "s3cret"}'))
    assert "set-cookie" not in visit.get("/", mine).headers
    now[0] += 600
    renewed = cookie(visit.get("/", mine))
    now[0] += 600
    assert visit.get("/session", mine).status == 401
    assert visit.get("/session", renewed).status == 200


# -- for machines


def test_health_is_live_and_ready(rig: Make) -> None:
    """200 when ready, 503 when not, and open to probes without a token."""
    ready = [True]
    visit = Visit(rig(access=Access(TOKENS)), ready=lambda: ready[0])
    reply = visit.get("/healthz")
    assert (reply.status, json.loads(reply.body)) == (200, {"live": True, "ready": True})
    ready[0] = False
    reply = visit.get("/healthz")
    assert (reply.status, json.loads(reply.body)) == (503, {"live": True, "ready": False})


def test_metrics_are_what_prometheus_reads(rig: Make) -> None:
    """In the text format or OpenMetrics, as asked for."""
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("tailws_lines", "Lines", registry=registry).inc(3)
    visit = Visit(rig(), registry=lambda: registry)
    reply = visit.get("/metrics")
    assert b"tailws_lines_total 3.0" in reply.body
    assert reply.headers["content-type"].startswith("text/plain")
    openmetrics = visit.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("who", "without", "with_token"), [("token", 401, 200), ("open", 200, 200), ("off", 404, 404)]
)
def test_health_and_metrics_have_their_own_setting(
    rig: Make, who: str, without: int, with_token: int
) -> None:
    """Each is for all, for those with a token, or for nobody."""
    registry = prometheus_client.CollectorRegistry()
    visit = Visit(rig(access=Access(TOKENS)), registry=lambda: registry, health=who, metrics=who)
    for path in ("/healthz", "/metrics"):
        assert visit.get(path).status == without
        assert visit.get(path, "Authorization: Bearer s3cret").status == with_token


def test_all_of_it_works_below_a_path(rig: Make) -> None:
    """Behind a proxy's sub-path every address is found, and cookies keep to it."""
    visit = Visit(rig(base_path="/logs/", access=Access(TOKENS, base_path="/logs")))
    assert visit.get("/logs/").status == 200
    assert visit.get(f"/logs/{visit.site.assets}/main.js").status == 200
    kind = "Content-Type: application/json"
    reply = visit.get("/logs/session", kind, method="POST", body='{"token": "s3cret"}')
    assert "Path=/logs/;" in reply.headers["set-cookie"]
    assert isinstance(visit.client, Client)
