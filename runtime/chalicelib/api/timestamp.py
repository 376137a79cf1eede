"""Reads a request's timestamp: seconds, milliseconds or ISO 8601."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.interaction import EPOCH

MILLISECONDS_FROM = 10**11  # a smaller number is seconds since 1970; as seconds this one is in the year 5138


def read_timestamp(value: Any) -> datetime:
    """Return the aware datetime of a number since 1970, in seconds or milliseconds, or of ISO 8601 with an offset.

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        when = datetime.fromisoformat(value)
        if when.tzinfo is None:
            raise ValueError("no offset")
        return when
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("neither text nor number")  # noqa: TRY004  one error for every wrong value
    microseconds_per_unit = 10**3 if value >= MILLISECONDS_FROM else 10**6
    try:
        # Through the decimal text, which is what the client wrote; the float itself is only near it.
        return EPOCH + timedelta(microseconds=round(Decimal(repr(value)) * microseconds_per_unit))
    except OverflowError:
        raise ValueError("not in a datetime's range") from None
