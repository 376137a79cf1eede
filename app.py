"""The CDK app: `cdk ls` shows its stacks, `cdk deploy 'local/*'` deploys an environment."""

import aws_cdk as cdk

from stacks.deployment import Deployment
from stacks.environment import LOCAL

app = cdk.App()
Deployment(app, environment=LOCAL)
app.synth()
