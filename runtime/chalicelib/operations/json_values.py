"""The operations' arguments and results, from JSON and to JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chalicelib.interaction import EARLIEST
from chalicelib.ledger import pages


def parse_time(text: str, *, max_ahead: timedelta) -> datetime:
    """Return the time; raises ValueError before 2000 or too far ahead: Python cannot read all that SQL stores."""
    time_ = datetime.fromisoformat(text)
    if not time_.tzinfo or not EARLIEST <= time_ <= datetime.now(UTC) + max_ahead:
        raise ValueError(f"not a time with an offset between the year 2000 and now: {text}")
    return time_


def page_cursor(cursor: list[str] | None) -> pages.Cursor:
    """Return the ledger's cursor for the JSON one; without one, the first."""
    return (UUID(cursor[0]), UUID(cursor[1])) if cursor else pages.START


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as JSON has them: times in ISO 8601, ids as text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for name, value in values.items()
    }
