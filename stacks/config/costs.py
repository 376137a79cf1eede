"""What an environment costs a month, computed from its own values. Plain Python, without CDK.

`python -m stacks.config.costs` prints the tables of `docs/costs.md`; a test holds the two together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stacks.config.environment import Environment
from stacks.config.environments import ENVIRONMENTS
from stacks.config.options import EcsGraph, RdsPostgres

HOURS: Final = 730
ALARM_METRICS: Final = 21
"""Metrics that the alarms of an environment with its own stores watch: AWS bills by these. A test counts them."""
FREE_ALARMS, FREE_CUSTOM_METRICS, FREE_DASHBOARDS = 10, 10, 3
"""CloudWatch's allowances for each account; they do not end."""
CUSTOM_METRICS: Final = 32 + 7
"""20 of our code, 8 by reason, 4 of the graph's host, and its 7 detailed ones."""
PER_MILLION_DOLLARS: Final = {"one a request": 6.96, "100 a request": 0.11}
"""What a million interactions cost besides; docs/costs.md has the arithmetic."""
SECRETS: Final = 2
"""The graph's login, and the ledger owner's; a test counts them."""
_SYSTEM_DISK_GIB: Final = 30
_NAT_DISK_GIB: Final = 8
_FIREWALL_RULES: Final = 2


@dataclass(frozen=True)
class Price:
    """A list price of us-east-1 in US dollars, on demand, without tax."""

    dollars: float
    unit: str
    source: str
    """The page that quotes AWS, and when; or that nobody looked it up."""


_UNVERIFIED: Final = "not looked up"
_VPC: Final = "basavytix.com and cloudburn.io, February 2026"
_RDS: Final = "infratally.com, 2026"
_LISTS: Final = "the same in the price lists of ten public repositories, most undated"
_WAF: Final = "c3x.dev and awsnegotiations.com, 2026"
PRICES: Final = {
    "NAT gateway": Price(0.045, "hour", _VPC),
    "public IPv4 address": Price(0.005, "hour", _VPC),
    "db.t4g.micro": Price(0.016, "hour", _RDS),
    "db.t4g.small": Price(0.032, "hour", _RDS),
    "db.m7g.large": Price(0.168, "hour", "a price list in one public repository, undated"),
    "RDS storage": Price(0.115, "GB", "usage.ai, June 2026"),
    "t4g.nano": Price(0.0042, "hour", _LISTS),
    "t4g.small": Price(0.0168, "hour", _LISTS),
    "t4g.medium": Price(0.0336, "hour", _LISTS),
    "r7g.large": Price(0.1071, "hour", _LISTS),
    "EBS volume": Price(0.08, "GB", _LISTS),
    "EBS snapshot": Price(0.05, "GB", _UNVERIFIED),
    "firewall": Price(5.00, "each", _WAF),
    "firewall rule": Price(1.00, "each", _WAF),
    "function memory": Price(0.0000133334, "GB-second", "of arm64: cloudchipr.com, 2024"),
    "function snapshot": Price(0.0000015046, "GB-second", "awsnegotiations.com, May 2026"),
    "secret": Price(0.40, "each", _LISTS),
    "alarm": Price(0.10, "each", "c3x.dev, 2026"),
    "dashboard": Price(3.00, "each", "factualminds.com, June 2026"),
    "custom metric": Price(0.30, "each", "signoz.io, February 2026"),
}


@dataclass(frozen=True)
class Cost:
    """One line of the bill of a month."""

    what: str
    amount: float
    price: str
    """Name of the price."""

    @property
    def dollars(self) -> float:
        """The price of that amount in a month."""
        price = PRICES[self.price]
        return self.amount * price.dollars * (HOURS if price.unit == "hour" else 1)


def fixed_costs(environment: Environment) -> list[Cost]:
    """Return what an environment costs that nobody uses; Aurora and external stores are not in it."""
    return [*_network(environment), *_postgres(environment), *_graph(environment), *_operation(environment)]


def total(environment: Environment) -> float:
    """Return the sum of the fixed costs in dollars a month."""
    return sum(cost.dollars for cost in fixed_costs(environment))


def _network(environment: Environment) -> Iterator[Cost]:
    if network := environment.network:
        if network.nat_instance_type:
            yield Cost("NAT instances", network.nat_gateways, network.nat_instance_type)
            yield Cost("their disks", network.nat_gateways * _NAT_DISK_GIB, "EBS volume")
        else:
            yield Cost("NAT gateways", network.nat_gateways, "NAT gateway")
        yield Cost("their public addresses", network.nat_gateways, "public IPv4 address")


def _postgres(environment: Environment) -> Iterator[Cost]:
    if isinstance(postgres := environment.postgres, RdsPostgres):
        copies = 2 if postgres.multi_az else 1
        yield Cost("RDS instances", copies, f"db.{postgres.instance_type}")
        yield Cost("their storage", copies * postgres.storage_gib, "RDS storage")


def _graph(environment: Environment) -> Iterator[Cost]:
    if isinstance(graph := environment.graph, EcsGraph):
        yield Cost("graph's host", 1, graph.instance_type)
        yield Cost("its volumes", graph.storage_gib + _SYSTEM_DISK_GIB, "EBS volume")
        # The first snapshot is full, each other one holds a night's changes.
        yield Cost("its snapshots", graph.storage_gib * (1 + graph.snapshots_kept / 20), "EBS snapshot")


def _operation(environment: Environment) -> Iterator[Cost]:
    yield Cost("secrets", SECRETS, "secret")
    yield Cost("metrics of alarms above the free ones", ALARM_METRICS - FREE_ALARMS, "alarm")
    yield Cost("custom metrics above the free ones", CUSTOM_METRICS - FREE_CUSTOM_METRICS, "custom metric")
    yield Cost("catch-up: 43,800 runs of 1 s at 0.5 GB", 43_800 * 0.5, "function memory")
    if environment.snap_start:
        yield Cost("API function's snapshot of 0.5 GB", HOURS * 3600 * 0.5, "function snapshot")
    if environment.waf:
        yield Cost("firewall", 1, "firewall")
        yield Cost("its rules", _FIREWALL_RULES, "firewall rule")


def tables() -> str:
    """Return the tables of docs/costs.md."""
    deployed = [environment for environment in ENVIRONMENTS.values() if environment.network]
    rows: dict[str, dict[str, str]] = {}
    for environment in deployed:
        for cost in fixed_costs(environment):
            cell = f"{cost.amount:g} of {cost.price} = {cost.dollars:.2f}"
            rows.setdefault(cost.what, {})[environment.name] = cell
    names = [environment.name for environment in deployed]
    lines = [["what", *names], ["---"] * (1 + len(names))]
    lines += [[what, *(cells.get(name, "none") for name in names)] for what, cells in rows.items()]
    lines += [["**total**", *(f"**{total(environment):.2f}**" for environment in deployed)]]
    prices = [["price", "dollars", "per", "source"], ["---"] * 4]
    prices += [[name, f"{one.dollars:g}", one.unit, one.source] for name, one in PRICES.items()]
    return "\n\n".join("\n".join(f"| {' | '.join(line)} |" for line in table) for table in (lines, prices))


if __name__ == "__main__":
    print(tables())  # noqa: T201  the module's one use as a program
