"""The real logrotate, with the settings that people use."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from .logfile import LogFile
from .rig import Meanwhile, Rig

LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin:/bin")


def logrotate(rig: Rig, settings: str, *, check: bool = True) -> None:
    """Rotate once, now."""
    assert LOGROTATE, "these scenarios need logrotate: apt install logrotate"
    config = rig.home / "logrotate.conf"
    body = "\n    ".join(["rotate 4", *settings.split(", ")])
    config.write_text(f"{rig.logs}/app.log {{\n    {body}\n}}\n")
    config.chmod(0o644)
    subprocess.run(
        [LOGROTATE, "--force", "--state", rig.home / "logrotate.state", config],
        check=check,
        capture_output=True,
    )


DATED = "dateext, dateformat -%Y%m%d-%s"
XZ = "compresscmd /usr/bin/xz, compressext .xz"

# The pattern that is followed, and what logrotate is told.
RENAMING = {
    "create": ("app.log", "create"),
    "create under a pattern": ("app.log*", "create"),
    "nocreate": ("app.log", "nocreate"),
    "compress": ("app.log", "create, compress, delaycompress"),
    "compress under a pattern": ("app.log*", "create, compress, delaycompress"),
    "xz": ("app.log", f"create, compress, delaycompress, {XZ}"),
    "date": ("app.log", f"create, {DATED}"),
    "date and compress": ("app.log*", f"create, {DATED}, compress, delaycompress"),
    "date before the extension": ("app*.log", f"create, extension .log, {DATED}"),
    "extension": ("app.log", "create, extension .log"),
    "old directory": ("app.log", "nocreate, olddir old, createolddir 755"),
    "start at 0": ("app.log", "create, start 0"),
}


@pytest.mark.parametrize("case", RENAMING)
def test_logrotate_renames(rig: Rig, case: str) -> None:
    """Three rotations; the writer learns of each only after two more lines."""
    pattern, settings = RENAMING[case]
    source = "app" if pattern == "app.log" else "app/app.log"
    files = [rig.file().lines(5).forget()]
    rig.follow(pattern)
    rig.up()
    for _ in range(3):
        files[-1].lines(3)
        rig.expect(*files, source=source)
        if "%s" in settings:
            time.sleep(1.01)  # the date must differ, or logrotate skips the rotation
        logrotate(rig, settings)
        files[-1].lines(2)
        files.append(rig.file())
        files[-2].close()
        files[-1].lines(1)
    rig.client.quiet(0.5)
    rig.expect_sources({source: [line for file in files for line in file]})


@pytest.mark.parametrize("case", ["create", "compress", "xz", "date", "extension", "start at 0"])
def test_logrotate_renames_while_no_daemon_runs(rig: Rig, case: str) -> None:
    """Two rotations without us: the rest of each file, then the new one."""
    _, settings = RENAMING[case]
    files = [rig.live().lines(3)]
    rig.expect(*files)
    with rig.killed():
        for _ in range(2):
            files[-1].lines(3)
            if "%s" in settings:
                time.sleep(1.01)
            logrotate(rig, settings)
            files[-1].lines(2).close()
            files.append(rig.file().lines(1))
    files[-1].lines(1)
    rig.expect(*files)


CUTTING = {
    "copytruncate": ("app.log", "copytruncate"),
    "copytruncate under a pattern": ("app.log*", "copytruncate"),
    "copytruncate and compress under a pattern": ("app.log*", "copytruncate, compress"),
    "copytruncate and delaycompress": ("app.log", "copytruncate, compress, delaycompress"),
}


@pytest.mark.parametrize("case", CUTTING)
def test_logrotate_copies_and_truncates(rig: Rig, meanwhile: Meanwhile, case: str) -> None:
    """Unread lines at the moment of the cut are found in the copy, compressed or not."""
    pattern, settings = CUTTING[case]
    source = "app" if pattern == "app.log" else "app/app.log"
    log = rig.file().lines(5).forget()
    rig.follow(pattern)
    rig.up()
    for _ in range(2):
        log.lines(20)
        rig.expect(log, source=source, unsure=True)
        with meanwhile():
            log.lines(5)
            logrotate(rig, settings)
            log.lines(2)
    log.lines(1)
    rig.expect_sources({source: log}, unsure=True)
    rig.expect_notice("truncated", "rotated", source=source)


def test_logrotate_copies(rig: Rig) -> None:
    """`copy`: a snapshot is not new data, and the log itself has not changed."""
    log = rig.file().lines(5).forget()
    rig.follow("app.log*")
    rig.up()
    for _ in range(3):
        log.lines(3)
        logrotate(rig, "copy")
        log.lines(2)
    rig.expect_sources({"app/app.log": log})
    rig.client.quiet(1)
    rig.expect_sources({"app/app.log": log})


@pytest.mark.parametrize("settings", ["create, shred", "renamecopy"])
def test_logrotate_overwrites_or_copies_the_rotated_file(rig: Rig, settings: str) -> None:
    files = [rig.live().lines(3)]
    for _ in range(3):
        rig.expect(*files)
        logrotate(rig, settings)
        files.append(rig.file().lines(2))
        files[-2].close()
    rig.expect(*files)


def test_logrotate_skips_a_rotation(rig: Rig) -> None:
    """Two rotations on one day with a date as suffix: the second does nothing, and so do we."""
    log = rig.live().lines(3)
    rig.expect(log)
    settings = "create, dateext, dateformat -%Y%m%d"
    logrotate(rig, settings)
    new = rig.file().lines(2)
    log.close()
    rig.expect(log, new)
    logrotate(rig, settings, check=False)  # it complains: the name is taken
    new.lines(2)
    rig.expect(log, new)
    assert len(list(Path(rig.logs).iterdir())) == 2


def test_logrotate_with_a_script_that_signals_the_writer(rig: Rig) -> None:
    """`postrotate` runs while the old file is still written; the signal comes late."""
    flag = rig.home / "reopen"
    log = rig.live().lines(3)
    rig.expect(log)
    logrotate(rig, f"create, postrotate, touch {flag}, endscript")
    assert flag.exists()
    log.lines(200)
    new: LogFile = rig.file().lines(2)
    log.lines(3).close()
    new.lines(1)
    rig.expect(log, new)
