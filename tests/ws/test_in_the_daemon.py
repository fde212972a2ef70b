"""The codec inside of the daemon: each close code of docs/protocol.md, over a real socket."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.ws.support import Raw, encode_all

TEXT_STREAM = "?source=quiet&lines=0&format=text"


def frames(*sent: Raw) -> Callable[[ClientConnection], None]:
    """Send frames as they are, behind the library's back."""
    return lambda client: client.socket.sendall(encode_all(sent))


def text(message: str) -> Callable[[ClientConnection], None]:
    return lambda client: client.send(message)


FRAGMENTS = [Raw(1, b"{", fin=False)] + [Raw(0, b" ", fin=False)] * 64

# what a client does, with which query, and the close code that it gets
CODES = [
    (frames(Raw(1, b"x", rsv=2)), "", 1002),
    (lambda client: client.send(b"binary"), "", 1003),
    (lambda client: client.send(b"binary"), TEXT_STREAM, 1003),
    (frames(Raw(1, b"\xff")), "", 1007),
    (frames(Raw(1, b"\xff\xff", rsv=4)), "", 1007),
    (frames(*FRAGMENTS), "", 1008),
    (text('{"type":"subscribe"}'), TEXT_STREAM, 1008),
    (text("x" * (256 * 1024 + 1)), "", 1009),
]


@pytest.mark.parametrize(("act", "query", "code"), CODES)
def test_a_broken_rule_closes_with_its_code_and_says_which(
    daemon_url: str, act: Callable[[ClientConnection], None], query: str, code: int
) -> None:
    with connect(daemon_url + query, proxy=None, max_size=None) as client:
        act(client)
        with pytest.raises(ConnectionClosed) as closed:
            deque(iter(lambda: client.recv(timeout=30), None), 0)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert closed.value.rcvd.reason


def test_a_wrong_command_is_an_error_and_the_connection_goes_on(daemon_url: str) -> None:
    with connect(daemon_url, proxy=None) as client:
        assert json.loads(client.recv(timeout=30))["type"] == "hello"
        for message in ("", "Hello, world!", '{"type":"subscribe"}', "[" * 500):
            client.send(message)
            assert json.loads(client.recv(timeout=30))["type"] == "error"
        client.send('{"type":"ping"}')
        assert json.loads(client.recv(timeout=30))["type"] == "pong"


def test_enter_in_a_text_stream_does_nothing(daemon_url: str) -> None:
    """Who watches with a terminal client presses Enter to mark a place, and goes on watching."""
    with connect(daemon_url + TEXT_STREAM, proxy=None) as client:
        for message in ("", "\n", "see here"):
            client.send(message)
        assert client.ping().wait(30)
        client.close()
        assert client.close_code == 1000
