"""What the daemon sends of a script is the script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tailws.server.site import lean

WEB = Path(__file__).parents[2] / "web"
COMPARE = Path(__file__).with_name("same_script.cjs")
TYPESCRIPT = Path(sys.prefix) / "node/node_modules/typescript"  # `make check` has put it there


def differences(tmp_path: Path, pairs: list[tuple[str, str, str]]) -> str:
    """Return where the two texts of each script differ to a parser; '' when nowhere."""
    listed = tmp_path / "pairs.json"
    listed.write_text(json.dumps(pairs))
    command = ["node", str(COMPARE), str(TYPESCRIPT), str(listed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


def test_a_script_is_sent_as_it_is_but_for_comments_and_spaces(tmp_path: Path) -> None:
    """To a parser each script of the page is the same before and after, and a third is saved."""
    files = sorted(WEB.rglob("*.js"))
    pairs = [
        (str(file.relative_to(WEB)), file.read_text(), lean(file.name, file.read_bytes()).decode())
        for file in files
    ]
    assert differences(tmp_path, pairs) == ""
    assert sum(len(sent) for _, _, sent in pairs) < 0.7 * sum(len(own) for _, own, _ in pairs)


OTHERS = [
    ("f(`a b`);", "f(`a  b`);"),
    ('f("a: b");', 'f("a:b");'),
    ("f(/a: b/);", "f(/a:b/);"),
    ("f(1, 2); g();", "f(1, 2);"),
    ("f(1, 2);", "f(-1, 2);"),
    ("x = a ? b : c;", "x = a ? b : d;"),
]


def test_the_comparison_sees_other_scripts(tmp_path: Path) -> None:
    """A comparison that missed any of these would prove nothing."""
    pairs = [(f"{k}.js", own, sent) for k, (own, sent) in enumerate(OTHERS)]
    said = differences(tmp_path, pairs).splitlines()
    assert [line.partition(":")[0] for line in said] == [name for name, _, _ in pairs]
