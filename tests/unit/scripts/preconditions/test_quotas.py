"""Conditions of the quotas: what a first deploy makes must fit beside what is there."""

from typing import Any

import pytest

from scripts.preconditions import quotas
from scripts.preconditions.condition import Condition, Result, green, red
from stacks.config.environments import LOCAL, PROD
from tests.unit.scripts.preconditions.conftest import Account

FIRST: tuple[None, None] = (None, None)
DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
MORE = "aws service-quotas request-service-quota-increase --service-code {} --quota-code {} --desired-value {}"


def expect_quota(account: Account, service: str, code: str, value: float) -> None:
    asked = {"ServiceCode": service, "QuotaCode": code}
    account.expect("service-quotas", "get_service_quota", {"Quota": {"Value": value}}, asked)


@pytest.mark.parametrize(
    ("quota", "stacks", "result"),
    [
        (1000, FIRST, green("1000, of which it reserves 6")),
        (106, FIRST, green("106, of which it reserves 6")),
        (100, DEPLOYED, green("100, of which it reserves 6")),
        (
            105,
            FIRST,
            red("105 of 105 unreserved; it reserves 6 and AWS keeps 100", MORE.format("lambda", "L-B99A9384", 1000)),
        ),
    ],
)
def test_a_quota_below_what_aws_keeps_allows_no_reservation(
    account: Account, quota: int, stacks: tuple[str | None, str | None], result: Result
) -> None:
    limit = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": quota}
    account.expect("lambda", "get_account_settings", {"AccountLimit": limit}, {})
    account.expect_stacks(*stacks)
    assert account.check(quotas.lambda_concurrency, reserved_concurrency=True) == result


def test_an_environment_that_reserves_nothing_fits_any_quota(account: Account) -> None:
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    account.expect("lambda", "get_account_settings", {"AccountLimit": limit}, {})
    assert account.check(quotas.lambda_concurrency) == green("10, of which it reserves 0")


def vpcs(number: int) -> dict[str, Any]:
    return {"Vpcs": [{"VpcId": f"vpc-{one}"} for one in range(number)]}


@pytest.mark.parametrize(
    ("used", "stacks", "result"),
    [
        (4, FIRST, green("4 of 5 used; it needs 1 more")),
        (5, DEPLOYED, green("5 of 5 used; its own exists already")),
        (5, FIRST, red("5 of 5 used; it needs 1 more", MORE.format("vpc", "L-F678F1CE", 10))),
        (5, ("CREATE_COMPLETE", None), red("5 of 5 used; it needs 1 more", MORE.format("vpc", "L-F678F1CE", 10))),
    ],
)
def test_there_is_room_for_one_more_vpc(
    account: Account, used: int, stacks: tuple[str | None, str | None], result: Result
) -> None:
    account.expect("ec2", "describe_vpcs", vpcs(used), {})
    expect_quota(account, "vpc", "L-F678F1CE", 5.0)
    account.expect_stacks(*stacks)
    assert account.check(quotas.vpcs) == result


def test_a_quota_that_was_never_set_is_aws_default(account: Account) -> None:
    account.expect("ec2", "describe_vpcs", vpcs(0), {})
    account.refuse("service-quotas", "get_service_quota", "NoSuchResourceException")
    asked = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
    account.expect("service-quotas", "get_aws_default_service_quota", {"Quota": {"Value": 5.0}}, asked)
    account.expect_stacks(*FIRST)
    assert account.check(quotas.vpcs).state == "green"


@pytest.mark.parametrize(("used", "state"), [(3, "green"), (4, "red")])
def test_each_nat_gateway_needs_an_address(account: Account, used: int, state: str) -> None:
    account.expect("ec2", "describe_addresses", {"Addresses": [{}] * used}, {})
    expect_quota(account, "ec2", "L-0263D0A3", 5.0)
    account.expect_stacks(*FIRST)
    assert account.check(quotas.addresses, PROD).state == state


def test_nat_instances_need_no_elastic_address(account: Account) -> None:
    assert account.check(quotas.addresses) == green("none needed")


@pytest.mark.parametrize(("quota", "state"), [(8.0, "green"), (7.0, "red")])
def test_the_graphs_host_and_the_nat_instance_fit_besides_what_runs(account: Account, quota: float, state: str) -> None:
    types = ["t4g.nano", "t4g.small"]
    found = {"InstanceTypes": [{"InstanceType": one, "VCpuInfo": {"DefaultVCpus": 2}} for one in types]}
    account.expect("ec2", "describe_instance_types", found, {"InstanceTypes": types})
    running = {"Instances": [{"CpuOptions": {"CoreCount": 2, "ThreadsPerCore": 2}}]}
    filters = {"Filters": [{"Name": "instance-state-name", "Values": ["pending", "running"]}]}
    account.expect("ec2", "describe_instances", {"Reservations": [running]}, filters)
    expect_quota(account, "ec2", "L-1216C47A", quota)
    account.expect_stacks(*FIRST)
    assert account.check(quotas.vcpus).state == state


@pytest.mark.parametrize("condition", [quotas.vpcs, quotas.addresses, quotas.vcpus], ids=lambda one: one.name)
def test_without_a_network_none_is_needed(account: Account, condition: Condition) -> None:
    assert account.check(condition, LOCAL) == green("none needed")
