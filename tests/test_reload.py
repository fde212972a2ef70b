"""Reload with an answer: a real daemon, asked as ExecReload= asks it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailws import reload

CONFIG = """\
listen: 127.0.0.1:0
access: none
sources: [{name: app, path: app.log}]
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's runtime directory."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def daemon(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A daemon that has started; its config."""
    config = runtime / "tailws.yaml"
    config.write_text(CONFIG)
    with subprocess.Popen(
        [sys.executable, "-m", "tailws", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        monkeypatch.setenv("MAINPID", str(process.pid))
        yield config
        process.terminate()


def command() -> tuple[int, str]:
    """Run `tailws reload`; return its exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "tailws", "reload"], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.usefixtures("daemon")
def test_an_accepted_config_is_silent() -> None:
    """Exit code 0 means that it is in effect."""
    assert command() == (0, "")


def test_a_refused_config_fails_with_all_that_is_wrong(daemon: Path) -> None:
    """Each mistake is named, and the next good one is taken."""
    daemon.write_text(CONFIG + "wrong: 1\nlog: {level: loud}\n")
    code, said = command()
    assert code == 1
    assert f"{daemon}:4: wrong: there is no key 'wrong'" in said
    assert f"{daemon}:5: log.level: found 'loud'" in said
    assert said.endswith("tailws: the config was refused; the old one goes on\n")
    daemon.write_text(CONFIG)
    assert command() == (0, "")


def test_a_token_that_is_missing_refuses_it(daemon: Path) -> None:
    """What only the daemon can find out is an answer as well."""
    daemon.write_text(CONFIG.replace("none", "{tokens: [{name: me, file: /does/not/exist}]}"))
    code, said = command()
    assert code == 1
    assert "/does/not/exist: No such file or directory" in said


def test_an_address_in_use_refuses_it(daemon: Path) -> None:
    """So is an address that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon.write_text(CONFIG.replace("127.0.0.1:0", address))
        code, said = command()
    assert code == 1
    assert f"{address}: this address is in use" in said


def test_what_is_suspicious_is_told(daemon: Path) -> None:
    """Warnings are shown, and do not refuse anything."""
    daemon.write_text(CONFIG.replace("[{name: app, path: app.log}]", "[]"))
    code, said = command()
    assert code == 0
    assert "there are no sources" in said


def test_outside_a_service_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """People who run it by hand are sent to systemctl."""
    monkeypatch.delenv("MAINPID", raising=False)
    code, said = command()
    assert code == 1
    assert said.endswith("you want: systemctl reload tailws\n")


@pytest.mark.usefixtures("runtime")
def test_a_process_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to ask, at once or while we wait."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        pass
    monkeypatch.setenv("MAINPID", str(process.pid))
    with pytest.raises(reload.ReloadError, match="No such process"):
        reload.ask()
    with subprocess.Popen(["sleep", "60"]) as process:  # SIGHUP ends it, we collect it
        monkeypatch.setenv("MAINPID", str(process.pid))
        threading.Thread(target=process.wait).start()
        with pytest.raises(reload.ReloadError, match="has ended"):
            reload.ask()


def test_a_process_that_does_not_answer(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and leaves nothing behind. A socket that was left behind does not matter."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setenv("MAINPID", str(os.getpid()))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
            left.bind(str(runtime / "reload"))
        with pytest.raises(reload.ReloadError, match="has not answered"):
            reload.ask(timeout=0.3)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert not (runtime / "reload").exists()


def test_nobody_asks(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kill -HUP` by hand: the answer goes nowhere, and that is no error."""
    reload.answer(True, [])
    (runtime / "reload").write_text("not a socket")
    reload.answer(False, ["x" * 100_000])
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    reload.answer(True, [])
