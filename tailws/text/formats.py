"""Structured lines: JSON, logfmt, syslog, access logs, and what containers wrap around a line.

`detect` says in which format a log is written, from a sample of its lines; `fields` reads one line
whatever its format, for filters such as `status>=500`. A line that a format does not fit is no
error: it has no fields of that kind. Nothing here changes a line; structure is a view.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from tailws.text.pattern import lazy

Value = str | int | float | bool | None
Fields = dict[str, Value]

#: Fields of one line; what is beyond is left out. A log line with more is a document.
MAX_FIELDS: Final = 256
#: A format is a log's format when this share of its lines fits.
SHARE: Final = 0.8

_decode_json: Final = msgspec.json.Decoder().decode
_QUOTED: Final = rb'"(?:[^"\\]|\\.)*+"'


class Format(NamedTuple):
    """A name for people and the page, and how to read one line (None: it does not fit)."""

    name: str
    read: Callable[[bytes], Fields | None]


def read_json(line: bytes) -> Fields | None:
    """A JSON object; nested members get dotted names (`request.method`), lists stay JSON."""
    if not line.startswith(b"{"):
        return None
    try:
        value = _decode_json(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    out: Fields = {}
    _flatten(value, "", out)
    return out


def _flatten(members: dict[str, Any], prefix: str, out: Fields) -> None:
    for key, value in members.items():
        if len(out) >= MAX_FIELDS:
            return
        if isinstance(value, dict) and prefix.count(".") < 8:
            _flatten(value, f"{prefix}{key}.", out)
        elif isinstance(value, dict | list):
            out[prefix + key] = msgspec.json.encode(value).decode()
        else:
            out[prefix + key] = value


_PAIR: Final = lazy(rb"(?:^|(?<=[\s,;(\[{]))([A-Za-z_@][\w.@/-]*)=(" + _QUOTED + rb"|[^\s\"]*)")
_LOGFMT: Final = lazy(
    rb"(?:[A-Za-z_@][\w.@/-]*(?:=(?:" + _QUOTED + rb"|[^\s\"]*+))?\s*+)++", re.ASCII
)
_INTEGER: Final = lazy(rb"-?(?:0|[1-9]\d{0,17})")
_FLOAT: Final = lazy(rb"-?\d{1,18}\.\d{1,18}(?:[eE][+-]?\d{1,3})?")


def read_pairs(line: bytes) -> Fields | None:
    """All `key=value` and `key="some value"` in a line, whatever stands between them."""
    if b"=" not in line:
        return None
    found = _PAIR.findall(line)
    return {_text(key): _scalar(raw) for key, raw in found[:MAX_FIELDS]} if found else None


def read_logfmt(line: bytes) -> Fields | None:
    """A line that begins with a pair and is made of pairs and bare keys, two pairs or more."""
    if not _PAIR.match(line) or not _LOGFMT.fullmatch(line):
        return None
    out = read_pairs(line)
    return out if out and len(out) > 1 else None


def _scalar(raw: bytes) -> Value:
    if raw[:1] == b'"':
        return _unquote(raw)
    raw = raw.rstrip(b",;)]}")
    if _INTEGER.fullmatch(raw):
        return int(raw)
    if _FLOAT.fullmatch(raw):
        return float(raw)
    return {b"true": True, b"false": False}.get(raw) if raw in (b"true", b"false") else _text(raw)


def _unquote(raw: bytes) -> str:
    try:
        return str(_decode_json(raw)) if b"\\" in raw else _text(raw[1:-1])
    except (msgspec.DecodeError, ValueError):
        return _text(re.sub(rb"\\(.)", rb"\1", raw[1:-1]))


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


_ACCESS: Final = lazy(
    rb"(?:(?P<vhost>[\w.-]+:\d+) )?"
    rb"(?P<remote>[^\s\[]+) (?P<ident>\S+) (?P<user>(?:[^\s\[]| (?!\[))+) "
    rb"\[(?P<time>[^\]]{20,32})\] "
    rb'"(?:(?P<method>[A-Z]{2,20}) (?P<path>[^\s"]*)(?: (?P<protocol>[^"]*))?'
    rb'|(?P<request>(?:[^"\\]|\\.)*+))" '
    rb"(?P<status>\d{3}) (?P<bytes>\d{1,18}|-)"
    rb'(?: "(?P<referer>(?:[^"\\]|\\.)*+)" "(?P<agent>(?:[^"\\]|\\.)*+)")?(?P<rest>.*)'
)


def read_access(line: bytes) -> Fields | None:
    """NCSA common and combined log format, from Apache or nginx, perhaps led by `vhost:port`."""
    found = _ACCESS.fullmatch(line)
    if found is None:
        return None
    parts = found.groupdict()
    rest = parts.pop("rest")
    out: Fields = {key: _text(raw) for key, raw in parts.items() if raw not in (None, b"-")}
    out["status"] = int(parts["status"])
    if parts["bytes"] != b"-":
        out["bytes"] = int(parts["bytes"])
    return {**out, **(read_pairs(rest) or {})}


_SYSLOG: Final = lazy(
    rb"(?:<(?P<pri>\d{1,3})>)?"
    rb"(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ][\d:]{8}[\w:.+-]*) "
    rb"(?P<host>[\w.:-]+) (?P<app>[^\s\[:]+)(?:\[(?P<pid>[^\]\s]*)\])?: ?(?P<message>.*)"
)
_SYSLOG_NEW: Final = lazy(
    rb"<(?P<pri>\d{1,3})>1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) (?P<msgid>\S+) "
    rb'(?P<data>-|(?:\[[^\s\]"=]+(?: [^\s\]"=]+="(?:[^"\\]|\\.)*+")*+\])++)(?: (?P<message>.*))?'
)
_ELEMENT: Final = lazy(rb'\[([^\s\]"=]+)((?: [^\s\]"=]+="(?:[^"\\]|\\.)*+")*+)\]')
_PARAM: Final = lazy(rb' ([^\s\]"=]+)="((?:[^"\\]|\\.)*+)"')


def read_syslog(line: bytes) -> Fields | None:
    """RFC 3164 and RFC 5424, with or without `<PRI>`; fields of the message are read as well."""
    found = _SYSLOG_NEW.fullmatch(line) or _SYSLOG.fullmatch(line)
    if found is None:
        return None
    parts = {key: raw for key, raw in found.groupdict().items() if raw not in (None, b"-")}
    pri, data = parts.pop("pri", None), parts.pop("data", b"")
    out: Fields = {key: _text(raw) for key, raw in parts.items()}
    if pri is not None:
        out["facility"], out["severity"] = divmod(int(pri), 8)
    for name, params in _ELEMENT.findall(data):
        for key, raw in _PARAM.findall(params):
            out[f"{_text(name)}.{_text(key)}"] = _text(re.sub(rb'\\(["\\\]])', rb"\1", raw))
    return {**out, **_inner(parts.get("message", b""))}


_CRI: Final = lazy(
    rb"(?P<time>\d{4}-\d\d-\d\dT[\d:]{8}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<stream>stdout|stderr) (?P<flag>[FP])(?: (?P<message>.*))?"
)


def read_cri(line: bytes) -> Fields | None:
    """What containerd and CRI-O write: `time stream F message`; the message's fields are merged."""
    found = _CRI.fullmatch(line)
    if found is None:
        return None
    out: Fields = {key: _text(raw) for key, raw in found.groupdict(b"").items()}
    return {**out, **_inner(found["message"] or b"")}


def read_docker(line: bytes) -> Fields | None:
    """Docker's json-file: `{"log":…,"stream":…,"time":…}`; the inner line's fields are merged."""
    if not line.startswith(b'{"log":'):
        return None
    out = read_json(line)
    if out is None or "stream" not in out or not isinstance(log := out.pop("log"), str):
        return None
    message = log.removesuffix("\n")
    return {**out, "message": message, **_inner(message.encode(errors="replace"))}


def _inner(message: bytes) -> Fields:
    return read_json(message) or read_pairs(message) or {}


#: Names that fields have by their place in the line: such a line does not hold the name itself.
PLACED: Final = frozenset(
    name for pattern in (_ACCESS, _SYSLOG, _SYSLOG_NEW, _CRI) for name in pattern.groupindex
) | {"facility", "severity"}

#: From the particular to the general: the first that fits is the one.
FORMATS: Final = (
    Format("docker", read_docker),
    Format("json", read_json),
    Format("cri", read_cri),
    Format("syslog", read_syslog),
    Format("access", read_access),
    Format("logfmt", read_logfmt),
)
#: What the config may say of a log that is never to be taken apart.
PLAIN: Final = Format("plain", lambda _: {})
_BY_NAME: Final = {format_.name: format_ for format_ in (*FORMATS, PLAIN)}


def named(name: str) -> Format | None:
    """The format of that name, for a log whose format is configured."""
    return _BY_NAME.get(name)


def detect(lines: Iterable[bytes]) -> Format | None:
    """The format that at least `SHARE` of the lines fit, or None. Indented lines do not count."""
    sample = [line.rstrip(b"\r\n") for line in lines]
    sample = [line for line in sample if line and line[:1] not in (b" ", b"\t")]
    for format_ in FORMATS:
        misses = int(len(sample) * (1 - SHARE) + 1e-9)
        for line in sample:
            if format_.read(line) is None:
                misses -= 1
                if misses < 0:
                    break
        else:
            return format_ if sample else None
    return None


def fields(line: bytes, format_: Format | None = None) -> Fields:
    """The fields of one line, by its log's format if that is known and fits, else by its looks."""
    line = line.rstrip(b"\r\n")
    if format_ is not None and (found := format_.read(line)) is not None:
        return found
    if line.startswith(b"{"):
        return read_docker(line) or read_json(line) or {}
    for read in (read_cri, read_syslog, read_access):
        if (found := read(line)) is not None:
            return found
    return read_pairs(line) or {}
