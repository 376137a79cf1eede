"""One look at an environment, and who is told when something needs a person."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.common.alarm import add_alarm
from stacks.common.parameters import GraphHandover, PostgresHandover
from stacks.config.environment import Environment
from stacks.config.options import RdsPostgres
from stacks.service.dashboard import add_dashboard
from stacks.service.metrics import Metrics

_GIB = 1024**3
_MIB = 1024**2


class Observability(Construct):
    """The dashboard, and the alarms on what people or the stores would notice first.

    Each symptom has one alarm: a store that is away shows in what waits for it.
    """

    def __init__(
        self, scope: Construct, id_: str, *, metrics: Metrics, functions: dict[str, str], environment: Environment
    ) -> None:
        super().__init__(scope, id_)
        self._metrics, self._environment = metrics, environment
        self._topic = sns.Topic.from_topic_arn(self, "Topic", metrics.handover.alarm_topic_arn)
        self._watch_the_path()
        if metrics.handover.postgres:
            self._watch_postgres(metrics.handover.postgres)
        if metrics.handover.graph:
            self._watch_graph(metrics.handover.graph)
        add_dashboard(self, metrics=metrics, functions=functions, environment=environment)

    def _watch_the_path(self) -> None:
        metrics = self._metrics
        # Postgres away, or a worker that cannot.
        self._alarm("Interactions wait to be stored", metrics.queue("ApproximateAgeOfOldestMessage"), 5, above=300)
        self._alarm("The API fails", metrics.api("5XXError"), 5, above=2)
        # It measures the outbox before all else: silence is no run, or no Postgres.
        runs = metrics.own("OutboxRows", cloudwatch.Stats.SAMPLE_COUNT)
        self._alarm("Catch-up does not run", runs, 10, below=1, silence_is_bad=True)
        self._alarm("The graph is behind", metrics.own("OutboxAge", cloudwatch.Stats.MAXIMUM), 5, above=600)
        self._alarm("The graph was lost", metrics.own("GraphLost", cloudwatch.Stats.MAXIMUM), 1, above=0)
        self._alarm("The graph refuses interactions", metrics.own("SetAsideRows", cloudwatch.Stats.MAXIMUM), 1, above=0)

    def _watch_postgres(self, store: PostgresHandover) -> None:
        metrics = self._metrics
        self._alarm("Postgres is short of CPU", metrics.postgres(store, "CPUUtilization"), 15, above=80)
        self._alarm("Postgres is short of memory", metrics.postgres(store, "FreeableMemory"), 15, below=64 * _MIB)
        self._alarm("Postgres runs out of connections", metrics.postgres(store, "DatabaseConnections"), 5, above=50)
        if isinstance(self._environment.postgres, RdsPostgres):  # Aurora's storage has no end
            self._alarm("Postgres' disk fills", metrics.postgres(store, "FreeStorageSpace"), 15, below=5 * _GIB)

    def _watch_graph(self, store: GraphHandover) -> None:
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
        silence_is_bad: bool = False,
    ) -> None:
        add_alarm(
            self,
            heading,
            metric,
            environment=self._environment,
            topic=self._topic,
            minutes=minutes,
            above=above,
            below=below,
            silence_is_bad=silence_is_bad,
        )
