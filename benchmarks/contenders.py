"""The servers that are measured, and how each is started.

A contender is told a file, a port and a coalescing window and serves that file's new lines. Only
tailws is told more (filters, many files, deflate), through its ordinary configuration.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import BIN, CACHE, HERE, PEERS

ROOT = HERE.parent


@dataclass(frozen=True)
class Setup:
    """One run's wishes."""

    path: Path
    port: int
    window_ms: float = 0
    limits: dict[str, Any] = field(default_factory=dict)
    sources: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Contender:
    """A server under test."""

    name: str
    what: str
    command: Callable[[Setup], list[str]]
    load: Callable[[Setup], dict[str, Any]] = lambda _: {"path": "/"}
    missing: Callable[[], str] = lambda: ""
    """Why it cannot run here, or nothing."""
    settle: float = 0.2
    """Seconds from the last handshake until it surely follows the file for everyone."""
    env: dict[str, str] = field(default_factory=dict)


def _floor(setup: Setup) -> list[str]:
    options = ["--path", str(setup.path), "--port", str(setup.port)]
    return [str(BIN / "floor"), *options, "--window", str(setup.window_ms)]


def write_config(setup: Setup) -> Path:
    """The daemon's configuration of a run. YAML is a superset of JSON."""
    limits = {"lines": {"window": setup.window_ms / 1e3}, **setup.limits}
    config = {
        "listen": [f"127.0.0.1:{setup.port}"],
        "access": "none",
        "sources": setup.sources or [{"name": "app", "path": str(setup.path)}],
        "limits": limits,
        "log": {"level": "warning"},
    }
    path = (
        setup.path.with_name("tailws.json") if setup.path.is_file() else setup.path / "tailws.json"
    )
    path.write_text(json.dumps(config))
    return path


def _tailws(setup: Setup) -> list[str]:
    return [sys.executable, "-m", "tailws", "--config", str(write_config(setup))]


def subscribe(source: str = "app", **more: Any) -> str:
    """A `subscribe` command as load.c sends it."""
    return json.dumps({"type": "subscribe", "source": source, "lines": 0, **more})


def _tailws_load(_: Setup) -> dict[str, Any]:
    return {"path": "/ws", "protocol": "tailws", "subscribe": subscribe()}


def _python_peer(script: str) -> Callable[[Setup], list[str]]:
    def command(setup: Setup) -> list[str]:
        options = ["--path", str(setup.path), "--port", str(setup.port)]
        python = str(PEERS / "venv/bin/python")
        return [python, str(HERE / "peers" / script), *options, "--window", str(setup.window_ms)]

    return command


def _ws(setup: Setup) -> list[str]:
    options = ["--path", str(setup.path), "--port", str(setup.port)]
    script = str(HERE / "peers/peer_ws.mjs")
    modules = ["--modules", str(PEERS)]
    return ["node", script, *modules, *options, "--window", str(setup.window_ms)]


def _frontail(setup: Setup) -> list[str]:
    program = str(PEERS / "node_modules/frontail/bin/frontail")
    options = ["-h", "127.0.0.1", "-p", str(setup.port), "-n", "0", "--disable-usage-stats"]
    return ["node", program, *options, str(setup.path)]


def _frontail_load(setup: Setup) -> dict[str, Any]:
    namespace = hashlib.md5(str(setup.path).encode()).hexdigest()  # its name for the files
    return {
        "path": "/socket.io/?EIO=3&transport=websocket",
        "protocol": "socketio",
        "subscribe": f"40/{namespace}",
    }


def _websocketd_program() -> str:
    return shutil.which("websocketd") or str(PEERS / "usr/bin/websocketd")


def _websocketd(setup: Setup) -> list[str]:
    options = ["--address=127.0.0.1", f"--port={setup.port}", "--loglevel=fatal"]
    return [_websocketd_program(), *options, "tail", "-n", "0", "-F", str(setup.path)]


def _needs(*paths: Path) -> Callable[[], str]:
    def missing() -> str:
        absent = [path for path in paths if not path.exists()]
        return f"{absent[0]} is not installed" if absent else ""

    return missing


def _needs_node(module: str) -> Callable[[], str]:
    def missing() -> str:
        if not shutil.which("node"):
            return "node is not installed"
        return _needs(PEERS / "node_modules" / module)()

    return missing


def _websocketd_missing() -> str:
    return "" if Path(_websocketd_program()).exists() else "websocketd is not installed"


# From the tree, yet with compiled modules as an installed daemon has them.
_TAILWS_ENV = {
    "PYTHONPATH": str(ROOT),
    "PYTHONSAFEPATH": "1",  # and not from the directory in which this runs, which may be another
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(CACHE / "pycache"),
}

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("floor", "C: epoll, inotify, frame once, send", _floor),
        Contender("tailws", "this daemon", _tailws, _tailws_load, env=_TAILWS_ENV),
        Contender(
            "picows",
            "Cython, uvloop",
            _python_peer("peer_picows.py"),
            missing=_needs(PEERS / "venv/bin/python"),
        ),
        Contender(
            "websockets",
            "Python, uvloop",
            _python_peer("peer_websockets.py"),
            missing=_needs(PEERS / "venv/bin/python"),
        ),
        Contender("ws", "node", _ws, missing=_needs_node("ws")),
        Contender("frontail", "node, tail -F", _frontail, _frontail_load, _needs_node("frontail")),
        Contender(
            "websocketd",
            "Go, a tail -F for each client",
            _websocketd,
            missing=_websocketd_missing,
            settle=1.0,
        ),
    )
}


def warm_up() -> None:
    """Have tailws compiled before anything is measured."""
    command = [sys.executable, "-c", "import tailws.cli, tailws.daemon"]
    subprocess.run(command, env={**os.environ, **_TAILWS_ENV}, check=True)
