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
from tailws.config import Config, Problem
from tailws.logs.catalog import Match, find_matches

#: Matches of one pattern that are listed; of the rest only the number is told.
MAX_LISTED = 200


def report(config: Config, file: str, warnings: list[Problem]) -> Iterator[str]:
    """Yield the lines of the report."""
    user = _user(os.geteuid())
    yield f"{file} can be used. What it matches now, as {user} sees it:"
    unreadable = 0
    found: dict[tuple[str, str], list[Match]] = {}
    for match in find_matches(config.sources, set()):
        found.setdefault((match.source.name, match.pattern), []).append(match)
    for source in config.sources:
        yield ""
        for pattern in source.path:
            yield f"{source.name}: {pattern}"
            matches = sorted(found.get((source.name, pattern), []), key=lambda match: match.name)
            for match in matches[:MAX_LISTED]:
                state, readable = _state(match.path)
                unreadable += not readable
                yield f"  {match.name}  {state}"
            if len(matches) > MAX_LISTED:
                yield f"  and {len(matches) - MAX_LISTED} more"
            closed = _closed_directory(pattern)
            if closed:
                unreadable += 1
                yield f"  {closed}"
            elif not matches:
                yield "  nothing yet; what appears later is followed from its beginning"
    if not config.sources:
        yield "  nothing: it has no sources"
    yield ""
    for warning in warnings:
        yield f"warning: {warning}"
    if unreadable:
        yield f"warning: {unreadable} of these cannot be read by {user}"


def _state(path: str) -> tuple[str, bool]:
    """Return what a file is, in words, and whether nothing keeps us from following it."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return "not there yet", True
    except OSError as error:
        return f"cannot be looked at: {error.strerror}", False
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file: it is not followed", False
    if os.access(path, os.R_OK, effective_ids=True):
        return _size(status.st_size), True
    return f"cannot be read: {_who_may(status, stat.S_IRGRP)}", False


def _closed_directory(pattern: str) -> str:
    """Return which directory above a path cannot be entered or listed, if one cannot."""
    path = names.literal(pattern)
    directory = os.path.dirname(path) if path is not None else names.split(pattern)[0]
    above = ""
    for part in directory.split("/")[1:]:
        above += f"/{part}"
        if not os.path.isdir(above):
            return ""
        listed = path is None and above == directory
        if not os.access(above, os.X_OK | (os.R_OK if listed else 0), effective_ids=True):
            bit = stat.S_IRGRP if listed else stat.S_IXGRP
            return f"{above} cannot be entered: {_who_may(os.stat(above), bit)}"
    return ""


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


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
