"""The ledger's Postgres: an RDS instance, or an Aurora cluster for those who outgrow one."""

from collections.abc import Sequence
from typing import Any, Final, cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from stacks.environment import Environment
from stacks.handover import PostgresHandover
from stacks.lifetime import log_retention, removal_policy
from stacks.network import Vpc
from stacks.settings import AuroraPostgres, RdsPostgres

_DATABASE: Final = "interaction_tracker"
_OWNER: Final = "ledger_owner"
_PORT: Final = 5432
# Quiet hours; maintenance comes after a night's backup.
_BACKUP_WINDOW: Final = "01:00-02:00"
_MAINTENANCE_WINDOW: Final = "sun:02:30-sun:03:15"
_AUTHORITY: Final = rds.CaCertificate.RDS_CA_RSA2048_G1  # runtime/chalicelib/rds-ca.pem knows it
_LOGS: Final[Sequence[str]] = ("postgresql",)


class Ledger(Construct):
    """What an instance and a cluster have in common: only wearers of `client` reach it, over TLS, into the isolated
    subnets; its password is made and rotated by RDS; it outlives its stack.
    """  # noqa: D205  one sentence

    handover: PostgresHandover
    """What the service stack needs of it."""

    def __init__(self, scope: Construct, id_: str, *, network: Vpc, environment: Environment) -> None:
        super().__init__(scope, id_)
        self.client = network.security_group(f"{id_}Client", "reaches the ledger")
        self._server = network.security_group(f"{id_}Server", "the ledger")
        self.client.connections.allow_to(self._server, ec2.Port.tcp(_PORT), "Postgres")
        self._common: dict[str, Any] = {
            "credentials": rds.Credentials.from_username(_OWNER),
            "manage_master_user_password": True,
            "iam_authentication": True,
            "port": _PORT,
            "vpc": network.vpc,
            "vpc_subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            "security_groups": [self._server],
            "storage_encrypted": True,
            "cloudwatch_logs_exports": list(_LOGS),
            "cloudwatch_logs_retention": log_retention(environment),
            "preferred_maintenance_window": _MAINTENANCE_WINDOW,
            "deletion_protection": environment.protected,
            "removal_policy": removal_policy(environment),
        }

    def _parameters(self, engine: rds.IEngine) -> rds.ParameterGroup:
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            description="TLS for everybody; slow statements are logged, the values in them never",
            parameters={
                "rds.force_ssl": "1",
                "log_min_duration_statement": "1000",
                # Values are people's words, and errors quote them.
                "log_parameter_max_length": "0",
                "log_parameter_max_length_on_error": "0",
                "log_error_verbosity": "terse",
            },
        )

    def _handover(
        self, endpoint: str, identifier: str, *, resource_id: str, secret: secrets.ISecret | None
    ) -> PostgresHandover:
        return PostgresHandover(
            postgres_client_security_group_id=self.client.security_group_id,
            postgres_host=endpoint,
            postgres_port=str(_PORT),
            postgres_dbname=_DATABASE,
            postgres_resource_id=resource_id,
            postgres_identifier=identifier,
            postgres_owner_secret_arn=cast("secrets.ISecret", secret).secret_arn,
        )


class RdsLedger(Ledger):
    """One RDS instance, with a standby where the environment says so."""

    def __init__(
        self, scope: Construct, id_: str, *, postgres: RdsPostgres, network: Vpc, environment: Environment
    ) -> None:
        super().__init__(scope, id_, network=network, environment=environment)
        # The major version alone: AWS applies minor ones by itself, and the template must not ask for the old one.
        engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_18)
        instance = rds.DatabaseInstance(
            self,
            "Instance",
            **self._common,
            engine=engine,
            instance_type=ec2.InstanceType(postgres.instance_type),
            database_name=_DATABASE,
            parameter_group=self._parameters(engine),
            publicly_accessible=False,
            multi_az=postgres.multi_az,
            storage_type=rds.StorageType.GP3,
            allocated_storage=postgres.storage,
            max_allocated_storage=postgres.storage_limit,
            backup_retention=cdk.Duration.days(postgres.backup_days),
            delete_automated_backups=not environment.protected,
            preferred_backup_window=_BACKUP_WINDOW,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            copy_tags_to_snapshot=True,
            ca_certificate=_AUTHORITY,
            enable_performance_insights=True,
            performance_insight_retention=rds.PerformanceInsightRetention.DEFAULT,
        )
        self.handover = self._handover(
            instance.db_instance_endpoint_address,
            instance.instance_identifier,
            resource_id=cast("str", instance.instance_resource_id),
            secret=instance.secret,
        )


class AuroraLedger(Ledger):
    """An Aurora Serverless v2 cluster: it grows by itself, and its standbys share its storage."""

    def __init__(
        self, scope: Construct, id_: str, *, postgres: AuroraPostgres, network: Vpc, environment: Environment
    ) -> None:
        super().__init__(scope, id_, network=network, environment=environment)
        # A minor version too: Aurora takes no major version alone. AWS' own minor upgrades are off for that reason.
        engine = rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_18_6)
        of_each: dict[str, Any] = {
            "auto_minor_version_upgrade": False,
            "ca_certificate": _AUTHORITY,
            "publicly_accessible": False,
        }
        cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            **self._common,
            engine=engine,
            default_database_name=_DATABASE,
            parameter_group=self._parameters(engine),
            serverless_v2_min_capacity=postgres.min_capacity,
            serverless_v2_max_capacity=postgres.max_capacity,
            writer=rds.ClusterInstance.serverless_v2("Writer", **of_each),
            readers=[
                # The first follows the writer's size, so that it can take over at once.
                rds.ClusterInstance.serverless_v2(f"Reader{number}", scale_with_writer=number == 1, **of_each)
                for number in range(1, postgres.readers + 1)
            ],
            backup=rds.BackupProps(retention=cdk.Duration.days(postgres.backup_days), preferred_window=_BACKUP_WINDOW),
            copy_tags_to_snapshot=True,
            enable_performance_insights=True,
            performance_insight_retention=rds.PerformanceInsightRetention.DEFAULT,
        )
        self.handover = self._handover(
            cluster.cluster_endpoint.hostname,
            cluster.cluster_identifier,
            resource_id=cluster.cluster_resource_identifier,
            secret=cluster.secret,
        )


def ledger(
    scope: Construct, *, postgres: RdsPostgres | AuroraPostgres, network: Vpc, environment: Environment
) -> Ledger:
    """Make the store of that choice. Each kind has an id of its own: both can stand side by side."""
    if isinstance(postgres, RdsPostgres):
        return RdsLedger(scope, "Rds", postgres=postgres, network=network, environment=environment)
    return AuroraLedger(scope, "Aurora", postgres=postgres, network=network, environment=environment)
