"""Structured logs and metrics: ids and counts, never metadata, tokens or e-mail addresses."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

SERVICE = "interaction-tracker"
NAMESPACE = "InteractionTracker"

log = Logger(service=SERVICE)


def measure(**counts: float) -> None:
    """Publish counts as one CloudWatch metric each, by way of the log (embedded metric format)."""
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()
