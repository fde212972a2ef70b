"""Watching for lines that match, in many sources at once, without sending the lines.

A lookout reads each source as any subscriber does, in the same blocks. It tells of a match at once,
and then at most once in a time for each source, with the count of what matched meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from msgspec import Struct

from tailws.logs.block import Block, Item
from tailws.logs.pieces import begun_before
from tailws.logs.source import Source
from tailws.logs.subscription import Begin, Subscription, View
from tailws.runtime.loop import Timer
from tailws.text import records
from tailws.text.match import Filter, count_lines

log = logging.getLogger(__name__)


class Match(Struct, frozen=True):
    """The last line that matched, the place before it, and how many did since the last match."""

    source: Source
    line: bytes
    cursor: str
    count: int


#: False: it cannot be taken now, and is told again later, together with what matched meanwhile.
Tell = Callable[[Match], bool | None]
#: Seconds until then, at least.
AGAIN = 0.5


class _Watcher(Subscription):
    """A reader of one source that sends nothing."""

    def __init__(
        self, source: Source, filter_: Filter, begin: Begin, every: float, tell: Tell
    ) -> None:
        self._matching = filter_
        self._every = every
        self._tell_match = tell
        self._count = 0
        self._last: tuple[Block, int, bytes] | None = None
        self._timer: Timer | None = None
        self._due = False
        super().__init__(source, View(text=True), begin, self._soon)

    def close(self) -> None:
        super().close()
        if self._timer is not None:
            self._timer.cancel()

    def _soon(self, _subscription: Subscription) -> None:
        if not self._due and not self.closed:
            self._due = True
            self.source.loop.defer(self._read_some)

    def _read_some(self) -> None:
        self._due = False
        if not self.closed:
            self.next()

    def _encode(self, item: Item) -> bytes | None:
        if isinstance(item, Block):
            self._look_at(item)
        else:
            self._soon(self)  # what is behind a rotation
        return None

    def _look_at(self, block: Block) -> None:
        found = self._records(block) if self._matching.whole_records else self._lines(block)
        if found is None:
            return
        count, at, line = found
        self._count += count
        self._last = (block, at, line)
        if self._timer is None:
            self._say()

    def _lines(self, block: Block) -> tuple[int, int, bytes] | None:
        """How many lines match, and the last of them: where it is, and what it says."""
        body = block.body + b"\n"
        runs = self._matching.select(body)
        if not runs:
            return None
        end = runs[-1][1]
        start = body.rfind(b"\n", 0, end - 1) + 1
        return sum(count_lines(body[a:b]) for a, b in runs), start, body[start : end - 1]

    def _records(self, block: Block) -> tuple[int, int, bytes] | None:
        """The same for records: each counts once, and is told by its first line."""
        begun = begun_before(block)
        text = begun + block.body + b"\n"
        runs = self._matching.select(text)
        heads = [low + at for low, high in runs for at, _, _ in records.records(text[low:high])]
        if heads and heads[0] < len(begun) and self._matching.select(begun):
            del heads[0]  # it was told of when it began
        if not heads:
            return None
        last = heads[-1]
        return len(heads), max(0, last - len(begun)), text[last : text.index(b"\n", last)]

    def _say(self) -> None:
        """Tell of what has matched; then not again for a while."""
        self._timer = None
        if self._last is None:
            return
        block, at, line = self._last
        cursor = block.start.cursor
        if block.is_plain:
            try:
                cursor = block.start.segment.place(block.start.offset + at).cursor
            except OSError:
                pass  # the file has gone; the place of the block is near enough
        pause = self._every
        if self._tell_match(Match(self.source, line, cursor, self._count)) is False:
            pause = max(pause, AGAIN)
        else:
            self._count, self._last = 0, None
        if pause > 0:
            self._timer = self.source.loop.call_later(pause, self._say)


class Lookout:
    """Watches the sources whose names `matches` takes, those that appear later included."""

    def __init__(
        self,
        registry: Lookouts,
        matches: Callable[[str], bool],
        filter_: Callable[[Source], Filter],
        every: float,
        tell: Tell,
        most: int,
    ) -> None:
        self._registry = registry
        self._matches = matches
        self._filter = filter_
        self._every = every
        self._tell = tell
        self._most = most
        self._watchers: dict[Source, _Watcher] = {}
        for source in list(registry.sources):
            self._add(source, Begin())

    def __len__(self) -> int:
        return len(self._watchers)

    def _add(self, source: Source, begin: Begin) -> None:
        if not self._matches(source.name) or source in self._watchers:
            return
        if len(self._watchers) >= self._most:
            log.warning("%s is not watched: %d sources are already", source.name, self._most)
            return
        filter_ = self._filter(source)
        self._watchers[source] = _Watcher(source, filter_, begin, self._every, self._tell)

    def appeared(self, source: Source) -> None:
        """A source is new: it is watched from its beginning."""
        self._add(source, Begin(start=True))

    def vanished(self, source: Source) -> None:
        """A source is no longer followed."""
        watcher = self._watchers.pop(source, None)
        if watcher is not None:
            watcher.close()

    def close(self) -> None:
        """Watch no more. Idempotent."""
        self._registry.forget(self)
        while self._watchers:
            self._watchers.popitem()[1].close()


class Lookouts:
    """All lookouts of the daemon; `sources` are looked up when one begins."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = sources
        self._all: dict[Lookout, None] = {}

    def watch(
        self,
        matches: Callable[[str], bool],
        filter_: Callable[[Source], Filter],
        every: float,
        tell: Tell,
        most: int = 1 << 30,
    ) -> Lookout:
        """Tell of matches until the lookout is closed; `every` is in seconds.

        `filter_` gives the filter for a source: it may depend on how its lines are built.
        """
        lookout = Lookout(self, matches, filter_, every, tell, most)
        self._all[lookout] = None
        return lookout

    def forget(self, lookout: Lookout) -> None:
        """It was closed."""
        self._all.pop(lookout, None)

    def appeared(self, source: Source) -> None:
        """A source is new."""
        for lookout in list(self._all):
            lookout.appeared(source)

    def vanished(self, source: Source) -> None:
        """A source is no longer followed."""
        for lookout in list(self._all):
            lookout.vanished(source)

    def close(self) -> None:
        """Close all of them."""
        for lookout in list(self._all):
            lookout.close()
