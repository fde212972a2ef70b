"""Names on the wire are valid, one line, no glob, and reversible; globs mean what they say."""

import fnmatch
import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws import names

FILE_NAMES = st.binary(max_size=40).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))
PLAIN = st.text("ab.[]*?%-", max_size=12)


@given(FILE_NAMES)
def test_any_file_name_has_a_wire_name_that_leads_back(name: str) -> None:
    """Whatever bytes a file name holds, it goes over the wire as UTF-8 and comes back as it was."""
    wire = names.wire_name(name)
    assert names.file_name(wire) == name
    assert json.loads(json.dumps(wire.encode("utf-8").decode("utf-8"))) == wire
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in wire)
    assert not names.is_glob(wire)


@given(FILE_NAMES, FILE_NAMES)
def test_wire_names_are_different_for_different_names(one: str, other: str) -> None:
    """Two files never share a name, however they are spelt."""
    assert (names.wire_name(one) == names.wire_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("nginx/access.log", "nginx/access.log"),
        ("100% done", "100% done"),
        ("größe.log", "größe.log"),
        ("a\nb", "a%0Ab"),
        ("%41", "%2541"),
        (os.fsdecode(b"caf\xe9.log"), "caf%E9.log"),
        ("lit[1].log", "lit[1].log"),
        ("a*b?", "a%2Ab%3F"),
        ("\x85", "%C2%85"),
    ],
)
def test_common_names_stay_readable(name: str, wire: str) -> None:
    """Only what cannot stand on the wire is escaped."""
    assert names.wire_name(name) == wire


@given(PLAIN)
def test_a_quoted_path_is_itself(path: str) -> None:
    """Quoting makes any path a pattern that stands for this path and no other."""
    assert names.literal(names.quote(path)) == path
    assert names.check_glob(names.quote(path)) is None


@given(PLAIN.filter(bool), PLAIN)
def test_a_quoted_path_matches_itself_only(path: str, other: str) -> None:
    """The pattern of a quoted path compares as the path does."""
    assert (names.path_glob(names.quote(path)).fullmatch(other) is not None) == (path == other)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_one_component_matches_as_in_a_shell(pattern: str, name: str) -> None:
    """Without slashes, dots and classes, a pattern means what fnmatch says."""
    pattern = re.sub(r"\*+", "*", pattern)
    expected = fnmatch.fnmatchcase(name, pattern)
    assert (names.path_glob(pattern).fullmatch(name) is not None) == expected
    assert names.name_glob(pattern)(name) == expected


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/l/*.log", ["/l/a.log"], ["/l/b/a.log", "/l/.log", "/l/.a.log", "/l/a.log.1"]),
        ("/l/**/*.log", ["/l/a.log", "/l/b/a.log", "/l/b/c/a.log"], ["/l/.git/a.log", "/l/a"]),
        ("/l/**", ["/l/a", "/l/b/c"], ["/l", "/l/.a", "/l/.b/c"]),
        ("/l/svc*/*/out.log", ["/l/svc1/x/out.log"], ["/l/svc1/out.log", "/l/svc1/x/y/out.log"]),
        ("/l/app[0-9].log", ["/l/app1.log"], ["/l/app.log", "/l/appx.log"]),
        ("/l/app[!0-9].log", ["/l/appx.log"], ["/l/app1.log", "/l/app/.log"]),
        ("/l/a[+-9]b", ["/l/a0b"], ["/l/a/b"]),
        ("/l/a[]]b", ["/l/a]b"], ["/l/ab"]),
        ("/l/.*", ["/l/.a"], ["/l/a"]),
        ("/l/[[]1].log", ["/l/[1].log"], ["/l/1.log"]),
        ("/l/?.log", ["/l/a.log", "/l/\udce9.log"], ["/l/ab.log", "/l/..log"]),
    ],
)
def test_path_globs(pattern: str, yes: list[str], no: list[str]) -> None:
    """Patterns of the config match across directories only with `**`, and no hidden names."""
    assert names.check_glob(pattern) is None
    glob = names.path_glob(pattern)
    assert [path for path in yes if not glob.fullmatch(path)] == []
    assert [path for path in no if glob.fullmatch(path)] == []


@pytest.mark.parametrize(
    ("pattern", "fixed", "rest"),
    [
        ("/var/log/nginx/*.log", "/var/log/nginx", "*.log"),
        ("/var/log/**/*.log", "/var/log", "**/*.log"),
        ("/*.log", "/", "*.log"),
        ("/var/*/x.log", "/var", "*/x.log"),
        ("/var/[[]a]/*.log", "/var/[a]", "*.log"),
    ],
)
def test_split_gives_the_directory_to_look_in(pattern: str, fixed: str, rest: str) -> None:
    """The fixed part is a real directory; a match is named by what follows it."""
    assert names.split(pattern) == (fixed, rest)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("/l/a**", "must stand alone"),
        ("/l/**.log", "must stand alone"),
        ("/l/[ab", "no ']'"),
        ("/l/[z-a].log", "bad character range"),
    ],
)
def test_wrong_globs_are_told_in_words(pattern: str, said: str) -> None:
    """A pattern that cannot mean anything says why."""
    assert said in (names.check_glob(pattern) or "")


@given(st.text(max_size=20))
def test_every_glob_from_a_client_can_be_used(pattern: str) -> None:
    """Whatever a client sends as a glob over names is a test of names, never an error."""
    names.name_glob(pattern.encode("utf-8", "ignore").decode())("some/name")


def test_a_costly_glob_takes_no_time() -> None:
    """A glob made to backtrack runs in linear time (this would take centuries)."""
    assert not names.name_glob("a*" * 60 + "b")("a" * 3000)


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("**", ["a", "a/b", "a/.b"], []),
        ("nginx/*", ["nginx/a.log", "nginx/.a"], ["nginx", "nginx/a/b"]),
        ("nginx/**", ["nginx/a", "nginx/a/b"], ["nginx"]),
        ("**/error.log", ["error.log", "a/b/error.log"], ["a/error.log.1", "xerror.log"]),
        ("a+(b)[c].log", ["a+(b)[c].log"], ["aab.log"]),
    ],
)
def test_name_globs(glob: str, yes: list[str], no: list[str]) -> None:
    """Globs over names know `*`, `**` and `?`; all else stands for itself."""
    test = names.name_glob(glob)
    assert [name for name in yes if not test(name)] == []
    assert [name for name in no if test(name)] == []
