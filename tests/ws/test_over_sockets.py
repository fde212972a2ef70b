"""The codec over real sockets: how connections end, and clients that people use."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from tailws.ws import Frame, Opcode, accept_value
from tests.ws.support import Raw, client_frames, encode_all

ROOT = Path(__file__).parents[2]
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
)


@contextmanager
def raw_client(address: tuple[str, int], behind: bytes = b"") -> Iterator[socket.socket]:
    """A socket behind the opening handshake; `behind` follows the request at once."""
    with closing(socket.create_connection(address, timeout=30)) as sock:
        sock.sendall(REQUEST + behind)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert accept_value(KEY) in head
        yield sock


def read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_frames_may_follow_the_request_at_once(echo_address: tuple[str, int]) -> None:
    """Before the 101 has come back, in the same segment."""
    behind = encode_all([Raw(1, b"early"), Raw(8)])
    with raw_client(echo_address, behind) as sock:
        assert client_frames(read_to_end(sock)) == [
            Frame(Opcode.TEXT, b"early"),
            Frame(Opcode.CLOSE, b""),
        ]


def test_a_client_that_closes_its_half_behind_its_close_gets_the_answer(
    echo_address: tuple[str, int],
) -> None:
    with raw_client(echo_address) as sock:
        sock.sendall(encode_all([Raw(1, b"last"), Raw(8, b"\x03\xe8")]))
        sock.shutdown(socket.SHUT_WR)
        assert client_frames(read_to_end(sock)) == [
            Frame(Opcode.TEXT, b"last"),
            Frame(Opcode.CLOSE, b"\x03\xe8"),
        ]


def test_a_client_that_closes_its_half_without_a_close_is_let_go(
    echo_address: tuple[str, int],
) -> None:
    with raw_client(echo_address) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b""


def test_a_client_that_vanishes_harms_nobody(echo_url: str, echo_address: tuple[str, int]) -> None:
    """A reset in the middle of a frame; the next client is served."""
    with raw_client(echo_address) as sock:
        sock.sendall(Raw(1, b"x" * 1000).encode()[:500])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with connect(echo_url, proxy=None) as client:
        client.send("still there?")
        assert client.recv() == "still there?"


def test_the_reason_of_a_failure_arrives_though_the_client_goes_on_sending(
    echo_address: tuple[str, int],
) -> None:
    """A socket that is closed with unread bytes in it is reset, and a reset overtakes the Close
    frame: the server stops sending first, and reads on until the client is done."""
    with raw_client(echo_address) as sock:
        sock.sendall(Raw(3).encode() + bytes(1_000_000))
        (frame,) = client_frames(read_to_end(sock))
        assert frame == Frame(Opcode.CLOSE, b"\x03\xeareserved opcode 3")


@pytest.mark.parametrize(
    "offer",
    [
        None,
        ClientPerMessageDeflateFactory(client_max_window_bits=True),  # as Chromium
        ClientPerMessageDeflateFactory(),  # as Firefox
        ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=12),
        ClientPerMessageDeflateFactory(client_no_context_takeover=True),
    ],
    ids=["plain", "chromium", "firefox", "small windows", "no takeover"],
)
def test_websockets_is_a_client(
    echo_url: str, offer: ClientPerMessageDeflateFactory | None
) -> None:
    extensions = [offer] if offer else None
    messages: list[str | bytes] = [
        "Grüße",
        "",
        "x" * 200_000,
        b"\x00\xff" * 70_000,
        "line\n" * 5_000,
    ]
    with connect(echo_url, compression=None, extensions=extensions, proxy=None) as client:
        assert bool(client.protocol.extensions) is bool(offer)
        for message in messages * 2:
            client.send(message)
            assert client.recv() == message
        client.send(["in ", "frag", "ments"])
        assert client.recv() == "in fragments"
        assert client.ping("here").wait(30)
        client.close(1000, "done")
        assert client.close_code == 1000


def test_websockets_is_told_why_it_failed(echo_url: str) -> None:
    with connect(echo_url, compression=None, proxy=None) as client:
        client.send(b"x" * (16 * 1024 * 1024 + 1))
        with pytest.raises(ConnectionClosedError) as failed:
            client.recv()
    assert failed.value.rcvd is not None
    assert failed.value.rcvd.code == 1009


ECHO, *EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "codec.md").read_text(), re.DOTALL
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_documentation_run(
    example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And print what the comments behind their `print`s say."""
    exec(example, {})
    assert capsys.readouterr().out.split("\n")[:-1] == re.findall(r"print\(.*?\)  # (.*)", example)


def test_the_echo_server_of_the_documentation_works() -> None:
    """Taken out of docs/codec.md as it stands there, and talked to."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", ECHO],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        try:
            url = server.stdout.readline().strip()
            for compression in ("deflate", None):
                with connect(
                    url,
                    compression=None,
                    extensions=[ClientPerMessageDeflateFactory()] if compression else None,
                    proxy=None,
                ) as client:
                    assert bool(client.protocol.extensions) is bool(compression)
                    for message in ("Hello", "Grüße" * 10_000):
                        client.send(message)
                        assert client.recv() == message
        finally:
            server.terminate()
        assert server.stderr.read() == ""
