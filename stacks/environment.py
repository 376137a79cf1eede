"""What differs between environments, as frozen values: a construct asks for a field and never for a name.

Plain Python, without CDK: the commands read it too, and CDK takes seconds to load.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

_MOST_RECEIVES: Final = 1000  # the highest maxReceiveCount that SQS takes


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Names of the secrets that hold the way to stores which this app's own stacks do not make."""

    postgres: str
    """JSON as RDS writes it (host, port, dbname, username, password), for the role of the functions."""
    postgres_owner: str
    """The same for the role that owns the tables: migrations only."""
    neo4j: str
    """JSON with uri, username, password."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """How the queue feeds the worker."""

    timeout: int
    """Seconds that one batch may take."""
    batch_size: int
    """Most messages in one batch; more than 10 need a window."""
    window: int
    """Seconds that Lambda may wait for a batch to fill."""
    concurrency: int
    """Most batches at once, at least 2: keeps a flood off Postgres' connections."""

    @property
    def visibility(self) -> int:
        """Seconds that a message stays hidden while a batch works on it: six times the timeout, as AWS asks."""
        return 6 * self.timeout + self.window


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment of the whole system."""

    name: str
    """Name of the stage and first part of its stacks' names."""
    account: str
    """AWS account."""
    region: str
    """AWS region."""
    local_endpoint: bool
    """Whether it lives in an AWS endpoint on this machine, and no other may."""
    protected: bool
    """Whether what holds data outlives a wrong deploy: termination protection, deletion protection, retain."""
    architecture: Literal["x86_64", "arm64"]
    """Of the functions and of the packages they carry; arm64 needs an interpreter of 3.12 or newer."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    """Of the functions."""
    log_retention: Literal[1, 7, 30]
    """Days that the functions' logs are kept."""
    cors_origin: str
    """The web origin whose pages may read answers; "*" is any, which is safe as no cookie is involved."""
    api_url: str
    """Where the API answers; {api}, {stage}, {region} and {suffix} are filled in. A local endpoint's port is not known
    at synth, so there it is the path behind the endpoint's address: `urljoin(endpoint, url)` serves both."""
    gateway_responses_apart: bool
    """Whether API Gateway's own answers are resources besides standing in the API's definition, where AWS takes them
    from; the local endpoint does not read them there."""
    worker: Worker
    """How the queue feeds the worker."""
    postgres_outage: int
    """Seconds that Postgres may be away before a message gives up and is dead-lettered."""
    secrets: Secrets
    """The stores' secrets."""

    @property
    def max_receives(self) -> int:
        """How often a message is tried, so that it waits out `postgres_outage`."""
        return min(ceil(self.postgres_outage / self.worker.visibility), _MOST_RECEIVES)


LOCAL = Environment(
    name="local",
    account="000000000000",
    region="us-east-1",
    local_endpoint=True,
    protected=False,
    architecture="x86_64",
    log_level="INFO",
    log_retention=1,
    cors_origin="*",
    api_url="/restapis/{api}/{stage}/_user_request_",
    gateway_responses_apart=True,
    # The local endpoint fills a batch with 10 messages at most and does not wait for more.
    worker=Worker(timeout=10, batch_size=10, window=0, concurrency=2),
    postgres_outage=60 * 60,
    secrets=Secrets(
        postgres="interaction-tracker/local/postgres",
        postgres_owner="interaction-tracker/local/postgres-owner",
        neo4j="interaction-tracker/local/neo4j",
    ),
)

ENVIRONMENTS: Final = {environment.name: environment for environment in (LOCAL,)}
