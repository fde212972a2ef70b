"""Clients that people use, against the real daemon: curl, wscat, websockets, Firefox."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tailws.ws import FrameParser, Limits, Opcode, accept_value
from tailws.ws.deflate import Inflater
from tests.following.logfile import LogFile
from tests.following.rig import Rig

ROOT = Path(__file__).parents[2]
WSCAT = ROOT / ".venv/node/node_modules/.bin/wscat"
DEADLINE = 30


@pytest.fixture(scope="module", autouse=True)
def log(rig: Rig) -> LogFile:
    """A log whose lines have numbers and, every other one, a word to filter by."""
    file = rig.file()
    write(file, 0, 10)
    return file


def text(first: int, end: int, step: int = 1) -> list[str]:
    return [f"{n:04d} {'odd' if n % 2 else 'even'} ünïcödé" for n in range(first, end, step)]


def write(log: LogFile, first: int, end: int) -> None:
    log.raw("".join(line + "\n" for line in text(first, end)).encode())


@contextmanager
def running(*command: str) -> Iterator[Lines]:
    """A program whose lines can be read as they come; it is ended when the test is done.

    Its input stays open, as a terminal's would: wscat leaves at the end of it.
    """
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield Lines(process)
        finally:
            process.kill()


class Lines:
    """What a program prints."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.process = process
        self._stdout = process.stdout

    def take(self, count: int) -> list[str]:
        """The next lines; pytest-timeout ends a wait that is in vain."""
        return [self._stdout.readline().decode().rstrip("\n") for _ in range(count)]


# -- curl


def test_curl_follows_a_log(rig: Rig, log: LogFile) -> None:
    """`curl -N http://…/tail/NAME?lines=…`: the last lines at once, and each new one as it comes,
    for each written only when the one before it is there."""
    with running("curl", "-sN", f"http://127.0.0.1:{rig.port}/tail/app?lines=3") as curl:
        before = curl.take(3)
        first = int(before[-1][:4]) + 1
        assert before == text(first - 3, first)
        for number in range(first, first + 5):
            write(log, number, number + 1)
            assert curl.take(1) == text(number, number + 1)


def test_curl_filters(rig: Rig, log: LogFile) -> None:
    """`include` and `exclude` hold for the first lines, which are counted behind them, and for the
    new ones."""
    address = f"http://127.0.0.1:{rig.port}/tail/app?lines=2&include=even&exclude=%5E0*4%20"
    with running("curl", "-sN", address) as curl:
        last = int(curl.take(2)[-1][:4])
        assert last % 2 == 0
        write(log, last + 2, last + 12)
        assert curl.take(5) == text(last + 2, last + 12, 2)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/tail/nothing", 404), ("/tail/app?include=(", 400), ("/tail/app?lines=many", 400)],
)
def test_curl_is_told_what_is_wrong(rig: Rig, path: str, status: int) -> None:
    """With a status that `curl -f` makes an exit code of, and a sentence."""
    address = f"http://127.0.0.1:{rig.port}{path}"
    command = ["curl", "-sg", "-m", str(DEADLINE), "-w", "\n%{http_code}", address]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    sentence, _, code = done.stdout.rpartition("\n")
    assert int(code) == status
    assert sentence.strip().endswith(".")


# -- wscat


@pytest.fixture
def wscat() -> str:
    """The program; .ci/node-tools installs it, as everything that comes from npm."""
    if not WSCAT.exists():
        subprocess.run([ROOT / ".ci/node-tools"], check=True, cwd=ROOT)
    return str(WSCAT)


def test_wscat_shows_lines_and_nothing_else(rig: Rig, log: LogFile, wscat: str) -> None:
    """The one-line demo of the documentation."""
    address = f"{rig.url}?source=app&lines=2&format=text"
    with running(wscat, "--no-color", "-c", address) as program:
        before = program.take(2)
        first = int(before[-1][:4]) + 1
        assert before == text(first - 2, first)
        write(log, first, first + 3)
        assert program.take(3) == text(first, first + 3)


def test_wscat_speaks_the_protocol(rig: Rig, wscat: str) -> None:
    """A command typed by hand is answered, and the daemon's close code is shown."""
    command = '{"type":"subscribe","source":"app","lines":1}'
    with running(
        wscat, "--no-color", "-s", "tailws.v1", "-w", "-1", "-x", command, "-c", rig.url
    ) as program:
        assert json.loads(program.take(1)[0])["type"] == "hello"
        assert json.loads(program.take(1)[0])["type"] == "subscribed"
        head, line = program.take(2)
        assert json.loads(head)["type"] == "lines"
        assert line.endswith("ünïcödé")


# -- Python


def test_websockets_gets_each_line_compressed_or_not(rig: Rig, log: LogFile) -> None:
    """The same messages, whatever the handshake agreed on."""
    query = "?source=app&lines=2"
    with (
        connect(rig.url + query, proxy=None) as deflated,
        connect(rig.url + query, proxy=None, compression=None) as plain,
    ):
        assert deflated.protocol.extensions
        assert not plain.protocol.extensions
        for client in (deflated, plain):
            assert json.loads(client.recv(DEADLINE))["type"] == "hello"
        assert deflated.recv(DEADLINE) == plain.recv(DEADLINE)  # subscribed
        heads = deflated.recv(DEADLINE)
        assert heads == plain.recv(DEADLINE)
        last = int(str(heads).split("\n")[-1][:4])
        write(log, last + 1, last + 4)
        for client in (deflated, plain):
            lines: list[str] = []
            while len(lines) < 3:
                lines += str(client.recv(DEADLINE)).split("\n")[1:]
            assert lines == text(last + 1, last + 4)


# -- Firefox

#: What Firefox 128 sends for `new WebSocket(url, "tailws.v1")` from the daemon's own page, byte for
#: byte but for the port: two tokens in `Connection`, a version before the key, an offer of
#: permessage-deflate without parameters, fetch metadata.
FIREFOX = (
    "GET /ws?source=app&lines=2 HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: */*\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Origin: http://127.0.0.1:{port}\r\n"
    "Sec-WebSocket-Protocol: tailws.v1\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "DNT: 1\r\n"
    "Sec-GPC: 1\r\n"
    "Connection: keep-alive, Upgrade\r\n"
    "Sec-Fetch-Dest: empty\r\n"
    "Sec-Fetch-Mode: websocket\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "Upgrade: websocket\r\n"
    "\r\n"
)


def test_firefox_shakes_hands(rig: Rig) -> None:
    """Its request is accepted, its protocol selected, its compression used without context, and
    no window is answered, which it has not offered (it would fail the connection)."""
    with closing(socket.create_connection(("127.0.0.1", rig.port), DEADLINE)) as sock:
        sock.sendall(FIREFOX.format(port=rig.port).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        first, *lines = head.decode().strip().split("\r\n")
        assert first == "HTTP/1.1 101 Switching Protocols"
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        assert headers["upgrade"].lower() == "websocket"
        assert headers["connection"].lower() == "upgrade"
        key = accept_value(b"dGhlIHNhbXBsZSBub25jZQ==").decode()
        assert headers["sec-websocket-accept"] == key
        assert headers["sec-websocket-protocol"] == "tailws.v1"
        extensions = headers["sec-websocket-extensions"]
        agreed = {part.strip() for part in extensions.split(";")}
        assert {"permessage-deflate", "server_no_context_takeover"} <= agreed
        assert not [part for part in agreed if "=" in part], "a window that was not offered"

        parser = FrameParser(Limits(max_message=1 << 24), rsv1_allowed=True, masked=False)
        types: list[str] = []
        payload, compressed = b"", False
        while "lines" not in types:
            parser.feed(sock.recv(65_536))
            for frame in iter(parser.next_frame, None):
                if frame.opcode is not Opcode.CONTINUATION:
                    payload, compressed = b"", frame.rsv1
                payload += frame.payload
                if frame.fin:
                    if compressed:
                        inflater = Inflater(1 << 24, context_takeover=False)
                        payload = b"".join(inflater.inflate(payload, final=True))
                    types.append(json.loads(payload.partition(b"\n")[0])["type"])
        assert types == ["hello", "subscribed", "lines"]
        assert payload.endswith("ünïcödé".encode())


@pytest.mark.parametrize("site", ["http://evil.example", "null"])
def test_a_page_from_elsewhere_is_refused_in_firefox_too(rig: Rig, site: str) -> None:
    """The Origin rule holds before the 101 (a socket would not be bound by the same-origin
    policy)."""
    request = (
        FIREFOX.format(port=rig.port)
        .replace(f"Origin: http://127.0.0.1:{rig.port}", f"Origin: {site}")
        .replace("Site: same-origin", "Site: cross-site")
    )
    with closing(socket.create_connection(("127.0.0.1", rig.port), DEADLINE)) as sock:
        sock.sendall(request.encode())
        assert sock.recv(65_536).startswith(b"HTTP/1.1 403 ")
