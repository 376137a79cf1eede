"""The logs' own metrics, where the endpoint makes none of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts import metrics
from tests.stubbed import Stubbed

SINCE, UNTIL = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)
BEGAN, ENDED = (int(moment.timestamp() * 1000) for moment in (SINCE, UNTIL))


def event(number: int, after: int) -> dict[str, Any]:
    message = json.dumps({"_aws": {}, "Stored": [10**number]})
    return {"eventId": str(number), "timestamp": BEGAN + after, "message": message}


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubbed]:
    """Return a local target with one log group, whose answers are full with three events."""
    monkeypatch.setattr(metrics, "MOST_EVENTS", 3)
    target = Stubbed("local", "us-east-1", endpoint="http://localhost:4566")
    target.expect("logs", "describe_log_groups", {"logGroups": [{"logGroupName": "group"}]}, {})
    yield target
    target.assert_asked()


def expect(target: Stubbed, after: int, *events: dict[str, Any]) -> None:
    asked = {"logGroupName": "group", "startTime": BEGAN + after, "endTime": ENDED}
    target.expect("logs", "filter_log_events", {"events": list(events)}, asked)


def stored(target: Stubbed) -> int | None:
    return metrics.sums(target, ["Stored"], since=SINCE, until=UNTIL)["Stored"]


def test_an_answer_that_was_cut_off_is_gone_on_from_and_nothing_counts_twice(local: Stubbed) -> None:
    expect(local, 0, event(0, 5), event(1, 6), event(2, 6))
    expect(local, 6, event(1, 6), event(2, 6), event(3, 6))
    expect(local, 7, event(4, 8))
    assert stored(local) == 11111


def test_an_answer_with_room_is_the_last(local: Stubbed) -> None:
    expect(local, 0, event(0, 5), {"eventId": "x", "timestamp": BEGAN, "message": "START"})
    assert stored(local) == 1
