"""What the data stack tells the service stack, as SSM parameters.

CloudFormation forbids to change or remove an export while another stack uses it, so each stack could block the other's
deploy. A parameter can change at any time; the service stack reads it at each of its deploys.
"""

from collections.abc import Container
from dataclasses import dataclass, fields
from typing import Any

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.common.names import parameter_path
from stacks.config.environment import Environment
from stacks.config.options import ExternalGraph, ExternalPostgres


@dataclass(frozen=True, kw_only=True)
class NetworkParameters:
    """Where the functions that use the stores run."""

    vpc_id: str
    subnet_ids: str
    """Private subnets with a route to the internet, joined by commas: `Fn.split(",", …)`."""
    way_out_security_group_id: str
    """Allows a function in the network to call AWS, and no incoming traffic."""


@dataclass(frozen=True, kw_only=True)
class PostgresParameters:
    """The ledger that the data stack made."""

    postgres_client_security_group_id: str
    """Members of this group may connect to the ledger."""
    postgres_host: str
    postgres_port: str
    postgres_dbname: str
    postgres_resource_id: str
    """Used by `rds-db:connect`: `arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE_ID/ROLE`."""
    postgres_identifier: str
    """Dimension of its metrics: DBInstanceIdentifier, or DBClusterIdentifier for Aurora."""
    postgres_owner_secret_arn: str
    """Holds username and password only: RDS makes and rotates it."""


@dataclass(frozen=True, kw_only=True)
class GraphParameters:
    """The graph that the data stack made."""

    graph_client_security_group_id: str
    """Members of this group may connect to the graph."""
    graph_secret_arn: str
    """JSON with uri, username, password, certificate."""
    graph_cluster_name: str
    """Dimension of the container's metrics."""
    graph_service_name: str
    """Dimension of the container's metrics."""
    graph_auto_scaling_group_name: str
    """Dimension of the host's metrics."""
    graph_import_bucket_name: str
    """Bucket of the files of an offline rebuild."""
    graph_import_machine_arn: str
    """State machine that makes a graph from them."""


@dataclass(frozen=True, kw_only=True)
class StackParameters:
    """The values, each of them a parameter `/interaction-tracker/ENVIRONMENT/FIELD`."""

    user_pool_arn: str
    user_pool_id: str
    user_pool_client_id: str
    queue_arn: str
    queue_url: str
    dead_letter_queue_arn: str
    dead_letter_queue_url: str
    alarm_topic_arn: str
    """SNS topic of the alarms."""
    network: NetworkParameters | None
    """None: the functions are in no network."""
    postgres: PostgresParameters | None
    """None: an external one; the environment names its secrets."""
    graph: GraphParameters | None
    """None: an external one; the environment names its secret."""

    def publish(self, scope: Construct, *, environment: Environment) -> None:
        """Write the values, in the stack that makes them."""
        parameters = Construct(scope, "Handover")
        values = {**_own(self), **_own(self.network), **_own(self.postgres), **_own(self.graph)}
        for field, value in values.items():
            ssm.StringParameter(parameters, field, parameter_name=_name(environment, field), string_value=value)

    @classmethod
    def read(cls, scope: Construct, *, environment: Environment) -> "StackParameters":
        """Return placeholders that CloudFormation fills in when it deploys the stack of `scope`."""
        managed: dict[str, tuple[type[_Part], bool]] = {
            "network": (NetworkParameters, environment.network is not None),
            "postgres": (PostgresParameters, not isinstance(environment.postgres, ExternalPostgres)),
            "graph": (GraphParameters, not isinstance(environment.graph, ExternalGraph)),
        }
        parts: dict[str, Any] = {
            name: part(**_read(scope, environment, part)) if made else None for name, (part, made) in managed.items()
        }
        return cls(**_read(scope, environment, cls, without=parts), **parts)


_Part = NetworkParameters | PostgresParameters | GraphParameters


def _own(part: StackParameters | _Part | None) -> dict[str, str]:
    """Return the part's own values, without those of parts in it."""
    values = {field.name: getattr(part, field.name) for field in fields(part)} if part else {}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _read(
    scope: Construct, environment: Environment, part: type[StackParameters | _Part], without: Container[str] = ()
) -> dict[str, Any]:
    names = {field.name: _name(environment, field.name) for field in fields(part) if field.name not in without}
    return {field: ssm.StringParameter.value_for_string_parameter(scope, name) for field, name in names.items()}


def _name(environment: Environment, field: str) -> str:
    return f"/{parameter_path(environment.name)}/{field.replace('_', '-')}"
