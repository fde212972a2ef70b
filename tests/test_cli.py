"""The command line, run as a user runs it: a process, its output, its exit code."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tailws
from tailws import cli
from tailws.check import report
from tailws.config import load

DEADLINE = 30.0
TAILWS = [sys.executable, "-m", "tailws"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TAILWS, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env=environment(),
    )


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(tailws.__file__).parents[1])}


class Running:
    """A daemon that was started by its command line."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*TAILWS, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise AssertionError(self.end()[1])

    def end(self, signum: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(signum)
        _, errors = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, errors

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE)
        try:
            connection.request("GET", path, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


@pytest.fixture
def app_log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\n")
    return path


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that others may look into; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="tailws-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def inside() -> Iterator[None]:
    """For tests that call `main` in this process: its signal handler goes with them."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


# -- without a daemon


def test_version_and_help() -> None:
    """Both go to standard output and end with 0; the help has examples of each form."""
    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"tailws {tailws.__version__}\n")
    usage = run("--help")
    assert usage.returncode == 0
    assert usage.stderr == ""
    for needed in (
        "--listen",
        "--config",
        "check FILE",
        "127.0.0.1:3368",
        "'/var/log/nginx/*.log'",
    ):
        assert needed in usage.stdout
    assert max(map(len, usage.stdout.splitlines())) <= 90
    assert run("check", "--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "--nonsense"),
        (["--conf", "x"], "--conf"),
        (["--listen"], "--listen"),
        (["--config", "x", "y"], "not both"),
        (["--listen", "nonsense", "app.log"], "--listen: found 'nonsense'"),
        (["--listen", "3368", "app.log"], "127.0.0.1:3368"),
        (["--listen", "nonsense", "--config", "x"], "--listen: found 'nonsense'"),
        ([""], "''"),
        (["/tmp"], "is a directory"),
        (["check"], "FILE"),
        (["check", "a", "b"], "b"),
    ],
)
def test_wrong_usage_is_2_with_a_sentence(arguments: list[str], said: str) -> None:
    """What is wrong is named, on standard error, and nothing is started."""
    ended = run(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.usefixtures("inside")
def test_nothing_to_follow_is_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without arguments and without the system's config, it says what to write."""
    monkeypatch.setattr(cli, "SYSTEM_CONFIG", tmp_path / "none.yaml")
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2


@pytest.mark.usefixtures("inside")
def test_the_systems_config_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments it is the service's config that counts."""
    config = tmp_path / "tailws.yaml"
    config.write_text("sauces: []\n")
    monkeypatch.setattr(cli, "SYSTEM_CONFIG", config)
    assert cli.main([]) == 78
    assert f"{config}:1: sauces" in capsys.readouterr().err


def test_a_wrong_config_is_78_with_all_that_is_wrong(tmp_path: Path) -> None:
    """Every problem, each with file and line, and nothing else: no half-started daemon."""
    config = tmp_path / "tailws.yaml"
    config.write_text("listen: [nonsense]\nsources:\n  - nme: x\n    path: 5\n")
    for arguments in (["--config", str(config)], ["check", str(config)]):
        ended = run(*arguments)
        assert ended.returncode == 78
        assert ended.stdout == ""
        lines = ended.stderr.splitlines()
        assert len(lines) >= 2
        assert all(line.startswith(f"{config}:") for line in lines)


def test_a_missing_config_is_78(tmp_path: Path) -> None:
    """The file that is not there is named."""
    ended = run("--config", str(tmp_path / "no.yaml"))
    assert ended.returncode == 78
    assert str(tmp_path / "no.yaml") in ended.stderr


def test_a_token_that_cannot_be_read_is_78(tmp_path: Path) -> None:
    """A config is as wrong as the files that it names."""
    config = tmp_path / "tailws.json"
    tokens = [{"name": "anna", "file": str(tmp_path / "secret")}]
    config.write_text(json.dumps({"listen": ["127.0.0.1:0"], "access": {"tokens": tokens}}))
    ended = run("--config", str(config))
    assert ended.returncode == 78
    assert "'anna'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_output_that_nobody_reads() -> None:
    """`tailws --help | head -1` ends without a word about a broken pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [*TAILWS, "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        check=False,
        timeout=DEADLINE,
    )
    os.close(writer)
    assert ended.stderr == ""


# -- check


def test_check_lists_what_each_pattern_matches(tmp_path: Path) -> None:
    """Names as the page shows them, sizes, what is not there yet; exit code 0."""
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / "a.log").write_text("x" * 1500)
    (tmp_path / "logs" / "a.log.1").write_text("old")
    (tmp_path / "logs" / "deep" / "b.log").write_text("")
    (tmp_path / "logs" / "skip.log").write_text("")
    (tmp_path / "logs" / "dir.log").mkdir()
    config = tmp_path / "tailws.yaml"
    config.write_text(
        "sources:\n"
        "  - {name: web, path: logs/**/*.log, exclude: [skip.log]}\n"
        "  - {name: later, path: later.log}\n"
        "  - {name: none, path: 'none/*.log'}\n"
    )
    ended = run("check", str(config))
    assert ended.returncode == 0
    assert "web/a.log  1.5 kB" in ended.stdout
    assert "web/deep/b.log  0 B" in ended.stdout
    assert "skip.log" not in ended.stdout
    assert "a.log.1" not in ended.stdout
    assert "later  not there yet" in ended.stdout
    assert "nothing yet" in ended.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_check_tells_who_could_read(public: Path) -> None:
    """What cannot be read is said together with the group that could, and is counted."""
    closed = public / "closed"
    closed.mkdir()
    (closed / "c.log").write_text("")
    for name, mode in (("group.log", 0o640), ("owner.log", 0o600), ("all.log", 0o644)):
        path = public / name
        path.write_text("")
        os.chmod(path, mode)
        os.chown(path, 0, 4)  # adm
    os.chmod(closed, 0o700)
    config = public / "tailws.yaml"
    config.write_text(f"sources: [{{name: x, path: ['*.log', {closed}/*.log]}}]\n")

    reader, writer = os.pipe()
    child = os.fork()  # not a new process: nobody else may enter the home of this interpreter
    if not child:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        try:
            os.write(writer, "\n".join(report(load(config), str(config), [])).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader) as pipe:
        said = pipe.read()
    assert "x/all.log  0 B" in said
    assert re.search(r"x/group.log  cannot be read: .*root:adm, mode 0640.*'adm'", said)
    assert re.search(r"x/owner.log  cannot be read: .*no group may", said)
    assert f"{closed} cannot be entered" in said
    assert "3 of these cannot be read by nobody" in said


def test_check_warns_of_what_is_suspicious(tmp_path: Path) -> None:
    """A config can be usable and still not what one wants."""
    config = tmp_path / "tailws.yaml"
    config.write_text("access: {tokens: [{name: anna, token: long-enough-secret}]}\nsources: []\n")
    config.chmod(0o644)
    ended = run("check", str(config))
    assert ended.returncode == 0
    assert "warning: " in ended.stdout
    assert stat.S_IMODE(config.stat().st_mode) == 0o644


# -- with a daemon


def test_a_file_is_followed_and_one_address_printed(
    start: Callable[..., Running], app_log: Path
) -> None:
    """`tailws FILE` is the whole job: the address is the one line on standard output, at once,
    and opens with the token that stands in it."""
    running = start("--listen", "127.0.0.1:0", str(app_log))
    match = re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=([A-Za-z0-9_-]{24})", running.address)
    assert match is not None
    assert running.get("/")[0] == 200
    assert running.get("/session")[0] == 401
    assert running.get("/session", Authorization=f"Bearer {match[1]}")[0] == 200
    code, errors = running.end()
    assert code == 0
    assert match[1] not in errors, "the token is printed, not logged"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly_and_soon(
    start: Callable[..., Running], app_log: Path, signum: int
) -> None:
    """Ctrl-C and SIGTERM: exit code 0, no traceback, and idle clients do not hold it up."""
    running = start("--listen", "127.0.0.1:0", str(app_log))
    parts = urlsplit(running.address)
    with socket.create_connection((parts.hostname or "", parts.port or 0)):
        before = time.monotonic()
        code, errors = running.end(signum)
        assert time.monotonic() - before < DEADLINE / 2
    assert code == 0
    assert "Traceback" not in errors


def test_ctrl_c_at_any_moment_of_the_start(app_log: Path) -> None:
    """Interrupted while it is starting, it ends as well, without a traceback of ours."""
    for delay in (0.15, 0.25, 0.4):
        process = subprocess.Popen(
            # a shell's background job ignores SIGINT, and so would its children
            ["env", "--default-signal=INT", *TAILWS, "--listen", "127.0.0.1:0", str(app_log)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE)
        # Before our first line the interpreter itself may be hit; that is not ours to catch.
        assert process.returncode == 0 or "tailws/daemon.py" not in errors


def test_a_port_in_use_is_one_sentence(start: Callable[..., Running], app_log: Path) -> None:
    """Exit code 69, one line, and what to do."""
    running = start("--listen", "127.0.0.1:0", str(app_log))
    port = urlsplit(running.address).port
    ended = run("--listen", f"127.0.0.1:{port}", str(app_log))
    assert ended.returncode == 69
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert "in use" in ended.stderr


def test_a_config_and_an_address_of_ones_own(
    start: Callable[..., Running], tmp_path: Path, app_log: Path
) -> None:
    """`--listen` stands above the config's; `access: none` prints an address without a token."""
    config = tmp_path / "tailws.yaml"
    config.write_text(
        f"listen: ['127.0.0.1:1']\naccess: none\nsources: [{{name: app, path: {app_log}}}]\n"
    )
    running = start("--config", str(config), "--listen", "127.0.0.1:0")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", running.address)
    assert running.get("/session")[0] == 200


def test_the_access_log_is_written(start: Callable[..., Running], tmp_path: Path) -> None:
    """Each request is a line in the daemon's own log, which it can follow itself."""
    config = tmp_path / "tailws.json"
    config.write_text(
        json.dumps(
            {
                "listen": ["127.0.0.1:0"],
                "access": "none",
                "log": {"access": "access.log"},
                "sources": [{"name": "self", "path": "access.log"}],
            }
        )
    )
    running = start("--config", str(config))
    running.get("/nothing?token=s3cret")
    running.end()
    line = (tmp_path / "access.log").read_text()
    assert '"GET /nothing?token=... HTTP/1.1" 404' in line


def test_standard_output_may_be_closed(app_log: Path) -> None:
    """Nobody needs to read the address: the daemon serves on."""
    reader, writer = os.pipe()
    os.close(reader)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*TAILWS, "--listen", f"127.0.0.1:{port}", str(app_log)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    os.close(writer)
    end = time.monotonic() + DEADLINE
    while True:
        assert process.poll() is None, process.communicate()[1]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert time.monotonic() < end
        time.sleep(0.02)
    process.terminate()
    _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
