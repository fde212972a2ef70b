"""The benchmark's load client tells right from wrong: a figure is only worth what its check is."""

import json
import shutil
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from machine import build  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")

LINES = 10
Check = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bench")
    build(directory)
    return directory


@pytest.fixture
def lines(programs: Path, tmp_path: Path) -> list[bytes]:
    path = tmp_path / "written.log"
    command = [programs / "writer", "--path", path, "--lines", str(LINES), "--rate", "1e6"]
    subprocess.run(command, check=True, capture_output=True)
    return path.read_bytes().splitlines(keepends=True)


def frame(payload: bytes, first: int = 0x81) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    return bytes([first, 126]) + size.to_bytes(2, "big") + payload


@pytest.fixture
def check(programs: Path) -> Check:
    """Serve these bytes behind a handshake, one `send` a piece, and return the client's verdict."""

    def run(pieces: list[bytes], *options: str) -> dict[str, Any]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            command = [programs / "load", "--port", port, "--lines", str(LINES), "--hold", *options]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
                listener.settimeout(30)
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(30)
                    serve(peer, pieces)
                    output, _ = load.communicate(timeout=30)
        verdict: dict[str, Any] = json.loads(output.splitlines()[-1])
        return verdict

    return run


def serve(peer: socket.socket, pieces: list[bytes]) -> None:
    """Return when the client has answered a ping behind the last piece: then it has seen all."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += peer.recv(4096)
    accept = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3: of the sample nonce
    peer.sendall(b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    for piece in [*pieces, frame(b"end", 0x89)]:
        peer.sendall(piece)
    answer = b""
    while not answer.endswith(b"end"):
        answer += peer.recv(4096)


FAULTS = ("lost", "unread", "repeated", "swapped", "garbled", "gaps", "errors", "closed")


def faults(verdict: dict[str, Any]) -> dict[str, int]:
    return {name: verdict[name] for name in FAULTS if verdict[name]}


def test_nothing_is_wrong_with_a_right_stream(check: Check, lines: list[bytes]) -> None:
    """A stream that is right is called right, and its lines and bytes are counted."""
    stream = b"".join(frame(line) for line in lines)
    verdict = check([stream])
    assert faults(verdict) == {}
    assert verdict["lines"] == LINES
    assert verdict["wire"] == len(stream) + len(frame(b"end"))
    assert verdict["messages"] == LINES


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([0, 1, 2, 4, 5, 6, 7, 8, 9], {"lost": 1}),
        ([0, 1, 2, 3, 4, 5, 6], {"unread": 3}),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], {"lost": 1}),
        ([0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9], {"repeated": 1}),
        ([0, 1, 3, 2, 4, 5, 6, 7, 8, 9], {"swapped": 1}),
        ([5, 6, 7, 8, 9, 0, 1, 2, 3, 4], {"swapped": 5}),
        ([0, 5, 2, 2, 9], {"lost": 6, "swapped": 1, "repeated": 1}),
    ],
)
def test_wrong_streams(
    check: Check, lines: list[bytes], order: list[int], expected: dict[str, int]
) -> None:
    """A lost, a repeated and a swapped line are each counted as what they are."""
    assert faults(check([frame(lines[number]) for number in order], "--hold")) == expected


def test_damage_inside_a_line(check: Check, lines: list[bytes]) -> None:
    """A cut line and two glued ones are garbled, not counted as lines."""
    glued = lines[3][:-1] + lines[4]
    cut = lines[5][:-20] + b"\n"
    stream = [*lines[:3], glued, cut, *lines[6:]]
    assert faults(check([frame(line) for line in stream])) == {"garbled": 2, "lost": 3}


def test_lines_of_a_message_in_any_pieces(check: Check, lines: list[bytes]) -> None:
    """Fragments, control frames between them and any cut of the stream change nothing."""
    text = b"".join(lines)
    stream = frame(text[:250], 0x01) + frame(b"hello", 0x89) + frame(text[250:], 0x80)
    pieces = [stream[at : at + 97] for at in range(0, len(stream), 97)]
    assert faults(check(pieces)) == {}


def test_heads_and_gaps_of_tailws(check: Check, lines: list[bytes]) -> None:
    """Lines stand behind a head; an announced gap and an error are counted."""
    messages = [
        b'{"type":"hello","version":1}',
        b'{"type":"subscribed","source":"app"}',
        b'{"type":"lines","source":"app"}\n' + b"".join(lines[:5])[:-1],
        b'{"type":"gap","source":"app","bytes":200,"reason":"lagging"}',
        b'{"type":"error","code":"bad-message"}',
        b'{"type":"lines","source":"app"}\n' + b"".join(lines[7:])[:-1],
    ]
    verdict = check([frame(message) for message in messages], "--protocol", "tailws")
    assert faults(verdict) == {"gaps": 1, "errors": 1, "lost": 2}


def test_deflated_messages(check: Check, lines: list[bytes]) -> None:
    """A compressed message (RFC 7692) is inflated before it is checked."""
    deflater = zlib.compressobj(wbits=-15)
    body = deflater.compress(b"".join(lines)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    verdict = check([frame(body[:-4], 0xC1)], "--deflate")
    assert faults(verdict) == {}
    assert verdict["deflated"] == 1


def test_filtered_lines(check: Check, lines: list[bytes]) -> None:
    """With a step only a client's own share is expected; a line of another's share is late."""
    share = [frame(lines[number]) for number in (1, 6)]
    assert faults(check(share, "--step", "5", "--share", "1", "--lines", "2")) == {}
