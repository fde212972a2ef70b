"""Names and sources: what the config lists, what its patterns match, what comes and goes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tailws import config
from tailws.logs.catalog import Catalog, walk
from tailws.logs.source import Source
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch


class World:
    """A catalog over a directory, with the watch or only by the clock."""

    def __init__(self, watched: bool) -> None:
        self.loop = Loop()
        self.watch = Watch(self.loop, enabled=watched)
        files = config.Files(poll=0.1, poll_fast=0.05)
        self.limits = config.Limits(files=files)
        self.changes = 0
        self.new: list[str] = []
        self.gone: list[str] = []
        self.catalog = Catalog(self.loop, self.watch, self.limits, self._changed)
        self.catalog.on_new = lambda source: self.new.append(source.name)
        self.catalog.on_gone = lambda source: self.gone.append(source.name)

    def _changed(self) -> None:
        self.changes += 1

    def follow(self, *sources: config.Source) -> None:
        self.catalog.apply(sources, self.limits)

    def names(self) -> list[str]:
        return sorted(source.name for source in self.catalog)

    def until(self, ready: Callable[[], object]) -> None:
        end = time.monotonic() + 10
        while not ready():
            assert time.monotonic() < end, self.names()
            self.loop.turn(0.05)

    def close(self) -> None:
        self.catalog.close()
        self.watch.close()
        self.loop.close()


@pytest.fixture(params=[True, False], ids=["inotify", "by the clock"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param)
    yield world
    world.close()


def source(name: str, *paths: Path | str, **keys: object) -> config.Source:
    return config.Source(name=name, path=tuple(map(str, paths)), **keys)  # type: ignore[arg-type]


def test_names_of_matches(world: World, tmp_path: Path) -> None:
    """A path is NAME; a match is NAME/ and its path relative to the pattern's fixed part."""
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ["a/x.log", "a/b/y.log", "a/b/z.txt", "a/.hidden.log"]:
        (tmp_path / name).write_bytes(b"")
    world.follow(source("one", tmp_path / "a/x.log"), source("all", f"{tmp_path}/**/*.log"))
    assert world.names() == ["all/a/b/y.log", "all/a/x.log", "one"]


def test_rotated_files_are_no_sources(world: World, tmp_path: Path) -> None:
    """Under a pattern that matches them too, rotated and compressed files belong to their log."""
    for name in ["app.log", "app.log.1", "app.log.2.gz", "app-20261122.log", "other.log.1"]:
        (tmp_path / name).write_bytes(b"")
    world.follow(source("s", f"{tmp_path}/*"))
    assert world.names() == ["s/app.log", "s/other.log.1"]


def test_exclude(world: World, tmp_path: Path) -> None:
    """Excluded names and paths are no sources."""
    for name in ["a.log", "debug.log", "b.log"]:
        (tmp_path / name).write_bytes(b"")
    world.follow(source("s", f"{tmp_path}/*.log", exclude=("debug*", f"{tmp_path}/b.log")))
    assert world.names() == ["s/a.log"]


def test_files_come_and_go(world: World, tmp_path: Path) -> None:
    """A new match appears, in a new directory too, and one that is gone leaves the list."""
    world.follow(source("s", f"{tmp_path}/**/*.log"))
    assert world.names() == []
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/x.log").write_bytes(b"")
    world.until(lambda: world.names() == ["s/d/e/x.log"])
    assert world.new == ["s/d/e/x.log"]
    (tmp_path / "d/e/x.log").unlink()
    world.until(lambda: world.names() == [])
    assert world.gone == ["s/d/e/x.log"]


def test_a_missing_path_is_a_state(world: World, tmp_path: Path) -> None:
    """A listed file that is not there is in the list, as missing, and turns live by itself."""
    world.follow(source("s", tmp_path / "no/such/app.log"))
    (found,) = world.catalog
    assert found.state == "missing"
    (tmp_path / "no/such").mkdir(parents=True)
    (tmp_path / "no/such/app.log").write_bytes(b"")
    world.until(lambda: found.state == "live")
    world.until(lambda: world.changes)


def test_what_is_no_file_is_a_state(world: World, tmp_path: Path) -> None:
    """A FIFO, a directory and a device are named as such, and hold up nobody."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dir").mkdir()
    world.follow(
        source("fifo", tmp_path / "fifo"),
        source("dir", tmp_path / "dir"),
        source("null", "/dev/null"),
    )
    assert {s.name: (s.state, s.reason) for s in world.catalog} == {
        "fifo": ("not-a-file", "it is a FIFO, not a file"),
        "dir": ("not-a-file", "it is a directory, not a file"),
        "null": ("not-a-file", "it is a device, not a file"),
    }


def test_a_reload_touches_only_what_changed(world: World, tmp_path: Path) -> None:
    """Sources whose part of the config is the same are the same objects afterwards."""
    for name in ["a.log", "b.log", "c.log"]:
        (tmp_path / name).write_bytes(b"")
    a, b = source("a", tmp_path / "a.log"), source("b", tmp_path / "b.log")
    world.follow(a, b)
    kept = world.catalog.find("a")
    changed = msgspec.structs.replace(b, encoding="latin-1")
    world.follow(a, changed, source("c", tmp_path / "c.log"))
    assert world.names() == ["a", "b", "c"]
    assert world.catalog.find("a") is kept
    assert world.gone == ["b"]
    world.follow(a)
    assert world.names() == ["a"]


def test_a_removed_source_is_taken_from_its_readers(world: World, tmp_path: Path) -> None:
    """Who reads a source that the config no longer lists is told, and nothing stays open."""
    (tmp_path / "a.log").write_bytes(b"one\n")
    world.follow(source("a", tmp_path / "a.log"))
    found = world.catalog.find("a")
    assert found is not None
    told: list[Source] = []

    def gone(source: Source) -> None:
        told.append(source)
        source.detach(print)

    found.attach(print)
    world.catalog.on_gone = gone
    assert world.catalog.open_files == 1
    world.follow()
    assert told == [found]
    assert world.catalog.open_files == 0


def test_a_name_that_looks_like_a_pattern(world: World, tmp_path: Path) -> None:
    """A path that exists as it is written is that file, whatever signs are in its name."""
    (tmp_path / "lit[1].log").write_bytes(b"")
    world.follow(source("s", tmp_path / "lit[1].log"))
    assert world.names() == ["s"]


def test_names_that_are_no_text(world: World, tmp_path: Path) -> None:
    """Line feeds and bytes that are no UTF-8 in a file's name have a form on the wire."""
    with open(os.fsencode(tmp_path) + b"/caf\xe9\n.log", "wb"):
        pass
    world.follow(source("s", f"{tmp_path}/*.log"))
    assert world.names() == ["s/caf%E9%0A.log"]


def test_the_bound_on_matches_is_told_once(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """More matches than the limit allows are not followed, and one line says so."""
    world.limits = config.Limits(files=config.Files(sources=5))
    for number in range(20):
        (tmp_path / f"{number}.log").write_bytes(b"")
    world.follow(source("s", f"{tmp_path}/*.log"))
    world.follow(source("s", f"{tmp_path}/*.log"))
    assert len(world.names()) == 5
    assert len([r for r in caplog.records if "limits.files.sources" in r.getMessage()]) == 1


def test_a_link_that_points_at_its_own_parent_ends(tmp_path: Path) -> None:
    """`**` does not follow links to directories, so a loop of them has an end."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "a/x.log").write_bytes(b"")
    seen: set[str] = set()
    found = [
        os.path.join(d, f) for d, files in walk(str(tmp_path), ["**", "*.log"], seen) for f in files
    ]
    assert found == [str(tmp_path / "a/x.log")]
