"""docs/following.md names the test of each promise, and no test is left out."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/following.md").read_text()


def test_the_page_and_the_scenarios_name_each_other() -> None:
    """Each name on the page is a test here, and each test here is on the page."""
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    files = [path for path in HERE.glob("test_*.py") if path != Path(__file__)]
    written = {
        name for path in files for name in re.findall(r"(?m)^def (test_\w+)\(", path.read_text())
    }
    assert named == written
