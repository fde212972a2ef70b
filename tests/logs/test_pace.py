"""When a log's readers are woken, with a real file and real inotify; only the clock is ours."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailws.logs.pace import COOL_LOOKS, FIRST_PAUSE, HOT_PAUSE, Pace
from tailws.logs.segment import Segment
from tailws.runtime.loop import Loop
from tailws.runtime.watch import Watch
from tailws.text.lines import Codec
from tests.clock import Clock

WINDOW = 0.05
STEP = 0.0005
LINE = b"line\n"


class Log:
    """A log whose readers take all that there is when they are woken."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self.writer = os.open(path, os.O_WRONLY | os.O_APPEND)
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.watch = Watch(self.loop)
        self.newest: Segment | None = Segment.open(str(path), Codec("auto"))
        self.taken = 0
        self.takes = 0.0  # seconds that a wake takes
        self.woken: list[float] = []  # when
        self.pace = Pace(self, self.loop, self.watch, WINDOW)
        self.pace.rewatch()
        self.clock.now += 1
        self.woken.clear()

    def wake(self) -> None:
        self.woken.append(self.clock.now)
        self.clock.now += self.takes
        assert self.newest is not None
        self.taken = self.newest.fstat().st_size

    def has_more(self) -> bool:
        assert self.newest is not None
        return self.newest.fstat().st_size > self.taken

    def write(self) -> None:
        os.write(self.writer, LINE)

    @property
    def written(self) -> int:
        return os.lseek(self.writer, 0, os.SEEK_END) // len(LINE)

    def run(self, seconds: float, every: float = 0.0) -> None:
        """Let time pass, in which a line is written every so often."""
        ends = self.clock.now + seconds
        due = self.clock.now
        while self.clock.now < ends:
            if every and self.clock.now >= due:
                self.write()
                due += every
            self.loop.turn(0)
            self.clock.now += STEP

    def close(self) -> None:
        self.pace.close()
        self.watch.close()
        self.loop.close()
        os.close(self.writer)
        if self.newest is not None:
            self.newest.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "app.log")
    yield made
    made.close()


def test_a_line_after_silence_wakes_at_once(log: Log) -> None:
    """What a person waits for a single line is not the window."""
    for _ in range(3):
        log.run(1.0)
        log.write()
        now = log.clock.now
        log.loop.turn(0)
        assert log.woken[-1] == now
    assert len(log.woken) == 3, "one wake for one line"


def test_while_lines_keep_coming_the_pauses_grow_up_to_the_window(log: Log) -> None:
    """The cost of a line falls as the load rises, and no line waits longer than the window."""
    log.run(2.0, every=STEP)
    pauses = [b - a for a, b in zip(log.woken, log.woken[1:], strict=False)]
    assert FIRST_PAUSE - STEP < pauses[0] < 4 * FIRST_PAUSE
    assert all(pause <= WINDOW + 2 * STEP for pause in pauses)
    assert all(pause >= WINDOW - STEP for pause in pauses[10:])


def test_a_wake_that_takes_long_is_followed_by_a_longer_pause(log: Log) -> None:
    """Lines that come one by one to many readers take a tenth of the time at most, and the first
    one after silence still goes at once."""
    log.takes = 0.002
    for _ in range(5):
        log.write()
        now = log.clock.now
        log.loop.turn(0)
        assert log.woken[-1] == now
        log.write()
        log.run(0.017)
        assert log.woken[-1] == now
        log.run(0.005)
        assert log.woken[-1] > now
        assert not log.has_more()
        log.run(1.0)


def test_a_hot_file_is_not_watched(log: Log) -> None:
    """Each write to a watched file costs an event; nothing is missed when it is watched again."""
    log.run(1.0, every=STEP)
    assert log.watch.count == 0
    assert not log.pace.is_watched
    assert log.pace.is_sure
    log.run(2 * COOL_LOOKS * WINDOW)
    assert log.pace.is_watched
    assert not log.has_more()
    count = len(log.woken)
    log.write()
    log.loop.turn(0)
    assert len(log.woken) == count + 1


def test_a_file_that_gets_a_line_now_and_then_stays_watched(log: Log) -> None:
    """By the clock it would be looked at for nothing."""
    log.run(2.0, every=2 * HOT_PAUSE)
    assert log.pace.is_watched
    assert len(log.woken) >= 2.0 / (2 * HOT_PAUSE), "each line woke at once"


def test_without_a_window_every_hint_wakes(log: Log) -> None:
    """`limits.lines.window: 0` is every line at once."""
    log.pace.window = 0
    log.run(0.1, every=STEP)
    assert len(log.woken) == log.written
    assert log.pace.is_watched


@pytest.mark.parametrize("seed", range(20))
def test_no_line_waits_longer_than_the_window(log: Log, seed: int) -> None:
    """Whenever lines come, however the window is changed meanwhile, and whatever is being looked
    at: all that is written is taken when the window has passed."""
    rng = random.Random(seed)
    for _ in range(30):
        for _ in range(rng.choice([0, 1, 1, 2, 50])):
            log.write()
            log.run(rng.choice([0, STEP, 0.003, 0.02]))
        if rng.random() < 0.1:
            log.pace.window = rng.choice([0, 0.002, WINDOW])
        log.run(rng.choice([0.0, 0.01, 0.06, 0.3, 1.0]))
        log.write()
        log.run(WINDOW + 2 * STEP)
        assert not log.has_more()
