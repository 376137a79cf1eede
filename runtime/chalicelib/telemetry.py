"""Structured logs and metrics: ids and counts, never metadata, tokens or e-mail addresses."""

import os
from datetime import UTC, datetime, timedelta

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

SERVICE = "interaction-tracker"
NAMESPACE = "InteractionTracker"

log = Logger(service=SERVICE)


def measure(*, reason: str | None = None, **values: float | timedelta) -> None:
    """Publish each count, and each duration in seconds, as a CloudWatch metric: one line of the log (EMF) for all.

    With a reason, each is published a second time with the dimension `reason`: pass one of a few fixed values.
    """
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    # Two environments in one account stay apart; code that runs outside of any is measured as "none".
    dimensions = {"service": SERVICE, "environment": os.environ.get("ENVIRONMENT") or "none"}
    for name, dimension in dimensions.items():
        metrics.add_dimension(name=name, value=dimension)
    if reason:
        metrics.add_dimensions(**dimensions, reason=reason)
    for name, value in values.items():
        if isinstance(value, timedelta):
            metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=value.total_seconds())
        else:
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()


def age(moment: datetime) -> timedelta:
    """Return how long ago that was; nothing if another machine's clock put it into the future."""
    return max(timedelta(0), datetime.now(UTC) - moment)
