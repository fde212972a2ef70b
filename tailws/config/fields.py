"""The words in which the model is written: a field's reason, bounds and kind.

Each of these goes into `Annotated`, and is read by the loader, the schema and the reference.
"""

import msgspec
from msgspec import Meta

UNLIMITED = 2**53  # the largest integer that JSON readers agree on


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the config file."""


def text(why: str, kind: str = "text") -> Meta:
    """Say what a key is for; `kind` is a row of `kinds.KINDS`, or `list` or `section`."""
    return Meta(description=why, extra={"kind": kind})


def count(why: str, least: int = 0, most: int = 1_000_000) -> Meta:
    """Say the same of a whole number, and from what to what it may be."""
    return Meta(description=why, ge=least, le=most, extra={"kind": "count"})


def size(why: str, least: int = 0, most: int = UNLIMITED) -> Meta:
    """Say the same of a size, in bytes."""
    return Meta(description=why, ge=least, le=most, extra={"kind": "size"})


def seconds(why: str, least: float = 0, most: float = 86_400) -> Meta:
    """Say the same of a duration, in seconds."""
    return Meta(description=why, ge=least, le=most, extra={"kind": "duration"})
