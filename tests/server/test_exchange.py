"""Requests, targets and the table of routes."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.server.exchange import (
    MAX_QUERY_FIELDS,
    Peer,
    Refused,
    Request,
    Route,
    Router,
    json_answer,
    sentence,
    split_target,
)


@pytest.mark.parametrize(
    ("target", "path", "query", "authority"),
    [
        ("/", "/", [], ""),
        ("/a%2Fb%20c", "/a/b c", [], ""),
        ("/a?", "/a", [], ""),
        ("/a?b", "/a", [("b", "")], ""),
        ("/a?b=1&b=2&c=%C3%BC+x", "/a", [("b", "1"), ("b", "2"), ("c", "ü x")], ""),
        ("/a?b=c?d=e", "/a", [("b", "c?d=e")], ""),
        ("http://Host:80/a?b=1", "/a", [("b", "1")], "host:80"),
        ("HTTPS://host", "/", [], "host"),
        ("//a//b", "//a//b", [], ""),
    ],
)
def test_targets_are_taken_apart(
    target: str, path: str, query: list[tuple[str, str]], authority: str
) -> None:
    """Path decoded once, query in order with repeated and empty fields, authority if any."""
    assert split_target(target) == (path, query, authority)


@pytest.mark.parametrize(
    "target",
    [
        "", "*", "a", "host:80", "ftp://host/", "/%ff", "/a?b=%ff", "/%00", "?a",
        "/a?" + "b&" * (MAX_QUERY_FIELDS + 1),
    ],
)  # fmt: skip
def test_other_targets_are_400(target: str) -> None:
    """What is no path of ours is refused, and so is a query that only costs time."""
    with pytest.raises(Refused) as caught:
        split_target(target)
    assert caught.value.status == 400


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50))
def test_any_name_survives_the_way_through_an_address(name: str) -> None:
    """A source's name, quoted as browsers do it, arrives as it was, in path and query."""
    query = urlencode([("source", name), ("lines", "5")])
    path, fields, _ = split_target(f"/tail/{quote(name, safe='')}?{query}")
    assert path == f"/tail/{name}"
    assert fields == [("source", name), ("lines", "5")]


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_target_is_read_or_refused(target: str) -> None:
    """Nothing but `Refused` comes out."""
    try:
        path, _, _ = split_target(target)
    except Refused:
        return
    assert path.startswith("/")


def test_headers_are_joined() -> None:
    """Several of one name are one list (RFC 9110, 5.3)."""
    pairs = [(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")]
    request = Request("GET", "/", [], pairs, Peer("x"))
    assert request.header("accept") == "a, b"
    assert request.header("none", "default") == "default"
    assert request.has("x")
    assert not request.has("y")


@pytest.mark.parametrize(
    ("host", "secure", "port"),
    [
        ("a:1", False, 1),
        ("a", False, 80),
        ("a", True, 443),
        ("[::1]", False, 80),
        ("[::1]:5", True, 5),
    ],
)
def test_the_port_that_the_client_uses(host: str, secure: bool, port: int) -> None:
    """From Host, or the scheme's own."""
    assert Peer("x", secure, host).port == port


def test_routes_are_found() -> None:
    """An exact path stands above a prefix; a prefix needs something behind it."""
    router = Router()
    exact, prefix, all_of_it = (Route({}) for _ in range(3))
    router.add("/tail/*", prefix)
    router.add("/tail/fixed", exact)
    router.add("/", all_of_it)
    assert router.find("/tail/a/b") is prefix
    assert router.find("/tail/fixed") is exact
    assert router.find("/") is all_of_it
    for nothing in ("/tail/", "/tail", "/x", "", "/tail2/x"):
        assert router.find(nothing) is None


def test_the_base_path_is_taken_off() -> None:
    """What is beside it is not there; the base without its slash is a redirect."""
    router = Router("/logs/")
    assert router.below_base("/logs/") == "/"
    assert router.below_base("/logs/a/b") == "/a/b"
    for path, status in (("/logs", 308), ("/", 404), ("/logsx", 404), ("/x/logs/", 404)):
        with pytest.raises(Refused) as caught:
            router.below_base(path)
        assert caught.value.status == status
    assert Router().below_base("/x") == "/x"


def test_small_answers() -> None:
    """A sentence is text, a value is JSON, and neither is stored."""
    text = sentence(404, "Nothing ü.", (("X", "y"),))
    assert (text.status, text.body) == (404, "Nothing ü.\n".encode())
    assert ("X", "y") in text.headers
    value = json_answer(200, {"a": "ü"})
    assert json.loads(value.body) == {"a": "ü"}
    for answer in (text, value):
        assert ("Cache-Control", "no-store") in answer.headers
