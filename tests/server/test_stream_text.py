"""Logs over plain HTTP, from real files over real sockets."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tailws import config
from tailws.config import Limits
from tailws.logs.catalog import Catalog
from tailws.logs.document import Library
from tailws.runtime.watch import Watch
from tailws.server.access import Access, Token
from tailws.server.stream_text import TextRoutes

from .rig import Client, Rig, wait_for

Serve = Callable[..., Rig]


class Logs:
    """What a daemon has behind its HTTP server, in the rig's loop."""

    def __init__(self, rig: Rig, *sources: config.Source) -> None:
        self.rig = rig
        self.watch = Watch(rig.loop)
        self.catalog = Catalog(rig.loop, self.watch, Limits(), lambda: None)
        self.library = Library(64 << 20)
        self.routes = TextRoutes(rig.loop, self.catalog, self.library, config.Lines)
        self.catalog.on_gone = self.routes.vanished
        self.catalog.apply(sources, Limits())
        self.routes.add_routes(rig.router)
        rig.start()

    def close(self) -> None:
        for client in self.rig.clients:
            client.close()
        wait_for(lambda: not self.rig.server.connections, "the clients to be gone")
        for source in self.catalog:
            assert source.users == 0, "a reader is still attached"

        def close() -> None:
            self.library.close()
            self.catalog.close()
            self.watch.close()

        self.rig.call(close)


@pytest.fixture
def logs(rig: Callable[..., Rig]) -> Iterator[Callable[..., Logs]]:
    made: list[Logs] = []

    def make(*sources: config.Source, **options: Any) -> Logs:
        made.append(Logs(rig(**options), *sources))
        return made[-1]

    yield make
    for each in made:
        each.close()


def source(path: Path, name: str = "app") -> config.Source:
    return config.Source(name=name, path=(str(path),))


def head(client: Client, path: str, *headers: str) -> str:
    client.send("\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers]) + "\r\n\r\n")
    return client.until(b"\r\n\r\n").decode()


def chunk(client: Client) -> bytes:
    size = int(client.until(b"\r\n"), 16)
    data = client.exactly(size)
    client.exactly(2)
    return data


def upto(client: Client, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := chunk(client)):
        data += more
    return data


def form(client: Client, *fields: tuple[str, str], headers: tuple[str, ...] = ()) -> Any:
    return client.get("/download", *headers, method="POST", body=urlencode(fields))


def test_tail_sends_the_last_lines_and_then_each_new_one(
    logs: Callable[..., Logs], tmp_path: Path
) -> None:
    """`curl -N` shows what `tail -f` would, in lines that are whole."""
    path = tmp_path / "a b%41.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    client = logs(source(path, "a b%41")).rig.client()
    answer = head(client, "/tail/a%20b%252541?lines=2")
    assert " 200 OK" in answer
    assert "Content-Type: text/plain; charset=utf-8" in answer
    assert chunk(client) == b"two\nthree\n"
    with path.open("ab") as file:
        file.write(b"fo")
        file.flush()
        file.write(b"ur\nfive\n")
    assert upto(client, 10) == b"four\nfive\n"


def test_tail_filters_and_counts_the_first_lines_after_it(
    logs: Callable[..., Logs], tmp_path: Path
) -> None:
    """A rare line is among the last ones although ten thousand others came since."""
    path = tmp_path / "app.log"
    path.write_bytes(b"rare 1\nrare 2\nno rare 3\n" + b"usual\n" * 100_000)
    client = logs(source(path)).rig.client()
    head(client, "/tail/app?lines=1&include=rare&exclude=no")
    assert chunk(client) == b"rare 2\n"
    with path.open("ab") as file:
        file.write(b"usual\nrare 4\n")
    assert chunk(client) == b"rare 4\n"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/tail/other", 404, b"no source"),
        ("/tail/app?lnes=1", 400, b"did you mean 'lines'"),
        ("/tail/app?include=(", 400, b"RE2"),
        ("/tail/app?source=b", 400, b"source"),
        ("/tail/", 404, b""),
    ],
)
def test_what_is_wrong_with_an_address_is_said(
    logs: Callable[..., Logs], tmp_path: Path, path: str, status: int, said: bytes
) -> None:
    """A sentence, before anything is sent; never an empty stream."""
    (tmp_path / "app.log").write_bytes(b"one\n")
    reply = logs(source(tmp_path / "app.log")).rig.client().get(path)
    assert reply.status == status
    assert said in reply.body


def test_tail_ends_when_its_source_is_no_longer_followed(
    logs: Callable[..., Logs], tmp_path: Path
) -> None:
    """The client sees the end of the answer, not silence for ever."""
    path = tmp_path / "app.log"
    path.write_bytes(b"one\n")
    made = logs(source(path))
    client = made.rig.client()
    head(client, "/tail/app")
    assert chunk(client) == b"one\n"
    made.rig.call(lambda: made.catalog.apply((), Limits()))
    assert chunk(client) == b""


def test_only_who_may_see_a_source_gets_it(logs: Callable[..., Logs], tmp_path: Path) -> None:
    """The same as for the page: 401 without a token, and what a token hides is not there."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.log").write_bytes(name.encode() + b"\n")
    sources = [source(tmp_path / f"{name}.log", name) for name in ("one", "two")]
    client = logs(*sources, access=Access([Token("me", "secret", ("one",))])).rig.client()
    bearer = "Authorization: Bearer secret"
    assert client.get("/tail/one").status == 401
    assert client.get("/tail/two", bearer).status == 404
    assert form(client, ("source", "one")).status == 401
    assert form(client, ("source", "two"), headers=(bearer,)).status == 404
    assert form(client, ("source", "one"), headers=(bearer,)).body == b"one\n"
    foreign = "Origin: https://evil.example"
    assert form(client, ("source", "one"), headers=(bearer, foreign)).status == 403


def test_download_is_the_files_own_bytes_as_an_attachment(
    logs: Callable[..., Logs], tmp_path: Path
) -> None:
    """What a browser saves is what the files hold, archives unpacked, and is never shown as a
    page: attachment, plain text."""
    path = tmp_path / "app.log"
    old = b"".join(b"old %d\r\n" % i for i in range(20_000)) + b"\xff\n"
    new = b"<script>alert(1)</script>\n"
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(old))
    path.write_bytes(new)
    client = logs(source(path, 'x"/y')).rig.client()
    reply = form(client, ("source", 'x"/y'))
    assert reply.status == 200
    assert reply.body == old + new
    assert reply.headers["content-type"] == "text/plain"
    assert reply.headers["content-disposition"] == 'attachment; filename="x__y.log"'
    assert form(client, ("source", 'x"/y'), ("include", "old 1999[0-9]"), ("lines", "3")).body == (
        b"old 19990\r\nold 19991\r\nold 19992\r\n"
    )
    assert form(client, ("source", 'x"/y'), ("filter", '{"exclude":["old",{"pattern":"<"}]}')).body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], b"'source' is missing"),
        ([("source", "app"), ("sorce", "b")], b"did you mean 'source'"),
        ([("source", "app"), ("lines", "x")], b"whole number"),
        ([("source", "app"), ("filter", "[]")], b"object"),
        ([("source", "app"), ("filter", '{"include":{"level":"x"}}')], b"level"),
        ([("source", "app"), ("source", "app")], b"only once"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(
    logs: Callable[..., Logs], tmp_path: Path, fields: list[tuple[str, str]], said: bytes
) -> None:
    """400 and a sentence, before anything is sent."""
    (tmp_path / "app.log").write_bytes(b"one\n")
    reply = form(logs(source(tmp_path / "app.log")).rig.client(), *fields)
    assert reply.status == 400
    assert said in reply.body


def test_a_download_whose_place_is_gone_is_cut_short(
    logs: Callable[..., Logs], tmp_path: Path
) -> None:
    """The client sees that it did not get what it asked for: the answer has no end."""
    (tmp_path / "app.log").write_bytes(b"one\n")
    client = logs(source(tmp_path / "app.log")).rig.client()
    body = urlencode([("source", "app"), ("after", "123.456.789.abc.def")])
    client.send(f"POST /download HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n")
    client.send(f"\r\n{body}")
    assert client.rest().endswith(b"\r\n\r\n")


def test_a_client_that_does_not_read_is_not_read_for(
    logs: Callable[..., Logs], tmp_path: Path
) -> None:
    """Back-pressure: of a large log no more is read than its client takes."""
    path = tmp_path / "app.log"
    path.write_bytes((b"x" * 99 + b"\n") * 80_000)
    made = logs(source(path))
    client = made.rig.client()
    body = urlencode([("source", "app")])
    client.send(f"POST /download HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n")
    client.send(f"\r\n{body}")
    client.until(b"\r\n\r\n")
    for _ in range(20):
        made.rig.call(lambda: None)
    owed = [c._stream.owed for c in made.rig.server._http]
    assert len(owed) == 1
    assert owed[0] < 1 << 20
    assert upto(client, 1 << 60) == path.read_bytes()
