"""Updates the schemas of both stores during a deploy, before code that needs them runs."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as resources
from constructs import Construct, IDependable

from stacks.common.nag import acknowledge
from stacks.common.retention import log_retention, removal_policy
from stacks.config.environment import Environment


class Migration(Construct):
    """Runs the migration in the operations function whenever the package changes; if it fails, the deploy fails.

    CDK's provider framework calls the function: it turns an exception or a time-out into a failed resource (a plain
    `lambda:Invoke` answers 200 in either case), and it answers CloudFormation from outside the network.
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
            because="CDK's own function: this policy only lets it log",
        )
        acknowledge(
            role.node.find_child("DefaultPolicy"),
            "IAM5[Resource::<Operations.Arn>:*]",
            because="all versions of that one function",
        )
        self._run = cdk.CustomResource(
            self,
            # Another package or store is a new resource, not an update: to roll an update back would migrate again, and
            # without the database the stack would be stuck between two versions.
            f"Run{version}",
            service_token=provider.service_token,
            resource_type="Custom::Migration",
            properties={"operation": "migrate"},
            # Migrations only go forward: CloudFormation removes the old resource without a call.
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    @property
    def done(self) -> IDependable:
        """Depend on this to wait until the schemas are up to date."""
        return self._run
