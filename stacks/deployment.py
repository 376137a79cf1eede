"""One environment: the data stack, and the service stack that can be made again from the source."""

import aws_cdk as cdk
from constructs import Construct

from stacks.config.environment import Environment
from stacks.data.stack import DataStack
from stacks.service.stack import ServiceStack


class Deployment(cdk.Stage):
    """The stacks of one environment; `cdk deploy 'NAME/*'` deploys them in order."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            environment.name,
            env=cdk.Environment(account=environment.account, region=environment.region),
        )
        data = DataStack(self, "data", environment=environment)
        service = ServiceStack(self, "service", environment=environment)
        # Values go from one to the other as SSM parameters, so CDK does not know this order.
        service.add_stack_dependency(data, "reads its parameters")
