"""The real daemon over real files, in a directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.following.rig import free_port

REPOSITORY = Path(__file__).parents[2]


class Daemon:
    """Runs `python -m tailws` on a config; `kill` and `start` again as a machine would.

    `sources` maps names to paths relative to `directory`; other keywords are keys of the config.
    """

    def __init__(self, sources: dict[str, str], *, access: Any = "none", **config: Any) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tailws-page-"))
        self.port = free_port()
        self.config = {
            "listen": [f"127.0.0.1:{self.port}"],
            "sources": [
                {"name": name, "path": str(self.directory / path)} for name, path in sources.items()
            ],
            **({"access": access} if access is not None else {}),
            **config,
        }
        self.output = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def path(self, name: str) -> Path:
        """Return a path in the directory."""
        return self.directory / name

    def append(self, name: str, *lines: str) -> None:
        """Append whole lines, as a logger does."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", newline="") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def start(self) -> Daemon:
        """Start it and wait until it listens."""
        config = self.path("tailws.json")
        config.write_text(json.dumps(self.config))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tailws", "--config", str(config)],
            cwd=REPOSITORY, text=True, stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if ("#token=" if "access" not in self.config else "listens on") in line:
                return self
        raise AssertionError(f"the daemon did not start:\n{self.output}")

    def kill(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """End the process."""
        if self._process:
            self._process.send_signal(sign)
            self._process.wait(20)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Daemon:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill(signal.SIGTERM)
        shutil.rmtree(self.directory)
