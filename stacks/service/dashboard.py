"""The dashboard: one row for each question that an operator asks first."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.common.names import display_name
from stacks.config.environment import Environment
from stacks.service.metrics import Metrics

_WIDTH: Final = 24  # of a dashboard, in CloudWatch's units
_MAX: Final = cloudwatch.Stats.MAXIMUM
_P50: Final = "p50"
_P99: Final = "p99"

Graphs = Mapping[str, list[cloudwatch.IMetric]]


def add_dashboard(
    scope: Construct, *, metrics: Metrics, functions: Mapping[str, str], environment: Environment
) -> None:
    """Make the environment's dashboard, `interaction-tracker-ENVIRONMENT`; `functions` are names by logical id."""
    dashboard = cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name=display_name(environment.name),
        default_interval=cdk.Duration.hours(3),
    )
    for question, graphs in _rows(metrics, functions).items():
        dashboard.add_widgets(cloudwatch.TextWidget(markdown=f"## {question}", width=_WIDTH, height=1))
        width = _WIDTH // len(graphs)
        dashboard.add_widgets(
            *(cloudwatch.GraphWidget(title=title, left=left, width=width) for title, left in graphs.items())
        )


def _rows(metrics: Metrics, functions: Mapping[str, str]) -> dict[str, Graphs]:
    own, api, queue = metrics.own, metrics.api, metrics.queue
    return {
        "Are requests coming in, and are they accepted?": {
            "Requests": [api("Count"), api("4XXError"), api("5XXError")],
            "Answered": [own("Accepted"), own("Refused"), own("Retried"), own("QuotaUnavailable")],
            "Refused, by reason": [metrics.by_reason("Refused")],
            "Milliseconds to the answer": [api("Latency", _P50), api("Latency", _P99)],
        },
        "How old is the oldest that waits, and is anything dead-lettered?": {
            "Seconds that the oldest message waits": [queue("ApproximateAgeOfOldestMessage")],
            "Messages": [queue("ApproximateNumberOfMessagesVisible"), queue("ApproximateNumberOfMessagesNotVisible")],
            "Dead letters": [
                queue("ApproximateNumberOfMessagesVisible", dead_letters=True),
                own("Poison"),
                own("Discarded"),
            ],
            "Stored": [own("Stored"), own("Repeated"), own("Erased")],
        },
        "How far is the graph behind?": {
            "Rows that wait": [own("OutboxRows", _MAX), own("SetAsideRows", _MAX)],
            "Seconds that the oldest row waits": [own("OutboxAge", _MAX)],
            "Seconds from accepted": [own("TimeToStored", _P99), own("TimeToGraph", _P99)],
            "Projected": [own("Projected"), own("GraphRefused"), own("SetAside"), own("NotDrained")],
            "Seconds since the watermark": [own("WatermarkAge", _MAX)],
            "Another graph than before": [own("GraphLost", _MAX)],
        },
        "Are the functions well?": {
            "Errors": [metrics.function(name, "Errors").with_(label=label) for label, name in functions.items()],
            "Throttles": [metrics.function(name, "Throttles").with_(label=label) for label, name in functions.items()],
            "At once": [
                metrics.function(name, "ConcurrentExecutions", _MAX).with_(label=label)
                for label, name in functions.items()
            ],
        },
        **_stores(metrics),
    }


def _stores(metrics: Metrics) -> dict[str, Graphs]:
    rows: dict[str, Graphs] = {}
    if store := metrics.parameters.postgres:
        rows["Is Postgres well?"] = {
            "CPU, %": [metrics.postgres(store, "CPUUtilization")],
            "Connections": [metrics.postgres(store, "DatabaseConnections", _MAX)],
            "Free memory, bytes": [metrics.postgres(store, "FreeableMemory")],
            "Free disk, bytes": [
                metrics.postgres(store, "FreeStorageSpace"),
                metrics.postgres(store, "VolumeBytesUsed"),
            ],
        }
    if graph := metrics.parameters.graph:
        rows["Is the graph well?"] = {
            "Container's memory, %": [metrics.graph(graph, "MemoryUtilization")],
            "Host's disk and memory, %": [
                metrics.graph_agent("disk_used_percent"),
                metrics.graph_agent("mem_used_percent"),
            ],
            "Host's CPU, %": [metrics.graph_host(graph, "CPUUtilization")],
            "Host's failed checks": [metrics.graph_host(graph, "StatusCheckFailed")],
        }
    return rows
