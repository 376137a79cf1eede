"""The environment's alarms, as CloudWatch has them now."""

from dataclasses import dataclass
from datetime import datetime

from scripts.common.target import Target


@dataclass(frozen=True)
class Alarm:
    """One alarm; its heading is that of its section in docs/operations.md."""

    heading: str
    state: str
    """OK, ALARM, or INSUFFICIENT_DATA."""
    since: datetime
    reason: str


def read_alarms(target: Target) -> list[Alarm]:
    """Return the environment's alarms, those that ring first."""
    prefix = f"{target.name}: "
    pages = target.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    alarms = [
        Alarm(
            one["AlarmName"].removeprefix(prefix),
            one["StateValue"],
            one["StateUpdatedTimestamp"],
            one.get("StateReason", ""),
        )
        for page in pages
        for one in page["MetricAlarms"]
    ]
    return sorted(alarms, key=lambda alarm: (alarm.state != "ALARM", alarm.heading))
