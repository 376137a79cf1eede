"""The age of the oldest message."""

import pytest

from scripts.dlq.report import format_seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (3660, "1 h 1 min"), (86_400, "1 d"), (90_061, "1 d 1 h")]
)
def test_an_age_has_its_two_largest_units(seconds: int, text: str) -> None:
    assert format_seconds(seconds) == text
