"""Structured lines: the fields that a line has, and the format that a log is in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import formats
from tailws.text.formats import Fields

COMBINED = (
    b'203.0.113.7 - bob [22/Nov/2026:14:02:11 +0000] "GET /a?x=1 HTTP/1.1" 503 12 "https://x/" '
    b'"curl/8 (\\"x\\")" rt=0.125'
)

#: The format's name, a line, and its fields (all of them, or those that matter).
CASES: list[tuple[str, bytes, Fields]] = [
    (
        "json",
        b'{"level":"error","req":{"id":7,"tags":["a","b"]},"ok":true,"none":null,"ms":1.5}',
        {
            "level": "error",
            "req.id": 7,
            "req.tags": '["a","b"]',
            "ok": True,
            "none": None,
            "ms": 1.5,
        },
    ),
    ("json", b'{"a.b":"flat","u":"\\u00e9"}\r', {"a.b": "flat", "u": "é"}),
    (
        "logfmt",
        b'time="2026-11-22T14:02:11Z" level=error msg="a \\"b\\" c" n=-12 f=0.5 ok=true bare d=1ms',
        {
            "time": "2026-11-22T14:02:11Z",
            "level": "error",
            "msg": 'a "b" c',
            "n": -12,
            "f": 0.5,
            "ok": True,
            "d": "1ms",
        },
    ),
    (
        "access",
        COMBINED,
        {
            "remote": "203.0.113.7",
            "user": "bob",
            "time": "22/Nov/2026:14:02:11 +0000",
            "method": "GET",
            "path": "/a?x=1",
            "protocol": "HTTP/1.1",
            "status": 503,
            "bytes": 12,
            "referer": "https://x/",
            "agent": 'curl/8 (\\"x\\")',
            "rt": 0.125,
        },
    ),
    (
        "access",
        b'shop.example:443 ::1 - - [22/Nov/2026:14:02:11 +0000] "\\x16\\x03" 400 -',
        {
            "vhost": "shop.example:443",
            "remote": "::1",
            "request": "\\x16\\x03",
            "status": 400,
            "time": "22/Nov/2026:14:02:11 +0000",
        },
    ),
    (
        "syslog",
        b"Nov 22 14:02:11 web01 sshd[123]: Failed password user=bob port=22",
        {
            "time": "Nov 22 14:02:11",
            "host": "web01",
            "app": "sshd",
            "pid": "123",
            "message": "Failed password user=bob port=22",
            "user": "bob",
            "port": 22,
        },
    ),
    (
        "syslog",
        b'<165>1 2003-10-11T22:14:15.003Z host app 1 ID [ex@32473 iut="3" s="A\\"p"][b c="]"] text',
        {
            "time": "2003-10-11T22:14:15.003Z",
            "host": "host",
            "app": "app",
            "pid": "1",
            "msgid": "ID",
            "message": "text",
            "facility": 20,
            "severity": 5,
            "ex@32473.iut": "3",
            "ex@32473.s": 'A"p',
            "b.c": "]",
        },
    ),
    (
        "syslog",
        b'2026-11-22T14:02:11.1+01:00 web app: {"x":1}',
        {
            "time": "2026-11-22T14:02:11.1+01:00",
            "host": "web",
            "app": "app",
            "message": '{"x":1}',
            "x": 1,
        },
    ),
    (
        "cri",
        b'2026-11-22T14:02:11.123456789Z stderr F {"level":"error","status":500}',
        {
            "time": "2026-11-22T14:02:11.123456789Z",
            "stream": "stderr",
            "flag": "F",
            "message": '{"level":"error","status":500}',
            "level": "error",
            "status": 500,
        },
    ),
    (
        "docker",
        b'{"log":"hello user=bob\\n","stream":"stdout","time":"2026-11-22T14:02:11Z"}',
        {
            "message": "hello user=bob",
            "user": "bob",
            "stream": "stdout",
            "time": "2026-11-22T14:02:11Z",
        },
    ),
    ("-", b'login of user=bob (ip=1.2.3.4), a="b c"', {"user": "bob", "ip": "1.2.3.4", "a": "b c"}),
    ("-", b"plain text", {}),
    ("-", b'{"broken":', {}),
    ("-", b"", {}),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text('ab"\\\n é', max_size=5),
    lambda inner: st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(("name", "line", "expected"), CASES)
def test_real_lines_have_the_fields_that_they_show(
    name: str, line: bytes, expected: Fields
) -> None:
    """By the line's looks, by the log's format, and whatever format was configured."""
    assert formats.fields(line) == expected
    form = formats.detect([line])
    assert (form.name if form else "-") == name
    assert formats.fields(line, form) == expected
    assert formats.fields(line + b"\n", formats.named("cri")) == expected


@given(st.dictionaries(st.text("abc", max_size=3), JSON, max_size=4))
def test_every_json_object_is_read(members: dict[str, object]) -> None:
    """Nested members have dotted names; nothing is renamed, lost or changed."""

    def flat(value: dict[str, object], prefix: str = "") -> dict[str, object]:
        out: dict[str, object] = {}
        for key, member in value.items():
            if isinstance(member, dict):
                out |= flat(member, f"{prefix}{key}.")
            else:
                out[prefix + key] = member
        return out

    found = formats.read_json(json.dumps(members).encode())
    assert found == flat(members)


@given(st.binary(max_size=120))
def test_any_bytes_have_fields_or_none(line: bytes) -> None:
    """No line raises, whatever a program wrote."""
    formats.fields(line)
    for form in formats.FORMATS:
        form.read(line)


@pytest.mark.parametrize("raw", ['{"a":' * 100_000, '{"a":1e999}', '{"a":"\\ud800"}', '{"a":NaN}'])
def test_json_that_is_too_much_has_no_fields(raw: str) -> None:
    """Neither depth nor numbers beyond all bounds nor half characters raise."""
    assert formats.fields(raw.encode()) == {}


def test_a_log_s_format_is_that_of_four_lines_in_five() -> None:
    """A start-up banner and stack traces do not hide the format, a mixture has none."""
    lines = [b'{"a":1}'] * 8
    trace = [b"  at x", b"\tat y"]
    json_log = formats.detect([b"banner", *lines[:4], *trace * 9, *lines[4:]])
    assert json_log is not None
    assert json_log.name == "json"
    assert formats.detect([*lines, b"a", b"b", b"c"]) is None
    assert formats.detect([]) is None
    assert formats.detect(trace) is None


@pytest.mark.timeout(60)
def test_hostile_lines_take_no_longer_than_others() -> None:
    """The patterns do not backtrack over a long line."""
    for part in (
        b'a="',
        b'a="\\" ',
        b"a ",
        b"<1>1 ",
        b"[",
        b'[x y="',
        b"1 1 1 [",
        b"a=",
        b"=",
        b"a",
    ):
        line = part * (65_536 // len(part))
        for start in (b"", b"<165>1 - - - - - ", b'1 - - [22/Nov/2026:14:02:11 +0000] "'):
            formats.fields(start + line)
            formats.detect([start + line])
