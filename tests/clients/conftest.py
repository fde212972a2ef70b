"""A real daemon for a module of tests, on logs in a directory of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.following.rig import Rig, temporary_rig


@pytest.fixture(scope="module")
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A daemon that follows `app.log`, with the module's LIMITS. It must still run when the tests
    are over, and have shown no traceback."""
    with temporary_rig() as made:
        made.limits = getattr(request.module, "LIMITS", {})
        made.file()
        made.follow("app.log")
        made.start()
        yield made
