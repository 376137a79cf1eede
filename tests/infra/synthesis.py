"""The data stack of any environment, each synthesised once."""

import functools
import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from stacks.config.environment import Environment
from stacks.config.environments import DEV, PROD, STAGING
from stacks.data.stack import DataStack
from tests.infra.template import Template

ON_AWS = (DEV, STAGING, PROD)
_CDK = json.loads(Path(__file__).parents[2].joinpath("cdk.json").read_text())


@functools.cache
def data_stack(environment: Environment) -> Template:
    """Synthesise the environment's data stack only, with the feature flags of cdk.json."""
    app = cdk.App(context=_CDK["context"] | {"@aws-cdk/core:validateAgainstDefaultRules": False})
    where = cdk.Environment(account=environment.account, region=environment.region)
    stage = cdk.Stage(app, environment.name, env=where)
    DataStack(stage, "data", environment=environment)
    assembly = stage.synth()
    manifest = json.loads((Path(assembly.directory) / "manifest.json").read_text())
    assert "missing" not in manifest, "the CDK command would ask AWS"
    (stack,) = assembly.stacks
    body: dict[str, Any] = stack.template
    return Template(body)
