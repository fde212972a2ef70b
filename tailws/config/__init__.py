"""The configuration: YAML in, frozen and typed structures out, or all that is wrong with it.

`load` reads a file, `loads` a text, `for_paths` makes the config of `tailws FILE...`. What there is
to configure stands in `tailws.config.model` and `tailws.config.limits`.
"""

import codecs
import os
import stat

from tailws.config.checks import check
from tailws.config.limits import Clients, Files, Limits, Lines, Search
from tailws.config.model import (
    Access,
    Config,
    Listen,
    Log,
    Page,
    Rule,
    Source,
    Tls,
    Token,
    Webhook,
)
from tailws.config.paths import for_paths
from tailws.config.problems import ConfigError, Problem, Report

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
    "Tls",
    "Token",
    "Webhook",
    "for_paths",
    "load",
    "loads",
]

_MAX_BYTES = 1 << 20  # a config is written by hand; more is a wrong file


def load(path: str | os.PathLike[str], warnings: list[Problem] | None = None) -> Config:
    """Read a config file; raises `ConfigError` with everything that is wrong with it.

    What is suspicious but usable is appended to `warnings`.
    """
    name = os.fspath(path)
    report = Report(name)
    raw, mode = b"", 0
    try:
        with open(name, "rb", opener=_open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode):
                raw = file.read(_MAX_BYTES + 1)
            else:
                report.error("", "this is not a regular file; a config is read again at a reload")
    except IsADirectoryError:
        report.error("", "this is a directory; name the file in it")
    except (OSError, ValueError) as error:
        report.error("", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(raw) > _MAX_BYTES:
        report.error("", f"this file has more than {_MAX_BYTES:,} bytes: hardly a config")
    report.stop()
    found: list[Problem] = []
    config = loads(_decode(raw, report), name, found)
    if mode & stat.S_IROTH and not config.access.is_open:
        found += _readable_tokens(config, name)
    if warnings is not None:
        warnings += found
    return config


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)  # a FIFO would wait for its writer


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
    # `tailws FILE` starts sooner without YAML
    from tailws.config import document
    from tailws.config.build import build

    report = Report(name)
    root = document.parse(text, report)
    base = os.path.dirname(os.path.abspath(name))
    config = build(root, report, base) if root is not None else Config()
    check(config, report)
    report.stop()
    if warnings is not None:
        warnings += report.warnings
    return config
