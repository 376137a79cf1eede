"""What happens to data when a resource is removed, and how long logs are kept."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_logs as logs

from stacks.config.environment import Environment

_RETENTION: Final = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
}


def removal_policy(environment: Environment) -> cdk.RemovalPolicy:
    """Return what CloudFormation does with a stateful resource that leaves its stack.

    In a protected environment it is kept, unless the deploy that made it failed.
    """
    return cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if environment.protected else cdk.RemovalPolicy.DESTROY


def log_retention(environment: Environment) -> logs.RetentionDays:
    """Return how long the environment keeps its logs."""
    return _RETENTION[environment.log_retention_days]
