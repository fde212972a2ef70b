"""How the cost of a delivered line changes from one client or file to 5,000.

The number of lines delivered in a second stays the same along a curve, so that what changes is
only among how many it is shared out.
"""

import dataclasses
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from machine import BenchError
from workloads import Figures, Variant, fan_out, many_files


@dataclass(frozen=True)
class Growth:
    """One curve for each contender."""

    key: str
    title: str
    unit: str
    sizes: tuple[int, ...]
    contenders: tuple[str, ...]
    at: Callable[[int], Callable[[Variant, float], Figures]]
    metric: str = "cpu_us_per_line"

    def only(self, names: list[str]) -> "Growth":
        """The same for some of the contenders."""
        chosen = tuple(name for name in self.contenders if name in names)
        return dataclasses.replace(self, contenders=chosen)

    def measure(
        self, rounds: int, scale: float, say: Callable[[str], None]
    ) -> dict[str, list[tuple[int, float, float, float]]]:
        """For each contender: (size, median, least, greatest) of the cost."""
        curves: dict[str, list[tuple[int, float, float, float]]] = {
            name: [] for name in self.contenders
        }
        for size in self.sizes:
            runs: dict[str, list[float]] = {name: [] for name in self.contenders}
            for _ in range(rounds):
                for name in self.contenders:
                    try:
                        figures = self.at(size)(Variant(name, name), scale)
                    except BenchError as error:
                        say(f"  {self.key} {size} {name}: FAILED: {error}")
                        continue
                    runs[name].append(figures[self.metric])
                    wrong = sum(
                        figures[fault] for fault in ("lost", "unread", "repeated", "swapped")
                    )
                    say(
                        f"  {size:5} {self.unit} {name:8} {figures[self.metric]:8.3f} us, "
                        f"{wrong:.0f} wrong"
                    )
            for name, values in runs.items():
                if values:
                    curves[name].append((size, statistics.median(values), min(values), max(values)))
        return curves


def _clients(count: int) -> Callable[[Variant, float], Figures]:
    return fan_out(count, max(10, min(1000, 100_000 // count)), 4, 10)


GROWTH = (
    Growth(
        "clients",
        "CPU for each delivered line, 1 to 5,000 clients (10 ms window)",
        "clients",
        (1, 10, 100, 1000, 5000),
        ("floor", "tailws"),
        _clients,
    ),
    Growth(
        "files",
        "CPU for each delivered line, 1,000 lines/s over 1 to 5,000 files (50 ms window)",
        "files",
        (10, 100, 1000, 5000),
        ("tailws",),
        lambda count: many_files(count, 1000 if count < 5000 else 5000, 5),
    ),
)
