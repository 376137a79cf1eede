"""What each function of the Chalice app gets besides its code: role, log group, network and settings."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sam as sam
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.parameters import NetworkParameters
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment

# On all resources: see the acknowledgement below.
_TRACE: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
_ALIAS: Final = "live"


class Function(Construct):
    """One function; its role may only write its own log and traces, until more is granted."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        resource: sam.CfnFunction,
        environment: Environment,
        timeout_seconds: int,
        memory_mb: int,
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
            because="these actions of X-Ray and EC2 take no resource",
        )
        resource.role = self.role.role_arn
        resource.timeout = timeout_seconds
        resource.memory_size = memory_mb
        resource.tracing = "Active"
        self._variables = {
            "ENVIRONMENT": environment.name,
            "LOG_LEVEL": environment.log_level,
            # Otherwise it reads what each installed package says of itself, in search of plugins: there is none.
            "PYDANTIC_DISABLE_PLUGINS": "__all__",
        }
        self.add_variables(variables)
        resource.add_property_override("LoggingConfig.LogGroup", self.log.log_group_name)
        # So that it has its rights before it first runs.
        resource.node.add_dependency(self.role)
        self.reference: lambda_.IFunction = lambda_.Function.from_function_attributes(
            self, "Reference", function_arn=resource.get_att("Arn").to_string(), same_environment=True
        )
        """The function, for constructs that need an IFunction; its rights are those of `role`."""

    @property
    def target(self) -> str:
        """Logical id of what is invoked; its Ref is a name that Lambda takes: the function, or its alias."""
        alias = self.resource.auto_publish_alias
        return f"{self.resource.node.id}Alias{alias}" if alias else self.resource.node.id  # as SAM names it

    def start_from_snapshot(self, version: str) -> None:
        """Have a new process start from a snapshot of an initialised one (SnapStart); `version` names code and layer.

        Only published versions can: whenever a property of the function changes, SAM publishes one and points the alias
        at it. Invoke `target`, not the function.
        """
        self.resource.auto_publish_alias = _ALIAS
        self.resource.description = f"code and layer {version}"
        self.resource.add_property_override("SnapStart.ApplyOn", "PublishedVersions")
        self.resource.add_property_override("AutoPublishAliasAllProperties", value=True)  # whatever changes
        self.resource.add_property_override("VersionDeletionPolicy", "Delete")  # a kept snapshot is billed

    def add_variables(self, variables: Mapping[str, str]) -> None:
        """Set more of its environment variables."""
        self._variables |= variables
        self.resource.environment = sam.CfnFunction.FunctionEnvironmentProperty(variables=self._variables)

    def join_network(self, network: NetworkParameters | None, *, security_groups: list[str]) -> None:
        """Put it into the network with these security groups and the one for outgoing HTTPS; None: no network."""
        if network is None:
            return
        self.resource.vpc_config = sam.CfnFunction.VpcConfigProperty(
            security_group_ids=[network.way_out_security_group_id, *security_groups],
            subnet_ids=cdk.Fn.split(",", network.subnet_ids),
        )
        self.role.add_to_policy(iam.PolicyStatement(actions=[*_INTERFACES], resources=["*"]))
        # Lambda itself needs these rights; they are denied to the code that runs in the function.
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

    def disable_retries(self) -> None:
        """Drop an asynchronous call that fails or waits for a minute: the schedule sends another each minute."""
        self.resource.event_invoke_config = sam.CfnFunction.EventInvokeConfigProperty(
            maximum_event_age_in_seconds=60, maximum_retry_attempts=0
        )
