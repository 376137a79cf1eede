"""The ledger's Postgres as an RDS instance, and what it shares with an Aurora cluster."""

from typing import Any, Final, cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.names import LEDGER_OWNER
from stacks.common.parameters import PostgresParameters
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment
from stacks.config.options import RdsPostgres
from stacks.config.versions import POSTGRES_MAJOR
from stacks.data.network import Vpc

DATABASE: Final = "interaction_tracker"
_PORT: Final = 5432
# RDS' events for an instance whose disk is about to be full, whatever its size is by then: none left; storage cannot
# be enlarged; the next step would pass the limit; four fifths of the limit are allocated.
_DISK_EVENTS: Final = ["RDS-EVENT-0007", "RDS-EVENT-0223", "RDS-EVENT-0224", "RDS-EVENT-0225"]
# UTC, quiet hours; maintenance comes after the night's backup.
BACKUP_WINDOW: Final = "01:00-02:00"
_MAINTENANCE_WINDOW: Final = "sun:02:30-sun:03:15"
# What one process may spill to disk: enough for an index on 100 million rows, and less than the smallest disk.
_TEMPORARY_KIB: Final = 12 * 1024**2
AUTHORITY: Final = rds.CaCertificate.RDS_CA_RSA2048_G1  # it is in runtime/chalicelib/rds-ca.pem


class Ledger(Construct):
    """What instance and cluster share: only members of `client` connect to it; RDS rotates the owner's password."""

    parameters: PostgresParameters
    """What the service stack needs to know about it."""

    def __init__(self, scope: Construct, id_: str, *, network: Vpc, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self.client = network.security_group(f"{id_}Client", "reaches the ledger")
        self._server = network.security_group(f"{id_}Server", "the ledger")
        self.client.connections.allow_to(self._server, ec2.Port.tcp(_PORT), "Postgres")
        for reader in environment.readers:
            self._server.add_ingress_rule(ec2.Peer.ipv4(reader.cidr), ec2.Port.tcp(_PORT), "readers, peered")
        self.common: dict[str, Any] = {
            "credentials": rds.Credentials.from_username(LEDGER_OWNER),
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
                removal_policy=removal_policy(environment),  # a store that is kept needs it
            ),
            "security_groups": [self._server],
            "storage_encrypted": True,
            "cloudwatch_logs_exports": ["postgresql"],
            "cloudwatch_logs_retention": log_retention(environment),
            "preferred_maintenance_window": _MAINTENANCE_WINDOW,
            "deletion_protection": environment.protected,
            "removal_policy": removal_policy(environment),
        }

    def make_parameter_group(self, engine: rds.IEngine) -> rds.ParameterGroup:
        """Make the Postgres settings of either kind."""
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            removal_policy=removal_policy(self._environment),  # a store that is kept needs it
            description="TLS for everybody; slow statements are logged, the values in them never",
            parameters={
                "rds.force_ssl": "1",
                "log_connections": "1",  # the login, its address and the time: who may have read, not what
                "log_min_duration_statement": "1000",
                # Values are user data, and error messages quote them.
                "log_parameter_max_length": "0",
                "log_parameter_max_length_on_error": "0",
                "log_error_verbosity": "terse",
                "temp_file_limit": str(_TEMPORARY_KIB),
            },
        )

    def describe(
        self, endpoint: str, identifier: str, *, resource_id: str, secret: secrets.ISecret | None
    ) -> PostgresParameters:
        """Return what the service stack needs to know about it."""
        return PostgresParameters(
            postgres_client_security_group_id=self.client.security_group_id,
            postgres_host=endpoint,
            postgres_port=str(_PORT),
            postgres_dbname=DATABASE,
            postgres_resource_id=resource_id,
            postgres_identifier=identifier,
            postgres_owner_secret_arn=cast("secrets.ISecret", secret).secret_arn,
        )


class RdsLedger(Ledger):
    """One RDS instance, with a standby if the environment asks for it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        postgres: RdsPostgres,
        network: Vpc,
        environment: Environment,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id_, network=network, environment=environment)
        # The major version only: AWS applies minor ones, and a deploy must not ask for the old one again.
        version = rds.PostgresEngineVersion.of(POSTGRES_MAJOR, POSTGRES_MAJOR)
        engine = rds.DatabaseInstanceEngine.postgres(version=version)
        instance = rds.DatabaseInstance(
            self,
            "Instance",
            **self.common,
            engine=engine,
            instance_type=ec2.InstanceType(postgres.instance_type),
            database_name=DATABASE,
            parameter_group=self.make_parameter_group(engine),
            publicly_accessible=False,
            multi_az=postgres.multi_az,
            storage_type=rds.StorageType.GP3,
            allocated_storage=postgres.storage_gib,
            max_allocated_storage=postgres.storage_limit_gib,
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
            acknowledge(instance, "RDS3", because="this environment may be unavailable while its instance is replaced")
        acknowledge(instance, "RDS11", because="one security group alone connects to it: another port hides nothing")
        events.Rule(
            self,
            "DiskEvents",
            description="Postgres' disk is about to be full: mails what RDS says",
            event_pattern=events.EventPattern(
                source=["aws.rds"],
                detail_type=["RDS DB Instance Event"],
                detail={"EventID": _DISK_EVENTS, "SourceArn": [instance.instance_arn]},
            ),
            targets=[targets.SnsTopic(topic, authorize_using_role=True)],
        )
        self.parameters = self.describe(
            instance.db_instance_endpoint_address,
            instance.instance_identifier,
            resource_id=cast("str", instance.instance_resource_id),
            secret=instance.secret,
        )
