"""One machine for all tests here, with the Debian package installed as users install it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine, obstacle

REPOSITORY = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that boot a machine run in one process; without root they are skipped, visibly."""
    why = obstacle()
    for item in items:
        if item.get_closest_marker("systemd"):
            item.add_marker(pytest.mark.xdist_group("systemd"))
            if why and os.geteuid() != 0:  # as root a machine that cannot is a failure
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package, built as `make deb` builds it."""
    where = tmp_path_factory.mktemp("deb")
    done = subprocess.run(
        [REPOSITORY / ".ci" / "deb", where], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    booted = Machine()
    try:
        yield booted
    finally:
        booted.stop()


@pytest.fixture(scope="module")
def installed(machine: Machine, package: Path) -> Machine:
    """The machine with the package on it, and its service running, whatever a module before this
    one has left there."""
    machine.run("dpkg", "--purge", "tailws")
    machine.path("/tmp/tailws.deb").write_bytes(package.read_bytes())
    machine.run("apt-get", "install", "-y", "/tmp/tailws.deb")
    return machine
