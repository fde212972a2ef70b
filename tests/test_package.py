"""What is installed is whole: the wheel carries the page, the units and the example config."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_carries_all_that_is_needed_and_nothing_else(wheel: Path) -> None:
    """Page, units and example are in it; tests and the tools of the page's authors are not."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("_web/index.html", "_web/main.js", "_systemd/tailws.service", "py.typed"):
        assert f"tailws/{name}" in names
    assert any(name.startswith("tailws/_config/") for name in names)
    served = {path.name for path in (ROOT / "web").iterdir()} - {"package.json", "tsconfig.json"}
    assert {name.split("/")[2] for name in names if name.startswith("tailws/_web/")} == served
    for name in names:
        assert name.startswith(("tailws/", "tailws-"))
        assert not name.endswith(("tsconfig.json", "package.json", ".test.js"))


def test_one_command_from_the_wheel_is_the_whole_job(wheel: Path, tmp_path: Path) -> None:
    """Installed anywhere, `tailws FILE` follows it, prints one address, and serves the page."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    log = tmp_path / "app.log"
    log.write_text("one\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "tailws", "--listen", "127.0.0.1:0", str(log)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)#token=\S+", address)
        assert found, address
        with urllib.request.urlopen(found[1], timeout=10) as answer:
            page = answer.read().decode()
        assert "<title>" in page
        script = re.search(r'src="([^"]+main\.js)"', page)
        assert script
        with urllib.request.urlopen(found[1] + script[1], timeout=10) as answer:
            assert "javascript" in answer.headers["Content-Type"]
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_readme_keeps_its_word() -> None:
    """Its links lead somewhere, its make targets exist, and its config loads."""
    from tailws.config import loads

    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    config = loads(example, "README.md")
    assert [source.name for source in config.sources] == ["nginx", "orders"]
