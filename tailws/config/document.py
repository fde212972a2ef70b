"""A YAML text as a tree of nodes that know their line; and what a wrong config is told.

PyYAML's composer builds the tree. Its constructor, which would turn nodes into Python objects, is
never run: the loader reads the nodes by the types of the model, so that every sentence can name a
line, and a number is read as it was written.
"""

import io
from dataclasses import dataclass, field

import yaml

MAX_BYTES = 1 << 20  # a config is written by hand; more is a wrong file
MAX_PROBLEMS = 40  # nobody reads more at once
NULL = "tag:yaml.org,2002:null"

Node = yaml.Node


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, and in a sentence what was found and what would be right."""

    file: str
    line: int
    """Counted from 1; 0 where no line can be named."""
    key: str
    """As in `sources[2].path`; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(Exception):
    """A config that cannot be used, with all that is wrong with it, from top to bottom."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(slots=True)
class Report:
    """Collects problems, and remembers on which line each key stands."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def error(self, key: str, message: str, line: int | None = None) -> None:
        """Note an error at a key; the line is where the key, or the nearest one above, stands."""
        self.problems.append(
            Problem(self.file, self.line(key) if line is None else line, key, message)
        )
        if len(self.problems) >= MAX_PROBLEMS:
            last = max(problem.line for problem in self.problems)
            self.problems.append(Problem(self.file, last, "", "and maybe more"))
            self.stop()

    def warn(self, key: str, message: str) -> None:
        """Note what is suspicious but can be used."""
        self.warnings.append(Problem(self.file, self.line(key), key, message))

    def line(self, key: str) -> int:
        """Return the line of a key, or of the nearest one above it."""
        while key and key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines.get(key, 0)

    def stop(self) -> None:
        """Raise what was collected, if anything was."""
        if self.problems:
            raise ConfigError(self.problems)


def parse(text: str, report: Report) -> Node | None:
    """Return the root of a YAML document, or None if it is empty; raises `ConfigError`."""
    try:
        loader = yaml.SafeLoader(io.StringIO(text))
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        report.error("", f"the character U+{int(error.character):04X} is not allowed in YAML", line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(filter(None, (error.context, error.problem)))
        report.error("", f"this is not YAML: {what}", mark.line + 1 if mark else 0)
    except RecursionError:
        report.error("", "this is nested too deeply to be a config")
    report.stop()
    return None


def line_of(node: Node) -> int:
    """Return the line on which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def found(node: Node) -> str:
    """Say in words what a node is."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    text = node.value if len(node.value) <= 60 else node.value[:57] + "..."
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return "nothing"
    if kind in ("int", "float"):
        return f"the number {text}"
    if kind == "bool":
        return f"the truth value {text}"
    return f"{text!r}"
