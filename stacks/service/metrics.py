"""The metrics that alarms and dashboard use, each named once."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.common.names import GRAPH_HOST_NAMESPACE, NAMESPACE, SERVICE, display_name, graph_host_name
from stacks.common.parameters import GraphParameters, PostgresParameters, StackParameters
from stacks.config.environment import Environment
from stacks.config.options import AuroraPostgres

_SUM, _MAX, _AVERAGE = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM, cloudwatch.Stats.AVERAGE


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The metrics of one environment, without those of others in the same account."""

    environment: Environment
    parameters: StackParameters

    def own(self, name: str, statistic: str = _SUM) -> cloudwatch.Metric:
        """Return a metric that our code publishes."""
        dimensions = {"service": SERVICE, "environment": self.environment.name}
        return _metric(NAMESPACE, name, statistic, dimensions)

    def by_reason(self, name: str) -> cloudwatch.MathExpression:
        """Return our metric as one line for each reason that was published."""
        schema = f"{{{NAMESPACE},environment,reason,service}}"
        search = f'{schema} MetricName="{name}" environment="{self.environment.name}"'
        return cloudwatch.MathExpression(expression=f"SEARCH('{search}', 'Sum', 60)", label="", using_metrics={})

    def api(self, name: str, statistic: str = _SUM) -> cloudwatch.Metric:
        """Return a metric of API Gateway."""
        return _metric("AWS/ApiGateway", name, statistic, {"ApiName": display_name(self.environment.name)})

    def function(self, function_name: str, name: str, statistic: str = _SUM) -> cloudwatch.Metric:
        """Return a metric of Lambda."""
        return _metric("AWS/Lambda", name, statistic, {"FunctionName": function_name})

    def queue(self, name: str, *, dead_letters: bool = False) -> cloudwatch.Metric:
        """Return a metric of the queue, or of the dead-letter queue."""
        arn = self.parameters.dead_letter_queue_arn if dead_letters else self.parameters.queue_arn
        return _metric("AWS/SQS", name, _MAX, {"QueueName": cdk.Fn.select(5, cdk.Fn.split(":", arn))})

    def waiting_seconds(self, *, limit: int) -> cloudwatch.IMetric:
        """Return the age of the oldest message, or more than `limit` while messages wait and no batch is stored.

        The age alone leaves out messages that were received more than three times. The local endpoint has only that.
        """
        age = self.queue("ApproximateAgeOfOldestMessage")
        if self.environment.local_endpoint:
            return age
        return cloudwatch.MathExpression(
            expression=f"IF(visible + hidden > 0 AND FILL(stored, 0) == 0, {limit + 1}, age)",
            label="",
            using_metrics={
                "age": age,
                "visible": self.queue("ApproximateNumberOfMessagesVisible"),
                "hidden": self.queue("ApproximateNumberOfMessagesNotVisible"),
                "stored": self.own("Stored", cloudwatch.Stats.SAMPLE_COUNT),  # batches written to Postgres
            },
            period=cdk.Duration.minutes(1),
        )

    def postgres(self, store: PostgresParameters, name: str, statistic: str = _AVERAGE) -> cloudwatch.Metric:
        """Return a metric of RDS."""
        aurora = isinstance(self.environment.postgres, AuroraPostgres)
        dimension = "DBClusterIdentifier" if aurora else "DBInstanceIdentifier"
        return _metric("AWS/RDS", name, statistic, {dimension: store.postgres_identifier})

    def graph(self, store: GraphParameters, name: str) -> cloudwatch.Metric:
        """Return a metric of Neo4j's container."""
        dimensions = {"ClusterName": store.graph_cluster_name, "ServiceName": store.graph_service_name}
        return _metric("AWS/ECS", name, _MAX, dimensions)

    def graph_host(self, store: GraphParameters, name: str) -> cloudwatch.Metric:
        """Return a metric of the EC2 instance that Neo4j runs on."""
        dimensions = {"AutoScalingGroupName": store.graph_auto_scaling_group_name}
        return _metric("AWS/EC2", name, _MAX, dimensions)

    def graph_agent(self, name: str) -> cloudwatch.Metric:
        """Return a metric that the CloudWatch agent on that instance publishes."""
        return _metric(GRAPH_HOST_NAMESPACE, name, _MAX, {"Host": graph_host_name(self.environment.name)})


def _metric(namespace: str, name: str, statistic: str, dimensions: dict[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        period=cdk.Duration.minutes(1),
    )
