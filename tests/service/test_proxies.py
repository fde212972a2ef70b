"""Behind the proxies that docs/operating.md has recipes for, as they stand there."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from .machine import DEADLINE, eventually

RECIPES = Path(__file__).parents[2] / "docs" / "operating.md"
TOKEN = "0123456789abcdefghijklmn"
#: What stands for an idle hour: some times the proxies' timeouts, which are two seconds here.
IDLE = 5.0
#: Where the browser is. Proxies connect from 127.0.0.1.
BROWSER = "127.0.0.9"

CONFIG = """\
listen: 127.0.0.1:{port}
access:
  tokens: [{{name: me, token: {token}}}]
  trusted_proxies: [127.0.0.1]
  base_path: /logs
sources: [{{name: app, path: app.log}}]
log: {{access: access.log}}
limits: {{clients: {{ping_after: 300 ms}}}}
"""


def recipe(language: str) -> str:
    """The recipe as it stands in the documentation."""
    found = re.search(rf"^```{language}\n(.*?)^```$", RECIPES.read_text(), re.M | re.S)
    assert found, f"docs/operating.md has no recipe for {language}"
    return found[1].replace("60s", "2s")


def nginx(home: Path, text: str, port: int) -> list[str]:
    in_http, in_server = text.split("# in server { }\n")
    (home / "proxy.conf").write_text(
        f"daemon off; pid {home}/pid; error_log {home}/error.log; events {{ }}\n"
        f"http {{ access_log off; {_temporary(home)} {in_http}\n"
        f"server {{ listen 127.0.0.1:{port};\n{in_server} }} }}\n"
    )
    return ["nginx", "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "proxy.conf")]


def _temporary(home: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {home}/{kind};" for kind in kinds)


def caddy(home: Path, text: str, port: int) -> list[str]:
    site = text.replace("logs.example.org {", f"http://127.0.0.1:{port} {{")
    assert site != text
    (home / "Caddyfile").write_text(f"{{\n admin off\n auto_https off\n}}\n{site}")
    return [
        *("env", f"HOME={home}", f"XDG_DATA_HOME={home}", f"XDG_CONFIG_HOME={home}"),
        *("caddy", "run", "--adapter", "caddyfile", "--config", str(home / "Caddyfile")),
    ]


def haproxy(home: Path, text: str, port: int) -> list[str]:
    bound = text.replace("bind :80", f"bind 127.0.0.1:{port}")
    assert bound != text
    (home / "haproxy.cfg").write_text(bound)
    return ["haproxy", "-db", "-f", str(home / "haproxy.cfg")]


PROXIES: dict[str, Callable[[Path, str, int], list[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "haproxy": haproxy,
}


class Site:
    """tailws and a proxy before it, as a browser sees them."""

    def __init__(self, home: Path, proxy: str, stack: ExitStack) -> None:
        self.home = home
        self.log = home / "app.log"
        self.log.write_text("line 1\n")
        self._stack = stack
        ours, self.port = free_port(), free_port()
        (home / "tailws.yaml").write_text(CONFIG.format(port=ours, token=TOKEN))
        self._run([sys.executable, "-m", "tailws", "--config", str(home / "tailws.yaml")], ours)
        text = recipe(proxy)
        assert "127.0.0.1:3368" in text
        text = text.replace("127.0.0.1:3368", f"127.0.0.1:{ours}")
        self._command = PROXIES[proxy](home, text, self.port)
        self.proxy = self._run(self._command, self.port)

    def _run(self, command: list[str], port: int) -> subprocess.Popen[bytes]:
        with (self.home / "output").open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        self._stack.callback(_end, process)

        def answers() -> bool:
            said = (self.home / "output").read_text()
            assert process.poll() is None, f"{command[0]} ended: {said}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(f"{command[0]} listens", answers)
        return process

    def restart_proxy(self) -> None:
        _end(self.proxy)
        self.proxy = self._run(self._command, self.port)

    def ask(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=DEADLINE, source_address=(BROWSER, 0)
        )
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def websocket(self, query: str, cookie: str) -> ClientConnection:
        origin = f"http://127.0.0.1:{self.port}"
        return self._stack.enter_context(
            connect(
                f"ws://127.0.0.1:{self.port}/logs/ws?{query}",
                additional_headers={"Cookie": cookie, "Origin": origin},
                open_timeout=DEADLINE,
                close_timeout=1,
                ping_interval=None,
            )
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture(params=PROXIES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed (Debian: nginx-light, caddy, haproxy)")
    with ExitStack() as stack:
        yield Site(tmp_path, request.param, stack)


def lines(socket: ClientConnection) -> tuple[str, list[str]]:
    """The next lines: where they end, and their text."""
    while True:
        message = socket.recv(timeout=DEADLINE)
        assert isinstance(message, str)
        head, *body = message.split("\n")
        if (said := json.loads(head))["type"] == "lines":
            return said["end"], body


def test_page_session_websocket_and_resume(site: Site) -> None:
    """Below a sub-path: the page and its assets, a session by cookie, a WebSocket that outlives
    silence longer than the proxy's timeout, and a resume when the proxy was restarted."""
    answer, page = site.ask("GET", "/logs/")
    assert answer.status == 200
    asset = re.search(rb'(?:src|href)="([^":]+\.js)"', page)
    assert asset
    answer, _ = site.ask("GET", f"/logs/{asset[1].decode()}", Accept_Encoding="gzip")
    assert answer.status == 200
    assert "immutable" in str(answer.getheader("Cache-Control"))

    body = json.dumps({"token": TOKEN})
    answer, _ = site.ask("POST", "/logs/session", body, Content_Type="application/json")
    assert answer.status == 200
    set_cookie = str(answer.getheader("Set-Cookie"))
    assert "Path=/logs/;" in set_cookie
    cookie = set_cookie.partition(";")[0]

    socket = site.websocket("source=app&lines=5", cookie)
    _, body_lines = lines(socket)
    assert body_lines == ["line 1"]
    time.sleep(IDLE)
    with site.log.open("a") as log:
        log.write("line 2\n")
    cursor, body_lines = lines(socket)
    assert body_lines == ["line 2"]

    site.restart_proxy()
    with site.log.open("a") as log:
        log.write("line 3\n")
    socket = site.websocket("", cookie)
    socket.send(json.dumps({"type": "subscribe", "source": "app", "cursor": cursor}))
    assert lines(socket)[1] == ["line 3"]

    eventually(
        "the access log has the browser's address, not the proxy's",
        lambda: (
            f" {BROWSER} me " in (site.home / "access.log").read_text()
            or f' {BROWSER} - "GET /logs/ ' in (site.home / "access.log").read_text()
        ),
    )


def test_pages_of_other_sites_are_refused(site: Site) -> None:
    """The Origin is held against the Host that the browser sent, through the proxy."""
    answer, body = site.ask(
        "GET", "/logs/ws", Origin="http://evil.example", Upgrade="websocket", Connection="Upgrade",
        Sec_WebSocket_Version="13", Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
    )  # fmt: skip
    assert (answer.status, b"evil.example" in body) == (403, True)
