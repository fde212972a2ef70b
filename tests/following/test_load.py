"""Load, odd machines and limits: fast writers, slow readers, no watches, few descriptors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from .logfile import LogFile
from .rig import NO_INOTIFY, Rig, needs_root


def test_two_hundred_thousand_writes(rig: Rig) -> None:
    """A write(2) for each line, as fast as they go."""
    log = rig.live().lines(200_000)
    rig.expect(log, deadline=60)


def test_eight_writers(rig: Rig) -> None:
    """Eight processes append to one file: every line, each writer's in its order."""
    rig.live()
    program = (
        "import os, sys\n"
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)\n"
        "for n in range(2000): os.write(fd, f'{sys.argv[2]} {n}\\n'.encode())\n"
    )
    path = rig.logs / "app.log"
    writers = [
        subprocess.Popen([sys.executable, "-c", program, path, str(number)]) for number in range(8)
    ]
    for writer in writers:
        assert writer.wait() == 0
    written = path.read_text().splitlines()[2:]
    assert len(written) == 16_000
    rig.expect(written, deadline=40)


def test_hot_file_is_rotated_by_its_writer(rig: Rig) -> None:
    """Five rotations within a fraction of a second, 8000 lines in each file."""
    files = [rig.live().lines(8000)]
    for _ in range(4):
        files.append(files[-1].rotate().lines(8000))
    rig.expect(*files, deadline=40)


def test_five_gigabytes(rig: Rig) -> None:
    """Offsets beyond 2**32, found at once and resumed."""
    log = rig.file()
    os.ftruncate(log.fd, 5 << 30)
    log.raw(b"\n")
    rig.follow("app.log")
    rig.up()
    log.lines(3)
    rig.expect(log)
    with rig.killed():
        log.lines(3)
    rig.expect(log)


def test_file_grows_by_a_hole_of_five_gigabytes(rig: Rig) -> None:
    log = rig.live().lines(1)
    rig.expect(log)
    os.ftruncate(log.fd, 5 << 30)
    log.lines(3)
    rig.expect(log)


def test_client_that_does_not_read(rig: Rig) -> None:
    """It stalls while 100,000 lines come: the other client is served, memory stays bounded,
    and it gets all of them when it reads again."""
    log = rig.live()
    slow = rig.client
    rig.connect()
    before = int(rig.status("VmRSS").split()[0])
    fast = rig.clients[1]
    text = [f"{number:06d} " + "#" * 193 for number in range(100_000)]
    log.owed += text
    for at in range(0, len(text), 1000):
        log.raw("".join(line + "\n" for line in text[at : at + 1000]).encode())
        while fast.pump(0):
            pass
    fast.until(lambda: len(fast.items["app"]) >= len(text), "all lines at the fast client")
    grown = int(rig.status("VmRSS").split()[0]) - before
    assert grown < 64 * 1024, f"the daemon grew by {grown} KiB"
    assert len(slow.items["app"]) < len(text)
    rig.expect(log, deadline=40)


def test_client_that_does_not_read_over_rotations(rig: Rig) -> None:
    """A laggard crosses the rotations when it reads again: each line, or a gap."""
    files = [rig.live()]
    filler = "#" * 500
    for _ in range(5):
        for number in range(4000):
            files[-1].say(f"{len(files)} {number} {filler}")
        time.sleep(0.2)
        files.append(files[-1].rotate())
    files[-1].lines(1)
    rig.expect(*files, deadline=40)


def test_no_inotify_watch(rig: Rig) -> None:
    """With the watch limit at 0 the daemon says so and finds everything by looking."""
    rig.prefix = NO_INOTIFY
    log = rig.live().lines(3)
    rig.expect(log)
    new = log.rotate(stays=True).lines(2)
    log.lines(2).close()
    rig.expect(log, new)
    assert "watch" in rig.said().lower() or "inotify" in rig.said().lower()


def test_no_inotify_watch_under_a_pattern(rig: Rig) -> None:
    rig.prefix = NO_INOTIFY
    rig.awaited("*/*.log")
    due = {f"app/d{n}/x.log": rig.file(f"d{n}/x.log").lines(2) for n in range(5)}
    rig.expect_sources(due)


def test_queue_overflow(rig: Rig) -> None:
    """The kernel drops events, among them those of a rotation: a look finds it all."""
    log = rig.live().lines(2)
    rig.expect(log)
    with rig.frozen():
        for number in range(12_000):
            name = rig.logs / f"noise{number % 100}"
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
            name.unlink()
        log.lines(1)
        new = log.rotate(stays=True).lines(2)
        log.lines(1).close()
    new.lines(1)
    rig.expect(log, new)
    third = new.rotate().lines(2)
    rig.expect(log, new, third)


DEAF = """
from tailws.runtime.watch import Watch
Watch._note = lambda watch, watched: None
"""


def test_hints_that_never_come(rig: Rig) -> None:
    """Every watch can be had, and none of them tells anything: all is found by looking."""
    rig.prelude = DEAF
    rig.limits = {"files": {"poll": 0.3}}
    log = rig.live().lines(3)
    rig.expect(log)
    new = log.rotate(stays=True).lines(2)
    log.lines(2).close()
    rig.expect(log, new)
    third = new.rotate().lines(2)
    rig.expect(log, new, third)
    third.lines(1)
    rig.expect(log, new, third)


STALE_ATTRIBUTES = """
import os, time
kept = {{}}
def stale(function):
    def attributes(file, **how):
        now = function(file, **how)
        path = os.readlink(f"/proc/self/fd/{{file}}") if isinstance(file, int) else str(file)
        if not path.startswith({logs!r}):
            return now
        key = now.st_dev, now.st_ino
        if key not in kept or time.monotonic() - kept[key][0] > 0.5:
            kept[key] = time.monotonic(), now
        return kept[key][1]
    return attributes
os.stat, os.fstat = stale(os.stat), stale(os.fstat)
"""


def test_stale_attributes(rig: Rig) -> None:
    """Sizes and times are half a second old, as on a network file system: what read(2) gives
    beyond them is no truncation, nothing comes twice, and rotations are followed."""
    rig.prelude = STALE_ATTRIBUTES.format(logs=str(rig.logs))
    log = rig.live().lines(3)
    rig.expect(log)
    for _ in range(10):
        log.lines(2)
        rig.expect(log)
    new = log.rotate(stays=True).lines(2)
    log.lines(1).close()
    rig.expect(log, new)
    new.lines(1)
    rig.expect(log, new)


def test_two_clients(rig: Rig) -> None:
    """All clients of a source get the same lines."""
    log = rig.live()
    rig.connect()
    log.lines(500)
    rig.connect()
    rig.expect_nothing(0)
    rig.clients.pop().disconnect()
    new = log.rotate().lines(500)
    rig.expect(log, new)


def _mount(rig: Rig, *arguments: str) -> None:
    target = arguments[-1]
    subprocess.run(["mount", *arguments], check=True)
    rig.stack.callback(subprocess.run, ["umount", "-l", target], check=True)


@needs_root
def test_tmpfs(rig: Rig) -> None:
    _mount(rig, "-t", "tmpfs", "tmpfs", str(rig.logs))
    files = [rig.live().lines(2)]
    with rig.frozen():
        files.append(files[-1].rotate().lines(2))
        files.append(files[-1].rotate().lines(2))
    with rig.killed():
        files.append(files[-1].lines(1).rotate().lines(2))
    rig.expect(*files)


@needs_root
def test_overlayfs(rig: Rig) -> None:
    """The first append copies the file up from the lower layer: its identity may change."""
    disk = rig.home / "disk"
    disk.mkdir()
    _mount(rig, "-t", "tmpfs", "tmpfs", str(disk))
    for name in ("lower", "upper", "work"):
        (disk / name).mkdir()
    (disk / "lower/app.log").write_text("an old line\n")
    layers = f"lowerdir={disk}/lower,upperdir={disk}/upper,workdir={disk}/work"
    _mount(rig, "-t", "overlay", "-o", layers, "overlay", str(rig.logs))
    rig.follow("app.log")
    rig.up()
    log = rig.file().lines(2)
    rig.expect(log)
    with rig.killed():
        new = log.lines(1).rotate(stays=True).lines(2)
        log.lines(1).close()
    new.lines(1)
    rig.expect(log, new)


def test_busy_neighbours(rig: Rig) -> None:
    """Hundreds of files a second come and go in the same directory."""
    log = rig.live()
    before = rig.cpu()
    start = time.monotonic()
    for number in range(800):
        neighbour = rig.logs / f"tmp{number}"
        neighbour.write_bytes(b"x")
        neighbour.unlink()
        if number % 10 == 0:
            log.lines(1)
        time.sleep(0.002)
    rig.expect(log)
    share = (rig.cpu() - before) / (time.monotonic() - start)
    assert share < 0.5, f"{share:.0%} of a core"


def test_idle_for_a_while(rig: Rig) -> None:
    """Nothing for six seconds, then a rotation."""
    log = rig.live().lines(1)
    rig.expect(log)
    time.sleep(6)
    new = log.lines(1).rotate(stays=True).lines(2)
    log.lines(1).close()
    rig.expect(log, new)


def test_fewer_descriptors_than_files(rig: Rig) -> None:
    """200 followed files and 64 descriptors: idle files are closed and found again."""
    rig.prefix = [*rig.prefix, "prlimit", "--nofile=64:64"]
    logs = {}
    for number in range(200):
        log = rig.file(f"{number}.log").lines(1).forget()
        logs[f"app/{number}.log"] = log
    rig.follow("*.log")
    rig.up()
    for log in logs.values():
        log.lines(1)
    rig.expect_sources(logs, deadline=40)
    for log in logs.values():
        log.lines(1)
    rig.expect_sources(logs, deadline=40)


def test_fewer_descriptors_than_rotated_files(rig: Rig) -> None:
    rig.prefix = [*rig.prefix, "prlimit", "--nofile=64:64"]
    files = {f"app{n}.log": [rig.file(f"app{n}.log").lines(1).forget()] for n in range(100)}
    for name in files:
        rig.follow(name, name)
    rig.up()
    for chain in files.values():
        chain[-1].lines(1)
    for chain in files.values():
        chain.append(chain[-1].lines(1).rotate().lines(1))
    due = {name: [line for file in chain for line in file] for name, chain in files.items()}
    rig.expect_sources(due, deadline=40)


def test_two_thousand_idle_files(rig: Rig) -> None:
    """They cost next to nothing, and the one that wakes up is heard."""
    for number in range(2000):
        rig.file(f"{number}.log").lines(1).close()
    rig.follow("*.log")
    rig.start()
    client = rig.connect()
    client.until(lambda: len(client.items) >= 2000, "2000 subscriptions", deadline=40)
    client.quiet(3)  # each has been looked at once, and found at rest
    before = rig.cpu()
    client.quiet(4)
    share = (rig.cpu() - before) / 4
    assert share < 0.03, f"{share:.1%} of a core"
    log = rig.file("1234.log").lines(2)
    rig.expect_sources({"app/1234.log": log})
    client.disconnect()
    rig.wait(lambda: not rig.open_files(), "all to be closed, for nobody reads them")


def test_full_disk(rig: Rig) -> None:
    """The disk of the logs is full: what could be written is delivered, and life goes on."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts a filesystem")
    _mount(rig, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(rig.logs))
    log = rig.live().lines(1)
    filler = rig.logs / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"." * 4096)
    assert os.statvfs(rig.logs).f_bavail == 0
    rig.expect(log)
    filler.unlink()
    log.lines(2)
    rig.expect(log)


def test_hot_file_does_not_starve_quiet_ones(rig: Rig) -> None:
    """A firehose beside 30 quiet files: their lines come while it goes on."""
    hot = rig.file("hot.log")
    quiet = {f"quiet/{n}.log": rig.file(f"{n}.log") for n in range(30)}
    rig.follow("hot.log", "hot")
    rig.follow("[0-9]*.log", "quiet")
    rig.start()
    client = rig.connect()
    stop = threading.Event()

    def pour() -> None:
        block = b"".join(b"%07d hot\n" % number for number in range(2000))
        while not stop.is_set():
            hot.raw(block)
            time.sleep(0.002)

    writer = threading.Thread(target=pour)
    writer.start()
    try:
        for _ in range(3):
            for log in quiet.values():
                log.lines(1)
            client.until(
                lambda: all(
                    len(client.items[name]) >= len(log.owed) for name, log in quiet.items()
                ),
                "the quiet files' lines",
            )
        assert client.items["hot"]
    finally:
        stop.set()
        writer.join()
    for name, log in quiet.items():
        assert client.items[name] == log.owed


# Faults of the machine, put between the daemon and the kernel.
FAILING_READS = """
import errno, os
def failing(function):
    def read(*arguments):
        if os.path.exists({trigger!r}):
            os.rename({trigger!r}, {done!r})
            raise OSError(errno.{error}, os.strerror(errno.{error}))
        return function(*arguments)
    return read
for name in ("pread", "preadv"):
    setattr(os, name, failing(getattr(os, name)))
"""


@pytest.mark.parametrize("error", ["EIO", "ESTALE"])
def test_read_fails_once(rig: Rig, error: str) -> None:
    """A failing read is tried again: nothing is lost, nobody is disconnected."""
    trigger, done = str(rig.home / "fail"), rig.home / "failed"
    rig.prelude = FAILING_READS.format(trigger=trigger, done=str(done), error=error)
    log = rig.live().lines(2)
    rig.expect(log)
    Path(trigger).touch()
    log.lines(2)
    rig.expect(log)
    assert done.exists()


CLOCK_JUMPS = """
import os, time
def jumping(function, factor):
    return lambda: function() - (3600 * factor if os.path.exists({trigger!r}) else 0)
time.time = jumping(time.time, 1)
time.time_ns = jumping(time.time_ns, 10**9)
"""


def test_clock_jumps_back(rig: Rig) -> None:
    """The system clock goes back an hour: nothing here goes by it."""
    trigger = rig.home / "jump"
    rig.prelude = CLOCK_JUMPS.format(trigger=str(trigger))
    log = rig.live().lines(2)
    rig.expect(log)
    trigger.touch()
    log.lines(2)
    new = log.rotate(stays=True).lines(2)
    log.lines(1).close()
    rig.expect(log, new)
    (rig.logs / "x.log").write_text("")
    (rig.logs / "x.log").rename(rig.home / "x.log")
    third = new.rotate().lines(2)
    rig.expect(log, new, third)


def _target(fd: Path) -> str:
    try:
        return os.readlink(fd)
    except FileNotFoundError:  # closed meanwhile
        return ""


def test_a_thousand_directories(rig: Rig) -> None:
    """A thousand watched directories need one thread and one inotify instance."""
    logs = {}
    for number in range(1000):
        log = rig.file(f"d{number}/x.log").lines(1).forget()
        log.close()
        logs[f"app/d{number}/x.log"] = log
    rig.follow("*/x.log")
    rig.up()
    due = {}
    for number in (0, 500, 999):
        name = f"app/d{number}/x.log"
        due[name] = LogFile(logs[name].path, rig.stack).lines(2)
    rig.expect_sources(due)
    assert int(rig.status("Threads")) <= 4
    fds = Path(f"/proc/{rig.pid}/fd").iterdir()
    assert sum("inotify" in _target(fd) for fd in fds) <= 1
