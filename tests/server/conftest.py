from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .rig import Rig


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    """Make servers; what the test leaves open is closed behind it."""
    rigs: list[Rig] = []

    def make(**options: Any) -> Rig:
        rigs.append(Rig(**options))
        return rigs[-1]

    yield make
    for each in rigs:
        each.close()
