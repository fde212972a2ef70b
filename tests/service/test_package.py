"""The Debian package and `tailws service`: from nothing to a service, and back to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import REPOSITORY
from .machine import Machine
from .test_restart import newer

pytestmark = pytest.mark.systemd

CONFIG = "/etc/tailws/tailws.yaml"
TOKEN = "/etc/credstore/tailws.token"


@pytest.fixture(scope="module")
def bare(machine: Machine) -> Machine:
    """A machine without tailws."""
    machine.run("dpkg", "--purge", "tailws")
    return machine


@pytest.fixture
def program(bare: Machine, package: Path) -> Iterator[str]:
    """/opt/tailws/bin/tailws as pip would make it, offline: from what the package holds."""
    bare.run("dpkg", "--purge", "tailws")
    bare.path("/tmp/1.deb").write_bytes(package.read_bytes())
    bare.run("/usr/bin/python3", "-m", "venv", "--without-pip", "/opt/tailws")
    bare.run("dpkg-deb", "-x", "/tmp/1.deb", "/opt/unpacked")
    (libraries,) = bare.path("/opt/tailws/lib").glob("python3*/site-packages")
    libraries.rmdir()
    bare.path("/opt/unpacked/usr/lib/tailws").rename(libraries)
    bare.run("rm", "-r", "/opt/unpacked")
    script = (
        "#!/opt/tailws/bin/python3\nimport sys\nfrom tailws.cli import main\nsys.exit(main())\n"
    )
    bare.write("/opt/tailws/bin/tailws", script, 0o755)
    yield "/opt/tailws/bin/tailws"
    bare.run("rm", "-r", "/opt/tailws")


def readme(first: str) -> list[str]:
    """The commands that the README gives in one block, as root types them."""
    blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.S)
    (block,) = [block for block in blocks if first in block]
    return [line.partition("  #")[0].strip().replace("sudo ", "") for line in block.splitlines()]


def traces(machine: Machine) -> str:
    """All files of an installation."""
    return machine.run(
        "find", "/etc", "/usr", "/lib/systemd", "/run", "/var/log", "/opt", "-xdev", "-name",
        "*tailws*", "-not", "-path", "*/dpkg/*", check=False,
    )  # fmt: skip


def test_install_upgrade_purge(bare: Machine, package: Path) -> None:
    """`apt install ./tailws_*.deb` starts a service with a token of its own. An upgrade keeps what
    the administrator wrote and restarts what runs. Purged, nothing is left."""
    before = traces(bare)
    build, install = readme("make deb")
    assert build == "make deb"
    bare.path("/tmp/dist").mkdir()
    bare.path(f"/tmp/dist/{package.name}").write_bytes(package.read_bytes())
    bare.path("/tmp/2.deb").write_bytes(newer(package, "100.0").read_bytes())
    said = bare.run("sh", "-c", f"cd /tmp && {install.replace('apt', 'apt-get -y')}")
    assert f"http://127.0.0.1:3368/ with the token in {TOKEN}" in said
    assert bare.show("tailws", "ActiveState") == "active"
    assert bare.show("tailws", "UnitFileState") == "enabled"
    assert bare.get("/healthz")[0].status == 200
    token = bare.path(TOKEN).read_text().strip()
    assert len(token) == 24
    assert bare.path(TOKEN).stat().st_mode & 0o777 == 0o600
    assert bare.get("/session", headers={"Authorization": f"Bearer {token}"})[0].status == 200
    assert bare.run("tailws", "--version").startswith("tailws ")

    ours = bare.path(CONFIG).read_text() + "page:\n  title: ours\n"
    bare.write(CONFIG, ours)
    pid = bare.show("tailws", "MainPID")
    bare.run("dpkg", "-i", "/tmp/2.deb")
    assert bare.path(CONFIG).read_text() == ours
    assert bare.path(TOKEN).read_text().strip() == token
    assert bare.show("tailws", "ActiveState") == "active"
    assert bare.show("tailws", "MainPID") not in (pid, "0")

    bare.systemctl("disable", "--now", "tailws")
    bare.run("dpkg", "-i", "/tmp/2.deb")
    assert bare.show("tailws", "ActiveState") == "inactive", "an upgrade started what was disabled"

    bare.run("dpkg", "--remove", "tailws")
    assert bare.path(CONFIG).exists()
    assert bare.path(TOKEN).exists()
    bare.run("dpkg", "--purge", "tailws")
    assert traces(bare) == before


def test_service_install_and_uninstall(bare: Machine, program: str) -> None:
    """`tailws service install` makes a service of a pip installation, twice as well as once; what
    somebody changed is kept; `uninstall --purge` takes all of it away."""
    before = traces(bare)
    assert readme("service install")[-1] == f"{program} service install"
    said = bare.run(program, "service", "install")
    assert "wrote /usr/local/lib/systemd/system/tailws.service" in said
    token = bare.path(TOKEN).read_text().strip()
    assert f"open http://127.0.0.1:3368/#token={token}" in said
    assert bare.show("tailws", "ActiveState") == "active"
    assert bare.show("tailws", "UnitFileState") == "enabled"
    assert bare.get("/session", headers={"Authorization": f"Bearer {token}"})[0].status == 200
    assert bare.run("systemd-analyze", "verify", "--man=no", "tailws.service") == ""

    bare.append(CONFIG, "page:\n  title: ours\n")
    again = bare.run(program, "service", "install")
    assert "wrote" not in again
    assert "updated" not in again
    assert "title: ours" in bare.path(CONFIG).read_text()
    assert bare.path(TOKEN).read_text().strip() == token
    assert bare.show("tailws", "ActiveState") == "active"

    assert f"kept {CONFIG}" in bare.run(program, "service", "uninstall")
    assert bare.show("tailws", "LoadState") == "not-found"
    assert f"removed {CONFIG}" in bare.run(program, "service", "uninstall", "--purge")
    assert bare.run(program, "service", "uninstall", "--purge") == ""
    assert traces(bare) == before


def test_what_cannot_be_installed(bare: Machine, program: str) -> None:
    """Without root, and from where the service's user could not run it (203/EXEC): a sentence with
    a way out, and nothing is written."""
    before = traces(bare)
    code, said = bare.attempt(
        *("setpriv", "--reuid=65534", "--clear-groups", program, "service", "install")
    )
    assert code == 1
    assert said == "tailws: only root may install a service; try: sudo tailws service install\n"
    bare.run("mkdir", "--mode=0700", "/srv/private")
    bare.run("cp", "-r", "/opt/tailws", "/srv/private/")
    bare.run("sed", "-i", "1s,/opt/,/srv/private/,", "/srv/private/tailws/bin/tailws")
    code, said = bare.attempt("/srv/private/tailws/bin/tailws", "service", "install")
    bare.run("rm", "-r", "/srv/private")
    assert code == 1
    assert "because of /srv/private. Install tailws where everybody can" in said
    assert traces(bare) == before
