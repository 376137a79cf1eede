"""Versions that the stacks ask AWS for, and that `preflight` asks AWS about. Plain Python, without CDK."""

from typing import Final

NEO4J_IMAGE: Final = "public.ecr.aws/docker/library/neo4j:5.26.30-community"
"""The container image of the graph: the Neo4j version that also runs locally."""
POSTGRES_MAJOR: Final = "18"
"""Major version of the ledger on RDS and on Aurora; AWS applies minor versions by itself."""
BOOTSTRAP_VERSION: Final = 8
"""The oldest version of `cdk bootstrap` that the stacks' assets and roles work with."""
