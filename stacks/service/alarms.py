"""The alarms of an environment, and its dashboard."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.common.alarm import add_alarm
from stacks.common.parameters import GraphParameters, PostgresParameters
from stacks.config.environment import Environment
from stacks.config.options import RdsPostgres
from stacks.service.dashboard import add_dashboard
from stacks.service.metrics import Metrics

_GIB = 1024**3
_MIB = 1024**2


class Observability(Construct):
    """The dashboard, and one alarm for each symptom.

    A store that is unavailable has no alarm here: what waits for it has.
    """

    def __init__(
        self, scope: Construct, id_: str, *, metrics: Metrics, functions: dict[str, str], environment: Environment
    ) -> None:
        super().__init__(scope, id_)
        self._metrics, self._functions, self._environment = metrics, functions, environment
        self._topic = sns.Topic.from_topic_arn(self, "Topic", metrics.parameters.alarm_topic_arn)
        self._watch_interactions()
        if metrics.parameters.postgres:
            self._watch_postgres(metrics.parameters.postgres)
        if metrics.parameters.graph:
            self._watch_graph(metrics.parameters.graph)
        add_dashboard(self, metrics=metrics, functions=functions, environment=environment)

    def _watch_interactions(self) -> None:
        metrics = self._metrics
        if self._environment.local_endpoint:  # it takes no metric math
            self._alarm("Interactions wait to be stored", metrics.queue("ApproximateAgeOfOldestMessage"), 15, above=300)
        else:
            self._alarm("Interactions wait to be stored", metrics.waiting_seconds(limit=300), 15, above=300)
        self._alarm("The worker fails", metrics.function(self._functions["Worker"], "Errors"), 5, above=0)
        self._alarm("The API fails", metrics.api("5XXError"), 5, above=2)
        if self._environment.quota:
            self._alarm("Quotas are not counted", metrics.own("QuotaUnavailable"), 5, above=0)
        # A run measures the outbox first: no value means no run, or no Postgres.
        runs = metrics.own("OutboxRows", cloudwatch.Stats.SAMPLE_COUNT)
        self._alarm("Catch-up does not run", runs, 10, below=1, missing_is_bad=True)
        self._alarm("The graph is behind", metrics.own("OutboxAge", cloudwatch.Stats.MAXIMUM), 5, above=600)
        self._alarm("The graph was lost", metrics.own("GraphLost", cloudwatch.Stats.MAXIMUM), 1, above=0)
        self._alarm("The graph refuses interactions", metrics.own("SetAsideRows", cloudwatch.Stats.MAXIMUM), 1, above=0)

    def _watch_postgres(self, store: PostgresParameters) -> None:
        metrics = self._metrics
        self._alarm("Postgres is short of CPU", metrics.postgres(store, "CPUUtilization"), 15, above=80)
        self._alarm("Postgres is short of memory", metrics.postgres(store, "FreeableMemory"), 15, below=64 * _MIB)
        self._alarm("Postgres runs out of connections", metrics.postgres(store, "DatabaseConnections"), 5, above=50)
        if isinstance(self._environment.postgres, RdsPostgres):  # Aurora's storage has no limit
            # RDS enlarges it when a tenth is free: less means that it cannot.
            low = self._environment.postgres.storage_gib * _GIB // 20
            self._alarm("Postgres' disk fills", metrics.postgres(store, "FreeStorageSpace"), 15, below=low)

    def _watch_graph(self, store: GraphParameters) -> None:
        metrics = self._metrics
        self._alarm("The graph is short of CPU", metrics.graph_host(store, "CPUUtilization"), 15, above=90)
        self._alarm("The graph's disk fills", metrics.graph_agent("disk_used_percent"), 15, above=80)
        self._alarm("The graph's host is unwell", metrics.graph_host(store, "StatusCheckFailed"), 3, above=0)

    def _alarm(
        self,
        heading: str,
        metric: cloudwatch.IMetric,
        minutes: int,
        *,
        above: float | None = None,
        below: float | None = None,
        missing_is_bad: bool = False,
    ) -> None:
        add_alarm(
            self,
            heading,
            metric,
            environment=self._environment,
            topic=self._topic,
            periods=minutes,
            above=above,
            below=below,
            missing_is_bad=missing_is_bad,
        )
