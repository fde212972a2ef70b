"""Deadlines that move."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailws.runtime.deadline import Deadline
from tailws.runtime.loop import SWEEP_TIMERS, Loop
from tests.clock import Clock


@given(
    st.lists(
        st.tuples(st.just("set"), st.integers(0, 20))
        | st.tuples(st.just("pass"), st.integers(0, 15))
        | st.tuples(st.just("cancel"), st.just(0)),
        max_size=40,
    )
)
def test_it_expires_when_the_last_set_says(steps: list[tuple[str, int]]) -> None:
    """Moved forth and back and cancelled at random: it expires once, when the last `set` says."""
    clock = Clock(0.0)
    loop = Loop(clock)
    expired: list[float] = []
    expected: list[float] = []
    when: float | None = None
    deadline = Deadline(loop, lambda: expired.append(clock.now))
    for what, amount in steps:
        if what == "set":
            deadline.set(amount)
            when = clock.now + amount
        elif what == "cancel":
            deadline.cancel()
            deadline.cancel()
            when = None
        for _ in range(amount if what == "pass" else 0):
            clock.now += 1
            loop.turn(0)
            loop.turn(0)
            if when is not None and when <= clock.now:
                expected.append(clock.now)
                when = None
        assert expired == expected
    loop.close()


def test_moving_it_leaves_nothing_behind() -> None:
    """A deadline that moves with each message costs one timer."""
    clock = Clock(0.0)
    loop = Loop(clock)
    deadline = Deadline(loop, lambda: None)
    for _ in range(10 * SWEEP_TIMERS):
        clock.now += 0.001
        deadline.set(60)
    assert len(loop._timers) == 1
    loop.close()


def test_expiring_may_set_it_again() -> None:
    """Looking again and again at something is setting it in the callback."""
    clock = Clock(0.0)
    loop = Loop(clock)
    looks: list[float] = []

    def look() -> None:
        looks.append(clock.now)
        deadline.set(5)

    deadline = Deadline(loop, look)
    deadline.set(5)
    for _ in range(20):
        clock.now += 1
        loop.turn(0)
    assert looks == [5, 10, 15, 20]
    deadline.cancel()
    loop.close()
