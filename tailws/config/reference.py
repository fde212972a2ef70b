"""What the model says, as text: the JSON schema, the reference, and the commented example.

`python -m tailws.config.reference` writes the three files again; a test holds them current.
"""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from tailws.config.build import SHORT
from tailws.config.kinds import KINDS, written
from tailws.config.model import Access, Config

_WIDTH = 96
_DURATION = r"^\s*(\d+(\.\d*)?|\.\d+)\s*(ms|s|m|min|h|d)?\s*$"
_SIZE = r"^\s*(\d+(\.\d*)?|\.\d+)\s*(B|K|KiB|M|MiB|G|GiB|kB|KB|MB|GB)?\s*$"
_PATTERNS = {"duration": _DURATION, "size": _SIZE, "mode": "^0?o?[0-7]{3}$"}

# What stands in the example instead of a default: lists of mappings have none worth showing.
# A line that begins with `#` and no blank is YAML that is switched off.
_EXAMPLES = {
    "sources": """\
# One file: the source `syslog`.
- name: syslog
  path: /var/log/syslog
# All that match, now and later: `log/nginx/access.log` and so on.
- name: log
  path: /var/log/**/*.log
# Every key, with its default where it has one:
#- name: app
#  path: [/srv/app/log/*.log, /srv/app/log/*.json]
#  exclude: ["*-debug.log"]
#  archives: [/srv/app/log/old]
#  encoding: auto
#  timezone: local
#  time_format: auto
#  format: auto
""",
    "access.tokens": """\
#tokens:
#  - name: team
#    credential: tailws-token
#    sources: ["**"]
#  - name: web
#    file: /etc/tailws/web.token
#    sources: [nginx, "app/*"]
#  - name: me
#    token: 0d9e8be0e0e6b6ab30ab93fd23b0d7aa0f3a4b34a2ac1f3e
""",
    "rules": """\
#rules:
#  - name: out of memory
#    pattern: "Out of memory|oom-kill"
#    sources: [syslog]
#    every: 1 min
#    webhook:
#      url: https://hooks.example.org/tailws
#      timeout: 10 s
#      attempts: 5
""",
    "page.views": """\
#views:
#  errors today: "s=app/orders.log&show=ERROR"
""",
    "listen": """\
listen:
  - 127.0.0.1:3368
#  - "[::1]:3368"
#  - address: unix:/run/tailws/tailws.sock
#    mode: "0660"
#    group: www-data
#  - address: 0.0.0.0:443
#    tls:
#      certificate: /run/credentials/tailws.service/tailws.crt
#      key: /run/credentials/tailws.service/tailws.key
""",
}  # fmt: skip

_EXAMPLE_HEAD = """\
# yaml-language-server: $schema=tailws.schema.json
#
# The configuration of tailws, with every key. What is not a comment is the default, except for
# the sources; a file with nothing but `sources` is enough.
#
# 'tailws check FILE' says what is wrong, with lines, and what each pattern matches now.
# Durations are `50 ms`, `10 s`, `5 min`, `2 h`, `1 d`, or plain seconds. Sizes are `64 KiB`,
# `1 MiB`, or plain bytes. Paths are relative to this file. `kill -HUP` (systemctl reload) reads
# it anew; a wrong one is refused whole, and the old one goes on.
"""

_REFERENCE_HEAD = """\
# Configuration

tailws reads one YAML file (`tailws --config FILE`); JSON is YAML, so that works too. A file with
nothing but `sources` is enough:

```yaml
sources:
  - name: nginx
    path: /var/log/nginx/*.log
```

`tailws check FILE` names every mistake with its line, and lists what each pattern matches now. A
wrong config stops the start, or a reload, with all its mistakes.
[config/tailws.yaml](../config/tailws.yaml) is an example with every key, and
`config/tailws.schema.json` a schema for editors.

- **Durations** are `50 ms`, `10 s`, `5 min`, `2 h`, `1 d`, or plain seconds.
- **Sizes** are `64 KiB`, `1 MiB` (powers of 1024; `K`, `M` and `G` mean the same), `1 MB` (powers
  of 1000), or plain bytes.
- **Paths** are relative to the directory of the config file. In patterns `*` stands for any
  characters but `/`, `?` for one, `[a-z]` and `[!a-z]` for one of these or none of these, and `**`,
  alone between slashes, for any number of directories. `*`, `?` and `**` leave out names that begin
  with a dot. A `[`, `*` or `?` that is meant itself is written `[[]`, `[*]`, `[?]`.
- A **list** of one text may be written as the text alone.
- YAML's anchors and aliases work, its merge keys (`<<`) do not.

A file's name in the list of sources is the source's `name` where the path has no wildcard, else the
`name`, a slash, and the path of the file below the pattern's fixed part: with the example above
`/var/log/nginx/access.log` is `nginx/access.log`. Bytes of a file name that are no UTF-8, control
characters, `*` and `?` are written as `%XX` there.

This page is made from the program (`python -m tailws.config.reference`). The defaults suit a small
server; each bound says why it stands where it does.
"""


def _unwrap(given: inspect.Type) -> tuple[inspect.Type, str, str]:
    """Return a field's type, its description and its kind."""
    why = kind = ""
    while isinstance(given, inspect.Metadata):
        why = (given.extra_json_schema or {}).get("description", why)
        kind = (given.extra or {}).get("kind", kind)
        given = given.type
    return given, why, kind


def _struct(given: inspect.Type) -> inspect.StructType | None:
    """Return the structure that a type holds, directly, in a list or as a choice."""
    given = _unwrap(given)[0]
    if isinstance(given, inspect.StructType):
        return given
    inner: tuple[inspect.Type, ...] = ()
    if isinstance(given, inspect.VarTupleType):
        inner = (given.item_type,)
    elif isinstance(given, inspect.UnionType):
        inner = given.types
    return next((found for each in inner if (found := _struct(each))), None)


def structures(
    root: inspect.Type | None = None, key: str = ""
) -> Iterator[tuple[str, inspect.StructType]]:
    """Yield each structure of the model with the key under which it stands (`sources[]`)."""
    found = _struct(root or inspect.type_info(Config))
    if found is None:
        return
    yield key, found
    for field in found.fields:
        name = f"{key}.{field.name}" if key else field.name
        plain = _unwrap(field.type)[0]
        is_list = isinstance(plain, inspect.VarTupleType | inspect.UnionType) and (
            field.default == () or isinstance(field.default, tuple)
        )
        yield from structures(field.type, f"{name}[]" if is_list else name)


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the config file, for editors."""
    made = msgspec.json.schema(Config)
    for _key, struct in structures():
        part = made["$defs"][struct.cls.__name__]
        for field in struct.fields:
            part["properties"][field.name] = _property(part["properties"][field.name], field)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of tailws",
        **made,
    }


def _property(made: dict[str, Any], field: inspect.Field) -> dict[str, Any]:
    plain, why, kind = _unwrap(field.type)
    outer: dict[str, Any] = {"description": why}
    default = made.pop("default", None)
    made.pop("description", None)
    if _struct(plain) is None and default not in (None, {}, []):
        outer["default"] = written(kind, default) if kind in _PATTERNS else default
    choices = [_with_short(choice) for choice in made.pop("anyOf", [made]) if choice]
    choices = [choice for choice in choices if choice.get("type") != "null"]
    if kind in _PATTERNS:
        choices.append({"type": "string", "pattern": _PATTERNS[kind]})
    for choice in list(choices):
        items = choice.get("items", {})
        if choice.get("type") == "array" and "properties" not in items:
            choice["items"] = _with_short(items)
            if items.get("type") == "string" or "anyOf" in choice["items"]:
                choices.append({"type": "string"})
    if isinstance(plain, inspect.StructType) and not any(f.required for f in plain.fields):
        choices.append({"type": "null"})  # a section whose keys are all commented out
    return outer | (choices[0] if len(choices) == 1 else {"anyOf": choices})


def _with_short(made: dict[str, Any]) -> dict[str, Any]:
    """Allow a scalar where it is short for a structure."""
    for cls in SHORT:
        if made.get("$ref") == f"#/$defs/{cls.__name__}":
            return {"anyOf": [made, {"enum": ["none"]} if cls is Access else {"type": "string"}]}
    return made


def _bounds(plain: inspect.Type, kind: str) -> str:
    if isinstance(plain, inspect.IntType | inspect.FloatType) and plain.le is not None:
        if kind == "size" and plain.le >= 2**53:
            return f"from {written(kind, plain.ge)}"
        return f"{written(kind, plain.ge)} to {written(kind, plain.le)}"
    return ""


def _default(field: inspect.Field, kind: str) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if isinstance(_unwrap(field.type)[0], inspect.StructType):
        return ""
    if isinstance(value, tuple):
        shown = [getattr(item, "address", item) for item in value]
        return f"`{json.dumps(shown)}`" if shown else ""
    return f"`{written(kind, value)}`" if value not in (None, "", {}) else ""


def reference() -> str:
    """Return the text of docs/config.md."""
    out = [_REFERENCE_HEAD]
    for key, struct in structures():
        if all(isinstance(_unwrap(f.type)[0], inspect.StructType) for f in struct.fields):
            continue
        out.append(f"\n## {f'`{key}`' if key else 'Top level'}\n")
        out.append(f"{struct.cls.__doc__}\n")
        out.append("| key | default | what, and why |\n|---|---|---|")
        for field in struct.fields:
            plain, why, kind = _unwrap(field.type)
            values = getattr(plain, "values", ())
            extra = ", ".join(f"`{value}`" for value in values) or _bounds(plain, kind)
            if _struct(plain) is not None:
                extra = "see below"
            cell = f"{why} ({extra})" if extra else why
            out.append(
                f"| `{field.name}` | {_default(field, kind)} | {cell.replace('|', chr(92) + '|')} |"
            )
    return "\n".join(out) + "\n"


def example() -> str:
    """Return the text of config/tailws.yaml."""
    info = _struct(inspect.type_info(Config))
    assert info is not None
    return _EXAMPLE_HEAD + "".join(_lines(info, "", ""))


def _lines(struct: inspect.StructType, key: str, indent: str) -> Iterator[str]:
    for field in struct.fields:
        plain, why, kind = _unwrap(field.type)
        name = f"{key}.{field.name}" if key else field.name
        bounds = _bounds(plain, kind) or " | ".join(map(str, getattr(plain, "values", ())))
        yield "\n" if not indent or isinstance(plain, inspect.StructType) else ""
        text = f"{why} ({bounds})" if bounds else why
        for line in textwrap.wrap(text, _WIDTH - len(indent), break_on_hyphens=False):
            yield f"{indent}# {line}\n"
        if isinstance(plain, inspect.StructType):
            yield f"{indent}{field.name}:\n"
            yield from _lines(plain, name, indent + "  ")
        elif name in _EXAMPLES:
            yield from _shown(name, field.name, indent)
        else:
            yield f"{indent}{field.name}: {_yaml(field.default, kind)}\n"


def _shown(name: str, field: str, indent: str) -> Iterator[str]:
    text = _EXAMPLES[name]
    if not text.lstrip("#").startswith(f"{field}:"):
        yield f"{indent}{field}:\n"
        text = textwrap.indent(text, "  ")
    yield textwrap.indent(text, indent)


def _yaml(value: Any, kind: str) -> str:
    """Write a default as YAML."""
    if kind in KINDS and not isinstance(value, str | tuple):
        return written(kind, value)
    return json.dumps(value) if value == "" or not isinstance(value, str) else value


FILES = {
    "config/tailws.schema.json": lambda: json.dumps(schema(), indent=2) + "\n",
    "config/tailws.yaml": example,
    "docs/config.md": reference,
}


def main() -> None:
    """Write the files below the given directory, or the present one."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name, text in FILES.items():
        (root / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
