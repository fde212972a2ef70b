"""Levels: found where loggers put them, never in the words of a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import levels
from tailws.text.levels import Level
from tailws.text.program import BadPattern

#: Lines as real programs write them; `-` has no level.
SAMPLES = r"""
ERROR    2026-11-22 14:02:11 ERROR failed
INFO     2026-11-22 14:02:11 INFO no ERROR found
ERROR    2026-11-22 14:02:11,123 [main] ERROR com.foo.Bar - message
ERROR    2026-11-22 14:02:11,123 main ERROR Unable to locate appender
INFO     14:02:11.123 [main] INFO  c.f.Bar - message
INFO     2026-11-22 14:02:11.123  INFO 12345 --- [nio-8080-exec-1] c.f.Bar : msg
WARNING  2026-11-22 14:02:11.123  WARN [orders,,] 1 --- [main] c.f.Bar : 0 errors
ERROR    ERROR:root:message
ERROR    2026-11-22 14:02:11,123 - mylogger - ERROR - message
DEBUG    2026-11-22 14:02:11,123 - my.logger - DEBUG - an ERROR
INFO     INFO:     127.0.0.1:1234 - "GET / HTTP/1.1" 500 Internal Server Error
WARNING  WARNING:  Invalid HTTP request received.
ERROR    E1122 14:02:11.123456  123 file.go:12] message
INFO     I1122 14:02:11.123456  123 file.go:12] ERROR in a message
ERROR    [2026-11-22T14:02:11Z ERROR mycrate] message
WARNING  2026-11-22T14:02:11.123456Z  WARN mycrate::module: message
ERROR    2026-11-22 14:02:11.123 UTC [123] ERROR:  relation "x" does not exist
FATAL    2026-11-22 14:02:11.123 UTC [123] bob@shop FATAL:  no pg_hba.conf entry
INFO     2026-11-22 14:02:11.123 CET [123] LOG:  statement: SELECT 'ERROR'
ERROR    2026-11-22T14:02:11.123456Z 0 [ERROR] [MY-010119] [Server] Aborting
WARNING  2026-11-22 14:02:11 1234 [Warning] Aborted connection
ERROR    2026/11/22 14:02:11 [error] 123#0: *1 open() failed
FATAL    2026/11/22 14:02:11 [crit] 123#0: *1 SSL_do_handshake() failed
ERROR    [Sun Nov 22 14:02:11.123456 2026] [core:error] [pid 1:tid 2] AH00124: message
NOTICE   [Sun Nov 22 14:02:11.123456 2026] [mpm_event:notice] [pid 1:tid 2] message
ERROR    2026-11-22T14:02:11.123Z	ERROR	file.go:12	message
ERROR    fail: Foo.Bar[0]
WARNING  warn: Foo.Bar[0]
ERROR    [14:02:11 ERR] message
WARNING  [14:02:11 WRN] message
ERROR    web_1  | ERROR message
ERROR    web  | 2026-11-22 ERROR message
ERROR    npm ERR! code E404
ERROR    error[E0112]: bad code
WARNING  warning: unused variable
ERROR    Error: Cannot find module 'x'
ERROR    14:02:11.123 [error] message
ERROR    time="2026-11-22T14:02:11Z" level=error msg="message"
INFO     time="2026-11-22T14:02:11Z" msg="set level=error" level=info
DEBUG    ts=2026-11-22T14:02:11Z caller=main.go:12 lvl=debug msg="level error"
ERROR    {"time":"x","level":"error","msg":"a"}
INFO     {"msg":"level: \"level\":\"error\"","level":"info"}
INFO     {"msg": "error", "level" : "info"}
INFO     {"level":30,"time":1763820131123,"pid":1,"msg":"error"}
ERROR    {"level":50,"time":1763820131123,"pid":1,"msg":"x"}
WARNING  {"severity":"WARNING","message":"x"}
ERROR    {"@timestamp":"2026-11-22T14:02:11Z","log.level":"ERROR","message":"x"}
ERROR    {"@t":"2026-11-22T14:02:11Z","@l":"Error"}
ERROR    {"PRIORITY":"3","MESSAGE":"x"}
ERROR    {"log":"2026-11-22 14:02:11 ERROR message\n","stream":"stdout","time":"x"}
WARNING  {"log":"{\"time\":1,\"level\":\"warn\"}\n","stream":"stdout","time":"x"}
ERROR    2026-11-22T14:02:11.123456789Z stdout F ERROR message
ERROR    2026-11-22T14:02:11.123456789Z stderr F {"level":"error"}
ERROR    <3>kernel: message
FATAL    <34>Oct 11 22:14:15 mymachine su: 'su root' failed
NOTICE   <165>1 2026-11-22T14:02:11Z host app 12 ID - ERROR in a message
ERROR    Nov 22 14:02:11 web01 sshd[123]: error: PAM: Authentication failure
ERROR    Nov 22 14:02:11 web app: ERROR message
WARNING  Nov 22 14:02:11 web app[1]: level=warn msg="a"
WARNING  2026-11-22T14:02:11.123+01:00 web app[12]: WARN message
ERROR    127.0.0.1 - - [22/Nov/2026:14:02:11 +0000] "GET /a HTTP/1.1" 503 12 "-" "curl"
INFO     [INFO] [error] message
ERROR    [E] message
ERROR    ␛[31mERROR␛[0m message
WARNING  ␛[2m2026-11-22T14:02:11Z␛[0m ␛[33m WARN␛[0m message
ERROR    SEVERE: broken
ERROR    com.foo.Bar ERROR message
TRACE    2026-11-22 14:02:11 TRACE message
FATAL    CRITICAL message
-        0 errors found
-        2026-11-22 14:02:11 0 errors found
-        giving up after ERROR
-        2026-11-22 14:02:11 found ERROR in it
-        Nov 22 14:02:11 web kernel: found ERROR in file
-        10.0.0.1 said ERROR
-        ERRORS everywhere
-        ERROR_CODE=5
-        Error rate is fine
-        {"msg":"0 errors"}
-        {"msg":"ERROR","code":"error"}
-        {"msg":"level","x":"error"}
-        127.0.0.1 - - [22/Nov/2026:14:02:11 +0000] "GET /a HTTP/1.1" 200 503 "-" "curl"
-        127.0.0.1 - - [22/Nov/2026:14:02:11 +0000] "GET /ERROR HTTP/1.1" 404 12 "-" "ERROR"
-        	at com.foo.ERROR(Bar.java:12)
-        12:30 lunch with the error team
-        plain text
""".strip("\n").replace("␛", "\x1b")
CASES = [(line[:9].strip(), line[9:]) for line in SAMPLES.split("\n")]
PARTS = st.sampled_from(
    [
        *[
            "ERROR",
            "error",
            "[error]",
            "WARN",
            "[Warning]",
            "INFO",
            "DEBUG:",
            "error:",
            "<3>",
            "E1122 14:0",
        ],
        *[
            "2026-11-22",
            "14:02:11",
            "[main]",
            "app[1]:",
            "word",
            "Nov 22 14:02:11 host",
            " - ",
            " | ",
        ],
        *[
            "level=error",
            'msg="level=error"',
            '{"level":"warn"}',
            '{"a":"',
            '","level":"info"',
            "}",
        ],
        *["\x1b[31m", "\x1b[0m", '" 503 ', "é", "\t", "x" * 120, "[INFO]", "<", "(", "\xff"],
    ]
)
LINES = st.lists(st.lists(PARTS, max_size=5).map(" ".join), max_size=8)


@pytest.mark.parametrize(("name", "line"), CASES, ids=[line[:60] for _, line in CASES])
def test_real_lines_have_the_level_that_their_logger_gave_them(name: str, line: str) -> None:
    """Fields, words before the message, labels, priorities: those, and nothing else."""
    found = levels.level(line.encode())
    assert (found.name if found else "-") == name


@pytest.mark.parametrize("name", ["ERROR", "[error]", "level=error"])
def test_a_level_word_stands_near_the_start_and_a_field_anywhere(name: str) -> None:
    """Behind 120 bytes there is only message, but a field remains a field."""
    far = f"{'[x] ' * 40}{name} y".encode()
    assert levels.level(far) is (Level.ERROR if "=" in name else None)


@given(LINES, st.sets(st.sampled_from(Level), min_size=1).map(frozenset))
def test_a_block_has_the_levels_of_its_lines(lines: list[str], wanted: frozenset[Level]) -> None:
    """Skipping over a block neither misses a line nor takes one for another."""
    raw = [line.encode(errors="replace") for line in lines]
    block = b"".join(line + b"\n" for line in raw)
    stated = [levels.level(line) for line in raw]
    assert [block[a : b - 1] for a, b, _ in levels.lines_of(wanted, block)] == [
        line for line, level in zip(raw, stated, strict=True) if level in wanted
    ]
    errors = sum(level is not None and level >= Level.ERROR for level in stated)
    assert levels.count(block) == (errors, stated.count(Level.WARNING))


def test_samples_are_found_in_one_block() -> None:
    """All samples together, as one log, with and without a last line feed."""
    block = "\n".join(line for _, line in CASES).encode()
    for whole in (block, block + b"\n"):
        for level in Level:
            found = [
                whole[a:b].decode().rstrip("\n")
                for a, b, _ in levels.lines_of(frozenset([level]), whole)
            ]
            assert found == [line for name, line in CASES if name == level.name]


@given(st.binary(max_size=200))
def test_any_bytes_have_a_level_or_none(line: bytes) -> None:
    """No line raises, whatever a program wrote."""
    found = levels.level(line.replace(b"\n", b""))
    assert found is None or found in Level


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (">=warning", "WARNING ERROR FATAL"),
        ("> error", "FATAL"),
        ("<debug", "TRACE"),
        ("=error,warn", "WARNING ERROR"),
        ("!=info", "TRACE DEBUG NOTICE WARNING ERROR FATAL"),
        ("<=Info", "TRACE DEBUG INFO"),
    ],
)
def test_levels_are_named_as_people_name_them(text: str, names: str) -> None:
    """Thresholds and lists, in any case, with any logger's word."""
    assert levels.parse(text) == {Level[name] for name in names.split()}


@pytest.mark.parametrize("text", ["", "error", ">=loud", ">=info,warn", "=", "==error", "=error,"])
def test_what_names_no_level_is_refused(text: str) -> None:
    """A typing error must not silently hide everything."""
    with pytest.raises(BadPattern):
        levels.parse(text)


@pytest.mark.timeout(60)
def test_hostile_lines_take_no_longer_than_others() -> None:
    """Heads without end, brackets that do not close: linear, a quarter of a megabyte each."""
    for part in (
        "[",
        "<",
        "a.",
        "x=",
        'x="',
        "{,",
        '{"a":{"level',
        "Nov ",
        "1 ",
        "(a",
        "\x1b[",
        "A ",
    ):
        line = (part * (262_144 // len(part))).encode()
        levels.level(line)
        levels.count(line + b"\n" + line)
