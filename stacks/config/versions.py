"""Versions that the stacks ask AWS for, and that `preflight` asks AWS about. Plain Python, without CDK."""

from typing import Final

NEO4J_REPOSITORY: Final = "public.ecr.aws/docker/library/neo4j"
"""Amazon's copy of Docker's official images."""
NEO4J_TAG: Final = "5.26.30-community"
"""The Neo4j version that also runs locally. Docker moves a tag when it builds the image again on a newer base."""
NEO4J_DIGEST: Final = "sha256:b3c4f3ded24b3e2bec0753e2c535bb0885b08410fe29b33852861404c8830dac"
"""The image that the graph's host runs: the tag's build of 24 August 2026 for x86-64 and arm64, as docker-library's
repo-info lists it (repos/neo4j/remote/5.26.30-community.md). `preflight` shows the tag's newest build."""
POSTGRES_MAJOR: Final = "18"
"""Major version of the ledger on RDS and on Aurora; AWS applies minor versions by itself."""
BOOTSTRAP_VERSION: Final = 8
"""The oldest version of `cdk bootstrap` that the stacks' assets and roles work with."""
