"""Metrics are published by way of the log, so that CloudWatch can tell environments and reasons apart."""

from datetime import UTC, datetime, timedelta

import neo4j
import pytest

from chalicelib.graph.client import Graph
from chalicelib.queue import encode
from chalicelib.telemetry import measure, measure_seconds, seconds_since
from chalicelib.worker import Worker
from tests.fakes import FakeLedger, FakeQueue
from tests.metrics import metrics, values
from tests.samples import interaction


def test_a_metric_names_its_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    measure(Accepted=1)
    [metric] = metrics(capsys)
    [directive] = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "InteractionTracker"
    assert [set(one) for one in directive["Dimensions"]] == [{"service", "environment"}]
    assert directive["Metrics"] == [{"Name": "Accepted", "Unit": "Count"}]
    assert (metric["service"], metric["environment"], metric["Accepted"]) == ("interaction-tracker", "dev", [1.0])


def test_a_reason_is_counted_beside_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    measure(Refused=1, reason="token")
    [metric] = metrics(capsys)
    [directive] = metric["_aws"]["CloudWatchMetrics"]
    whose = {"service", "environment"}
    assert [set(one) for one in directive["Dimensions"]] == [whose, whose | {"reason"}]


def test_durations_are_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    measure_seconds(OutboxAge=1.5)
    [metric] = metrics(capsys)
    assert metric["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "OutboxAge", "Unit": "Seconds"}]


def test_another_machines_clock_makes_no_negative_duration() -> None:
    assert seconds_since(datetime.now(UTC) + timedelta(minutes=1)) == 0
    assert seconds_since(datetime.now(UTC) - timedelta(minutes=1)) == pytest.approx(60, abs=5)


def _no_driver() -> neo4j.Driver:
    raise AssertionError("nothing is in the outbox")


def test_the_worker_tells_how_long_the_slowest_of_a_batch_took(
    ledger: FakeLedger, queue: FakeQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    old, new = (interaction("recall", now=now - timedelta(seconds=age), metadata={"age": age}) for age in (90, 5))
    worker = Worker(open_ledger=lambda: ledger, open_graph=lambda: Graph(_no_driver), dead_letters=queue)
    event = {"Records": [{"messageId": one.id, "body": encode(one)} for one in (new, old)]}
    worker.handle(event)
    assert values(metrics(capsys), "TimeToStored") == [pytest.approx(90, abs=5)]
