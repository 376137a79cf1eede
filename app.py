"""The CDK app: `cdk ls` shows its stacks, `cdk deploy 'local/*'` deploys an environment."""

import aws_cdk as cdk

from stacks.deployment import Deployment
from stacks.environment import ENVIRONMENTS

app = cdk.App()
for environment in ENVIRONMENTS.values():
    Deployment(app, environment=environment)
app.synth()
