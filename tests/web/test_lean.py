"""What the daemon sends of its scripts is these scripts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tailws.server.joined import joined
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


def test_the_modules_of_the_page_are_one_script(tmp_path: Path) -> None:
    """All of them are in it, behind what they import; to a parser it is whole, and stays the same
    without comments and spaces."""
    modules = {str(file.relative_to(WEB)): file.read_bytes() for file in WEB.glob("*/*.js")}
    script = joined((WEB / "main.js").read_bytes(), modules)
    assert len(re.findall(rb"^const module\d+ = ", script, re.M)) == len(modules) > 40
    assert not re.findall(rb"^(?:import|export)\b", script, re.M)
    assert (
        differences(tmp_path, [("main.js", script.decode(), lean("main.js", script).decode())])
        == ""
    )


MODULES = {
    "main.js": """import { Far, later } from "./view/far.js";
import { name as deep } from "./model/deep.js";
const name = "main";
console.log(name, deep, new Far().words(), await later());
""",
    "view/far.js": """// A comment in front of what is imported.
import { name, twice as two } from "../model/deep.js";
import { SIGN } from "./near.js";

export class Far {
  words() {
    return `${two(name)}${SIGN}`;
  }
}
export async function later() {
  return "later";
}
""",
    "view/near.js": """import { twice } from "../model/deep.js";
export const SIGN = twice("!");
""",
    "model/deep.js": """console.log("once");
const own = "deep";
export const name = own;
export function twice(text) {
  return text + text;
}
""",
}


def test_one_script_does_what_the_modules_do(tmp_path: Path) -> None:
    """Names that are the same in several modules, others that are given at import, a module that
    two import, one that imports another, and waiting at the top."""
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    sources = {name: text.encode() for name, text in MODULES.items()}
    (tmp_path / "one.js").write_bytes(joined(sources.pop("main.js"), sources))
    said = [
        subprocess.run(["node", tmp_path / name], capture_output=True, text=True, timeout=60).stdout
        for name in ("main.js", "one.js")
    ]
    assert said == ["once\nmain deep deepdeep!! later\n"] * 2
