"""What holds for every test: patience with a busy machine, and nothing left behind.

No thread and no descriptor that a test has begun may outlive it. What is made for a whole module
or session was there before the test, and does not count.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tailws.runtime.loop import Loop
from tests.clock import Clock

# The machine may be busy with something else: how long an example takes says nothing.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")

TESTS = Path(__file__).parent

#: What is not asked for what it leaves behind, with the reason.
EXEMPT = {
    "web": "Playwright opens pipes and sockets to its browser whenever it likes",
    "ws/test_chromium.py": "the same",
    "service": "machines that are booted once for all tests",
}
#: Seconds for what is ending to have ended.
DEADLINE = 10.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loop(clock: Clock) -> Iterator[Loop]:
    """A loop whose timers are due when the test moves the clock."""
    loop = Loop(clock)
    yield loop
    loop.close()


def _open_files() -> dict[int, str]:
    """Each descriptor with what it points to; the one of this look is closed again by then."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            pass
    return found


def _is_exempt(path: Path) -> bool:
    name = path.relative_to(TESTS)
    return any(part.as_posix() in EXEMPT for part in (name, *name.parents))


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every thread has ended and every descriptor is closed when a test is over."""
    if _is_exempt(request.path):
        yield
        return
    threads, files = set(threading.enumerate()), _open_files()
    yield

    def left() -> tuple[list[threading.Thread], dict[int, str]]:
        more = {fd: what for fd, what in _open_files().items() if files.get(fd) != what}
        return [thread for thread in threading.enumerate() if thread not in threads], more

    if left() == ([], {}):
        return
    gc.collect()  # what only a cycle holds is closed by it, with a warning that is an error
    end = time.monotonic() + DEADLINE
    while left() != ([], {}) and time.monotonic() < end:
        time.sleep(0.02)
    running, open_ = left()
    assert not running, f"threads are left: {running}"
    assert not open_, f"descriptors are left: {open_}"
