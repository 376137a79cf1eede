"""Reads a request's timestamp: seconds, milliseconds or ISO 8601."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.interaction import EPOCH

LEAP_SECOND = re.compile("(?<=[T ][0-9]{2}:[0-9]{2}:)60")
MILLISECONDS_FROM = 10**11  # a smaller number is seconds since 1970; as seconds this one is in the year 5138


def read_timestamp(value: Any) -> datetime:
    """Return the aware datetime of a number since 1970, in seconds or milliseconds, or of ISO 8601 with an offset.

    Raises ValueError for anything else.
    """
    try:
        if isinstance(value, str):
            return _from_text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_number(value)
    except OverflowError:
        raise ValueError("not in a datetime's range") from None
    raise ValueError("neither text nor number")


def _from_text(text: str) -> datetime:
    # RFC 3339 allows "t" and "z", and a second 60. That one is the next minute's first, as Postgres reads it.
    without_60, leap_seconds = LEAP_SECOND.subn("59", text.upper())
    when = datetime.fromisoformat(without_60) + timedelta(seconds=leap_seconds)
    if when.tzinfo is None:
        raise ValueError("no offset")
    return when


def _from_number(number: float) -> datetime:
    microseconds_per_unit = 10**3 if number >= MILLISECONDS_FROM else 10**6
    # Through the decimal text, which is what the client wrote; the float itself is only near it.
    return EPOCH + timedelta(microseconds=round(Decimal(repr(number)) * microseconds_per_unit))
