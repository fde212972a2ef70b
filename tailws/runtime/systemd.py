"""systemd's side of a service: readiness, status, watchdog, sockets it has opened for us.

systemd-python does it where it is installed; without it the two protocols are spoken here, for
each is a few lines: sd_notify(3) is a datagram to $NOTIFY_SOCKET, sd_listen_fds(3) is two variables
and descriptors from 3 on. Outside systemd everything is a no-op.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import time

log = logging.getLogger(__name__)

_LISTEN_FDS_START = 3
_LISTEN_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def notify(*assignments: str) -> bool:
    """Tell systemd, as in `notify("READY=1", "STATUS=fine")`. False: nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    message = "\n".join(assignments)
    try:
        from systemd import daemon  # type: ignore[attr-defined,import-not-found,unused-ignore]
    except ImportError:
        return _send(address, message.encode())
    try:
        return bool(daemon.notify(message))
    except OSError as error:
        log.debug("sd_notify failed: %s", error)
        return False


def _send(address: str, message: bytes) -> bool:
    if address.startswith("@"):  # an abstract socket, unix(7)
        address = "\0" + address[1:]
    try:
        with socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        ) as sock:
            sock.connect(address)
            sock.send(message)
    except OSError as error:
        log.debug("sd_notify failed: %s", error)
        return False
    return True


def status(text: str) -> str:
    """Return the assignment of a status: one line, whatever is in it."""
    return "STATUS=" + " ".join(text.split())


def reloading() -> bool:
    """RELOADING=1 with the time that Type=notify-reload asks for (systemd 253)."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_interval() -> float:
    """Seconds within which WATCHDOG=1 is expected, 0 for never (sd_watchdog_enabled(3))."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdigit() else 0.0


def inherited_sockets() -> list[socket.socket]:
    """Listening sockets that systemd has passed; the variables are consumed."""
    sockets = []
    for fd in _inherited_descriptors():
        try:
            is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
        except OSError:
            is_socket = False
        if not is_socket:
            log.warning("descriptor %d from systemd is not a socket; ignored", fd)
            continue
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        stream = sock.type == socket.SOCK_STREAM
        if stream and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            sockets.append(sock)
        else:
            log.warning("descriptor %d from systemd does not listen; ignored", fd)
            sock.close()
    return sockets


def _inherited_descriptors() -> list[int]:
    if "LISTEN_PID" not in os.environ:
        return []  # the library says the same, and takes longer to load
    try:
        from systemd import daemon  # type: ignore[attr-defined,import-not-found,unused-ignore]

        fds = list(daemon.listen_fds(unset_environment=False))
    except ImportError:
        pid, count = os.environ.get("LISTEN_PID", ""), os.environ.get("LISTEN_FDS", "")
        ours = pid == str(os.getpid()) and count.isascii() and count.isdigit()
        fds = list(range(_LISTEN_FDS_START, _LISTEN_FDS_START + int(count))) if ours else []
    except OSError as error:
        log.warning("no sockets from systemd: %s", error)
        fds = []
    for name in _LISTEN_VARIABLES:  # in Python's copy of the environment too, which the library
        os.environ.pop(name, None)  # does not know
    return fds
