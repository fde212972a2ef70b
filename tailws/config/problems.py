"""What a wrong config is told: problems with their place, collected before anything is said."""

from msgspec import Struct, field

MAX_PROBLEMS = 40  # nobody reads more at once


class Problem(Struct, frozen=True):
    """One thing that is wrong: where, and in a sentence what was found and what would be right."""

    file: str
    line: int
    """Counted from 1; 0 where no line can be named."""
    key: str
    """As in `sources[2].path`; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(Exception):
    """A config that cannot be used, with all that is wrong with it, from top to bottom."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(map(str, self.problems)))


class Report(Struct):
    """Collects problems, and remembers on which line each key stands."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def error(self, key: str, message: str, line: int | None = None) -> None:
        """Note an error at a key; the line is where the key, or the nearest one above, stands."""
        self.problems.append(
            Problem(self.file, self.line(key) if line is None else line, key, message)
        )
        if len(self.problems) >= MAX_PROBLEMS:
            last = max(problem.line for problem in self.problems)
            self.problems.append(Problem(self.file, last, "", "and maybe more"))
            self.stop()

    def warn(self, key: str, message: str) -> None:
        """Note what is suspicious but can be used."""
        self.warnings.append(Problem(self.file, self.line(key), key, message))

    def line(self, key: str) -> int:
        """Return the line of a key, or of the nearest one above it."""
        while key and key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines.get(key, 0)

    def stop(self) -> None:
        """Raise what was collected, if anything was."""
        if self.problems:
            raise ConfigError(self.problems)
