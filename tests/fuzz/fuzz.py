"""Throw mutated input at every target for a while.

    python -m tests.fuzz.fuzz SECONDS [TARGET...]

An input that makes a target raise, or takes it more than a second, is written to corpus/TARGET/,
where a test replays it from then on; the exit status is then 1. An input that makes something new
happen joins the pool from which the next ones are made.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Hashable
from pathlib import Path

from tests.fuzz.targets import SEEDS, TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
MAX_INPUT = 65_536
# More than all that a target may hold at a time, by far.
MAX_GROWTH_KIB = 200 * 1024

INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\x7e",
    b"\xfe",
    b"\x00\x00\xff\xff",
    b'"',
    b"\\",
)


def corpus(target: str) -> list[Path]:
    return sorted((CORPUS / target).glob("*"))


def mutate(source: random.Random, data: bytes, other: bytes) -> bytes:
    result = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 2, 4, 16))):
        at = source.randrange(len(result) + 1)
        end = min(len(result), at + source.choice((1, 2, 4, 16, 256)))
        match source.randrange(8):
            case 0:
                del result[at:end]
            case 1:
                result[at:at] = source.randbytes(source.choice((1, 2, 8, 64)))
            case 2:
                result[at:at] = result[at:end] * source.choice((1, 2, 100))
            case 3 if at < len(result):
                result[at] ^= 1 << source.randrange(8)
            case 4:
                result[at:at] = source.choice(INTERESTING)
            case 5:
                result[at:end] = source.choice(INTERESTING)
            case 6:
                result[at:] = other[source.randrange(len(other) + 1) :]
            case _:
                result[at:at] = other[: source.randrange(len(other) + 1)]
    return bytes(result[:MAX_INPUT])


class Fuzzer:
    """One target, the inputs from which new ones are made, and what has been seen to happen."""

    def __init__(self, name: str, target: Target, source: random.Random) -> None:
        self.name = name
        self.target = target
        self.source = source
        self.pool = [*SEEDS[name], *(path.read_bytes() for path in corpus(name))]
        self.seen: set[Hashable] = set()
        self.runs = 0
        self.found = 0

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.round()

    def round(self) -> None:
        for _ in range(100):
            data, other = self.source.choices(self.pool, k=2)
            self.one(mutate(self.source, data, other))

    def one(self, data: bytes) -> None:
        self.runs += 1
        began = time.thread_time()
        try:
            outcome = self.target(data)
        except Exception:  # noqa: BLE001 - whatever it is, it is what we are looking for
            self.keep(data, traceback.format_exc())
            return
        took = time.thread_time() - began
        if took > 1:
            self.keep(data, f"took {took:.1f} s")
        if outcome not in self.seen and len(self.seen) < 10_000:
            self.seen.add(outcome)
            self.pool.append(data)

    def keep(self, data: bytes, what: str) -> None:
        self.found += 1
        path = CORPUS / self.name / hashlib.sha256(data).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{self.name}: found {path}\n{what}", flush=True)
        if self.found >= 10:
            sys.exit(f"{self.name}: enough")


def main() -> None:
    parser = argparse.ArgumentParser(description="Throw mutated input at the codec.")
    parser.add_argument("seconds", type=float)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    arguments = parser.parse_args()
    seed = int(os.environ.get("FUZZ_SEED") or time.time_ns())
    source = random.Random(seed)
    print(f"fuzz: FUZZ_SEED={seed}", flush=True)
    found = 0
    for name in arguments.targets:
        fuzzer = Fuzzer(name, TARGETS[name], source)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        fuzzer.run(arguments.seconds / len(arguments.targets))
        growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(
            f"fuzz: {name}: {fuzzer.runs} inputs, {len(fuzzer.seen)} outcomes, "
            f"{growth} KiB more memory, {fuzzer.found} found",
            flush=True,
        )
        found += fuzzer.found + (growth > MAX_GROWTH_KIB)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
