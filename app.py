"""The CDK app: `cdk ls` shows its stacks, `cdk deploy 'dev/*'` deploys an environment.

`-c environments=local` (names, separated by commas) synthesises only these, which is faster.
"""

import sys

import aws_cdk as cdk

from stacks.config.environments import ENVIRONMENTS
from stacks.deployment import Deployment

app = cdk.App()
names = app.node.try_get_context("environments")
chosen = names.split(",") if names else list(ENVIRONMENTS)
if unknown := [name for name in chosen if name not in ENVIRONMENTS]:
    sys.exit(f"Error: no environment {unknown[0]!r}: there are {', '.join(ENVIRONMENTS)}")
for name in chosen:
    Deployment(app, environment=ENVIRONMENTS[name])
app.synth()
