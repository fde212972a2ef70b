"""A machine with a real systemd for tests: boot, run commands in it, connect to it, look at it."""

from __future__ import annotations

import ctypes
import grp
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, TypeVar

BOOT = Path(__file__).with_name("boot.sh")
#: Seconds to wait for anything; generous, for the machine may be busy.
DEADLINE = 60.0
CLONE_NEWNET = 0x40000000  # setns(2)
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "SYSTEMD_PAGER": "",
    "DEBIAN_FRONTEND": "noninteractive",
}

Found = TypeVar("Found")


def obstacle() -> str:
    """Why this machine cannot boot one; empty when it can."""
    if os.geteuid() != 0:
        return "needs root, to boot a systemd in namespaces"
    if not Path("/lib/systemd/systemd").exists():
        return "there is no systemd on this machine"
    return ""


def eventually(what: str, look: Callable[[], Found]) -> Found:
    """Return what `look` finds as soon as it is truthy."""
    end = time.monotonic() + DEADLINE
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {DEADLINE:.0f} s"
        time.sleep(0.05)


class Machine:
    """PID 1 is `self.pid`, seen from outside."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="tailws-machine-"))
        self._boot = subprocess.Popen(
            ["bash", str(BOOT), str(self.home)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.pid = 0
        #: Threads in this machine's network namespace.
        self.inside = ThreadPoolExecutor(4, initializer=self._enter)
        try:
            self.pid = eventually("systemd is PID 1", self._find_init)
            eventually("systemd has booted", self._booted)
        except BaseException:
            self.stop()
            raise

    def _find_init(self) -> int:
        if self._boot.poll() is not None:
            assert self._boot.stdout is not None
            raise RuntimeError(self._boot.stdout.read().decode())
        task = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
        for child in task.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return 0

    def _booted(self) -> bool:
        said = self.run("systemctl", "is-system-running", check=False).strip()
        return said in ("running", "degraded")

    def stop(self) -> None:
        """Kill everything in it and remove every trace."""
        self.inside.shutdown()
        self._boot.send_signal(signal.SIGKILL)
        self._boot.wait()
        if self._boot.stdout is not None:
            self._boot.stdout.close()
        note = self.home / "cgroup"
        if note.exists():
            group = Path(note.read_text().strip())
            eventually("the control group is empty", lambda: _emptied(group))
        shutil.rmtree(self.home)

    # -- commands

    def command(self, *words: str) -> list[str]:
        """Return the command line, for the host, of a command in here."""
        pid = str(self.pid)
        return ["nsenter", "-t", pid, "-m", "-u", "-i", "-p", "-C", "-n", "--", *words]

    def run(self, *words: str, check: bool = True, text: str = "") -> str:
        """Run a command; return its output and errors. Raises AssertionError when it fails."""
        code, said = self.attempt(*words, text=text)
        assert not check or code == 0, f"{' '.join(words)} ended with {code}:\n{said}"
        return said

    def attempt(self, *words: str, text: str = "") -> tuple[int, str]:
        """Run a command; return its exit code, and its output and errors."""
        done = subprocess.run(
            self.command(*words),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
            timeout=2 * DEADLINE,
            check=False,
        )
        return done.returncode, done.stdout

    def systemctl(self, *words: str) -> str:
        return self.run("systemctl", *words)

    def path(self, path: str) -> Path:
        """Return a path in here as the host can open it (proc(5), /proc/PID/root)."""
        return Path(f"/proc/{self.pid}/root{path}")

    def write(self, path: str, text: str, mode: int = 0o644, group: str = "root") -> None:
        """Put a file in place, whole."""
        there = self.path(path)
        there.parent.mkdir(parents=True, exist_ok=True)
        new = there.with_name(there.name + ".new")
        new.write_text(text)
        new.chmod(mode)
        os.chown(new, 0, grp.getgrnam(group).gr_gid)
        new.rename(there)

    def append(self, path: str, text: str) -> None:
        with self.path(path).open("a") as file:
            file.write(text)

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", unit, "-p", name, "--value").strip()

    def journal(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the entries of the journal that match."""
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "-o", "json", "--no-pager", *arguments).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def kill(self, unit: str, signal_: signal.Signals) -> int:
        """Signal the main process of a unit from outside; return its id in here."""
        main = self.show(unit, "MainPID")
        self.run("kill", f"-{signal_.name.removeprefix('SIG')}", main)
        return int(main)

    # -- network

    def connect(self, address: tuple[str, int] | str, timeout: float = DEADLINE) -> socket.socket:
        """Return a socket connected to a TCP address, or to a Unix socket's path, in here.

        A socket belongs for good to the network namespace of the thread that makes it.
        """
        return self.inside.submit(self._connect, address, timeout).result()

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self.pid}/ns/net") as space:
            assert libc.setns(space.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def _connect(self, address: tuple[str, int] | str, timeout: float = DEADLINE) -> socket.socket:
        unix = isinstance(address, str)
        sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(str(self.path(address)) if isinstance(address, str) else address)
        except BaseException:
            sock.close()
            raise
        return sock

    def get(
        self, path: str, port: int = 3368, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """GET from 127.0.0.1; return the answer and its body."""
        connection = HTTPConnection("127.0.0.1", port)
        connection.sock = self.connect(("127.0.0.1", port))
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


def _emptied(group: Path) -> bool:
    """Kill what is left in a control group and remove it; False: try again."""
    if not group.exists():
        return True
    (group / "cgroup.kill").write_text("1")
    try:
        for below in sorted(group.rglob("*"), key=lambda path: -len(path.parts)):
            if below.is_dir():
                below.rmdir()
        group.rmdir()
    except OSError:
        return False
    return True
