"""The managed policy with the rights that the operators' commands need."""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.names import GRAPH_HOST_TAG, parameter_path
from stacks.common.parameters import GraphParameters, StackParameters
from stacks.config.environment import Environment
from stacks.service.tunnels import Tunnels

# In every statement on sessions; otherwise one could be started without a document, which is a root shell.
_BY_DOCUMENT: Final = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}


class Operators(Construct):
    """The policy; it has no effect until an administrator attaches it. No other policy lets a person run operations.

    `logs` are those that operators may search, by the names of the outputs that hold their names.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        operations: lambda_.IFunction,
        queue: sqs.IQueue,
        dead_letters: sqs.IQueue,
        logs: Mapping[str, logs_.ILogGroup],
        parameters: StackParameters,
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        self.policy = iam.ManagedPolicy(
            self, "Policy", description=f"The interaction tracker's commands with -e {environment.name}"
        )
        stack = self._arn("cloudformation", "stack", f"{cdk.Stack.of(self).stack_name}/*")
        self._allow(stack, "cloudformation:DescribeStacks")
        self._allow(operations.function_arn, "lambda:InvokeFunction")
        queue.grant_send_messages(self.policy)
        dead_letters.grant_consume_messages(self.policy)
        dead_letters.grant_send_messages(self.policy)  # an erasure puts back what is another user's in a message
        for log in logs.values():
            log.grant(self.policy, "logs:FilterLogEvents")
        self._allow(
            parameters.user_pool_arn,
            "cognito-idp:AdminCreateUser",
            "cognito-idp:AdminDeleteUser",
            "cognito-idp:AdminDisableUser",
            "cognito-idp:AdminGetUser",
            "cognito-idp:AdminSetUserPassword",
            "cognito-idp:AdminUserGlobalSignOut",
            "cognito-idp:ListUsers",
        )
        alarms = self._arn("cloudwatch", "alarm", "*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME)
        self._allow(alarms, "cloudwatch:DescribeAlarms")
        self._allow("*", "cloudwatch:GetMetricData")  # takes no resource
        acknowledge(
            self.policy, f"IAM5[Resource::{alarms}]", because="alarms are asked for by the prefix of their names"
        )
        acknowledge(self.policy, f"IAM5[Resource::{stack}]", because="one stack, whose id is not known at synth")
        acknowledge(self.policy, "IAM5[Resource::*]", because="actions that take no resource, each named above")
        if environment.tunnel and parameters.graph:
            self._allow_tunnel(parameters, parameters.graph)
        outputs = {name: log.log_group_name for name, log in logs.items()}
        if parameters.graph:
            # To have Neo4j's importer make the graph, and to see how that ends.
            outputs["ImportMachine"] = machine = parameters.graph.graph_import_machine_arn
            self._allow(machine, "states:ListExecutions", "states:StartExecution")
        for name, value in {"OperatorsPolicy": self.policy.managed_policy_arn, **outputs}.items():
            cdk.CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)

    def _allow_tunnel(self, parameters: StackParameters, graph: GraphParameters) -> None:
        """Allow to find the stores, to forward a port to them alone through the graph's host, and to log in."""
        addresses = self._arn("ssm", "parameter", f"{parameter_path(self._environment.name)}/*")
        self._allow(addresses, "ssm:GetParameters")
        self._allow("*", "autoscaling:DescribeAutoScalingGroups")  # takes no resource
        hosts = self._arn("ec2", "instance", "*")
        tagged = {"StringEquals": {f"ssm:resourceTag/{GRAPH_HOST_TAG}": f"{self._environment.name}-data"}}
        self._allow(hosts, "ssm:StartSession", only=tagged | _BY_DOCUMENT)
        for document in Tunnels(self, "Tunnels", parameters=parameters, environment=self._environment).arns:
            self._allow(document, "ssm:StartSession", only=_BY_DOCUMENT)
        sessions = self._arn("ssm", "session", "*")
        self._allow(sessions, "ssmmessages:OpenDataChannel")  # needs the token from StartSession
        # By its tag, not its id: a session id begins with only a part of aws:userid.
        opener = {"StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}}
        self._allow(sessions, "ssm:TerminateSession", only=opener)
        self._allow(graph.graph_secret_arn, "secretsmanager:GetSecretValue")
        if parameters.postgres:
            role = f"{parameters.postgres.postgres_resource_id}/analyst"
            colon = cdk.ArnFormat.COLON_RESOURCE_NAME
            self._allow(self._arn("rds-db", "dbuser", role, arn_format=colon), "rds-db:connect")
        acknowledge(self.policy, f"IAM5[Resource::{addresses}]", because="the addresses of this environment's stores")
        acknowledge(self.policy, f"IAM5[Resource::{hosts}]", because="only the host with the graph's tag")
        acknowledge(
            self.policy, f"IAM5[Resource::{sessions}]", because="their ids are not known; only one's own, by its tag"
        )

    def _allow(self, resource: str, *actions: str, only: Mapping[str, Any] | None = None) -> None:
        self.policy.add_statements(iam.PolicyStatement(actions=[*actions], resources=[resource], conditions=only))

    def _arn(self, service: str, resource: str, name: str, **more: Any) -> str:
        return cdk.Stack.of(self).format_arn(service=service, resource=resource, resource_name=name, **more)
