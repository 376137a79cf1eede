"""Conditions of the account's quotas: what a first deploy makes must fit beside what is there."""

from typing import Any, Final

from scripts.preconditions.condition import Deploy, Result, condition, green, red
from stacks.config.options import RESERVED_CONCURRENCY

_LAMBDA_UNRESERVED: Final = 100  # AWS keeps so many executions unreserved
_READ_QUOTA: Final = ("servicequotas:GetServiceQuota", "servicequotas:GetAWSDefaultServiceQuota")
_EXISTS: Final = "its own exists already"


@condition("Lambda concurrency", "lambda:GetAccountSettings", "cloudformation:DescribeStacks")
def lambda_concurrency(deploy: Deploy) -> Result:
    """Whether the environment may reserve its executions: AWS keeps 100 of the quota unreserved."""
    limit = deploy.target.client("lambda").get_account_settings()["AccountLimit"]
    quota, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    reserved = sum(RESERVED_CONCURRENCY.values()) if deploy.environment.reserved_concurrency else 0
    if reserved and deploy.is_first and unreserved < _LAMBDA_UNRESERVED + reserved:
        return red(
            f"{unreserved} of {quota} unreserved; it reserves {reserved} and AWS keeps {_LAMBDA_UNRESERVED}",
            _increase("lambda", "L-B99A9384", 1000),
        )
    return green(f"{quota}, of which it reserves {reserved}")


@condition("VPCs", "ec2:DescribeVpcs", *_READ_QUOTA, "cloudformation:DescribeStacks")
def vpcs(deploy: Deploy) -> Result:
    """Whether one more VPC may be created."""
    if not deploy.environment.network:
        return green("none needed")
    found = deploy.target.client("ec2").get_paginator("describe_vpcs").paginate().search("Vpcs[]")
    return _fits(deploy, "vpc", "L-F678F1CE", needed=1, used=len(list(found)))


@condition("Elastic IP addresses", "ec2:DescribeAddresses", *_READ_QUOTA, "cloudformation:DescribeStacks")
def addresses(deploy: Deploy) -> Result:
    """Whether each NAT gateway can have its address."""
    network = deploy.environment.network
    if not network or network.nat_instance_type:
        return green("none needed")
    used = len(deploy.target.client("ec2").describe_addresses()["Addresses"])
    return _fits(deploy, "ec2", "L-0263D0A3", needed=network.nat_gateways, used=used)


@condition(
    "EC2 vCPUs",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypes",
    *_READ_QUOTA,
    "cloudformation:DescribeStacks",
)
def vcpus(deploy: Deploy) -> Result:
    """Whether the graph's host and the NAT instances may run besides the instances that run already."""
    network, graph = deploy.environment.network, deploy.graph
    types = [graph.instance_type] if graph else []
    if network and network.nat_instance_type:
        types += [network.nat_instance_type] * network.nat_gateways
    if not types:
        return green("none needed")
    ec2 = deploy.target.client("ec2")
    described = ec2.describe_instance_types(InstanceTypes=sorted(set(types)))["InstanceTypes"]
    needed = sum(one["VCpuInfo"]["DefaultVCpus"] * types.count(one["InstanceType"]) for one in described)
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=running)
    used = sum(
        one["CpuOptions"]["CoreCount"] * one["CpuOptions"]["ThreadsPerCore"]
        for one in pages.search("Reservations[].Instances[]")
    )
    return _fits(deploy, "ec2", "L-1216C47A", needed=needed, used=used)


def _fits(deploy: Deploy, service: str, code: str, *, needed: int, used: int) -> Result:
    quota = _quota(deploy.target.client("service-quotas"), service, code)
    if not deploy.is_first:
        return green(f"{used} of {quota} used; {_EXISTS}")
    if used + needed > quota:
        return red(f"{used} of {quota} used; it needs {needed} more", _increase(service, code, 2 * quota))
    return green(f"{used} of {quota} used; it needs {needed} more")


def _quota(quotas: Any, service: str, code: str) -> int:
    try:
        found = quotas.get_service_quota(ServiceCode=service, QuotaCode=code)
    except quotas.exceptions.NoSuchResourceException:  # the account never asked for another value
        found = quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)
    return int(found["Quota"]["Value"])


def _increase(service: str, code: str, value: int) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value}"
    )
