"""A user's quota, counted in a real table of the AWS endpoint."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib import config
from chalicelib.api.quota import QuotaExceededError, spend
from local.cloud import Cloud
from tests.metrics import metrics, values
from tests.samples import ALICE, BOB

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def table(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield an empty table, in which a user may post ten interactions and 1,000 bytes a day."""
    variables = cloud.environment() | {
        "QUOTA_INTERACTIONS": "10",
        "QUOTA_BYTES": "1000",
        "QUOTA_TABLE": uuid.uuid4().hex,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config.client.cache_clear()
    yield boto3.resource("dynamodb").create_table(
        TableName=variables["QUOTA_TABLE"],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    config.client.cache_clear()


def spent(user_id: str = ALICE, interactions: int = 1, size_bytes: int = 1, now: datetime = NOON) -> bool:
    """Return whether the user had so much left."""
    try:
        spend(user_id, interactions=interactions, size_bytes=size_bytes, now=now)
    except QuotaExceededError:
        return False
    return True


@pytest.mark.usefixtures("table")
def test_a_day_allows_so_many_interactions_of_each_user() -> None:
    assert [spent(interactions=4) for _ in range(4)] == [True, True, False, False]
    assert spent(interactions=2)  # what was refused was not counted
    assert not spent()
    assert spent(BOB)


@pytest.mark.usefixtures("table")
def test_a_day_allows_so_many_bytes_of_each_user() -> None:
    assert [spent(size_bytes=400) for _ in range(3)] == [True, True, False]
    assert spent(BOB, size_bytes=400)


@pytest.mark.usefixtures("table")
def test_the_next_day_in_utc_begins_at_nothing() -> None:
    assert spent(interactions=10)
    evening = NOON.replace(hour=23, minute=59, second=58)
    with pytest.raises(QuotaExceededError) as refusal:
        spend(ALICE, interactions=1, size_bytes=1, now=evening)
    assert refusal.value.retry_after_seconds == 3
    assert spent(now=evening + timedelta(seconds=refusal.value.retry_after_seconds))


@pytest.mark.usefixtures("table")
def test_requests_side_by_side_do_not_pass_the_quota_together() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: spent(), range(40))) == 10


def test_a_count_is_kept_until_a_day_after_its_day(table: Any) -> None:
    spent()
    [item] = table.scan()["Items"]
    assert datetime.fromtimestamp(int(item["expires_at"]), UTC) == datetime(2026, 5, 3, tzinfo=UTC)
    assert set(item) == {"id", "interactions", "size_bytes", "expires_at"}


@pytest.mark.parametrize("broken", [{"QUOTA_TABLE": "missing"}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}])
@pytest.mark.usefixtures("table")
def test_without_an_answer_everybody_may_post_and_it_is_measured(
    broken: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    config.client.cache_clear()
    assert spent(interactions=1_000_000)
    assert values(metrics(capsys), "QuotaUnavailable") == [1]
