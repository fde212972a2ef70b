"""Which names are rotated files of which log, and in which order they were written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailws.logs.identity import identify_path
from tailws.logs.siblings import live_name_of, rotation_of, scan
from tailws.text.lines import Codec
from tests.clock import tick


@pytest.mark.parametrize(
    "name",
    [
        "app.log.1", "app.log.12.gz", "app.log-20261122", "app.log-20261122.xz", "app.log.zst",
        "app.log.2026-11-22", "app.log.2026-11-22T10", "app.log-1795346364", "app.log.old",
        "app-2026-11-22.log", "app-20261122.log.gz", "app.1.log", "app_20261122-3.log",
        "app.log-20261122-1530.bz2",
    ],
)  # fmt: skip
def test_rotated_names(name: str) -> None:
    """The names that logrotate, log4j, logback, Python and newsyslog give."""
    assert rotation_of(name, "app.log")
    assert "app.log" in live_name_of(name)


@pytest.mark.parametrize(
    "name",
    ["app.log", "app.log.error", "app.logs", "apple.log", "app-error.log", "app.log.d", "other.1"],
)
def test_other_names(name: str) -> None:
    """What only looks alike is a log of its own."""
    assert rotation_of(name, "app.log") is None


def test_numbers_count_down_and_dates_up(tmp_path: Path) -> None:
    """Oldest first, by what rotation wrote into the names and not by the time of the last write."""
    for index, name in enumerate(["app.log.1", "app.log.10.gz", "app.log.2", "app.log.9"]):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (index, index))
    order = [os.path.basename(s.path) for s in scan(str(tmp_path / "app.log"))]
    assert order == ["app.log.10.gz", "app.log.9", "app.log.2", "app.log.1"]
    for name in ["a.log-20261122-10", "a.log-20261122-2", "a.log-20261121"]:
        (tmp_path / name).write_bytes(b"x")
    order = [os.path.basename(s.path) for s in scan(str(tmp_path / "a.log"))]
    assert order == ["a.log-20261121", "a.log-20261122-2", "a.log-20261122-10"]


def test_when_it_was_compressed_is_not_when_it_was_written(tmp_path: Path) -> None:
    """A script that compresses the old .1 to .2.gz and then renames the log to .1 makes .2.gz the
    younger file of the two: its number still says that it is the older one."""
    (tmp_path / "app.log.1").write_bytes(b"x")
    tick()
    (tmp_path / "app.log.2.gz").write_bytes(b"y")
    order = [os.path.basename(s.path) for s in scan(str(tmp_path / "app.log"))]
    assert order == ["app.log.2.gz", "app.log.1"]


def test_a_file_that_is_just_being_compressed_counts_once(tmp_path: Path) -> None:
    """gzip leaves both for a while."""
    (tmp_path / "app.log.1").write_bytes(b"x")
    (tmp_path / "app.log.1.gz").write_bytes(b"y")
    assert [s.packed for s in scan(str(tmp_path / "app.log"))] == [False]


def test_olddir_and_links(tmp_path: Path) -> None:
    """Rotated files in a sub-directory, and beside the file behind a link, are found."""
    (tmp_path / "old").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "old/app.log.1").write_bytes(b"x")
    (tmp_path / "real/app.log").write_bytes(b"")
    (tmp_path / "real/app.log.2").write_bytes(b"x")
    (tmp_path / "app.log").symlink_to(tmp_path / "real/app.log")
    found = {os.path.relpath(s.path, tmp_path) for s in scan(str(tmp_path / "app.log"))}
    assert found == {"old/app.log.1", "real/app.log.2"}


def test_a_sibling_that_moved_on_is_opened_all_the_same(tmp_path: Path) -> None:
    """A rotation renumbers the files between the look at them and the opening: it is the file that
    counts, not what has its name now."""
    base = tmp_path / "app.log"
    for name in ("app.log", "app.log.1"):
        (tmp_path / name).write_text(f"{name}\n")
    (one,) = scan(str(base))
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
    base.rename(tmp_path / "app.log.1")
    segment = one.open(Codec("auto"))
    assert segment.identity == one.identity
    assert segment.read_now(0, 99) == b"app.log.1\n"
    segment.close()
    (tmp_path / "app.log.2").unlink()
    with pytest.raises(FileNotFoundError):
        one.open(Codec("auto"))


def test_what_is_left_in_a_file_is_younger_than_its_copies(tmp_path: Path) -> None:
    """Copied, truncated, written to, renamed: the file was made before its copies, what is in it
    now was not. A file that was renamed before its heir was made is no younger for its copies."""
    live = tmp_path / "app.log"

    def make(path: Path) -> None:
        path.write_bytes(b"x")
        tick()

    make(live)
    live.rename(tmp_path / "app.log.4")
    make(live)
    make(tmp_path / "app.log.3")
    make(tmp_path / "app.log.2")
    live.rename(tmp_path / "app.log.1")
    oldest, first, second, file = scan(str(live))
    for sibling in (oldest, first, second):
        assert sibling.birth == sibling.identity.birth // 1_000_000
    assert file.birth > second.birth > first.birth > file.identity.birth // 1_000_000
    live.write_bytes(b"x")
    (tmp_path / "app.log.0").touch()
    (tmp_path / "app.log.0").rename(live)
    assert [sibling.birth for sibling in scan(str(live))] == [
        sibling.birth for sibling in (oldest, first, second, file)
    ]


RENUMBERING = """
import os, time
print("begun", flush=True)
for step in range(50):
    for at in range(10, 0, -1):
        os.rename(f"app.log.{step + at}", f"app.log.{step + at + 1}")
    time.sleep(0.02)
"""


def test_no_file_is_missed_while_a_rotation_renumbers_them(tmp_path: Path) -> None:
    """One that goes from .9 to .10 between two of our looks has neither name then, and the time of
    the directory does not tell within a tick of the kernel's clock. Nor is one taken for another
    that gets its name while we look who it is."""
    for number in range(1, 11):
        (tmp_path / f"app.log.{number}").write_bytes(b"x")
        tick()  # each has its own time of birth
    files = {identify_path(str(path)) for path in tmp_path.iterdir()}
    rotation = [sys.executable, "-c", RENUMBERING]
    with subprocess.Popen(rotation, cwd=tmp_path, stdout=subprocess.PIPE) as shifting:
        assert shifting.stdout
        shifting.stdout.readline()
        while shifting.poll() is None:
            found = scan(str(tmp_path / "app.log"))
            assert {sibling.identity for sibling in found} == files
            assert len(found) == len(files)
    assert shifting.returncode == 0
