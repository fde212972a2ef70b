"""A YAML text as a tree of nodes that know their line.

PyYAML's composer builds the tree. Its constructor, which would turn nodes into Python objects, is
never run: the loader reads the nodes by the types of the model, so that every sentence can name a
line, and a number is read as it was written.
"""

import io

import yaml

from tailws.config.problems import Report

NULL = "tag:yaml.org,2002:null"

Node = yaml.Node


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
