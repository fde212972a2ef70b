"""What a client asks beyond following, over the socket of a real daemon."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.following.rig import Rig, temporary_rig

DEADLINE = 20.0
LINES = "".join(
    f"2026-11-22T14:{i // 60:02}:{i % 60:02}Z {'ERROR' if i % 10 == 3 else 'INFO'} line {i}\n"
    for i in range(3000)
)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_rig() as rig:
        (rig.logs / "app.log.1.gz").write_bytes(gzip.compress(LINES[: len(LINES) // 2].encode()))
        (rig.logs / "app.log").write_text(LINES[len(LINES) // 2 :])
        (rig.logs / "other.log").write_text("old\n")
        rig.follow("app.log", timezone="UTC", format="plain")
        rig.follow("other.log", "other")
        rig.follow("n/*.log", "n")
        (rig.logs / "n").mkdir()
        rig.start()
        yield rig


class Asking:
    """A socket that sends a command and waits for what comes of it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello = self.next()[0]

    def send(self, **command: Any) -> None:
        self.socket.send(json.dumps(command))

    def next(self) -> tuple[dict[str, Any], list[str]]:
        message = self.socket.recv(timeout=DEADLINE)
        assert isinstance(message, str)
        head, *body = message.split("\n")
        return json.loads(head), body

    def until(self, kind: str, **like: Any) -> tuple[dict[str, Any], list[str]]:
        while True:
            head, body = self.next()
            if head["type"] == kind and like.items() <= head.items():
                return head, body

    def ask(self, kind: str, **command: Any) -> dict[str, Any]:
        self.send(**command)
        return self.until(kind)[0]


@pytest.fixture
def asking(rig: Rig) -> Iterator[Asking]:
    with connect(rig.url, compression=None) as socket:
        yield Asking(socket)


def test_the_daemon_names_what_it_offers(asking: Asking) -> None:
    """A page shows what is there, and nothing else."""
    assert set(asking.hello["features"]) >= {
        "history.after", "history.until", "numbers", "locate", "find", "watch", "activity",
        "extent", "outline", "behind", "download",
    }  # fmt: skip


def test_find_and_its_hits_lead_to_history(asking: Asking) -> None:
    """From a hit in an archive to the lines behind it."""
    head = asking.ask("found", type="find", id="f", source="app", pattern="line 33[0-9]$")
    hits = list(head["hits"])
    while not head.get("done"):
        head = asking.until("found")[0]
        hits += head["hits"]
    assert head["count"] == len(hits) == 10
    asking.send(type="history", source="app", after=hits[0]["cursor"], lines=2, id=1)
    head, body = asking.until("history")
    assert [line.rpartition("line ")[2] for line in body] == ["339", "340"]
    assert head["file"] == "app.log.1.gz"
    assert head["at"] == hits[0]["at"]
    assert head["time"] > 0


def test_locate_answers_for_places_that_are_gone(asking: Asking) -> None:
    """No error: the oldest place that is left."""
    head = asking.ask("located", type="locate", source="app", cursor="1.2.300.4.5", id=2)
    assert (head["cursor"], head["exact"], head["id"]) == (None, False, 2)
    head = asking.ask("located", type="locate", source="app", cursor=head["oldest"])
    assert head["at"] == 0
    assert head["exact"]


def test_stop_ends_a_search(asking: Asking) -> None:
    """Answered, also when it has ended by itself."""
    asking.send(type="find", id=9, source="app", pattern="nothing")
    asking.send(type="stop", id=9)
    assert asking.until("stopped")[0]["id"] == 9
    assert asking.ask("stopped", type="stop", id="x")["id"] == "x"


def test_many_requests_wait_in_line(asking: Asking) -> None:
    """A page asks for forty places at once, and gets forty answers."""
    for number in range(40):
        asking.send(type="locate", source="app", fraction=number / 40, id=number)
    answers = [asking.until("located")[0]["id"] for _ in range(40)]
    assert sorted(answers) == list(range(40))


def test_outline_and_extent_agree(asking: Asking) -> None:
    """Both are of the same bytes."""
    head = asking.ask("outline", type="outline", source="app", buckets=5)
    while not head.get("done"):
        head = asking.until("outline")[0]
    assert sum(bucket[0] for bucket in head["buckets"]) in range(2990, 3010)
    files = asking.ask("extent", type="extent", source="app")["files"]
    assert sum(file["size"] for file in files) == head["of"] == len(LINES)


def test_errors_say_what_was_wrong(asking: Asking) -> None:
    """With the code that the documentation names, and the command's id."""
    for command, code in (
        ({"type": "find", "source": "nope", "pattern": "x"}, "unknown-source"),
        ({"type": "find", "source": "app", "pattern": "("}, "bad-pattern"),
        ({"type": "find", "source": "app", "pattern": "x", "cursor": "x"}, "bad-cursor"),
        ({"type": "history", "source": "app", "before": "1.2.300.4.5"}, "gone"),
        ({"type": "watch", "source": "nope"}, "unknown-source"),
        ({"type": "outline", "source": "n/none"}, "unknown-source"),
    ):
        head = asking.ask("error", id="e", **command)
        assert (head["code"], head["id"]) == (code, "e")


def test_watch_and_activity_tell_of_what_comes(asking: Asking, rig: Rig) -> None:
    """In sources that are not subscribed to, new ones included; until they are stopped."""
    asking.send(type="watch", id="w", source="**", include=[{"level": "error"}], every=0)
    asking.send(type="activity")
    asking.until("activity")
    with (rig.logs / "other.log").open("a") as file:
        file.write("fine\nERROR one\n")
    head, body = asking.until("match")
    assert (head["source"], head["count"], head["id"], body) == ("other", 1, "w", ["ERROR one"])
    while not head.get("sources"):
        head = asking.until("activity")[0]
    assert head["sources"] == {"other": [2, 15, 1, 0]}
    (rig.logs / "n" / "new.log").write_text("ERROR two\n")
    head, body = asking.until("match")
    assert (head["source"], body) == ("n/new.log", ["ERROR two"])
    asking.ask("stopped", type="stop", id="w")
    asking.send(type="activity", on=False)
    with (rig.logs / "other.log").open("a") as file:
        file.write("ERROR three\n")
    asking.send(type="subscribe", source="other", lines=1, id="s")
    head, body = asking.next()
    assert (head["type"], head["id"]) == ("subscribed", "s")
    head, body = asking.next()
    assert (head["type"], body) == ("lines", ["ERROR three"])
    assert head["number"] == 4
    assert head["at"] == len("old\nfine\nERROR one\n")


def test_what_is_told_at_the_same_moment_is_all_told(asking: Asking, rig: Rig) -> None:
    """A match is not left out because the client is being told of something else already."""
    for name in ("a", "b", "c"):
        asking.send(type="watch", id=name, source="other", include="ERROR", every=0)
    asking.ask("stopped", type="stop", id="none")
    with (rig.logs / "other.log").open("a") as file:
        file.write("ERROR one\n")
    assert {asking.until("match")[0]["id"] for _ in range(3)} == {"a", "b", "c"}


def test_rules_tell_every_page(rig: Rig) -> None:
    """What the config watches for comes by itself to whoever may see the source."""
    with temporary_rig() as other:
        (other.logs / "app.log").write_text("old panic\n")
        other.follow("app.log")
        other.extra = {"rules": [{"name": "panic", "pattern": "panic", "every": 0}]}
        other.start()
        with connect(other.url, compression=None) as socket:
            asking = Asking(socket)
            with (other.logs / "app.log").open("a") as file:
                file.write("kernel panic\n")
            head, body = asking.until("match")
            assert (head["rule"], head["source"], body) == ("panic", "app", ["kernel panic"])


def test_the_list_says_how_a_log_is_written(rig: Rig, asking: Asking) -> None:
    """What the config knows about a log, the page need not guess."""
    infos = {info["name"]: info for info in asking.hello["sources"]}
    assert infos["app"]["zone"] == "UTC"
    assert infos["app"]["format"] == "plain"
    assert infos["app"]["size"] > 0
    assert not infos["other"].keys() & {"zone", "format"}


def test_rules_change_with_the_config() -> None:
    """A reload begins new rules and ends old ones; a webhook gets what the pages get."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with temporary_rig() as rig:
            log = rig.logs / "app.log"
            log.write_text("old\n")
            rig.follow("app.log")
            rig.start()
            rule = {
                "name": "oom",
                "pattern": "out of memory",
                "sources": ["a*"],
                "every": 0,
                "webhook": f"http://127.0.0.1:{server.server_port}/x",
            }
            config = json.loads((rig.home / "tailws.json").read_text())
            (rig.home / "tailws.json").write_text(json.dumps(config | {"rules": [rule]}))
            os.kill(rig.pid, signal.SIGHUP)
            rig.wait(lambda: "reloaded, " in rig.said(), "the reload")
            with log.open("a") as file:
                file.write("1: out of memory\n")
            rig.wait(lambda: got, "the webhook")
            event = {key: got[0][key] for key in ("rule", "source", "line", "count")}
            assert event == {"rule": "oom", "source": "app", "line": "1: out of memory", "count": 1}
            (rig.home / "tailws.json").write_text(json.dumps(config))
            os.kill(rig.pid, signal.SIGHUP)
            rig.wait(lambda: rig.said().count("reloaded, ") == 2, "the second reload")
            with log.open("a") as file:
                file.write("2: out of memory\n")
            with connect(rig.url, compression=None) as socket:
                asking = Asking(socket)
                asking.ask("history", type="history", source="app", before=_end(asking))
            assert len(got) == 1
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _end(asking: Asking) -> str:
    cursor: str = asking.ask("located", type="locate", source="app", fraction=1)["cursor"]
    return cursor


def test_the_last_hour_is_told_by_minutes(asking: Asking, rig: Rig) -> None:
    """Of the sources that are asked for, those to which anything came."""
    asking.ask("activity", type="activity")
    (rig.logs / "n").mkdir(exist_ok=True)
    with (rig.logs / "app.log").open("a") as file:
        file.write("2026-11-22T15:00:00Z WARN odd\n2026-11-22T15:00:00Z ERROR bad\n")
    while not asking.until("activity")[0]["sources"].get("app"):
        pass
    head = asking.ask("rates", type="rates", id=1)
    assert (head["id"], head["done"]) == (1, True)
    lines, warnings, errors = head["sources"]["app"]
    assert len(lines) == head["minutes"] <= 60
    assert sum(lines) >= 2
    assert sum(warnings) >= 1
    assert sum(errors) >= 1
    assert "app" not in asking.ask("rates", type="rates", source="n/*")["sources"]
    assert asking.ask("error", type="rates", source="nope")["code"] == "unknown-source"


def test_a_filter_reads_fields_as_the_config_says(asking: Asking, rig: Rig) -> None:
    """A plain log has no fields, whatever its lines look like; another is read by their looks."""
    for name in ("app", "other"):
        with (rig.logs / f"{name}.log").open("a") as file:
            file.write("2026-11-22T15:00:00Z status=503\n")
        head = asking.ask(
            "found", type="find", id=name, source=name, pattern={"where": "status>=500"}
        )
        while not head.get("done"):
            head = asking.until("found", id=name)[0]
        assert head.get("count", 0) == (0 if name == "app" else 1)


def test_a_time_to_begin_with(rig: Rig) -> None:
    """`since` leads into an archive, and through it to the live end; what is no time is said so."""
    with connect(rig.url, compression=None) as socket:
        asking = Asking(socket)
        asking.send(type="subscribe", source="app", since="2026-11-22T14:10:00")
        got: list[str] = []
        while not got or " line 2999" not in "".join(got):
            got += asking.until("lines")[1]
        assert got[0].endswith(" line 600")
        # the archive ends in the middle of a line
        assert "".join(got).startswith("".join(LINES.splitlines()[600:]))
        head = asking.ask("error", type="subscribe", source="app", since="soon", id=3)
        assert head["code"] == "bad-message"
        assert "no time" in head["message"]


def test_a_range_of_time_as_a_file(rig: Rig) -> None:
    """`since` and `until` of a download, and `since` for curl: the file's own bytes."""
    base = rig.url.replace("ws://", "http://").partition("/ws")[0]
    form = {"source": "app", "since": "2026-11-22T14:10:00Z", "until": "2026-11-22T14:30:00Z"}
    with urlopen(f"{base}/download", urlencode(form).encode(), DEADLINE) as answer:
        assert answer.read().decode() == "".join(LINES.splitlines(keepends=True)[600:1800])
    with urlopen(f"{base}/tail/app?since=2026-11-22T14:30:00Z", None, DEADLINE) as answer:
        assert answer.readline().decode() == LINES.splitlines(keepends=True)[1800]
    for path, body in (("tail/app?since=soon", None), ("download", b"source=app&since=soon")):
        with pytest.raises(HTTPError, match="400"):
            urlopen(f"{base}/{path}", body, DEADLINE)


def test_times_as_the_config_writes_them() -> None:
    """A log whose times are in no usual form is begun at a time all the same."""
    with temporary_rig() as other:
        (other.logs / "app.log").write_text(
            "".join(f"{i} on day 22|11|2026 at 14h{i:02} local\n" for i in range(60))
        )
        other.follow("app.log", timezone="UTC", time_format="%d|%m|%Y at %Hh%M")
        other.start()
        with connect(other.url, compression=None) as socket:
            asking = Asking(socket)
            asking.send(type="subscribe", source="app", since="2026-11-22T14:42Z")
            _, body = asking.until("lines")
            assert body[0].startswith("42 on day")
            assert len(body) == 18
