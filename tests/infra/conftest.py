"""Every environment, synthesised once for all tests and checked with cdk-nag's rules."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from stacks.config.environment import Environment
from stacks.config.environments import ENVIRONMENTS
from stacks.deployment import Deployment
from tests.infra.template import Template

PROJECT = Path(__file__).parents[2]
FLAGS: dict[str, Any] = json.loads((PROJECT / "cdk.json").read_text())["context"]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthesise every environment once."""
    return synthesise(tmp_path_factory.mktemp("cdk.out"))


def synthesise(folder: Path) -> Path:
    """Synthesise into a folder as `cdk synth` does, with the feature flags of cdk.json."""
    # test_rules.py reads what the rules found; here they stop no synth.
    app = cdk.App(context=FLAGS | {"@aws-cdk/core:failSynthOnValidationErrors": False}, outdir=str(folder))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for environment in ENVIRONMENTS.values():
        Deployment(app, environment=environment)
    app.synth()
    return folder


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> Environment:
    """Return each environment in turn."""
    return ENVIRONMENTS[request.param]


@pytest.fixture
def data(assembly: Path, environment: Environment) -> Template:
    """Read the template of the environment's data stack."""
    return read(assembly, environment.name, "data")


@pytest.fixture
def service(assembly: Path, environment: Environment) -> Template:
    """Read the template of the environment's service stack."""
    return read(assembly, environment.name, "service")


def read(assembly: Path, environment: str, stack: str) -> Template:
    """Read a stack's template."""
    (path,) = assembly.glob(f"assembly-{environment}/{environment}{stack}*.template.json")
    return Template(json.loads(path.read_text()))
