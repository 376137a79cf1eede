"""A timestamp is seconds, milliseconds or ISO 8601 with an offset."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.api.timestamp import read_timestamp


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (10**11 - 1, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (10**11, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
    ],
)
def test_a_number_from_1e11_on_is_milliseconds(timestamp: int, expected: datetime) -> None:
    assert read_timestamp(timestamp) == expected


@pytest.mark.parametrize(
    ("timestamp", "microsecond"),
    [
        (1_700_000_000, 0),
        (1_700_000_000.123456, 123_456),
        (1_700_000_000_123, 123_000),  # JavaScript's Date.now()
        (1_700_000_000_123.5, 123_500),
        ("2023-11-14T22:13:20.123456+00:00", 123_456),
        ("2023-11-14T23:13:20.123+01:00", 123_000),
        ("2023-11-14T22:13:20Z", 0),
        ("2023-11-14t22:13:20.123z", 123_000),
    ],
)
def test_every_form_is_exact_to_the_microsecond(timestamp: float | str, microsecond: int) -> None:
    assert read_timestamp(timestamp) == datetime(2023, 11, 14, 22, 13, 20, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31t15:59:60.5-08:00", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_second_60_is_the_next_minute(timestamp: str, expected: datetime) -> None:
    assert read_timestamp(timestamp) == expected


@pytest.mark.parametrize(
    "timestamp",
    [
        None,
        True,
        [],
        "",
        "yesterday",
        "2024-05-01T12:00:00",
        "2024-05-01",
        1e300,
        -1e300,
        10**300,
        "9999-12-31T23:59:60Z",
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:60:00Z",
    ],
)
def test_anything_else_is_a_value_error(timestamp: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_timestamp(timestamp)
