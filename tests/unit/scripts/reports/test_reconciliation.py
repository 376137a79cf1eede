"""The reconciliation: from CloudWatch's metrics and the queues, in interactions; unknown if no metric arrived."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest

from scripts.common.target import SHORT_CALLS, Settings
from scripts.reports.reconciliation import MAX_READ, METRICS, reconcile
from tests.stubbed import Stubbed
from tests.unit.scripts.fake_sqs import FakeSqs

SINCE, UNTIL = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 3, 12, tzinfo=UTC)
BATCH = json.dumps({"version": 2, "interactions": [{}] * 7})


@dataclass(frozen=True)
class Dev(Stubbed):
    sqs: FakeSqs = field(default_factory=FakeSqs)

    def client(self, service: str, settings: Settings = SHORT_CALLS) -> Any:
        return self.sqs if service == "sqs" else super().client(service, settings)

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"QueueUrl": "source", "DeadLetterQueueUrl": "dead"}


@pytest.fixture
def dev() -> Iterator[Dev]:
    target = Dev("dev", "us-east-1", endpoint=None)
    yield target
    target.assert_asked()


def expect_metrics(
    dev: Dev, names: tuple[str, ...] = tuple(METRICS), statistic: str = "Sum", **values: list[float]
) -> None:
    """Expect a query of these metrics; those without values never arrived."""
    dimensions = [{"Name": "service", "Value": "interaction-tracker"}, {"Name": "environment", "Value": "dev"}]
    queries: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        metric = {"Namespace": "InteractionTracker", "MetricName": name, "Dimensions": dimensions}
        queries.append({"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": statistic}})
    results = [{"Id": f"m{number}", "Values": values.get(name, [])} for number, name in enumerate(names)]
    asked = {"MetricDataQueries": queries, "StartTime": SINCE, "EndTime": UNTIL}
    dev.expect("cloudwatch", "get_metric_data", {"MetricDataResults": results}, asked)


def expect_mean(dev: Dev, *, interactions: float, requests: float) -> None:
    """Expect the queries for how many interactions an accepted request has."""
    expect_metrics(dev, ("Accepted",), Accepted=[interactions])
    expect_metrics(dev, ("Accepted",), "SampleCount", Accepted=[requests])


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
        "waiting": 0,
        "dead": 0,
        "unaccounted": 14,
    }


def test_interactions_of_batches_are_counted_not_messages(dev: Dev) -> None:
    dev.sqs.visible = FakeSqs(BATCH, "unreadable", BATCH).visible
    dev.sqs.waiting = 4
    expect_metrics(dev, Accepted=[120.0], Stored=[65.0])
    expect_mean(dev, interactions=120, requests=12)
    found = totals(dev)
    assert (found["waiting"], found["dead"], found["unaccounted"]) == (40, 15, 0)
    assert len(dev.sqs.visible) == 3


def test_of_a_long_dead_letter_queue_a_part_is_read(dev: Dev) -> None:
    dev.sqs.visible = FakeSqs(*[BATCH] * (MAX_READ + 500)).visible
    expect_metrics(dev)
    assert totals(dev)["dead"] == 7 * (MAX_READ + 500)
    assert len(dev.sqs.visible) == MAX_READ + 500


def test_without_any_metric_the_counts_are_unknown(dev: Dev) -> None:
    dev.sqs.waiting = 4
    for names, statistic in ((tuple(METRICS), "Sum"), (("Accepted",), "Sum"), (("Accepted",), "SampleCount")):
        expect_metrics(dev, names, statistic)
    counted = dict.fromkeys(["accepted", "stored", "repeated", "erased", "discarded", "unaccounted"])
    assert totals(dev) == counted | {"waiting": 4, "dead": 0}
