"""What a function needs to use the stores: environment variables and rights."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.names import LEDGER_OWNER
from stacks.common.parameters import StackParameters
from stacks.config.environment import Environment
from stacks.config.options import ExternalGraph, ExternalPostgres


class Stores(Construct):
    """The ledger and the graph in use, whether the data stack made them or not."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, parameters: StackParameters) -> None:
        super().__init__(scope, id_)
        self._import_bucket = parameters.graph.graph_import_bucket_name if parameters.graph else None
        self._address = parameters.postgres  # None: the secret of an external Postgres has it
        self.client_security_groups = [
            *([parameters.postgres.postgres_client_security_group_id] if parameters.postgres else []),
            *([parameters.graph.graph_client_security_group_id] if parameters.graph else []),
        ]
        """Security groups that let a function connect to both stores."""
        external = environment.postgres if isinstance(environment.postgres, ExternalPostgres) else None
        self._postgres: dict[str, _Secret] = {}
        if external:
            self._postgres["app"] = _Secret(self, "Postgres", name=external.secret)
            self._postgres["operator"] = _Secret(self, "PostgresOperator", name=external.operator_secret)
            self._postgres["event_status"] = _Secret(self, "PostgresEventStatus", name=external.event_status_secret)
        if parameters.postgres:
            self._owner = _Secret(self, "PostgresOwner", arn=parameters.postgres.postgres_owner_secret_arn)
        elif external:
            self._owner = _Secret(self, "PostgresOwner", name=external.owner_secret)
        if parameters.graph:
            self._graph = _Secret(self, "Neo4j", arn=parameters.graph.graph_secret_arn)
        elif isinstance(environment.graph, ExternalGraph):
            self._graph = _Secret(self, "Neo4j", name=environment.graph.secret)

    def variables(self, *, role: str) -> dict[str, str]:
        """Return the environment variables to log in to both stores, to the ledger as this role."""
        graph = {"NEO4J_SECRET": self._graph.id}
        if self._postgres:
            return {"POSTGRES_SECRET": self._postgres[role].id, **graph}
        return {**self._address_variables(), "POSTGRES_USER": role, **graph}

    def operations_variables(self) -> dict[str, str]:
        """Return the environment variables to log in to the ledger as its owner, and for an offline rebuild."""
        files = {"IMPORT_BUCKET": self._import_bucket} if self._import_bucket else {}
        return {**self._address_variables(), "POSTGRES_OWNER_SECRET": self._owner.id, **files}

    def grant(self, function_role: iam.Role, *, role: str) -> None:
        """Let a function log in to both stores, to the ledger as this role."""
        self._graph.secret.grant_read(function_role)
        if self._postgres:
            self._postgres[role].secret.grant_read(function_role)
        self._grant_token(function_role, role)

    def grant_operations(self, function_role: iam.Role) -> None:
        """Let a function log in to the ledger as its owner: by password, and by token once a migration allows that.

        And write and delete the files of an offline rebuild, and sign addresses to read them by.
        """
        self._owner.secret.grant_read(function_role)
        self._grant_token(function_role, LEDGER_OWNER)
        if self._import_bucket:
            self._grant_import_files(function_role, self._import_bucket)

    def _grant_import_files(self, function_role: iam.Role, bucket: str) -> None:
        stack = cdk.Stack.of(self)
        files = stack.format_arn(service="s3", region="", account="", resource=bucket, resource_name="*")
        function_role.add_to_policy(
            iam.PolicyStatement(actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources=[files])
        )
        acknowledge(
            function_role.node.find_child("DefaultPolicy"),
            f"IAM5[Resource::arn:aws:s3:::<{stack.resolve(bucket)['Ref']}>/*]",
            because="all objects of one bucket, which has nothing else",
        )

    def _grant_token(self, function_role: iam.Role, role: str) -> None:
        if self._address:
            user = cdk.Stack.of(self).format_arn(
                service="rds-db",
                resource="dbuser",
                resource_name=f"{self._address.postgres_resource_id}/{role}",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
            function_role.add_to_policy(iam.PolicyStatement(actions=["rds-db:connect"], resources=[user]))

    def _address_variables(self) -> dict[str, str]:
        if self._address is None:
            return {}
        return {
            "POSTGRES_HOST": self._address.postgres_host,
            "POSTGRES_PORT": self._address.postgres_port,
            "POSTGRES_DBNAME": self._address.postgres_dbname,
        }


class _Secret:
    """A secret made elsewhere, and the id by which a function reads it: a name or a complete ARN."""

    def __init__(self, scope: Construct, id_: str, *, name: str = "", arn: str = "") -> None:
        self.id = name or arn
        self.secret = (
            secrets.Secret.from_secret_name_v2(scope, id_, name)
            if name
            else secrets.Secret.from_secret_complete_arn(scope, id_, arn)
        )
