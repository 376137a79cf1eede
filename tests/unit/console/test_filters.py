"""Filters of the pages: what passes, and which are refused."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import pytest

from console.dead_letters import select
from console.pages import live, person
from console.source import Source, find_user_id
from scripts.common.errors import WrongUseError
from scripts.reports.refusals import Refusal
from stacks.config.environments import LOCAL


@pytest.mark.parametrize(
    ("given", "passes"),
    [({}, True), ({"text": "DATA_error"}, True), ({"text": "bread"}, False), ({"kind": "peel"}, False)],
)  # fmt: skip
def test_a_refusal_passes_by_its_words_alone(given: dict[str, str], *, passes: bool) -> None:
    one = Refusal(datetime.now(UTC), "dead-lettered", "data_error", None)
    assert live._refusal_passes(one, {"kind": "", "user": "", "text": ""} | given) is passes  # noqa: SLF001


@pytest.mark.parametrize("hours", ["-3", "many", "1e400", "nan"])
def test_a_wrong_number_of_hours_is_refused(hours: str) -> None:
    with pytest.raises(WrongUseError, match="hours"):
        select({"hours": hours})


def test_a_day_and_its_rows_are_of_the_viewer_s_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert person._end_of(date(2026, 6, 1), berlin) == "2026-06-01T22:00:00+00:00"  # noqa: SLF001
    rows = [{"timestamp": "2026-06-01T22:30:00+00:00"}, {"timestamp": "2026-06-01T21:30:00+00:00"}]
    assert list(person._by_day(rows, berlin)) == [date(2026, 6, 2), date(2026, 6, 1)]  # noqa: SLF001
    assert list(person._by_day(rows, UTC)) == [date(2026, 6, 1)]  # noqa: SLF001
    for wrong in ("yesterday", "2026-13-01"):
        with pytest.raises(WrongUseError, match="is not a day"):
            person._day(wrong)  # noqa: SLF001
    with pytest.raises(WrongUseError, match="too far ahead"):
        person._end_of(date.max, berlin)  # noqa: SLF001


def test_an_id_is_not_looked_up() -> None:
    def find() -> NoReturn:
        raise AssertionError("this looks nobody up")

    source = Source(LOCAL, find, allow_changes=False, discard_folder=Path())
    assert (find_user_id(source, "an-id"), find_user_id(source, "")) == ("an-id", "")
