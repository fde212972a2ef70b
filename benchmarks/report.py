"""Figures to tables and plots."""

import statistics
from pathlib import Path
from typing import Any

import plot
from workloads import WORKLOADS, Figures, Workload

FAULTS = ("lost", "unread", "repeated", "swapped", "garbled", "gaps", "errors", "closed",
          "slow_lost", "slow_unread", "slow_repeated", "slow_swapped", "slow_garbled")  # fmt: skip
DOCUMENT = "performance.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
UNITS = {
    "cpu_us_per_line": "us/line",
    "cpu_us_per_written": "us/line written",
    "mb_per_s": "MB/s",
    "mb_per_cpu_s": "MB per second of CPU",
    "connection_kb": "kB",
    "growth_kb": "kB",
    "core_percent": "% of a core",
    "first_line_ms": "ms",
    "p99_ms": "ms",
}


def brief(workload: Workload, figures: Figures) -> str:
    """One run in one line."""
    parts = [f"{figures[workload.metric]:.3g} {UNITS[workload.metric]}"]
    if "p50_ms" in figures and workload.metric != "p99_ms":
        parts.append(f"p50 {figures['p50_ms']:.2f} p99 {figures['p99_ms']:.1f} ms")
    if wrong := {name: int(figures[name]) for name in FAULTS if figures.get(name)}:
        parts.append(f"WRONG {wrong}")
    return ", ".join(parts)


def _median(runs: list[Figures], name: str) -> float | None:
    values = [run[name] for run in runs if name in run]
    return statistics.median(values) if values else None


def ratios(results: dict[str, list[Figures]], workload: Workload, label: str) -> list[float]:
    """Within each round, the metric of `label` over that of the baseline."""
    base = {run["round"]: run[workload.metric] for run in results.get(workload.baseline, [])}
    return [
        run[workload.metric] / base[run["round"]]
        for run in results.get(label, [])
        if base.get(run["round"])
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.2f}"


def _spread(values: list[float], unit: str = "") -> str:
    if not values:
        return ""
    text = f"**{_number(statistics.median(values))}**{unit}"
    return text if len(values) == 1 else f"{text} ({_number(min(values))}-{_number(max(values))})"


COLUMNS = (
    ("MB/s", "mb_per_s"),
    ("p50 ms", "p50_ms"),
    ("p99 ms", "p99_ms"),
    ("bytes/line", "wire_bytes_per_line"),
    ("growth kB", "growth_kb"),
)


def _table(workload: Workload, results: dict[str, list[Figures]]) -> list[str]:
    columns = [
        (title, name)
        for title, name in COLUMNS
        if name != workload.metric and any(name in run for runs in results.values() for run in runs)
    ]
    heads = ["", "ratio" if workload.baseline else "", UNITS[workload.metric]]
    heads += [title for title, _ in columns] + ["wrong"]
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for label, runs in results.items():
        if not runs:
            rows.append(f"| {label} | | failed |" + " |" * (len(columns) + 1))
            continue
        cells = [label]
        cells.append(_spread(ratios(results, workload, label), " x") if workload.baseline else "")
        cells.append(_spread([run[workload.metric] for run in runs]))
        cells += [_number(_median(runs, name)) for _, name in columns]
        wrong = {name: sum(int(run.get(name, 0)) for run in runs) for name in FAULTS}
        cells.append(
            ", ".join(f"{count:,} {name}" for name, count in wrong.items() if count) or "nothing"
        )
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def failures(outcome: dict[str, Any]) -> list[str]:
    """Runs of tailws that did not end or in which a line was wrong."""
    found = []
    for key, results in outcome["results"].items():
        for label, runs in results.items():
            if label in ("floor", "tailws") and not runs:
                found.append(f"{key}: {label} did not run")
            if label == "tailws" and any(run.get(name) for run in runs for name in FAULTS):
                found.append(f"{key}: {label} lost, repeated or swapped lines")
    return found


def markdown(outcome: dict[str, Any]) -> str:
    """The results as text."""
    machine = outcome["machine"]
    where = f"{machine['cpu']}, {machine['memory']}, Linux {machine['kernel']}"
    text = [
        " ".join(
            (
                f"Measured on {outcome['date']} with `{outcome['command'].strip()}`",
                f"in {outcome['seconds'] / 60:.0f} min: {where}, Python {machine['python']};",
                f"load average before it began {machine['load']}.",
            )
        ),
        "",
    ]
    for workload in WORKLOADS:
        results = outcome["results"].get(workload.key)
        if results is None:
            continue
        text += [
            f"### {workload.title}",
            "",
            f"Goal: {workload.goal}",
            "",
            *_table(workload, results),
            "",
        ]
    for key, curves in outcome["curves"].items():
        text += [
            f"### Growth with {key}",
            "",
            f"| {key} | " + " | ".join(f"{name}, us/line" for name in curves) + " |",
        ]
        text.append("|---|" + "---|" * len(curves))
        sizes = sorted({point[0] for points in curves.values() for point in points})
        for size in sizes:
            cells = []
            for points in curves.values():
                found = [point for point in points if point[0] == size]
                cells.append(
                    _spread([found[0][1]]) + f" ({_number(found[0][2])}-{_number(found[0][3])})"
                    if found
                    else ""
                )
            text.append(f"| {size:,} | " + " | ".join(cells) + " |")
        text.append("")
    for label, why in outcome["skipped"].items():
        text.append(f"Skipped: {label}: {why}.")
    return "\n".join(text)


def write(outcome: dict[str, Any], docs: Path) -> None:
    """Put the results between the marks of docs/performance.md, and the plots beside it."""
    (docs / "img").mkdir(parents=True, exist_ok=True)
    pictures = []
    bars = []
    for key in ("fanout", "window", "crowd"):
        workload = next(workload for workload in WORKLOADS if workload.key == key)
        results = outcome["results"].get(key)
        if results:
            rows = [
                (label, values) for label in results if (values := ratios(results, workload, label))
            ]
            bars.append((workload.title, rows))
    if bars:
        name = "cpu-per-line.svg"
        (docs / "img" / name).write_text(
            plot.bars("CPU for each delivered line; 1: the floor in C", bars)
        )
        pictures.append(f"![CPU for each delivered line as a ratio to the floor](img/{name})")
    for key, curves in outcome["curves"].items():
        name = f"growth-{key}.svg"
        (docs / "img" / name).write_text(
            plot.curves(f"CPU for each delivered line (us), by number of {key}", key, curves)
        )
        pictures.append(f"![CPU for each delivered line by number of {key}](img/{name})")
    document = docs / DOCUMENT
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{document} has no {BEGIN} ... {END}")
    body = "\n\n".join([*pictures, markdown(outcome)])
    document.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")
