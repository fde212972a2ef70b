"""Who stands at the live end of a log: each block is handed to all of them as it is read.

They have read everything and owe nothing, so a block is all that there is to say, and the way of
nearly every line is short: one call and one send for each of them. Their place is the live end, so
nothing has to be moved for any of them. Those who see the log in the same way (a view) get the same
bytes, encoded once, by a list of what their sockets have lent: after a pause all that is touched
comes from far away, for each of a hundred clients, so nothing else of them is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import length_hint
from typing import Final, Protocol

from tailws.logs.block import Block, Place
from tailws.runtime.stream import Stream

#: What counts as sent where the socket said that it cannot.
FAILED: Final = -2


class Outlet(Protocol):
    """What takes frames at once, or not at all; a stream is one."""

    def lend(self) -> Callable[[bytes], int]:
        """What takes a frame until `Stream.recalls` changes, and returns how many bytes of it were
        taken, -1 for «not now»; OSError for «try `send`»."""

    def lent(self, data: bytes, count: int, /) -> bool:
        """Keep what was not taken. False: nothing was, and nothing is kept."""

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

    __slots__ = ("_recalls", "_sends", "views")

    def __init__(self) -> None:
        self.views: dict[Hashable, dict[Follower, Outlet]] = {}
        self._sends: dict[Hashable, list[Callable[[bytes], int]]] = {}  # lent by them, in order
        self._recalls = 0  # as of when they were lent

    def join(self, view: Hashable, follower: Follower, outlet: Outlet) -> None:
        """Hand it what comes from now on, for as long as it takes it."""
        self.views.setdefault(view, {})[follower] = outlet
        self._sends.pop(view, None)

    def leave(self, view: Hashable, follower: Follower) -> None:
        """Hand it nothing more. Idempotent."""
        followers = self.views.get(view, {})
        if follower in followers:
            del followers[follower]
            self._sends.pop(view, None)
            if not followers:
                del self.views[view]

    def take(self, block: Block, place: Place, number: int) -> None:
        """Hand out item `number`, read at `place`; who cannot take it now comes for it."""
        declined: list[tuple[Hashable, Follower]] = []
        if self._recalls != Stream.recalls:
            self._recalls = Stream.recalls
            self._sends.clear()
        for view, followers in self.views.items():
            frame = next(iter(followers)).encode(block)
            if not frame:
                continue
            size = len(frame)
            sends = self._sends.get(view)
            if sends is None:
                sends = self._sends[view] = [outlet.lend() for outlet in followers.values()]
            not_all: list[tuple[int, int]] = []  # who has not taken all of it: how much
            rest = iter(sends)
            for send in rest:
                try:
                    count = send(frame)
                except OSError:
                    count = FAILED
                if count != size:
                    not_all.append((len(sends) - length_hint(rest) - 1, count))
            if not_all:
                listed = list(followers.items())
                for at, count in not_all:
                    follower, outlet = listed[at]
                    if count == FAILED:
                        outlet.send(frame)
                    elif not outlet.lent(frame, count):
                        declined.append((view, follower))
        for view, follower in declined:
            self.leave(view, follower)
            follower.left_behind(place, number)

    def disband(self, place: Place, number: int) -> None:
        """What comes next is not for handing out: all come for it."""
        views, self.views = self.views, {}
        self._sends.clear()
        for followers in views.values():
            for follower in followers:
                follower.left_behind(place, number)
