"""What was counted since the start, by sources that are followed no more as well."""

from __future__ import annotations

from collections import Counter

from tailws.logs.catalog import Catalog
from tailws.logs.source import Source


class Totals:
    """Sums over the sources of a catalog, and what is left of those that it has lost."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lines = self._resumes = 0
        self._gaps: Counter[str] = Counter()

    @property
    def lines(self) -> int:
        """Lines read at the live ends."""
        return self._lines + sum(source.lines for source in self._catalog)

    @property
    def resumes(self) -> int:
        """Subscriptions that went on after a cursor."""
        return self._resumes + sum(source.resumes for source in self._catalog)

    @property
    def gaps(self) -> Counter[str]:
        """Announced losses, by reason."""
        gaps = self._gaps.copy()
        for source in self._catalog:
            gaps.update(source.gaps)
        return gaps

    def forget(self, source: Source) -> None:
        """Keep what a source has counted that is followed no more."""
        self._lines += source.lines
        self._resumes += source.resumes
        self._gaps.update(source.gaps)
