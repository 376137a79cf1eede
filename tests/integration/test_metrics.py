"""Sums of metrics that are read from the logs."""

import json
from datetime import UTC, datetime, timedelta

from local.cloud import Cloud
from scripts.common.target import Target
from scripts.reports.metrics import sum_metrics


def test_more_lines_than_one_call_returns_are_counted(cloud: Cloud) -> None:
    target = Target.local(cloud.environment())
    logs, now = target.client("logs"), datetime.now(UTC)
    group = {"logGroupName": "/counted"}
    logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName="one")
    line = json.dumps({"_aws": {}, "Counted": [1.0, 1.0]})
    began = int(now.timestamp() * 1000) - 3000
    for part in range(3):  # 4 lines of each millisecond
        events = [{"timestamp": began + (part * 4000 + number) // 4, "message": line} for number in range(4000)]
        logs.put_log_events(**group, logStreamName="one", logEvents=events)
    assert sum_metrics(target, ["Counted", "Other"], since=now - timedelta(hours=1), until=now) == {
        "Counted": 24_000,
        "Other": 0,
    }
    assert sum_metrics(target, ["Counted"], since=now - timedelta(hours=1), until=now, statistic="SampleCount") == {
        "Counted": 24_000
    }
    assert sum_metrics(target, ["Other"], since=now - timedelta(hours=1), until=now) == {"Other": None}
