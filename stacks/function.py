"""What each function of the Chalice app gets beyond its code: a role, a log group, its settings."""

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sam as sam
from constructs import Construct

from stacks.environment import Environment
from stacks.lifetime import log_retention, removal_policy


class Function(Construct):
    """One function with a role that may write its own log and nothing else, until a grant says more."""

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
        log = logs.LogGroup(
            self, "Log", retention=log_retention(environment), removal_policy=removal_policy(environment)
        )
        log.grant_write(self.role)
        resource.role = self.role.role_arn
        resource.timeout = timeout
        resource.memory_size = memory
        resource.environment = sam.CfnFunction.FunctionEnvironmentProperty(
            variables={
                "ENVIRONMENT": environment.name,
                "LOG_LEVEL": environment.log_level,
                "POWERTOOLS_METRICS_NAMESPACE": "InteractionTracker",
                "POWERTOOLS_SERVICE_NAME": "interaction-tracker",
                **variables,
            }
        )
        resource.add_property_override("LoggingConfig.LogGroup", log.log_group_name)
        # With its rights in place before it first runs.
        resource.node.add_dependency(self.role)

    @property
    def reference(self) -> lambda_.IFunction:
        """The function for constructs that take one; its rights are `role`'s."""
        arn = self.resource.get_att("Arn").to_string()
        return lambda_.Function.from_function_attributes(self, "Reference", function_arn=arn, same_environment=True)
