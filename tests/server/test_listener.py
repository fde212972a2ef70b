"""Listening sockets: made, refused in a sentence, accepting under pressure, closed."""

from __future__ import annotations

import errno
import grp
import logging
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailws.config import Listen
from tailws.runtime.loop import Loop
from tailws.server import listener as listener_module
from tailws.server.listener import (
    ACCEPT_BUDGET,
    Listener,
    ListenError,
    SocketOptions,
    describe,
    open_sockets,
    own_names,
)

TCP_NOTSENT_LOWAT = 25


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


class Door:
    """A listener whose connections the test keeps."""

    def __init__(self, loop: Loop, sock: socket.socket, **options: object) -> None:
        self.accepted: list[tuple[socket.socket, str]] = []
        self.listener = Listener(
            loop,
            sock,
            lambda sock, address: self.accepted.append((sock, address)),
            **options,  # type: ignore[arg-type]
        )

    def close(self) -> None:
        self.listener.close()
        for sock, _ in self.accepted:
            sock.close()


def listen(address: str, **options: object) -> Listen:
    return Listen(address=address, **options)  # type: ignore[arg-type]


def test_a_connection_is_accepted_with_its_address(loop: Loop) -> None:
    """Who connects is handed on, non-blocking inheritance aside, with the IP address alone."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    door = Door(loop, sock)
    assert door.listener.address == describe(sock)
    host, _, port = door.listener.address.rpartition(":")
    with socket.create_connection((host, int(port))):
        while not door.accepted:
            loop.turn()
    assert door.accepted[0][1] == "127.0.0.1"
    door.close()


def test_accepted_sockets_have_the_options(loop: Loop) -> None:
    """No Nagle, bounded send buffer, little unsent in the kernel, and keepalive: on each one."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    door = Door(loop, sock, options=SocketOptions(64 << 10, 32 << 10))
    with socket.create_connection(sock.getsockname()):
        while not door.accepted:
            loop.turn()
        got = door.accepted[0][0]
        assert got.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert got.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * (64 << 10)  # socket(7)
        assert got.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 32 << 10
        assert got.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert got.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
    door.close()


def test_ipv6_and_names(loop: Loop) -> None:
    """`[::1]` and `localhost` listen where they say; all addresses of a name share one port."""
    if not socket.has_ipv6:
        pytest.fail("this machine has no IPv6 at all")
    (sock,) = open_sockets(listen("[::1]:0"))
    assert describe(sock).startswith("[::1]:")
    sock.close()
    socks = open_sockets(listen("localhost:0"))
    assert len({sock.getsockname()[1] for sock in socks}) == 1
    for sock in socks:
        sock.close()


def test_all_addresses_are_both_families(loop: Loop) -> None:
    """`[::]` takes IPv4 as well, and its clients go by their plain IPv4 address."""
    (sock,) = open_sockets(listen("[::]:0"))
    door = Door(loop, sock)
    with socket.create_connection(("127.0.0.1", sock.getsockname()[1])):
        while not door.accepted:
            loop.turn()
    assert door.accepted[0][1] == "127.0.0.1"
    door.close()


def test_an_address_in_use_is_one_sentence() -> None:
    """It says which address, and what to do."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    port = sock.getsockname()[1]
    with pytest.raises(ListenError) as caught:
        open_sockets(listen(f"127.0.0.1:{port}"))
    assert f"127.0.0.1:{port}: this address is in use" in str(caught.value)
    assert "--listen" in str(caught.value)
    with pytest.raises(ListenError, match="in use"):
        open_sockets(listen(f"localhost:{port}"))
    sock.close()


def test_an_address_is_free_again_at_once(loop: Loop) -> None:
    """A restart does not wait for connections of the last run to time out (SO_REUSEADDR)."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    door = Door(loop, sock)
    address = sock.getsockname()
    client = socket.create_connection(address)
    while not door.accepted:
        loop.turn()
    door.close()  # our side closes first, and stays in TIME_WAIT
    client.close()
    (again,) = open_sockets(listen(f"127.0.0.1:{address[1]}"))
    again.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1:0", "does not have this address"),
        ("no-such-host.invalid:0", "has no address"),
        ("unix:/proc/nowhere/x.sock", "/proc/nowhere/x.sock: "),
    ],
)
def test_what_cannot_be_listened_on_is_said(address: str, said: str) -> None:
    """Each failure is a sentence that names the address."""
    with pytest.raises(ListenError, match=said):
        open_sockets(listen(address))


def test_a_port_that_needs_root_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A privileged port names the capability that it needs."""

    class Refusing(socket.socket):
        def bind(self, *_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(listener_module.socket, "socket", Refusing)
    with pytest.raises(ListenError, match="CAP_NET_BIND_SERVICE"):
        open_sockets(listen("127.0.0.1:80"))


# -- Unix sockets


def test_a_unix_socket_has_its_mode_and_group(loop: Loop, tmp_path: Path) -> None:
    """Its file has the configured permissions, its clients the path as address, and it goes."""
    path = tmp_path / "tailws.sock"
    group = grp.getgrgid(os.getgid()).gr_name
    (sock,) = open_sockets(listen(f"unix:{path}", mode=0o620, group=group))
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    assert path.stat().st_gid == os.getgid()
    door = Door(loop, sock, unlink=True)
    assert door.listener.address == f"unix:{path}"
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    while not door.accepted:
        loop.turn()
    assert door.accepted[0][1] == str(path)
    client.close()
    door.close()
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    """After kill -9 the file is left; it must not keep the next start from working."""
    path = tmp_path / "tailws.sock"
    (old,) = open_sockets(listen(f"unix:{path}"))
    with pytest.raises(ListenError, match="in use"):
        open_sockets(listen(f"unix:{path}"))
    old.close()
    assert path.exists()
    (new,) = open_sockets(listen(f"unix:{path}"))
    new.close()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """A typo in the config must not delete a file."""
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ListenError, match="is not a socket"):
        open_sockets(listen(f"unix:{path}"))
    assert path.read_text() == "data"


def test_an_unknown_group_is_said(tmp_path: Path) -> None:
    """And no half-made socket is left behind."""
    path = tmp_path / "tailws.sock"
    with pytest.raises(ListenError, match="no group 'nobody-knows'"):
        open_sockets(listen(f"unix:{path}", group="nobody-knows"))
    assert not path.exists()


def test_a_successors_socket_is_not_removed(loop: Loop, tmp_path: Path) -> None:
    """Closing removes our own file only: a successor may have taken the place."""
    path = tmp_path / "tailws.sock"
    (old,) = open_sockets(listen(f"unix:{path}"))
    door = Door(loop, old, unlink=True)
    path.unlink()
    (new,) = open_sockets(listen(f"unix:{path}"))
    door.close()
    assert path.exists()
    new.close()


def test_an_inherited_socket_stays(loop: Loop, tmp_path: Path) -> None:
    """What somebody else made is not removed by us."""
    path = tmp_path / "tailws.sock"
    (sock,) = open_sockets(listen(f"unix:{path}"))
    Door(loop, sock).close()
    assert path.exists()


# -- under pressure


def test_a_flood_is_accepted_in_turns(loop: Loop) -> None:
    """One turn accepts so many and no more, so that the others get theirs; none is forgotten."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    door = Door(loop, sock)
    clients = [socket.create_connection(sock.getsockname()) for _ in range(ACCEPT_BUDGET + 10)]
    loop.turn()
    assert len(door.accepted) == ACCEPT_BUDGET
    while len(door.accepted) < len(clients):
        loop.turn()
    for client in clients:
        client.close()
    door.close()


def test_running_out_of_descriptors(caplog: pytest.LogCaptureFixture) -> None:
    """With no descriptor left, connections wait: one line in the log, no spinning, and on it goes
    when there are some again."""
    ahead = 0.0

    def clock() -> float:
        return ahead

    loop = Loop(clock)
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    failing = 3

    class Full:
        def __getattr__(self, name: str) -> object:
            return getattr(sock, name)

        def accept(self) -> object:
            nonlocal failing
            if failing:
                failing -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return sock.accept()

    door = Door(loop, Full())  # type: ignore[arg-type]
    with socket.create_connection(sock.getsockname()), caplog.at_level(logging.WARNING):
        for _ in range(20):
            loop.turn(0.01)
        assert failing == 2  # tried once
        for _ in range(3):
            ahead += listener_module.EXHAUSTED_PAUSE
            for _ in range(3):
                loop.turn(0.05)
        assert len(door.accepted) == 1
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "LimitNOFILE" in messages[0]
    assert "again" in messages[1]
    door.close()
    door.close()
    loop.close()


def test_a_connection_that_is_gone_is_passed_over(loop: Loop) -> None:
    """What accept(2) says of one connection does not concern the next."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    errors = [errno.ECONNABORTED, errno.EPROTO, errno.EPERM]

    class Shaky:
        def __getattr__(self, name: str) -> object:
            return getattr(sock, name)

        def accept(self) -> object:
            if errors:
                raise OSError(errors.pop(), "x")
            return sock.accept()

    door = Door(loop, Shaky())  # type: ignore[arg-type]
    with socket.create_connection(sock.getsockname()):
        loop.turn()
    assert len(door.accepted) == 1
    door.close()


def test_closing_while_paused(loop: Loop) -> None:
    """A listener may be closed at any time, also while it waits for descriptors."""
    (sock,) = open_sockets(listen("127.0.0.1:0"))
    door = Door(loop, sock)
    door.listener._pause(OSError(errno.EMFILE, "x"))
    door.close()
    loop.turn(0)


def test_our_own_names() -> None:
    """Browsers may call the machine by its name, and by the names that it listens on."""
    names = own_names([listen("Logs.example.org:80"), listen("unix:/x"), listen("127.0.0.1:1")])
    assert {"logs.example.org", "127.0.0.1", socket.gethostname().lower()} <= names
    assert "" not in names
