"""systemd's protocols: with systemd-python where there is one, and by our own means."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailws.runtime import systemd

#: Runs in a process of its own: descriptors from 3 on must be those that were passed.
CHILD = """
import os, sys
if sys.argv[2] == "own":
    sys.modules["systemd"] = None
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[1]))
from tailws.runtime import systemd
socks = systemd.inherited_sockets()
print(*[sock.getsockname()[1] for sock in socks])
print(*sorted(name for name in os.environ if name.startswith("LISTEN_")))
print(*[os.get_inheritable(sock.fileno()) for sock in socks])
"""


@pytest.fixture(params=["own", "library"])
def means(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Once without systemd-python, once with it."""
    if request.param == "own":
        monkeypatch.setitem(sys.modules, "systemd", None)
    else:
        pytest.importorskip("systemd.daemon", reason="systemd-python needs libsystemd-dev")
    return str(request.param)


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket that systemd listens at."""
    path = str(tmp_path / "notify")
    address = path if request.param == "path" else f"@{path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0"))
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield sock


@pytest.mark.usefixtures("means")
def test_notify_is_one_datagram_of_lines(manager: socket.socket) -> None:
    """All assignments arrive together, a line each."""
    assert systemd.notify("READY=1", "STATUS=fine")
    assert manager.recv(4096) == b"READY=1\nSTATUS=fine"


def test_reloading_carries_the_time(manager: socket.socket) -> None:
    """systemd takes a READY=1 for that of this reload by the monotonic time in microseconds."""
    assert systemd.reloading()
    first, second = manager.recv(4096).split(b"\n")
    assert first == b"RELOADING=1"
    assert second.startswith(b"MONOTONIC_USEC=")
    assert int(second.partition(b"=")[2]) > 0


def test_a_manager_that_does_not_read_holds_up_nobody(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full socket costs a message, never a wait."""
    monkeypatch.setitem(sys.modules, "systemd", None)
    told = [systemd.notify("WATCHDOG=1") for _ in range(2000)]
    assert told[0]
    assert not told[-1]


@pytest.mark.usefixtures("means")
def test_outside_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its variables there is nobody to tell, no watchdog and no socket."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    assert not systemd.notify("READY=1")
    assert systemd.watchdog_interval() == 0


def test_a_manager_that_has_gone_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that nobody listens at any more is the same as none."""
    monkeypatch.setitem(sys.modules, "systemd", None)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not systemd.notify("READY=1")


def test_a_status_is_one_line() -> None:
    """A line end in a status would be an assignment of its own."""
    assert systemd.status("a\nREADY=1  b") == "STATUS=a READY=1 b"


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("30000000", "", 30.0),
        ("500000", "own", 0.5),
        ("30000000", "1", 0.0),  # meant for another process
        ("", "", 0.0),
        ("soon", "", 0.0),
        ("-1", "", 0.0),
    ],
)
def test_watchdog_interval(
    microseconds: str, pid: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sd_watchdog_enabled(3): microseconds, for the process whose id is given, or for all."""
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert systemd.watchdog_interval() == seconds


def passed(*socks: socket.socket | int, means: str, count: str, offset: int = 0) -> list[str]:
    """What a process sees that gets these as descriptors from 3 on."""
    numbers = [each if isinstance(each, int) else each.fileno() for each in socks]
    copies = [os.dup(number) for number in numbers]
    moves = "".join(f"exec {3 + i}<&{copy}; " for i, copy in enumerate(copies))
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'{moves}exec "$@"',
            "bash",
            sys.executable,
            "-c",
            CHILD,
            str(offset),
            means,
        ],
        pass_fds=copies,
        env=os.environ | {"LISTEN_FDS": count, "LISTEN_FDNAMES": "web"},
        capture_output=True,
        text=True,
        check=True,
    )
    for copy in copies:
        os.close(copy)
    return done.stdout.split("\n")


def test_sockets_are_taken_over(means: str) -> None:
    """Each listening socket comes, is not passed on to others, and the variables are used up."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as two,
    ):
        ports, variables, inheritable, _ = passed(one, two, means=means, count="2")
        assert ports.split() == [str(one.getsockname()[1]), str(two.getsockname()[1])]
    assert variables == ""
    assert inheritable == "False False"


def test_what_does_not_listen_is_left_out(means: str, tmp_path: Path) -> None:
    """A file, or a socket that is no stream or does not listen, is not served."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.socket() as idle,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        (tmp_path / "file").open("w") as file,
    ):
        ports, *_ = passed(idle, file.fileno(), datagrams, listening, means=means, count="4")
        assert ports == str(listening.getsockname()[1])


@pytest.mark.parametrize(("count", "offset"), [("1", 1), ("", 0), ("many", 0), ("-1", 0)])
def test_variables_for_others_or_wrong_ones(means: str, count: str, offset: int) -> None:
    """Variables of another process (sd_listen_fds(3)) or without sense are no sockets."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        ports, *_ = passed(sock, means=means, count=count, offset=offset)
        assert ports == ""
