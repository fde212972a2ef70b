"""Restart without loss: whoever reads goes on by cursor, and behind a socket nobody is refused."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine
from .readers import Readers, writing
from .test_service import CONFIG, TOKEN

pytestmark = pytest.mark.systemd

LOG = "/var/log/load.log"
LOAD = """\
access:
  tokens: [{name: admin, credential: tailws.token}]
sources: [{name: load, path: /var/log/load.log}]
"""


@pytest.fixture
def loaded(installed: Machine) -> Iterator[Machine]:
    installed.systemctl("stop", "tailws")
    installed.write("/etc/credstore/tailws.token", TOKEN + "\n", 0o600)
    installed.write(CONFIG, LOAD)
    installed.write(LOG, "", 0o640, "adm")
    yield installed
    installed.systemctl("stop", "tailws", "tailws.socket", "tailws-activated")


def newer(package: Path, version: str) -> Path:
    """The same package with another version, as an upgrade."""
    root = package.parent / version
    subprocess.run(["dpkg-deb", "-R", package, root], check=True)
    control = root / "DEBIAN" / "control"
    text = control.read_text()
    start = text.index("Version:")
    end = text.index("\n", start)
    control.write_text(f"{text[:start]}Version: {version}{text[end:]}")
    made = package.parent / f"tailws_{version}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", root, made],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return made


def test_nobody_is_refused_and_nothing_is_lost(loaded: Machine, package: Path) -> None:
    """200 clients read a log that is written to all the time, behind tailws.socket. The service is
    restarted, killed, and upgraded with its package. Nobody's connection is ever refused; everybody
    has each line once, in order."""
    loaded.path("/tmp/upgrade.deb").write_bytes(newer(package, "99.0").read_bytes())
    loaded.systemctl("start", "tailws.socket")
    with (
        writing(loaded.path(LOG)) as writer,
        Readers(loaded, 200, "load", TOKEN) as readers,
    ):
        readers.connected(1)
        readers.reached(20)
        for times, interrupt in enumerate(
            (
                lambda: loaded.systemctl("restart", "tailws-activated"),
                lambda: loaded.kill("tailws-activated", signal.SIGKILL),
                lambda: loaded.run("apt-get", "install", "-y", "/tmp/upgrade.deb"),
            ),
            start=2,
        ):
            interrupt()
            readers.connected(times)
            readers.reached(writer.written)
        writer.stop()
        readers.reached(writer.written)
        assert sum(reader.refused for reader in readers.all) == 0
        assert {reader.next for reader in readers.all} == {writer.written}
    assert "99.0" in loaded.run("dpkg-query", "-W", "tailws")


def test_a_service_with_its_own_port_loses_nothing_either(loaded: Machine) -> None:
    """Without the socket unit clients are refused for the moment of the restart, and no more."""
    loaded.systemctl("start", "tailws")
    with writing(loaded.path(LOG)) as writer, Readers(loaded, 20, "load", TOKEN) as readers:
        readers.connected(1)
        readers.reached(20)
        loaded.systemctl("restart", "tailws")
        readers.connected(2)
        loaded.kill("tailws", signal.SIGKILL)
        readers.connected(3)
        writer.stop()
        readers.reached(writer.written)
        assert {reader.next for reader in readers.all} == {writer.written}
