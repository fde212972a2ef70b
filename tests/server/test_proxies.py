"""Behind real proxies: the page, signing in, the WebSocket, plain text, and being idle.

The daemon listens on a Unix socket and is shown below `/logs/`. Its pings are what keeps an idle
connection open: proxies cut those on which nothing moves, here after seconds instead of a minute.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.sync.client import connect

import tailws

DEADLINE = 30.0
IDLE = 5.0  # more than what the proxies below put up with
TOKEN = "a-token-for-this-test"

NGINX = """
daemon off; pid {dir}/pid; error_log {dir}/proxy.log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{port};
    location /logs/ {{
      proxy_pass http://unix:{socket};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 3s;
    }}
  }}
}}
"""
CADDY = """
{{
  admin off
  auto_https off
  http_port {port}
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  handle /logs/* {{
    reverse_proxy unix/{socket}
  }}
}}
"""
HAPROXY = """
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 3s
  timeout server 3s
  timeout tunnel 3s
frontend web
  bind 127.0.0.1:{port}
  http-request set-header X-Forwarded-Proto http
  use_backend tailws if {{ path_beg /logs/ }}
backend tailws
  server one unix@{socket}
"""
PROXIES = {
    "nginx": (NGINX, ["-c"]),
    "caddy": (CADDY, ["run", "--adapter", "caddyfile", "--config"]),
    "haproxy": (HAPROXY, ["-db", "-f"]),
}


@dataclass
class Site:
    port: int
    log: Path
    access_log: Path

    def request(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, body or None, headers)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def sign_in(self) -> str:
        status, headers, _ = self.request(
            "POST", "/logs/session", f"token={TOKEN}",
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert status == 200
        return str(headers["Set-Cookie"]).partition(";")[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < end, said.read_text()
        time.sleep(0.05)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that nginx's workers, who are somebody else, may enter; pytest's are private."""
    with tempfile.TemporaryDirectory(prefix="tailws-") as name:
        os.chmod(name, 0o711)
        yield Path(name)


@pytest.fixture(params=list(PROXIES))
def site(request: pytest.FixtureRequest, place: Path) -> Iterator[Site]:
    """The daemon and one proxy in front of it."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    log = place / "app.log"
    log.write_text("one\ntwo\n")
    path = place / "tailws.sock"
    config = place / "tailws.json"
    config.write_text(
        json.dumps(
            {
                "listen": [{"address": f"unix:{path}", "mode": "0666"}],
                "access": {
                    "base_path": "/logs",
                    "trusted_proxies": ["unix"],
                    "tokens": [{"name": "anna", "token": TOKEN}],
                },
                "log": {"access": "access.log"},
                "limits": {"clients": {"ping_after": "0.25s"}},
                "sources": [{"name": "app", "path": str(log)}],
            }
        )
    )
    config.chmod(0o600)
    said = place / "said"
    template, arguments = PROXIES[request.param]
    port = free_port()
    recipe = place / "proxy.conf"
    recipe.write_text(template.format(dir=place, port=port, socket=path))
    environment = os.environ | {
        "PYTHONPATH": str(Path(tailws.__file__).parents[1]),
        "HOME": str(place),
    }
    with said.open("ab") as output:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "tailws", "--config", str(config)],
            stdout=output, stderr=output, env=environment,
        )  # fmt: skip
        end = time.monotonic() + DEADLINE
        while not path.exists():
            assert daemon.poll() is None, said.read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        proxy = subprocess.Popen(
            [program, *arguments, str(recipe)], stdout=output, stderr=output, env=environment
        )
    try:
        wait_for_port(port, proxy, said)
        yield Site(port, log, place / "access.log")
    finally:
        for process in (proxy, daemon):
            process.terminate()
        for process in (proxy, daemon):
            process.wait(DEADLINE)


@pytest.mark.xdist_group("proxies")
def test_all_of_it_works_behind_a_proxy(site: Site) -> None:
    """The page and its assets, the session, the WebSocket with resume, plain text that streams,
    an idle connection that stays; and the log knows the client, not the proxy."""
    origin = f"http://127.0.0.1:{site.port}"
    status, headers, page = site.request("GET", "/logs/")
    assert status == 200
    assert f"connect-src 'self' ws://127.0.0.1:{site.port};" in headers["Content-Security-Policy"]
    asset = page.partition(b'src="')[2].partition(b'"')[0].decode()
    assert site.request("GET", f"/logs/{asset}")[0] == 200
    assert site.request("GET", "/logs/nothing")[0] == 404

    assert site.request("GET", "/logs/session")[0] == 401
    cookie = site.sign_in()
    status, _, body = site.request("GET", "/logs/session", Cookie=cookie)
    assert json.loads(body) == {"access": "token", "name": "anna"}

    url = f"ws://127.0.0.1:{site.port}/logs/ws?source=app&lines=1"
    with connect(url, additional_headers={"Cookie": cookie}, origin=origin) as client:
        heads = [json.loads(str(client.recv(DEADLINE)).partition("\n")[0]) for _ in range(3)]
        assert [head["type"] for head in heads] == ["hello", "subscribed", "lines"]
        cursor = heads[2]["end"]
        with pytest.raises(TimeoutError):
            client.recv(IDLE)
        with site.log.open("a") as log:
            log.write("three\n")
        assert str(client.recv(DEADLINE)).endswith("\nthree")

    with connect(
        url.partition("?")[0], additional_headers={"Cookie": cookie}, origin=origin
    ) as client:
        client.send(json.dumps({"type": "subscribe", "source": "app", "cursor": cursor}))
        messages = [str(client.recv(DEADLINE)) for _ in range(3)]
        assert messages[2].endswith("\nthree")

    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=DEADLINE)
    connection.request("GET", "/logs/tail/app?lines=1", headers={"Cookie": cookie})
    reply = connection.getresponse()
    assert reply.readline() == b"three\n"
    with site.log.open("a") as log:
        log.write("four\n")
    assert reply.readline() == b"four\n"
    connection.close()

    line = next(line for line in site.access_log.read_text().splitlines() if "/logs/ws" in line)
    assert line.split()[1:3] == ["127.0.0.1", "anna"]
    assert site.request("GET", "/logs/session", Origin="https://evil.example")[0] == 403
