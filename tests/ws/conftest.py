"""An echo server for the tests that need real sockets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings

# The machine may be busy with something else: how long an example takes says nothing.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")

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
