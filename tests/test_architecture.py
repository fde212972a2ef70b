"""The table of layers in docs/architecture.md, held against the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tailws"
#: A package or module, and what it may import of tailws besides itself. Imports only point down.
PURE = {"ws", "text", "messages", "names", "config"}
LAYERS: dict[str, set[str]] = {
    "names": set(),
    "ws": set(),
    "text": set(),
    "messages": {"names", "text"},
    "config": {"names", "text"},
    "runtime": PURE,
    "log": {"runtime"},
    "logs": PURE | {"runtime"},
    "server": PURE | {"runtime", "log", "logs"},
}
EDGE = {"__main__", "cli", "daemon", "check", "service", "reload"}
#: What the pure layer must not know: descriptors, clocks, sockets, loggers.
IMPURE = {"logging", "socket", "selectors", "threading", "subprocess", "asyncio", "time"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports when it runs (not those for types only)."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def parts_of_tailws(path: Path) -> set[str]:
    """Which parts of the package a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("tailws.")} - {
        "__version__"
    }


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_point_down(path: Path) -> None:
    """A module imports from its own layer's packages and from those below, never from above."""
    part = part_of(path)
    if part in EDGE or part == "__init__":
        return
    assert part in LAYERS, f"{part} has no place in the table of layers"
    above = parts_of_tailws(path) - LAYERS[part] - {part}
    assert not above, f"{path.name} imports {sorted(above)}"


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if part_of(path) in {"ws", "text", "messages", "names"}],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_pure_layer_knows_no_descriptor_no_clock_no_logger(path: Path) -> None:
    """What is pure can be used and tested without a machine around it."""
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


def test_every_module_says_what_it_is() -> None:
    """A module has one subject and says it in its first line."""
    for path in modules():
        doc = ast.get_docstring(ast.parse(path.read_text()))
        assert doc, f"{path.relative_to(ROOT)} has no docstring"
        assert len(doc.splitlines()[0]) <= 100


def test_the_architecture_text_names_what_is_there() -> None:
    """The reader of docs/architecture.md finds each module that it names, and each package."""
    text = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"`(?:tailws/)?([a-z_]+(?:/[a-z_]+)?\.py)`", text))
    for name in named:
        there = (PACKAGE / name).exists() or (ROOT / name).exists()
        assert there, f"docs/architecture.md names {name}"
    for part in LAYERS:
        assert f"`{part}" in text, f"docs/architecture.md does not name {part}"
