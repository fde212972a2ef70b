"""The config of `tailws FILE...`, which needs no file of its own."""

import os
from collections.abc import Iterable, Sequence

from tailws import names
from tailws.config.checks import may_match
from tailws.config.kinds import absolute, address
from tailws.config.model import Config, Listen, Source
from tailws.config.problems import Report


def for_paths(paths: Sequence[str], listen: str | None = None) -> Config:
    """Return a config that follows files and patterns; raises `ConfigError` for what is neither.

    A file is called by its name, the matches of a pattern after the directory in which it begins;
    names that would clash take in as many of the directories above as it needs. A path that
    exists is meant as it stands, whatever wildcards its name seems to hold.
    """
    report = Report("command line")
    base = os.getcwd()
    patterns = [_pattern(path, base, report) for path in paths]
    addresses = Config().listen
    if listen is not None:
        try:
            addresses = (Listen(address=address(listen, base)),)
        except ValueError as error:
            report.error("", f"--listen: found {listen!r}; {error}")
    report.stop()
    sources = _named(dict.fromkeys(patterns))
    by_name = {source.name: source for source in sources}
    for source in sources:
        if by_name[source.name] is not source:
            both = f"{source.path[0]} and {by_name[source.name].path[0]}"
            report.error("", f"found {both}; a path is either a file or a directory")
    report.stop()
    return Config(listen=addresses, sources=sources)


def _pattern(path: str, base: str, report: Report) -> str:
    if not path or "\0" in path:
        report.error("", f"found {path!r}; write a path or a pattern such as '*.log'")
    elif os.path.isdir(path):
        inside = os.path.join(path, "*.log")
        report.error("", f"{path!r} is a directory; for the files in it write {inside!r}")
    elif os.path.lexists(path):
        return names.quote(absolute(path, base))
    elif wrong := names.check_glob(path):
        report.error("", f"found {path!r}; {wrong}")
    return absolute(path, base)


def _named(patterns: Iterable[str]) -> tuple[Source, ...]:
    """Make a source of each file that no pattern matches, and of each directory of patterns."""
    literals = {pattern: names.literal(pattern) for pattern in patterns}
    globs = [names.path_glob(pattern) for pattern, path in literals.items() if path is None]
    groups: dict[str, list[str]] = {}
    for pattern, path in literals.items():
        if path is None:
            groups.setdefault(f"{names.split(pattern)[0]}/", []).append(pattern)
        elif not any(glob.fullmatch(path) for glob in globs):
            groups[path] = [pattern]
    parts = {place: place.strip("/").split("/") for place in groups}
    depth = dict.fromkeys(groups, 1)
    while True:
        sources = {
            place: Source(name="/".join(parts[place][-depth[place] :]) or "root", path=tuple(group))
            for place, group in groups.items()
        }
        clashing = {
            place
            for one in groups
            for other in groups
            if one != other and _clash(sources[one], sources[other], one.endswith("/"))
            for place in (one, other)
            if depth[place] < len(parts[place])
        }
        if not clashing:
            return tuple(sources.values())
        for place in clashing:
            depth[place] += 1


def _clash(one: Source, other: Source, is_pattern: bool) -> bool:
    return one.name == other.name or may_match(other, one.name, is_pattern)
