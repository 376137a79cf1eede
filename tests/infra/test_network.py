"""The network: nothing in it can be reached from outside, and only what needs a store reaches it."""

from dataclasses import replace
from typing import Any

import pytest

from stacks.config.environment import Environment
from tests.infra.synthesis import ON_AWS, data_stack
from tests.infra.template import Template

GROUP = "AWS::EC2::SecurityGroup"
ANYWHERE = {"0.0.0.0/0", "::/0"}


@pytest.fixture(params=ON_AWS, ids=lambda environment: environment.name)
def environment(request: pytest.FixtureRequest) -> Environment:
    found: Environment = request.param
    return found


@pytest.fixture
def stack(environment: Environment) -> Template:
    return data_stack(environment)


def rules(stack: Template, direction: str) -> list[dict[str, Any]]:
    """Collect a direction's rules, in groups and beside them."""
    inside = [
        {"GroupId": {"Fn::GetAtt": [id_, "GroupId"]}, **rule}
        for id_, group in stack.of_type(GROUP).items()
        for rule in group["Properties"].get(f"SecurityGroup{direction}", [])
    ]
    return inside + [rule["Properties"] for rule in stack.of_type(f"{GROUP}{direction}").values()]


def test_nothing_comes_in_but_from_the_clients_of_a_store(stack: Template) -> None:
    reached = {
        (stack.plain(rule["SourceSecurityGroupId"]), stack.plain(rule["GroupId"]), rule["FromPort"], rule["ToPort"])
        for rule in rules(stack, "Ingress")
    }
    assert {(source[:16], target[:16], *ports) for source, target, *ports in reached} == {
        ("NetworkRdsClient", "NetworkRdsServer", 5432, 5432),
        ("NetworkGraphClie", "NetworkGraphServ", 7687, 7687),
    }


def test_only_https_leaves_the_network(stack: Template) -> None:
    out = [rule for rule in rules(stack, "Egress") if rule.get("CidrIp") in ANYWHERE or "CidrIpv6" in rule]
    assert [(stack.plain(rule["GroupId"])[:13], rule["FromPort"], rule["ToPort"]) for rule in out] == [
        ("NetworkWayOut", 443, 443)
    ]


def test_no_group_keeps_the_rule_that_lets_everything_out(stack: Template) -> None:
    # AWS gives it to every group that is made without a rule of its own.
    assert all(group["Properties"]["SecurityGroupEgress"] for group in stack.of_type(GROUP).values())
    _, default = stack.one("Custom::VpcRestrictDefaultSG")
    assert "DefaultSecurityGroup" in str(default["Properties"]["DefaultSecurityGroupId"])


def test_no_machine_gets_a_public_address(stack: Template) -> None:
    assert not any(subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in stack.of_type("AWS::EC2::Subnet").values())
    assert "AssociatePublicIpAddress': True" not in str(stack.body)


def test_the_stores_subnets_have_no_way_out(stack: Template) -> None:
    out = {stack.plain(route["Properties"]["RouteTableId"]) for route in stack.of_type("AWS::EC2::Route").values()}
    assert not [table for table in out if "stores" in table]
    _, subnets = stack.one("AWS::RDS::DBSubnetGroup")
    assert all("stores" in stack.plain(subnet) for subnet in subnets["Properties"]["SubnetIds"])


def test_the_network_spans_the_zones_that_the_environment_names(stack: Template, environment: Environment) -> None:
    assert environment.network
    zones = [subnet["Properties"]["AvailabilityZone"] for subnet in stack.of_type("AWS::EC2::Subnet").values()]
    assert sorted(zones) == sorted(environment.network.availability_zones * 3)
    assert len(stack.of_type("AWS::EC2::NatGateway")) == environment.network.nat_gateways


def test_in_production_no_zone_goes_out_through_another(stack: Template, environment: Environment) -> None:
    assert environment.network
    if environment.name == "prod":
        assert len(stack.of_type("AWS::EC2::NatGateway")) == len(environment.network.availability_zones)


def test_a_zone_that_is_added_moves_nothing(environment: Environment) -> None:
    assert environment.network
    zones = (*environment.network.availability_zones, "us-east-1f")
    larger = data_stack(replace(environment, network=replace(environment.network, availability_zones=zones)))
    before, after = (
        {id_: one["Properties"]["CidrBlock"] for id_, one in template.of_type("AWS::EC2::Subnet").items()}
        for template in (data_stack(environment), larger)
    )
    assert len(after) == len(before) + 3
    assert before.items() <= after.items()


def test_who_is_turned_away_is_logged(stack: Template) -> None:
    _, log = stack.one("AWS::EC2::FlowLog")
    assert log["Properties"]["TrafficType"] == "REJECT"


def test_what_comes_from_s3_does_not_pass_the_paid_way_out(stack: Template) -> None:
    _, endpoint = stack.one("AWS::EC2::VPCEndpoint")
    assert endpoint["Properties"]["VpcEndpointType"] == "Gateway"
    tables = {stack.plain(table) for table in endpoint["Properties"]["RouteTableIds"]}
    assert {table for table in stack.of_type("AWS::EC2::RouteTable") if "private" in table} <= tables


def test_no_two_environments_have_addresses_in_common() -> None:
    blocks = [environment.network.cidr for environment in ON_AWS if environment.network]
    assert len(set(blocks)) == len(ON_AWS)
