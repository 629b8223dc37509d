"""
Date-times as text and as instants: nanoseconds since 1970-01-01T00:00:00Z, in one int.

Imports nothing of ours. Invariants:

1. What `is_instant` takes, `parse_instant` reads, and the other way round.
2. Nothing is rounded: a text with more than nine digits of a second is not an instant.
3. Every instant lies in the years 0001 to 9999, in UTC, so a `datetime` can hold it to the microsecond.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

NS_PER_S = 1_000_000_000

INSTANT_MIN_NS = (date.min.toordinal() - date(1970, 1, 1).toordinal()) * 86_400 * NS_PER_S
INSTANT_MAX_NS = (date.max.toordinal() + 1 - date(1970, 1, 1).toordinal()) * 86_400 * NS_PER_S - 1
"""The first and the last nanosecond of the years 0001 to 9999."""

INSTANT_FORMS = (
    "[yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z, "
    "yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]"
)
"""How a refusal describes a date-time; what is taken is more."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()

_INSTANT = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt ]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?"
).fullmatch

PLAIN_INSTANT_PATTERN = (
    r"[1-8][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?"
)
"""
Matches most instants and nothing else: those for which no calendar need be asked, because the year is not at
the ends of time and the day not a 29th of February.
"""

_PLAIN_INSTANT = re.compile(PLAIN_INSTANT_PATTERN).fullmatch


def parse_instant(text: str) -> int | None:
    """
    Read a date-time, leniently, and return its instant; None when the text is none.

    Shape: RFC 3339, and also: a space or `t` for `T`, `z`, an offset without colon or without minutes, no
    offset (UTC), one to nine digits of a second. A second 60 is not taken, since no column could keep it;
    nor is 24:00:00. Units: nanoseconds since 1970 UTC. Source: docs/specs/import-api.md, W60 and W61.
    """
    found = _INSTANT(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hour, offset_minute = found.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None
    seconds = days * 86_400 + int(hour) * 3_600 + int(minute) * 60 + int(second)
    if sign is not None:
        offset = int(offset_hour) * 3_600 + int(offset_minute or 0) * 60
        seconds += offset if sign == "-" else -offset
    instant = seconds * NS_PER_S + (int(fraction.ljust(9, "0")) if fraction else 0)
    return instant if INSTANT_MIN_NS <= instant <= INSTANT_MAX_NS else None


def is_instant(text: str) -> bool:
    """Tell whether `parse_instant` reads the text; cheaper, since most texts need no calendar."""
    return _PLAIN_INSTANT(text) is not None or parse_instant(text) is not None


def parse_date(text: str) -> int | None:
    """
    Read a date `YYYY-MM-DD` as the instant of its midnight in UTC; None when the text is none.

    Units: nanoseconds since 1970 UTC. Source: docs/specs/import-api.md, W62.
    """
    if len(text) != len("YYYY-MM-DD"):
        return None
    return parse_instant(text + "T00:00:00Z")


def instant_text(instant: int) -> str:
    """
    Write an instant as RFC 3339 in UTC, with as many digits of a second as it has.

    Units: nanoseconds since 1970 UTC, within `INSTANT_MIN_NS` and `INSTANT_MAX_NS`.
    """
    seconds, nanoseconds = divmod(instant, NS_PER_S)
    whole = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return f"{whole}.{nanoseconds:09}".rstrip("0").rstrip(".") + "Z" if nanoseconds else whole + "Z"
