"""Fixtures of the following rig."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from .rig import Meanwhile, Rig, temporary_rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    with temporary_rig() as rig:
        yield rig


# Without a client the daemon forgets a file just as a new one has never known it: `away` says
# little more than `killed`, and is left to the long run.
LONG = os.environ.get("TAILWS_RIG_LONG") == "1"


@pytest.fixture(params=["awake", "frozen", "killed", *(["away"] if LONG else [])])
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
