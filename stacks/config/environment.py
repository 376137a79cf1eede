"""What can differ between environments: a construct asks for a field and never for an environment's name.

Plain Python, without CDK: the commands read it too, and CDK takes seconds to load.
"""

import sys
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from stacks.config.options import Domain, ExternalGraph, ExternalPostgres, Graph, Network, Postgres, Users, Worker

_MOST_RECEIVES: Final = 1000  # the highest maxReceiveCount that SQS takes


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment of the whole system."""

    name: str
    """Name of the stage and first part of its stacks' names."""
    account: str
    """AWS account."""
    region: str
    """AWS region."""
    python: str | None
    """The functions' Python, as "3.11": the packaging interpreter must be the same. None: whichever packages."""
    local_endpoint: bool
    """Whether it lives in an AWS endpoint on this machine, and no other may."""
    protected: bool
    """Whether what holds data outlives a wrong deploy: termination protection, deletion protection, retain."""
    architecture: Literal["x86_64", "arm64"]
    """Of the functions and of the packages they carry; arm64 needs an interpreter of 3.12 or newer."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    """Of the functions."""
    log_retention: Literal[1, 7, 30]
    """Days that logs are kept."""
    cors_origin: str
    """The web origin whose pages may read answers; "*" is any, which is safe as no cookie is involved."""
    api_url: str
    """Where the API answers; {api}, {stage}, {region} and {suffix} are filled in. A local endpoint's port is not known
    at synth, so there it is the path behind the endpoint's address: `urljoin(endpoint, url)` serves both."""
    domain: Domain | None
    """The API's own name; API Gateway's is then switched off."""
    throttle_rate: int
    """Requests a second that the API takes from everybody together, over time; more are answered 429."""
    throttle_burst: int
    """Requests at once above that rate."""
    waf: bool
    """Whether a web application firewall stands before the API."""
    alarm_email: str | None
    """Who is told of alarms, after confirming a mail from SNS; None: nobody, the alarms only show."""
    gateway_responses_apart: bool
    """Whether API Gateway's own answers are resources besides standing in the API's definition, where AWS takes them
    from; the local endpoint does not read them there."""
    reserved_concurrency: bool
    """Whether catch-up runs one at a time by a reservation; AWS refuses that to accounts whose quota is 10."""
    worker: Worker
    """How the queue feeds the worker."""
    postgres_outage: int
    """Seconds that Postgres may be away before a message gives up and is dead-lettered."""
    network: Network | None
    """Where stores and the functions behind the queue live; None: in no network, so all stores are external."""
    postgres: Postgres
    """The ledger in use."""
    graph: Graph
    """The graph in use."""
    beside: tuple[Postgres | Graph, ...] = ()
    """Stores that stand beside those in use, one of a type: being filled before a change, or kept after it."""
    users: Users
    """Who may post."""
    tunnel: bool
    """Whether people may open a tunnel to its stores (the command `tunnel`), with the rights of their own account."""

    def __post_init__(self) -> None:
        """Refuse what AWS or the packaging would refuse much later, and less clearly."""
        if self.architecture == "arm64" and _version(self.python) < (3, 12):
            raise ValueError(f"{self.name}: arm64 packages are complete from Python 3.12 on")
        types = [type(store) for store in (self.postgres, self.graph, *self.beside)]
        if len(set(types)) < len(types):
            raise ValueError(f"{self.name}: at most one store of each type")
        if self.network is None and not set(types) <= {ExternalPostgres, ExternalGraph}:
            raise ValueError(f"{self.name}: stores of its own need a network")

    @property
    def max_receives(self) -> int:
        """How often a message is tried, so that it waits out `postgres_outage`."""
        return min(ceil(self.postgres_outage / self.worker.visibility), _MOST_RECEIVES)

    def check_interpreter(self) -> None:
        """Raise ValueError unless this interpreter may package the functions."""
        if _version(self.python) != sys.version_info[:2]:
            raise ValueError(
                f"{self.name} runs on Python {self.python}, this is {sys.version_info[0]}.{sys.version_info[1]}: "
                f"make clean, then make PYTHON=python{self.python}"
            )


def _version(python: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in python.split(".")) if python else sys.version_info[:2]
