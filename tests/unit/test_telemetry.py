"""Metrics go through the log, with the dimensions that keep environments and reasons apart."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.telemetry import measure, measure_seconds, seconds_since
from tests.metrics import metrics


def test_a_metric_has_its_environment_as_dimension(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    measure(Accepted=1)
    [metric] = metrics(capsys)
    [directive] = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "InteractionTracker"
    assert [set(one) for one in directive["Dimensions"]] == [{"service", "environment"}]
    assert directive["Metrics"] == [{"Name": "Accepted", "Unit": "Count"}]
    assert (metric["service"], metric["environment"], metric["Accepted"]) == ("interaction-tracker", "dev", [1.0])


def test_a_reason_is_counted_beside_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    measure(Refused=1, reason="token")
    [metric] = metrics(capsys)
    [directive] = metric["_aws"]["CloudWatchMetrics"]
    total = {"service", "environment"}
    assert [set(one) for one in directive["Dimensions"]] == [total, total | {"reason"}]


def test_durations_are_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    measure_seconds(OutboxAge=1.5)
    [metric] = metrics(capsys)
    assert metric["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "OutboxAge", "Unit": "Seconds"}]


def test_a_moment_in_the_future_is_0_seconds_ago() -> None:
    assert seconds_since(datetime.now(UTC) + timedelta(minutes=1)) == 0
    assert seconds_since(datetime.now(UTC) - timedelta(minutes=1)) == pytest.approx(60, abs=5)
