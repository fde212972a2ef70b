"""What the Python peers share: follow one file with inotify and a coalescing window.

As cheap as it can be said in Python, so that the figures compare the WebSocket libraries and not
how well somebody wrote an adapter: inotify by ctypes in the peer's own event loop, one read of
what is new, cut at the last newline, one call with the bytes.
"""

import argparse
import asyncio
import ctypes
import os
from collections.abc import Callable

IN_MODIFY = 0x2
BLOCK = 128 * 1024


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--window", type=float, default=0, help="ms")
    return parser.parse_args()


def follow(path: str, window: float, send: Callable[[bytes], None]) -> None:
    """Call `send` with whole new lines: at once after silence, then once in `window` seconds."""
    loop = asyncio.get_running_loop()
    libc = ctypes.CDLL(None, use_errno=True)
    inotify = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if libc.inotify_add_watch(inotify, path.encode(), IN_MODIFY) < 0:
        raise OSError(ctypes.get_errno(), "inotify_add_watch", path)
    file = os.open(path, os.O_RDONLY)
    at = os.fstat(file).st_size
    last = 0.0

    def drain() -> None:
        try:
            while os.read(inotify, 65536):
                pass
        except BlockingIOError:
            pass

    def deliver() -> None:
        nonlocal at, last
        data = os.pread(file, BLOCK, at)
        end = data.rfind(b"\n") + 1
        if end:
            at += end
            send(data if end == len(data) else data[:end])
            last = loop.time()
            if len(data) == BLOCK:
                loop.call_soon(deliver)

    def on_change() -> None:
        drain()
        wait = last + window - loop.time()
        if wait > 0:
            loop.remove_reader(inotify)
            loop.call_later(wait, on_window)
        else:
            deliver()

    def on_window() -> None:
        drain()
        loop.add_reader(inotify, on_change)
        deliver()

    loop.add_reader(inotify, on_change)
