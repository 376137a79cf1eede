"""The reconciliation: from CloudWatch's metrics and the queues; unknown if no metric arrived."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest

from scripts.reports.reconciliation import MESSAGE_COUNTS, METRICS, reconcile
from tests.stubbed import Stubbed

SINCE, UNTIL = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 3, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Dev(Stubbed):
    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"QueueUrl": "https://sqs.example/source", "DeadLetterQueueUrl": "https://sqs.example/dead"}


@pytest.fixture
def dev() -> Iterator[Dev]:
    target = Dev("dev", "us-east-1", endpoint=None)
    for url, visible in (("source", 3), ("dead", 5)):
        target.expect(
            "sqs",
            "get_queue_attributes",
            {"Attributes": dict(zip(MESSAGE_COUNTS, map(str, (visible, 1, 0)), strict=True))},
            {"QueueUrl": f"https://sqs.example/{url}", "AttributeNames": list(MESSAGE_COUNTS)},
        )
    yield target
    target.assert_asked()


def expect_metrics(dev: Dev, **values: list[float]) -> None:
    """Expect a query of all metrics; those without values never arrived."""
    dimensions = [{"Name": "service", "Value": "interaction-tracker"}, {"Name": "environment", "Value": "dev"}]
    queries: list[dict[str, Any]] = []
    for number, name in enumerate(METRICS):
        metric = {"Namespace": "InteractionTracker", "MetricName": name, "Dimensions": dimensions}
        queries.append({"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": "Sum"}})
    results = [{"Id": f"m{number}", "Values": values.get(name, [])} for number, name in enumerate(METRICS)]
    asked = {"MetricDataQueries": queries, "StartTime": SINCE, "EndTime": UNTIL}
    dev.expect("cloudwatch", "get_metric_data", {"MetricDataResults": results}, asked)


def totals(dev: Dev) -> dict[str, int | None]:
    return {one.name: one.value for one in reconcile(dev, since=SINCE, until=UNTIL)}


def test_the_remainder_is_unaccounted(dev: Dev) -> None:
    expect_metrics(dev, Accepted=[100.0, 20.0], Stored=[90.0, 10.0], Repeated=[5.0], Erased=[1.0])
    assert totals(dev) == {
        "accepted": 120,
        "stored": 100,
        "repeated": 5,
        "erased": 1,
        "discarded": 0,
        "waiting": 4,
        "dead": 6,
        "unaccounted": 4,
    }


def test_without_any_metric_the_counts_are_unknown(dev: Dev) -> None:
    expect_metrics(dev)
    counted = dict.fromkeys(["accepted", "stored", "repeated", "erased", "discarded", "unaccounted"])
    assert totals(dev) == counted | {"waiting": 4, "dead": 6}
