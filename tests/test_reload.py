"""Reload with an answer: a real daemon, asked as ExecReload= asks it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tailws import reload

CONFIG = """\
listen: 127.0.0.1:0
access: none
sources: [{name: app, path: app.log}]
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's runtime directory."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return tmp_path


#: The address that the daemon has printed, by its config.
ADDRESS: dict[Path, str] = {}


@pytest.fixture
def daemon(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A daemon that has started; its config."""
    config = runtime / "tailws.yaml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    with subprocess.Popen(
        [sys.executable, "-m", "tailws", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        ADDRESS[config] = process.stdout.readline().decode().strip()
        assert ADDRESS[config]
        monkeypatch.setenv("MAINPID", str(process.pid))
        yield config
        process.terminate()


def command() -> tuple[int, str]:
    """Run `tailws reload`; return its exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "tailws", "reload"], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.usefixtures("daemon")
def test_an_accepted_config_is_silent() -> None:
    """Exit code 0 means that it is in effect."""
    assert command() == (0, "")


def test_a_refused_config_fails_with_all_that_is_wrong(daemon: Path) -> None:
    """Each mistake is named, and the next good one is taken."""
    daemon.write_text(CONFIG + "wrong: 1\nlog: {level: loud}\n")
    code, said = command()
    assert code == 1
    assert f"{daemon}:4: wrong: there is no key 'wrong'" in said
    assert f"{daemon}:5: log.level: found 'loud'" in said
    assert said.endswith("tailws: the config was refused; the old one goes on\n")
    daemon.write_text(CONFIG)
    assert command() == (0, "")


def test_a_token_that_is_missing_refuses_it(daemon: Path) -> None:
    """What only the daemon can find out is an answer as well."""
    daemon.write_text(CONFIG.replace("none", "{tokens: [{name: me, file: /does/not/exist}]}"))
    code, said = command()
    assert code == 1
    assert "/does/not/exist: No such file or directory" in said


def test_an_address_in_use_refuses_it(daemon: Path) -> None:
    """So is an address that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon.write_text(CONFIG.replace("127.0.0.1:0", address))
        code, said = command()
    assert code == 1
    assert f"{address}: this address is in use" in said


def test_what_is_suspicious_is_told(daemon: Path) -> None:
    """Warnings are shown, and do not refuse anything."""
    daemon.write_text(CONFIG.replace("[{name: app, path: app.log}]", "[]"))
    code, said = command()
    assert code == 0
    assert "there are no sources" in said


TOKENS = """\
listen: 127.0.0.1:0
access:
  tokens:
    - {name: one, token: aaaaaaaaaaaaaaaaaaaaaaaa}
    - {name: two, token: bbbbbbbbbbbbbbbbbbbbbbbb, sources: [app]}
sources: [{name: app, path: app.log}, {name: web, path: web.log}]
"""


@contextmanager
def open_socket(daemon: Path, token: str, query: str = "") -> Iterator[ClientConnection]:
    """A client that has been greeted."""
    address = ADDRESS[daemon].replace("http:", "ws:")
    headers = {"Authorization": f"Bearer {token}"}
    with connect(f"{address}ws{query}", additional_headers=headers, compression=None) as socket:
        head(socket, "hello")
        yield socket


def head(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a kind; its body is under the key `lines`."""
    while True:
        message = socket.recv(timeout=30)
        assert isinstance(message, str)
        first, *lines = message.split("\n")
        said: dict[str, Any] = json.loads(first)
        if said["type"] == kind:
            return said | {"lines": lines}


def test_only_what_is_different_changes(daemon: Path) -> None:
    """A source is added, one removed, one changed: each client hears of its own, and who reads
    something else reads on."""
    log = daemon.parent / "app.log"
    log.write_text("line 1\n")
    (daemon.parent / "web.log").write_text("web 1\n")
    more = CONFIG.replace("path: app.log}", "path: app.log}, {name: web, path: web.log}")
    daemon.write_text(more)
    assert command() == (0, "")
    with (
        open_socket(daemon, "", "?source=app&lines=1") as app,
        open_socket(daemon, "", "?source=web&lines=1") as web,
    ):
        end = head(app, "lines")["end"]
        assert head(web, "lines")["lines"] == ["web 1"]
        daemon.write_text(CONFIG)
        assert command() == (0, "")
        assert head(web, "unsubscribed")["source"] == "web"
        assert [source["name"] for source in head(web, "sources")["sources"]] == ["app"]
        with log.open("a") as file:
            file.write("line 2\n")
        lines = head(app, "lines")
        assert (lines["start"], lines["lines"]) == (end, ["line 2"])


def test_access_of_those_who_are_there(daemon: Path) -> None:
    """`access: none` ends: nobody is in any more without a token. A token that is gone closes with
    1008; one that shows less takes away sources; one that shows more gives them."""
    (daemon.parent / "app.log").write_text("line 1\n")
    with open_socket(daemon, "") as anyone:
        daemon.write_text(TOKENS)
        assert command() == (0, "")
        closed_with_policy_violation(anyone)
    one, two = "a" * 24, "b" * 24
    with open_socket(daemon, one, "?source=app&lines=1") as first:
        with open_socket(daemon, two, "?source=*&lines=1") as second:
            assert head(second, "lines")["source"] == "app"
            daemon.write_text(TOKENS.replace("sources: [app]", "sources: [web]"))
            assert command() == (0, "")
            assert head(second, "unsubscribed")["source"] == "app"
            assert [source["name"] for source in head(second, "sources")["sources"]] == ["web"]
            (daemon.parent / "web.log").write_text("web 1\n")
            assert head(second, "lines")["lines"] == ["web 1"]
            daemon.write_text(TOKENS.replace(two, "c" * 24))
            assert command() == (0, "")
            closed_with_policy_violation(second)
        assert head(first, "lines")["lines"] == ["line 1"]
        with (daemon.parent / "app.log").open("a") as file:
            file.write("line 2\n")
        assert head(first, "lines")["lines"] == ["line 2"]


def test_who_reads_by_curl(daemon: Path) -> None:
    """`/tail/NAME` ends when its token is gone."""
    (daemon.parent / "app.log").write_text("line 1\n")
    daemon.write_text(TOKENS)
    assert command() == (0, "")
    request = urllib.request.Request(
        f"{ADDRESS[daemon]}tail/app?lines=1", headers={"Authorization": f"Bearer {'b' * 24}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.readline() == b"line 1\n"
        daemon.write_text(TOKENS.replace("b" * 24, "c" * 24))
        assert command() == (0, "")
        assert answer.read() == b""


def closed_with_policy_violation(socket: ClientConnection) -> None:
    with pytest.raises(ConnectionClosed) as closed:
        head(socket, "nothing else")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_outside_a_service_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """People who run it by hand are sent to systemctl."""
    monkeypatch.delenv("MAINPID", raising=False)
    code, said = command()
    assert code == 1
    assert said.endswith("you want: systemctl reload tailws\n")


@pytest.mark.usefixtures("runtime")
def test_a_process_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to ask, at once or while we wait."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        pass
    monkeypatch.setenv("MAINPID", str(process.pid))
    with pytest.raises(reload.ReloadError, match="No such process"):
        reload.ask()
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup(1) would have it ignored
    try:
        process = subprocess.Popen(["sleep", "60"])
    finally:
        signal.signal(signal.SIGHUP, previous)
    with process:  # SIGHUP ends it, we collect it
        monkeypatch.setenv("MAINPID", str(process.pid))
        threading.Thread(target=process.wait).start()
        with pytest.raises(reload.ReloadError, match="has ended"):
            reload.ask()


def test_a_process_that_does_not_answer(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and leaves nothing behind. A socket that was left behind does not matter."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setenv("MAINPID", str(os.getpid()))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
            left.bind(str(runtime / "reload"))
        with pytest.raises(reload.ReloadError, match="has not answered"):
            reload.ask(timeout=0.3)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert not (runtime / "reload").exists()


def test_nobody_asks(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kill -HUP` by hand: the answer goes nowhere, and that is no error."""
    reload.answer(True, [])
    (runtime / "reload").write_text("not a socket")
    reload.answer(False, ["x" * 100_000])
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    reload.answer(True, [])
