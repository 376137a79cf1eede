"""What is watched: every metric that the alarms and the dashboard read, named once."""

from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.common.parameters import GraphHandover, Handover, PostgresHandover
from stacks.config.environment import Environment
from stacks.config.options import AuroraPostgres
from stacks.service.api import api_name

# As runtime/chalicelib/telemetry.py publishes them.
NAMESPACE: Final = "InteractionTracker"
SERVICE: Final = "interaction-tracker"

_SUM, _MAX, _AVERAGE = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM, cloudwatch.Stats.AVERAGE


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The metrics of one environment, and of no other in the same account."""

    environment: Environment
    handover: Handover

    def own(self, name: str, statistic: str = _SUM) -> cloudwatch.Metric:
        """Return a metric that our code publishes."""
        dimensions = {"service": SERVICE, "environment": self.environment.name}
        return _metric(NAMESPACE, name, statistic, dimensions)

    def by_reason(self, name: str) -> cloudwatch.MathExpression:
        """Return our metric once for each reason, of which the code decides."""
        schema = f"{{{NAMESPACE},environment,reason,service}}"
        search = f'{schema} MetricName="{name}" environment="{self.environment.name}"'
        return cloudwatch.MathExpression(expression=f"SEARCH('{search}', 'Sum', 60)", label="", using_metrics={})

    def api(self, name: str, statistic: str = _SUM) -> cloudwatch.Metric:
        """Return a metric of API Gateway."""
        return _metric("AWS/ApiGateway", name, statistic, {"ApiName": api_name(self.environment)})

    def function(self, function_name: str, name: str, statistic: str = _SUM) -> cloudwatch.Metric:
        """Return a metric of Lambda."""
        return _metric("AWS/Lambda", name, statistic, {"FunctionName": function_name})

    def queue(self, name: str, *, dead: bool = False) -> cloudwatch.Metric:
        """Return a metric of the queue, or of the dead letters' queue."""
        arn = self.handover.dead_letter_queue_arn if dead else self.handover.queue_arn
        return _metric("AWS/SQS", name, _MAX, {"QueueName": cdk.Fn.select(5, cdk.Fn.split(":", arn))})

    def postgres(self, store: PostgresHandover, name: str, statistic: str = _AVERAGE) -> cloudwatch.Metric:
        """Return a metric of RDS."""
        aurora = isinstance(self.environment.postgres, AuroraPostgres)
        dimension = "DBClusterIdentifier" if aurora else "DBInstanceIdentifier"
        return _metric("AWS/RDS", name, statistic, {dimension: store.postgres_identifier})

    def graph(self, store: GraphHandover, name: str) -> cloudwatch.Metric:
        """Return a metric of Neo4j's container."""
        dimensions = {"ClusterName": store.graph_cluster_name, "ServiceName": store.graph_service_name}
        return _metric("AWS/ECS", name, _MAX, dimensions)

    def graph_host(self, store: GraphHandover, name: str) -> cloudwatch.Metric:
        """Return a metric of the machine that Neo4j runs on."""
        dimensions = {"AutoScalingGroupName": store.graph_auto_scaling_group_name}
        return _metric("AWS/EC2", name, _MAX, dimensions)

    def graph_agent(self, name: str) -> cloudwatch.Metric:
        """Return a metric that the agent on that machine publishes, under the machine's private name."""
        return _metric(NAMESPACE, name, _MAX, {"Host": f"graph.{self.environment.name}.interaction-tracker.internal"})


def _metric(namespace: str, name: str, statistic: str, dimensions: dict[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        period=cdk.Duration.minutes(1),
    )
