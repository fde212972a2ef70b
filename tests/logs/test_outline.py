"""Extents and outlines, against what the files hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailws.logs import outline as module
from tailws.logs.outline import Report, extent, outline
from tailws.text.match import Filter
from tests.logs.whole import PACK, Whole, run, standing, whole

LINE = 50


def text(name: str, count: int) -> bytes:
    """Lines of equal length: 2026-11-22T14:00:00Z …"""
    out = []
    for i in range(count):
        level = "ERROR" if i % 10 == 3 else "INFO"
        line = f"2026-11-22T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z {level} {name} {i}"
        out.append(line.ljust(LINE - 1) + "\n")
    return "".join(out).encode()


LOG = [
    *((packing, text(packing, 2000)) for packing in PACK if packing),
    (".gz", text("small", 300)),
    ("", text("one", 4000)),
    ("", text("live", 3000)),
]
SIZE = sum(len(data) for _, data in LOG)


def outlined(log: Whole, buckets: int, filter_: Filter | None = None) -> list[Report]:
    told: list[Report] = []
    run(outline(log.source, log.library, buckets, filter_, told.append, lambda: True))
    return told


def test_extent_names_the_files_with_size_time_and_start(tmp_path: Path) -> None:
    """Oldest first; the start of each can be read on from."""
    with whole(tmp_path, LOG) as log:
        outlined(log, 10)  # by now every archive has been unpacked
        files = run(extent(log.source, log.library))
        assert [file.name for file in files] == [
            *(f"app.log.{len(LOG) - 1 - i}{packing}" for i, (packing, _) in enumerate(LOG[:-1])),
            "app.log",
        ]
        assert [file.size for file in files] == [len(data) for _, data in LOG]
        assert all(file.exact for file in files)
        assert {file.first for file in files} == {1795305600.0}
        for file in files:
            assert standing(log.source, file.start)[:2] == (file.name, 0)


def test_sizes_of_archives_are_told_before_they_are_unpacked(tmp_path: Path) -> None:
    """As the archive says itself, or as a guess that says that it is one."""
    big = text("big", 15_000)
    packings = [".gz", ".zst", ".xz", ".bz2"]
    with whole(tmp_path, [*((packing, big) for packing in packings), ("", b"one\n")]) as log:
        files = run(extent(log.source, log.library))
        sizes = [(file.size, file.exact) for file in files]
    assert sizes[:3] == [(len(big), False)] * 3
    assert sizes[3] == (len(big), True)  # bzip2 says nothing: its first blocks are unpacked
    assert sizes[4] == (4, True)


@pytest.mark.parametrize("buckets", [1, 7, 100])
def test_small_logs_are_counted_in_full(tmp_path: Path, buckets: int) -> None:
    """The buckets together hold every line and every error; lines that lie evenly are counted
    evenly."""
    with whole(tmp_path, LOG) as log:
        for _ in range(2):  # anew, and from what is known
            told = outlined(log, buckets)
            last = told[-1]
            assert last.done
            assert last.scanned == last.of == SIZE
            assert len(last.buckets) == buckets
            lines = [bucket[0] for bucket in last.buckets if bucket is not None]
            errors = [bucket[1] for bucket in last.buckets if bucket is not None]
            assert abs(sum(lines) - SIZE // LINE) <= 10
            assert abs(sum(errors) - SIZE // LINE // 10) <= 10
            assert max(lines) - min(lines) <= 0.03 * max(lines) + 2


def test_a_log_with_fewer_lines_than_buckets(tmp_path: Path) -> None:
    """Each line is told once, whatever it is shared among, and so is each error."""
    with whole(tmp_path, [("", text("live", 310))]) as log:
        told = outlined(log, 400)[-1].buckets
    assert sum(bucket[0] for bucket in told if bucket) == 310
    assert sum(bucket[1] for bucket in told if bucket) == 31


def test_a_filter_leaves_its_lines(tmp_path: Path) -> None:
    """An outline is of the lines that the view shows."""
    with whole(tmp_path, LOG) as log:
        told = outlined(log, 10, Filter.of(["ERROR"]))
        assert all(b is not None and b[0] == b[1] > 0 for b in told[-1].buckets)
        told = outlined(log, 10, Filter.of(["live"]))
        assert told[-1].buckets[:5] == [(0, 0)] * 5
        assert told[-1].buckets[9] is not None
        assert told[-1].buckets[9][0] > 100


def test_large_files_are_sampled_and_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of any size costs so many samples; what was counted is not counted again when it
    has grown."""
    monkeypatch.setattr(module, "CELLS", 16)
    monkeypatch.setattr(module, "SMALLEST", 1000)
    monkeypatch.setattr(module, "SAMPLE", 500)
    read = 0

    class Counted(module.Forward):
        def piece(self, size: int):  # type: ignore[no-untyped-def]
            nonlocal read
            piece = yield from super().piece(size)
            read += 0 if piece is None else len(piece.data)
            return piece

    monkeypatch.setattr(module, "Forward", Counted)
    with whole(tmp_path, [("", text("a", 4000))]) as log:
        told = outlined(log, 50)
        assert read <= 17 * 500
        assert all(b is not None and 60 <= b[0] <= 100 for b in told[-1].buckets)
        read = 0
        with log.path.open("ab") as file:
            file.write(text("b", 400))
        log.source.look()
        told = outlined(log, 50)
        assert 0 < read <= 4 * 500
        assert told[-1].of == 4400 * LINE
        read = 0
        outlined(log, 20)
        assert read <= 500


def test_what_nobody_has_looked_at_is_told_as_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archives that are too large to unpack for a picture are left open, not drawn as empty."""
    monkeypatch.setattr(module, "PACKED", 0)
    with whole(tmp_path, [(".gz", text("old", 1000)), ("", text("new", 1000))]) as log:
        told = outlined(log, 4)
    assert told[-1].buckets[0] is None
    assert told[-1].buckets[3] is not None
    assert told[-1].scanned < told[-1].of
