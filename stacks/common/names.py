"""Names that both stacks must agree on, each once. Plain Python, without CDK: the commands may read it too."""

from typing import Final

SERVICE: Final = "interaction-tracker"
"""The dimension `service` of our own metrics, and the first part of names that we choose."""
NAMESPACE: Final = "InteractionTracker"
"""CloudWatch namespace of the functions' metrics."""
GRAPH_HOST_NAMESPACE: Final = f"{NAMESPACE}/GraphHost"
"""CloudWatch namespace of the graph's host, which may publish in no other."""
LEDGER_OWNER: Final = "ledger_owner"
"""The Postgres role that owns the tables; only migrations log in with it."""
GRAPH_HOST_TAG: Final = f"{SERVICE}:graph-host"
"""Tag of the graph's EC2 instance; its value is the data stack's name."""
BOLT: Final = 7687
"""The port of an environment's own Neo4j."""
GRAPH_TUNNEL: Final = "GraphTunnel"
POSTGRES_TUNNEL: Final = "PostgresTunnel"
"""Outputs of the service stack: the document by which `tunnel` reaches the store."""


def display_name(environment: str) -> str:
    """Return the name of an environment's API and dashboard."""
    return f"{SERVICE}-{environment}"


def parameter_path(environment: str) -> str:
    """Return the path under which an environment's SSM parameters are, without a slash at its ends."""
    return f"{SERVICE}/{environment}"


def private_domain(environment: str) -> str:
    """Return the DNS zone that only an environment's network resolves."""
    return f"{environment}.{SERVICE}.internal"


def graph_host_name(environment: str) -> str:
    """Return the DNS name of an environment's Neo4j."""
    return f"graph.{private_domain(environment)}"
