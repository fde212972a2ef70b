"""Who is let in: hosts, origins, tokens, cookies, tries, proxies."""

from __future__ import annotations

import hmac
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.server.access import Access, Principal, Token, Tries
from tailws.server.exchange import Peer, Refused, Request
from tests.clock import Clock


def make(tokens: Any = None, **options: Any) -> Access:
    return Access(tokens, **options)


def request(*headers: tuple[str, str], peer: Peer | None = None) -> Request:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    host = next((value for name, value in headers if name == "host"), "localhost:3368")
    return Request("GET", "/ws", [], pairs, peer or Peer("192.0.2.1", host=host))


def status_of(call: Any) -> int:
    with pytest.raises(Refused) as caught:
        call()
    assert str(caught.value).endswith(".")
    return caught.value.status


# -- Host


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:3368", "logs.localhost:1", "127.0.0.1", "127.0.0.1:3368", "[::1]",
        "[::1]:3368", "192.0.2.7:80", "logs.example.org", "logs.example.org:8443",
        "logs.example.org.", "a.apps.example.org", "a.b.apps.example.org:1", "",
    ],
)  # fmt: skip
def test_our_names_are_served(host: str) -> None:
    """Addresses, localhost, configured names and names below `*.` are ours."""
    make(hosts=["logs.example.org", "*.apps.example.org"]).check_host(Peer("x", host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:3368", "logs.example.org.evil.example", "localhost.evil",
        "apps.example.org", "xapps.example.org", "xlogs.example.org", "127.0.0.1.nip.io", "1",
    ],
)  # fmt: skip
def test_other_names_are_not(host: str) -> None:
    """A name that somebody else points at us (DNS rebinding) is 421, with what to do."""
    access = make(hosts=["logs.example.org", "*.apps.example.org"])
    assert status_of(lambda: access.check_host(Peer("x", host=host))) == 421


@pytest.mark.parametrize(
    "host", ["a b", "a;b", "a/b", "user@localhost", "localhost:x", "[::1", "a,b", "'", "ä", "a\n"]
)
def test_a_host_that_is_none_is_400(host: str) -> None:
    """What is repeated in a Content-Security-Policy must be a host and nothing else."""
    assert status_of(lambda: make().check_host(Peer("x", host=host))) == 400


# -- Origin


@pytest.mark.parametrize(
    ("origin", "host", "secure"),
    [
        ("http://localhost:3368", "localhost:3368", False),
        ("http://127.0.0.1", "127.0.0.1", False),
        ("http://127.0.0.1", "127.0.0.1:80", False),
        ("http://127.0.0.1:80", "127.0.0.1", False),
        ("http://[::1]:3368", "[::1]:3368", False),
        ("http://[::1]", "[::1]", False),
        ("https://logs.example.org", "logs.example.org", False),  # TLS ends somewhere before us
        ("https://logs.example.org", "logs.example.org", True),
        ("https://LOGS.example.org:443", "logs.example.org", True),
        ("https://other.example", "logs.example.org", False),
        ("http://dev.example:8080", "logs.example.org", False),
    ],
)
def test_pages_of_ours_may_connect(origin: str, host: str, secure: bool) -> None:
    """Same host and port, or configured."""
    access = make(origins=["https://other.example/", "http://dev.example:8080"])
    access.check_origin(request(("origin", origin), peer=Peer("x", secure, host)))


@pytest.mark.parametrize(
    ("origin", "host", "secure"),
    [
        ("http://localhost:8000", "localhost:3368", False),
        ("http://localhost", "localhost:3368", False),
        ("https://localhost", "localhost:80", False),
        ("http://127.0.0.1:3368", "localhost:3368", False),
        ("http://logs.example.org", "logs.example.org", True),  # the plain twin of a TLS site
        ("http://evil.example", "logs.example.org", False),
        ("http://logs.example.org.evil.example", "logs.example.org", False),
        ("http://logs.example.org@evil.example", "logs.example.org", False),
        ("file://", "logs.example.org", False),
        ("null", "logs.example.org", False),
        ("garbage", "logs.example.org", False),
        ("http://[", "logs.example.org", False),
        ("http://x:99999", "x:99999", False),
        ("chrome-extension://abc", "abc", False),
    ],
)
def test_pages_of_others_may_not(origin: str, host: str, secure: bool) -> None:
    """Another site, another port, another scheme: 403, with what to do."""
    wrong = request(("origin", origin), peer=Peer("x", secure, host))
    assert status_of(lambda: make().check_origin(wrong)) == 403


def test_no_origin_is_no_page() -> None:
    """Scripts send no Origin and are let through, but browsers tell of pages by Sec-Fetch-Site."""
    access = make()
    access.check_origin(request())
    access.check_origin(request(("sec-fetch-site", "same-origin")))
    access.check_origin(request(("sec-fetch-site", "none")))
    access.check_origin(request(("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")))
    for site in ("cross-site", "same-site"):
        embedded = request(("sec-fetch-site", site), ("sec-fetch-mode", "no-cors"))
        assert status_of(lambda embedded=embedded: access.check_origin(embedded)) == 403


def test_null_is_for_forms_only() -> None:
    """`Origin: null` passes where a route allows it, or where the browser says same-origin."""
    access = make()
    access.check_origin(request(("origin", "null")), null_ok=True)
    access.check_origin(request(("origin", "null"), ("sec-fetch-site", "same-origin")))
    foreign = request(("origin", "http://evil.example"))
    assert status_of(lambda: access.check_origin(foreign, null_ok=True)) == 403


# -- tokens and cookies

TOKENS = [Token("anna", "s3cret"), Token("ben", "geheim-ü", ("nginx/*", "app"))]


def bearer(secret: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {secret}")


def test_a_bearer_token_is_its_principal() -> None:
    """The right token is somebody; a wrong one, none, or another scheme is 401."""
    access = make(TOKENS)
    assert access.identify(request(bearer("s3cret"))).name == "anna"
    assert access.identify(request(("authorization", "bearer  s3cret "))).name == "anna"
    for headers in ([bearer("S3cret")], [bearer("")], [], [("authorization", "Basic czNjcmV0")]):
        refused = request(*headers)
        assert status_of(lambda refused=refused: access.identify(refused)) == 401


def test_a_token_may_be_any_text() -> None:
    """In a header it comes as the bytes of its UTF-8, in a sign-in as text."""
    access = make(TOKENS)
    header = "Bearer geheim-ü".encode().decode("latin-1")
    assert access.identify(request(("authorization", header))).name == "ben"
    assert access.sign_in(Peer("x"), "geheim-ü")[0].name == "ben"
    assert status_of(lambda: access.sign_in(Peer("x"), "\ud800")) == 401


def test_access_none_is_everybody() -> None:
    """`access: none`: whoever comes sees all, whatever they send."""
    access = make(None)
    assert access.open_to_all
    assert access.identify(request(bearer("x"))).may_see("any/thing")
    assert access.sign_in(Peer("x"), "x") == (access.identify(request()), "")


def test_no_token_is_never_right() -> None:
    """An empty list of tokens lets nobody in."""
    assert status_of(lambda: make([]).identify(request(bearer("")))) == 401


def test_what_a_principal_sees() -> None:
    """Globs over names, as in subscriptions."""
    ben = Principal("ben", ("nginx/*", "app"))
    assert [
        n for n in ("app", "nginx/a", "nginx/a/b", "nginx", "ap", "app2") if ben.may_see(n)
    ] == [
        "app",
        "nginx/a",
    ]
    assert Principal("anna").may_see("what/ever/.there is\n")


def cookie_of(set_cookie: str) -> str:
    return set_cookie.partition(";")[0]


def test_a_token_is_traded_for_a_cookie() -> None:
    """The cookie stands for the token, holds nothing of it, and no script or other site gets it."""
    access = make(TOKENS, base_path="/logs")
    peer = Peer("192.0.2.1", host="localhost:3368")
    principal, set_cookie = access.sign_in(peer, "s3cret")
    assert principal.name == "anna"
    name, value, attributes = re.fullmatch(r"([^=]+)=([^;]+); (.*)", set_cookie).groups()  # type: ignore[union-attr]
    assert name == "tailws-3368"
    assert "s3cret" not in value
    assert re.fullmatch(r"[A-Za-z0-9._-]+", value)
    assert set(attributes.split("; ")) == {
        "Path=/logs/", "Max-Age=2592000", "HttpOnly", "SameSite=Strict",
    }  # fmt: skip
    assert access.identify(request(("cookie", f"a=b; {cookie_of(set_cookie)}; c=d"))).name == "anna"
    secure = access.sign_in(Peer("192.0.2.1", True, "logs.example.org"), "s3cret")[1]
    assert secure.startswith("tailws-443=")
    assert "; Secure" in secure


def test_a_cookie_survives_a_restart_and_ends_with_its_token() -> None:
    """Nothing is stored: another process with the same token knows it, one without does not."""
    peer = Peer("x", host="localhost:3368")
    cookie = ("cookie", cookie_of(make(TOKENS).sign_in(peer, "geheim-ü")[1]))
    assert make(TOKENS).identify(request(cookie)).name == "ben"
    assert make([Token("benedict", "geheim-ü")]).identify(request(cookie)).name == "benedict"
    for tokens in (TOKENS[:1], [Token("ben", "changed")]):
        access = make(tokens)
        assert status_of(lambda access=access: access.identify(request(cookie))) == 401


def test_a_session_ends_and_is_renewed_by_use() -> None:
    """A cookie is good for its time; from its second half on it is renewed when it is used."""
    clock = Clock(1_800_000_000.0)
    access = make(TOKENS, session=1000.0, wall=clock)
    cookie = ("cookie", cookie_of(access.sign_in(Peer("x", host="localhost:3368"), "s3cret")[1]))
    clock.now += 400
    assert access.renewed(request(cookie)) == ""
    clock.now += 200
    renewed = ("cookie", cookie_of(access.renewed(request(cookie))))
    clock.now += 500
    assert status_of(lambda: access.identify(request(cookie))) == 401
    assert access.renewed(request(cookie)) == ""
    assert access.identify(request(renewed)).name == "anna"
    clock.now += 1000
    assert status_of(lambda: access.identify(request(renewed))) == 401


def test_signing_out_takes_the_cookie_away() -> None:
    """The browser is told to forget it, by the same name and path."""
    access = make(TOKENS, base_path="/logs")
    assert access.sign_out(Peer("x", host="localhost:3368")).startswith(
        "tailws-3368=; Path=/logs/; Max-Age=0; "
    )


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]{8}\.[0-9]{1,20}\.[A-Za-z0-9_-]{43}"))
def test_forged_cookies_are_nobody(value: str) -> None:
    """Whatever stands in a cookie, only a sealed one is somebody; nothing is raised but 401."""
    access = make(TOKENS)
    headers = ("cookie", f"tailws-3368={value}".encode("ascii", "replace").decode())
    assert status_of(lambda: access.identify(request(headers))) == 401


def test_a_cookie_cannot_be_prolonged() -> None:
    """Its end is sealed: changing any character makes it worthless."""
    access = make(TOKENS)
    cookie = cookie_of(access.sign_in(Peer("x", host="localhost:3368"), "s3cret")[1])
    name, value = cookie.split("=", 1)
    ident, expires, mac = value.split(".")
    good = request(("cookie", cookie))
    assert access.identify(good).name == "anna"
    for forged in (
        f"{ident}.{int(expires) + 1}.{mac}",
        f"{ident}.0{expires}.{mac}",
        f"{ident}.{expires}.{mac[:-1]}",
        f"{ident}.{expires}.{mac}A",
        f"{ident}.{expires}",
        f"{ident}.+{expires}.{mac}",
    ):
        wrong = request(("cookie", f"{name}={forged}"))
        assert status_of(lambda wrong=wrong: access.identify(wrong)) == 401


def test_comparisons_take_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token is compared, by digest, whichever is right: time tells nothing."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    access = make(TOKENS)
    for secret in ("s3cret", "geheim-ü", "x"):
        compared.clear()
        try:
            access.sign_in(Peer("x"), secret)
        except Refused:
            pass
        assert [len(one) for one, _ in compared] == [32, 32]


# -- tries


def test_wrong_tokens_are_counted_per_address() -> None:
    """Five wrong ones, then 429 with the wait; another address is not concerned."""
    clock = Clock(1_800_000_000.0)
    access = make(TOKENS, logins=5, clock=clock)
    here, there = Peer("192.0.2.1"), Peer("192.0.2.2")
    for _ in range(5):
        assert status_of(lambda: access.sign_in(here, "x")) == 401
    with pytest.raises(Refused) as caught:
        access.sign_in(here, "s3cret")
    assert caught.value.status == 429
    wait = int(dict(caught.value.headers)["Retry-After"])
    assert 0 < wait <= 60
    assert f"{wait} s" in str(caught.value)
    assert access.sign_in(there, "s3cret")[0].name == "anna"
    clock.now += wait
    assert access.sign_in(here, "s3cret")[0].name == "anna"


def test_a_bearer_header_costs_a_try_too_and_a_cookie_none() -> None:
    """Guessing is no cheaper by header; who is signed in already is not locked out by a guesser."""
    access = make(TOKENS, logins=2)
    cookie = ("cookie", cookie_of(access.sign_in(Peer("x", host="localhost:3368"), "s3cret")[1]))
    for _ in range(2):
        assert status_of(lambda: access.identify(request(bearer("x")))) == 401
    assert status_of(lambda: access.identify(request(bearer("s3cret")))) == 429
    for _ in range(50):
        assert status_of(lambda: access.identify(request(("cookie", "tailws-3368=x")))) == 401
    assert access.identify(request(cookie)).name == "anna"


def test_an_ipv6_client_is_its_network() -> None:
    """Nobody gets a fresh count from each of the 2**64 addresses of a home network."""
    tries = Tries(1, Clock(1_800_000_000.0))
    tries.failed("2001:db8::1")
    assert status_of(lambda: tries.check("2001:db8::ffff:1")) == 429
    tries.check("2001:db8:0:1::1")
    tries.failed("/run/tailws.sock")
    assert status_of(lambda: tries.check("/run/tailws.sock")) == 429


def test_addresses_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of wrong tokens is bounded; the oldest goes first."""
    monkeypatch.setattr("tailws.server.access.REMEMBERED_ADDRESSES", 100)
    tries = Tries(1, Clock(1_800_000_000.0))
    for number in range(300):
        tries.failed(f"192.0.2.{number}")
    assert len(tries._full_again) == 100
    tries.check("192.0.2.0")
    assert status_of(lambda: tries.check("192.0.2.299")) == 429


# -- proxies


def peer_of(access: Access, address: str, *headers: tuple[str, str], unix: bool = False) -> Peer:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return access.peer(address, [(b"host", b"Inner:80"), *pairs], unix=unix, tls=False)


def test_only_trusted_proxies_are_believed() -> None:
    """Anybody can send the headers; from whom they come decides."""
    headers = (
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "logs.example.org"),
    )
    outside = make(proxies=["10.0.0.0/8"])
    assert peer_of(outside, "192.0.2.1", *headers) == Peer("192.0.2.1", False, "inner:80")
    assert peer_of(outside, "10.1.2.3", *headers) == Peer("203.0.113.9", True, "logs.example.org")
    assert peer_of(make(), "10.1.2.3", *headers) == Peer("10.1.2.3", False, "inner:80")


def test_a_unix_socket_is_trusted_when_told() -> None:
    """`unix` among the proxies: who connects to the socket speaks for its clients."""
    header = ("x-forwarded-for", "203.0.113.9")
    assert peer_of(make(proxies=["unix"]), "/s", header, unix=True).address == "203.0.113.9"
    assert peer_of(make(), "/s", header, unix=True).address == "/s"
    assert peer_of(make(proxies=["unix"]), "192.0.2.1", header).address == "192.0.2.1"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),  # the first was made up by the client
        ("6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9:5000", "203.0.113.9"),
        ("[2001:db8::1]:5000", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.9, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
        (",,", "10.0.0.1"),
        ("nonsense", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_whom_we_do_not_trust(value: str, address: str) -> None:
    """Read from the right: each trusted proxy vouches for the one before it, and no further."""
    access = make(proxies=["10.0.0.0/8"])
    assert peer_of(access, "10.0.0.1", ("x-forwarded-for", value)).address == address


def test_forwarded_is_read_as_rfc_7239_writes_it() -> None:
    """Quotes, brackets, ports, several elements and headers, any order and case."""
    access = make(proxies=["10.0.0.0/8", "2001:db8:ffff::/48"])
    peer = peer_of(
        access,
        "10.0.0.1",
        ("forwarded", 'for=6.6.6.6;host=evil, For="[2001:DB8::17]:4711";proto=HTTPS'),
        ("forwarded", 'for="10.0.0.2"; host="logs.example.org";by=203.0.113.43'),
    )
    assert peer == Peer("2001:db8::17", True, "logs.example.org")


def test_x_forwarded_wins_over_forwarded() -> None:
    """A proxy that sets the one may pass on the other as its client made it up."""
    access = make(proxies=["10.0.0.1"])
    headers = (("forwarded", "for=6.6.6.6;proto=https"), ("x-forwarded-for", "203.0.113.9"))
    assert peer_of(access, "10.0.0.1", *headers) == Peer("203.0.113.9", False, "inner:80")


@given(
    st.sampled_from(["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]),
    st.text(st.characters(max_codepoint=255), max_size=300)
    | st.text(st.sampled_from('for=;,"\\ [:]10.2'), max_size=2000),
)
def test_whatever_proxies_write_is_read(name: str, value: str) -> None:
    """Headers from a proxy may hold anything: the result is a peer, and an address is one."""
    peer = peer_of(make(proxies=["10.0.0.0/8"]), "10.0.0.1", (name, value))
    assert peer.address
    assert isinstance(peer.port, int)
