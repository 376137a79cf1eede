"""Structured logs and metrics: ids and counts, never metadata, tokens or e-mail addresses."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

SERVICE = "interaction-tracker"
NAMESPACE = "InteractionTracker"

log = Logger(service=SERVICE)


def measure(*, reason: str | None = None, **counts: float) -> None:
    """Publish each count as one CloudWatch metric, through the log (embedded metric format).

    With a reason, each is published a second time with the dimension `reason`: pass one of a few fixed values.
    """
    _publish(MetricUnit.Count, counts, reason)


def measure_seconds(**durations: float) -> None:
    """Publish each duration as one CloudWatch metric, through the log."""
    _publish(MetricUnit.Seconds, durations)


def seconds_since(when: datetime) -> float:
    """Return the seconds since then; 0 if another machine's clock put it into the future."""
    return max(0.0, (datetime.now(UTC) - when).total_seconds())


def _publish(unit: MetricUnit, values: Mapping[str, float], reason: str | None = None) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    # Two environments in one account stay apart; code that runs outside of any is measured as "none".
    dimensions = {"service": SERVICE, "environment": os.environ.get("ENVIRONMENT") or "none"}
    for name, dimension in dimensions.items():
        metrics.add_dimension(name=name, value=dimension)
    if reason:
        metrics.add_dimensions(**dimensions, reason=reason)
    for name, value in values.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
