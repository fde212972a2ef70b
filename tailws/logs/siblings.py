"""The rotated files of a log: found by name, put in order, told from copies.

Rotation leaves files beside the one that is followed: `app.log.1`, `app.log-20261122`,
`app-2026-11-22.log`, any of them compressed. Their names say that they belong together; their
order comes from the names where those agree on a scheme, else from the time of the last write.
Which of them holds a given place is never decided here by name: the bytes prove that.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, structs

from tailws.logs.archive import UNPACKERS, Archive
from tailws.logs.identity import (
    MAX_ENTRIES,
    Identity,
    birth_ms,
    coarse_time,
    file_number,
    find_inode,
    identify_path,
)
from tailws.logs.segment import Segment
from tailws.text.lines import Codec

#: Sub-directories searched for an `olddir`.
MAX_FOLDERS = 32
#: Times that a directory is read at most, because names in it changed hands meanwhile.
TRIES = 20
#: ns after which no further change of a directory can have the same time: some clock ticks.
SETTLED = 50_000_000
#: ns; bzip2(1) keeps only the second of a file's time.
SECOND = 1_000_000_000
#: Directories whose last listing is kept.
MAX_LISTINGS = 64
#: Seconds for which a listing is believed, for file systems whose directories have no such times.
LISTING_MAX_AGE = 2.0

_PACKED = "|".join(re.escape(ending) for ending in UNPACKERS)
_DATE = (
    r"(?:19|20)\d\d[-_.]?\d\d(?:[-_.]?\d\d)?(?:[-_.T]?\d\d(?:[-_.:]?\d\d){0,2})?(?:Z|[+-]\d{4})?"
)
_MARK = rf"(?:{_DATE}(?:[-_.]\d{{1,10}})?|\d{{9,19}}|\d{{1,6}}|old|prev|previous|bak)"
_SUFFIX = re.compile(rf"[._-](?P<mark>{_MARK})(?P<packed>{_PACKED})?$", re.IGNORECASE)
_PACKED_ONLY = re.compile(rf"(?P<packed>{_PACKED})$", re.IGNORECASE)


class Sibling(Struct, frozen=True):
    """A rotated file as the directory shows it."""

    path: str
    identity: Identity
    size: int
    written: int  # time of the last write, at the latest, ns since the epoch
    mark: str  # what rotation put into the name: "1", "20261122"
    packed: bool
    birth: int  # ms since the epoch; of what is in it, if that is another as far as times tell

    @property
    def made(self) -> int:
        """When it was made, ns since the epoch, 0 if unknown; of what compression has made anew,
        when that was written to last, for gzip(1) keeps this time."""
        return self.written if self.packed else self.identity.birth

    @property
    def heir(self) -> int:
        """The birth, in ms, of what was written to a file after this copy of it was made."""
        return self.birth + 1 if self.packed else after(self.identity.birth)

    def open(self, codec: Codec) -> Segment:
        """Open it, wherever it was moved since. Raises OSError; ENOENT when it is gone."""
        number = file_number(self.identity)
        for path in itertools.chain((self.path,), _elsewhere(self.path, number)):
            try:
                segment = Archive.open(path, codec) if self.packed else Segment.open(path, codec)
            except FileNotFoundError:
                continue
            if segment.identity == self.identity:
                segment.birth = self.birth
                return segment
            segment.close()
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)


def _elsewhere(path: str, number: int) -> Iterator[str]:
    """Other names of a file in its directory, which is read only when it is asked for them."""
    yield from find_inode(path, number)


def rotation_of(name: str, base: str) -> re.Match[str] | None:
    """Whether `name` looks like a rotated file of `base`, both without their directory."""
    if name == base:
        return None
    if name.startswith(base):
        rest = name[len(base) :]
        return _SUFFIX.fullmatch(rest) or _PACKED_ONLY.fullmatch(rest)
    stem, dot, ending = base.rpartition(".")
    if not dot or not stem or not name.startswith(stem):
        return None
    rest = name[len(stem) :]  # app.log -> app-2026-11-22.log, app.1.log, app.log itself is not
    at = rest.find(dot + ending)
    if at <= 0 or rest[at + 1 + len(ending) :] not in ("", *UNPACKERS):
        return None
    return _SUFFIX.fullmatch(rest[:at] + rest[at + 1 + len(ending) :])


def live_name_of(name: str) -> list[str]:
    """The names that `name` could be a rotated file of, likeliest first; empty for none."""
    names = []
    packed = _PACKED_ONLY.search(name)
    plain = name[: packed.start()] if packed else name
    if packed:
        names.append(plain)
    match = _SUFFIX.search(plain)
    if match and match.start() > 0:
        names.append(plain[: match.start()])
    stem, dot, ending = plain.rpartition(".")
    if dot and stem:
        match = _SUFFIX.search(stem)
        if match and match.start() > 0:
            names.append(stem[: match.start()] + dot + ending)
    return names


def scan(path: str, folders: tuple[str, ...] = ()) -> list[Sibling]:
    """The rotated files of the log at `path`, oldest first.

    Looks in its directory, in that of the file behind a symbolic link, in their sub-directories
    (logrotate's `olddir`) and in `folders`. Unreadable directories count as empty.
    """
    found: dict[tuple[int, int], Sibling] = {}
    places = [path]
    real = os.path.realpath(path)
    if real != path:
        places.append(real)
    for place in places:
        directory, base = os.path.split(place)
        subs: list[str] = []
        _scan_steadily(directory or ".", base, found, subs)
        for folder in (*subs[:MAX_FOLDERS], *folders):
            _scan_steadily(folder, base, found, None)
    plain = {sibling.path for sibling in found.values()}
    kept = [
        sibling
        for sibling in found.values()
        # app.log.1.gz beside app.log.1: gzip is still at work
        if not (sibling.packed and os.path.splitext(sibling.path)[0] in plain)
    ]
    return _with_births(_in_order(kept), path)


def _scan_steadily(
    directory: str, base: str, found: dict[tuple[int, int], Sibling], subs: list[str] | None
) -> None:
    """All that is there, though a rotation may be renumbering the files at this moment: one that
    went from `.1` to `.2` between two of our looks would be seen under neither name. So it is read
    until two readings agree, where its time does not say that nothing has changed."""
    before: dict[Identity, str] | None = None
    for _ in range(TRIES):
        here: dict[tuple[int, int], Sibling] = {}
        folders: list[str] = []
        steady = _scan_one(directory, base, here, folders)
        names = {sibling.identity: sibling.path for sibling in here.values()}
        if steady or names == before:
            break
        before = names
    for key, sibling in here.items():
        found.setdefault(key, sibling)
    if subs is not None:
        subs += folders


def _scan_one(
    directory: str, base: str, found: dict[tuple[int, int], Sibling], folders: list[str]
) -> bool:
    """False: a name went away, or the directory may have changed, while we looked at its files."""
    try:
        listing = _listing(directory)
    except OSError:
        return True
    folders += listing.folders
    steady = True
    stem, _, _ = base.rpartition(".")
    prefix = stem or base
    for at in range(bisect_left(listing.names, prefix), len(listing.names)):
        name = listing.names[at]
        if not name.startswith(prefix):
            break
        match = rotation_of(name, base)
        if match is None:
            continue
        try:
            sibling = _look(os.path.join(directory, name), match)
        except FileNotFoundError:
            steady = False
        except OSError:
            continue
        else:
            if sibling is not None:
                found.setdefault(sibling.identity.key, sibling)
    if not found or not steady:
        return steady
    try:
        changed = os.stat(directory).st_mtime_ns
    except OSError:
        return True
    return changed == listing.changed and coarse_time() - changed > SETTLED


class _Listing(NamedTuple):
    """What is in a directory."""

    changed: int  # time of the directory, ns
    read_at: float  # by the monotonic clock
    names: list[str]  # sorted
    folders: list[str]


_listings: dict[str, _Listing] = {}


def _listing(directory: str) -> _Listing:
    """The entries of a directory: read again when its time says that some have changed.

    A thousand logs in one directory look for their rotated files one after the other. A time that
    is younger than the kernel's clock tick says nothing yet. Raises OSError.
    """
    changed = os.stat(directory).st_mtime_ns
    now = time.monotonic()
    kept = _listings.get(directory)
    if kept and kept.changed == changed and now - kept.read_at < LISTING_MAX_AGE:
        return kept
    names: list[str] = []
    folders: list[str] = []
    with os.scandir(directory) as entries:
        for entry in itertools.islice(entries, MAX_ENTRIES):
            names.append(entry.name)
            if len(folders) < MAX_FOLDERS and entry.is_dir():
                folders.append(entry.path)
    listing = _Listing(changed, now, sorted(names), folders)
    if coarse_time() - changed > SETTLED:
        if len(_listings) >= MAX_LISTINGS:
            _listings.clear()
        _listings[directory] = listing
    return listing


def _look(path: str, match: re.Match[str]) -> Sibling | None:
    """Raises OSError."""
    st = os.stat(path)
    if not stat.S_ISREG(st.st_mode):
        return None
    identity = identify_path(path, st)
    groups = match.groupdict()
    packed = bool(groups["packed"])
    birth = birth_ms(identity)
    written = st.st_mtime_ns
    if packed:  # what compression has made keeps the time of the last write, or its second
        written += SECOND - 1 if written % SECOND == 0 else 0
        birth = min(birth, written // 1_000_000)
    mark = groups.get("mark") or ""
    return Sibling(path, identity, st.st_size, written, mark, packed, birth)


def _in_order(siblings: list[Sibling]) -> list[Sibling]:
    """Oldest first: by number (mostly app.log.2 before app.log.1), by date, else by last write."""
    marks = [sibling.mark for sibling in siblings]
    if all(mark.isdigit() and len(mark) <= 6 for mark in marks):
        by_number = sorted(siblings, key=lambda sibling: -int(sibling.mark))
        return by_number[::-1] if by_number and _counts_up(by_number) else by_number
    if all(re.match(r"\d{8}|\d{4}[-_.]|\d{9,}", mark) for mark in marks):
        return sorted(siblings, key=lambda sibling: (_digits(sibling.mark), sibling.written))
    return sorted(siblings, key=lambda sibling: (sibling.written, sibling.path))


def _with_births(siblings: list[Sibling], live: str) -> list[Sibling]:
    """Says of each since when it holds what it holds now, if copytruncate has been at it.

    What is left in a file is younger than the last copy of it. A copy comes before its file, and
    was born when no younger file had the name.
    """
    later = []  # births of the files after the one looked at
    with contextlib.suppress(OSError):
        later.append(identify_path(live).birth)
    heirs = []
    for sibling in reversed(siblings):
        born = sibling.identity.birth
        at = bisect_right(later, born)
        heirs.append(later[at] if at < len(later) else None)
        if not sibling.packed:
            insort(later, born)
    earlier: list[int] = []
    dated = []
    for sibling, heir in zip(siblings, reversed(heirs), strict=True):
        born = sibling.identity.birth
        at = bisect_left(earlier, heir) if heir is not None else len(earlier)
        copied = at > 0 and earlier[at - 1] > born and not sibling.packed
        birth = after(earlier[at - 1]) if copied else sibling.birth
        dated.append(structs.replace(sibling, birth=birth))
        if not sibling.packed:
            insort(earlier, born)
    return dated


def after(copied: int) -> int:
    """The birth, in ms, of what is written to a file of which a copy was born at `copied`, ns."""
    return copied // 1_000_000 + 1


def _counts_up(by_number: list[Sibling]) -> bool:
    """Whether the rotation gave each file the next higher number, as some do (log4j's `max`): when
    all times say so, of birth and of the last write. One alone may mislead: a copy is born late, a
    forgetful writer writes late. And one compressed file beside a plain one says nothing: its times
    may be those of the compression, when the next file was there already."""
    if len(by_number) == 2 and by_number[0].packed != by_number[1].packed:
        return False
    births = [sibling.identity.birth for sibling in by_number]
    writes = [sibling.written for sibling in by_number]
    return all(
        times == sorted(times, reverse=True) and times[0] > times[-1] for times in (births, writes)
    )


def _digits(mark: str) -> tuple[int, ...]:
    """A date with its counter, so that 20261122-2 comes before 20261122-10."""
    return tuple(int(part) for part in re.findall(r"\d+", mark))
