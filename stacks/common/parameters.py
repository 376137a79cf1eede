"""What the data stack hands to the service stack, by way of SSM parameters.

CloudFormation forbids to change or remove an export while another stack uses it, so each stack could block the other's
deploy. A parameter can change at any time; the service stack reads it again at each of its deploys.
"""

from collections.abc import Container
from dataclasses import dataclass, fields
from typing import Any

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.config.environment import Environment
from stacks.config.options import ExternalGraph, ExternalPostgres


@dataclass(frozen=True, kw_only=True)
class NetworkHandover:
    """Where the functions that reach the stores run."""

    vpc_id: str
    subnet_ids: str
    """Private subnets with a way out, joined by commas: `Fn.split(",", …)`."""
    way_out_security_group_id: str
    """For a function in the network: lets it call AWS, and nothing in."""


@dataclass(frozen=True, kw_only=True)
class PostgresHandover:
    """The ledger that the data stack made."""

    postgres_client_security_group_id: str
    """Who wears it reaches the ledger."""
    postgres_host: str
    postgres_port: str
    postgres_dbname: str
    postgres_resource_id: str
    """What `rds-db:connect` names: `arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE_ID/ROLE`."""
    postgres_identifier: str
    """The metrics' dimension: DBInstanceIdentifier, or of Aurora DBClusterIdentifier."""
    postgres_owner_secret_arn: str
    """Holds username and password only: RDS makes and rotates it."""


@dataclass(frozen=True, kw_only=True)
class GraphHandover:
    """The graph that the data stack made."""

    graph_client_security_group_id: str
    """Who wears it reaches the graph."""
    graph_secret_arn: str
    """JSON with uri, username, password, certificate."""
    graph_cluster_name: str
    """Metrics' dimension."""
    graph_service_name: str
    """Metrics' dimension."""
    graph_auto_scaling_group_name: str
    """Metrics' dimension of the host."""


@dataclass(frozen=True, kw_only=True)
class Handover:
    """The values, each of them a parameter `/interaction-tracker/ENVIRONMENT/FIELD`."""

    user_pool_arn: str
    user_pool_id: str
    user_pool_client_id: str
    queue_arn: str
    queue_url: str
    dead_letter_queue_arn: str
    dead_letter_queue_url: str
    alarm_topic_arn: str
    """Where alarms go."""
    network: NetworkHandover | None
    """None: the functions are in no network."""
    postgres: PostgresHandover | None
    """None: an external one; the environment names its secrets."""
    graph: GraphHandover | None
    """None: an external one; the environment names its secret."""

    def publish(self, scope: Construct, *, environment: Environment) -> None:
        """Write the values, in the stack that makes them."""
        parameters = Construct(scope, "Handover")
        values = {**_own(self), **_own(self.network), **_own(self.postgres), **_own(self.graph)}
        for field, value in values.items():
            ssm.StringParameter(parameters, field, parameter_name=_name(environment, field), string_value=value)

    @classmethod
    def read(cls, scope: Construct, *, environment: Environment) -> "Handover":
        """Stand-ins that CloudFormation fills when it deploys the stack of `scope`."""
        managed: dict[str, tuple[type[_Part], bool]] = {
            "network": (NetworkHandover, environment.network is not None),
            "postgres": (PostgresHandover, not isinstance(environment.postgres, ExternalPostgres)),
            "graph": (GraphHandover, not isinstance(environment.graph, ExternalGraph)),
        }
        parts: dict[str, Any] = {
            name: part(**_read(scope, environment, part)) if made else None for name, (part, made) in managed.items()
        }
        return cls(**_read(scope, environment, cls, besides=parts), **parts)


_Part = NetworkHandover | PostgresHandover | GraphHandover


def _own(part: Handover | _Part | None) -> dict[str, str]:
    """Return the part's own values, without those of parts in it."""
    values = {field.name: getattr(part, field.name) for field in fields(part)} if part else {}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _read(
    scope: Construct, environment: Environment, part: type[Handover | _Part], besides: Container[str] = ()
) -> dict[str, Any]:
    names = {field.name: _name(environment, field.name) for field in fields(part) if field.name not in besides}
    return {field: ssm.StringParameter.value_for_string_parameter(scope, name) for field, name in names.items()}


def _name(environment: Environment, field: str) -> str:
    return f"/interaction-tracker/{environment.name}/{field.replace('_', '-')}"
