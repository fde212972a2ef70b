"""`tailws check`: what each pattern of a config matches now, and what of it cannot be read.

It looks at the files with the eyes of the user who runs it; systemd units give theirs other groups.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator

from tailws import names
from tailws.config import Config, Problem, Source
from tailws.config.kinds import size_text

#: Directory entries looked at for one pattern, so that `/**` ends too.
MAX_ENTRIES = 200_000
#: Matches of one pattern that are listed; of the rest only the number is told.
MAX_LISTED = 200


def report(config: Config, file: str, warnings: list[Problem]) -> Iterator[str]:
    """Yield the lines of the report."""
    user = _user(os.geteuid())
    yield f"{file} can be used. What it matches now, as {user} sees it:"
    unreadable = 0
    for source in config.sources:
        yield ""
        for pattern in source.path:
            yield f"{source.name}: {pattern}"
            paths = sorted(_matches(pattern, source))
            for path in paths[:MAX_LISTED]:
                trouble = _trouble(path)
                unreadable += bool(trouble)
                yield f"  {_name(source, pattern, path)}  {trouble or _size(path)}"
            if len(paths) > MAX_LISTED:
                yield f"  and {len(paths) - MAX_LISTED} more"
            if not paths:
                yield "  nothing yet; what appears later is followed from its beginning"
                for trouble in _closed_directories(pattern):
                    unreadable += 1
                    yield f"  {trouble}"
    if not config.sources:
        yield "  nothing: it has no sources"
    yield ""
    for warning in warnings:
        yield f"warning: {warning}"
    if unreadable:
        yield f"warning: {unreadable} of these cannot be read by {user}"


def _matches(pattern: str, source: Source) -> Iterator[str]:
    literal = names.literal(pattern)
    if literal is not None:
        if os.path.lexists(literal):
            yield literal
        return
    base, _ = names.split(pattern)
    wanted = names.path_glob(pattern)
    excluded = [names.path_glob(glob) for glob in source.exclude]
    looked_at = 0
    for directory, below, files in os.walk(base):
        below.sort()
        for file in files:
            path = os.path.join(directory, file)
            if wanted.fullmatch(path) and not any(
                glob.fullmatch(path) or glob.fullmatch(file) for glob in excluded
            ):
                yield path
        looked_at += len(files) + len(below)
        if looked_at > MAX_ENTRIES:
            return


def _name(source: Source, pattern: str, path: str) -> str:
    if names.literal(pattern) is not None:
        return names.wire_name(source.name)
    return names.wire_name(f"{source.name}/{os.path.relpath(path, names.split(pattern)[0])}")


def _size(path: str) -> str:
    return size_text(os.stat(path).st_size)


def _trouble(path: str) -> str:
    """Return why a file cannot be followed, and who could; "" if it can."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        closed = next(_closed_directories(path), "")
        return closed or f"cannot be looked at: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file: it is not followed"
    if os.access(path, os.R_OK, effective_ids=True):
        return ""
    return f"cannot be read: {_who_may(status, stat.S_IRGRP)}"


def _closed_directories(path: str) -> Iterator[str]:
    """Yield the directories above a path that cannot be entered or listed."""
    literal = names.literal(path)
    directory = os.path.dirname(literal) if literal is not None else names.split(path)[0]
    above = ""
    for part in directory.split("/"):
        above = f"{above}/{part}" if part else above
        if above and os.path.isdir(above):
            listed = literal is None and above == directory
            need = os.X_OK | (os.R_OK if listed else 0)
            if not os.access(above, need, effective_ids=True):
                bit = stat.S_IRGRP if listed else stat.S_IXGRP
                yield f"{above} cannot be entered: {_who_may(os.stat(above), bit)}"
                return


def _who_may(status: os.stat_result, group_bit: int) -> str:
    owner, group = _user(status.st_uid), _group(status.st_gid)
    what = f"it belongs to {owner}:{group}, mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & group_bit:
        return f"{what}; members of the group {group!r} may (SupplementaryGroups={group})"
    return f"{what}; no group may, only {owner}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
