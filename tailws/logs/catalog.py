"""Names to sources: what the config lists, and what its patterns match now.

A path without a wildcard is a source whether or not the file exists. A pattern is a source for
each match; matches come and go, and the directories that could bring one are watched. What looks
like a rotated or compressed file of a log beside it is part of that log's history, not a source:
nothing is sent twice because logrotate gave it another name.

    directory hint, or a look by the clock -> rescan of the patterns -> sources come and go
                                           -> each source looks at its own name
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from tailws import config, names
from tailws.logs.chain import Chain
from tailws.logs.file_pool import FilePool
from tailws.logs.growth import Retirement
from tailws.logs.siblings import live_name_of
from tailws.logs.source import Reading, Source
from tailws.logs.zone import zone
from tailws.runtime.loop import Loop, Timer
from tailws.runtime.watch import Watch, Watched
from tailws.text import times
from tailws.text.lines import Codec

log = logging.getLogger(__name__)

#: Seconds that hints about a directory are gathered before it is read again: a rotation makes
#: several, a directory that churns makes hundreds.
GATHER = 0.02
GATHER_MAX = 0.5
#: Events from one directory between two looks by the clock that count as a flood.
FLOOD = 2000
#: Rounds by the clock after which directories are read and names looked at though nothing about
#: them has changed: not every network file system keeps their times.
TRUSTED_ROUNDS = 15
#: ns by which a directory's time must be older than the look at it to mean that nothing came after
#: the look: the kernel's clock for files ticks every few milliseconds.
SETTLED = 100_000_000
#: Sources looked at by the clock in one turn; one that is silent counts as a tenth of one.
LOOKS_A_TURN = 64
#: Seconds for which the sizes in the list of logs are new enough, however many ask for it.
GLANCE = 0.2
#: Directories that one pattern may walk through.
MAX_DIRECTORIES = 4096


class Match(Struct, frozen=True):
    """A source that the config asks for."""

    name: str  # wire name
    path: str
    source: config.Source
    pattern: str  # the path as the config has it
    from_pattern: bool  # it holds a wildcard


class Entry(Struct):
    """A source, and what only its catalog has to know of it."""

    source: Source
    made_from: config.Source
    directory: str
    told: tuple[str, str]  # state and reason, as the list of logs has them
    is_link: bool = True  # hints about its directory do not tell of its target


class Catalog:
    """Owns the sources and the watches on directories."""

    def __init__(
        self, loop: Loop, watch: Watch, limits: config.Limits, on_change: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._watch = watch
        self._limits = limits
        self._on_change = on_change
        self._config: tuple[config.Source, ...] = ()
        self._entries: dict[str, Entry] = {}
        self._unwatched: dict[str, Entry] = {}  # those read, and not watched by the kernel
        self._watches: dict[str, Watched | None] = {}
        self._changed_at: dict[str, int] = {}  # of each directory, ns, when it was last read
        self._scanned_at = 0
        self._rounds = 0  # by the clock since then
        self._by_name = True  # in this round names are looked at, not only sizes
        self._glanced_at = float("-inf")
        self._pool = FilePool(limits.files.open_files)
        self._started = False
        self._gather: Timer | None = None
        self._gather_pause = GATHER
        self._poll: Timer | None = None
        self._round: Iterator[Entry] = iter(())  # still to be looked at by the clock
        self._alive: set[str] = set()  # directories that the kernel watches, as of this round
        self._fast: Timer | None = None
        self._change_told = False
        self._too_many = False
        self.on_new: Callable[[Source], None] | None = None
        self.on_gone: Callable[[Source], None] | None = None

    # -- names

    def find(self, name: str) -> Source | None:
        entry = self._entries.get(name)
        return entry.source if entry is not None else None

    def __iter__(self) -> Iterator[Source]:
        return (entry.source for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def glance(self) -> None:
        """Bring up to date what the list says of each log: the page opens the one that lives."""
        now = self._loop.clock()
        if now - self._glanced_at >= GLANCE:
            self._glanced_at = now
            for source in self:
                source.chain.glance()

    @property
    def open_files(self) -> int:
        return len(self._pool)

    # -- the config

    def apply(self, sources: tuple[config.Source, ...], limits: config.Limits) -> None:
        """Follow what this config lists; sources whose part has not changed go on untouched."""
        if limits != self._limits:
            self._limits = limits
            self._pool.limit = limits.files.open_files
            reading, retirement = _reading(limits), _retirement(limits)
            for source in self:
                source.configure(reading)
                source.chain.growth.retirement = retirement
        self._config = sources
        self._rescan()
        self._started = True
        if self._poll is None:
            self._poll = self._loop.call_about(limits.files.poll, self._poll_all)

    def was_stopped(self) -> None:
        """The daemon goes on after a stop (SIGCONT): what came and went meanwhile nobody saw."""
        for source in self:
            source.chain.growth.was_stopped()

    def close(self) -> None:
        """Release all sources, watches and timers."""
        for timer in (self._gather, self._poll, self._fast):
            if timer is not None:
                timer.cancel()
        for watched in self._watches.values():
            if watched is not None:
                watched.close()
        self._watches.clear()
        for source in self:
            source.close()

    # -- hints

    def _hint(self) -> None:
        """Something changed in a directory: look soon, once for all hints that come together."""
        if self._gather is None:
            self._gather = self._loop.call_later(self._gather_pause, self._gathered)

    def _gathered(self) -> None:
        self._gather = None
        begun = self._loop.clock()
        self._rescan()
        for entry in list(self._entries.values()):
            self._look(entry)
        # However many hints come, this takes a tenth of the time at most.
        self._gather_pause = min(GATHER_MAX, max(GATHER, 9 * (self._loop.clock() - begun)))

    def _poll_all(self) -> None:
        """Look at everything, a few sources a turn, whatever the hints say."""
        self._poll = None
        self._pool.sweep()
        self._rounds += 1
        self._by_name = self._rounds >= TRUSTED_ROUNDS or self._directories_changed()
        if self._by_name:
            self._rescan()
        self._round = iter(list(self._entries.values()))
        self._alive = {
            directory
            for directory, watched in self._watches.items()
            if watched is not None and watched.alive
        }
        for watched in self._watches.values():
            if watched is not None:
                watched.events = 0
        self._poll_some()

    def _poll_some(self) -> None:
        # What `_is_named` says, without a call for each of thousands of silent files.
        by_name, alive = self._by_name, self._alive
        left = 10 * LOOKS_A_TURN
        for entry in self._round:
            if (
                by_name
                or entry.is_link
                or entry.directory not in alive
                or not entry.source.is_silent()
            ):
                self._look(entry)
                left -= 10
            else:
                left -= 1
            if left <= 0:
                self._loop.defer(self._poll_some)
                return
        self._poll = self._loop.call_about(self._limits.files.poll, self._poll_all)

    def _poll_unwatched(self) -> None:
        """Look more often at what the kernel does not watch for us."""
        self._fast = None
        for directory, watched in self._watches.items():
            if watched is None and os.path.isdir(directory):
                if self._directories_changed():
                    self._rescan()
                break
        for entry in list(self._unwatched.values()):
            self._look(entry)
            self._mind(entry)
        self._poll_unwatched_soon()

    def _poll_unwatched_soon(self) -> None:
        """There is a clock for it only while there is something to look at."""
        if self._fast is None and (self._unwatched or None in self._watches.values()):
            self._fast = self._loop.call_later(self._limits.files.poll_fast, self._poll_unwatched)

    def _is_watched(self, entry: Entry) -> bool:
        """Whether the kernel hints at all that may happen to it, as far as anybody reads it."""
        return self._is_named(entry) and (entry.source.watched or not entry.source.users)

    def _is_named(self, entry: Entry) -> bool:
        """Whether the kernel hints at all that may happen to its name."""
        watched = self._watches.get(entry.directory)
        return watched is not None and watched.alive and not entry.is_link

    def _look(self, entry: Entry) -> None:
        if entry.source.look():
            self._mind(entry)

    def _mind(self, entry: Entry) -> None:
        """Something about it may have changed: its state in the list of logs, who watches it."""
        if not entry.source.users or self._is_watched(entry):
            self._unwatched.pop(entry.source.name, None)
        else:
            self._unwatched[entry.source.name] = entry
            self._poll_unwatched_soon()
        state = (entry.source.state, entry.source.reason)
        if entry.told != state:
            entry.told = state
            self._tell()

    def _tell(self) -> None:
        """Say that the list changed, once for all changes of this turn."""
        if not self._change_told and self._started:
            self._change_told = True
            self._loop.defer(self._tell_now)

    def _tell_now(self) -> None:
        self._change_told = False
        self._on_change()

    # -- patterns

    def _directories_changed(self) -> bool:
        """Whether a rescan could find anything new: a directory changes when its entries do."""
        settled = self._scanned_at - SETTLED
        return any(
            at >= settled or _changed(directory) != at for directory, at in self._changed_at.items()
        )

    def _rescan(self) -> None:
        """Compare what the config's paths match now with the sources that there are."""
        self._rounds = 0
        self._scanned_at = time.time_ns()
        directories: set[str] = set()
        wanted: dict[str, Match] = {}
        for match in self._matches(directories):
            wanted.setdefault(match.name, match)
        for name, entry in list(self._entries.items()):
            match_ = wanted.get(name)
            if match_ is not None and entry.made_from == match_.source:
                continue
            if match_ is None and entry.source.users and entry.made_from in self._config:
                continue  # a match that is gone, but whose lines are still being read
            self._remove(name)
        for name, match_ in wanted.items():
            if name not in self._entries:
                self._add(match_)
        self._watch_directories(directories)
        for entry in self._entries.values():
            entry.is_link = os.path.islink(entry.source.path)
            self._mind(entry)
        self._poll_unwatched_soon()
        self._changed_at = {directory: _changed(directory) for directory in directories}

    def _add(self, match: Match) -> None:
        settings = match.source
        chain = Chain(
            match.path,
            Codec(settings.encoding),
            self._loop.clock,
            _retirement(self._limits),
            settings.archives,
            self._pool,
        )
        source = Source(
            match.name,
            chain,
            self._loop,
            self._watch,
            _reading(self._limits),
            from_start=self._started and match.from_pattern,
        )
        source.zone = zone(settings.timezone)
        source.zone_name = "" if settings.timezone == "local" else settings.timezone
        if settings.time_format != "auto":
            source.time_format = times.configured(settings.time_format)
        source.format = "" if settings.format == "auto" else settings.format
        chain.see()
        state = (source.state, source.reason)
        directory = sys.intern(os.path.dirname(match.path))  # thousands may have the same
        entry = Entry(source, settings, directory, state)
        source.on_change = lambda: self._mind(entry)
        self._entries[match.name] = entry
        self._tell()
        if self._started and self.on_new is not None:
            self.on_new(source)

    def _remove(self, name: str) -> None:
        source = self._entries.pop(name).source
        if self.on_gone is not None:
            self.on_gone(source)  # whoever reads it gives it back
        source.close()
        self._unwatched.pop(name, None)
        self._tell()

    def _matches(self, directories: set[str]) -> Iterator[Match]:
        """What there is to follow, as far as the limit goes."""
        room = self._limits.files.sources
        for match in find_matches(self._config, directories):
            room -= match.from_pattern
            if room < 0:
                self._say_too_many(match.pattern)
                return
            yield match

    def _say_too_many(self, pattern: str) -> None:
        if not self._too_many:
            self._too_many = True
            log.warning(
                "%s: more files match than limits.files.sources (%d) allows; the rest is not "
                "followed",
                pattern,
                self._limits.files.sources,
            )

    def _watch_directories(self, directories: set[str]) -> None:
        for directory in list(self._watches):
            if directory not in directories:
                watched = self._watches.pop(directory)
                if watched is not None:
                    watched.close()
        for directory in directories:
            watched = self._watches.get(directory)
            if watched is not None and watched.alive:
                if watched.events > FLOOD:
                    watched.close()  # looked at by the clock until the next round
                    self._watches[directory] = None
                continue
            if watched is not None:
                watched.close()
            made = self._watch.directory(directory, self._hint)
            if made is not None and watched is not made and directory in self._watches:
                self._hint()  # what came before the watch was there
            self._watches[directory] = made


def find_matches(sources: Iterable[config.Source], directories: set[str]) -> Iterator[Match]:
    """What the config's paths match now; a path without a wildcard matches though it is missing.

    Fills in the directories where more could come.
    """
    for source in sources:
        single = len(source.path) == 1
        excluded = [names.path_glob(glob) for glob in source.exclude]
        for pattern in source.path:
            path = names.literal(pattern)
            if path is None and os.path.lexists(pattern):
                path = pattern  # its very text is a file: lit[1].log
            if path is not None:
                directories.add(os.path.dirname(path))
                directories.add(os.path.dirname(os.path.realpath(path)))
                tail = "" if single else "/" + os.path.basename(path)
                yield Match(names.wire_name(source.name + tail), path, source, pattern, False)
                continue
            fixed, rest = names.split(pattern)
            for directory, files in walk(fixed, rest.split("/"), directories):
                here = set(files)
                for file in files:
                    path = os.path.join(directory, file)
                    if any(
                        glob.fullmatch(path) or glob.fullmatch(file) for glob in excluded
                    ) or _is_rotated(directory, file, here):
                        continue
                    name = names.wire_name(f"{source.name}/{os.path.relpath(path, fixed)}")
                    yield Match(name, path, source, pattern, True)


def walk(directory: str, parts: list[str], seen: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Directories below `directory` with the names in them that match the pattern `parts`.

    All directories that could bring a match, the missing ones' nearest parents included, are added
    to `seen`. Symbolic links to directories are followed where a component names them, not by `**`.
    """
    if len(seen) >= MAX_DIRECTORIES:
        return
    part, rest = parts[0], parts[1:]
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(directory) as entries:
            seen.add(directory)
            for entry in entries:
                if part == "**":
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif not rest and not entry.name.startswith("."):
                        files.append(entry.name)
                elif names.path_glob(part).fullmatch(entry.name):
                    (folders if rest else files).append(entry.name)
    except OSError:
        parent = directory
        while not os.path.isdir(parent):
            parent = os.path.dirname(parent) or "/"
        seen.add(parent)
        return
    if part == "**":
        if rest:
            yield from walk(directory, rest, seen)
        for folder in sorted(folders):
            yield from walk(os.path.join(directory, folder), parts, seen)
    elif rest:
        for folder in sorted(folders):
            below = os.path.join(directory, folder)
            if os.path.isdir(below):
                yield from walk(below, rest, seen)
    if files:
        yield directory, sorted(files)


def _is_rotated(directory: str, file: str, others: set[str]) -> bool:
    """Whether a match is a rotated or compressed file of a log beside it."""
    return any(
        base in others or os.path.lexists(os.path.join(directory, base))
        for base in live_name_of(file)
    )


def _changed(directory: str) -> int:
    """When entries of it came or went last, ns; -1 when it cannot be seen."""
    try:
        return os.stat(directory).st_mtime_ns
    except OSError:
        return -1


def _reading(limits: config.Limits) -> Reading:
    lines = limits.lines
    return Reading(
        lines.block_bytes,
        lines.line_bytes,
        lines.window,
        lines.window_blocks,
        lines.window_bytes,
    )


def _retirement(limits: config.Limits) -> Retirement:
    files = limits.files
    return Retirement(files.retire_quiet, files.retire_max, files.hold_deleted)
