"""The network: no incoming traffic, and only clients of a store connect to it."""

from dataclasses import replace
from typing import Any

import pytest

from stacks.config.environment import Environment
from stacks.config.environments import PROD
from stacks.config.options import ReaderNetwork
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
    """Return a direction's rules, those in groups and those that are resources."""
    inside = [
        {"GroupId": {"Fn::GetAtt": [id_, "GroupId"]}, **rule}
        for id_, group in stack.of_type(GROUP).items()
        for rule in group["Properties"].get(f"SecurityGroup{direction}", [])
    ]
    return inside + [rule["Properties"] for rule in stack.of_type(f"{GROUP}{direction}").values()]


def test_only_clients_of_a_store_connect_to_it(stack: Template) -> None:
    reached = {
        (stack.plain(rule["SourceSecurityGroupId"]), stack.plain(rule["GroupId"]), rule["FromPort"], rule["ToPort"])
        for rule in rules(stack, "Ingress")
        if "SourceSecurityGroupId" in rule
    }
    assert {(source[:16], target[:16], *ports) for source, target, *ports in reached} == {
        ("NetworkRdsClient", "NetworkRdsServer", 5432, 5432),
        ("NetworkGraphClie", "NetworkGraphServ", 7687, 7687),
    }


def test_the_graphs_host_reaches_postgres_only_for_tunnels_and_copies(
    stack: Template, environment: Environment
) -> None:
    _, launch = stack.one("AWS::EC2::LaunchTemplate")
    groups = {stack.plain(group) for group in launch["Properties"]["LaunchTemplateData"]["SecurityGroupIds"]}
    assert any(group.startswith("NetworkRdsClient") for group in groups) is environment.tunnel


def test_the_s3_endpoint_reads_repositories_and_passes_the_importers_files_and_nothing_else(stack: Template) -> None:
    _, endpoint = stack.one("AWS::EC2::VPCEndpoint")
    [statement, files] = endpoint["Properties"]["PolicyDocument"]["Statement"]
    assert (files["Effect"], files["Action"]) == ("Allow", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"])
    assert stack.plain(files["Resource"]) == "GraphImportFiles4AFA1892.Arn/*"
    assert (statement["Effect"], statement["Action"]) == ("Allow", "s3:GetObject")
    assert all(stack.plain(arn).rpartition(":")[2].removesuffix("/*").count("*") == 0 for arn in statement["Resource"])


def test_only_nat_instances_accept_connections_by_address_https_from_inside(
    stack: Template, environment: Environment
) -> None:
    found = [
        (stack.plain(rule["GroupId"])[:13], rule["CidrIp"], rule["FromPort"], rule["ToPort"])
        for rule in rules(stack, "Ingress")
        if "SourceSecurityGroupId" not in rule
    ]
    assert environment.network
    nat = [("NetworkVpcNat", environment.network.cidr, 443, 443)]
    assert found == (nat if environment.network.nat_instance_type else [])


def test_only_https_leaves_the_network(stack: Template, environment: Environment) -> None:
    out = [rule for rule in rules(stack, "Egress") if rule.get("CidrIp") in ANYWHERE or "CidrIpv6" in rule]
    assert environment.network
    nat = {("NetworkVpcNat", 443, 443)} if environment.network.nat_instance_type else set()
    found = {(stack.plain(rule["GroupId"])[:13], rule["FromPort"], rule["ToPort"]) for rule in out}
    assert found == {("NetworkWayOut", 443, 443)} | nat


def test_no_group_keeps_the_default_egress_rule(stack: Template) -> None:
    # AWS adds it to every group that is made without a rule of its own.
    assert all(group["Properties"]["SecurityGroupEgress"] for group in stack.of_type(GROUP).values())
    _, default = stack.one("Custom::VpcRestrictDefaultSG")
    assert "DefaultSecurityGroup" in str(default["Properties"]["DefaultSecurityGroupId"])


def test_only_nat_instances_get_a_public_address(stack: Template) -> None:
    assert not any(subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in stack.of_type("AWS::EC2::Subnet").values())
    nat = stack.of_type("AWS::EC2::Instance")
    assert str(stack.body).count("AssociatePublicIpAddress': True") == len(nat)
    assert all(instance["Properties"]["SourceDestCheck"] is False for instance in nat.values())
    disks = [disk for instance in nat.values() for disk in instance["Properties"]["BlockDeviceMappings"]]
    assert all(disk["Ebs"]["Encrypted"] for disk in disks)


def test_the_stores_subnets_have_no_route_to_the_internet(stack: Template) -> None:
    out = {stack.plain(route["Properties"]["RouteTableId"]) for route in stack.of_type("AWS::EC2::Route").values()}
    assert not [table for table in out if "stores" in table]
    _, subnets = stack.one("AWS::RDS::DBSubnetGroup")
    assert all("stores" in stack.plain(subnet) for subnet in subnets["Properties"]["SubnetIds"])


def test_the_network_spans_the_zones_that_the_environment_names(stack: Template, environment: Environment) -> None:
    assert environment.network
    zones = [subnet["Properties"]["AvailabilityZone"] for subnet in stack.of_type("AWS::EC2::Subnet").values()]
    assert sorted(zones) == sorted(environment.network.availability_zones * 3)
    nat = "Instance" if environment.network.nat_instance_type else "NatGateway"
    assert len(stack.of_type(f"AWS::EC2::{nat}")) == environment.network.nat_gateways
    routes = [one["Properties"] for id_, one in stack.of_type("AWS::EC2::Route").items() if "private" in id_]
    assert len(routes) == len(environment.network.availability_zones)
    assert all({"InstanceId", "NatGatewayId"} & set(route) for route in routes)


def test_in_production_each_zone_has_its_own_nat_gateway() -> None:
    prod = data_stack(PROD)
    gateways = prod.of_type("AWS::EC2::NatGateway").values()
    subnets = {prod.plain(gateway["Properties"]["SubnetId"]) for gateway in gateways}
    zones = {prod.of_type("AWS::EC2::Subnet")[subnet]["Properties"]["AvailabilityZone"] for subnet in subnets}
    assert PROD.network
    assert zones == set(PROD.network.availability_zones)


def test_a_new_zone_moves_no_subnet(environment: Environment) -> None:
    assert environment.network
    zones = (*environment.network.availability_zones, "us-east-1f")
    larger = data_stack(replace(environment, network=replace(environment.network, availability_zones=zones)))
    before, after = (
        {id_: one["Properties"]["CidrBlock"] for id_, one in template.of_type("AWS::EC2::Subnet").items()}
        for template in (data_stack(environment), larger)
    )
    assert len(after) == len(before) + 3
    assert before.items() <= after.items()


def test_a_peered_network_reaches_postgres_and_nothing_else_only_where_the_environment_names_it() -> None:
    readers = (ReaderNetwork(cidr="10.77.0.0/24", peering_connection_id="pcx-1"),)
    before, after = data_stack(PROD), data_stack(replace(PROD, readers=readers))
    assert "10.77.0.0/24" not in str(before.body)
    let_in = [rule for rule in rules(after, "Ingress") if "SourceSecurityGroupId" not in rule]
    assert [
        (after.plain(rule["GroupId"])[:16], rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in let_in
    ] == [("NetworkRdsServer", "10.77.0.0/24", 5432, 5432)]
    routes = [route["Properties"] for route in after.of_type("AWS::EC2::Route").values()]
    peered = [route for route in routes if route.get("VpcPeeringConnectionId") == "pcx-1"]
    assert {route["DestinationCidrBlock"] for route in peered} == {"10.77.0.0/24"}
    tables = {after.plain(route["RouteTableId"]) for route in peered}
    assert tables == {table for table in after.of_type("AWS::EC2::RouteTable") if "stores" in table}


@pytest.mark.parametrize("cidr", ["10.30.8.0/24", "no network"])
def test_readers_have_addresses_of_their_own(cidr: str) -> None:
    with pytest.raises(ValueError, match=r"readers need|no network"):
        replace(PROD, readers=(ReaderNetwork(cidr=cidr, peering_connection_id="pcx-1"),))


def test_rejected_connections_are_logged(stack: Template) -> None:
    _, log = stack.one("AWS::EC2::FlowLog")
    assert log["Properties"]["TrafficType"] == "REJECT"


def test_traffic_from_s3_does_not_use_the_nat_gateway(stack: Template) -> None:
    _, endpoint = stack.one("AWS::EC2::VPCEndpoint")
    assert endpoint["Properties"]["VpcEndpointType"] == "Gateway"
    tables = {stack.plain(table) for table in endpoint["Properties"]["RouteTableIds"]}
    assert {table for table in stack.of_type("AWS::EC2::RouteTable") if "private" in table} <= tables


def test_environments_have_different_addresses() -> None:
    blocks = [environment.network.cidr for environment in ON_AWS if environment.network]
    assert len(set(blocks)) == len(ON_AWS)
