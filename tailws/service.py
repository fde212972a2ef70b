"""`tailws service`: put the systemd units, a config and a token in place, and take them away.

    systemd.unit(5): "units installed by the administrator"   /usr/local/lib/systemd/system
    the config, kept when it is there                         /etc/tailws/tailws.yaml
    the token, kept when it is there, readable by root only   /etc/credstore/tailws.token
    drop-ins to choose from, the config with every key        /usr/local/share/tailws

A Debian package does the same with the package manager's means.
"""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import tailws
from tailws.config import ConfigError, load
from tailws.server.tokens import page_address, random_token

UNITS = Path("/usr/local/lib/systemd/system")
CONFIG = Path("/etc/tailws/tailws.yaml")
TOKEN = Path("/etc/credstore/tailws.token")
SHARE = Path("/usr/local/share/tailws")
#: Where a distribution's package has its units.
PACKAGED = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
#: What ProtectHome= hides from the service.
HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
#: The groups that the units name, where systemd cannot be asked.
GROUPS = ("adm", "systemd-journal")
#: The user and group who own nothing.
NOBODY = 65534
#: What the units' ExecPaths= has already.
EXECUTABLE = (Path("/usr"), Path("/lib"), Path("/lib64"))


class ServiceError(Exception):
    """It cannot be done; the text is one sentence for the user."""


def install() -> None:
    """Install, or bring an installation up to this version, and start. Raises `ServiceError`."""
    _may("install")
    if any((packaged / "tailws.service").exists() for packaged in PACKAGED):
        raise ServiceError("a package of this system has installed the service already.")
    program = _program()
    source = _files("systemd", "_systemd")
    for unit in _units(source):
        _write(UNITS / unit.name, _adapted(unit.read_text(encoding="utf-8"), program), 0o644)
    for extra in sorted((source / "drop-ins").glob("*.conf")):
        _write(SHARE / extra.name, extra.read_text(encoding="utf-8"), 0o644)
    example = _files("config", "_config") / "tailws.yaml"
    _write(SHARE / "every-key.yaml", example.read_text(encoding="utf-8"), 0o644)
    config = (source / "tailws.yaml").read_text(encoding="utf-8")
    _write(CONFIG, config, 0o644, keep=True)
    TOKEN.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(TOKEN, random_token() + "\n", 0o600, keep=True)
    if not Path("/run/systemd/system").is_dir():  # sd_booted(3)
        _say("systemd does not run here; where it does: systemctl enable --now tailws")
        return
    _systemctl("daemon-reload")
    if _systemctl("is-enabled", "--quiet", "tailws.socket", check=False):
        _systemctl("restart", "tailws-activated.service")
    else:
        _systemctl("enable", "--quiet", "tailws.service")
        _systemctl("restart", "tailws.service")
    _say(f"{CONFIG} says what it shows; after a change: systemctl reload tailws")
    address = _address()
    if address:
        _say(f"open {address}")


def uninstall(*, purge: bool) -> None:
    """Stop and remove it; the config and the token stay unless `purge`. Raises `ServiceError`."""
    _may("uninstall")
    names = [unit.name for unit in _units(_files("systemd", "_systemd"))]
    there = [name for name in names if (UNITS / name).exists()]
    if there and Path("/run/systemd/system").is_dir():
        _systemctl("disable", "--quiet", "--now", *there)
    for name in there:
        _remove(UNITS / name)
    if SHARE.is_dir():
        shutil.rmtree(SHARE)
        _say(f"removed {SHARE}")
    if there and Path("/run/systemd/system").is_dir():
        _systemctl("daemon-reload")
        _systemctl("reset-failed", *names, check=False)
    if not purge:
        for path in (CONFIG, TOKEN):
            if path.exists():
                _say(f"kept {path} (--purge removes it)")
        return
    for path in (CONFIG, TOKEN):
        _remove(path)
    if CONFIG.parent.is_dir() and not any(CONFIG.parent.iterdir()):
        CONFIG.parent.rmdir()
    for logs in (Path("/var/log/private/tailws"), Path("/var/log/tailws")):
        if logs.is_symlink():
            _remove(logs)
        elif logs.is_dir():
            shutil.rmtree(logs)
            _say(f"removed {logs}")


def become() -> list[str]:
    """Give up root for what the service's user may read; return the names of its groups.

    Raises `ServiceError`. What a drop-in adds in capabilities is not taken into account.
    """
    if os.geteuid() != 0:
        raise ServiceError("only root can look as the service; try it with sudo")
    words = ["systemctl", "show", "tailws.service", "-p", "SupplementaryGroups", "--value"]
    shown = ""
    if shutil.which("systemctl"):
        shown = subprocess.run(words, check=False, capture_output=True, text=True).stdout  # noqa: S603
    known = {group.gr_name: group.gr_gid for group in grp.getgrall()}
    groups = [name for name in shown.split() or GROUPS if name in known]
    os.setgroups([known[name] for name in groups])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return groups


def _may(action: str) -> None:
    if os.geteuid() != 0:
        raise ServiceError(f"only root may {action} a service; try: sudo tailws service {action}")


def _files(checkout: str, installed: str) -> Path:
    """Return a directory of the package, or of the checkout beside it."""
    package = Path(tailws.__file__).parent
    inside = package / installed
    return inside if inside.is_dir() else package.parent / checkout


def _units(source: Path) -> list[Path]:
    return sorted([*source.glob("*.service"), *source.glob("*.socket")])


def _program() -> Path:
    """Return the command that the service runs. Raises `ServiceError` if its user cannot."""
    program = Path(sys.prefix) / "bin" / "tailws"
    if not program.exists():
        raise ServiceError(f"{program} is missing: install tailws with pip, not as a checkout.")
    for path in (program, Path(sys.executable).resolve(), Path(tailws.__file__)):
        for above in path.parents:
            if above in HIDDEN or not above.stat().st_mode & 0o001:
                raise ServiceError(
                    f"the service's user cannot see {path}, because of {above}. Install tailws "
                    "where everybody can: /usr/bin/python3 -m venv /opt/tailws && "
                    "/opt/tailws/bin/pip install tailws"
                )
    return program


def _adapted(unit: str, program: Path) -> str:
    """Return a unit that runs this program."""
    prefixes = dict.fromkeys(Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix))
    more = [
        str(prefix)
        for prefix in prefixes
        if not any(prefix.is_relative_to(known) for known in EXECUTABLE)
    ]
    unit = unit.replace("=/usr/bin/tailws", f"={program}")
    return unit.replace("ExecPaths=/usr ", " ".join(["ExecPaths=/usr", *more, ""]))


def _write(path: Path, text: str, mode: int, *, keep: bool = False) -> None:
    """Put a file in place at once or not at all; with `keep` only where there is none."""
    if path.exists() and (keep or path.read_text(encoding="utf-8") == text):
        _say(f"kept {path}")
        return
    verb = "updated" if path.exists() else "wrote"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with open(
        os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8"
    ) as f:
        os.fchmod(f.fileno(), mode)
        f.write(text)
    new.replace(path)
    _say(f"{verb} {path}")


def _remove(path: Path) -> None:
    if path.exists() or path.is_symlink():
        path.unlink()
        _say(f"removed {path}")


def _systemctl(*arguments: str, check: bool = True) -> bool:
    """Run systemctl(1) and say so. Raises `ServiceError` when it fails and `check` is set."""
    done = subprocess.run(  # noqa: S603 (a fixed program, no shell)
        ["systemctl", *arguments],  # noqa: S607 (root's own PATH)
        check=False,
        capture_output=not check,
    )
    if check:
        _say("systemctl " + " ".join(a for a in arguments if a != "--quiet"))
    if check and done.returncode:
        raise ServiceError(
            f"systemctl {arguments[0]} failed; 'journalctl -u tailws -n 20' may say why."
        )
    return done.returncode == 0


def _address() -> str:
    """Return the one address to open, as far as the config lets us know it."""
    try:
        config = load(CONFIG)
    except ConfigError:
        return ""
    tokens = config.access.tokens
    ours = tokens != "none" and any(token.credential == TOKEN.name for token in tokens)
    secret = TOKEN.read_text(encoding="utf-8").strip() if ours else ""
    listening = [listen.address for listen in config.listen]
    try:
        return page_address(listening, config.access.base_path, secret)
    except ValueError:  # a name: which of its addresses it is the daemon finds out
        return f"http://{listening[0]}{config.access.base_path}/"


def _say(text: str) -> None:
    print(text, flush=True)
