"""The event loop: descriptors, timers, deferred calls, signals, threads."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.runtime.loop import READ, SWEEP_TIMERS, WRITE, Loop
from tests.clock import Clock


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


Pair = tuple[socket.socket, socket.socket]


def turns(loop: Loop, count: int = 3) -> None:
    for _ in range(count):
        loop.turn(0)


# -- timers


def test_timers_run_when_due_in_order(loop: Loop, clock: Clock) -> None:
    """A timer runs once, not before its time; those due together in the order of their making."""
    ran: list[str] = []
    loop.call_later(2, lambda: ran.append("two"))
    loop.call_later(1, lambda: ran.append("one"))
    for name in "abcdef":
        loop.call_later(1, lambda name=name: ran.append(name))
    turns(loop)
    assert ran == []
    clock.now += 1
    turns(loop)
    assert ran == ["one", *"abcdef"]
    clock.now += 1
    turns(loop)
    assert ran == ["one", *"abcdef", "two"]


def test_a_cancelled_timer_does_not_run(loop: Loop, clock: Clock) -> None:
    """Cancelling is final and may be repeated, also by a timer that is due in the same turn."""
    ran: list[str] = []
    second = loop.call_later(1, lambda: ran.append("second"))
    first = loop.call_at(clock.now + 0.5, second.cancel)
    assert first.active
    assert second.active
    clock.now += 2
    turns(loop)
    assert not first.active
    assert not second.active
    second.cancel()
    first.cancel()
    turns(loop)
    assert ran == []


def test_a_timer_due_at_once_waits_for_the_next_turn(loop: Loop) -> None:
    """A timer that starts itself anew with no delay must not hold the loop in one turn."""
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        loop.call_later(0, again)

    again()
    loop.turn(0)
    assert count == 2
    loop.turn(0)
    assert count == 3


def test_a_turn_waits_no_longer_than_the_next_timer() -> None:
    """With a timer pending, a turn without a limit ends when it is due."""
    loop = Loop()
    ran: list[int] = []
    loop.call_later(0.01, lambda: ran.append(1))
    while not ran:
        loop.turn()
    loop.close()


def test_cancelled_timers_do_not_pile_up(loop: Loop, clock: Clock) -> None:
    """A deadline that is moved a million times leaves no million entries behind."""
    keep = loop.call_later(10_000, lambda: None)
    for _ in range(20 * SWEEP_TIMERS):
        loop.call_later(1000, lambda: None).cancel()
        assert len(loop._timers) <= 2 * SWEEP_TIMERS + 2
    assert keep in [timer for _, _, timer in loop._timers]


def test_what_needs_no_exact_time_wakes_the_loop_once_for_all(loop: Loop, clock: Clock) -> None:
    """Whenever they were begun, they come together; nothing comes twice as often or never."""
    ran: list[tuple[str, float]] = []

    def every(name: str, seconds: float) -> None:
        ran.append((name, clock.now))
        loop.call_about(seconds, lambda: every(name, seconds))

    for name, seconds in (("a", 1), ("b", 1), ("c", 2), ("d", 2.0)):
        clock.now += 0.2
        loop.call_about(seconds, lambda n=name, s=seconds: every(n, s))  # type: ignore[misc]
    for _ in range(100):
        clock.now += 0.1
        loop.turn(0)
    assert len({round(at, 3) for _, at in ran}) == 10
    assert len({round(at, 3) for name, at in ran if name in "cd"}) == 5
    names = [name for name, _ in ran]
    assert [names.count(name) for name in "abcd"] == [10, 10, 5, 5]
    exact = loop.call_about(0.25, lambda: None)
    assert exact.when == clock.now + 0.25


@given(seed=st.integers(0, 2**32))
def test_random_timers_against_a_list(seed: int) -> None:
    """Whatever is made, cancelled and passes: what runs is what a sorted list says."""
    rng = random.Random(seed)
    clock = Clock()
    loop = Loop(clock)
    try:
        ran: list[int] = []
        model: dict[int, tuple[float, int]] = {}
        timers = {}
        for number in range(rng.randrange(200)):
            action = rng.random()
            if action < 0.6:
                when = clock.now + rng.randrange(20)
                timers[number] = loop.call_at(when, lambda n=number: ran.append(n))
                model[number] = (when, number)
            elif action < 0.85 and timers:
                victim = rng.choice(list(timers))
                timers[victim].cancel()
                model.pop(victim, None)
            else:
                clock.now += rng.randrange(10)
                due = sorted(n for n in model if model[n][0] <= clock.now)
                due.sort(key=lambda n: model[n])
                ran.clear()
                loop.turn(0)
                assert ran == due
                for n in due:
                    del model[n]
    finally:
        loop.close()


# -- deferred calls


def test_deferred_calls_run_once_at_the_end_of_the_turn(loop: Loop, clock: Clock) -> None:
    """Deferred calls come after descriptors and timers of the same turn, in order."""
    ran: list[str] = []
    loop.defer(lambda: ran.append("deferred"))
    loop.call_later(0, lambda: ran.append("timer"))
    loop.turn()  # does not wait: something is to be done
    assert ran == ["timer", "deferred"]
    turns(loop)
    assert ran == ["timer", "deferred"]


def test_what_a_deferred_call_defers_runs_a_turn_later(loop: Loop, pair: Pair) -> None:
    """One busy object cannot keep the others from their descriptors."""
    one, other = pair
    order: list[str] = []

    def busy() -> None:
        order.append("busy")
        loop.defer(busy)

    loop.register(one.fileno(), READ, lambda _mask: order.append(one.recv(10).decode()))
    loop.defer(busy)
    loop.turn()
    other.send(b"served")
    loop.turn()
    assert order == ["busy", "served", "busy"]
    loop.unregister(one.fileno())


# -- descriptors


def test_readiness_is_told_for_what_was_asked(loop: Loop, pair: Pair) -> None:
    """The callback gets the mask; an interest that was taken back is not told."""
    one, other = pair
    masks: list[int] = []
    loop.register(one.fileno(), READ | WRITE, masks.append)
    loop.turn(0)
    other.send(b"x")
    loop.turn(0)
    loop.modify(one.fileno(), READ, masks.append)
    loop.turn(0)
    loop.unregister(one.fileno())
    loop.turn(0)
    assert masks == [WRITE, READ | WRITE, READ]


def test_an_unregistered_descriptor_is_not_called_in_the_same_turn(loop: Loop) -> None:
    """Who is closed by a neighbour's callback must not hear of it any more, whoever comes first;
    nor may a new owner of the same number be called for the old one's readiness."""
    pairs = [socket.socketpair() for _ in range(8)]
    called: list[int] = []
    fresh: list[int] = []

    def close_all(fd: int) -> Callable[[int], None]:
        def ready(_mask: int) -> None:
            called.append(fd)
            for one, _ in pairs:
                loop.unregister(one.fileno())
                one.close()
            # The kernel gives the numbers out again at once.
            for _ in range(8):
                a, b = socket.socketpair()
                news.append((a, b))
                loop.register(a.fileno(), READ, lambda _m: fresh.append(1))

        return ready

    news: list[Pair] = []
    for one, other in pairs:
        loop.register(one.fileno(), READ, close_all(one.fileno()))
        other.send(b"x")
    loop.turn(0)
    assert len(called) == 1
    assert fresh == []
    for a, b in news:
        loop.unregister(a.fileno())
        a.close()
        b.close()
    for _, other in pairs:
        other.close()


def test_a_modified_descriptor_is_called_for_what_it_still_asks(loop: Loop) -> None:
    """A neighbour may change an interest in the same turn: the new interest counts."""
    (one, peer_one), (two, peer_two) = socket.socketpair(), socket.socketpair()
    told: dict[int, list[int]] = {one.fileno(): [], two.fileno(): []}
    ready = {fd: told[fd].append for fd in told}

    def first(_mask: int) -> None:
        for sock in (one, two):
            loop.modify(sock.fileno(), WRITE, ready[sock.fileno()])

    for sock in (one, two):
        loop.register(sock.fileno(), READ, first)
    peer_one.send(b"x")
    peer_two.send(b"x")
    loop.turn(0)
    assert told[one.fileno()] == []
    assert told[two.fileno()] == []
    loop.turn(0)
    assert told[one.fileno()] == told[two.fileno()] == [WRITE]
    for sock in (one, two):
        loop.unregister(sock.fileno())
    for sock in (one, two, peer_one, peer_two):
        sock.close()


# -- failures


def test_what_raises_is_logged_and_the_loop_goes_on(
    loop: Loop, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in one callback costs that call, is logged with its traceback, and nobody else."""
    one, other = pair
    ran: list[str] = []

    def fail(_mask: int = 0) -> None:
        raise ZeroDivisionError

    loop.register(one.fileno(), READ, fail)
    other.send(b"x")
    loop.call_later(0, fail)
    loop.call_later(0, lambda: ran.append("timer"))
    loop.defer(fail)
    loop.defer(lambda: ran.append("deferred"))
    loop.call_from_thread(fail)
    loop.call_from_thread(lambda: ran.append("thread"))
    with caplog.at_level(logging.ERROR):
        loop.turn()
    assert sorted(ran) == ["deferred", "thread", "timer"]
    failures = [r for r in caplog.records if r.exc_info and r.exc_info[0] is ZeroDivisionError]
    assert len(failures) == 4
    loop.unregister(one.fileno())


# -- threads and signals


def test_a_thread_wakes_the_loop() -> None:
    """A call from a thread ends the waiting of the loop; none is lost, all run in its thread."""
    loop = Loop()
    threads: list[int] = []
    ran: list[int] = []

    def work(start: int) -> None:
        for number in range(start, start + 500):
            loop.call_from_thread(
                lambda n=number: (ran.append(n), threads.append(threading.get_ident()))
            )

    workers = [threading.Thread(target=work, args=(base,)) for base in (0, 1000, 2000)]
    for worker in workers:
        worker.start()
    while len(ran) < 1500:
        loop.turn()
    for worker in workers:
        worker.join()
    for base in (0, 1000, 2000):
        mine = [n for n in ran if base <= n < base + 1000]
        assert mine == list(range(base, base + 500))
    assert set(threads) == {threading.get_ident()}
    loop.close()
    loop.call_from_thread(lambda: None)  # of a loop that has ended: no error


def test_signals_are_told_in_the_loop() -> None:
    """A signal ends the waiting; its callback runs in a turn; the old handler comes back."""
    before = signal.getsignal(signal.SIGUSR1)
    loop = Loop()
    got: list[str] = []
    loop.on_signal(signal.SIGUSR1, lambda: got.append("replaced"))
    loop.on_signal(signal.SIGUSR1, lambda: got.append("usr1"))
    loop.on_signal(signal.SIGUSR2, lambda: got.append("usr2"))
    for signum in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
        os.kill(os.getpid(), signum)
    while len(got) < 2:
        loop.turn()
    turns(loop)
    assert sorted(got) == ["usr1", "usr2"]
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_run_ends_after_the_turn_that_stops_it() -> None:
    """`stop` from a callback ends `run`; what was deferred in that turn has still run."""
    loop = Loop()
    ran: list[str] = []
    loop.call_later(0, loop.stop)
    loop.call_later(0, lambda: loop.defer(lambda: ran.append("deferred")))
    loop.run()
    assert ran == ["deferred"]
    assert loop.turns == 1
    loop.close()


def test_closing_leaves_no_descriptor_behind() -> None:
    """Whatever a loop opened is closed with it, and closing twice is closing once."""
    before = len(os.listdir("/proc/self/fd"))
    loop = Loop()
    assert len(os.listdir("/proc/self/fd")) > before
    loop.close()
    loop.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_time_of_turns_is_counted(loop: Loop, clock: Clock) -> None:
    """`busy` and `longest` are seconds spent in callbacks, not in waiting."""

    def slow(seconds: float) -> None:
        clock.now += seconds

    for seconds in (0.25, 1.5, 0.5):
        loop.defer(lambda seconds=seconds: slow(seconds))
        loop.turn()
    assert (loop.turns, loop.busy, loop.longest) == (3, 2.25, 1.5)
