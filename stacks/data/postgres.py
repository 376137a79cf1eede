"""The ledger's Postgres as an RDS instance, and what an Aurora cluster has in common with it."""

from typing import Any, Final, cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.parameters import PostgresHandover
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment
from stacks.config.options import RdsPostgres
from stacks.data.network import Vpc

DATABASE: Final = "interaction_tracker"
OWNER: Final = "ledger_owner"
_PORT: Final = 5432
# Quiet hours; maintenance comes after a night's backup.
BACKUP_WINDOW: Final = "01:00-02:00"
_MAINTENANCE_WINDOW: Final = "sun:02:30-sun:03:15"
AUTHORITY: Final = rds.CaCertificate.RDS_CA_RSA2048_G1  # runtime/chalicelib/rds-ca.pem knows it


class Ledger(Construct):
    """What instance and cluster share: only wearers of `client` reach it, RDS rotates the owner's password."""

    handover: PostgresHandover
    """What the service stack needs of it."""

    def __init__(self, scope: Construct, id_: str, *, network: Vpc, environment: Environment) -> None:
        super().__init__(scope, id_)
        self.client = network.security_group(f"{id_}Client", "reaches the ledger")
        self._server = network.security_group(f"{id_}Server", "the ledger")
        self.client.connections.allow_to(self._server, ec2.Port.tcp(_PORT), "Postgres")
        self.common: dict[str, Any] = {
            "credentials": rds.Credentials.from_username(OWNER),
            "manage_master_user_password": True,
            "iam_authentication": True,
            "port": _PORT,
            "vpc": network.vpc,
            "subnet_group": rds.SubnetGroup(
                self,
                "Subnets",
                description=f"where the ledger {id_} is",
                vpc=network.vpc,
                vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
                removal_policy=removal_policy(environment),  # a store that stays needs it
            ),
            "security_groups": [self._server],
            "storage_encrypted": True,
            "cloudwatch_logs_exports": ["postgresql"],
            "cloudwatch_logs_retention": log_retention(environment),
            "preferred_maintenance_window": _MAINTENANCE_WINDOW,
            "deletion_protection": environment.protected,
            "removal_policy": removal_policy(environment),
        }

    def parameters(self, engine: rds.IEngine) -> rds.ParameterGroup:
        """Return what both kinds set in Postgres."""
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

    def describe(
        self, endpoint: str, identifier: str, *, resource_id: str, secret: secrets.ISecret | None
    ) -> PostgresHandover:
        """Return what the service stack needs of it."""
        return PostgresHandover(
            postgres_client_security_group_id=self.client.security_group_id,
            postgres_host=endpoint,
            postgres_port=str(_PORT),
            postgres_dbname=DATABASE,
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
            **self.common,
            engine=engine,
            instance_type=ec2.InstanceType(postgres.instance_type),
            database_name=DATABASE,
            parameter_group=self.parameters(engine),
            publicly_accessible=False,
            multi_az=postgres.multi_az,
            storage_type=rds.StorageType.GP3,
            allocated_storage=postgres.storage,
            max_allocated_storage=postgres.storage_limit,
            backup_retention=cdk.Duration.days(postgres.backup_days),
            delete_automated_backups=not environment.protected,
            preferred_backup_window=BACKUP_WINDOW,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            copy_tags_to_snapshot=True,
            ca_certificate=AUTHORITY,
            enable_performance_insights=True,
            performance_insight_retention=rds.PerformanceInsightRetention.DEFAULT,
        )
        if not postgres.multi_az:
            acknowledge(instance, "RDS3", because="this environment may be away while its instance is replaced")
        acknowledge(instance, "RDS11", because="reached by wearers of one security group: another port hides nothing")
        self.handover = self.describe(
            instance.db_instance_endpoint_address,
            instance.instance_identifier,
            resource_id=cast("str", instance.instance_resource_id),
            secret=instance.secret,
        )
