"""An echo server, and a daemon on a quiet log, for the tests that need real sockets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    """The address of an echo server; it must still run when the tests are over."""
    command = [sys.executable, "-m", "tests.ws.echo_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        url = server.stdout.readline().strip()
        try:
            yield url
            status = server.poll()
        finally:
            server.terminate()
        assert (status, server.stderr.read()) == (None, "")


@pytest.fixture
def echo_address(echo_url: str) -> tuple[str, int]:
    address = urlsplit(echo_url)
    assert address.hostname
    assert address.port
    return address.hostname, address.port


@pytest.fixture(scope="module")
def daemon_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`ws://…/ws` of a daemon that follows a log in which nothing happens, as `quiet`. It must
    still run when the tests are over, end as it should, and have logged no traceback."""
    directory = tmp_path_factory.mktemp("daemon")
    (directory / "quiet.log").touch()
    config = directory / "tailws.yaml"
    config.write_text(
        "listen: 127.0.0.1:0\n"
        "access: {tokens: none}\n"
        f"sources: [{{name: quiet, path: {directory}/quiet.log}}]\n"
    )
    command = [sys.executable, "-m", "tailws", "--config", str(config)]
    log = directory / "daemon.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as daemon,
    ):
        assert daemon.stdout is not None
        try:
            said = (re.search(r"http(://\S+/)", line) for line in daemon.stdout)
            address = next(filter(None, said), None)
            assert address, log.read_text()
            yield f"ws{address[1]}ws"
            status = daemon.poll()
        finally:
            daemon.terminate()
            daemon.wait(30)
    assert (status, daemon.returncode) == (None, 0)
    assert "Traceback" not in log.read_text()
