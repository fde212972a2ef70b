"""A log with archives of every kind, and generators of the log layer run to their end."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import zstandard

from tailws.logs.chain import Chain
from tailws.logs.document import Library
from tailws.logs.locate import at_cursor
from tailws.logs.source import Source
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch
from tailws.text.lines import Codec

Result = TypeVar("Result")

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def run(work: Generator[object, None, Result]) -> Result:
    """What a generator of the log layer returns; nothing here is ever cold for long."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def chunks(work: Generator[object, None, object]) -> list[bytes]:
    """What a download yields, without its pauses."""
    return [chunk for chunk in work if isinstance(chunk, bytes)]


def standing(source: Source, cursor: str, size: int = 200) -> tuple[str, int, bytes]:
    """Where a cursor leads, as another request would find it: file, offset, and what follows."""
    place = run(at_cursor(source.chain, cursor)).place
    assert place is not None
    source.chain.hold(place.segment)
    try:
        data = place.segment.read_now(place.offset, size)
        return Path(place.segment.path).name, place.offset, data
    finally:
        source.chain.release(place.segment)


class Whole:
    """A log of several files, followed by a source that is attached to."""

    def __init__(
        self, folder: Path, texts: list[tuple[str, bytes]], encoding: str = "auto"
    ) -> None:
        """`texts`: oldest first, how each is packed and what is in it; the last one is live."""
        self.path = folder / "app.log"
        for number, (packing, text) in zip(range(len(texts) - 1, 0, -1), texts, strict=False):
            Path(f"{self.path}.{number}{packing}").write_bytes(PACK[packing](text))
        self.path.write_bytes(texts[-1][1])
        self.loop = Loop()
        self.watch = Watch(self.loop, enabled=False)
        chain = Chain(str(self.path), Codec(encoding), self.loop.clock)
        self.source = Source("app", chain, self.loop, self.watch)
        self.library = Library(64 << 20)
        self.source.attach(self._heard)

    def _heard(self, event: str) -> None: ...

    def close(self) -> None:
        self.source.detach(self._heard)
        self.library.close()
        self.watch.close()
        self.loop.close()


@contextlib.contextmanager
def whole(folder: Path, texts: list[tuple[str, bytes]], encoding: str = "auto") -> Iterator[Whole]:
    log = Whole(folder, texts, encoding)
    try:
        yield log
    finally:
        log.close()
