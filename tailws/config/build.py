"""From nodes to the structures of the model: one walk over both, collecting what does not fit."""

import contextlib
import difflib
from collections.abc import Iterable
from typing import Any

import yaml
from msgspec import inspect

from tailws.config import kinds
from tailws.config.document import NULL, Node, found, line_of
from tailws.config.model import Access, Config, Listen, Webhook
from tailws.config.problems import Report

# Where a mapping is expected, a scalar is short for a mapping of this one key.
SHORT: dict[type, str] = {Listen: "address", Webhook: "url", Access: "tokens"}
# An alias costs three characters to write and a subtree to read.
_MOST_NODES = 200_000


_Part = tuple[str, Node, inspect.Type, str]  # name, node, type, key


class _Wrong(Exception):
    """This value is wrong, which is already reported."""


def build(root: Node, report: Report, base: str) -> Config:
    """Return the config that a document says; raises `ConfigError` with all that is wrong.

    `base` is the directory that relative paths start from.
    """
    walk = _Walk(report, base)
    try:
        config: Config = walk.value(root, inspect.type_info(Config), "", "")
    except _Wrong:
        report.stop()
        raise
    return config


class _Walk:
    def __init__(self, report: Report, base: str) -> None:
        self.report = report
        self.base = base
        self.nodes = 0

    def wrong(self, key: str, node: Node, message: str) -> _Wrong:
        self.report.error(key, message, line_of(node))
        return _Wrong()

    def value(
        self, node: Node, wanted: inspect.Type, key: str, kind: str, instead: str = "a list"
    ) -> Any:
        """Return what the node says as the type wants it.

        `kind` is that of a scalar, `instead` what a scalar that must be a word could be as well.
        """
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            self.report.error("", "this is too large to be a config (aliases count as written out)")
            self.report.stop()
        self.report.lines.setdefault(key, line_of(node))
        if isinstance(wanted, inspect.Metadata):
            kind = (wanted.extra or {}).get("kind", kind)
            return self.value(node, wanted.type, key, kind, instead)
        if isinstance(wanted, inspect.UnionType):
            return self.union(node, wanted, key, kind, instead)
        if isinstance(wanted, inspect.StructType):
            return self.struct(node, wanted, key)
        if isinstance(wanted, inspect.VarTupleType):
            return self.items(node, wanted, key, kind)
        if isinstance(wanted, inspect.DictType):
            before = len(self.report.problems)
            pairs = self.pairs(node, key, "a mapping of names to texts")
            values = self.all_of(
                (name, item, wanted.value_type, _below(key, name)) for name, item in pairs.items()
            )
            if len(self.report.problems) > before:
                raise _Wrong
            return values
        return self.scalar(node, wanted, key, kind)

    def all_of(self, parts: Iterable[_Part]) -> dict[str, Any]:
        """Return the values of all parts, so that one that is wrong does not hide the next."""
        before = len(self.report.problems)
        values: dict[str, Any] = {}
        for name, node, wanted, key in parts:
            with contextlib.suppress(_Wrong):
                values[name] = self.value(node, wanted, key, "text")
        if len(self.report.problems) > before:
            raise _Wrong
        return values

    def pairs(self, node: Node, key: str, right: str) -> dict[str, Node]:
        """Return a mapping's keys and nodes, without those that are reported as wrong."""
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(key, node, f"found {found(node)}; write {right}")
        pairs: dict[str, Node] = {}
        for name, item in node.value:
            text = name.value if isinstance(name, yaml.ScalarNode) else ""
            full = _below(key, text)
            if not text:
                message = f"found {found(name)} as a key; write a word"
            elif text == "<<":
                message = "merge keys (<<) are not understood; write the keys out"
            elif text in pairs:
                message = f"this key stands twice, first on line {self.report.line(full)}"
            else:
                pairs[text] = item
                self.report.lines[full] = line_of(name)
                continue
            self.report.error(full, message, line_of(name))
        return pairs

    def struct(self, node: Node, wanted: inspect.StructType, key: str) -> Any:
        fields = {field.name: field for field in wanted.fields}
        short = SHORT.get(wanted.cls)
        known = ", ".join(fields)
        right = f"a mapping with the keys {known}"
        if node.tag == NULL and not node.value and not any(f.required for f in wanted.fields):
            return wanted.cls()  # a section whose keys are all commented out
        if short is not None and isinstance(node, yaml.ScalarNode):
            return wanted.cls(**{short: self.value(node, fields[short].type, key, "text", right)})
        before = len(self.report.problems)
        pairs = self.pairs(node, key, right)
        for name in [name for name in pairs if name not in fields]:
            near = difflib.get_close_matches(name, fields, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys here are {known}"
            self.report.error(_below(key, name), f"there is no key {name!r}; {hint}")
        for field in wanted.fields:
            if field.required and field.name not in pairs:
                self.report.error(key, f"the key {field.name!r} is missing", line_of(node))
        values = self.all_of(
            (name, item, fields[name].type, _below(key, name))
            for name, item in pairs.items()
            if name in fields
        )
        if len(self.report.problems) > before:
            raise _Wrong
        return wanted.cls(**values)

    def items(self, node: Node, wanted: inspect.VarTupleType, key: str, kind: str) -> Any:
        """Return a tuple; of scalars, a single one stands for a list of one."""
        if isinstance(node, yaml.SequenceNode):
            parts = [(str(i), item, f"{key}[{i}]") for i, item in enumerate(node.value)]
        elif (
            isinstance(node, yaml.ScalarNode)
            and node.tag != NULL
            and _takes_scalar(wanted.item_type)
        ):
            parts = [("0", node, key)]
        else:
            raise self.wrong(key, node, f"found {found(node)}; write a list")
        item_type = wanted.item_type
        if isinstance(item_type, inspect.StrType):
            item_type = inspect.Metadata(item_type, extra={"kind": kind})
        values = self.all_of((name, item, item_type, full) for name, item, full in parts)
        return tuple(values.values())

    def union(
        self, node: Node, wanted: inspect.UnionType, key: str, kind: str, instead: str
    ) -> Any:
        """Choose by the form of the node: a literal is a scalar, all others are not."""
        literals = [t for t in wanted.types if isinstance(t, inspect.LiteralType)]
        others = [
            t for t in wanted.types if not isinstance(t, inspect.LiteralType | inspect.NoneType)
        ]
        if literals and isinstance(node, yaml.ScalarNode):
            words = literals[0].values
            if node.value in words and node.tag.endswith(":str"):
                return node.value
            right = " or ".join(map(str, words))
            raise self.wrong(key, node, f"found {found(node)}; write {right}, or {instead}")
        return self.value(node, others[0], key, kind)

    def scalar(self, node: Node, wanted: inspect.Type, key: str, kind: str) -> Any:
        """Return a number or a text that a kind's parser has looked at.

        A choice is compared as it is written: to YAML, the word `off` is a truth value.
        """
        parser, called = kinds.KINDS["text" if isinstance(wanted, inspect.LiteralType) else kind]
        choice = ", ".join(map(str, getattr(wanted, "values", ())))
        right = f"one of {choice}" if choice else called
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(key, node, f"found {found(node)}; write {right}")
        tag = node.tag.rpartition(":")[2]
        numeric = tag in ("int", "float") and kind in kinds.NUMERIC
        if tag != "str" and not numeric and node.value not in getattr(wanted, "values", ()):
            quotes = "" if tag == "null" or kind in kinds.NUMERIC or choice else ", in quotes"
            raise self.wrong(key, node, f"found {found(node)}; write {right}{quotes}")
        try:
            value = parser(node.value, self.base)
        except ValueError as error:
            raise self.wrong(key, node, f"found {found(node)}; {error}") from None
        if isinstance(wanted, inspect.LiteralType):
            if value not in wanted.values:
                near = difflib.get_close_matches(value, map(str, wanted.values), 1, 0.6)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise self.wrong(key, node, f"found {found(node)}; write one of {choice}{hint}")
        elif isinstance(wanted, inspect.IntType | inspect.FloatType):
            least, most = wanted.ge or 0, wanted.le
            if value < least or (most is not None and value > most):
                bounds = f"{kinds.written(kind, least)} to {kinds.written(kind, most)}"
                raise self.wrong(key, node, f"found {found(node)}; write {called} from {bounds}")
        return value


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _takes_scalar(wanted: inspect.Type) -> bool:
    if isinstance(wanted, inspect.Metadata):
        return _takes_scalar(wanted.type)
    return isinstance(wanted, inspect.StrType) or (
        isinstance(wanted, inspect.StructType) and wanted.cls in SHORT
    )
