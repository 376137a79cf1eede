"""Metrics go through the log, with the dimensions that keep environments and reasons apart."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.telemetry import age, measure
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


def test_counts_and_durations_are_one_line_with_their_units(capsys: pytest.CaptureFixture[str]) -> None:
    measure(OutboxRows=2, OutboxAge=timedelta(seconds=1.5))
    [metric] = metrics(capsys)
    units = [{"Name": "OutboxRows", "Unit": "Count"}, {"Name": "OutboxAge", "Unit": "Seconds"}]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Metrics"] == units
    assert (metric["OutboxRows"], metric["OutboxAge"]) == ([2.0], [1.5])


def test_a_moment_in_the_future_is_0_seconds_ago() -> None:
    assert age(datetime.now(UTC) + timedelta(minutes=1)) == timedelta(0)
    assert age(datetime.now(UTC) - timedelta(minutes=1)).total_seconds() == pytest.approx(60, abs=5)
