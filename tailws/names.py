"""Names of sources: how they are written on the wire, and the globs over names and paths.

A source is named by the config; a file that a pattern matched is `NAME/` and its relative path.
File names are bytes, and may hold anything but NUL and `/`, while a name on the wire must be valid
UTF-8, fit on one line, and be told from a glob. So what cannot stand there is written as `%XX`, one
for each byte (`wire_name`), and can be read back (`file_name`). All other characters stay as they
are, `%` included, unless two hexadecimal digits behind it would make it look like an escape.

Globs, in the config and from clients, are: `*` any characters but `/`, `?` one character but `/`,
`**` as a whole component any number of components, none included. In the paths of the config
also `[abc]`, `[a-z]`, `[!a]`, which stands for one character; `[*]`, `[?]` and `[[]` quote.
As in a shell, a wildcard at the start of a path's component does not match a leading dot.
"""

import os
import re
import urllib.parse
from collections.abc import Callable
from functools import lru_cache

import re2

# Controls (C0, DEL, C1) would break a head or a terminal, surrogates stand for undecodable bytes,
# `*` and `?` would make a name look like a glob.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff*?]|%(?=[0-9A-Fa-f]{2})")
_WILDCARD = re.compile(r"[*?\[]")
_QUOTED = re.compile(r"\[([*?\[])\]")


def wire_name(name: str) -> str:
    """Return how a name made of `os.fsdecode`d parts is written on the wire; always UTF-8."""
    return _UNSAFE.sub(_escape, name)


def file_name(wire: str) -> str:
    """Return the name that `wire_name` wrote as `wire`."""
    return os.fsdecode(urllib.parse.unquote_to_bytes(wire))


def _escape(match: re.Match[str]) -> str:
    raw = match[0].encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in raw)


def literal(pattern: str) -> str | None:
    """Return the path that a pattern without a wildcard stands for; None if it has one."""
    return None if _WILDCARD.search(_QUOTED.sub("", pattern)) else _QUOTED.sub(r"\1", pattern)


def quote(path: str) -> str:
    """Return the pattern that stands for this very path."""
    return _WILDCARD.sub(r"[\g<0>]", path)


def split(pattern: str) -> tuple[str, str]:
    """Return an absolute pattern's fixed directory, and the rest of it.

    `/var/log/**/*.log` gives `/var/log` and `**/*.log`. The path of a match, relative to that
    directory, is the second half of its name.
    """
    parts = pattern.split("/")
    wild = (i for i, part in enumerate(parts) if literal(part) is None)
    first = min(next(wild, len(parts)), len(parts) - 1)
    fixed = _QUOTED.sub(r"\1", "/".join(parts[:first]))
    return fixed or "/", "/".join(parts[first:])


def check_glob(pattern: str) -> str | None:
    """Return what is wrong with a path's pattern, in words, or None."""
    for part in pattern.split("/"):
        if "**" in part and part != "**":
            return f"'**' must stand alone between slashes, as in '/var/log/**/*.log', not {part!r}"
        if "[" in re.sub(r"\[!?\]?[^\]]*\]", "", part):
            return f"the '[' in {part!r} has no ']'; a '[' that is meant itself is written '[[]'"
    try:
        path_glob(pattern)
    except re.error as error:
        return f"the character class is wrong: {error.msg}"
    return None


@lru_cache(maxsize=1024)
def path_glob(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the config; `fullmatch` it against a path or a relative path."""
    return re.compile(_translate(pattern, classes=True, dots=True), re.DOTALL)


def name_glob(pattern: str) -> Callable[[str], bool]:
    """Return a test of wire names against a glob; in linear time, for clients may send any."""
    compiled = re2.compile(f"(?s){_translate(pattern, classes=False, dots=False)}")
    return lambda name: compiled.fullmatch(name) is not None


def is_glob(source: str) -> bool:
    """Tell whether a client's `source` is a glob over names rather than a wire name."""
    return "*" in source or "?" in source


def _translate(pattern: str, *, classes: bool, dots: bool) -> str:
    parts = pattern.split("/")
    visible = r"(?!\.)" if dots else ""
    out: list[str] = []
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if part == "**":
            out.append(f"(?:{visible}[^/]+/)*{visible}[^/]+" if last else f"(?:{visible}[^/]+/)*")
        else:
            out.append((visible if part[:1] in ("*", "?") else "") + _component(part, classes))
            out.append("" if last else "/")
    return "".join(out)


def _component(part: str, classes: bool) -> str:
    out: list[str] = []
    i = 0
    while i < len(part):
        char = part[i]
        end = part.find("]", i + 2 + (part[i + 1 : i + 2] == "!")) if char == "[" else -1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif classes and end > 0:
            negated = part[i + 1] == "!"
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", part[i + 1 + negated : end])
            out.append(f"(?!/)[{'^' if negated else ''}{inside}]")
            i = end
        else:
            out.append(re.escape(char))
        i += 1
    return "".join(out)
