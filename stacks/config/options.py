"""The parts of an environment: frozen values, one type for each choice. Plain Python, without CDK."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

# By function, where the environment reserves any. One run of catch-up projects as fast as Neo4j writes: two would wait
# for each other. Each run of the other holds a connection to Postgres that the workers could need.
RESERVED_CONCURRENCY: Final = {"CatchUp": 1, "EventStatus": 5}
# By function, where it is not 512. At this size a function has a whole core, and a verification is bound by Python.
# What it may hold of one user follows from it (`chalicelib.verification.user`).
MEMORY_MB: Final = {"Operations": 1769}


@dataclass(frozen=True, kw_only=True)
class Worker:
    """How the queue feeds the worker."""

    timeout_seconds: int
    """Longest time for one batch."""
    batch_size: int
    """Most messages in one batch; more than 10 need a window of at least a second."""
    window_seconds: int
    """Longest time that Lambda waits for a batch to fill."""
    concurrency: int
    """Most batches at once (AWS requires at least 2), so that a flood cannot use up Postgres' connections."""

    @property
    def visibility_seconds(self) -> int:
        """How long a received message stays hidden: six times the timeout and the window, as AWS advises."""
        return 6 * self.timeout_seconds + self.window_seconds


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC: private subnets for stores, functions and the graph's host; public ones for NAT gateways only."""

    cidr: str
    """Its addresses; networks that will ever be peered need different ones."""
    availability_zones: tuple[str, ...]
    """Written out, because asking AWS at synth needs credentials. At most four; new ones are added at the end, where
    addresses are kept free for them."""
    nat_gateways: int
    """Number of NAT gateways, each in another zone. A zone without one uses the gateway of another zone, and loses its
    route to the internet with that zone."""
    nat_instance_type: str | None = None
    """None: NAT gateways, which AWS keeps available. A type, as "t4g.nano": an EC2 instance instead of each gateway,
    for a tenth of the price; while one is replaced, nothing behind it reaches the internet."""


@dataclass(frozen=True, kw_only=True)
class ReaderNetwork:
    """A peered network whose BI tools and services may connect to Postgres, as `analyst`, with IAM tokens."""

    cidr: str
    """Its addresses, or the part of them where the readers are."""
    peering_connection_id: str
    """Of the connection between the two networks, as "pcx-0123456789abcdef0": made and accepted beforehand."""

    def overlaps(self, network: Network) -> bool:
        """Return whether both have an address in common; raises ValueError for what is no network."""
        return ip_network(self.cidr).overlaps(ip_network(network.cidr))


@dataclass(frozen=True, kw_only=True)
class ExternalPostgres:
    """A Postgres that the data stack does not make, given by the names of its secrets."""

    secret: str
    """JSON as RDS writes it (host, port, dbname, username, password), for `app`, the role of worker and catch-up. The
    server's certificate is verified; `sslrootcert` names the file of its authorities if these are not public ones."""
    operator_secret: str
    """The same for `operator`, the role of the operations function."""
    event_status_secret: str
    """The same for `event_status`, the role of the function that answers GET /event."""
    owner_secret: str
    """The same for the role that owns the tables: migrations only."""


@dataclass(frozen=True, kw_only=True)
class RdsPostgres:
    """One RDS instance; with `multi_az` also a standby in another zone."""

    instance_type: str
    """Class and size, as "t4g.medium"."""
    multi_az: bool
    """Whether a standby takes over when a zone fails, within about a minute."""
    storage_gib: int
    """Size at the beginning."""
    storage_limit_gib: int
    """Size up to which RDS enlarges it by itself."""
    backup_days: int
    """Days of point-in-time recovery, 7 to 35."""


@dataclass(frozen=True, kw_only=True)
class AuroraPostgres:
    """An Aurora Serverless v2 cluster, for more load than one instance can take."""

    min_capacity: float
    """Smallest size, in Aurora capacity units (2 GiB of memory each)."""
    max_capacity: float
    """Largest size, in the same units."""
    readers: int
    """Number of standbys in other zones; with 1 or more it survives the loss of a zone."""
    backup_days: int
    """Days of point-in-time recovery, 7 to 35."""


@dataclass(frozen=True, kw_only=True)
class ExternalGraph:
    """A Neo4j that the data stack does not make: AuraDB, an Enterprise cluster, the laptop's own."""

    secret: str
    """Name of a secret: JSON with uri (neo4j+s://…), username, password, and `certificate` (PEM) if no public authority
    signed it (then neo4j://… or bolt://…)."""


@dataclass(frozen=True, kw_only=True)
class EcsGraph:
    """Neo4j Community on one ECS host, with a volume of its own."""

    availability_zone: str
    """Zone of the volume and so of the host; fixed for the volume's life."""
    instance_type: str
    """Class and size, as "t3.medium"."""
    host_memory_mib: int
    """Memory of this instance type."""
    storage_gib: int
    """Size of the volume; it can grow, never shrink."""
    snapshots_kept: int
    """Number of nightly snapshots that are kept."""
    snapshot: str | None = None
    """Snapshot that the volume is created from; a later change creates another volume."""


@dataclass(frozen=True, kw_only=True)
class OwnUsers:
    """A user pool that the data stack makes."""


@dataclass(frozen=True, kw_only=True)
class ExistingUsers:
    """A user pool that exists already."""

    pool_arn: str
    """ARN of the pool."""
    client_id: str
    """The client with which frontends sign in; `get-bearer-token` needs USER_PASSWORD_AUTH on it."""
    other_client_ids: tuple[str, ...] = ()
    """Further clients of the pool whose tokens the API accepts; those of all others get 401."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What one user may post in a day (UTC); above either number the API answers 429 until midnight."""

    interactions: int
    """Number of interactions."""
    size_bytes: int
    """Size of the requests' bodies, in bytes."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The API's own domain name."""

    name: str
    """As "api.dev.recollect.example"."""
    zone_id: str
    """Id of the Route 53 hosted zone of that name, in the same account."""
    zone_name: str
    """Name of that zone."""


Postgres = ExternalPostgres | RdsPostgres | AuroraPostgres
Graph = ExternalGraph | EcsGraph
Users = OwnUsers | ExistingUsers
