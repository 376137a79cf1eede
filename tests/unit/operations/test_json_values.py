"""Arguments and results of the operators' function, as JSON."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from chalicelib.ledger.pages import START
from chalicelib.operations.json_values import as_json, page_cursor, parse_time

HOUR = timedelta(hours=1)
ID = "d3aac781-5229-5aa4-997e-6705b4971007"


def test_a_time_has_an_offset_and_is_between_2000_and_the_limit() -> None:
    assert parse_time("2026-05-01T12:00:00+02:00", max_ahead=HOUR) == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert parse_time("2000-01-01T00:00:00Z", max_ahead=HOUR)
    assert parse_time((datetime.now(UTC) + HOUR / 2).isoformat(), max_ahead=HOUR)
    late = (datetime.now(UTC) + 2 * HOUR).isoformat()
    for wrong in ("2026-05-01T12:00:00", "1999-12-31T23:59:59Z", late):
        message = f"not a time with an offset between the year 2000 and now: {wrong}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            parse_time(wrong, max_ahead=HOUR)


def test_a_cursor_is_two_ids_and_without_one_it_is_the_start() -> None:
    assert page_cursor([ID, ID.replace("d", "e")]) == (UUID(ID), UUID(ID.replace("d", "e")))
    assert page_cursor(None) == START


def test_times_and_ids_are_text_and_all_else_stays() -> None:
    values = {"at": datetime(2026, 5, 1, tzinfo=UTC), "id": UUID(ID), "count": 3, "nothing": None}
    assert as_json(values) == {"at": "2026-05-01T00:00:00+00:00", "id": ID, "count": 3, "nothing": None}
