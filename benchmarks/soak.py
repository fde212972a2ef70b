#!/usr/bin/env python3
"""A day in the life of the daemon, scaled down: is anything held that should have been let go?

    python benchmarks/soak.py [--seconds 300] [--cycle 2]

Each cycle is an hour of that day: the logs grow and are rotated, by a new name or by copy and
truncate; browsers come and go; some read slowly and are cut off in the middle; the config is
reloaded with one source more or less. Ten clients stay from the first to the last cycle, and no
line may be lost, repeated or swapped for them on the log that is rotated by a new name. Memory and
open descriptors are looked at after each cycle; the last third must look like the one before.
"""

import argparse
import contextlib
import dataclasses
import os
import shutil
import signal
import statistics
import sys
import time
from pathlib import Path

from contenders import CONTENDERS, Setup, subscribe, warm_up, write_config
from machine import BenchError, Load, Server, Writer, build, free_port
from workloads import scratch, serving

RATE = 2000
KEPT = 3
#: What may differ between the last two thirds: fragmentation, and clients on their way out.
MEMORY_SLACK = 1_000_000
FD_SLACK = 8


def rotate(path: Path, *, copy: bool) -> None:
    """What logrotate does, with three generations."""
    for number in range(KEPT, 0, -1):
        old = path.with_name(f"{path.name}.{number}")
        with contextlib.suppress(FileNotFoundError):
            old.rename(path.with_name(f"{path.name}.{number + 1}"))
    with contextlib.suppress(FileNotFoundError):
        path.with_name(f"{path.name}.{KEPT + 1}").unlink()
    first = path.with_name(f"{path.name}.1")
    if copy:
        shutil.copyfile(path, first)
        os.truncate(path, 0)
    else:
        path.rename(first)
        path.touch()


class Day:
    """The daemon, its logs and its clients."""

    def __init__(self, directory: Path, setup: Setup, server: Server) -> None:
        self.renamed, self.copied = directory / "renamed.log", directory / "copied.log"
        self.setup = setup
        self.server = server
        self.written = 0
        self.samples: list[tuple[int, int]] = []
        self._laggard: Load | None = None

    def load(
        self, source: str, clients: int, command: str | None = None, **options: object
    ) -> Load:
        """Clients of one source, ready; they stay until they are stopped."""
        common = {"path": "/ws", "protocol": "tailws", "port": self.setup.port, "hold": True}
        said = command or subscribe(source)
        load = Load(clients=clients, lines=1 << 60, subscribe=said, **common, **options)
        load.wait_ready()
        return load

    def cycle(self, number: int, seconds: float) -> None:
        """One hour of the day."""
        lines = int(RATE * seconds * 0.8)
        visitors = [self.load("renamed", 20, first=self.written), self.load("copied", 5)]
        if self._laggard is None:
            reading = subscribe("renamed").replace('"lines": 0', '"from": "start"')
            self._laggard = self.load("renamed", 3, reading, slow=64)
        writers = [
            Writer(path=path, lines=lines, rate=RATE, first=self.written)
            for path in (self.renamed, self.copied)
        ]
        self.reload(number)
        for writer in writers:
            writer.result()
        self.written += lines
        for visitor in visitors:
            visitor.kill()
        if number % 3 == 2:
            self._laggard.kill()  # in the middle of a frame
            self._laggard = None
        rotate(self.renamed, copy=False)
        rotate(self.copied, copy=True)
        time.sleep(seconds * 0.2)
        self.samples.append((self.server.memory(), self.server.fds()))

    def reload(self, number: int) -> None:
        """A config with a source more in every second cycle."""
        sources = list(self.setup.sources or [])
        if number % 2:
            sources.append({"name": "extra", "path": str(self.renamed.with_name("extra.log"))})
        write_config(dataclasses.replace(self.setup, sources=sources))
        self.server.signal(signal.SIGHUP)

    def close(self) -> None:
        """Let the laggard go."""
        if self._laggard is not None:
            self._laggard.kill()


def soak(seconds: float, cycle: float) -> list[str]:
    """Live through the day; what was wrong with it."""
    contender = CONTENDERS["tailws"]
    with scratch() as directory:
        sources = [
            {"name": name, "path": str(directory / f"{name}.log")} for name in ("renamed", "copied")
        ]
        for name in ("renamed", "copied"):
            (directory / f"{name}.log").touch()
        # a laggard gets its gap after 8 MB; rotated files are let go after a second of silence
        limits = {"files": {"lag_bytes": 8 << 20, "retire_quiet": 1}}
        setup = Setup(directory, free_port(), 50, limits, sources)
        with serving(contender, setup) as server:
            day = Day(directory, setup, server)
            stayers = day.load("renamed", 10)
            try:
                cycles = max(6, int(seconds / cycle))
                for number in range(cycles):
                    day.cycle(number, cycle)
                    memory, fds = day.samples[-1]
                    print(
                        f"  hour {number + 1:4}/{cycles}  {memory / 1e6:7.2f} MB  {fds:4} fds",
                        flush=True,
                    )
                time.sleep(2)
                result = stayers.stop()
            finally:
                day.close()
                if stayers.running:
                    stayers.kill()
            words = server.words()
    return verdict(day.samples, result, day.written * 10, words)


def verdict(
    samples: list[tuple[int, int]], result: dict[str, float], expected: int, words: str
) -> list[str]:
    """What was wrong, in sentences."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    problems = []
    for name, index, slack in (("memory (bytes)", 0, MEMORY_SLACK), ("descriptors", 1, FD_SLACK)):
        before = statistics.median(sample[index] for sample in middle)
        after = statistics.median(sample[index] for sample in last)
        print(f"{name}: {before:,.0f} in the middle third, {after:,.0f} in the last")
        if after > before + slack:
            problems.append(f"{name} grew from {before:,.0f} to {after:,.0f}")
    wrong = {
        name: result[name]
        for name in ("lost", "repeated", "swapped", "garbled", "gaps", "errors", "closed")
        if result[name]
    }
    print(
        f"{result['lines']:,} of {expected:,} lines for those who stayed; wrong: {wrong or 'none'}"
    )
    if wrong or result["lines"] != expected:
        problems.append(f"{result['lines']:,} of {expected:,} lines came; {wrong}")
    if "Traceback" in words:
        problems.append(f"the daemon showed a traceback: {words}")
    return problems


def main() -> int:
    """Exit code 1 when something was not let go, or a line was not right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300, help="the length of the day")
    parser.add_argument("--cycle", type=float, default=2, help="the length of an hour of it")
    args = parser.parse_args()
    try:
        build()
        warm_up()
        problems = soak(args.seconds, args.cycle)
    except BenchError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
