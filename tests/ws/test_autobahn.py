"""The Autobahn testsuite: its quick cases against an echo server made of our codec, and those that
need no echo against the daemon itself.

`tests/autobahn/run.sh all` runs all 517 of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "autobahn" / "run.sh"

pytestmark = pytest.mark.timeout(600)  # the first run installs the testsuite


def autobahn(out: Path, *arguments: str) -> str:
    """The line of counts; skips, and says so, where there is no CPython 2.7."""
    run = subprocess.run(
        [RUN, *arguments],
        env={**os.environ, "PYTHON": sys.executable, "OUT": str(out)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode == 77:
        pytest.skip("the Autobahn testsuite needs a CPython 2.7, and there is none here")
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()[0]


def test_autobahn_finds_nothing_in_the_codec(tmp_path: Path) -> None:
    """No case fails and none is merely tolerated. Three say nothing about anybody: 7.1.6, 7.13.1
    and 7.13.2, where the RFC leaves open what is right."""
    counts = autobahn(tmp_path, "fast")
    assert counts == ("autobahn: 247 cases, 244 ok, 0 non-strict, 3 informational, 0 failed")


def test_autobahn_finds_nothing_in_the_daemon(tmp_path: Path, daemon_url: str) -> None:
    """The whole way through HTTP, the loop and a client, on a log in which nothing happens. Where
    a case waits for an echo before it goes on to a violation, it is content without: non-strict."""
    counts = autobahn(tmp_path, "noecho", f"{daemon_url}?source=quiet&lines=0&format=text")
    assert counts.startswith("autobahn: 151 cases, ")
    assert counts.endswith(" 0 failed")
