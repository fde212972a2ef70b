"""A cable between browser and daemon that can be pulled: TCP, byte by byte, both ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any


class Relay:
    """Listens on `port` of 127.0.0.1 and passes everything on to `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        #: While it is set, nobody gets through.
        self.pulled = False
        #: While it is set, this many bytes a second come back to the browser.
        self.rate: int | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def __enter__(self) -> Relay:
        self._thread.start()
        self._call(self._open())
        return self

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._writers |= ends
        try:
            if self.pulled:
                return writer.transport.abort()
            inner_reader, inner_writer = await asyncio.open_connection(sock=await self._narrow())
            ends.add(inner_writer)
            self._writers |= ends
            if self.pulled:
                return writer.transport.abort()
            await asyncio.gather(
                self._pump(reader, inner_writer), self._pump(inner_reader, writer, slow=True)
            )
        except OSError:
            pass
        finally:
            for end in ends:
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._writers -= ends

    async def _narrow(self) -> socket.socket:
        """Connect to the target; the kernel holds little of what is not read."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.target))
        except OSError:
            sock.close()
            raise
        return sock

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow: bool = False
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
                waited = 0.0
                while slow and self.rate is not None and waited * self.rate < len(data):
                    await asyncio.sleep(0.02)
                    waited += 0.02
        with contextlib.suppress(OSError):
            writer.close()

    def cut(self) -> None:
        """Break every connection at once, as a lost network does: with no goodbye."""

        async def go() -> None:
            for writer in self._writers:
                writer.transport.abort()

        self._call(go())

    def __exit__(self, *_: object) -> None:
        self.pulled = True

        async def close() -> None:
            self._server.close()
            await asyncio.sleep(0.05)  # what was accepted by now has its task
            for writer in self._writers:
                writer.transport.abort()
            if rest := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(rest, timeout=10)
            await asyncio.sleep(0)  # connections are closed in a turn of their own

        self._call(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"
