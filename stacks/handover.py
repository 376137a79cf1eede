"""What the data stack hands to the service stack, by way of SSM parameters.

CloudFormation forbids to change or remove an export while another stack uses it, so each stack could block the other's
deploy. A parameter can change at any time; the service stack reads it again at each of its deploys.
"""

from dataclasses import asdict, dataclass, fields
from typing import Self

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.environment import Environment


@dataclass(frozen=True, kw_only=True)
class Handover:
    """The values, each of them a parameter `/interaction-tracker/ENVIRONMENT/FIELD`."""

    user_pool_arn: str
    user_pool_id: str
    user_pool_client_id: str
    queue_arn: str
    queue_url: str
    dead_letter_queue_arn: str
    dead_letter_queue_url: str

    def publish(self, scope: Construct, *, environment: Environment) -> None:
        """Write the values, in the stack that makes them."""
        parameters = Construct(scope, "Handover")
        for field, value in asdict(self).items():
            ssm.StringParameter(parameters, field, parameter_name=_name(environment, field), string_value=value)

    @classmethod
    def read(cls, scope: Construct, *, environment: Environment) -> Self:
        """Stand-ins that CloudFormation fills when it deploys the stack of `scope`."""
        names = {field.name: _name(environment, field.name) for field in fields(cls)}
        return cls(
            **{field: ssm.StringParameter.value_for_string_parameter(scope, name) for field, name in names.items()}
        )


def _name(environment: Environment, field: str) -> str:
    return f"/interaction-tracker/{environment.name}/{field.replace('_', '-')}"
