"""The stores as a function sees them: what it is told of them, and its rights there."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from stacks.common.parameters import Handover
from stacks.config.environment import Environment
from stacks.config.options import ExternalGraph, ExternalPostgres
from stacks.data.postgres import OWNER


class Stores(Construct):
    """The ledger and the graph that the environment uses, made by the data stack or not."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, handover: Handover) -> None:
        super().__init__(scope, id_)
        self._place = handover.postgres  # None where a secret tells it
        self.client_security_groups = [
            *([handover.postgres.postgres_client_security_group_id] if handover.postgres else []),
            *([handover.graph.graph_client_security_group_id] if handover.graph else []),
        ]
        """What a function in the network wears to reach both."""
        external = environment.postgres if isinstance(environment.postgres, ExternalPostgres) else None
        self._postgres: dict[str, _Secret] = {}
        if external:
            self._postgres["app"] = _Secret(self, "Postgres", name=external.secret)
            self._postgres["operator"] = _Secret(self, "PostgresOperator", name=external.operator_secret)
        if handover.postgres:
            self._owner = _Secret(self, "PostgresOwner", arn=handover.postgres.postgres_owner_secret_arn)
        elif external:
            self._owner = _Secret(self, "PostgresOwner", name=external.owner_secret)
        if handover.graph:
            self._graph = _Secret(self, "Neo4j", arn=handover.graph.graph_secret_arn)
        elif isinstance(environment.graph, ExternalGraph):
            self._graph = _Secret(self, "Neo4j", name=environment.graph.secret)

    def variables(self, *, role: str) -> dict[str, str]:
        """Return what a function needs to log in to both stores, to the ledger as that role."""
        graph = {"NEO4J_SECRET": self._graph.id}
        if self._postgres:
            return {"POSTGRES_SECRET": self._postgres[role].id, **graph}
        return {**self._where(), "POSTGRES_USER": role, **graph}

    def owner_variables(self) -> dict[str, str]:
        """Return what a function needs to log in to the ledger as its owner."""
        return {**self._where(), "POSTGRES_OWNER_SECRET": self._owner.id}

    def grant(self, function_role: iam.Role, *, role: str) -> None:
        """Let a function log in to both stores, to the ledger as that role."""
        self._graph.secret.grant_read(function_role)
        if self._postgres:
            self._postgres[role].secret.grant_read(function_role)
        self._grant_token(function_role, role)

    def grant_owner(self, function_role: iam.Role) -> None:
        """Let a function log in to the ledger as its owner: with the password, and a token once it has granted that."""
        self._owner.secret.grant_read(function_role)
        self._grant_token(function_role, OWNER)

    def _grant_token(self, function_role: iam.Role, role: str) -> None:
        if self._place:
            user = cdk.Stack.of(self).format_arn(
                service="rds-db",
                resource="dbuser",
                resource_name=f"{self._place.postgres_resource_id}/{role}",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
            function_role.add_to_policy(iam.PolicyStatement(actions=["rds-db:connect"], resources=[user]))

    def _where(self) -> dict[str, str]:
        if self._place is None:
            return {}
        return {
            "POSTGRES_HOST": self._place.postgres_host,
            "POSTGRES_PORT": self._place.postgres_port,
            "POSTGRES_DBNAME": self._place.postgres_dbname,
        }


class _Secret:
    """A secret of somebody else's, with what a function asks for it by: a name, or an ARN whole to its last letter."""

    def __init__(self, scope: Construct, id_: str, *, name: str = "", arn: str = "") -> None:
        self.id = name or arn
        self.secret = (
            secrets.Secret.from_secret_name_v2(scope, id_, name)
            if name
            else secrets.Secret.from_secret_complete_arn(scope, id_, arn)
        )
