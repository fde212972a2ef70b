"""What single keys cannot show: rules between keys, and what is suspicious but can be used."""

from collections.abc import Callable, Iterable

from tailws import names
from tailws.config.model import Config, Source, Token
from tailws.config.problems import Report


def check(config: Config, report: Report) -> None:
    """Report what does not fit together."""
    for rule in _RULES:
        rule(config, report)


def _listen(config: Config, report: Report) -> None:
    if not config.listen:
        report.error("listen", "this list is empty; write at least one address")
    fixed = (each.address if each.unix or each.port else "" for each in config.listen)
    _once(report, "listen", "address", fixed)
    for i, each in enumerate(config.listen):
        if not each.unix and f"listen[{i}].group" in report.lines:
            report.error(f"listen[{i}].group", "only a Unix socket has a group")
        if not each.unix and f"listen[{i}].mode" in report.lines:
            report.error(f"listen[{i}].mode", "only a Unix socket has permissions")


def _sources(config: Config, report: Report) -> None:
    _once(report, "sources", "name", (source.name for source in config.sources))
    if not config.sources:
        report.warn("sources", "there are no sources: nothing is followed")
    for i, source in enumerate(config.sources):
        key = f"sources[{i}]"
        plain = [path for path in source.path if names.literal(path) is not None]
        if not source.path:
            report.error(f"{key}.path", "this list is empty; write at least one path")
        if len(plain) > 1:
            report.error(
                f"{key}.path",
                f"{plain[0]} and {plain[1]} would both be the source {source.name!r}; make them "
                "two sources, or write a pattern that matches both",
            )
        _own_archives(source, key, report)


def _own_archives(source: Source, key: str, report: Report) -> None:
    """A pattern such as `app.log*` also follows what logrotate made of the log."""
    for path in source.path:
        last = path.rpartition("/")[2]
        if last.endswith(("log*", "log.*", "log?*")) and not source.exclude:
            report.warn(
                f"{key}.path",
                f"{path} also matches rotated files, which belong to their log and are found "
                f"without it; write {path.rstrip('*?.')} instead",
            )


def may_match(source: Source, name: str, is_pattern: bool = False) -> bool:
    """Tell whether a match of a source's patterns may get this name, or one below it."""
    if not name.startswith(f"{source.name}/"):
        return False
    below = name[len(source.name) + 1 :]
    rests = [names.split(path)[1] for path in source.path if names.literal(path) is None]
    if is_pattern:
        return any(rest.count("/") > below.count("/") or "**" in rest for rest in rests)
    return any(names.path_glob(rest).fullmatch(below) for rest in rests)


def _overlap(config: Config, report: Report) -> None:
    """A name such as `app/x.log` must not be both a source and a match of the pattern `app`."""
    for i, source in enumerate(config.sources):
        is_pattern = any(names.literal(path) is None for path in source.path)
        for j, other in enumerate(config.sources):
            if i != j and may_match(other, source.name, is_pattern):
                report.error(
                    f"sources[{i}].name",
                    f"{source.name!r} could also be a match of the source {other.name!r} on line "
                    f"{report.line(f'sources[{j}].name')}; give one of them another name",
                )


def _tokens(config: Config, report: Report) -> None:
    if isinstance(config.access.tokens, str):
        return
    if "access.tokens" in report.lines and not config.access.tokens:
        report.error(
            "access.tokens",
            "this list is empty; leave the key out for a random token, or write none to let "
            "everybody in",
        )
    _once(report, "access.tokens", "name", (token.name for token in config.access.tokens))
    for i, token in enumerate(config.access.tokens):
        _token(token, f"access.tokens[{i}]", report)


def _token(token: Token, key: str, report: Report) -> None:
    given = [name for name in ("token", "file", "credential") if getattr(token, name)]
    if len(given) != 1:
        said = f"found {' and '.join(given)}" if given else "found none of them"
        report.error(key, f"{said}; write one of token, file and credential")
    elif token.token and len(token.token) < 16:
        report.warn(
            f"{key}.token",
            f"a token of {len(token.token)} characters can be guessed; 'openssl rand -hex 24' "
            "prints a good one",
        )
    if not token.sources:
        report.error(f"{key}.sources", "this list is empty, so the token would show nothing")


def _rules(config: Config, report: Report) -> None:
    _once(report, "rules", "name", (rule.name for rule in config.rules))


def _limits(config: Config, report: Report) -> None:
    lines, files = config.limits.lines, config.limits.files
    pairs = (
        ("lines", lines, "first_lines", "max_lines"),
        ("files", files, "poll_fast", "poll"),
        ("files", files, "retire_quiet", "retire_max"),
    )
    for section, values, low, high in pairs:
        if getattr(values, low) > getattr(values, high):
            key = f"limits.{section}.{low}"
            at = key if key in report.lines else f"limits.{section}.{high}"
            report.error(at, f"{low} must not be more than {high}")


def _once(report: Report, key: str, field: str, values: Iterable[str]) -> None:
    """Each value may stand once; an empty one as often as it likes."""
    first: dict[str, int] = {}
    for i, value in enumerate(values):
        if value and value in first:
            line = report.line(f"{key}[{first[value]}].{field}")
            report.error(
                f"{key}[{i}].{field}",
                f"{value!r} is on line {line} already; each {field} stands once",
            )
        first.setdefault(value, i)


_RULES: tuple[Callable[[Config, Report], None], ...] = (
    _listen, _sources, _overlap, _tokens, _rules, _limits,
)  # fmt: skip
