"""The CDK app: `cdk ls` shows its stacks, `cdk deploy 'dev/*'` deploys an environment.

`-c environments=local` (names, with commas between) leaves out the others and the time they take.
"""

import sys

import aws_cdk as cdk

from stacks.config.environments import ENVIRONMENTS
from stacks.deployment import Deployment

app = cdk.App()
names = app.node.try_get_context("environments")
try:
    for name in names.split(",") if names else ENVIRONMENTS:
        Deployment(app, environment=ENVIRONMENTS[name])
except KeyError as error:
    sys.exit(f"Error: no environment {error}: there are {', '.join(ENVIRONMENTS)}")
except ValueError as error:
    sys.exit(f"Error: {error}")
app.synth()
