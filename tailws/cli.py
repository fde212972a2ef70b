"""The command line: arguments in, exit codes out, and no traceback for anything a user does.

| exit code | meaning |
|---|---|
| 0 | ended by SIGTERM or Ctrl-C; `check` found nothing wrong |
| 1 | `reload`: refused, or no answer; `service`, `check --service`: it could not be done |
| 2 | the command line is wrong |
| 69 | it cannot listen: the address is in use, or not permitted (EX_UNAVAILABLE) |
| 70 | a bug in tailws (EX_SOFTWARE) |
| 78 | the config is wrong (EX_CONFIG) |
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

import tailws
from tailws.config import Config, ConfigError, Listen, Problem, for_paths, load
from tailws.config.kinds import address

EX_USAGE = 2
EX_UNAVAILABLE = os.EX_UNAVAILABLE
EX_SOFTWARE = os.EX_SOFTWARE
EX_CONFIG = os.EX_CONFIG

SYSTEM_CONFIG = Path("/etc/tailws/tailws.yaml")

_USAGE = """\
tailws [--listen HOST:PORT] PATH|GLOB ...
       tailws [--listen HOST:PORT] [--config FILE]
       tailws check FILE
       tailws service install|uninstall"""

_DESCRIPTION = """\
Watch log files live in a browser. tailws follows the files and prints one address
to open; rotated files are followed, and no line is lost in silence.
"""

_EPILOG = f"""\
A glob is best quoted, so that files that appear later are found too. '**' stands
for any number of directories.

Without arguments {SYSTEM_CONFIG} is used.
'tailws check' says what is wrong with a config, which files each pattern matches now,
and which of them cannot be read. 'tailws service' makes a systemd service of it.

examples:
  tailws /var/log/syslog
  tailws app.log '/var/log/nginx/*.log'
  tailws --listen 127.0.0.1:8080 '/var/log/**/*.log'
  tailws --listen unix:/run/tailws.sock app.log
  tailws --config /etc/tailws/tailws.yaml
  tailws check /etc/tailws/tailws.yaml
  sudo tailws service install

Ctrl-C ends it. Exit codes: 0 ended as it should, 2 wrong usage, 69 cannot listen,
78 wrong config.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _interrupted)  # until the daemon has its own
    try:
        command = _COMMANDS.get(arguments[0]) if arguments else None
        return command(arguments[1:]) if command is not None else _serve(arguments)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Whoever read our output has gone (`tailws --help | head -1`); nothing is left to say, and
        # flushing at exit must not say it either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception:
        logging.getLogger(__name__).critical("this is a bug in tailws", exc_info=True)
        return EX_SOFTWARE


def _interrupted(_signum: int, _frame: FrameType | None) -> NoReturn:
    """Let SIGTERM end the start as Ctrl-C does."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tailws",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("paths", metavar="PATH|GLOB", nargs="*", help="what to follow")
    parser.add_argument("--config", metavar="FILE", help="read this config (YAML or JSON)")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where browsers connect (default: 127.0.0.1:3368); also unix:/path",
    )
    parser.add_argument("--version", action="version", version=f"tailws {tailws.__version__}")
    return parser


def _serve(arguments: list[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.config and options.paths:
        parser.error("give either --config or paths, not both")
    if not options.config and not options.paths:
        if not SYSTEM_CONFIG.exists():
            parser.error(
                f"say what to follow, as in: tailws app.log  (and {SYSTEM_CONFIG} is not there)"
            )
        options.config = str(SYSTEM_CONFIG)
    loader = _loader(parser, options.config, options.paths, options.listen)
    warnings: list[Problem] = []
    try:
        config = loader(warnings)
    except ConfigError as error:
        return _refuse(error, EX_CONFIG if options.config else EX_USAGE)

    from tailws import daemon, log
    from tailws.server.listener import ListenError
    from tailws.server.tokens import TokenError

    log.set_up(config.log.level, config.log.format)
    for warning in warnings:
        logging.getLogger(__name__).warning("%s", warning)
    try:
        daemon.run(config, loader=loader if options.config else None, announce=_announce)
    except ListenError as error:
        return _fail(str(error), EX_UNAVAILABLE)
    except TokenError as error:
        return _fail(str(error), EX_CONFIG)
    return 0


Loader = Callable[[list[Problem]], Config]


def _loader(
    parser: argparse.ArgumentParser, file: str | None, paths: list[str], listen: str | None
) -> Loader:
    """Return what loads the config, now and at each reload; it raises `ConfigError`."""
    if file is None:
        return lambda _warnings: for_paths(paths, listen)
    instead: tuple[Listen, ...] = ()
    if listen is not None:
        try:
            instead = (Listen(address=address(listen, os.getcwd())),)
        except ValueError as error:
            parser.error(f"argument --listen: found {listen!r}; {error}")
    path = os.path.abspath(file)

    def read(warnings: list[Problem]) -> Config:
        config = load(path, warnings)
        return msgspec.structs.replace(config, listen=instead) if instead else config

    return read


def _announce(url: str) -> None:
    """Print the one address to open, alone on its line, for people and scripts alike."""
    if sys.stdout.isatty():
        print("Open this in a browser (Ctrl-C ends tailws):", file=sys.stderr, flush=True)
    try:
        print(url, flush=True)
    except OSError:
        pass  # nobody reads it; that is no reason to end


def _check(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="tailws check",
        description="Say what is wrong with a config, and what each of its patterns matches now. "
        "Exits with 0 when the config can be used, with 78 when not.",
    )
    parser.add_argument("file", metavar="FILE", help="the config")
    parser.add_argument(
        "--service",
        action="store_true",
        help="as root: see the files as the systemd service does, with its groups",
    )
    options = parser.parse_args(arguments)
    warnings: list[Problem] = []
    try:
        config = load(options.file, warnings)
    except ConfigError as error:
        return _refuse(error, EX_CONFIG)

    from tailws import service
    from tailws.check import report

    if options.service:
        try:
            groups = service.become()
        except service.ServiceError as error:
            return _fail(str(error), 1)
        print(f"As the service: nobody, with the groups {', '.join(groups)}.")

    for line in report(config, options.file, warnings):
        print(line)
    return 0


def _reload(arguments: list[str]) -> int:
    argparse.ArgumentParser(
        prog="tailws reload",
        description="Have the service's daemon reload its config, wait for its answer, and fail "
        "with all errors when it refuses. This is for ExecReload= in the unit; people write: "
        "systemctl reload tailws",
    ).parse_args(arguments)
    from tailws import log, reload

    try:
        outcome = reload.ask()
    except reload.ReloadError as error:
        return _fail(f"not reloaded: {error}", 1)
    if not log.under_systemd():  # in the journal the daemon has said it
        for problem in outcome.problems:
            _complain(problem)
    return 0 if outcome.accepted else _fail("the config was refused; the old one goes on", 1)


def _service(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="tailws service",
        description="Put tailws in place as a systemd service, or take it away. Both say what "
        "they do and can be repeated; what you have changed is kept.",
    )
    parser.add_argument("action", choices=["install", "uninstall"])
    parser.add_argument(
        "--purge", action="store_true", help="with uninstall: the config and the token as well"
    )
    options = parser.parse_args(arguments)
    from tailws import service

    if options.purge and options.action != "uninstall":
        parser.error("--purge goes with uninstall")
    try:
        if options.action == "install":
            service.install()
        else:
            service.uninstall(purge=options.purge)
    except service.ServiceError as error:
        return _fail(str(error), 1)
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "check": _check,
    "reload": _reload,
    "service": _service,
}


def _refuse(error: ConfigError, code: int) -> int:
    """Tell all that is wrong, and nothing else."""
    for problem in error.problems:
        _complain(str(problem))
    return code


def _fail(text: str, code: int) -> int:
    _complain(f"tailws: {text}")
    return code


def _complain(text: str) -> None:
    """Say what is wrong where there is no log yet; in the journal it has an error's priority."""
    from tailws import log

    prefix = "<3>" if log.under_systemd() else ""
    print("\n".join(prefix + line for line in text.split("\n")), file=sys.stderr, flush=True)
