"""Conditions of the availability zones: they exist in this account and offer the stores' instance types."""

from collections.abc import Sequence
from typing import Final

from botocore.exceptions import ClientError

from scripts.preconditions.condition import SETTINGS, Deploy, Result, condition, green, red
from stacks.config.options import AuroraPostgres, RdsPostgres
from stacks.config.versions import POSTGRES_MAJOR

_CHOOSE: Final = f"choose another in {SETTINGS}"


@condition("availability zones", "ec2:DescribeAvailabilityZones")
def zones(deploy: Deploy) -> Result:
    """Whether the network's zones exist in this account."""
    network = deploy.environment.network
    if not network:
        return green("none needed")
    wanted = list(network.availability_zones)
    try:
        found = deploy.target.client("ec2").describe_availability_zones(ZoneNames=wanted)["AvailabilityZones"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidParameterValue":
            return red(f"not all of {', '.join(wanted)} exist in this account", _CHOOSE)
        raise
    if away := [zone["ZoneName"] for zone in found if zone["State"] != "available"]:
        return red(f"not available: {', '.join(away)}", _CHOOSE)
    return green(", ".join(wanted))


@condition("graph's instance type", "ec2:DescribeInstanceTypeOfferings")
def graph_instance_type(deploy: Deploy) -> Result:
    """Whether the graph's zone offers its host's instance type."""
    graph = deploy.graph
    return _is_offered(deploy, graph.instance_type, [graph.availability_zone]) if graph else green("none needed")


@condition("NAT instances' type", "ec2:DescribeInstanceTypeOfferings")
def nat_instance_type(deploy: Deploy) -> Result:
    """Whether each zone that gets a NAT instance offers its type."""
    network = deploy.environment.network
    if not network or not network.nat_instance_type:
        return green("none needed")
    return _is_offered(deploy, network.nat_instance_type, network.availability_zones[: network.nat_gateways])


def _is_offered(deploy: Deploy, kind: str, zones: Sequence[str]) -> Result:
    filters = [{"Name": "instance-type", "Values": [kind]}, {"Name": "location", "Values": [*zones]}]
    offers = deploy.target.client("ec2").describe_instance_type_offerings(
        LocationType="availability-zone", Filters=filters
    )["InstanceTypeOfferings"]
    if without := sorted(set(zones) - {offer["Location"] for offer in offers}):
        return red(f"{', '.join(without)} has no {kind}", f"{_CHOOSE}: zone or type")
    return green(f"{kind} in {', '.join(zones)}")


@condition("Postgres' instance type", "rds:DescribeOrderableDBInstanceOptions")
def postgres_instance_type(deploy: Deploy) -> Result:
    """Whether RDS offers the ledger's instance class with the Postgres version, in as many zones as it needs."""
    network = deploy.environment.network
    if not network or not deploy.ledgers:
        return green("none needed")
    finding = []
    for ledger in deploy.ledgers:
        engine, kind, needed = _order(ledger)
        offered = _offered(deploy, engine, kind) & set(network.availability_zones)
        if len(offered) < needed:
            where = ", ".join(sorted(offered)) or "none of the zones"
            return red(f"{engine} {POSTGRES_MAJOR} on {kind} is offered in {where}; it needs {needed}", _CHOOSE)
        finding.append(f"{engine} {POSTGRES_MAJOR} on {kind} in {', '.join(sorted(offered))}")
    return green("; ".join(finding))


def _order(ledger: RdsPostgres | AuroraPostgres) -> tuple[str, str, int]:
    """Return engine and instance class of the ledger, and how many zones it needs."""
    if isinstance(ledger, RdsPostgres):
        return "postgres", f"db.{ledger.instance_type}", 2 if ledger.multi_az else 1
    return "aurora-postgresql", "db.serverless", 2 if ledger.readers else 1


def _offered(deploy: Deploy, engine: str, kind: str) -> set[str]:
    """Return the zones in which RDS offers it."""
    pages = deploy.target.client("rds").get_paginator("describe_orderable_db_instance_options")
    options = pages.paginate(Engine=engine, DBInstanceClass=kind, Vpc=True).search("OrderableDBInstanceOptions[]")
    right = [option for option in options if option["EngineVersion"].partition(".")[0] == POSTGRES_MAJOR]
    return {zone["Name"] for option in right for zone in option["AvailabilityZones"]}
