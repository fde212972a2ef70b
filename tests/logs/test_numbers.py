"""Numbers and places of live lines: those of `sed -n Np` and of the bytes before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tailws.logs import numbers, subscription
from tailws.logs.document import Library
from tailws.logs.numbers import Numbering
from tailws.logs.subscription import Begin, Subscription, View
from tailws.text.match import Filter
from tests.logs.support import Daemon, Reader, payload


class Numbered:
    """A daemon of one log, and what its readers' heads say."""

    def __init__(self, path: Path) -> None:
        self.daemon = Daemon(path)
        self.library = Library(64 << 20)
        self.numbering = Numbering(self.library)

    def connect(self, begin: Begin) -> Reader:
        source = self.daemon.source
        source.attach(self._heard)
        self.numbering.want(source)
        reader = Reader().connect(self.daemon, begin)
        source.detach(self._heard)
        return reader

    def _heard(self, _event: str) -> None: ...

    def go_on(self, *readers: Reader) -> None:
        for _ in range(200):
            self.daemon.look()
            for reader in readers:
                reader.read()

    def close(self) -> None:
        self.numbering.close()
        self.daemon.close()
        self.library.close()


@pytest.fixture
def log(tmp_path: Path) -> Any:
    made = Numbered(tmp_path / "app.log")
    yield made
    made.close()


def heads(reader: Reader) -> list[dict[str, Any]]:
    return [head for head in reader.heads if head["type"] == "lines"]


def lines(first: int, count: int) -> bytes:
    return b"".join(b"%07d line\n" % i for i in range(first, first + count))


SIZE = len(b"0000000 line\n")


def test_live_lines_are_numbered_and_placed(log: Numbered) -> None:
    """From the first message on where counting is quick; through a rotation, behind which numbers
    begin anew and places go on."""
    path = log.daemon.path
    Path(f"{path}.1").write_bytes(lines(0, 500))
    path.write_bytes(lines(500, 300))
    reader = log.connect(Begin(lines=10))
    log.go_on(reader)
    with path.open("ab") as file:
        file.write(lines(800, 20))
    log.go_on(reader)
    os.rename(path, f"{path}.0")
    os.rename(f"{path}.1", f"{path}.2")
    os.rename(f"{path}.0", f"{path}.1")
    path.write_bytes(lines(820, 30))
    log.daemon.turn(11.0)
    log.go_on(reader)
    assert reader.lines[-1] == b"0000849 line"
    first = int(reader.lines[0][:7])
    told = {(head["at"], head["number"]) for head in heads(reader)}
    seen = first
    for head in heads(reader):
        assert head["at"] == seen * SIZE
        in_file = seen - 500 if seen < 820 else seen - 820
        assert head["number"] == in_file + 1
        seen += _count(reader, head)
    assert (790 * SIZE, 291) in told


def _count(reader: Reader, head: dict[str, Any]) -> int:
    following = [h["at"] for h in heads(reader) if h["at"] > head["at"]]
    end = min(following) if following else (850 * SIZE)
    return (end - head["at"]) // SIZE


def test_a_large_log_is_numbered_when_it_has_been_counted(
    log: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it: until then the key is left out, never a guess."""
    monkeypatch.setattr(numbers, "AT_ONCE", 0.0)
    monkeypatch.setattr(numbers, "STRIDE", 1000)
    monkeypatch.setattr(numbers, "STEP", 500)
    path = log.daemon.path
    path.write_bytes(lines(0, 3000))
    reader = log.connect(Begin(lines=5))
    reader.read()
    assert "number" not in heads(reader)[0]
    for _ in range(200):
        log.daemon.turn(0.001, 1)
    with path.open("ab") as file:
        file.write(lines(3000, 1))
    log.go_on(reader)
    assert heads(reader)[-1]["number"] == 3001
    late = log.connect(Begin(lines=7))
    log.go_on(late)
    assert heads(late)[0]["number"] == 2995


def test_filtered_lines_have_no_numbers(log: Numbered) -> None:
    """They do not follow one another."""
    log.daemon.path.write_bytes(lines(0, 10))
    source = log.daemon.source
    source.attach(log._heard)
    log.numbering.want(source)
    got: list[bytes] = []
    view = View(filter=Filter.of(["5"]))
    reader = Subscription(source, view, Begin(lines=1), lambda s: None)
    while (frame := reader.next()) is not None:
        got.append(payload(frame))
    assert b'"at":65' in got[-1]
    assert b"number" not in got[-1]
    reader.close()
    source.detach(log._heard)


def test_who_catches_up_is_told_how_far_it_has_to_go(
    log: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`behind` falls to 0; who is up to date hears nothing of it."""
    monkeypatch.setattr(subscription, "BEHIND_MIN", 1000)
    monkeypatch.setattr(subscription, "BEHIND_EVERY", 0.0015)
    log.daemon.path.write_bytes(lines(0, 1000))
    reader = log.connect(Begin(start=True))
    for _ in range(300):
        log.daemon.turn(0.001, 1)
        reader.read(1)
    told = [head["bytes"] for head in reader.heads if head["type"] == "behind"]
    assert told == sorted(told, reverse=True)
    assert told[0] == 1000 * SIZE
    assert told[-1] == 0
    assert len(reader.lines) == 1000
    live = log.connect(Begin(lines=1))
    log.go_on(live)
    assert not [head for head in live.heads if head["type"] == "behind"]


@pytest.mark.parametrize("most", [0, 50_000])
def test_the_only_reader_of_a_log_is_behind_what_nobody_has_read(
    log: Numbered, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A log grows faster than the only one who follows it reads: it is told how far it has to go,
    or skips to the end, though nobody is ahead of it."""
    monkeypatch.setattr(subscription, "BEHIND_MIN", 1000)
    monkeypatch.setattr(subscription, "BEHIND_EVERY", 0.0015)
    log.daemon.path.write_bytes(lines(0, 1))
    reader = log.connect(Begin(lines=1))
    assert reader.subscription is not None
    reader.subscription._lag_bytes = most
    log.go_on(reader)
    with log.daemon.path.open("ab") as file:
        file.write(lines(1, 9999))
    log.daemon.look()
    for _ in range(3000):
        log.daemon.turn(0.001, 1)
        reader.read(1)
    told = [head["bytes"] for head in reader.heads if head["type"] == "behind"]
    gaps = [head for head in reader.heads if head["type"] == "gap"]
    assert told == sorted(told, reverse=True)
    if most:
        assert [gap["reason"] for gap in gaps] == ["lagging"]
        assert len(reader.lines) < 9999
    else:
        assert told[0] > 9000 * SIZE
        assert told[-1] == 0
        assert reader.lines == lines(0, 10_000).splitlines()


def test_who_lags_too_far_skips_to_the_end_with_a_gap(log: Numbered) -> None:
    """The bound of the config: what is left out is told, and what comes then is all there."""
    path = log.daemon.path
    path.write_bytes(lines(0, 1000))
    log.daemon.look()
    got: list[bytes] = []
    reader = Subscription(
        log.daemon.source, View(), Begin(start=True), lambda s: None, lag_bytes=5000, id_=7
    )

    def take() -> None:
        while (frame := reader.next()) is not None:
            got.append(payload(frame))

    take()
    with path.open("ab") as file:
        file.write(lines(1000, 3))
    log.daemon.look()
    take()
    reader.close()
    assert b'"id":7' in got[0]
    assert b'"type":"gap"' in got[1]
    assert b'"bytes":13000,"reason":"lagging"' in got[1]
    assert b"".join(got).count(b" line") == 3


def test_many_logs_are_counted_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A glob over a thousand logs costs the turn no more than one log; all of them come to their
    numbers, but those that nobody reads any more."""
    monkeypatch.setattr(numbers, "AT_ONCE", 0.0)
    monkeypatch.setattr(numbers, "STEP", 1000)
    daemons = [Daemon(tmp_path / f"{name}.log") for name in range(6)]
    loop = daemons[0].loop
    numbering = Numbering(Library(64 << 20))
    heard: list[str] = []
    hear = heard.append
    for daemon in daemons:
        daemon.path.write_bytes(lines(0, 1000))
        daemon.source.loop = loop
        daemon.source.attach(hear)
        numbering.want(daemon.source)
    daemons[3].source.detach(hear)
    running = 0
    for _ in range(200):
        loop.turn(0)
        running = max(running, sum(d.source.users > 1 for d in daemons))
    ends = [daemon.source.end for daemon in daemons]
    assert [end.line if end else None for end in ends] == [1001, 1001, 1001, None, 1001, 1001]
    assert running == 1
    numbering.close()
    for daemon in daemons:
        daemon.source.detach(hear)
        daemon.close()
