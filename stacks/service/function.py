"""What each function of the Chalice app gets beyond its code: a role, a log group, its place, its settings."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sam as sam
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.parameters import NetworkHandover
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment

# On "*": see the acknowledgement below.
_TRACE: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


class Function(Construct):
    """One function whose role may write its own log and traces and nothing else, until a grant says more."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        resource: sam.CfnFunction,
        environment: Environment,
        timeout: int,
        memory: int,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id_)
        self.resource = resource
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log = logs.LogGroup(
            self, "Log", retention=log_retention(environment), removal_policy=removal_policy(environment)
        )
        self.log.grant_write(self.role)
        self.role.add_to_policy(iam.PolicyStatement(actions=[*_TRACE], resources=["*"]))
        acknowledge(
            self.role.node.find_child("DefaultPolicy"),
            "IAM5[Resource::*]",
            because="neither X-Ray nor Lambda's handling of network interfaces knows of single resources",
        )
        resource.role = self.role.role_arn
        resource.timeout = timeout
        resource.memory_size = memory
        resource.tracing = "Active"
        resource.environment = sam.CfnFunction.FunctionEnvironmentProperty(
            variables={
                "ENVIRONMENT": environment.name,
                "LOG_LEVEL": environment.log_level,
                "POWERTOOLS_METRICS_NAMESPACE": "InteractionTracker",
                "POWERTOOLS_SERVICE_NAME": "interaction-tracker",
                **variables,
            }
        )
        resource.add_property_override("LoggingConfig.LogGroup", self.log.log_group_name)
        # With its rights in place before it first runs.
        resource.node.add_dependency(self.role)
        self.reference: lambda_.IFunction = lambda_.Function.from_function_attributes(
            self, "Reference", function_arn=resource.get_att("Arn").to_string(), same_environment=True
        )
        """The function for constructs that take one; its rights are `role`'s."""

    def enter(self, network: NetworkHandover | None, *, security_groups: list[str]) -> None:
        """Put it into the network, with those security groups besides the one for its way out; None: nowhere."""
        if network is None:
            return
        self.resource.vpc_config = sam.CfnFunction.VpcConfigProperty(
            security_group_ids=[network.way_out_security_group_id, *security_groups],
            subnet_ids=cdk.Fn.split(",", network.subnet_ids),
        )
        self.role.add_to_policy(iam.PolicyStatement(actions=[*_INTERFACES], resources=["*"]))
        # Lambda needs these before the code runs; the code itself never does.
        stack = cdk.Stack.of(self)
        own_code = stack.format_arn(
            service="lambda", resource="function", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=[*_INTERFACES],
                resources=["*"],
                conditions={"ArnLike": {"lambda:SourceFunctionArn": own_code}},
            )
        )

    def run_once(self) -> None:
        """Have an asynchronous call that fails, or waits for a minute, forgotten: the next minute brings another."""
        self.resource.event_invoke_config = sam.CfnFunction.EventInvokeConfigProperty(
            maximum_event_age_in_seconds=60, maximum_retry_attempts=0
        )
