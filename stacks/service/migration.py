"""Brings both stores' schemas up to date during a deploy, before code that needs them runs."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as resources
from constructs import Construct, IDependable

from stacks.common.nag import acknowledge
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment


class Migration(Construct):
    """Has the operations function migrate at every deploy of another package; the deploy fails when that fails.

    CDK's provider framework stands between: it turns an exception or a time-out of the function into a failed resource
    (a bare `lambda:Invoke` answers 200 whatever happened), and answers CloudFormation from outside the network.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        operations: lambda_.IFunction,
        version: str,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        provider = resources.Provider(
            self,
            "Provider",
            on_event_handler=operations,
            log_group=logs.LogGroup(
                self, "Log", retention=log_retention(environment), removal_policy=removal_policy(environment)
            ),
        )
        role = provider.node.find_child("framework-onEvent").node.find_child("ServiceRole")
        acknowledge(
            role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
            because="CDK's own function: it logs, and calls one function",
        )
        acknowledge(
            role.node.find_child("DefaultPolicy"),
            "IAM5[Resource::<Operations.Arn>:*]",
            because="any version of that one function",
        )
        self._run = cdk.CustomResource(
            self,
            # Another package, or store, is another resource, never an update: rolling an update back would migrate once
            # more, and with the database away the stack would be stuck between two versions.
            f"Run{version}",
            service_token=provider.service_token,
            resource_type="Custom::Migration",
            properties={"operation": "migrate"},
            # Schemas only go forward: CloudFormation forgets the old resource without calling anybody.
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    @property
    def done(self) -> IDependable:
        """What depends on this waits until the schemas are up to date."""
        return self._run
