"""What fuzzing ever found stays found; and cost grows with the input, not faster."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tailws.ws import (
    DeflateParameters,
    DeflatePolicy,
    Opcode,
    ServerConnection,
    answer_handshake,
    encode_frame,
)
from tests.fuzz.fuzz import CORPUS, Fuzzer, corpus
from tests.fuzz.targets import MASK, SEEDS, TARGETS


@pytest.mark.parametrize(
    "path", [p for name in TARGETS for p in corpus(name)], ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_what_was_found_once_is_handled(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_input_of_the_corpus_has_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_a_moment_of_fuzzing_finds_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver itself works, and what a thousand mutations can find is gone. `make fuzz` goes
    on for as long as it is told to."""
    fuzzer = Fuzzer(name, TARGETS[name], random.Random(1))
    found = []
    monkeypatch.setattr(fuzzer, "keep", lambda data, what: found.append((data, what)))
    for data in SEEDS[name]:
        fuzzer.one(data)
    for _ in range(10):
        fuzzer.round()
    assert not found
    assert len(fuzzer.seen) > 4, "the mutations make nothing happen"


def receive(data: bytes, step: int = 65_536) -> None:
    connection = ServerConnection(deflate=DeflateParameters(client_context_takeover=True))
    for i in range(0, len(data), step):
        connection.receive(data[i : i + step])
        connection.owed()


def shake(name: bytes, value: bytes) -> None:
    answer_handshake(b"GET", b"1.1", [(b"host", b"x"), (name, value)], deflate=DeflatePolicy())


def fragments(n: int) -> bytes:
    first, *rest = (
        encode_frame(Opcode(bool(i) ^ 1), b"x", fin=i % 1000 == 999, mask=MASK) for i in range(1000)
    )
    return b"".join((first, *rest)) * (n // 1000)


# What an attacker would repeat: n times something.
HOSTILE: dict[str, Callable[[int], None]] = {
    "pings": lambda n: receive(encode_frame(Opcode.PING, b"", mask=MASK) * n),
    "pings in one piece": lambda n: receive(encode_frame(Opcode.PING, b"", mask=MASK) * n, n * 6),
    "fragments": lambda n: receive(fragments(n)),
    "single bytes of a text": lambda n: receive(
        encode_frame(Opcode.TEXT, b"x" * n, mask=MASK), step=1
    ),
    "one long text": lambda n: receive(encode_frame(Opcode.TEXT, b"x" * 8 * n, mask=MASK)),
    "ended streams": lambda n: receive(
        encode_frame(Opcode.TEXT, b"\x03\x00" * 40 + b"\x00", rsv1=True, mask=MASK) * (n // 80)
    ),
    "empty stored blocks": lambda n: receive(
        encode_frame(Opcode.TEXT, b"\x00\x00\x00\xff\xff" * n + b"\x00", rsv1=True, mask=MASK)
    ),
    "extensions": lambda n: shake(b"sec-websocket-extensions", b"a;b=c," * n),
    "parameters": lambda n: shake(
        b"sec-websocket-extensions", b"permessage-deflate" + b";client_max_window_bits" * n
    ),
    "a quoted value": lambda n: shake(b"sec-websocket-extensions", b'a;b="' + b"\\c" * 8 * n),
    "blanks": lambda n: shake(b"sec-websocket-extensions", b"a" + b" " * 8 * n + b"b"),
    "a list": lambda n: shake(b"connection", b"a," * n),
}


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE.keys())
def test_cost_is_linear(attack: Callable[[int], None]) -> None:
    """Eight times the input costs about eight times the CPU, far from the 64 of a square."""

    def cost(n: int) -> float:
        times = []
        for _ in range(3):
            began = time.thread_time()
            attack(n)
            times.append(time.thread_time() - began)
        return min(times)

    assert cost(32_000) < 30 * max(cost(4_000), 0.000_2)
