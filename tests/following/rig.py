"""A directory of logs, a real daemon that follows them, and clients that watch.

A scenario is a short program over three things: the files (`LogFile`: what applications and
rotators do), the daemon (a process of its own: frozen, killed, started again) and the client
(there, away, back again by its cursor). `expect` then states what must have arrived.

Environment variables run every scenario under other conditions:
`TAILWS_RIG_LIMITS`  JSON, merged into the `limits` of each config;
`TAILWS_RIG_BLIND=1` the daemon gets no inotify watch at all;
`TAILWS_RIG_SETTLE`  seconds to wait for lines that should not come (default 0.25);
`TAILWS_RIG_LONG=1`  scenarios also run while no client is connected;
`TAILWS_RIG_DEADLINE` seconds to wait for those that should (default 15).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import tailws

from .client import DEADLINE, Client, Gap, Item, verdict
from .logfile import LogFile

SETTLE = float(os.environ.get("TAILWS_RIG_SETTLE", "0.25"))
LIMITS: dict[str, Any] = json.loads(os.environ.get("TAILWS_RIG_LIMITS", "{}"))
REPOSITORY = Path(tailws.__file__).parents[1]

# Commands that put the daemon under a condition and then exec it, so the process id stays.
NO_INOTIFY = [
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"',
    "sh",
]
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
BLIND = NO_INOTIFY if os.environ.get("TAILWS_RIG_BLIND") == "1" else []

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts or other users")

# What the daemon or the client does while something happens: see the fixture of this name.
Meanwhile = Callable[[], AbstractContextManager[None]]


@contextmanager
def temporary_rig() -> Iterator[Rig]:
    """A rig in a directory of its own; closing it ends every process and removes every file."""
    home = Path(tempfile.mkdtemp(prefix="tailws-following-"))
    home.chmod(0o755)  # a daemon under another user must get in
    rig = Rig(home)
    try:
        yield rig
    finally:
        rig.close()


def free_port() -> int:
    """A port below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return first | {key: first.get(key, {}) | part for key, part in second.items()}


class Rig:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self.logs.mkdir()
        self.sources: list[dict[str, Any]] = []
        self.limits: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}  # further parts of the config
        self.clients: list[Client] = []
        self.prefix: list[str] = BLIND
        self.prelude = ""  # Python that runs in the daemon's process before it starts
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.looked_on = True  # somebody was subscribed while it happened
        self.stack = ExitStack()

    # Setting up ----------------------------------------------------------------------------------

    def follow(self, pattern: str | Path, name: str = "app", **options: Any) -> None:
        """Add a source to the config; a relative pattern is taken under the log directory."""
        self.sources.append({"name": name, "path": str(self.logs / pattern), **options})

    def file(self, name: str | Path = "app.log", **how: Any) -> LogFile:
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return LogFile(path, self.stack, **how)

    def live(self, name: str = "app.log", *, old: int = 2, **how: Any) -> LogFile:
        """A log with old lines that is followed from its end, and a client that watches it."""
        log = self.file(name, **how).lines(old).forget()
        self.follow(name)
        self.up()
        return log

    def awaited(self, pattern: str = "app.log") -> None:
        """Nothing matches yet; a client waits for what comes."""
        self.follow(pattern)
        self.up()

    def up(self) -> Client:
        self.start()
        return self.connect()

    # The daemon -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemon on the config as it is now; return when it takes connections."""
        self.port = free_port()
        config = self.home / "tailws.json"
        config.write_text(
            json.dumps(
                {
                    "listen": [f"127.0.0.1:{self.port}"],
                    "access": "none",
                    "sources": self.sources,
                    "limits": _merged(self.limits, LIMITS),
                    **self.extra,
                }
            )
        )
        with (self.home / "stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                [*self.prefix, *self.command(), "--config", str(config)],
                stdout=stderr,
                stderr=stderr,
                cwd=self.home,
                env=self.environment(),
            )
        self.wait(self._answers, "the daemon to take connections")

    def command(self) -> list[str]:
        if not self.prelude:
            return [sys.executable, "-m", "tailws"]
        main = "import runpy; runpy.run_module('tailws', run_name='__main__')"
        return [sys.executable, "-c", f"{self.prelude}\n{main}"]

    def environment(self) -> dict[str, str]:
        paths = [os.environ.get("PYTHONPATH"), str(REPOSITORY)]
        return os.environ | {"PYTHONPATH": ":".join(path for path in paths if path)}

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon ended at its start:\n{self.said()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def said(self) -> str:
        """What the daemon wrote to its standard error."""
        path = self.home / "stderr"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self) -> None:
        """kill -9: the daemon gets no chance to save anything."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        for client in self.clients:
            client.lost()

    @contextmanager
    def killed(self) -> Iterator[None]:
        """What happens inside happens while no daemon runs; the clients come back after it."""
        self.kill()
        yield
        self.start()
        self.resume()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """What happens inside is one instant for the daemon: it sees only the outcome."""
        os.kill(self.pid, signal.SIGSTOP)
        self.wait(lambda: self.status("State").startswith("T"), "the daemon to stop")
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def status(self, field: str) -> str:
        """A field of /proc/PID/status."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key == field:
                return value.strip()
        raise KeyError(field)

    def cpu(self) -> float:
        """Processor time of the daemon so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> list[str]:
        """What the daemon's descriptors below the log directory point to."""
        targets = []
        for fd in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                targets.append(os.readlink(fd))
            except FileNotFoundError:
                continue
        return [target for target in targets if target.startswith(str(self.logs))]

    # The clients ---------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def client(self) -> Client:
        return self.clients[0]

    def connect(self, **how: Any) -> Client:
        """A client of all sources: of each new line, unless told otherwise."""
        how = how or {"lines": 0}
        names = [
            f"{source['name']}/**" if self._is_pattern(source["path"]) else source["name"]
            for source in self.sources
        ]
        client = Client(self.url, subscriptions=[{"source": name, **how} for name in names])
        client.connect()
        self.clients.append(client)
        return client

    @staticmethod
    def _is_pattern(path: str) -> bool:
        return bool(set(path) & set("*?[")) and not os.path.exists(path)

    @contextmanager
    def away(self) -> Iterator[None]:
        """What happens inside happens while no client is connected."""
        for client in self.clients:
            client.disconnect()
        yield
        self.resume()

    def resume(self) -> None:
        """Every client comes back with its cursors."""
        for client in self.clients:
            client.url = self.url
            client.connect()

    # What must have happened ---------------------------------------------------------------------

    def wait(self, condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> None:
        """Poll until the condition holds, receiving nothing meanwhile."""
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"waited {deadline:.0f} s in vain for {what}"
            time.sleep(0.01)

    def expect(
        self,
        *parts: Iterable[str],
        source: str = "app",
        gaps: bool = False,
        unsure: bool = False,
        deadline: float = DEADLINE,
    ) -> None:
        """Every client has received exactly these lines of the source, once and in order.

        With `gaps`, announced losses are accepted in the place of missing lines. With `unsure`,
        the daemon may say that lines could be missing which nobody can know of, but none is.
        """
        expected = [line for part in parts for line in part]
        self._expect({source: expected}, gaps=gaps, unsure=unsure, deadline=deadline)

    def expect_sources(self, sources: Mapping[str, Iterable[str]], **how: Any) -> None:
        """As `expect`, for several sources at once; no other source has brought a line."""
        due = {name: list(lines) for name, lines in sources.items()}
        self._expect(due, **how)
        for client in self.clients:
            others = {name: items for name, items in client.items.items() if items}
            assert not others.keys() - due.keys(), others

    def _expect(
        self,
        due: Mapping[str, list[str]],
        *,
        gaps: bool = False,
        unsure: bool = False,
        deadline: float = DEADLINE,
    ) -> None:
        def received(client: Client, name: str) -> list[Item]:
            items = client.items[name]
            return [item for item in items if item != Gap("truncated", None)] if unsure else items

        def settled(client: Client, name: str) -> bool:
            """All is there; or it went wrong already, so that waiting is in vain."""
            lines, items = due[name], received(client, name)
            if gaps:
                return verdict(lines, items, gaps=True) is None
            return len(items) >= len(lines) or bool(items and items[-1] != lines[len(items) - 1])

        for client in self.clients:
            end = time.monotonic() + deadline
            while not all(settled(client, name) for name in due) and time.monotonic() < end:
                client.pump(0.05)
            client.quiet(SETTLE)
            for name, lines in due.items():
                self._judge(client, name, verdict(lines, received(client, name), gaps=gaps))

    def _judge(self, client: Client, source: str, wrong: str | None) -> None:
        if wrong is None and not client.faults:
            return
        told = [head for head in client.heads if head["type"] not in {"lines", "sources"}]
        raise AssertionError(
            f"{source}: {wrong or 'all lines'}; faults: {client.faults}\n"
            f"received: {str(client.items[source])[:2000]}\ntold: {str(told)[:3000]}\n"
            f"files: {sorted(os.listdir(self.logs))[:50]}\nthe daemon said:\n{self.said()[-3000:]}"
        )

    def expect_nothing(self, seconds: float = SETTLE, source: str = "app") -> None:
        """No further line comes within the time."""
        for client in self.clients:
            before = len(client.items[source])
            client.quiet(seconds)
            assert client.items[source][before:] == []

    def expect_notice(self, *any_of: str, source: str = "app") -> None:
        """Every client was told at least one of these about the file."""
        for client in self.clients:
            client.until(
                lambda told=client: told.notices(source) & set(any_of),
                f"one of {any_of} for {source} (told: {client.notices(source)})",
            )

    def expect_state(self, *any_of: str, source: str = "app") -> None:
        for client in self.clients:
            client.until(
                lambda told=client: told.states.get(source) in any_of,
                f"state {any_of} of {source} (is {client.states})",
            )

    def close(self) -> None:
        """End everything; a daemon that died or showed a traceback meanwhile is a failure."""
        try:
            alive = self.process is None or self.process.poll() is None
            for client in self.clients:
                client.drop()
            if self.process is not None:
                self.process.kill()
                self.process.wait()
            said = self.said()
            print(said)  # pytest shows it when the scenario has failed
        finally:
            self.stack.close()
            shutil.rmtree(self.home, ignore_errors=True)
        assert alive, "the daemon ended by itself"
        assert "Traceback" not in said, "the daemon showed a traceback"
