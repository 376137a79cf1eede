"""Sums of the functions' metrics: from CloudWatch or, at the local endpoint, from the logs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from scripts.common.errors import OperationError
from scripts.common.target import Target
from stacks.common.names import NAMESPACE, SERVICE

DAY_SECONDS = 24 * 60 * 60
Statistic = Literal["Sum", "SampleCount"]
MAX_EVENTS = 10_000  # log events that one call returns at most


def sum_metrics(
    target: Target, names: Iterable[str], *, since: datetime, until: datetime, statistic: Statistic = "Sum"
) -> dict[str, int | None]:
    """Return each metric's sum over that time, or None for all if no metric at all arrived: then they are unknown.

    With SampleCount, return how often each was published instead.
    """
    found = (_sum_logs if target.endpoint else _sum_cloudwatch)(target, tuple(names), since, until, statistic)
    return {name: found[name] if found else None for name in names}


def read_series(
    target: Target, names: Sequence[str], *, since: datetime, until: datetime, period_seconds: int
) -> dict[str, dict[datetime, float]]:
    """Return each metric's sums in periods from `since` on, by the start of the period; without those of no value."""
    read = _read_log_series if target.endpoint else _read_cloudwatch_series
    return read(target, names, since, until, period_seconds)


def _read_cloudwatch_series(
    target: Target, names: Sequence[str], since: datetime, until: datetime, period_seconds: int
) -> dict[str, dict[datetime, float]]:
    found: dict[str, dict[datetime, float]] = {name: {} for name in names}
    for name, result in _query(target, names, since, until, period_seconds=period_seconds):
        found[name] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    return found


def _read_log_series(
    target: Target, names: Sequence[str], since: datetime, until: datetime, period_seconds: int
) -> dict[str, dict[datetime, float]]:
    found: dict[str, dict[datetime, float]] = {name: {} for name in names}
    for record in _records(target, since, until):
        age_seconds = record["_aws"]["Timestamp"] / 1000 - since.timestamp()
        period = since + timedelta(seconds=age_seconds // period_seconds * period_seconds)
        for name in names:
            if name in record:
                found[name][period] = found[name].get(period, 0) + sum(record[name])
    return found


def _sum_cloudwatch(
    target: Target, names: tuple[str, ...], since: datetime, until: datetime, statistic: Statistic
) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, result in _query(target, names, since, until, statistic=statistic):
        if result["Values"]:
            found[name] += int(sum(result["Values"]))
    return found


def _query(
    target: Target,
    names: Sequence[str],
    since: datetime,
    until: datetime,
    *,
    period_seconds: int = DAY_SECONDS,
    statistic: Statistic = "Sum",
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield CloudWatch's results, each with the metric's name; a metric may have several."""
    dimensions = [{"Name": "service", "Value": SERVICE}, {"Name": "environment", "Value": target.name}]
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions},
                "Period": period_seconds,
                "Stat": statistic,
            },
        }
        for number, name in enumerate(names)
    ]
    pages = target.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=since, EndTime=until):
        for result in page["MetricDataResults"]:
            yield names[int(result["Id"][1:])], result


def _sum_logs(
    target: Target, names: tuple[str, ...], since: datetime, until: datetime, statistic: Statistic
) -> Counter[str]:
    found: Counter[str] = Counter()
    for record in _records(target, since, until):
        for name in names:
            if name in record:
                found[name] += int(sum(record[name])) if statistic == "Sum" else len(record[name])
    return found


def _records(target: Target, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """Yield the metrics in the logs; each is a line in the embedded metric format."""
    logs = target.client("logs")
    groups = [group for page in logs.get_paginator("describe_log_groups").paginate() for group in page["logGroups"]]
    for group in groups:
        for event in _events(logs, group["logGroupName"], int(since.timestamp() * 1000), int(until.timestamp() * 1000)):
            if event["message"].startswith('{"_aws"'):
                yield json.loads(event["message"])


def _events(logs: Any, group: str, since: int, until: int) -> Iterator[Mapping[str, Any]]:
    """Yield the log events between these milliseconds. MiniStack returns the first 10,000 in order, and no token.

    Raises OperationError if one millisecond has so many.
    """
    while True:
        answer = logs.filter_log_events(logGroupName=group, filterPattern="_aws", startTime=since, endTime=until)
        events = answer["events"]
        if len(events) < MAX_EVENTS:
            yield from events
            return
        last = events[-1]["timestamp"]
        if last == since:
            raise OperationError(f"{group} has {MAX_EVENTS} lines or more in one millisecond: they cannot be counted")
        yield from (event for event in events if event["timestamp"] < last)
        since = last
