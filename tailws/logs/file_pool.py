"""How many files are open at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailws.logs.segment import Segment


class FilePool:
    """Bounds the descriptors that segments hold: the one not read for longest gives its own back.

    It finds its file again by name and identity. A file without a name keeps its descriptor: it
    could never be opened again.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: dict[Segment, None] = {}  # in the order of opening, oldest first

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, segment: Segment) -> None:
        self._open[segment] = None
        for _ in range(2 * len(self._open)):
            if len(self._open) <= self.limit:
                return
            oldest = next(iter(self._open))
            if oldest is segment or oldest.touched or not _has_name(oldest):
                oldest.touched = False  # a second chance
                del self._open[oldest]
                self._open[oldest] = None
            else:
                oldest.close()

    def closed(self, segment: Segment) -> None:
        self._open.pop(segment, None)

    def sweep(self) -> None:
        """Close what nobody holds, and nobody has read since the last sweep: a search that was
        given up leaves such, and a deleted file would keep its space on the disk."""
        for segment in list(self._open):
            if segment.users > 0:  # nearly all
                continue
            if not segment.touched:
                segment.close()
            segment.touched = False


def _has_name(segment: Segment) -> bool:
    try:
        return os.fstat(segment.fd).st_nlink > 0
    except OSError:
        return False
