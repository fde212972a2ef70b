"""Timestamps: read as they were meant, in the forms that logs use."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailws.text import times
from tailws.text.times import BadTimeFormat, TimeFormat

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC).timestamp()

#: Name of the form, time in UTC, line.
SAMPLES = Path(__file__).with_name("times.txt").read_text()
CASES = [tuple(map(str.strip, line.split("|", 2))) for line in SAMPLES.strip().split("\n")]

WITH_YEAR = {
    "iso": "%Y-%m-%dT%H:%M:%S.%f%z",
    "field-iso": '{"time":"%Y-%m-%d %H:%M:%S.%f%z"}',
    "iso-basic": "%Y%m%dT%H%M%S.%f%z",
    "slashed": "%Y/%m/%d %H:%M:%S.%f%z",
    "clf": '::1 - - [%d/%b/%Y:%H:%M:%S %z] "GET / HTTP/1.1" 200 1',
    "ctime": "%a %b %d %H:%M:%S.%f %z %Y",
    "day-month-year": "%d %b %Y %H:%M:%S.%f %z",
    "month-day-year": "%b %d, %Y %I:%M:%S.%f %p %z",
    "iso-ordinal": "%G-W%V-%uT%H:%M:%S.%f%z",
}
ZONES = st.sampled_from(
    [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=9, minutes=30))]
)
MOMENTS = st.integers(times.OLDEST + 86_400, times.YOUNGEST - 86_400).flatmap(
    lambda seconds: st.builds(
        lambda zone, us: datetime.fromtimestamp(seconds, zone).replace(microsecond=us),
        ZONES,
        st.integers(0, 999_999),
    )
)


@pytest.mark.parametrize(("name", "expected", "line"), CASES, ids=[case[2][:50] for case in CASES])
def test_real_lines_have_the_time_that_they_say(name: str, expected: str, line: str) -> None:
    """The form is recognised from the line, and its time is read to the microsecond."""
    form = times.detect([line.encode()])
    assert form is not None
    assert form.name == name
    seconds = form.parse(line.encode(), NOW, UTC)
    wanted = datetime.fromisoformat(expected).replace(tzinfo=UTC).timestamp()
    assert seconds == pytest.approx(wanted, abs=1e-6)


@given(st.sampled_from(sorted(WITH_YEAR)), MOMENTS)
def test_a_moment_is_read_back_from_every_form(name: str, moment: datetime) -> None:
    """What strftime(3) writes is what is read, offset included, whatever zone is assumed."""
    line = moment.strftime(WITH_YEAR[name]).encode()
    form = times.detect([line])
    assert form is not None
    assert form.name == name
    seconds = form.parse(line, NOW, ZoneInfo("America/New_York"))
    if name == "clf":
        moment = moment.replace(microsecond=0)
    assert seconds == pytest.approx(moment.timestamp(), abs=1e-5)


@given(st.integers(times.OLDEST + 1, times.YOUNGEST - 1), st.sampled_from([0, 3, 6, 9]))
def test_a_number_is_seconds_or_thousandths_by_its_length(seconds: int, digits: int) -> None:
    """10, 13, 16 or 19 digits: seconds, milliseconds, microseconds, nanoseconds."""
    line = b'{"ts":%d%s}' % (seconds, b"0" * digits)
    form = times.detect([line])
    assert form is not None
    assert form.parse(line, NOW, UTC) == pytest.approx(seconds)


@given(MOMENTS, st.integers(0, 363 * 86_400))
def test_a_missing_year_is_that_of_the_nearest_past(now: datetime, ago: int) -> None:
    """syslog and klog leave the year out; a line was written within the last year."""
    moment = now.replace(microsecond=0) - timedelta(seconds=ago)
    for name, template in (
        ("syslog", "%b %d %H:%M:%S host app: x"),
        ("klog", "I%m%d %H:%M:%S 1 x"),
    ):
        line = moment.strftime(template).encode()
        form = times.detect([line])
        assert form is not None
        assert form.name == name
        read = form.parse(line, now.timestamp(), now.tzinfo or UTC)
        assert read == moment.timestamp()


def test_a_clock_slightly_ahead_is_not_taken_for_last_year() -> None:
    """A host whose clock is minutes ahead across New Year stays where it is."""
    now = datetime(2026, 12, 31, 23, 59, 50, tzinfo=UTC).timestamp()
    form = times.configured("syslog")
    assert form.parse(b"Jan  1 00:00:10 host app: x", now, UTC) == now + 20


def test_a_time_without_a_zone_is_in_the_zone_given() -> None:
    """The zone is the log's own, with its summer time; one that the line says wins."""
    berlin, form = ZoneInfo("Europe/Berlin"), times.configured("iso")
    winter = datetime(2026, 11, 22, 13, 2, 11, tzinfo=UTC).timestamp()
    summer = datetime(2026, 7, 22, 12, 2, 11, tzinfo=UTC).timestamp()
    assert form.parse(b"2026-11-22 14:02:11", NOW, berlin) == winter
    assert form.parse(b"2026-07-22 14:02:11", NOW, berlin) == summer
    assert form.parse(b"2026-11-22 13:02:11Z", NOW, berlin) == winter


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no time at all",
        b"2026-13-31T23:59:00Z",
        b"2026-02-30 00:00:00",
        b"2026-11-22 25:00:00",
        b"9999999999999 too far",
        b"id=123456789012",
        b"1.2.3.4 - 10.2026-11-22",
        b"Foo 22 14:02:11",
        b"12:30 lunch",
    ],
)
def test_what_is_no_time_is_none(line: bytes) -> None:
    """No date that the calendar does not know, no number that is no time."""
    assert times.detect([line]) is None


def test_a_log_s_form_is_that_of_most_of_its_lines() -> None:
    """Stack traces without times and dates in messages do not confuse the sample."""
    lines = [b"2026-11-22 14:02:%02d ERROR retry after Nov 20 2027 10:00:00" % n for n in range(20)]
    trace = [b"Traceback (most recent call last):", b'  File "x"', b"  since 2020-01-01 00:00:00"]
    form = times.detect(lines + trace * 5)
    assert form is not None
    assert form.name == "iso"
    assert (
        form.parse(lines[7], NOW, UTC) == datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC).timestamp()
    )
    assert form.span(lines[7]) == (0, 19)
    assert form.parse(b"x" * 100 + b" 2020-01-01 00:00:00", NOW, UTC) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%d.%m.%Y %H:%M:%S", b"INFO 22.11.2026 14:02:11 text"),
        ("^%F %T.%f", b"2026-11-22 14:02:11.000 text"),
        ("^%s", b"1795356131 text"),
        ("%m/%d/%y %I:%M:%S %p", b"11/22/26 02:02:11 PM text"),
        ("%b %e %T", b"Nov 22 14:02:11 text"),
        ("at %Y%m%d-%H%M%S%z", b"at 20261122-150211+0100 text"),
        ("%d/%m/%Y, %R:%S", b"[22/11/2026, 14:02:11] text"),
        ("klog", b"I1122 14:02:11.000000 1 x.go:1] text"),
    ],
)
def test_a_form_can_be_configured(text: str, line: bytes) -> None:
    """Whatever a program writes can be said in the words of strptime(3)."""
    expected = datetime(2026, 11, 22, 14, 2, 11, tzinfo=UTC).timestamp()
    assert times.configured(text).parse(line, NOW, UTC) == expected


@pytest.mark.parametrize(
    "text", ["", "abc", "%q", "%Y %Y", "%H:%M", "%d", "%Y-%m-%d %H:%M %", "%s%s"]
)
def test_a_form_that_cannot_be_used_is_refused_with_a_sentence(text: str) -> None:
    """A configuration error is told when the config is read, not when a line is."""
    with pytest.raises(BadTimeFormat) as caught:
        times.configured(text)
    assert str(caught.value).endswith(".")


@given(st.binary(max_size=100), st.sampled_from(times.FORMATS))
def test_any_bytes_have_a_time_or_none(line: bytes, form: TimeFormat) -> None:
    """No line raises, whatever a program wrote."""
    seconds = form.parse(line, NOW, UTC)
    assert seconds is None or isinstance(seconds, float)


@given(
    st.lists(
        st.sampled_from(["2026", "-", "11", "22", "T", " ", ":", "99", "Nov", "+", "Z", ".", "/"])
    )
)
def test_anything_like_a_time_is_a_time_or_none(parts: list[str]) -> None:
    """Nor do dates and offsets that cannot be."""
    line = "".join(parts).encode()
    for form in times.FORMATS:
        form.parse(line, NOW, ZoneInfo("Europe/Berlin"))


@pytest.mark.timeout(60)
def test_hostile_lines_take_no_longer_than_others() -> None:
    """The patterns do not backtrack over a long line."""
    for part in ("Jan ", "20", '{,"', "time=", "1-", '"time":"2026-', "22/Nov/", " " * 7, "9"):
        times.detect([(part * (262_144 // len(part))).encode()])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("15m", "2026-11-22T14:45:00"),
        ("-1h 30m", "2026-11-22T13:30:00"),
        ("1795343853", "2026-11-22T10:37:33"),
        ("1795343853500", "2026-11-22T10:37:33.500"),
        ("14:02", "2026-11-22T13:02:00"),
        ("16:00:01", "2026-11-21T15:00:01"),  # it is not that late yet
        ("2026-11-22", "2026-11-21T23:00:00"),
        ("2026-11-22T14:02", "2026-11-22T13:02:00"),
        ("2026-11-22 14:02:11Z", "2026-11-22T14:02:11"),
        ("22/Nov/2026:14:02:11 +0000", "2026-11-22T14:02:11"),
        ("Nov 22 14:02:11", "2026-11-22T13:02:11"),
        ("25:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_person_writes_a_time(typed: str, meant: str | None) -> None:
    """Before now, of today, of a date, or as a log has it; in the log's zone if it names none."""
    expected = datetime.fromisoformat(f"{meant}+00:00").timestamp() if meant else None
    assert times.moment(typed, NOW, timezone(timedelta(hours=1))) == expected


@given(st.text(max_size=20))
def test_anything_may_be_typed(typed: str) -> None:
    """What is no time is None, whatever it is."""
    times.moment(typed, NOW, UTC)
