"""HTTPS without a proxy: a real daemon with a certificate, and what a reload does with it."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from .machine import DEADLINE

PEM = Path(__file__).parents[1] / "runtime" / "localhost.pem"
CONFIG = """\
listen: [{address: "127.0.0.1:0", tls: {certificate: own.pem, key: own.pem}}]
access: none
sources: [{name: app, path: app.log}]
"""


class Daemon:
    def __init__(self, home: Path, process: subprocess.Popen[str], url: str) -> None:
        self.home = home
        self.process = process
        self.url = url
        self.port = int(url.rpartition(":")[2].strip("/"))

    def reload(self) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "tailws", "reload"],
            env=os.environ
            | {"RUNTIME_DIRECTORY": str(self.home), "MAINPID": str(self.process.pid)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    def certificate(self) -> str:
        """What it shows to whoever connects."""
        return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=DEADLINE)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "own.pem").write_bytes(PEM.read_bytes())
    (tmp_path / "app.log").write_text("line 1\n")
    config = tmp_path / "tailws.yaml"
    config.write_text(CONFIG)
    with subprocess.Popen(
        [sys.executable, "-m", "tailws", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"RUNTIME_DIRECTORY": str(tmp_path)},
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Daemon(tmp_path, process, process.stdout.readline().strip())
        process.terminate()


def test_page_and_websocket(daemon: Daemon) -> None:
    """The printed address is https, and page and WebSocket work with a verified certificate."""
    assert daemon.url == f"https://127.0.0.1:{daemon.port}/"
    trusting = ssl.create_default_context(cafile=PEM)
    connection = http.client.HTTPSConnection(
        "localhost", daemon.port, context=trusting, timeout=DEADLINE
    )
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()
    address = f"wss://localhost:{daemon.port}/ws?source=app&lines=1&format=text"
    with connect(address, ssl=trusting, open_timeout=DEADLINE) as socket:
        assert socket.recv(timeout=DEADLINE) == "line 1"


def test_a_new_certificate_by_reload(daemon: Daemon) -> None:
    """A renewed certificate is shown after a reload to who connects then; who is connected stays.
    One that is wrong refuses the reload, and the old one goes on."""
    first = daemon.certificate()
    trusting = ssl.create_default_context(cafile=PEM)
    address = f"wss://localhost:{daemon.port}/ws?source=app&lines=0"
    with connect(address, ssl=trusting, open_timeout=DEADLINE) as socket:
        (daemon.home / "own.pem").write_text("nonsense")
        code, said = daemon.reload()
        assert code == 1
        assert "are not a certificate and its key" in said
        (daemon.home / "own.pem").unlink()
        code, said = daemon.reload()
        assert code == 1
        assert f"{daemon.home}/own.pem: No such file or directory" in said
        assert daemon.certificate() == first

        new = daemon.home / "own.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-keyout", str(new), "-out", str(daemon.home / "cert.pem")),
            ],
            check=True,
            capture_output=True,
        )
        new.write_text(new.read_text() + (daemon.home / "cert.pem").read_text())
        assert daemon.reload() == (0, "")
        assert daemon.certificate() == (daemon.home / "cert.pem").read_text()
        with (daemon.home / "app.log").open("a") as log:
            log.write("line 2\n")
        while "line 2" not in (message := str(socket.recv(timeout=DEADLINE))):
            assert json.loads(message.split("\n", maxsplit=1)[0])["type"] != "gap"
