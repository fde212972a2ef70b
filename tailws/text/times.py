"""When a line was written: the timestamp in its text, as seconds since the epoch.

A log keeps to one form, so that is found once, from a sample (`detect`), and then read cheaply
(`TimeFormat.parse`). Nobody parses times on the live path: it is for binary search, for ranges and
for merging history.

What a timestamp does not say is filled in: without a zone it is in the zone given, without a year
it is the nearest past one (RFC 3164 and klog leave it out), as seen from `now`.
"""

import calendar
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

from msgspec import Struct, structs

from tailws.text.pattern import lazy

#: How far into a line its timestamp may begin, in bytes.
REACH: Final = 4096
#: The longest timestamp, with a name before it, in bytes.
LONGEST: Final = 80
#: Clocks differ: a time without a year may lie this many seconds ahead and still be this year's.
AHEAD: Final = 86_400.0
#: A form is a log's form when this share of the sample's lines shows it: lines of a stack trace
#: have no time.
SHARE: Final = 0.3

_Match = re.Match[bytes]


class BadTimeFormat(ValueError):
    """A configured time format that cannot be used; the message is a sentence."""


class TimeFormat(Struct, frozen=True):
    """One form of timestamp and where it stands in a line."""

    name: str
    _pattern: bytes
    _read: Callable[[_Match, float, tzinfo], float | None]
    _reach: int = REACH

    def parse(self, line: bytes, now: float, zone: tzinfo) -> float | None:
        """Seconds since the epoch, or None where the line shows no such time.

        `now` (seconds since the epoch) tells the year of a time without one; `zone` is that of a
        time without one.
        """
        found = self._find(line)
        if found is None:
            return None
        try:
            return self._read(found, now, zone)
        except (ValueError, OverflowError):
            return None  # the 31st of February, the year 0

    def span(self, line: bytes) -> tuple[int, int] | None:
        """Where the timestamp stands in the line, in bytes."""
        found = self._find(line)
        return found.span("time") if found else None

    def _find(self, line: bytes) -> _Match | None:
        found = _compiled(self._pattern).search(line, 0, self._reach + LONGEST)
        return found if found and found.start("time") <= self._reach else None


@lru_cache(maxsize=256)
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Compiled when it is first looked for: to compile all of them would be felt at a start."""
    return re.compile(pattern)


# --- the parts of a civil time

_MONTHS: Final = {name.encode(): n for n, name in enumerate(calendar.month_abbr) if name}
_DAY: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MON: Final = rb"(?P<b>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE: Final = rb"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"
_CLOCK: Final = rb"(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?)?"
_FULL_CLOCK: Final = rb"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?"
_OFFSET: Final = rb"(?: ?(?P<z>[Zz]\b|UTC\b|GMT\b|[+-]\d\d(?::?\d\d)?(?!\d)))?"
_ISO: Final = rb"(?:" + _DATE + rb"[Tt _]" + _CLOCK + _OFFSET + rb")"
_BEFORE: Final = rb"(?<![\d.:/-])"

_UTC_NAMES: Final = frozenset((b"Z", b"z", b"UTC", b"GMT"))


def _civil(found: _Match, now: float, zone: tzinfo) -> float | None:
    """A time in parts: named as strptime(3) names them, z the offset, b the month's name."""
    part = found.groupdict()
    raw = part.get("z")
    if raw:
        zone = UTC if raw in _UTC_NAMES else _offset(raw)
    hour, minute, second = int(part["H"]), int(part["M"]), int(part.get("S") or 0)
    half = part.get("p")
    if half:
        hour = hour % 12 + (12 if half in (b"PM", b"pm") else 0)
    leap = second == 60
    month = _MONTHS[part["b"]] if part.get("b") else int(part.get("m") or 1)
    day = int(part.get("d") or 1)
    fraction = part.get("f")
    extra = (int(fraction) / 10 ** len(fraction) if fraction else 0.0) + leap
    clock = (hour, minute, second - leap)
    year = part.get("Y")
    if year:
        return datetime(int(year), month, day, *clock, tzinfo=zone).timestamp() + extra
    if short := part.get("y"):
        century = 2000 if int(short) < 69 else 1900
        return datetime(century + int(short), month, day, *clock, tzinfo=zone).timestamp() + extra
    this = datetime.fromtimestamp(now, zone).year
    for candidate in range(this + 1, this - 9, -1):
        if day == 29 and month == 2 and not calendar.isleap(candidate):
            continue
        seconds = datetime(candidate, month, day, *clock, tzinfo=zone).timestamp() + extra
        if seconds <= now + AHEAD:
            return seconds
    return None


def _offset(raw: bytes) -> tzinfo:
    found = _OFFSETS.get(raw)
    if found is None:
        digits = raw[1:].replace(b":", b"")
        minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
        found = timezone(timedelta(minutes=-minutes if raw[:1] == b"-" else minutes))
        if len(_OFFSETS) < 256:  # the world has 38
            _OFFSETS[raw] = found
    return found


_OFFSETS: Final[dict[bytes, tzinfo]] = {}


def _ordinal(found: _Match, _now: float, zone: tzinfo) -> float | None:
    """ISO 8601's dates by week (2026-W47-7) and by day of the year (2026-326)."""
    year = int(found["Y"])
    if found["w"]:
        day = datetime.fromisocalendar(year, int(found["w"]), int(found["u"]))
    else:
        day = datetime(year, 1, 1) + timedelta(days=int(found["j"]) - 1)  # noqa: DTZ001
        if day.year != year:
            return None
    raw = found["z"]
    if raw:
        zone = UTC if raw in _UTC_NAMES else _offset(raw)
    fraction = found["f"]
    at = day.replace(hour=int(found["H"]), minute=int(found["M"]), second=int(found["S"] or 0))
    extra = int(fraction) / 10 ** len(fraction) if fraction else 0.0
    return at.replace(tzinfo=zone).timestamp() + extra


#: A number outside of these (the years 1990 and 2100) is no time.
OLDEST: Final = 631_152_000
YOUNGEST: Final = 4_102_444_800
#: Digits of a number of seconds, milliseconds, microseconds and nanoseconds in this century.
_UNITS: Final = {9: 1, 10: 1, 12: 10**3, 13: 10**3, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}


def _epoch(found: _Match, _now: float, _zone: tzinfo) -> float | None:
    whole, fraction = found["e"], found["f"]
    unit = _UNITS.get(len(whole))
    if unit is None:
        return None
    seconds = int(whole) / unit
    if not OLDEST < seconds < YOUNGEST:
        return None
    return seconds + int(fraction) / 10 ** len(fraction) / unit if fraction else seconds


# --- where they stand

_EPOCH: Final = (
    rb"(?P<time>(?P<e>\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})(?:\.(?P<f>\d{1,9}))?)(?![\d.])"
)
_NAMES: Final = (
    rb"(?:@?timestamp|time|ts|@t|t|datetime|date|asctime|event_?time|created|"
    rb"(?:_SOURCE|__)_?REALTIME_TIMESTAMP)"
)
_KEY: Final = rb'(?:[{,]\s*\\?"' + _NAMES + rb'\\?"\s*:\s*(?:\\?")?|(?:^|\s)' + _NAMES + rb'="?)'


def _form(name: str, pattern: bytes, read: Callable[..., float | None] = _civil) -> TimeFormat:
    return TimeFormat(name, pattern, read)


def _time(pattern: bytes) -> bytes:
    return rb"(?P<time>" + pattern + rb")"


#: All forms, those that say where they stand before those that may stand anywhere.
FORMATS: Final = (
    _form("field-epoch", _KEY + _EPOCH, _epoch),
    _form("field-iso", _KEY + _time(_ISO)),
    _form("epoch", rb"^\[?" + _EPOCH, _epoch),
    _form("audit", rb"\baudit\(" + _EPOCH, _epoch),
    _form(
        "klog",
        rb"^" + _time(rb"[IWEF](?P<m>\d\d)(?P<d>\d\d) " + _FULL_CLOCK),
    ),
    _form(
        "syslog",
        rb"^(?:<\d{1,3}>)?" + _time(_MON + rb" (?P<d>[ \d]\d) " + _FULL_CLOCK + rb"(?! \d{4}\b)"),
    ),
    _form(
        "clf",  # 22/Nov/2026:14:02:11 +0000
        _BEFORE + _time(rb"(?P<d>\d\d)/" + _MON + rb"/(?P<Y>\d{4})[: ]" + _FULL_CLOCK + _OFFSET),
    ),
    _form("iso", _BEFORE + _time(_ISO)),
    _form(
        "iso-basic",
        _BEFORE
        + _time(
            rb"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)[T -](?P<H>\d\d):?(?P<M>\d\d)(?::?(?P<S>\d\d))?"
            rb"(?:[.,](?P<f>\d{1,9}))?" + _OFFSET
        ),
    ),
    _form(
        "iso-ordinal",
        _BEFORE
        + _time(rb"(?P<Y>\d{4})-(?:W(?P<w>\d\d)-(?P<u>\d)|(?P<j>\d{3}))[Tt ]" + _CLOCK + _OFFSET),
        _ordinal,
    ),
    _form(
        "slashed",  # nginx's error log: 2026/11/22 14:02:11
        _BEFORE + _time(rb"(?P<Y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)[ T]" + _FULL_CLOCK + _OFFSET),
    ),
    _form(
        "ctime",  # Sun Nov 22 14:02:11.123 2026, and date(1): Sun Nov 22 14:02:11 UTC 2026
        _time(
            _DAY
            + rb" "
            + _MON
            + rb" (?P<d>[ \d]\d) "
            + _FULL_CLOCK
            + rb"(?: (?P<z>UTC|GMT|[+-]\d{4})| [A-Z]{2,5})? (?P<Y>\d{4})"
        ),
    ),
    _form(
        "day-month-year",  # RFC 5322, Redis, Tomcat: 22 Nov 2026 14:02:11.123, 22-Nov-2026 14:02:11
        _BEFORE
        + _time(rb"(?P<d>\d{1,2})[ -]" + _MON + rb"[ -](?P<Y>\d{4})[ :]" + _FULL_CLOCK + _OFFSET),
    ),
    _form(
        "month-day-year",  # java.util.logging: Nov 22, 2026 2:02:11 PM
        _time(
            _MON + rb" (?P<d>\d{1,2}),? (?P<Y>\d{4}),? (?P<H>\d{1,2}):(?P<M>\d\d):(?P<S>\d\d)"
            rb"(?:[.,](?P<f>\d{1,9}))?(?:[ \xe2\x80\xaf]+(?P<p>[AaPp][Mm]))?" + _OFFSET
        ),
    ),
)
_BY_NAME: Final = {form.name: form for form in FORMATS}


def detect(lines: Iterable[bytes]) -> TimeFormat | None:
    """The form of a log's timestamps, from a sample of its lines; None if there is none.

    That is the one that most lines show; among equals the first of `FORMATS`. It does not look
    much further into a line than the sample's timestamps stand, for what is further is text.
    """
    sample = list(lines)
    best, most = None, max(1.0, SHARE * len(sample)) - 1e-9
    for form in FORMATS:
        hits = [line for line in sample if form.parse(line, 4e9, UTC) is not None]
        if len(hits) > most:
            best, most = _near(form, hits), float(len(hits))
    return best


def _near(form: TimeFormat, lines: list[bytes]) -> TimeFormat:
    if form.name.startswith("field"):
        return form  # a field may stand anywhere
    starts = sorted(start for line in lines if (start := (form.span(line) or (0,))[0]) >= 0)
    usual = starts[len(starts) * 9 // 10]
    return structs.replace(form, _reach=2 * usual + 32)


# --- configured

_DIRECTIVES: Final = {
    "Y": rb"(?P<Y>\d{4})",
    "y": rb"(?P<y>\d\d)",
    "m": rb"(?P<m>\d{1,2})",
    "d": rb"(?P<d>[ \d]?\d)",
    "e": rb"(?P<d>[ \d]?\d)",
    "b": _MON,
    "a": _DAY,
    "A": rb"[A-Z][a-z]+day",
    "H": rb"(?P<H>[ \d]?\d)",
    "I": rb"(?P<H>[ \d]?\d)",
    "k": rb"(?P<H>[ \d]?\d)",
    "M": rb"(?P<M>\d\d)",
    "S": rb"(?P<S>\d\d)",
    "f": rb"(?P<f>\d{1,9})",
    "p": rb"(?P<p>[AaPp][Mm])",
    "z": rb"(?P<z>Z|[+-]\d\d:?\d\d)",
    "Z": rb"(?:(?P<z>UTC|GMT|Z)|[A-Z]{2,5})",
    "s": _EPOCH,
    "%": rb"%",
}
_SHORTHANDS: Final = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%D": "%m/%d/%y", "%R": "%H:%M"}


def configured(text: str) -> TimeFormat:
    """The format of that name (`iso`, `syslog`, …), or one in the words of strptime(3).

    `%d.%m.%Y %H:%M:%S` is looked for anywhere in the line, with a leading `^` at its start only.
    `%f` is a fraction of a second, `%s` seconds (or milli-, micro-, nanoseconds) since the epoch.
    Raises `BadTimeFormat`.
    """
    if text in _BY_NAME:
        return _BY_NAME[text]
    if "%" not in text or len(text) > 100:
        names = ", ".join(_BY_NAME)
        raise BadTimeFormat(f"{text[:100]!r} is no time format: take %Y and such, or {names}.")
    body = text.removeprefix("^")
    for short, long in _SHORTHANDS.items():
        body = body.replace(short, long)
    out = b""
    for literal, directive in re.findall(r"([^%]+)|%(.?)", body):
        if literal:
            out += re.escape(literal.encode(errors="replace"))
        elif directive in _DIRECTIVES:
            out += _DIRECTIVES[directive]
        else:
            raise BadTimeFormat(f"%{directive} is not known in the time format {text!r}.")
    if "%s" in body:
        return _checked(text, out, _epoch)
    if not {"H", "M"} <= set(_named(out)) or not {"d"} <= set(_named(out)):
        raise BadTimeFormat(f"The time format {text!r} needs a day, an hour and a minute at least.")
    return _checked(text, out if b"(?P<time>" in out else _time(out), _civil)


def _named(pattern: bytes) -> list[str]:
    return [name.decode() for name in re.findall(rb"\(\?P<(\w+)>", pattern)]


def _checked(text: str, pattern: bytes, read: Callable[..., float | None]) -> TimeFormat:
    pattern = (b"^" if text.startswith("^") else _BEFORE) + pattern
    try:
        _compiled(pattern)
    except re.error:
        raise BadTimeFormat(f"The time format {text!r} names one thing twice.") from None
    return _form(text, pattern, read)


_AGO: Final = lazy(r"-?\s*((?:\d{1,9}\s*[smhdw]\s*)+)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TODAY: Final = lazy(r"(\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)
_COUNTED: Final = lazy(r"(\d{10})(\d{3})?", re.ASCII)


def moment(text: str, now: float, zone: tzinfo) -> float | None:
    """The time that a person writes, in seconds since the epoch; None where it is none.

    `15m` or `-1h30m` (before now), `14:02` (the last one), ISO 8601 or its date alone, seconds or
    milliseconds since 1970, and whatever a log line may begin with. Without a zone it is in `zone`.
    """
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return now - sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)\s*(\w)", ago[1]))
    if epoch := _COUNTED.fullmatch(text):
        return int(epoch[1]) + int(epoch[2] or 0) / 1000
    try:
        if clock := _TODAY.fullmatch(text):
            hour, minute, second = (int(part or 0) for part in clock.groups())
            today = datetime.fromtimestamp(now, zone)
            said = today.replace(hour=hour, minute=minute, second=second, microsecond=0)
            return (said if said <= today else said - timedelta(days=1)).timestamp()
        said = datetime.fromisoformat(text)
        return (said if said.tzinfo is not None else said.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        line = text.encode(errors="replace")
        form = detect([line])
        return form.parse(line, now, zone) if form is not None else None
