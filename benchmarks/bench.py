#!/usr/bin/env python3
"""What tailws costs beside the least that any server must do, and beside its peers.

    python benchmarks/bench.py                 # the quick form, about two minutes
    python benchmarks/bench.py --full          # all workloads, about fifteen minutes
    python benchmarks/bench.py fanout flat-out # only these

Contenders take turns (A B A B ...) within one run, so that a machine that gets slower gets slower
for all; figures are medians over the rounds with the least and the greatest beside them, and
ratios are taken within a round. `--write` puts tables and plots into docs/.
"""

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import report
from contenders import CONTENDERS, warm_up
from growth import GROWTH
from machine import CACHE, HERE, PEERS, BenchError, build, describe
from workloads import WORKLOADS, Figures, Variant, Workload

QUICK = {"fanout": 3, "window": 2, "crowd": 1, "flat-out": 2, "deflate": 1, "idle": 1, "hot": 1,
         "neighbour": 1, "files": 1, "start": 2, "find": 1}  # fmt: skip
QUICK_SCALE = {"flat-out": 0.25, "idle": 0.2}
#: Rounds of the full form, which has fifteen minutes; of the rest there are two.
ROUNDS = {"fanout": 9, "window": 9, "crowd": 3, "flat-out": 5, "deflate": 3, "files": 3, "start": 5,
          "silent": 5, "idle": 1, "find": 1}  # fmt: skip
#: Rounds that peers take part in, in the full form; those that take long, and all quick ones: one.
PEER_ROUNDS = 2
LONG = ("idle", "stalled")

Results = dict[str, dict[str, list[Figures]]]


def say(text: str) -> None:
    """Progress, beside the results."""
    print(text, file=sys.stderr, flush=True)


def unable(variant: Variant, peers: bool) -> str:
    """Why a variant is not measured, or nothing."""
    if not peers and variant.contender not in ("floor", "tailws"):
        return "peers are left out"
    return CONTENDERS[variant.contender].missing()


def measure(
    workload: Workload, rounds: int, peer_rounds: int, scale: float, variants: list[Variant]
) -> dict[str, list[Figures]]:
    """Every variant once in each round, peers in the first ones only."""
    results: dict[str, list[Figures]] = {variant.label: [] for variant in variants}
    for number in range(rounds):
        for variant in variants:
            if variant in workload.peers and number >= peer_rounds:
                continue
            began = time.monotonic()
            try:
                figures = workload.run(variant, scale)
            except BenchError as error:
                say(f"  {workload.key} {variant.label}: FAILED: {error}")
                continue
            figures["round"] = number
            results[variant.label].append(figures)
            took = time.monotonic() - began
            say(f"  {workload.key:9} {number + 1}/{rounds} {variant.label:22} "
                f"{report.brief(workload, figures)}  [{took:.1f} s]")  # fmt: skip
    return results


def main() -> int:
    """Run what was asked for, print the tables, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "workloads", nargs="*", help="only these (default: as many as the form has)"
    )
    parser.add_argument(
        "--full", action="store_true", help="every workload, more rounds, the curves"
    )
    parser.add_argument("--no-peers", action="store_true", help="only the floor and tailws")
    parser.add_argument("--rounds", type=int, help="rounds of each workload")
    parser.add_argument("--scale", type=float, help="length of each run (1: as described)")
    parser.add_argument("--only", help="only these contenders, with commas")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and plots")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    args = parser.parse_args()

    if args.list:
        for workload in WORKLOADS:
            print(f"{workload.key:10} {workload.title}; goal: {workload.goal}")
        return 0
    known = {workload.key for workload in WORKLOADS} | {"growth"}
    if unknown := set(args.workloads) - known:
        parser.error(
            f"no workload {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        )

    try:
        build()
        warm_up()
    except (BenchError, subprocess.CalledProcessError) as error:
        say(f"cannot build: {error}")
        return 1
    if not args.no_peers:
        say("peers: " + str(PEERS))
        subprocess.run([str(HERE / "peers/setup.sh"), str(PEERS)], check=True, stdout=sys.stderr)

    before, began = describe(), time.time()
    results: Results = {}
    skipped: dict[str, str] = {}
    for workload in WORKLOADS:
        if args.workloads and workload.key not in args.workloads:
            continue
        if not args.workloads and not args.full and workload.key not in QUICK:
            continue
        quick = not args.full
        rounds = args.rounds or (
            QUICK.get(workload.key, 1) if quick else ROUNDS.get(workload.key, 2)
        )
        scale = args.scale or (QUICK_SCALE.get(workload.key, 0.4) if quick else 1)
        wanted = workload.variants
        if args.full or workload.key == "fanout" or args.workloads:
            wanted += workload.peers
        if args.only:
            wanted = tuple(v for v in wanted if v.contender in args.only.split(","))
        variants = []
        for variant in wanted:
            if why := unable(variant, not args.no_peers):
                skipped[variant.label] = why
            else:
                variants.append(variant)
        say(f"{workload.key}: {workload.title}")
        peer_rounds = args.rounds or (1 if quick or workload.key in LONG else PEER_ROUNDS)
        results[workload.key] = measure(workload, rounds, peer_rounds, scale, variants)

    curves: dict[str, Any] = {}
    if "growth" in args.workloads or (args.full and not args.workloads):
        for growth in GROWTH:
            say(f"growth: {growth.title}")
            chosen = growth if not args.only else growth.only(args.only.split(","))
            curves[growth.key] = chosen.measure(
                args.rounds or 1, args.scale or (1 if args.full else 0.4), say
            )

    outcome = {
        "machine": before,
        "command": "benchmarks/bench.py " + " ".join(sys.argv[1:]),
        "seconds": time.time() - began,
        "date": time.strftime("%Y-%m-%d", time.gmtime(began)),
        "results": results,
        "curves": curves,
        "skipped": skipped,
    }
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "last.json").write_text(json.dumps(outcome))
    print(report.markdown(outcome))
    if args.write:
        report.write(outcome, HERE.parent / "docs")
    return 1 if report.failures(outcome) else 0


if __name__ == "__main__":
    sys.exit(main())
