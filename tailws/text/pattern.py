"""Regular expressions that are compiled when they are first used.

Python compiles one in a tenth of a millisecond; a start, which needs none of them, is not to wait
for forty.
"""

import re
from typing import Any, AnyStr, cast


class _Pattern:
    """Stands for a compiled pattern, whose methods it takes over one by one."""

    def __init__(self, text: Any, flags: int) -> None:
        self._made_from = text, flags

    def __getattr__(self, name: str) -> Any:
        method = getattr(re.compile(*self._made_from), name)  # which `re` keeps for the next one
        setattr(self, name, method)
        return method


def lazy(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, which is called when the pattern is used; it raises re.error then."""
    return cast(re.Pattern[AnyStr], _Pattern(text, flags))
