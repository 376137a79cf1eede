"""What an environment is made of: frozen values, each choice a type of its own. Plain Python, without CDK."""

from dataclasses import dataclass


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
class Network:
    """A VPC: private subnets for stores, functions and the graph's host, public ones for the way out only."""

    cidr: str
    """Its addresses; those of networks that are ever to be peered must differ."""
    availability_zones: tuple[str, ...]
    """Written out, because asking AWS for them at synth needs credentials. At most four; others are added at the end,
    whose addresses are kept free."""
    nat_gateways: int
    """The way out, each in a zone of its own: one is cheap, one a zone outlives the loss of a zone. A zone without one
    goes out through another's."""


@dataclass(frozen=True, kw_only=True)
class ExternalPostgres:
    """A Postgres that this app's stacks do not make, by the names of its secrets."""

    secret: str
    """JSON as RDS writes it (host, port, dbname, username, password), for the role of the functions, `app`."""
    operator_secret: str
    """The same for the role of the operations function, `operator`."""
    owner_secret: str
    """The same for the role that owns the tables: migrations only."""


@dataclass(frozen=True, kw_only=True)
class RdsPostgres:
    """One RDS instance, and a standby in another zone where `multi_az`."""

    instance_type: str
    """Class and size, as "t4g.medium"."""
    multi_az: bool
    """Whether a standby takes over, within about a minute, when a zone is lost."""
    storage: int
    """GiB at the beginning."""
    storage_limit: int
    """GiB to which storage grows by itself."""
    backup_days: int
    """Days of point-in-time recovery, 7 to 35."""


@dataclass(frozen=True, kw_only=True)
class AuroraPostgres:
    """An Aurora Serverless v2 cluster, for those who outgrow one instance."""

    min_capacity: float
    """Aurora capacity units (2 GiB of memory each) that are always there."""
    max_capacity: float
    """Units to which it grows."""
    readers: int
    """Standbys in other zones: 1 or more to outlive the loss of a zone."""
    backup_days: int
    """Days of point-in-time recovery, 7 to 35."""


@dataclass(frozen=True, kw_only=True)
class ExternalGraph:
    """A Neo4j that this app's stacks do not make: AuraDB, an Enterprise cluster, the laptop's own."""

    secret: str
    """Name of the secret: JSON with uri, username, password; `certificate` (PEM) too if no public authority signed."""


@dataclass(frozen=True, kw_only=True)
class EcsGraph:
    """Neo4j Community on one ECS host, with a volume of its own."""

    availability_zone: str
    """Where the volume is, and so the host: for the volume's life."""
    instance_type: str
    """Class and size, as "t3.medium"."""
    host_memory: int
    """MiB that this instance type has."""
    storage: int
    """GiB of the volume; it can grow, never shrink."""
    snapshots_kept: int
    """Nightly snapshots before the oldest goes."""
    snapshot: str | None = None
    """Fill the volume from this snapshot when it is *made*; changing it later makes another volume."""


@dataclass(frozen=True, kw_only=True)
class OwnUsers:
    """A user pool that the data stack makes."""


@dataclass(frozen=True, kw_only=True)
class ExistingUsers:
    """A user pool that is there already."""

    pool_arn: str
    """Its ARN."""
    client_id: str
    """The client through which frontends sign in; `get-bearer-token` needs USER_PASSWORD_AUTH on it."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The API's own name."""

    name: str
    """As "api.dev.recollect.example"."""
    zone_id: str
    """The Route 53 hosted zone that answers for it, in the same account."""
    zone_name: str
    """That zone's name."""


Postgres = ExternalPostgres | RdsPostgres | AuroraPostgres
Graph = ExternalGraph | EcsGraph
Users = OwnUsers | ExistingUsers
