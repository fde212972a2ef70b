"""The unit files and what is written about them, as far as that needs no root."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tailws.config import Problem, load, loads

REPOSITORY = Path(__file__).parents[2]
UNITS = REPOSITORY / "systemd"
MANUAL = REPOSITORY / "docs" / "operating.md"


def settings(name: str) -> set[str]:
    lines = (UNITS / name).read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_two_services_are_one() -> None:
    """Behind the socket it is the same service, but for the network and the order."""
    own, behind = settings("tailws.service"), settings("tailws-activated.service")
    assert own - behind == {
        "After=network.target",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "IPAddressAllow=localhost",
    }
    assert behind - own == {
        "After=tailws.socket tailws.service",
        "Conflicts=tailws.service",
        "Requires=tailws.socket",
        "PrivateNetwork=yes",
        "RestrictAddressFamilies=AF_UNIX",
        "Also=tailws.socket",
    }


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize(("unit", "most"), [("tailws", 10), ("tailws-activated", 2)])
def test_exposure(unit: str, most: int) -> None:
    """`systemd-analyze security` gives at most 1.0 with a port of its own, 0.2 without."""
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={most}", str(UNITS / f"{unit}.service")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_installed_config_is_right() -> None:
    """It loads without a warning, and listens where the socket unit does."""
    warnings: list[Problem] = []
    config = load(UNITS / "tailws.yaml", warnings)
    assert warnings == []
    assert [f"ListenStream={listen.address}" for listen in config.listen] == [
        line for line in sorted(settings("tailws.socket")) if line.startswith("ListenStream=")
    ]


def test_configs_in_the_manual_load() -> None:
    """What stands in docs/operating.md as a config can be copied."""
    blocks = re.findall(r"```yaml\n(# /etc/tailws.*?)```", MANUAL.read_text(), re.S)
    assert len(blocks) == 3
    for block in blocks:
        loads(block + "sources: [{name: a, path: /a}]\n")
    inline = re.findall(r"`((?:listen|trusted_proxies): [^`]+)`", MANUAL.read_text())
    assert len(inline) == 2
    for text in inline:
        loads(text if text.startswith("listen") else f"access: {{{text}}}")


def test_drop_ins_in_the_manual_exist() -> None:
    """Each that is named is there, and each that is there is named."""
    named = set(re.findall(r"`([a-z-]+\.conf)`", MANUAL.read_text()))
    assert named == {path.name for path in (UNITS / "drop-ins").iterdir()}
