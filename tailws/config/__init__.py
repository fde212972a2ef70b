"""The configuration: YAML in, frozen and typed structures out, or all that is wrong with it.

`load` reads a file, `loads` a text, `for_paths` makes the config of `tailws FILE...`. What there is
to configure stands in `tailws.config.model`.
"""

import codecs
import os
import stat
from collections.abc import Iterable

from tailws import names
from tailws.config import document
from tailws.config.build import build
from tailws.config.checks import check
from tailws.config.document import ConfigError, Problem, Report
from tailws.config.kinds import address
from tailws.config.model import (
    Access,
    Clients,
    Config,
    Files,
    Limits,
    Lines,
    Listen,
    Log,
    Page,
    Rule,
    Search,
    Source,
    Token,
    Webhook,
)

__all__ = [
    "Access",
    "Clients",
    "Config",
    "ConfigError",
    "Files",
    "Limits",
    "Lines",
    "Listen",
    "Log",
    "Page",
    "Problem",
    "Rule",
    "Search",
    "Source",
    "Token",
    "Webhook",
    "for_paths",
    "load",
    "loads",
]


def load(path: str | os.PathLike[str], warnings: list[Problem] | None = None) -> Config:
    """Read a config file; raises `ConfigError` with everything that is wrong with it.

    What is suspicious but usable is appended to `warnings`.
    """
    name = os.fspath(path)
    report = Report(name)
    try:
        with open(name, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(document.MAX_BYTES + 1) if stat.S_ISREG(mode) else b""
    except IsADirectoryError:
        report.error("", "this is a directory; name the file in it")
    except (OSError, ValueError) as error:
        report.error("", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    report.stop()
    if not stat.S_ISREG(mode):
        report.error("", "this is not a regular file")
    elif len(raw) > document.MAX_BYTES:
        report.error("", f"this file has more than {document.MAX_BYTES} bytes: hardly a config")
    report.stop()
    found: list[Problem] = []
    config = loads(_decode(raw, report), name, found)
    if mode & stat.S_IROTH and not config.access.is_open:
        found += _readable_tokens(config, name)
    if warnings is not None:
        warnings += found
    return config


def _decode(raw: bytes, report: Report) -> str:
    """Read UTF-8, or UTF-16 with a byte order mark, as YAML allows."""
    utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        report.error("", f"byte {error.start + 1} is not UTF-8; is this a text file?", line)
        report.stop()
        raise


def _readable_tokens(config: Config, name: str) -> list[Problem]:
    return [
        Problem(
            name,
            0,
            f"access.tokens[{i}].token",
            f"everybody on this machine can read it here; 'chmod o-r {name}', or use file or "
            "credential",
        )
        for i, token in enumerate(config.access.tokens)
        if isinstance(token, Token) and token.token
    ]


def loads(text: str, name: str = "config", warnings: list[Problem] | None = None) -> Config:
    """Read a config from a text; `name` is its file, for messages and relative paths."""
    report = Report(name)
    root = document.parse(text, report)
    base = os.path.dirname(os.path.abspath(name))
    config = build(root, report, base) if root is not None else Config()
    check(config, report)
    report.stop()
    if warnings is not None:
        warnings += report.warnings
    return config


def for_paths(paths: list[str], listen: str | None = None) -> Config:
    """Return the config of `tailws FILE...`: a source for each file, and each pattern's directory.

    A path that exists is meant as it stands, whatever wildcards its name seems to hold. Names
    that would clash take in as many of the directories above as it needs.
    """
    report = Report("command line")
    base = os.getcwd()
    patterns: dict[str, None] = {}
    for path in paths:
        exists = "\0" not in path and os.path.lexists(path)
        wrong = None if exists else names.check_glob(path)
        if not path or "\0" in path:
            report.error("", f"found {path!r}; write a path or a pattern such as '*.log'")
        elif wrong:
            report.error("", f"found {path!r}; {wrong}")
        elif os.path.isdir(path):
            inside = os.path.join(path, "*.log")
            report.error("", f"{path!r} is a directory; for the files in it write {inside!r}")
        else:
            full = os.path.normpath(os.path.join(base, path))
            patterns[names.quote(full) if exists else full] = None
    addresses = Config().listen
    if listen is not None:
        try:
            addresses = (Listen(address=address(listen, base)),)
        except ValueError as error:
            report.error("", f"--listen: found {listen!r}; {error}")
    report.stop()
    return Config(listen=addresses, sources=_named(patterns))


def _named(patterns: Iterable[str]) -> tuple[Source, ...]:
    """Make sources of patterns; those that begin in one directory are one source."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for pattern in patterns:
        alone = names.literal(pattern)
        groups.setdefault((alone or names.split(pattern)[0], alone is None), []).append(pattern)
    tails = {group: group[0].strip("/").split("/") for group in groups}
    depth = dict.fromkeys(groups, 1)

    def name(group: tuple[str, bool]) -> str:
        return "/".join(tails[group][-depth[group] :]) or "root"

    def clash(one: tuple[str, bool], other: tuple[str, bool]) -> bool:
        return name(one) == name(other) or (other[1] and name(one).startswith(name(other) + "/"))

    deeper = True
    while deeper:
        clashing = {
            group
            for one in groups
            for other in groups
            if one != other and clash(one, other)
            for group in (one, other)
        }
        deeper = any(depth[group] < len(tails[group]) for group in clashing)
        for group in clashing:
            depth[group] += 1
    return tuple(Source(name=name(group), path=tuple(paths)) for group, paths in groups.items())
