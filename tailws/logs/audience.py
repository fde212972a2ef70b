"""Who stands at the live end of a log: each block is handed to all of them as it is read.

They have read everything and owe nothing, so a block is all that there is to say, and the way of
nearly every line is short: one call and one send for each of them. Their place is the live end, so
nothing has to be moved for any of them. Those who see the log in the same way (a view) get the same
bytes, encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol

from tailws.logs.segment import Block, Place


class Outlet(Protocol):
    """What takes frames at once, or not at all; a stream is one."""

    push: Callable[[bytes], int]
    """Take a frame: how many bytes of it were taken, -1 for «not now»; OSError for «try `send`»."""

    def pushed(self, data: bytes, count: int, /) -> bool:
        """Keep what `push` has not taken. False: it has taken nothing, and keeps nothing."""

    def send(self, data: bytes, /) -> bool:
        """Take it, or close."""


class Follower(Protocol):
    """Who is handed blocks without being asked to come."""

    def encode(self, block: Block) -> bytes | None:
        """The block as all of its view get it; nothing: all of it is hidden from them."""

    def left_behind(self, place: Place, number: int) -> None:
        """The live end goes on without it, from `place` and item `number` on."""


class Audience:
    """The followers of one source, by view."""

    __slots__ = ("views",)

    def __init__(self) -> None:
        self.views: dict[Hashable, dict[Follower, Outlet]] = {}

    def join(self, view: Hashable, follower: Follower, outlet: Outlet) -> None:
        """Hand it what comes from now on, for as long as it takes it."""
        self.views.setdefault(view, {})[follower] = outlet

    def leave(self, view: Hashable, follower: Follower) -> None:
        """Hand it nothing more. Idempotent."""
        followers = self.views.get(view, {})
        if follower in followers:
            del followers[follower]
            if not followers:
                del self.views[view]

    def take(self, block: Block, place: Place, number: int) -> None:
        """Hand out item `number`, read at `place`; who cannot take it now comes for it."""
        declined: list[tuple[Hashable, Follower]] = []
        for view, followers in self.views.items():
            frame = next(iter(followers)).encode(block)
            if not frame:
                continue
            size = len(frame)
            for follower, outlet in followers.items():
                try:
                    count = outlet.push(frame)
                except OSError:
                    outlet.send(frame)
                else:
                    if count != size and not outlet.pushed(frame, count):
                        declined.append((view, follower))
        for view, follower in declined:
            self.leave(view, follower)
            follower.left_behind(place, number)

    def disband(self, place: Place, number: int) -> None:
        """What comes next is not for handing out: all come for it."""
        views, self.views = self.views, {}
        for followers in views.values():
            for follower in followers:
                follower.left_behind(place, number)
