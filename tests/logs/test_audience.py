"""Who stands at the live end, on real sockets."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tailws.logs.audience import Audience
from tailws.logs.block import Block, Place
from tailws.logs.identity import Identity
from tailws.logs.segment import Segment
from tailws.runtime.loop import Loop
from tailws.runtime.stream import Stream
from tailws.text.lines import Codec

PLACE = Place(Segment("", -1, Identity(1, 2, 3), Codec()), 0, b"")


class Reader:
    """A browser: it owns a stream, has other things to send, and comes for what it was not handed.

    It stands for a subscription and its connection.
    """

    def __init__(self, loop: Loop, audience: Audience, resources: ExitStack) -> None:
        ours, self.theirs = socket.socketpair()
        resources.enter_context(self.theirs)
        self.audience = audience
        self.stream = Stream(loop, ours, "a reader")
        resources.callback(self.stream.close)
        self.stream.start(self)
        self.due: list[bytes] = []  # in the order in which it has to arrive
        self.missed: list[bytes] = []  # while it was no follower
        self.follows = False
        self.join()

    def join(self) -> None:
        self.follows = True
        self.audience.join("all", self, self.stream)

    def says(self, data: bytes) -> None:
        """Something of its own: a pong, lines of another log."""
        if not self.stream.owed:
            self.due.append(data)
            self.stream.send(data)

    def encode(self, block: Block) -> bytes:
        return block.body

    def left_behind(self, place: Place, number: int) -> None:
        assert self.follows
        self.follows = False

    def on_room(self) -> None:
        while self.missed and not self.stream.owed:
            self.says(self.missed.pop(0))
        if not self.missed and not self.stream.owed and not self.follows:
            self.join()

    def on_data(self, data: bytes) -> None:
        raise AssertionError(data)

    def on_eof(self) -> None:
        pass

    def on_close(self, reason: str) -> None:
        pass

    def reads(self, size: int) -> bytes:
        self.theirs.setblocking(False)
        try:
            return self.theirs.recv(size)
        except BlockingIOError:
            return b""


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("seed", range(20))
def test_each_gets_every_block_once_and_nothing_overtakes(resources: ExitStack, seed: int) -> None:
    """Readers of any speed, with words of their own between the blocks: what a socket was lent
    for is never used behind the back of what is owed."""
    program = random.Random(seed)
    loop, audience = Loop(), Audience()
    resources.callback(loop.close)
    readers = [Reader(loop, audience, resources) for _ in range(5)]
    got = dict.fromkeys(readers, b"")
    for number in range(150):
        body = b"%d:" % number + bytes([number]) * program.choice([10, 1000, 60_000])
        for reader in readers:
            (reader.due if reader.follows else reader.missed).append(body)
        expected = {reader for reader in readers if reader.follows}
        audience.take(Block(PLACE, PLACE, body), PLACE, number)
        for reader in expected:
            if not reader.follows:  # it has refused: it has to come for it
                reader.missed.append(reader.due.pop())
        for reader in readers:
            if reader.follows and program.random() < 0.2:
                reader.says(b"own words " * program.choice([1, 20_000]))
            if program.random() < 0.5:
                got[reader] += reader.reads(program.choice([100, 100_000, 1_000_000]))
        loop.turn(0)
    for reader in readers:
        while reader.missed or reader.stream.owed or got[reader] != b"".join(reader.due):
            data = reader.reads(1 << 20)
            assert b"".join(reader.due).startswith(got[reader] + data)
            got[reader] += data
            loop.turn(0)
    assert any(b"own" in word for reader in readers for word in reader.due)
