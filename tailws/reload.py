"""`tailws reload`: SIGHUP to the daemon of a service, and its answer.

A signal alone says nothing about what came of it, and `systemctl reload` would succeed with a
config that was refused. So whoever asks listens at a datagram socket in the service's runtime
directory, and the daemon tells the outcome of a reload to whoever listens there:

    tailws reload                            daemon
    bind $RUNTIME_DIRECTORY/reload
    kill(2) $MAINPID with SIGHUP   ------>   loads the config, applies or refuses it
    prints it, exits               <------   datagram: "accepted" or "refused", problems
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple

#: Bytes of an answer: a datagram on a Unix socket takes this much everywhere.
MAX_ANSWER = 64 * 1024
#: Seconds until a daemon that lives but does not answer is given up: it reads a file and opens
#: sockets. Less than systemd's own limit for ExecReload= (TimeoutStartSec=, 90 s).
TIMEOUT = 30.0


class ReloadError(Exception):
    """There is no answer; the text is one sentence for the user."""


class Outcome(NamedTuple):
    """What came of a reload, and what is wrong or suspicious about the config, a line each."""

    accepted: bool
    problems: list[str]


def answer(accepted: bool, problems: Iterable[object]) -> None:
    """Tell whoever asks what came of a reload. Nobody: that is fine."""
    path = _place()
    if not path:
        return
    lines = ["accepted" if accepted else "refused", *map(str, problems)]
    data = "\n".join(lines).encode(errors="replace")
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock,
    ):
        sock.sendto(data[:MAX_ANSWER], path)


def ask(timeout: float = TIMEOUT) -> Outcome:
    """Have the daemon of this service reload its config. Raises `ReloadError`."""
    path, pid = _place(), os.environ.get("MAINPID", "")
    if not path or not (pid.isascii() and pid.isdigit()):
        raise ReloadError(
            "this is what the service's ExecReload= runs, with MAINPID and RUNTIME_DIRECTORY from "
            "systemd; you want: systemctl reload tailws"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # of one that was killed
            sock.bind(path)
            os.kill(int(pid), signal.SIGHUP)
        except OSError as error:
            raise ReloadError(f"cannot ask process {pid}: {error.strerror}.") from None
        try:
            return _await(sock, int(pid), timeout)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _await(sock: socket.socket, pid: int, timeout: float) -> Outcome:
    deadline = time.monotonic() + timeout
    sock.settimeout(0.2)
    while time.monotonic() < deadline:
        try:
            word, *problems = sock.recv(MAX_ANSWER).decode(errors="replace").split("\n")
            return Outcome(word == "accepted", problems)
        except TimeoutError:
            try:
                os.kill(pid, 0)
            except OSError:
                raise ReloadError(f"process {pid} has ended.") from None
    raise ReloadError(f"process {pid} has not answered for {timeout:.0f} s.")


def _place() -> str:
    # Several directories are separated by colons (systemd.exec(5), RuntimeDirectory=).
    directory = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return os.path.join(directory, "reload") if directory else ""
