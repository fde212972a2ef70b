"""Processes as the benchmark sees them: start, wait, CPU time, memory, stop.

CPU time is read from each process's own clock (clock_getcpuclockid(3)), which counts nanoseconds
of user and system time for all its threads; /proc/PID/stat counts ticks of 10 ms.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailws-bench"
BIN = CACHE / "bin"
PEERS = CACHE / "peers"


class BenchError(Exception):
    """A run that cannot be counted; the sentence says why."""


def compiler() -> str:
    """The C compiler, or nothing."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") or ""


def build(into: Path = BIN) -> None:
    """Compile the floor, the writer and the load client, each when its source is newer."""
    if not compiler():
        raise BenchError("a C compiler is needed (Debian: gcc libc6-dev zlib1g-dev)")
    into.mkdir(parents=True, exist_ok=True)
    headers = max(header.stat().st_mtime for header in HERE.glob("*.h"))
    for name in ("floor", "load", "writer"):
        source, target = HERE / f"{name}.c", into / name
        newest = max(source.stat().st_mtime, headers)
        if not target.exists() or target.stat().st_mtime < newest:
            flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]
            subprocess.run([compiler(), *flags, "-o", target, source, "-lz"], check=True)


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                children = Path(f"/proc/{pid}/task/{task}/children").read_text()
                todo.extend(int(child) for child in children.split())
    return found


class Server:
    """A server process with its children; stopped on exit from `with`."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        self._output = log.open("wb")
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )
        self.pid = self._process.pid

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        processes = tree(self.pid)
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in processes[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._output.close()

    def wait_listening(self, port: int, seconds: float = 20) -> None:
        """Wait until the port answers; raise with the server's own words when it ends first."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.01)
        raise BenchError(f"does not listen: {self.words()}")

    def words(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-600:].strip() or "(it said nothing)"

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def cpu_ns(self) -> int:
        """User and system time of the process and its living children."""
        total = 0
        for pid in tree(self.pid):
            with contextlib.suppress(OSError):
                total += time.clock_gettime_ns((~pid << 3) | 2)
        return total

    def memory(self) -> int:
        """Bytes of memory that are its own: anonymous pages, shared ones by their share."""
        total = 0
        for pid in tree(self.pid):
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                if match := re.search(r"^Pss_Anon: +(\d+) kB", rollup, re.M):
                    total += int(match[1]) * 1024
        return total

    def fds(self) -> int:
        """Open file descriptors of the first process."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory_peak_during(self, load: "Load", step: float = 0.25) -> int:
        """The largest `memory` while a load runs."""
        peak = self.memory()
        while load.running:
            time.sleep(step)
            peak = max(peak, self.memory())
        return peak


class Tool:
    """One of our C programs: prints lines, the last is JSON."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        command = [str(BIN / name)]
        for key, value in arguments.items():
            if value is True:
                command.append(f"--{key}")
            elif value is not None and value is not False:
                command += [f"--{key}", str(value)]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process's result
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def _words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-400:]

    def result(self, timeout: float = 180) -> dict[str, Any]:
        """Wait for its end and return what it measured."""
        late = threading.Timer(timeout, self._process.kill)
        late.start()
        try:
            output = self._stdout.read()
            status = self._process.wait()
        finally:
            late.cancel()
            self._stdin.close()
            self._stdout.close()
        if status:
            raise BenchError(self._words() or f"{self._process.args}: status {status}")
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
        result["notes"] = self._words()
        self._errors.close()
        return result

    def stop(self) -> dict[str, Any]:
        """End it early by closing its input."""
        self._stdin.close()
        return self.result()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without a result."""
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()
        self._errors.close()


class Load(Tool):
    """The load client (load.c)."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__("load", arguments)

    def wait_ready(self) -> None:
        """Wait until every client is subscribed."""
        if self._stdout.readline().strip() != b"ready":
            self._process.wait()
            raise BenchError(self._words() or "the load client ended early")


class Writer(Tool):
    """The writer (writer.c)."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__("writer", arguments)


@contextlib.contextmanager
def running(tool: Load) -> Iterator[Load]:
    """Take care that a load client never outlives its run."""
    try:
        yield tool
    finally:
        if tool.running:
            tool.kill()


def describe() -> dict[str, str]:
    """The machine, for the head of the report."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": f"{os.cpu_count()} x {cpu}",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": " ".join(f"{value:.1f}" for value in os.getloadavg()),
    }
