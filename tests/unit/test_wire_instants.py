"""Date-times as text are read leniently and exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.instants import (
    INSTANT_MAX_NS,
    INSTANT_MIN_NS,
    instant_text,
    is_instant,
    parse_date,
    parse_instant,
)

BASE = 1_578_950_703  # 2020-01-13T21:25:03Z

SAME_INSTANT = [
    "2020-01-13T21:25:03Z",
    "2020-01-13t21:25:03z",
    "2020-01-13 21:25:03",
    "2020-01-13T21:25:03+0000",
    "2020-01-13T21:25:03-00:00",
    "2020-01-13T22:25:03+01",
    "2020-01-13T13:55:03-0730",
    "2020-01-14T04:25:03.0+07:00",
]


@pytest.mark.parametrize("text", SAME_INSTANT)
def test_lenient_forms_are_read(text: str) -> None:
    """A space or t for T, z, an offset without colon or minutes, and no offset are taken. (W60)"""
    assert BASE * 10**9 == parse_instant(text)


@pytest.mark.parametrize("digits", range(1, 10))
def test_up_to_nine_digits_of_a_second_are_kept(digits: int) -> None:
    """Every digit of a second down to the nanosecond counts. (W60)"""
    fraction = "123456789"[:digits]
    expected = BASE * 10**9 + int(fraction) * 10 ** (9 - digits)
    assert expected == parse_instant(f"2020-01-13T21:25:03.{fraction}Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-01-13",
        "2020-01-13T21:25Z",
        "2020-01-13T21:25:03.Z",
        "2020-01-13T21:25:03.1234567890Z",
        "2020-01-13T21:25:60Z",
        "2020-01-13T24:00:00Z",
        "2020-13-01T00:00:00Z",
        "2020-02-30T00:00:00Z",
        "2021-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2020-01-13T21:25:03+24:00",
        "2020-01-13T21:25:03 Z",
        " 2020-01-13T21:25:03Z",
        "2020-01-13T21:25:03Z\n",
        "\u0662\u0660\u0662\u0660-01-13T21:25:03Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "20200113T212503Z",
        "2020-W03-1T00:00:00Z",
    ],
)
def test_what_no_column_could_hold_is_not_read(text: str) -> None:
    """Other forms, a second 60, other calendars' days and years out of 0001 to 9999 are refused. (W61)"""
    assert None is parse_instant(text)
    assert not is_instant(text)


def test_the_ends_of_time_are_read() -> None:
    """The first and the last nanosecond of the years 0001 to 9999 are instants. (W61)"""
    assert INSTANT_MIN_NS == parse_instant("0001-01-01T00:00:00Z")
    assert INSTANT_MAX_NS == parse_instant("9999-12-31T23:59:59.999999999Z")


@given(st.datetimes(timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))))
def test_an_instant_agrees_with_the_standard_library(moment: datetime) -> None:
    """Any date-time that can be written in ISO 8601 is read as the same instant, unless it is out of time."""
    try:
        since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        assert None is parse_instant(moment.isoformat())
        return
    expected = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
    assert expected == parse_instant(moment.isoformat())


@given(st.integers(INSTANT_MIN_NS, INSTANT_MAX_NS))
def test_an_instant_survives_being_written(instant: int) -> None:
    """What is written as text is read back as the same nanosecond."""
    assert instant == parse_instant(instant_text(instant))


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.+Zz -]{0,25}", fullmatch=True) | st.text())
@example("1000-01-01 00:00:00")
def test_the_check_and_the_reader_agree(text: str) -> None:
    """The quick check takes a text exactly when it can be read."""
    assert is_instant(text) == (parse_instant(text) is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1970-01-02", 86_400 * 10**9), ("1970-1-2", None), ("1970-02-30", None), ("", None)],
)
def test_a_date_is_its_midnight(text: str, expected: int | None) -> None:
    """A date is read as midnight in UTC. (W62)"""
    assert expected == parse_date(text)
