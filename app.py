"""The CDK app: `cdk ls` shows its stacks, `cdk deploy 'dev/*'` deploys an environment.

`-c environments=local` (names, separated by commas) synthesises only these, which is faster.
"""

import sys

import aws_cdk as cdk

from stacks.config.environments import ENVIRONMENTS
from stacks.deployment import Deployment

app = cdk.App()
names = app.node.try_get_context("environments")
for name in names.split(",") if names else ENVIRONMENTS:
    if name not in ENVIRONMENTS:
        sys.exit(f"Error: no environment {name!r}: there are {', '.join(ENVIRONMENTS)}")
    try:
        ENVIRONMENTS[name].check_interpreter()
    except ValueError as error:
        sys.exit(f"Error: {error}")
    Deployment(app, environment=ENVIRONMENTS[name])
app.synth()
