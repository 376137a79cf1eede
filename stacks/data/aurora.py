"""The ledger's Postgres as an Aurora cluster, for more load than one instance can take."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.config.environment import Environment
from stacks.config.options import AuroraPostgres
from stacks.config.versions import POSTGRES_MAJOR
from stacks.data.network import Vpc
from stacks.data.postgres import AUTHORITY, BACKUP_WINDOW, DATABASE, Ledger


class AuroraLedger(Ledger):
    """An Aurora Serverless v2 cluster: its size follows the load, and its standbys share its storage."""

    def __init__(
        self, scope: Construct, id_: str, *, postgres: AuroraPostgres, network: Vpc, environment: Environment
    ) -> None:
        super().__init__(scope, id_, network=network, environment=environment)
        version = rds.AuroraPostgresEngineVersion.of(POSTGRES_MAJOR, POSTGRES_MAJOR)  # AWS applies minor versions
        engine = rds.DatabaseClusterEngine.aurora_postgres(version=version)
        common: dict[str, Any] = {
            "auto_minor_version_upgrade": True,
            "enable_performance_insights": True,
            "ca_certificate": AUTHORITY,
            "publicly_accessible": False,
        }
        cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            **self.common,
            engine=engine,
            default_database_name=DATABASE,
            parameter_group=self.make_parameter_group(engine),
            serverless_v2_min_capacity=postgres.min_capacity,
            serverless_v2_max_capacity=postgres.max_capacity,
            writer=rds.ClusterInstance.serverless_v2("Writer", **common),
            readers=[
                # The first has the writer's size, so that it can take over at once.
                rds.ClusterInstance.serverless_v2(f"Reader{number}", scale_with_writer=number == 1, **common)
                for number in range(1, postgres.readers + 1)
            ],
            backup=rds.BackupProps(retention=cdk.Duration.days(postgres.backup_days), preferred_window=BACKUP_WINDOW),
            copy_tags_to_snapshot=True,
            enable_performance_insights=True,
            performance_insight_retention=rds.PerformanceInsightRetention.DEFAULT,
        )
        self.parameters = self.describe(
            cluster.cluster_endpoint.hostname,
            cluster.cluster_identifier,
            resource_id=cluster.cluster_resource_identifier,
            secret=cluster.secret,
        )
