"""Made-up people are always the same, plausible, and valid for the API."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.payload import read_interaction
from local.made_up import Person, people

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def everybody() -> list[Person]:
    return list(people(until=UNTIL, count=50, interactions=5000))


def payloads(everybody: list[Person]) -> list[dict[str, Any]]:
    return [payload for person in everybody for payload in person.payloads]


def test_the_same_seed_makes_the_same_people(everybody: list[Person]) -> None:
    assert list(people(until=UNTIL, count=50, interactions=5000)) == everybody
    assert list(people(until=UNTIL, count=50, interactions=5000, seed=2)) != everybody


def test_so_many_interactions_are_made_and_a_few_are_sent_twice(everybody: list[Person]) -> None:
    ids = [
        read_interaction(payload, user_id=person.email, now=UNTIL).id
        for person in everybody
        for payload in person.payloads
    ]
    assert (len(everybody), len(set(ids))) == (50, 5000)
    assert 5010 < len(ids) < 5100


def test_they_fall_into_the_days_asked_for(everybody: list[Person]) -> None:
    times = [datetime.fromtimestamp(payload["timestamp"] / 1000, UTC) for payload in payloads(everybody)]
    assert UNTIL - timedelta(days=60) <= min(times) < UNTIL - timedelta(days=58)
    assert UNTIL - timedelta(days=2) < max(times) <= UNTIL


def test_few_queries_are_frequent_and_first_results_are_opened_more(everybody: list[Person]) -> None:
    queries = Counter(one["metadata"]["query"] for one in payloads(everybody) if one["kind"] == "recall")
    [(_, first), (_, second), *rest] = queries.most_common()
    assert first > second > 5 * rest[-1][1]
    ranks = Counter(one["metadata"]["position"] for one in payloads(everybody) if one["kind"] == "peel")
    assert ranks[1] > ranks[3] > ranks[6] > ranks[10] > 0
