"""The time zone of a log, from the words of the config."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME = "/etc/localtime"


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The zone of `Europe/Berlin`, `UTC`, `+02:00` or `local`, the machine's own.

    One that this machine does not know (any more) is UTC.
    """
    if name == "local":
        return _local()
    if name[:1] in "+-":
        hours, minutes = int(name[1:3]), int(name[4:6])
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if name[0] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _local() -> tzinfo:
    try:
        with open(LOCALTIME, "rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return datetime.now().astimezone().tzinfo or UTC
