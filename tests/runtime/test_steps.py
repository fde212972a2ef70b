"""Long work in steps."""

from __future__ import annotations

from collections.abc import Generator

from tailws.runtime.loop import Loop
from tailws.runtime.steps import Steps


def work(count: int) -> Generator[float | None, None, int]:
    for _ in range(count):
        yield None
    return count


def test_a_step_a_turn() -> None:
    """Between two steps the loop turns once, so that others have their turn."""
    loop = Loop()
    done: list[int] = []
    Steps(loop, work(5), done.append, lambda error: done.append(-1))
    turns = 0
    while not done:
        loop.turn(0)
        turns += 1
    assert done == [5]
    assert turns >= 5
    loop.close()


def test_an_error_goes_to_its_owner() -> None:
    """What the work raises is handed over, not logged and lost."""

    def failing() -> Generator[float | None, None, int]:
        yield None
        raise ValueError("no")

    loop = Loop()
    failed: list[Exception] = []
    Steps(loop, failing(), lambda _: None, failed.append)
    loop.turn(0)
    assert [str(error) for error in failed] == ["no"]
    loop.close()


def test_cancelled_work_is_closed() -> None:
    """After `cancel` no step is taken, and the work's `finally` has run."""
    closed: list[bool] = []

    def endless() -> Generator[float | None, None, int]:
        try:
            while True:
                yield 0.0
        finally:
            closed.append(True)

    loop = Loop()
    steps = Steps(loop, endless(), lambda _: None, lambda _: None)
    loop.turn(0)
    steps.cancel()
    steps.cancel()
    loop.turn(0)
    assert closed == [True]
    loop.close()
