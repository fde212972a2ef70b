"""Kinds of scalars: how the text of a config becomes a value, and what to say when it cannot.

`KINDS` has a row for each kind that the model names. A parser gets the text as written and the
directory that relative paths start from; it raises `ValueError` with what would be right.
"""

import ipaddress
import os
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import re2

from tailws import names

Parser = Callable[[str, str], Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER = re.compile(r"(\d{1,20}(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)", re.ASCII)
SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
BYTES = {
    "": 1, "B": 1,
    "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30,
    "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
}  # fmt: skip


def duration(text: str, _base: str) -> float:
    """Read a duration such as `50 ms`, `10s`, `1.5 h`, or plain seconds."""
    return _quantity(text, SECONDS, "a duration such as '10 s', '50 ms', '5 min' or '2 h'")


def size(text: str, _base: str) -> int:
    """Read a size such as `64 KiB`, `1.5M`, or plain bytes."""
    return round(_quantity(text, BYTES, "a size such as '64 KiB', '1 MiB' or '4096'"))


def _quantity(text: str, units: dict[str, Any], right: str) -> float:
    match = _NUMBER.fullmatch(text.replace("_", "").strip())
    if match is None or match[2] not in units:
        raise ValueError(f"write {right}")
    value: float = float(match[1]) * units[match[2]]
    return value


def count(text: str, _base: str) -> int:
    """Read a whole number."""
    if not re.fullmatch(r"-?\d{1,18}", text.replace("_", ""), re.ASCII):
        raise ValueError("write a whole number")
    return int(text.replace("_", ""))


def mode(text: str, _base: str) -> int:
    """Read permissions in octal, as chmod(1) takes them."""
    if not re.fullmatch(r"0?o?[0-7]{3}", text):
        raise ValueError("write permissions in octal, such as 0660")
    return int(text[-3:], 8)


def line(text: str, _base: str) -> str:
    """Take text of one line."""
    if _CONTROL.search(text):
        raise ValueError("leave out control characters and line ends")
    return text


def word(text: str, base: str) -> str:
    """Take a name."""
    if not text.strip() or text != text.strip() or len(text) > 200:
        raise ValueError("write a name of 1 to 200 characters without blanks around it")
    return line(text, base)


def secret(text: str, _base: str) -> str:
    """Take a token: what fits into an HTTP header and an address."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,512}", text, re.ASCII):
        raise ValueError(
            "write 1 to 512 letters, digits and ._~+/=- only, such as 'openssl rand -hex 24' prints"
        )
    return text


def path(text: str, base: str) -> str:
    """Make a path absolute."""
    if not text or "\0" in text:
        raise ValueError("write a path")
    if text.startswith("~"):
        raise ValueError("write the whole path; '~' is not expanded")
    return absolute(text, base)


def absolute(path: str, base: str) -> str:
    """Return a path without `.`, `..` and doubled slashes."""
    return "/" + os.path.normpath(os.path.join(base, path)).lstrip("/")


def path_glob(text: str, base: str) -> str:
    """Make a path or pattern absolute and look at its wildcards."""
    if not text or "\0" in text:
        raise ValueError("write a path or a pattern such as /var/log/nginx/*.log")
    wrong = names.check_glob(text)
    if wrong:
        raise ValueError(wrong)
    if text.endswith("/"):
        raise ValueError(f"this is a directory; for the files in it write '{text}*.log'")
    return path(text, base)


def exclude_glob(text: str, base: str) -> str:
    """The same, where one without a slash is for the names of files."""
    return path_glob(text, base) if "/" in text else os.path.basename(path_glob(text, base))


def name_glob(text: str, base: str) -> str:
    """Take a glob over source names."""
    if not text or text.startswith("/"):
        raise ValueError("write a source's name or a glob such as 'nginx/*'")
    return line(text, base)


def source_name(text: str, base: str) -> str:
    """Take the name of a source."""
    right = "write a name such as 'nginx'"
    if not text.strip() or len(text) > 200 or text != text.strip():
        raise ValueError(f"{right}, of 1 to 200 characters without blanks around it")
    if text.startswith("/") or text.endswith("/") or "//" in text:
        raise ValueError(f"{right}, with slashes only inside")
    if names.is_glob(text):
        raise ValueError(f"{right}: '*' and '?' belong into the path")
    return line(text, base)


def address(text: str, base: str) -> str:
    """Read where to listen."""
    right = "write '127.0.0.1:3368', '[::1]:3368' or 'unix:/run/tailws/tailws.sock'"
    if text.startswith("unix:"):
        # sun_path has 108 bytes, the last of them NUL: unix(7)
        where = path(text[5:], base) if text[5:] else ""
        if not where or len(os.fsencode(where)) > 107:
            raise ValueError(f"{right}; a socket's path has 1 to 107 bytes")
        return f"unix:{where}"
    host, colon, port = text.rpartition(":")
    if not colon and text.isdecimal():
        raise ValueError(f"write '127.0.0.1:{text}', or '0.0.0.0:{text}' for every address")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65_535:
        raise ValueError(f"{right}; a port is a number from 0 to 65535")
    if not host or host == "*":
        raise ValueError(f"write '0.0.0.0:{port}' or '[::]:{port}' for every address")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare and bare == host:
        raise ValueError(f"an IPv6 address stands in brackets: '[{host}]:{port}'")
    if not _is_host(bare):
        raise ValueError(right)
    return f"{host}:{int(port)}"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_host(text: str) -> bool:
    if _is_address(text):
        return True
    label = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
    dotted = re.fullmatch(rf"{label}(?:\.{label})*\.?", text, re.ASCII)
    return dotted is not None and not re.fullmatch(r"[\d.]+", text) and len(text) <= 253


def host(text: str, _base: str) -> str:
    """Take a host name, in lower case; `*.` in front stands for all names below it."""
    if not _is_host(text.removeprefix("*.")):
        raise ValueError("write a host name such as 'logs.example.org', without scheme and port")
    return text.lower()


def origin(text: str, _base: str) -> str:
    """Take an origin (RFC 6454): scheme, host, and port unless it is the scheme's own."""
    match = re.fullmatch(
        r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/:@\[\]]+)(:\d{1,5})?/?", text, re.ASCII
    )
    if match is None or not _is_host(match[2].strip("[]")):
        raise ValueError("write an origin such as 'https://logs.example.org'")
    scheme, name, port = match[1], match[2].lower(), match[3] or ""
    return f"{scheme}://{name}" + ("" if port == {"http": ":80", "https": ":443"}[scheme] else port)


def network(text: str, _base: str) -> str:
    """Take an address or a network, or `unix`."""
    if text == "unix":
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("write an address or a network such as '10.0.0.0/8', or 'unix'") from None


def base_path(text: str, _base: str) -> str:
    """Take the path before all routes, without a slash at its end."""
    trimmed = text.rstrip("/")
    if trimmed and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", trimmed, re.ASCII):
        raise ValueError("write a path such as '/logs', of letters, digits and ._~-")
    return trimmed


def timezone(text: str, base: str) -> str:
    """Take the name of a time zone, an offset, or `local`."""
    if text in ("local", "UTC") or re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", text, re.ASCII):
        return text
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "no such time zone on this machine; write 'local', 'UTC', '+02:00' or a name such "
            "as 'Europe/Berlin'"
        ) from None
    return line(text, base)


def time_format(text: str, base: str) -> str:
    """Take a form of times that `times.configured` knows, or `auto`."""
    from tailws.text import times

    if text != "auto":
        try:
            times.configured(line(text, base))
        except times.BadTimeFormat as error:
            raise ValueError(str(error)) from None
    return text


def url(text: str, base: str) -> str:
    """Take an address for HTTP."""
    right = "write an address such as 'https://hooks.example.org/tailws'"
    try:
        parts = urllib.parse.urlsplit(line(text, base))
        valid = parts.scheme in ("http", "https") and _is_host(parts.hostname or "")
        valid = valid and (parts.port or 1) > 0 and " " not in text
    except ValueError:
        raise ValueError(right) from None
    if not valid:
        raise ValueError(right)
    return text


def regex(text: str, _base: str) -> str:
    """Take a pattern in RE2 syntax."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        raise ValueError(
            f"RE2 says: {said}; github.com/google/re2/wiki/Syntax has it all"
        ) from None
    if not text:
        raise ValueError("an empty pattern matches every line")
    return text


def log_target(text: str, base: str) -> str:
    """Take a file, or a word for another place."""
    return text if text in ("none", "stderr") else path(text, base)


KINDS: dict[str, tuple[Parser, str]] = {
    # kind: (parser, what it is called)
    "text": (lambda text, _base: text, "text"),
    "line": (line, "text"),
    "word": (word, "a name"),
    "secret": (secret, "a token"),
    "path": (path, "a path"),
    "path-glob": (path_glob, "a path or a pattern"),
    "exclude-glob": (exclude_glob, "a pattern"),
    "name-glob": (name_glob, "a source's name or a glob"),
    "source-name": (source_name, "a name"),
    "address": (address, "an address"),
    "mode": (mode, "permissions in octal"),
    "host": (host, "a host name"),
    "origin": (origin, "an origin"),
    "network": (network, "an address or a network"),
    "base-path": (base_path, "a path"),
    "timezone": (timezone, "a time zone"),
    "time-format": (time_format, "a time format"),
    "url": (url, "an address"),
    "regex": (regex, "a pattern"),
    "log-target": (log_target, "a path, stderr or none"),
    "duration": (duration, "a duration"),
    "size": (size, "a size"),
    "count": (count, "a whole number"),
}
NUMERIC = {"duration", "size", "count", "mode"}  # kinds that YAML may have read as a number


def duration_text(seconds: float) -> str:
    """Write a duration as a person would, to the millisecond."""
    for unit, factor in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds > factor and seconds % factor == 0:
            return f"{seconds / factor:.0f} {unit}"
    if 0 < seconds < 1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"


def size_text(amount: int) -> str:
    """Write a size as a person would."""
    for unit in ("GiB", "MiB", "KiB"):
        if amount >= BYTES[unit] and amount % BYTES[unit] == 0:
            return f"{amount // BYTES[unit]} {unit}"
    return str(amount)


def written(kind: str, value: Any) -> str:
    """Write a value of a kind as it may stand in a config."""
    if kind == "duration":
        return duration_text(value)
    if kind == "size":
        return size_text(value)
    if kind == "mode":
        return f"{value:04o}"
    return str(value)
