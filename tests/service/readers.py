"""Many readers of one numbered log, who come back by their cursor and count what they get."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from .machine import DEADLINE, Machine


def line(number: int) -> str:
    return f"{number:08d} the quick brown fox jumps over the lazy dog\n"


@contextmanager
def writing(path: Path, every: float = 0.02) -> Iterator[Writer]:
    """Write lines until the block ends."""
    writer = Writer(path, every)
    writer.thread.start()
    try:
        yield writer
    finally:
        writer.stop()


class Writer:
    """Appends lines with numbers from 0 on."""

    def __init__(self, path: Path, every: float) -> None:
        self.written = 0
        self._path = path
        self._every = every
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self._path.open("a") as file:
            while not self._stopped.wait(self._every):
                file.write(line(self.written))
                file.flush()
                self.written += 1

    def stop(self) -> None:
        self._stopped.set()
        self.thread.join()


class Reader:
    """One page: knows the cursor behind the last line that it has, and nothing else."""

    def __init__(self, machine: Machine, source: str, token: str, port: int) -> None:
        self.next = 0  # the number of the line that must come now
        self.connections = 0
        self.refused = 0
        self.wrong = ""
        self._machine = machine
        self._source = source
        self._headers = {"Authorization": f"Bearer {token}"}
        self._port = port
        self._cursor = ""

    async def run(self) -> None:
        """Read, and come back for ever."""
        while not self.wrong:
            try:
                await self._read()
            except (OSError, ConnectionClosed, InvalidMessage, EOFError) as error:
                self.refused += isinstance(error, ConnectionRefusedError)
                await asyncio.sleep(0.1)

    async def _read(self) -> None:
        sock = await asyncio.get_running_loop().run_in_executor(
            self._machine.inside, self._machine._connect, ("127.0.0.1", self._port)
        )
        async with connect(
            f"ws://127.0.0.1:{self._port}/ws",
            sock=sock,
            additional_headers=self._headers,
            compression=None,
            ping_interval=None,
            open_timeout=DEADLINE,
            close_timeout=1,
        ) as socket:
            self.connections += 1
            where = {"cursor": self._cursor} if self._cursor else {"from": "start"}
            await socket.send(json.dumps({"type": "subscribe", "source": self._source, **where}))
            async for message in socket:
                assert isinstance(message, str)
                self._take(*message.split("\n"))

    def _take(self, head: str, *lines: str) -> None:
        said = json.loads(head)
        if said["type"] in ("gap", "error"):
            self.wrong = head
        if said["type"] == "lines":
            self._cursor = said["end"]
            for text in lines:
                if int(text[:8]) != self.next:
                    self.wrong = f"expected line {self.next}, got {text!r}"
                    return
                self.next += 1


class Readers:
    """Runs them in a thread of their own."""

    def __init__(
        self, machine: Machine, count: int, source: str, token: str, port: int = 3368
    ) -> None:
        self.all = [Reader(machine, source, token, port) for _ in range(count)]
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(reader.run()) for reader in self.all]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def connected(self, times: int) -> None:
        """Wait until each has connected so many times."""
        self._until(f"{times} connections", lambda reader: reader.connections >= times)

    def reached(self, count: int) -> None:
        """Wait until each has so many lines."""
        self._until(f"{count} lines", lambda reader: reader.next >= count)

    def _until(self, what: str, reached: object) -> None:
        assert callable(reached)
        end = time.monotonic() + DEADLINE
        while not all(reached(reader) for reader in self.all):
            wrong = [reader.wrong for reader in self.all if reader.wrong]
            assert not wrong, wrong[:3]
            late = [reader.next for reader in self.all if not reached(reader)]
            assert time.monotonic() < end, f"{what}: {len(late)} readers not, at {late[:5]}"
            time.sleep(0.05)
