"""Conditions of the availability zones."""

from dataclasses import replace

import pytest

from scripts.preconditions import zones
from scripts.preconditions.condition import green
from stacks.config.environments import DEV, LOCAL, PROD
from stacks.config.options import AuroraPostgres
from tests.unit.scripts.preconditions.conftest import Account

WANTED = ["us-east-1a", "us-east-1b"]
AURORA = AuroraPostgres(min_capacity=0.5, max_capacity=4, readers=1, backup_days=7)


def expect_orderable(account: Account, engine: str, kind: str, offers: dict[str, list[str]]) -> None:
    """Expect to be asked what can be ordered: zones by version."""
    options = [
        {"EngineVersion": version, "AvailabilityZones": [{"Name": zone} for zone in found]}
        for version, found in offers.items()
    ]
    asked = {"Engine": engine, "DBInstanceClass": kind, "Vpc": True}
    account.expect("rds", "describe_orderable_db_instance_options", {"OrderableDBInstanceOptions": options}, asked)


@pytest.mark.parametrize(("second", "state"), [("available", "green"), ("unavailable", "red")])
def test_every_zone_is_available(account: Account, second: str, state: str) -> None:
    found = [{"ZoneName": WANTED[0], "State": "available"}, {"ZoneName": WANTED[1], "State": second}]
    account.expect("ec2", "describe_availability_zones", {"AvailabilityZones": found}, {"ZoneNames": WANTED})
    assert account.check(zones.zones).state == state


def test_a_zone_that_the_account_does_not_know_is_red(account: Account) -> None:
    account.refuse("ec2", "describe_availability_zones", "InvalidParameterValue")
    result = account.check(zones.zones)
    assert (result.state, result.finding) == ("red", "not all of us-east-1a, us-east-1b exist in this account")


def expect_offers(account: Account, kind: str, zones: list[str], offered: list[str]) -> None:
    """Expect to be asked which of these zones offer an instance type."""
    asked = {
        "LocationType": "availability-zone",
        "Filters": [{"Name": "instance-type", "Values": [kind]}, {"Name": "location", "Values": zones}],
    }
    offers = [{"InstanceType": kind, "Location": zone} for zone in offered]
    account.expect("ec2", "describe_instance_type_offerings", {"InstanceTypeOfferings": offers}, asked)


@pytest.mark.parametrize("offered", [True, False])
def test_the_graphs_zone_offers_its_instance_type(account: Account, offered: bool) -> None:  # noqa: FBT001
    expect_offers(account, "t4g.small", WANTED[:1], WANTED[:1] if offered else [])
    result = account.check(zones.graph_instance_type)
    assert result.state == ("green" if offered else "red")
    assert ("us-east-1a has no t4g.small" in result.finding) == (not offered)


@pytest.mark.parametrize(("offered", "state"), [(WANTED, "green"), (WANTED[:1], "red")])
def test_each_zone_with_a_nat_instance_offers_its_type(account: Account, offered: list[str], state: str) -> None:
    assert DEV.network
    expect_offers(account, "t4g.nano", WANTED, offered)
    two = replace(DEV.network, nat_gateways=2)
    result = account.check(zones.nat_instance_type, network=two)
    assert (result.state, "us-east-1b has no t4g.nano" in result.finding) == (state, state == "red")


def test_one_nat_instance_is_in_the_first_zone(account: Account) -> None:
    expect_offers(account, "t4g.nano", WANTED[:1], WANTED[:1])
    assert account.check(zones.nat_instance_type) == green("t4g.nano in us-east-1a")


def test_nat_gateways_need_no_instance_type(account: Account) -> None:
    assert account.check(zones.nat_instance_type, PROD) == green("none needed")


def test_rds_offers_the_ledgers_class_in_one_of_the_zones(account: Account) -> None:
    expect_orderable(account, "postgres", "db.t4g.small", {"18.1": ["us-east-1b", "us-east-1f"], "17.5": WANTED})
    assert account.check(zones.postgres_instance_type) == green("postgres 18 on db.t4g.small in us-east-1b")


def test_an_older_postgres_alone_is_red(account: Account) -> None:
    expect_orderable(account, "postgres", "db.t4g.small", {"17.5": WANTED})
    result = account.check(zones.postgres_instance_type)
    assert (result.state, "none of the zones" in result.finding) == ("red", True)


@pytest.mark.parametrize(("offered", "state"), [(WANTED, "green"), (WANTED[:1], "red")])
def test_a_standby_needs_a_second_zone(account: Account, offered: list[str], state: str) -> None:
    expect_orderable(account, "postgres", "db.m7g.large", {"18.1": offered})
    expect_orderable(account, "aurora-postgresql", "db.serverless", {"18.1": offered})
    beside = replace(PROD, beside=(AURORA,))
    result = account.check(zones.postgres_instance_type, beside)
    if state == "red":
        account.check(zones.postgres_instance_type, replace(DEV, postgres=AURORA))  # the same of Aurora's reader
    assert result.state == state


def test_locally_none_is_needed(account: Account) -> None:
    for condition in (zones.zones, zones.graph_instance_type, zones.nat_instance_type, zones.postgres_instance_type):
        assert account.check(condition, LOCAL) == green("none needed")
