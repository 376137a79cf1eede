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
    """Publish counts as one CloudWatch metric each, by way of the log (embedded metric format).

    A reason, one of few, makes a second metric of each beside the first: the same under that dimension.
    """
    _publish(MetricUnit.Count, counts, reason)


def measure_seconds(**durations: float) -> None:
    """Publish durations in the same way."""
    _publish(MetricUnit.Seconds, durations)


def seconds_since(moment: datetime) -> float:
    """Return how long ago that was, and 0 for what another machine's clock puts into the future."""
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _publish(unit: MetricUnit, values: Mapping[str, float], reason: str | None = None) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    # Two environments in one account do not mix. Work outside of any is measured too, rather than not done.
    whose = {"service": SERVICE, "environment": os.environ.get("ENVIRONMENT") or "none"}
    for dimension, whom in whose.items():
        metrics.add_dimension(name=dimension, value=whom)
    if reason:
        metrics.add_dimensions(**whose, reason=reason)
    for name, value in values.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
