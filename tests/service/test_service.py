"""The packaged service under a real systemd: what an administrator sees and relies on."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from socket import create_server

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from .machine import DEADLINE, Machine, eventually

pytestmark = pytest.mark.systemd

CONFIG = "/etc/tailws/tailws.yaml"
TOKEN = "0123456789abcdefghijklmn"
BASE = """\
listen: 127.0.0.1:3368
access:
  metrics: open
  tokens:
    - name: admin
      credential: tailws.token
    - name: web
      token: abcdefghijklmnopqrstuvwx
      sources: [web]
sources:
  - name: app
    path: /var/log/app.log
  - name: web
    path: /var/log/web.log
"""

Open = Callable[..., ClientConnection]


@pytest.fixture
def service(installed: Machine) -> Iterator[Machine]:
    """The service with two logs that only the group adm may read, and a token."""
    installed.write("/var/log/app.log", "app 1\n", 0o640, "adm")
    installed.write("/var/log/web.log", "web 1\n", 0o640, "adm")
    installed.write(CONFIG, BASE)
    installed.write("/etc/credstore/tailws.token", TOKEN + "\n", 0o600)
    installed.systemctl("restart", "tailws")
    yield installed
    installed.run("sh", "-c", "rm -rf /run/systemd/system/tailws*.service.d")
    installed.systemctl("daemon-reload")
    installed.systemctl("stop", "tailws.socket", "tailws-activated.service")
    installed.run("systemctl", "reset-failed", check=False)


@pytest.fixture
def websocket(service: Machine) -> Iterator[Open]:
    """Opens a WebSocket, subscribed to a source, with a token."""
    with ExitStack() as stack:

        def open_(source: str, token: str = TOKEN, port: int = 3368) -> ClientConnection:
            socket = stack.enter_context(
                connect(
                    f"ws://127.0.0.1:{port}/ws?source={source}&lines=10",
                    sock=service.connect(("127.0.0.1", port)),
                    additional_headers={"Authorization": f"Bearer {token}"},
                    open_timeout=DEADLINE,
                    close_timeout=1,
                )
            )
            assert heads(socket, "hello")
            return socket

        yield open_


def heads(socket: ClientConnection, kind: str) -> list[str]:
    """Return the next message of a kind, in lines."""
    while True:
        message = socket.recv(timeout=DEADLINE)
        assert isinstance(message, str)
        if json.loads(message.split("\n")[0])["type"] == kind:
            return message.split("\n")


def drop_in(machine: Machine, text: str, unit: str = "tailws.service") -> None:
    machine.write(f"/run/systemd/system/{unit}.d/test.conf", f"[Service]\n{text}\n")
    machine.systemctl("daemon-reload")


def metric(machine: Machine, name: str) -> float:
    _, body = machine.get("/metrics")
    found = re.search(rf"^{re.escape(name)} (\S+)$", body.decode(), re.MULTILINE)
    assert found, f"no {name} in {body.decode()}"
    return float(found[1])


def test_ready_means_ready(service: Machine) -> None:
    """When `systemctl start` returns the service answers, and its status says what it does."""
    assert service.show("tailws", "ActiveState") == "active"
    answer, body = service.get("/healthz")
    assert (answer.status, json.loads(body)) == (200, {"live": True, "ready": True})
    status = service.show("tailws", "StatusText")
    assert re.fullmatch(r"2 sources, \d+ clients, \d+ lines a second", status)


def test_a_throw_away_user_reads_logs_by_its_groups(service: Machine, websocket: Open) -> None:
    """DynamicUser with the group adm reads a log of mode 0640, and what is written to it comes."""
    pid = service.show("tailws", "MainPID")
    uid = int(service.run("stat", "-c", "%u", f"/proc/{pid}"))
    assert 61184 <= uid <= 65519  # systemd.exec(5), DynamicUser=
    socket = websocket("app")
    assert heads(socket, "lines")[1:] == ["app 1"]
    service.append("/var/log/app.log", "app 2\n")
    assert heads(socket, "lines")[1:] == ["app 2"]
    assert metric(service, 'tailws_watch_mode{mode="inotify"}') == 1


def test_the_token_is_a_credential(service: Machine) -> None:
    """The token comes by LoadCredential= from a file that the service's user cannot read."""
    assert service.get("/session")[0].status == 401
    answer, body = service.get("/session", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status, json.loads(body)["name"]) == (200, "admin")


def test_the_journal_has_priorities(service: Machine) -> None:
    """Each entry has its own priority and fields, and is found by unit."""
    service.append(CONFIG, "wrong: 1\n")
    service.attempt("systemctl", "reload", "tailws")
    invocation = service.show("tailws", "InvocationID")
    entries = service.journal(f"_SYSTEMD_INVOCATION_ID={invocation}", "_COMM=tailws")
    found = {entry["MESSAGE"]: entry["PRIORITY"] for entry in entries}
    assert found["the config was not reloaded; the old one goes on"] == "3"
    started = [text for text in found if "listens on 127.0.0.1:3368" in text]
    assert len(started) == 1
    assert found[started[0]] == "6"
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"tailws"}
    logged = [entry for entry in entries if entry["MESSAGE"] == started[0]]
    assert logged[0]["LOGGER"] == "tailws.daemon"
    assert logged[0]["CODE_FILE"].endswith("/tailws/daemon.py")
    assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {"tailws.service"}


def test_reload_is_applied_when_it_returns(service: Machine, websocket: Open) -> None:
    """`systemctl reload` waits; who reads what has not changed notices nothing."""
    socket = websocket("app")
    assert heads(socket, "lines")[1:] == ["app 1"]
    pid = service.show("tailws", "MainPID")
    service.write("/var/log/new.log", "new 1\n", 0o640, "adm")
    service.append(CONFIG, "  - name: new\n    path: /var/log/new.log\n")
    service.systemctl("reload", "tailws")
    assert metric(service, 'tailws_sources{state="live"}') == 3
    assert service.show("tailws", "MainPID") == pid
    assert [source["name"] for source in json.loads(heads(socket, "sources")[0])["sources"]] == [
        "app", "web", "new",
    ]  # fmt: skip
    service.append("/var/log/app.log", "app 2\n")
    assert heads(socket, "lines")[1:] == ["app 2"]


def test_a_wrong_config_is_refused_with_all_its_errors(service: Machine, websocket: Open) -> None:
    """`systemctl reload` fails, the journal names every mistake, and the service goes on."""
    socket = websocket("app")
    service.write(CONFIG, BASE.replace("access:", "acess:") + "lissten: 1\nlog: {level: loud}\n")
    code, _ = service.attempt("systemctl", "reload", "tailws")
    assert code == 1
    invocation = service.show("tailws", "InvocationID")
    said = [e["MESSAGE"] for e in service.journal(f"_SYSTEMD_INVOCATION_ID={invocation}", "-p3")]
    assert [each for each in said if "there is no key 'acess'" in each]
    assert [each for each in said if "there is no key 'lissten'" in each]
    assert [each for each in said if "'loud'" in each]
    assert service.show("tailws", "ActiveState") == "active"
    service.append("/var/log/app.log", "app 2\n")
    while "app 2" not in heads(socket, "lines"):
        pass


def test_reload_moves_the_address(service: Machine, websocket: Open) -> None:
    """New addresses are opened and old ones closed; connections stay. One that is in use refuses
    the whole config."""
    socket = websocket("app")
    service.write(CONFIG, BASE.replace("127.0.0.1:3368", "[127.0.0.1:3369, unix:/run/tailws/s]"))
    service.systemctl("reload", "tailws")
    assert service.get("/healthz", port=3369)[0].status == 200
    service.connect("/run/tailws/s").close()
    with pytest.raises(ConnectionRefusedError):
        service.connect(("127.0.0.1", 3368))
    service.append("/var/log/app.log", "app 2\n")
    while "app 2" not in heads(socket, "lines"):
        pass
    taken = service.inside.submit(create_server, ("127.0.0.1", 3370)).result()
    with taken:
        service.write(CONFIG, BASE.replace("3368", "3370").replace("web.log", "other.log"))
        assert service.attempt("systemctl", "reload", "tailws")[0] == 1
    assert service.get("/healthz", port=3369)[0].status == 200


def test_access_is_applied_to_who_is_connected(service: Machine, websocket: Open) -> None:
    """Whose token is gone is closed with 1008; whose token shows less loses that; others stay."""
    admin, web = websocket("app"), websocket("web", "abcdefghijklmnopqrstuvwx")
    service.write(CONFIG, BASE.replace("abcdefghijklmnopqrstuvwx", "another-secret-of-somebody"))
    service.systemctl("reload", "tailws")
    with pytest.raises(ConnectionClosed) as closed:
        heads(web, "nothing else")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason == "this token is not valid any more"
    other = websocket("web", "another-secret-of-somebody")
    service.write(
        CONFIG,
        BASE.replace("abcdefghijklmnopqrstuvwx", "another-secret-of-somebody").replace(
            "sources: [web]", "sources: [app]"
        ),
    )
    service.systemctl("reload", "tailws")
    assert json.loads(heads(other, "unsubscribed")[0])["source"] == "web"
    assert [s["name"] for s in json.loads(heads(other, "sources")[0])["sources"]] == ["app"]
    service.append("/var/log/app.log", "app 2\n")
    while "app 2" not in heads(admin, "lines"):
        pass


def test_a_loop_that_is_stuck_is_started_anew(service: Machine) -> None:
    """The watchdog is fed by the loop: a daemon that does not turn any more is replaced."""
    drop_in(service, "WatchdogSec=2s\nTimeoutAbortSec=1s")
    service.systemctl("restart", "tailws")
    pid = service.show("tailws", "MainPID")
    service.kill("tailws", signal.SIGSTOP)
    eventually(
        "another process serves",
        lambda: (
            service.show("tailws", "MainPID") not in (pid, "0")
            and service.show("tailws", "ActiveState") == "active"
        ),
    )
    assert service.show("tailws", "NRestarts") == "1"
    assert service.get("/healthz")[0].status == 200


def test_a_wrong_config_is_not_started_again_and_again(service: Machine) -> None:
    """Exit code 78 ends it: a config does not become right by itself."""
    service.append(CONFIG, "wrong: 1\n")
    code, _ = service.attempt("systemctl", "restart", "tailws")
    assert code == 1
    assert service.show("tailws", "ExecMainStatus") == "78"
    assert service.show("tailws", "ActiveState") == "failed"
    errors = service.journal("-u", "tailws", "-p3", "-n5", "_COMM=tailws")
    assert [entry for entry in errors if "there is no key 'wrong'" in entry["MESSAGE"]]


def test_a_journal_that_stands_still_holds_up_nobody(service: Machine, websocket: Open) -> None:
    """With journald stopped, more is logged than its socket holds: lines go on to clients, and what
    was lost is counted when it runs again."""
    socket = websocket("app")
    # systemd gives standard error 8 MiB. Each refusal names all of these keys.
    service.write(CONFIG, BASE + "".join(f"? {i:010000}\n: 1\n" for i in range(40)))
    pid = service.show("tailws", "MainPID")
    service.kill("systemd-journald", signal.SIGSTOP)
    try:
        for i in range(28):
            service.run("kill", "-HUP", pid)
            service.append("/var/log/app.log", f"line {i}\n")
            while f"line {i}" not in heads(socket, "lines"):
                pass
    finally:
        service.write(CONFIG, BASE)
        service.kill("systemd-journald", signal.SIGCONT)
    service.systemctl("reload", "tailws")
    eventually(
        "the loss is told",
        lambda: [
            entry
            for entry in service.journal(f"_PID={pid}", "-p4")
            if "lines of this log were lost" in str(entry["MESSAGE"])
        ],
    )
    assert service.show("tailws", "MainPID") == pid


def test_logs_of_root_by_a_drop_in(service: Machine, websocket: Open) -> None:
    """Without the drop-in a log of mode 0600 is unreadable. With it, it is followed, and a rotated
    file counts as complete as soon as nobody has it open for writing, however quiet it is."""
    service.write("/var/log/app.log", "secret 1\n", 0o600)
    states = eventually(
        "it is unreadable",
        lambda: 'tailws_sources{state="unreadable"} 1.0' in service.get("/metrics")[1].decode(),
    )
    assert states
    service.run("mkdir", "-p", "/run/systemd/system/tailws.service.d")
    service.run(
        "cp", "/usr/share/tailws/root-only-logs.conf", "/run/systemd/system/tailws.service.d/"
    )
    service.systemctl("daemon-reload")
    service.systemctl("restart", "tailws")
    service.append(CONFIG, "limits: {files: {retire_quiet: 1 h}}\n")
    service.systemctl("reload", "tailws")
    socket = websocket("app")
    assert heads(socket, "lines")[1:] == ["secret 1"]
    service.path("/var/log/app.log").rename(service.path("/var/log/app.log.1"))
    service.write("/var/log/app.log", "secret 2\n", 0o600)
    assert heads(socket, "lines")[1:] == ["secret 2"]


def test_check_with_the_eyes_of_the_service(service: Machine) -> None:
    """As root `tailws check` reads everything; with --service it tells which group is missing, by
    the groups that the unit has now."""
    service.write("/var/log/web.log", "web 1\n", 0o640, "www-data")
    assert "cannot be read" not in service.run("tailws", "check", CONFIG)
    said = service.run("tailws", "check", "--service", CONFIG)
    assert "nobody, with the groups adm, systemd-journal." in said
    assert "members of the group 'www-data' may (SupplementaryGroups=www-data)" in said
    drop_in(service, "SupplementaryGroups=www-data")
    assert "cannot be read" not in service.run("tailws", "check", "--service", CONFIG)


def test_other_addresses_by_a_drop_in(service: Machine) -> None:
    """Packets of others are dropped, whatever the config says, and the log says so at the start;
    with any-address.conf they are served, and nothing is said."""
    service.run("ip", "address", "replace", "10.9.9.1/32", "dev", "lo")
    service.write(CONFIG, BASE.replace("127.0.0.1:3368", "10.9.9.1:3368"))
    warned = "connections from other machines are dropped by IPAddressDeny="
    for opened in (False, True):
        if opened:
            service.run("mkdir", "-p", "/run/systemd/system/tailws.service.d")
            service.run(
                "cp", "/usr/share/tailws/any-address.conf", "/run/systemd/system/tailws.service.d/"
            )
            service.systemctl("daemon-reload")
        service.systemctl("restart", "tailws")
        invocation = service.show("tailws", "InvocationID")
        entries = service.journal(f"_SYSTEMD_INVOCATION_ID={invocation}", "-p4")
        assert any(warned in entry["MESSAGE"] for entry in entries) is not opened
        if opened:
            service.connect(("10.9.9.1", 3368)).close()
        else:
            with pytest.raises(TimeoutError):
                service.connect(("10.9.9.1", 3368), 1.0)


def test_socket_activation(service: Machine, websocket: Open) -> None:
    """With tailws.socket the service starts when somebody connects, has no network of its own, and
    takes the place of tailws.service."""
    service.systemctl("start", "tailws.socket")
    assert service.show("tailws.service", "ActiveState") == "inactive"
    assert service.show("tailws-activated", "ActiveState") == "inactive"
    assert heads(websocket("app"), "lines")[1:] == ["app 1"]
    assert service.show("tailws-activated", "ActiveState") == "active"
    pid = service.show("tailws-activated", "MainPID")
    links = service.run("nsenter", "-t", pid, "-n", "ip", "-brief", "link").splitlines()
    assert [link.split()[0] for link in links] == ["lo"]
    assert metric(service, 'tailws_watch_mode{mode="inotify"}') == 1
    service.systemctl("reload", "tailws-activated")
    service.systemctl("stop", "tailws.socket", "tailws-activated")


def test_exposure(installed: Machine) -> None:
    """`systemd-analyze verify` prints nothing, and what the units give away is bounded."""
    units = {"tailws.service": 10, "tailws-activated.service": 2}
    assert installed.run("systemd-analyze", "verify", "--man=no", *units, "tailws.socket") == ""
    for unit, most in units.items():
        installed.run("systemd-analyze", "security", "--no-pager", f"--threshold={most}", unit)
