"""Downloads: the bytes that are in the files, all of them or those that were asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailws.logs.download import Range, download, name_of
from tailws.logs.locate import BadCursor
from tailws.text.match import Filter
from tests.logs.whole import PACK, Whole, chunks, whole


def lines(name: str, count: int) -> bytes:
    return b"".join(
        b"%s %05d %s\n" % (name.encode(), i, b"ERROR" if i % 10 == 3 else b"ok")
        for i in range(count)
    )


ARCHIVES = [(packing, lines(packing or "plain", 3000)) for packing in PACK if packing]
LOG = [*ARCHIVES, ("", lines("one", 2000) + b"bad \xff\r\n"), ("", lines("live", 2000))]
ALL = b"".join(text for _, text in LOG)


def got(log: Whole, wanted: Range | None = None, filter_: Filter | None = None) -> bytes:
    return b"".join(chunks(download(log.source, log.library, wanted or Range(), filter_)))


def test_the_whole_log_is_what_its_files_hold(tmp_path: Path) -> None:
    """Archives of every kind are unpacked, and no byte is changed."""
    with whole(tmp_path, LOG) as log:
        assert got(log) == ALL
        assert got(log) == ALL  # with what is known about the files by now


def test_an_unfinished_line_of_the_live_file_is_left_out(tmp_path: Path) -> None:
    """A file ends with a whole line."""
    with whole(tmp_path, [("", b"one\n"), ("", b"two\nthr")]) as log:
        assert got(log) == b"one\ntwo\n"


def test_a_filter_leaves_whole_lines_as_they_are(tmp_path: Path) -> None:
    """What is shown of a filtered download is a sub-sequence of the file's own lines."""
    with whole(tmp_path, LOG) as log:
        errors = got(log, None, Filter.of(["ERROR"]))
        assert errors == b"".join(
            line for line in ALL.splitlines(keepends=True) if b"ERROR" in line
        )
        assert got(log, None, Filter.of(["bad"])) == b"bad \xff\r\n"


def test_a_range_is_between_two_cursors(tmp_path: Path) -> None:
    """From a place in an archive to one in the live file, then so many lines of it."""
    with whole(tmp_path, LOG) as log:
        chain = log.source.chain
        live = chain.segments[0].place(len(lines("live", 7))).cursor
        [sibling] = [s for s in chain.before(chain.segments[0]) if s.path.endswith(".gz")]
        archive = chain.rotated.open(sibling)
        assert archive is not None
        old = archive.place(len(lines(".gz", 2990))).cursor
        archive.close()
        expected = ALL[ALL.index(b".gz 02990") : ALL.index(b"live 00007")]
        assert got(log, Range(old, live)) == expected
        three = b"".join(expected.splitlines(keepends=True)[5:8])
        assert got(log, Range(old, live, skip=5, lines=3)) == three
        error = got(log, Range(old, live, skip=1, lines=1), Filter.of(["ERROR"]))
        assert error == b".xz 00003 ERROR\n"


def test_a_place_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Nobody gets another part of the log than was asked for."""
    with whole(tmp_path, LOG) as log:
        with pytest.raises(BadCursor):
            got(log, Range("x"))
        with pytest.raises(LookupError):
            got(log, Range("123.456.789.abc.def"))


def test_what_is_open_is_closed_when_the_client_leaves(tmp_path: Path) -> None:
    """A download that is given up in the middle of an archive holds nothing."""
    import os

    with whole(tmp_path, LOG) as log:
        before = len(os.listdir("/proc/self/fd"))
        work = download(log.source, log.library, Range(), None)
        while not isinstance(next(work), bytes):
            pass
        work.close()
        assert len(os.listdir("/proc/self/fd")) == before
        assert run_all_users(log) == 1


def run_all_users(log: Whole) -> int:
    return sum(segment.users for segment in log.source.chain.segments)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("syslog", "syslog.log"),
        ("nginx/access.log", "nginx_access.log"),
        ('a"b\r\nX: y', "a_b__X__y.log"),
        ("../../etc/passwd", "etc_passwd.log"),
        ("ü", "log.log"),
        (".txt", "txt.log"),
    ],
)
def test_a_saved_file_has_a_harmless_name(source: str, name: str) -> None:
    """No name of a source can leave the header or the browser's folder."""
    assert name_of(source) == name
