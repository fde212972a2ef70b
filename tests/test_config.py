"""The configuration: what is accepted, what is said about what is not, and that nothing else knows.

The texts of this file are what an administrator would write, right and wrong.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tailws import names
from tailws.config import (
    Config,
    ConfigError,
    Limits,
    Problem,
    Source,
    for_paths,
    kinds,
    load,
    loads,
)
from tailws.config.checks import may_match
from tailws.config.model import Access, Listen, Webhook
from tailws.config.reference import FILES, schema, structures

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / "config/tailws.yaml").read_text()


def problems(text: str, name: str = "/etc/tailws/tailws.yaml") -> list[str]:
    """Return what a wrong config is told, line and key first."""
    with pytest.raises(ConfigError) as caught:
        loads(text, name)
    assert all(problem.file == name for problem in caught.value.problems)
    return [f"{p.line} {p.key}: {p.message}" for p in caught.value.problems]


def warnings(text: str) -> list[str]:
    """Return what is said about a config that can be used."""
    found: list[Problem] = []
    loads(text, "/etc/tailws/tailws.yaml", found)
    return [f"{p.line} {p.key}: {p.message}" for p in found]


# What is accepted


def test_the_keys_that_scripts_rely_on() -> None:
    """`listen` is a list, `access: none` is explicit, sources have a name and a path."""
    text = """
        listen: ["127.0.0.1:3368"]
        access: none
        sources: [{name: nginx, path: /var/log/nginx/*.log}]
    """
    config = loads(text, "/etc/tailws/tailws.yaml")
    assert config == Config(
        listen=(Listen(address="127.0.0.1:3368"),),
        access=Access(tokens="none"),
        sources=(Source(name="nginx", path=("/var/log/nginx/*.log",)),),
    )
    assert config.access.is_open
    assert not Config().access.is_open


def test_json_is_yaml() -> None:
    """A config in JSON means what the same one in YAML means."""
    text = """
        listen: ['[::1]:0', {address: 'unix:s', mode: '0600', group: adm}]
        access: {tokens: [{name: me, token: 0123456789abcdef0123456789abcdef}], session: 1 d}
        sources: [{name: a/b, path: [x.log, '*.err'], exclude: '*.gz'}]
        limits: {lines: {window: 0.1, line_bytes: 1 MiB}}
        log: {access: none}
    """
    assert loads(json.dumps(yaml.safe_load(text)), "/x/c") == loads(text, "/x/c")


def test_paths_start_at_the_config_file(tmp_path: Path) -> None:
    """Relative paths mean the same from wherever the daemon is started."""
    (tmp_path / "c.yaml").write_text(
        "sources: [{name: a, path: [../logs/*.log, ./b.log], exclude: [old/*, '*.gz'],"
        " archives: old}]\nlog: {access: run/access.log}\nlisten: unix:run/s\n"
    )
    config = load(tmp_path / "c.yaml")
    assert config.sources[0].path == (f"{tmp_path.parent}/logs/*.log", f"{tmp_path}/b.log")
    assert config.sources[0].exclude == (f"{tmp_path}/old/*", "*.gz")
    assert config.sources[0].archives == (f"{tmp_path}/old",)
    assert config.log.access == f"{tmp_path}/run/access.log"
    assert config.listen[0].unix == f"{tmp_path}/run/s"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:3368", "127.0.0.1", 3368),
        ("[::1]:0", "::1", 0),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("localhost:65535", "localhost", 65535),
        ("logs.example.org:08080", "logs.example.org", 8080),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    """An address is a host, in brackets if it has colons, and a port."""
    (listen,) = loads(f"listen: ['{text}']").listen
    assert (listen.host, listen.port, listen.unix) == (host, port, "")


@pytest.mark.parametrize("mode", ["0660", "'0660'", "660", "0o660"])
def test_permissions_are_octal(mode: str) -> None:
    """A mode is octal however YAML would read it."""
    config = loads(f"listen: [{{address: 'unix:/run/s', mode: {mode}}}]")
    assert config.listen[0].mode == 0o660


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0.5", 0.5),
        ("50 ms", 0.05),
        ("50ms", 0.05),
        ("2s", 2),
        (".25 s", 0.25),
        ("1e-1", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number of seconds, or has a unit."""
    if "e" in text:
        assert "a duration such as" in problems(f"limits: {{lines: {{window: {text}}}}}")[0]
        return
    assert loads(f"limits: {{lines: {{window: {text}}}}}").limits.lines.window == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("65536", 65536), ("64 KiB", 65536), ("64K", 65536), ("100 kB", 100_000), (".5 MiB", 524288)],
)
def test_sizes(text: str, size: int) -> None:
    """A size is a number of bytes, or has a unit: KiB is 1024, kB is 1000."""
    assert loads(f"limits: {{lines: {{block_bytes: {text}}}}}").limits.lines.block_bytes == size


@given(st.integers(0, 2**53))
def test_a_size_is_written_as_it_is_read(size: int) -> None:
    """The reference shows values that the loader takes for the same."""
    assert kinds.size(kinds.written("size", size), "") == size


@given(st.integers(0, 10**9))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    """The reference shows values that the loader takes for the same."""
    written = kinds.written("duration", milliseconds / 1000)
    assert kinds.duration(written, "") == pytest.approx(milliseconds / 1000, abs=1e-4, rel=1e-5)


def test_words_that_yaml_takes_for_truth_values() -> None:
    """`off` without quotes is the word off."""
    config = loads("access: {metrics: off, health: token}")
    assert (config.access.metrics, config.access.health) == ("off", "token")


def test_sections_with_every_key_commented_out_are_the_defaults() -> None:
    """An empty section is no mistake, and never opens the door."""
    assert loads("access:\nlimits:\n  lines:\nlog:\n") == Config()
    assert not loads("access:").access.is_open


def test_aliases_work() -> None:
    """What is written once may be used twice."""
    config = loads(
        "rules: [{name: a, pattern: x, webhook: &w {url: 'http://h/x', attempts: 2}},"
        " {name: b, pattern: y, webhook: *w}]"
    )
    assert (
        config.rules[0].webhook == config.rules[1].webhook == Webhook(url="http://h/x", attempts=2)
    )


def test_hosts_origins_networks_in_one_form() -> None:
    """What requests are compared with has one spelling."""
    access = loads(
        "access: {hosts: [Logs.Example.ORG, '*.lan'], origins: ['https://A.b:443/', 'http://c:8080'],"
        " trusted_proxies: [10.1.2.3, 10.0.0.1/8, '::1', unix], base_path: /logs/}"
    ).access
    assert access.hosts == ("logs.example.org", "*.lan")
    assert access.origins == ("https://a.b", "http://c:8080")
    assert access.trusted_proxies == ("10.1.2.3/32", "10.0.0.0/8", "::1/128", "unix")
    assert access.base_path == "/logs"


# What is wrong, and what is said about it


def test_all_mistakes_are_named_at_once_with_their_lines() -> None:
    """One start tells everything: file, line, key, what was found and what would be right."""
    text = """\
listen: 3368
sourcs: []
sources:
  - name: a
    path: /x
    nam: b
  - path: /y
  - name: /z
    path: [/z/**.log, "", ~/z]
limits:
  lines: {window: 10 parsecs, line_bytes: 1, first_lines: many}
  filez: 1
log: {level: infos}
"""
    right_duration = "a duration such as '10 s', '50 ms', '5 min' or '2 h'"
    right_levels = "one of debug, error, info, warning; did you mean 'info'?"
    right_globs = "'**' must stand alone between slashes, as in '/var/log/**/*.log', not '**.log'"
    assert problems(text) == [
        "1 listen: found the number 3368; write an address, in quotes",
        "2 sourcs: there is no key 'sourcs'; did you mean 'sources'?",
        "6 sources[0].nam: there is no key 'nam'; did you mean 'name'?",
        "7 sources[1]: the key 'name' is missing",
        "8 sources[2].name: found '/z'; write a name such as 'nginx', with slashes only inside",
        f"9 sources[2].path[0]: found '/z/**.log'; {right_globs}",
        "9 sources[2].path[1]: found ''; write a path or a pattern such as /var/log/nginx/*.log",
        "9 sources[2].path[2]: found '~/z'; write the whole path; '~' is not expanded",
        f"11 limits.lines.window: found '10 parsecs'; write {right_duration}",
        "11 limits.lines.line_bytes: found the number 1; write a size from 1 KiB to 16 MiB",
        "11 limits.lines.first_lines: found 'many'; write a whole number",
        "12 limits.filez: there is no key 'filez'; did you mean 'files'?",
        f"13 log.level: found 'infos'; write {right_levels}",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # form
        ("a: b: c", "1 : this is not YAML: mapping values are not allowed here"),
        ("sources: [", "1 : this is not YAML"),
        ("a: *b", "1 : this is not YAML: found undefined alias 'b'"),
        ("listen: []\n---\nlisten: []", "2 : this is not YAML: expected a single document"),
        ("a: \x01", "1 : the character U+0001 is not allowed in YAML"),
        ("[" * 1500, "0 : this is nested too deeply"),
        ("- a", "1 : found a list; write a mapping with the keys listen, access"),
        ("text", "1 : found 'text'; write a mapping"),
        ("log: {level: info, level: debug}", "1 log.level: this key stands twice, first on line 1"),
        ("? [a]\n: b", "1 : found a list as a key"),
        ("log: &a {level: info}\npage:\n  <<: *a", "3 page.<<: merge keys (<<) are not"),
        ("sources: &s [*s]", "1 sources[0]: found a list; write a mapping"),
        # types
        ("log: {level: [info]}", "1 log.level: found a list; write one of debug"),
        ("sources: {}", "1 sources: found a mapping; write a list"),
        ("sources: /x", "1 sources: found '/x'; write a list"),
        ("sources:", "1 sources: found nothing; write a list"),
        (
            "sources: [{name: 5, path: /x}]",
            "1 sources[0].name: found the number 5; write a name, in",
        ),
        ("page: {title: yes}", "1 page.title: found the truth value yes; write text, in quotes"),
        ("limits: {files: {poll: yes}}", "1 limits.files.poll: found the truth value yes; write a"),
        ("page: {views: {a: {b: c}}}", "1 page.views.a: found a mapping; write text"),
        # addresses
        ("listen: []", "1 listen: this list is empty"),
        ("listen:", "1 listen: found nothing; write a list"),
        ("listen: '3368'", "1 listen: found '3368'; write '127.0.0.1:3368', or '0.0.0.0:3368'"),
        ("listen: [':80']", "1 listen[0]: found ':80'; write '0.0.0.0:80'"),
        ("listen: ['*:80']", "write '0.0.0.0:80' or '[::]:80' for every address"),
        ("listen: ['::1:80']", "an IPv6 address stands in brackets: '[::1]:80'"),
        ("listen: ['a b:80']", "write '127.0.0.1:3368'"),
        ("listen: ['1.2.3:80']", "write '127.0.0.1:3368'"),
        ("listen: ['localhost:65536']", "a port is a number from 0 to 65535"),
        ("listen: ['localhost:http']", "a port is a number from 0 to 65535"),
        ("listen: ['unix:']", "a socket's path has 1 to 107 bytes"),
        (f"listen: ['unix:/{'x' * 107}']", "a socket's path has 1 to 107 bytes"),
        ("listen: ['a:1', 'a:1']", "1 listen[1].address: 'a:1' is on line 1 already"),
        ("listen: ['a:0', 'a:0', 'a:1', 'a:1']", "1 listen[3].address: 'a:1' is on line 1"),
        ("listen: [{address: 'a:1', group: adm}]", "1 listen[0].group: only a Unix socket has a"),
        ("listen: [{address: 'unix:/s', mode: 0980}]", "write permissions in octal, such as 0660"),
        ("listen: [{address: 'unix:/s', mode: 1660}]", "write permissions in octal, such as 0660"),
        # access
        ("access: null_", "1 access: found 'null_'; write none, or a mapping with"),
        ("access: null", "1 access: found nothing; write none, or a mapping with the keys tokens"),
        ("limits: ~", "1 limits: found nothing; write a mapping with the keys lines"),
        ("access: open", "1 access: found 'open'; write none"),
        ("access: []", "1 access: found a list; write a mapping with the keys tokens"),
        ("access: {tokens: []}", "1 access.tokens: this list is empty; leave the key out"),
        ("access: {tokens: ~}", "1 access.tokens: found nothing; write none, or a list"),
        ("access: {tokens: [{name: a}]}", "found none of them; write one of token, file and"),
        (
            "access: {tokens: [{name: a, token: x, credential: y}]}",
            "found token and credential; write one of token, file and credential",
        ),
        ("access: {tokens: [{name: a, token: 'x y'}]}", "write 1 to 512 letters, digits"),
        ("access: {tokens: [{name: a, file: x}, {name: a, file: y}]}", "'a' is on line 1 already"),
        ("access: {tokens: [{name: a, file: x, sources: []}]}", "the token would show nothing"),
        ("access: {hosts: 'https://a'}", "without scheme and port"),
        ("access: {origins: a.b}", "write an origin such as 'https://logs.example.org'"),
        ("access: {origins: 'https://a/x'}", "write an origin such as"),
        ("access: {trusted_proxies: 10.0.0.0/40}", "write an address or a network"),
        ("access: {base_path: logs}", "write a path such as '/logs'"),
        ("access: {base_path: /a/../b//c}", "write a path such as '/logs'"),
        ("access: {session: 1 s}", "found '1 s'; write a duration from 60 s to 366 d"),
        # sources
        (
            "sources: [{name: a, path: x}, {name: a, path: y}]",
            "1 sources[1].name: 'a' is on line 1",
        ),
        ("sources: [{name: a, path: []}]", "1 sources[0].path: this list is empty"),
        ("sources: [{name: a, path: [x, y]}]", "would both be the source 'a'"),
        ("sources: [{name: a, path: '*'}, {name: a/b, path: y}]", "could also be a match of"),
        ("sources: [{name: '', path: x}]", "of 1 to 200 characters"),
        ("sources: [{name: 'a*', path: x}]", "'*' and '?' belong into the path"),
        ('sources: [{name: "a\\nb", path: x}]', "leave out control characters"),
        ('sources: [{name: "\\ud800", path: x}]', "leave out control characters"),
        ("sources: [{name: a, path: /var/log/}]", "this is a directory"),
        ("sources: [{name: a, path: '/l/[ab'}]", "has no ']'"),
        ("sources: [{name: a, path: '/l/[z-a]'}]", "the character class is wrong"),
        ('sources: [{name: a, path: "/l/\\0"}]', "write a path or a pattern"),
        ("sources: [{name: a, path: x, encoding: utf8}]", "did you mean 'utf-8'?"),
        ("sources: [{name: a, path: x, timezone: Mars/Base}]", "no such time zone"),
        ("sources: [{name: a, path: x, timezone: ../../etc/passwd}]", "no such time zone"),
        # rules
        (
            "rules: [{name: a, pattern: '(('}]",
            "1 rules[0].pattern: found '(('; RE2 says: missing )",
        ),
        ("rules: [{name: a, pattern: '(?=x)'}]", "RE2 says: invalid perl operator"),
        ("rules: [{name: a, pattern: ''}]", "an empty pattern matches every line"),
        ("rules: [{name: a, pattern: x, webhook: 'ftp://x'}]", "write an address such as 'https:"),
        ("rules: [{name: a, pattern: x, webhook: 'http://x:99999/'}]", "write an address such as"),
        ("rules: [{name: a, pattern: x, webhook: 'http://[x'}]", "write an address such as"),
        ("rules: [{name: a, pattern: x, webhook: {}}]", "the key 'url' is missing"),
        ("rules: [{name: a, pattern: x, sources: /a}]", "write a source's name or a glob"),
        # limits
        ("limits: {lines: {first_lines: 20000}}", "first_lines must not be more than max_lines"),
        ("limits: {lines: {max_lines: 100}}", "1 limits.lines.max_lines: first_lines must not be"),
        ("limits: {files: {poll_fast: 3}}", "poll_fast must not be more than poll"),
        ("limits: {lines: {window: -1}}", "write a duration such as"),
        ("limits: {lines: {window: .inf}}", "write a duration such as"),
        ("limits: {lines: {window: .nan}}", "write a duration such as"),
        ("limits: {lines: {window: 6}}", "found the number 6; write a duration from 0 s to 5 s"),
        ("limits: {clients: {logins: 1.5}}", "found the number 1.5; write a whole number"),
        ("limits: {clients: {logins: -1}}", "write a whole number from 1 to 1000000"),
        (f"limits: {{clients: {{logins: {'9' * 5000}}}}}", "write a whole number"),
        ("limits: {clients: {send_buffer: 1 TiB}}", "write a size such as"),
        (f"limits: {{clients: {{notsent_lowat: {'9' * 400} GiB}}}}", "write a size"),
        ("limits: {lines: {window: 1:30}}", "write a duration such as"),
    ],
)
def test_each_mistake_is_a_sentence(text: str, said: str) -> None:
    """What was found and what would be right, on one line, at the right place."""
    found = problems(text)
    assert said in found[0], found
    assert "\n" not in found[0]


def test_problems_read_like_those_of_a_compiler() -> None:
    """Editors and people find the place: FILE:LINE: KEY: MESSAGE."""
    with pytest.raises(ConfigError, match=r"^c\.yaml:2: log\.levle: there is no key 'levle'"):
        loads("log:\n  levle: info\n", "c.yaml")


def test_a_key_that_stands_twice_does_not_hide_the_rest() -> None:
    """What can be judged is judged, whatever else is wrong."""
    found = problems("log: {}\nlisten: 5\nlog: {}\nzz: 1\npage: {views: {a: 1, a: b}}\n")
    assert [text.split(":")[0] for text in found] == [
        "2 listen",
        "3 log",
        "4 zz",
        "5 page.views.a",
        "5 page.views.a",
    ]


def test_no_more_problems_than_anybody_reads() -> None:
    """A file full of mistakes says so and stops."""
    found = problems("sources:\n" + "- {x: 1}\n" * 500)
    assert len(found) <= 42
    assert "maybe more" in found[-1]


def test_alias_bombs_are_refused_quickly() -> None:
    """A few bytes that mean billions of nodes are not written out: else this would never end."""
    bomb = "a0: &a0 [{name: x, path: y}]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30)
    )
    assert problems(bomb + "sources: *a29\n")
    many = ", ".join(["*s"] * 50_000)
    assert problems(f"sources: [&s {{name: n, path: [{', '.join(['/x/*'] * 100)}]}}, {many}]")


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
)
def test_any_text_is_a_config_or_a_sentence(text: str) -> None:
    """Garbage never gets a traceback."""
    try:
        loads(text)
    except ConfigError as error:
        said = error.problems
    else:
        return
    assert said


_SCALARS = st.sampled_from(
    ["none", "x", "/a/*.log", "5", "-1", "yes", "1 s", "[", "~", "a:1", "**"]
)
_KEYS = st.sampled_from(
    sorted({f.name for _, s in structures() for f in s.fields} | {"oops", "<<", ""})
)
_TREES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_KEYS, _TREES, max_size=7))
def test_any_tree_of_known_keys_is_a_config_or_a_sentence(tree: dict[str, Any]) -> None:
    """Wrong shapes in the right places never get a traceback either, and name their lines."""
    try:
        loads(yaml.safe_dump(tree))
    except ConfigError as error:
        said = error.problems
    else:
        return
    assert all(problem.line > 0 for problem in said if "maybe more" not in problem.message)


# Files


def test_files_that_are_no_config(tmp_path: Path) -> None:
    """Whatever stands where the config should be: one sentence."""
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "nul").write_bytes(b"listen: \0\0\0")
    (tmp_path / "latin").write_bytes(b"listen: []\n# gr\xf6\xdfe\n")
    (tmp_path / "large").write_bytes(b"#" * 2_000_000)
    os.mkfifo(tmp_path / "fifo")
    said = {
        "garbage": "byte 129 is not UTF-8",
        "nul": "the character U+0000 is not allowed",
        "latin": "latin:2: byte 16 is not UTF-8; is this a text file?",
        "large": "hardly a config",
        "fifo": "not a regular file",
        "missing": "cannot be read: No such file or directory",
        ".": "this is a directory",
    }
    for name, sentence in said.items():
        with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
            load(tmp_path / name)
        assert len(caught.value.problems) == 1
    with pytest.raises(ConfigError, match="cannot be read: embedded null byte"):
        load("a\0b")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """No permission is one sentence."""
    path = tmp_path / "c.yaml"
    path.touch(mode=0)
    user = os.geteuid()
    os.seteuid(65_534 if user == 0 else user)  # root may read everything
    try:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            load(path)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_yaml(tmp_path: Path, encoding: str) -> None:
    """Files of editors that write byte order marks are read as well."""
    (tmp_path / "c.yaml").write_text("page: {title: größe}\n", encoding=encoding)
    assert load(tmp_path / "c.yaml").page.title == "größe"


def test_a_token_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    """A secret in a world-readable file is used, and said."""
    path = tmp_path / "c.yaml"
    path.write_text("access: {tokens: [{name: me, token: 0123456789abcdef01}]}\nsources: []\n")
    for mode, said in ((0o644, ["everybody on this machine can read it"]), (0o640, [])):
        path.chmod(mode)
        found: list[Problem] = []
        load(path, found)
        texts = [problem.message for problem in found if problem.key.startswith("access")]
        assert len(texts) == len(said)
        assert all(map(str.startswith, texts, said))


def test_what_is_suspicious_is_warned_of() -> None:
    """Usable but doubtful: said, with the line, and not refused."""
    assert warnings("sources: [{name: a, path: /l/*.log}]") == []
    assert "1 sources: there are no sources" in warnings("sources: []")[0]
    assert "can be guessed" in warnings("access: {tokens: [{name: a, token: abc}]}")[-1]
    found = warnings("sources:\n- name: a\n  path: /l/*.log*\n")
    assert found[0].startswith("3 sources[0].path: /l/*.log* also matches rotated files")
    assert found[0].endswith("write /l/*.log instead")


# tailws FILE...


def test_paths_of_the_command_line_become_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are called by their name, patterns by their directory, and clashes are resolved."""
    monkeypatch.chdir(tmp_path)
    config = for_paths(
        ["a.log", "./x/b.log", "y/b.log", "nginx/*.log", "nginx/*.err", "a.log", "/*.log", "**/z"],
        "[::1]:0",
    )
    here = str(tmp_path)
    last = tmp_path.name
    assert {s.name: s.path for s in config.sources} == {
        "a.log": (f"{here}/a.log",),
        "x/b.log": (f"{here}/x/b.log",),
        "y/b.log": (f"{here}/y/b.log",),
        "nginx": (f"{here}/nginx/*.log", f"{here}/nginx/*.err"),
        "root": ("/*.log",),
        last: (f"{here}/**/z",),
    }
    assert config.listen == (Listen(address="[::1]:0"),)
    assert config.access == Access()


def test_an_existing_file_is_meant_whatever_its_name(tmp_path: Path) -> None:
    """A shell hands over names with brackets and stars as they are."""
    odd = tmp_path / "lit[1]*.log"
    odd.touch()
    (source,) = for_paths([str(odd)]).sources
    assert names.literal(source.path[0]) == str(odd)
    assert source.name == "lit[1]*.log"


_TREE = st.lists(
    st.lists(st.sampled_from(["a", "b", "*", "c.log"]), min_size=1, max_size=4).map(
        lambda parts: "/nowhere/" + "/".join(parts)
    ),
    max_size=6,
)


@given(_TREE)
def test_sources_of_the_command_line_never_clash(paths: list[str]) -> None:
    """Whatever is given, each file is followed under a name of its own."""
    literal = {path for path in paths if names.literal(path) is not None}
    patterns = set(paths) - literal
    assume(not literal & {names.split(pattern)[0] for pattern in patterns})
    sources = for_paths(paths).sources
    assert len({source.name for source in sources}) == len(sources)
    followed = {path for source in sources for path in source.path}
    assert patterns <= followed
    globs = [names.path_glob(pattern) for pattern in patterns]
    for path in literal:
        assert (path in followed) != any(glob.fullmatch(path) for glob in globs)
    for source in sources:
        if source.path[0] in literal:
            assert not any(may_match(other, source.name) for other in sources)


def test_a_path_cannot_be_a_file_and_a_directory() -> None:
    """Two arguments that exclude each other are told."""
    with pytest.raises(ConfigError, match="/x/a and /x/a/\\*; a path is either a file or a"):
        for_paths(["/x/a", "/x/a/*"])


def test_wrong_arguments_are_told_all_at_once(tmp_path: Path) -> None:
    """Bad paths and a bad address: a sentence each."""
    with pytest.raises(ConfigError) as caught:
        for_paths(["", "a\0b", "/l/**x", str(tmp_path)], "here")
    said = [problem.message for problem in caught.value.problems]
    assert [text.split(";")[0] for text in said[:3]] == [
        "found ''",
        r"found 'a\x00b'",
        "found '/l/**x'",
    ]
    assert "is a directory" in said[3]
    assert said[4].startswith("--listen: found 'here'")


# What is made from the model


@pytest.mark.parametrize("name", FILES)
def test_the_generated_files_are_current(name: str) -> None:
    """Schema, example and reference say what the program does."""
    assert (ROOT / name).read_text() == FILES[name](), "run: python -m tailws.config.reference"


def test_the_example_states_the_real_defaults() -> None:
    """Every value of the example that is switched on is the default, but the sources."""
    found: list[Problem] = []
    config = load(ROOT / "config/tailws.yaml", found)
    assert found == []
    assert msgspec.structs.replace(config, sources=()) == Config()
    assert len(config.sources) == 2
    given = yaml.safe_load(EXAMPLE)["limits"]
    assert {section: set(keys) for section, keys in given.items()} == {
        section: set(keys) for section, keys in msgspec.to_builtins(Limits()).items()
    }


def test_the_example_has_every_key() -> None:
    """With its commented lines switched on, the example is valid and shows each key there is."""
    text = re.sub(r"(?m)^(\s*)#(?! \S|$)", r"\1", EXAMPLE)
    loads(text, str(ROOT / "config/tailws.yaml"))
    shown: set[str] = set()

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                shown.add(f"{key}.{name}".lstrip("."))
                walk(item, f"{key}.{name}".lstrip("."))
        elif isinstance(value, list):
            for item in value:
                walk(item, f"{key}[]")

    walk(yaml.safe_load(text), "")
    expected = {
        f"{key}.{field.name}".lstrip(".") for key, struct in structures() for field in struct.fields
    }
    assert expected - shown == set()


def test_every_default_has_a_reason() -> None:
    """No key without a line that says what it is for, in the one place where it stands."""
    for _key, struct in structures():
        hints = schema()["$defs"][struct.cls.__name__]["properties"]
        for field in struct.fields:
            assert len(hints[field.name]["description"]) > 4, (struct.cls, field.name)


def test_the_demo_is_valid() -> None:
    """`make run` starts on a config without a mistake, with an access log that can be written."""
    found: list[Problem] = []
    config = load(ROOT / "config/demo.yaml", found)
    assert found == []
    own = str(ROOT / ".run/access.log")
    assert config.log.access == own
    assert own in [path for source in config.sources for path in source.path]


# The JSON schema


def _valid(value: Any, rule: dict[str, Any], root: dict[str, Any]) -> bool:
    """Judge a value by the part of JSON schema that ours uses."""
    types = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool}
    if "$ref" in rule and not _valid(value, root["$defs"][rule["$ref"].split("/")[-1]], root):
        return False
    if "anyOf" in rule and not any(_valid(value, choice, root) for choice in rule["anyOf"]):
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if rule.get("type") in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if rule["type"] == "integer" and not isinstance(value, int):
            return False
    elif "type" in rule and not isinstance(value, types[rule["type"]]):
        return False
    if isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        return False
    if isinstance(value, int | float) and not (
        rule.get("minimum", value) <= value <= rule.get("maximum", value)
    ):
        return False
    if isinstance(value, list):
        return all(_valid(item, rule.get("items", {}), root) for item in value)
    if isinstance(value, dict) and "properties" in rule:
        known = rule["properties"]
        return (
            set(rule.get("required", ())) <= set(value)
            and (rule.get("additionalProperties", True) or set(value) <= set(known))
            and all(_valid(item, known[key], root) for key, item in value.items())
        )
    return True


@pytest.mark.parametrize("name", ["config/tailws.yaml", "config/demo.yaml"])
def test_the_schema_accepts_what_the_loader_accepts(name: str) -> None:
    """An editor does not underline what is right."""
    text = (ROOT / name).read_text()
    made = schema()
    assert _valid(yaml.safe_load(text), made, made)
    switched_on = re.sub(r"(?m)^(\s*)#(?! \S|$)", r"\1", text)
    assert _valid(yaml.safe_load(switched_on), made, made)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_KEYS, _TREES, max_size=5))
def test_the_schema_refuses_nothing_that_is_right(tree: dict[str, Any]) -> None:
    """Whatever tree the loader takes, the schema takes too."""
    try:
        loads(yaml.safe_dump(tree))
    except ConfigError:
        return
    made = schema()
    assert _valid(tree, made, made)


@pytest.mark.parametrize(
    "tree",
    [
        {"sourcs": []},
        {"sources": [{"name": "a"}]},
        {"access": "open"},
        {"log": {"level": "infos"}},
        {"limits": {"lines": {"window": "10 parsecs"}}},
        {"limits": {"lines": {"window": 6}}},
    ],
)
def test_the_schema_refuses_common_mistakes(tree: dict[str, Any]) -> None:
    """An editor underlines what the loader would refuse."""
    made = schema()
    assert not _valid(tree, made, made)
    assert problems(json.dumps(tree))
