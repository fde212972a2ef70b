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

#: Takes a frame at once, or not at all: False.
Offer = Callable[[bytes], bool]


class Follower(Protocol):
    """Who is handed blocks without being asked to come."""

    def encode(self, block: Block) -> bytes | None:
        """The block as all of its view get it; nothing: all of it is hidden from them."""

    def left_behind(self, place: Place, number: int) -> None:
        """The live end goes on without it, from `place` and item `number` on."""


class Audience:
    """The followers of one source, by view."""

    __slots__ = ("_views",)

    def __init__(self) -> None:
        self._views: dict[Hashable, dict[Follower, Offer]] = {}

    def __bool__(self) -> bool:
        return bool(self._views)

    def join(self, view: Hashable, follower: Follower, offer: Offer) -> None:
        """Hand it what comes from now on, for as long as it takes it."""
        self._views.setdefault(view, {})[follower] = offer

    def leave(self, view: Hashable, follower: Follower) -> None:
        """Hand it nothing more. Idempotent."""
        followers = self._views.get(view, {})
        if follower in followers:
            del followers[follower]
            if not followers:
                del self._views[view]

    def take(self, block: Block, place: Place, number: int) -> None:
        """Hand out item `number`, read at `place`; who cannot take it now comes for it."""
        declined: list[tuple[Hashable, Follower]] = []
        for view, followers in self._views.items():
            frame = next(iter(followers)).encode(block)
            if frame:
                declined += [(view, f) for f, offer in followers.items() if not offer(frame)]
        for view, follower in declined:
            self.leave(view, follower)
            follower.left_behind(place, number)

    def disband(self, place: Place, number: int) -> None:
        """What comes next is not for handing out: all come for it."""
        views, self._views = self._views, {}
        for followers in views.values():
            for follower in followers:
                follower.left_behind(place, number)
