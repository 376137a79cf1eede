"""All that can differ between environments. Constructs read its fields and never compare its name.

Plain Python, without CDK: the commands read it too, and CDK takes seconds to load.
"""

import re
import sys
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from stacks.config.options import (
    Domain,
    ExternalGraph,
    ExternalPostgres,
    Graph,
    Network,
    Postgres,
    Quota,
    ReaderNetwork,
    Users,
    Worker,
)

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")
_MAX_RECEIVES: Final = 1000  # the highest maxReceiveCount that SQS accepts
_REQUEST_BYTES: Final = 256 * 1024  # of one request at most
_REQUEST_INTERACTIONS: Final = 100


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
    """The functions' Python, as "3.13", at least 3.12. None: this machine's, since they run on it."""
    local_endpoint: bool
    """Whether it is deployed into an AWS endpoint on this machine; only such an environment may be."""
    protected: bool
    """Whether stored data survives a wrong deploy: termination protection, deletion protection, retain."""
    architecture: Literal["x86_64", "arm64"]
    """Architecture of the functions and of their packages."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    """Log level of the functions."""
    log_retention_days: Literal[1, 7, 30]
    """How long logs are kept."""
    cors_origin: str
    """The web origin whose pages may read answers; "*" is any, which is safe because no cookie is used."""
    api_url: str
    """URL of the API; {api}, {stage}, {region} and {suffix} are filled in. The port of a local endpoint is not known at
    synth, so there it is only the path: `urljoin(endpoint, url)` is right for both."""
    domain: Domain | None
    """The API's own domain name; API Gateway's default one is then switched off."""
    throttle_rate: int
    """Requests a second that the API accepts from all clients together; more get 429."""
    throttle_burst: int
    """Size of the burst that API Gateway accepts above that rate, in requests."""
    quota: Quota | None
    """What one user may post in a day; None: any amount."""
    waf: bool
    """Whether a web application firewall protects the API."""
    audit_days: int
    """How many days CloudTrail's record of operators' calls is kept; 0: there is none."""
    alarm_email: str | None
    """Address that alarms are mailed to, once it has confirmed a mail from SNS; None: no mail."""
    separate_gateway_responses: bool
    """Whether API Gateway's own answers are separate resources too. AWS reads them from the API's definition, the local
    endpoint does not."""
    reserved_concurrency: bool
    """Whether `RESERVED_CONCURRENCY` is reserved for some functions; AWS refuses it to accounts with a quota of 10."""
    snap_start: bool
    """Whether a new process of the API function starts from a snapshot (SnapStart), for two dollars a month."""
    worker: Worker
    """How the queue feeds the worker."""
    postgres_outage_seconds: int
    """How long Postgres may be unavailable before SQS dead-letters the waiting messages."""
    network: Network | None
    """The VPC of the stores and of the functions that use them; None: no VPC, so all stores are external."""
    postgres: Postgres
    """The ledger in use."""
    graph: Graph
    """The graph in use."""
    beside: tuple[Postgres | Graph, ...] = ()
    """Stores besides those in use, one of each type: filled before a change of store, or kept after it."""
    users: Users
    """The user pool of those who may post."""
    tunnel: bool
    """Whether operators may open a tunnel to its stores (the command `tunnel`)."""
    readers: tuple[ReaderNetwork, ...] = ()
    """Peered networks that may connect to the Postgres of the data stack; none: nobody from outside does."""

    def __post_init__(self) -> None:
        """Refuse values that AWS or the packaging would refuse much later, and less clearly."""
        if self.cors_origin != "*" and not _ORIGIN.fullmatch(self.cors_origin):
            raise ValueError(f"{self.name}: cors_origin is an origin such as https://app.recollect.example, or *")
        if self.python and [int(part) for part in self.python.split(".")] < [3, 12]:
            raise ValueError(f"{self.name}: packages are for Amazon Linux 2023, and so for Python 3.12 or newer")
        if self.quota and (self.quota.interactions < _REQUEST_INTERACTIONS or self.quota.size_bytes < _REQUEST_BYTES):
            raise ValueError(f"{self.name}: a quota must allow one largest request")
        types = [type(store) for store in (self.postgres, self.graph, *self.beside)]
        if len(set(types)) < len(types):
            raise ValueError(f"{self.name}: at most one store of each type")
        if self.network is None and not set(types) <= {ExternalPostgres, ExternalGraph}:
            raise ValueError(f"{self.name}: stores of its own need a network")
        if self.readers and (self.network is None or any(reader.overlaps(self.network) for reader in self.readers)):
            raise ValueError(f"{self.name}: readers need a network here, and addresses other than its own")

    @property
    def max_receives(self) -> int:
        """How often a message is received before it is dead-lettered: enough for `postgres_outage_seconds`."""
        return min(ceil(self.postgres_outage_seconds / self.worker.visibility_seconds), _MAX_RECEIVES)

    @property
    def runtime(self) -> str:
        """Lambda's name of the functions' Python."""
        return f"python{self.python or f'{sys.version_info[0]}.{sys.version_info[1]}'}"
