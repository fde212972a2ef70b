"""Random programs: writers, rotators and readers against the daemon; the outcome is exact.

A program is a list of steps drawn from a seed. The model is the plain list of lines that were
written, file after file; each reader must have got this list, less what was announced. Programs
that destroy nothing must end without any gap.

`TAILWS_SOAK=SECONDS` goes on with fresh seeds for so long; `TAILWS_SEED=N` repeats one program.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from .client import DEADLINE, Client, Gap, verdict
from .logfile import LogFile, fresh_line, shift
from .rig import Rig, temporary_rig

SOAK = float(os.environ.get("TAILWS_SOAK", "0"))
SEEDS = [int(os.environ["TAILWS_SEED"])] if "TAILWS_SEED" in os.environ else list(range(1, 6))


class Program:
    """One run: the files in the order in which their lines are due, and the readers."""

    def __init__(self, rig: Rig, seed: int, *, destroys: bool) -> None:
        self.rig = rig
        self.random = random.Random(seed)
        self.destroys = destroys
        self.trace: list[str] = []
        self.frozen: ExitStack | None = None
        self.half = ""  # of a line that the live file's writer has begun
        self.files = [rig.file().lines(2).forget()]
        self.writers = [self.files[0]]  # still open; the last one is of the live file
        rig.follow("app.log")
        # However slow the machine is, a writer that stays belongs to the log until it leaves.
        rig.limits = {"files": {"retire_quiet": 600}}
        rig.start()
        self.readers = [rig.connect() for _ in range(3)]

    @property
    def live(self) -> LogFile:
        return self.files[-1]

    def run(self, steps: int) -> None:
        step: dict[Callable[[], None], int] = {
            self.write: 10,
            self.write_half: 3,
            self.write_to_an_old_file: 4,
            self.close_an_old_file: 3,
            self.rename: 4,
            self.recreate_later: 1,
            self.copytruncate: 2,
            self.compress: 2,
            self.read: 6,
            self.cut: 2,
            self.come_back: 3,
            self.freeze: 2,
            self.thaw: 3,
            self.kill: 1,
            self.pause: 3,
        }
        if self.destroys:
            step |= {self.truncate: 1, self.unlink: 1, self.remove_the_oldest: 1}
        for _ in range(steps):
            chosen = self.random.choices(list(step), list(step.values()))[0]
            self.trace.append(chosen.__name__)
            chosen()
        self.trace.append("the end")
        self.finish()

    # Writers and rotators ------------------------------------------------------------------------

    def write(self) -> None:
        count = self.random.choice([1, 1, 2, 5, 50, 500])
        if self.half:
            rest, self.half = self.half, ""
            self.live.raw(rest.encode() + b"\n")
        self.live.burst(count)

    def write_half(self) -> None:
        if not self.half:
            line = fresh_line()
            cut = self.random.randrange(1, len(line))
            self.live.raw(line[:cut].encode())
            self.live.owed.append(line)
            self.half = line[cut:]

    def _end_half(self) -> None:
        if self.half:
            self.live.raw(self.half.encode() + b"\n")
            self.half = ""

    def write_to_an_old_file(self) -> None:
        if len(self.writers) > 1:
            self.random.choice(self.writers[:-1]).lines(self.random.randrange(1, 4))

    def close_an_old_file(self) -> None:
        if len(self.writers) > 1:
            self.writers.pop(self.random.randrange(len(self.writers) - 1)).close()

    def rename(self) -> None:
        self._end_half()
        self._open(self.live.rotate(keep=999, stays=True))

    def recreate_later(self) -> None:
        self._end_half()
        name = self.live.path.name
        shift(self.live.path, 999)
        self.live.rename(f"{name}.1")
        time.sleep(self.random.uniform(0, 0.3))
        self._open(self.live.successor(name))

    def _open(self, new: LogFile) -> None:
        self.files.append(new)
        self.writers.append(new)

    def copytruncate(self) -> None:
        self._end_half()
        shift(self.live.path, 999)
        self.live.copytruncate()

    def compress(self) -> None:
        """The file rotated last, if its writer has left it."""
        old = self.rig.logs / "app.log.1"
        written = {os.fstat(file.fd).st_ino for file in self.writers}
        if old.exists() and old.stat().st_ino not in written:
            subprocess.run(["gzip", "-f", old], check=True)

    # What destroys ------------------------------------------------------------------------------
    #
    # A file that came and went while nobody looked leaves no trace, so nobody can announce it.
    # These steps let every reader come up first, and then destroy what is written at once.

    def truncate(self) -> None:
        self._come_up()
        self.write()
        self.live.truncate()

    def unlink(self) -> None:
        self._come_up()
        self.write()
        self._open(self.live.unlink().successor())

    def remove_the_oldest(self) -> None:
        self._come_up()
        siblings = self.rig.logs.glob("app.log.*")
        oldest = max(siblings, key=lambda path: int(path.name.split(".")[2]), default=None)
        if oldest is not None:
            oldest.unlink()

    def _come_up(self) -> None:
        """All readers are at the end of what was written."""
        self.thaw()
        self._end_half()
        while len(self.writers) > 1:
            self.writers.pop(0).close()
        self.live.lines(1)
        self.come_back()
        for reader in self.readers:
            self._await_last(reader)

    # Readers and the daemon ----------------------------------------------------------------------

    def read(self) -> None:
        reader = self.random.choice(self.readers)
        if reader.connected and not self.frozen:
            for _ in range(self.random.randrange(1, 10)):
                reader.pump(0.01)

    def cut(self) -> None:
        self.random.choice(self.readers).drop()

    def come_back(self) -> None:
        if not self.frozen:
            for reader in self.readers:
                if not reader.connected:
                    reader.connect()

    def freeze(self) -> None:
        if self.frozen is None:
            self.frozen = ExitStack()
            self.frozen.enter_context(self.rig.frozen())

    def thaw(self) -> None:
        if self.frozen is not None:
            self.frozen.close()
            self.frozen = None

    def kill(self) -> None:
        self.thaw()
        self.rig.kill()
        for _ in range(self.random.randrange(4)):
            self.random.choice([self.write, self.rename, self.write_to_an_old_file])()
        self.rig.start()
        for reader in self.readers:
            reader.url = self.rig.url

    def pause(self) -> None:
        time.sleep(self.random.choice([0.01, 0.1, 0.3]))

    # The outcome ---------------------------------------------------------------------------------

    def finish(self) -> None:
        self._come_up()
        for reader in self.readers:
            reader.quiet(0.1)
            items = reader.items["app"]
            if not self.destroys:  # after a truncation the daemon may say that it cannot know
                items = [item for item in items if item != Gap("truncated", None)]
            wrong = verdict(self._due(), items, gaps=self.destroys) or reader.faults
            assert not wrong, f"{wrong}\n{self._story(reader)}"

    def _due(self) -> list[str]:
        return [line for file in self.files for line in file]

    def _await_last(self, reader: Client) -> None:
        last = self.live.owed[-1]
        end = time.monotonic() + DEADLINE
        while last not in reader.items["app"][-1000:]:
            assert time.monotonic() < end, f"{last} did not come\n{self._story(reader)}"
            reader.pump(0.1)

    def _story(self, reader: Client) -> str:
        return (
            f"program: {self.trace}\ngaps: {reader.gaps('app')}\nevents: {reader.events}\n"
            f"files: {sorted(os.listdir(self.rig.logs))}\nthe daemon said:\n{self.rig.said()}"
        )


def run(seed: int, *, destroys: bool, steps: int = 60) -> None:
    with temporary_rig() as rig:
        try:
            Program(rig, seed, destroys=destroys).run(steps)
        except BaseException as error:
            error.add_note(f"repeat with TAILWS_SEED={seed}, destroys={destroys}")
            raise


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_where_nothing_is_destroyed(seed: int) -> None:
    """Renames, copies with truncation, compression, late writers, restarts: each line once."""
    run(seed, destroys=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_loss_is_announced(seed: int) -> None:
    """Truncation and deletion on top: each line once, or a gap in its place."""
    run(seed, destroys=True)


@pytest.mark.skipif(not SOAK, reason="as long as TAILWS_SOAK says: make soak")
@pytest.mark.timeout(SOAK + 300)
def test_soak() -> None:
    """The same with fresh seeds and longer programs, for as long as asked."""
    end = time.monotonic() + SOAK
    while time.monotonic() < end:
        seed = random.randrange(1 << 32)
        run(seed, destroys=bool(seed % 2), steps=random.choice([30, 60, 200, 500]))
