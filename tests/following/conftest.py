"""Fixtures of the following rig."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from .rig import Meanwhile, Rig, temporary_rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    with temporary_rig() as rig:
        yield rig


@pytest.fixture(params=["awake", "frozen", "away", "killed"])
def meanwhile(rig: Rig, request: pytest.FixtureRequest) -> Meanwhile:
    """`with meanwhile():` what happens inside meets a daemon that looks on, one that sees only
    the outcome, one without clients, or none at all until it is started again."""
    rig.looked_on = request.param in {"awake", "frozen"}
    return {
        "awake": nullcontext,
        "frozen": rig.frozen,
        "away": rig.away,
        "killed": rig.killed,
    }[request.param]
